//! What a browser sees that is not in: the page that takes a link's key, and the one that says how to get a link.
//!
//! Neither holds anything of the user's, or of what a stranger wrote.

use maud::{DOCTYPE, Markup, html};

use crate::assets::{asset, asset_path};

/// The page that a link opens: its script takes the key out of the address and shows it to the hub.
pub fn enter() -> String {
    let inside = html! {
        p #said role="status" { "Opening Drovers…" }
        noscript { p { "Drovers needs scripts in this browser." } }
        script type="module" src=(asset_path(asset::ENTER)) {}
    };
    around(&inside).into_string()
}

/// The page for a browser that shows no key, or one that is good no more.
pub fn locked() -> String {
    let inside = html! {
        p { "Drovers does not know this browser." }
        p { "In a terminal on the machine that it runs on, run " code { "drovers link" } " and open the address that it prints. "
            "It is good once, for ten minutes; this browser then stays known." }
        // What another site links to is asked for without the cookie; what this page links to is not.
        p { "If it is known already and you came from another site: " a href="" { "open this page again" } "." }
    };
    around(&inside).into_string()
}

fn around(inside: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
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
        assert!(locked().contains("drovers link") && !locked().contains("<script"));
        let page = enter();
        assert_eq!(page.matches("<script").count(), 1);
        assert!(page.contains(asset_path(asset::ENTER)));
    }
}
