//! Shows a page to the person in front of this machine, if there is one.

use std::process::Stdio;

use tokio::process::Command;

use crate::out;

#[cfg(target_os = "macos")]
const OPENER: &str = "open";
#[cfg(not(target_os = "macos"))]
const OPENER: &str = "xdg-open";

/// Opens a page. Never fails: the address is on the terminal as well.
pub(crate) fn show(url: &str) {
    if !has_person() {
        return;
    }
    let opened = Command::new(OPENER)
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

/// A terminal and a display: nothing is opened behind a script, a service or a remote shell.
fn has_person() -> bool {
    let set = |name| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    out::is_terminal() && (cfg!(target_os = "macos") || set("DISPLAY") || set("WAYLAND_DISPLAY"))
}
