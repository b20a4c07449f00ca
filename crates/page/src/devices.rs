//! Who may come in, as a dialog; the dialog with the code that lets another device in; and that of passkeys.

mod passkeys;

use maud::{Markup, html};

use crate::language::{key, m, t};
use crate::words::encode;
pub use passkeys::{PasskeyPlace, PasskeyRow, passkeys_dialog};

/// A browser or a script that may come in.
#[derive(Clone, Debug)]
pub struct DeviceRow {
    /// Its name for people.
    pub name: String,
    /// The address of the API that revokes it.
    pub url: String,
    /// Names of its roles.
    pub roles: Vec<&'static str>,
    /// Days, as `2026-11-30`: when it came, when it was used last, and when it ends.
    pub made: String,
    /// `None` if it was never used.
    pub used: Option<String>,
    /// `None` if it does not end by itself.
    pub expires: Option<String>,
    /// True for the browser that asks.
    pub is_this: bool,
}

/// How other devices reach the hub.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// Addresses, the best first; none if the hub listens on its own machine alone.
    pub urls: Vec<String>,
    /// SHA-256 of a certificate that no device knows yet.
    pub fingerprint: Option<String>,
}

/// What a role lets a device do, in words.
fn role(name: &str) -> &'static str {
    t(match name {
        "admin" => key("Everything"),
        "answer" => key("Watch and answer requests"),
        "drive" => key("Watch and send prompts"),
        "answer,drive" => key("Watch, answer requests and send prompts"),
        _ => key("Watch"),
    })
}

/// The same for all roles of a device.
fn roles(names: &[&str]) -> String {
    let roles = match names {
        ["answer", "drive"] => vec![role("answer,drive")],
        _ => names.iter().map(|name| role(name)).collect(),
    };
    roles.join(t(", "))
}

/// The dialog with every device. The page fetches it when it is opened.
pub fn devices_dialog(devices: &[DeviceRow]) -> String {
    html! {
        dialog #devices aria-labelledby="devices-title" {
            h2 #devices-title { (t("Devices")) }
            p.quiet { (t("Browsers and scripts that may come in. Whoever is revoked is out at once.")) }
            ul.devices { @for device in devices { (row(device)) } }
            p.problem role="alert" hidden {}
            div.row {
                button.main type="button" data-act="pair" { (t("Add a device")) }
                form method="dialog" { button { (t("Close")) } }
            }
        }
    }
    .into_string()
}

fn row(device: &DeviceRow) -> Markup {
    html! {
        li {
            div {
                strong dir="auto" { bdi { (device.name) } }
                @if device.is_this { " " span.quiet { (t("this browser")) } }
                p.quiet {
                    (roles(&device.roles)) " · "
                    (m!("since {day}", day = html! { (device.made) })) " · "
                    @match &device.used {
                        Some(day) => (m!("last used {day}", day = html! { (day) })),
                        None => (t("never used")),
                    }
                    @if let Some(day) = &device.expires { " · " (m!("until {day}", day = html! { (day) })) }
                }
            }
            button type="button" data-act="revoke" data-url=(device.url) aria-label=(t!("Revoke {name}", name = device.name)) { (t("Revoke")) }
        }
    }
}

/// The dialog that lets another device in, with these roles. The page fetches it when it is opened, and draws the code.
pub fn pair_dialog(roles: &[&str], reach: &Reach) -> String {
    html! {
        dialog #pair aria-labelledby="pair-title" {
            h2 #pair-title { (t("Open on another device")) }
            @if reach.urls.is_empty() { (only_here()) } @else { (code(roles, reach)) }
            p.problem role="alert" hidden {}
            form method="dialog" { div.row { button { (t("Close")) } } }
        }
    }
    .into_string()
}

fn only_here() -> Markup {
    html! {
        p { (t("Drovers listens on its own machine only, so that no other device can reach it. End Drovers, and start it in one of these ways:")) }
        p { (t("In your own network:")) }
        pre { code { "drovers up --listen 0.0.0.0:7878" } }
        p { (t("With Tailscale, from everywhere:")) }
        pre { code { "drovers remote" } }
    }
}

fn code(roles: &[&str], reach: &Reach) -> Markup {
    html! {
        p.quiet { (t("Scan the code with the camera of the device. It works once, within five minutes.")) }
        svg #pair-code role="img" aria-label=(t("QR code of the link")) { path {} }
        form autocomplete="off" {
            label { (t("Link")) input #pair-link type="text" readonly dir="ltr"; }
            label { (t("It may"))
                select name="roles" { @for name in roles { option value=(name) { (role(name)) } } }
            }
            @if reach.urls.len() > 1 {
                label { (t("Address"))
                    select name="at" { @for url in &reach.urls { option value=(url) { (url) } } }
                }
            }
        }
        @if let Some(fingerprint) = &reach.fingerprint {
            p.quiet { (t("The device warns of an unknown certificate, once. This is the right one (SHA-256):")) }
            pre { code { (fingerprint) } }
        }
    }
}

/// The address of the API for a page or a token of this name.
pub fn credential_url(kind: &str, name: &str) -> String {
    format!("/api/{kind}/{}", encode(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dialog_says_what_other_devices_need() {
        let closed = pair_dialog(&["admin"], &Reach::default());
        assert!(closed.contains("--listen 0.0.0.0:7878") && !closed.contains("<svg"));
        let reach = Reach {
            urls: vec!["https://10.0.0.7:7878".to_owned()],
            fingerprint: Some("AB:CD".to_owned()),
        };
        let open = pair_dialog(&["admin", "watch"], &reach);
        assert!(open.contains("<svg") && open.contains("AB:CD") && !open.contains("name=\"at\""));
        assert!(!open.contains("style=") && !open.contains("<script"));
    }

    #[test]
    fn names_of_devices_are_no_markup() {
        let device = DeviceRow {
            name: "<b>x</b>".to_owned(),
            url: credential_url("tokens", "a/b"),
            roles: vec!["answer", "drive"],
            made: "2026-11-30".to_owned(),
            used: None,
            expires: Some("2026-12-30".to_owned()),
            is_this: true,
        };
        let shown = devices_dialog(&[device]);
        assert!(
            !shown.contains("<b>") && shown.contains("/api/tokens/a%2Fb"),
            "{shown}"
        );
    }
}
