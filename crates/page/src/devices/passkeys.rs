//! The dialog of passkeys: those that there are, and a new one.

use maud::{Markup, html};

use super::roles;
use crate::language::{m, t};

/// A passkey.
#[derive(Clone, Debug)]
pub struct PasskeyRow {
    /// Its name for people.
    pub name: String,
    /// The address of the API that renames and revokes it.
    pub url: String,
    /// Name of the site that it is bound to.
    pub site: String,
    /// Names of the roles that it gives.
    pub roles: Vec<&'static str>,
    /// Days, as `2026-11-30`: when it was registered, and when somebody came in by it last.
    pub made: String,
    /// `None` if nobody did.
    pub used: Option<String>,
    /// True if the browser that asks came in by it.
    pub is_this: bool,
}

/// Whether browsers take passkeys at the address of the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum PasskeyPlace {
    /// They do.
    Here,
    /// They do at this address of the same hub.
    Localhost(String),
    /// They do by a name of the hub.
    Name,
    /// There is no login at all.
    Nowhere,
}

/// The dialog with the passkeys that the browser may change. The page fetches it when it is opened.
pub fn passkeys_dialog(passkeys: &[PasskeyRow], place: &PasskeyPlace) -> String {
    html! {
        dialog #passkeys aria-labelledby="passkeys-title" {
            h2 #passkeys-title { (t("Passkeys")) }
            p.quiet { (t("A passkey logs a browser in by the lock of its device: a fingerprint, a face or a PIN. It may do what the browser may that registers it. Whoever came in by a passkey is out at once when it is revoked.")) }
            ul.devices { @for passkey in passkeys { (row(passkey)) } }
            @match place {
                PasskeyPlace::Here => (new()),
                PasskeyPlace::Localhost(url) => p { (m!("Browsers have passkeys for names only, and this address is a number. Open Drovers at {address}, and log in there, to register one.", address = html! { a href=(url) { (url) } })) },
                PasskeyPlace::Name => p { (m!("Browsers have passkeys for names only, and this address is a number. Start Drovers with {option} and a name that leads to it, and open it by that name to register one.", option = html! { code { "--name" } })) },
                PasskeyPlace::Nowhere => p { (t("This hub lets everybody in, so that it has no passkeys.")) },
            }
            p.problem role="alert" hidden {}
            form method="dialog" { div.row { button { (t("Close")) } } }
        }
    }
    .into_string()
}

fn new() -> Markup {
    html! {
        form data-do="register" autocomplete="off" {
            label { (t("Name of this device")) input type="text" name="name" maxlength="64" required spellcheck="false"; }
            button.main type="submit" { (t("Register a passkey")) }
        }
    }
}

fn row(passkey: &PasskeyRow) -> Markup {
    html! {
        li data-url=(passkey.url) {
            div {
                strong dir="auto" { bdi { (passkey.name) } }
                @if passkey.is_this { " " span.quiet { (t("this browser")) } }
                p.quiet {
                    bdi { (passkey.site) } " · " (roles(&passkey.roles)) " · "
                    (m!("since {day}", day = html! { (passkey.made) })) " · "
                    @match &passkey.used {
                        Some(day) => (m!("last used {day}", day = html! { (day) })),
                        None => (t("never used")),
                    }
                }
                form data-do="rename" autocomplete="off" hidden {
                    input type="text" name="name" value=(passkey.name) maxlength="64" required spellcheck="false" aria-label=(t("New name"));
                    " " button type="submit" { (t("Save")) }
                }
            }
            button type="button" data-act="rename" aria-label=(t!("Rename {name}", name = passkey.name)) { (t("Rename")) }
            button type="button" data-act="revoke" data-url=(passkey.url) aria-label=(t!("Revoke {name}", name = passkey.name)) { (t("Revoke")) }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_no_markup_and_an_address_says_why_there_is_no_form() {
        let row = PasskeyRow {
            name: "<b>x</b>".to_owned(),
            url: "/api/passkeys/00".to_owned(),
            site: "hub.example.org".to_owned(),
            roles: vec!["admin"],
            made: "2026-11-30".to_owned(),
            used: None,
            is_this: true,
        };
        let shown = passkeys_dialog(&[row], &PasskeyPlace::Here);
        assert!(!shown.contains("<b>") && shown.contains("data-do=\"register\""));
        assert!(!shown.contains("style=") && !shown.contains("<script"));
        let url = "http://localhost:7878".to_owned();
        let shown = passkeys_dialog(&[], &PasskeyPlace::Localhost(url));
        assert!(shown.contains("href=\"http://localhost:7878\""), "{shown}");
        assert!(!shown.contains("data-do=\"register\""), "{shown}");
        assert!(passkeys_dialog(&[], &PasskeyPlace::Name).contains("--name"));
    }
}
