//! The process that takes the place of a hub: the same program with the same arguments, under the same process id.
//!
//! Started by `exec`, so that a terminal, a service manager and whatever else knows the process still have the hub. The program is the
//! file that is at the path of this one by then: an update takes effect.

use std::net::SocketAddr;
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::Command;
use std::sync::OnceLock;

use hub::access::Listen;
use url::Url;

use crate::fault::Fault;

/// The variable by which a hub tells the next one where it listened.
pub(crate) const RESTARTED: &str = "DROVERS_RESTARTED";

/// The path of this program when it started. Later the system may only say that the file was deleted.
static PROGRAM: OnceLock<Option<PathBuf>> = OnceLock::new();

/// Remembers where this program is. To be called early.
pub(crate) fn remember_program() {
    PROGRAM.get_or_init(|| std::env::current_exe().ok());
}

/// How a hub ended.
#[derive(Debug)]
pub(crate) enum Ended {
    /// For good.
    Over,
    /// The next one is to be started.
    Replaced(Successor),
}

/// The hub that takes the place of this one.
#[derive(Debug)]
pub(crate) struct Successor {
    url: Url,
}

impl Successor {
    /// The successor of the hub that listened at this address for programs of this machine.
    pub(super) fn of(url: Url) -> Self {
        Self { url }
    }

    /// Becomes it. Returns only on failure.
    ///
    /// # Errors
    /// The program cannot be run.
    pub(crate) fn run(self) -> Result<(), Fault> {
        let program = PROGRAM.get().cloned().flatten().ok_or_else(|| {
            Fault::cannot_start("the path of this program is not known. Start `drovers` again")
        })?;
        let mut command = Command::new(&program);
        command.args(std::env::args_os().skip(1));
        let host = self.url.host_str().unwrap_or_default();
        let port = self.url.port().unwrap_or_default();
        command.env(RESTARTED, format!("{host}:{port}"));
        let error = command.exec();
        Err(Fault::cannot_start(format!(
            "{} cannot be run: {error}. Install Drovers again, then start it with `drovers`, which takes the servers in folders over",
            program.display()
        )))
    }
}

/// Where the hub before this one listened, if this one takes its place. Only loopback: other addresses are in the options.
pub(crate) fn restarted_at() -> Option<Listen> {
    let address: SocketAddr = std::env::var(RESTARTED).ok()?.parse().ok()?;
    let is_usable = address.ip().is_loopback() && address.port() != 0;
    is_usable.then(|| address.to_string().parse().ok())?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_program_that_is_gone_is_a_failure_with_a_next_step() {
        remember_program();
        assert!(PROGRAM.get().is_some_and(Option::is_some));
        let listen: Result<Listen, _> = "127.0.0.1:7878".parse();
        assert!(listen.is_ok_and(|listen| listen.is_loopback()));
    }
}
