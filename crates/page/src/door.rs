//! Pages that anybody may see: one redeems the key of a link, one explains how to get a link, and one says that the hub is away.
//!
//! Neither holds anything of the user's, or of what a stranger wrote.

use maud::{DOCTYPE, Markup, html};

use crate::assets::{asset, asset_path, named};
use crate::language::{current, m, t};

/// How a browser that is not known can come in, beside a link.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ways {
    /// True if a password is set.
    pub password: bool,
    /// True if there is a passkey of this site.
    pub passkey: bool,
}

/// The page that a link opens: its script takes the key out of the address and shows it to the hub.
pub fn enter() -> String {
    let inside = html! {
        p #said role="status" data-failed=(t("Drovers does not answer. Start it with `drovers` and open the link it prints.")) { (t("Opening Drovers…")) }
        noscript { p { (t("Drovers requires JavaScript.")) } }
        script type="module" src=(asset_path(asset::ENTER)) {}
    };
    around(&inside).into_string()
}

/// The page for a browser that shows no key, or one that is good no more; with a button where the hub has a passkey, and a form
/// where it has a password.
pub fn locked(ways: Ways) -> String {
    let inside = html! {
        @if ways.passkey { (passkey()) }
        @if ways.password { (password(!ways.passkey)) }
        p { (t("Drovers does not recognize this browser.")) }
        p { (m!("In a terminal on the machine where Drovers runs, run {command} and open the address it prints. The address works once, within ten minutes. Drovers then remembers this browser.",
            command = html! { code { "drovers link" } })) }
        // What another site links to is asked for without the cookie; what this page links to is not.
        p { (m!("If this browser is already known and you followed a link from another site, {again}.", again = html! { a href="" { (t("open this page again")) } })) }
    };
    around(&inside).into_string()
}

fn passkey() -> Markup {
    html! {
        div.passkey {
            button #passkey.main type="button" disabled { (t("Log in with a passkey")) }
            p #passkey-said role="alert" data-failed=(t("Drovers does not answer. Try again.")) data-cancelled=(t("No passkey was used. Try again, or come in another way."))
                data-missing=(t("This browser has no passkeys here. Come in another way.")) {}
        }
        script type="module" src=(named("passkey")) {}
    }
}

fn password(is_first: bool) -> Markup {
    html! {
        form #login {
            // Password managers look for a name.
            input type="text" name="username" value="drovers" autocomplete="username" hidden;
            label { (t("Password")) input type="password" name="password" autocomplete="current-password" maxlength="256" required autofocus[is_first]; }
            button.main[is_first] type="submit" { (t("Log in")) }
            p #said role="alert" data-failed=(t("Drovers does not answer. Try again.")) {}
        }
        script type="module" src=(asset_path(asset::ENTER)) {}
    }
}

/// The page that the service worker shows while the hub is away; it tries again by itself.
pub fn offline() -> String {
    let inside = html! {
        p role="status" { (t("Drovers cannot be reached. This page tries again by itself and opens as soon as it is there.")) }
        p { (t("Is the machine of Drovers on, and is this device in its network?")) }
        p #waiting hidden { (t("What you wrote and is not sent yet is stored in this browser. It is sent once Drovers is there.")) }
        script type="module" src=(named("offline")) {}
    };
    around(&inside).into_string()
}

fn around(inside: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang=(current().tag()) dir=(current().direction()) {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                meta name="color-scheme" content="dark light";
                meta name="referrer" content="no-referrer";
                title { "Drovers" }
                link rel="icon" type="image/svg+xml" href=(asset_path(asset::ICON));
                link rel="stylesheet" href=(asset_path(asset::STYLE));
            }
            body.door {
                main { h1 { "Drovers" } (inside) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_stranger_sees_says_how_to_get_in_and_has_no_inline_script() {
        let page = locked(Ways::default());
        assert!(
            page.contains("drovers link") && !page.contains("<script") && !page.contains("<form")
        );
        let [password, passkey] = [(true, false), (false, true)]
            .map(|(password, passkey)| locked(Ways { password, passkey }));
        for page in [enter(), password.clone()] {
            assert_eq!(page.matches("<script").count(), 1);
            assert!(page.contains(asset_path(asset::ENTER)));
        }
        assert!(password.contains("current-password") && !password.contains("id=\"passkey\""));
        assert_eq!(passkey.matches("<script").count(), 1);
        assert!(passkey.contains("/assets/passkey-") && !passkey.contains("<form"));
        let page = offline();
        assert_eq!(page.matches("<script").count(), 1);
        assert!(page.contains("/assets/offline-"), "{page}");
    }
}
