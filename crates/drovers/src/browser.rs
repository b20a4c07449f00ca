//! Shows a page to the person in front of this machine, if there is one.

use std::process::Stdio;

use hub::workspace::own_variables;
use tokio::process::Command;

use crate::out;

/// The program that opens an address.
#[cfg(target_os = "macos")]
pub(crate) const OPENER: &str = "open";
/// The program that opens an address.
#[cfg(not(target_os = "macos"))]
pub(crate) const OPENER: &str = "xdg-open";

/// Opens a page. Never fails: an address is on the terminal as well.
pub(crate) fn show(url: &str) {
    let mut opener = Command::new(OPENER);
    for name in own_variables() {
        opener.env_remove(name);
    }
    let opened = opener
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    match opened {
        // The runtime reaps it once it has ended.
        Ok(_browser) => {}
        Err(error) => tracing::info!(%error, "no browser could be opened"),
    }
}

/// True if a person can see a page, with a terminal and a display: nothing is opened for a script, a service or a remote shell.
pub(crate) fn has_person() -> bool {
    out::is_terminal() && has_display()
}

/// True if there is a display.
pub(crate) fn has_display() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    cfg!(target_os = "macos") || set("DISPLAY") || set("WAYLAND_DISPLAY")
}
