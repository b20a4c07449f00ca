//! An OpenCode server of our own: started in a folder under a guard, known to be ready by what it prints, ended whole.
//!
//! There is no fixed wait in it, and no HTTP: whether the server answers is for ingest to see. It never restarts a
//! server by itself.

mod running;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::PathBuf;
use std::process::Stdio;
use std::time::Duration;

use rand::Rng;
use rand::distr::Alphanumeric;
use tokio::process::Command;
use url::Url;

use super::{BinaryError, Folder, FolderError, binary, guard, limits};
use crate::secret::Secret;

pub use running::{Exit, Running};

/// The user name of every server we start. Set, for the user's own environment may name another.
pub const USERNAME: &str = "opencode";

/// What OpenCode prints before its address (1.18).
const LISTENING: &str = "opencode server listening on ";

/// What OpenCode 2 prints before its address.
const LISTENING_V2: &str = "server listening on ";

/// What the names of all variables begin with that are for this program.
const OWN: &str = "DROVERS_";

const PASSWORD_LENGTH: usize = 32;

/// How to start the guard: a program and its first arguments; `-- PROGRAM ARG…` is appended.
///
/// The program must call [`guard::run`] then.
#[derive(Debug, Clone)]
pub struct GuardCommand {
    program: PathBuf,
    args: Vec<OsString>,
}

impl GuardCommand {
    /// The guard is `program` with `args`.
    pub fn new(
        program: impl Into<PathBuf>,
        args: impl IntoIterator<Item = impl Into<OsString>>,
    ) -> Self {
        Self {
            program: program.into(),
            args: args.into_iter().map(Into::into).collect(),
        }
    }

    /// The guard is `subcommand` of the program that runs now, also if its file is replaced meanwhile.
    ///
    /// # Errors
    /// The system does not tell where this program is.
    pub fn this_program(subcommand: impl AsRef<OsStr>) -> io::Result<Self> {
        Ok(Self::new(guard::this_program()?, [subcommand.as_ref()]))
    }

    #[cfg(test)]
    pub(super) fn program(&self) -> &std::path::Path {
        &self.program
    }
}

/// Starts servers, all in the same way.
#[derive(Debug, Clone)]
pub struct Launcher {
    guard: GuardCommand,
    opencode: Option<PathBuf>,
    env: Vec<(OsString, OsString)>,
    deadline: Duration,
}

/// Why there is no server. Every message names the next step, or shows what the server itself said.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// Nowhere to run it.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// Nothing to run.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// The guard process cannot be started.
    #[error(
        "the guard process cannot be started: {0}. Is the `drovers` program still where it was?"
    )]
    Guard(#[source] io::Error),
    /// The server ended before it was ready.
    #[error("OpenCode {exit} before it listened. {}", said(output))]
    Exited {
        /// How it ended.
        exit: Exit,
        /// The last lines that it printed.
        output: String,
    },
    /// The program is OpenCode 2; the server was ended.
    #[error(
        "{} is OpenCode 2, and Drovers needs version 1 for now. {}",
        program.display(),
        binary::INSTALL_V1
    )]
    OpenCode2 {
        /// The program.
        program: PathBuf,
    },
    /// The server did not print its address in time; it was ended.
    #[error("OpenCode did not listen within {} s and was ended. {}", deadline.as_secs_f32(), said(output))]
    NeverListened {
        /// How long it had.
        deadline: Duration,
        /// The last lines that it printed.
        output: String,
    },
}

fn said(output: &str) -> String {
    if output.is_empty() {
        "It printed nothing: run `opencode serve` in the folder to see more".to_owned()
    } else {
        format!("Its last lines:\n{output}")
    }
}

impl Launcher {
    /// Servers of the program `opencode` (else the one installed, looked for at each start), under `guard`.
    pub fn new(guard: GuardCommand, opencode: Option<PathBuf>) -> Self {
        Self {
            guard,
            opencode,
            env: Vec::new(),
            deadline: limits::START,
        }
    }

    /// Servers get this variable as well as the hub's own environment.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// Servers have this long to listen, instead of 20 s.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Starts a server in `folder` and waits until it listens.
    ///
    /// If the future is dropped, the server is ended, as it is when [`Running`] is dropped.
    ///
    /// # Errors
    /// The folder or the program is missing, the server ended or did not listen in time. No process is left then.
    pub async fn start(&self, folder: &Folder) -> Result<Running, StartError> {
        folder.check()?;
        let opencode = binary::find(self.opencode.as_deref())?;
        let password = password();
        let mut command = Command::new(&self.guard.program);
        command
            .arg0("drovers")
            .args(&self.guard.args)
            .arg("--")
            .arg(&opencode)
            .args(["serve", "--port", "0", "--hostname", "127.0.0.1"])
            .current_dir(folder.as_path());
        for name in own_variables() {
            command.env_remove(name);
        }
        command
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("OPENCODE_SERVER_USERNAME", USERNAME)
            .env("OPENCODE_SERVER_PASSWORD", password.reveal())
            .process_group(0)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().map_err(StartError::Guard)?;
        running::Starting::new(child, password)
            .map_err(StartError::Guard)?
            .ready(self.deadline, opencode)
            .await
    }
}

/// What this program's environment holds for it alone, such as `DROVERS_PASSWORD` and `DROVERS_TOKEN`: nothing that it starts
/// is given any of it.
pub fn own_variables() -> impl Iterator<Item = OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.as_encoded_bytes().starts_with(OWN.as_bytes()))
}

/// What a server tells once it listens.
#[derive(Debug, PartialEq)]
enum Listening {
    /// OpenCode 1, at this address.
    At(Url),
    /// OpenCode 2.
    OpenCode2,
}

/// What a line of the server's stdout tells of where it listens, if it is that line.
fn listening(line: &str) -> Option<Listening> {
    let line = line.trim();
    let url = |after: &str| Url::parse(after.split_whitespace().next()?).ok();
    if let Some(after) = line.strip_prefix(LISTENING) {
        return url(after).map(Listening::At);
    }
    let after = line.strip_prefix(LISTENING_V2)?;
    url(after).map(|_| Listening::OpenCode2)
}

/// A new password, of the system's randomness; letters and digits, about 190 bits.
fn password() -> Secret {
    Secret::new(
        rand::rng()
            .sample_iter(Alphanumeric)
            .take(PASSWORD_LENGTH)
            .map(char::from)
            .collect::<String>(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_one_line_tells_the_address() {
        let url = Url::parse("http://127.0.0.1:4103").ok();
        assert_eq!(
            listening("opencode server listening on http://127.0.0.1:4103"),
            url.map(Listening::At)
        );
        assert_eq!(
            listening("server listening on http://127.0.0.1:4103"),
            Some(Listening::OpenCode2)
        );
        for line in [
            "opencode server listening on somewhere",
            "server listening on somewhere",
            "the opencode server listening on http://127.0.0.1:1",
            "language server listening on http://127.0.0.1:1",
            "Warning: OPENCODE_SERVER_PASSWORD is not set",
            "server password hush",
        ] {
            assert_eq!(listening(line), None, "{line}");
        }
    }

    #[test]
    fn passwords_are_long_and_differ() {
        let (one, other) = (password(), password());
        assert_eq!(one.reveal().len(), PASSWORD_LENGTH);
        assert_ne!(one.reveal(), other.reveal());
        assert!(one.reveal().chars().all(|c| c.is_ascii_alphanumeric()));
    }
}
