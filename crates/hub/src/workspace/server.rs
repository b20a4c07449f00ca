//! An OpenCode server run by the hub: started in a folder under a guard, ready once it prints its address, stopped with
//! all of its processes.
//!
//! No fixed waits, and no HTTP: ingest verifies whether the server answers. Never restarts a server by itself.

mod care;
mod kept;
mod running;

use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use rand::Rng;
use rand::distr::Alphanumeric;
use tokio::process::Command;
use url::Url;

use super::majors::Majors;
use super::{
    BinaryError, Folder, FolderError, LaunchOptions, ServiceError, binary, guard, limits, service,
};
use crate::secret::Secret;

pub use care::Restarts;
pub use kept::{KeptEnd, end_kept, kept_servers};
pub use running::{Exit, Running};

use kept::Place;
use running::Starting;

/// The user name of every server that the hub starts. Set explicitly, because the environment may have another.
pub const USERNAME: &str = "opencode";

/// What OpenCode prints before its address (1.18).
const LISTENING: &str = "opencode server listening on ";

/// What OpenCode 2 prints before its address.
const LISTENING_V2: &str = "server listening on ";

/// Prefix of all environment variables of this program.
pub(super) const OWN: &str = "DROVERS_";

const PASSWORD_LENGTH: usize = 32;

/// The command of the guard: a program and its first arguments; `-- PROGRAM ARG…` is appended.
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

    /// The guard is `subcommand` of the running program, even if its file is replaced in the meantime.
    ///
    /// # Errors The system does not report the path of the program.
    pub fn this_program(subcommand: impl AsRef<OsStr>) -> io::Result<Self> {
        Ok(Self::new(guard::this_program()?, [subcommand.as_ref()]))
    }

    #[cfg(test)]
    pub(super) fn program(&self) -> &std::path::Path {
        &self.program
    }
}

/// Starts servers with one configuration.
#[derive(Clone)]
pub struct Launcher {
    guard: GuardCommand,
    opencode: Option<PathBuf>,
    env: Vec<(OsString, OsString)>,
    /// Arguments after `opencode serve`.
    args: Vec<String>,
    deadline: Duration,
    /// The folder of servers that outlive the hub.
    kept: Option<PathBuf>,
    /// True if servers outlive the hub.
    keeps: bool,
    /// Which program is OpenCode 2.
    majors: Majors,
}

impl std::fmt::Debug for Launcher {
    /// Without the values of variables, which may be secrets.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.env.iter().map(|(name, _)| name).collect();
        f.debug_struct("Launcher")
            .field("opencode", &self.opencode)
            .field("env", &names)
            .field("keeps", &self.keeps)
            .finish_non_exhaustive()
    }
}

/// The reason why a server could not be started. Every message names the next step, or contains the server's output.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The folder cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The program was not found.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// The guard process cannot be started.
    #[error(
        "the guard process cannot be started: {0}. Is the `drovers` program still where it was?"
    )]
    Guard(#[source] io::Error),
    /// The server ended before it was ready.
    #[error("OpenCode {exit} before it listened. {}", output_line(output))]
    Exited {
        /// The exit of the process.
        exit: Exit,
        /// The last lines that it printed.
        output: String,
    },
    /// The program is OpenCode 2; the server was stopped.
    #[error(
        "{} is OpenCode 2, whose background service works in all folders: add it by `drovers up --service`, or in *Add an instance*, and remove \
         this instance. Or let OpenCode 1 work in this folder. {}",
        program.display(),
        binary::INSTALL_V1
    )]
    OpenCode2 {
        /// Path of the program.
        program: PathBuf,
    },
    /// The server did not print its address in time; it was stopped.
    #[error("OpenCode did not listen within {} s and was ended. {}", deadline.as_secs_f32(), output_line(output))]
    NeverListened {
        /// The deadline.
        deadline: Duration,
        /// The last lines that it printed.
        output: String,
    },
}

fn output_line(output: &str) -> String {
    if output.is_empty() {
        "It printed nothing: run `opencode serve` in the folder to see more".to_owned()
    } else {
        format!("Its last lines:\n{output}")
    }
}

impl Launcher {
    /// A launcher of the program `opencode` (else the installed one, looked up at each start), under `guard`.
    pub fn new(guard: GuardCommand, opencode: Option<PathBuf>) -> Self {
        Self {
            guard,
            opencode,
            env: Vec::new(),
            args: Vec::new(),
            deadline: limits::START,
            kept: None,
            keeps: false,
            majors: Majors::default(),
        }
    }

    /// Adds an environment variable for servers, besides the hub's own environment.
    #[must_use]
    pub fn with_env(mut self, name: impl Into<OsString>, value: impl Into<OsString>) -> Self {
        self.env.push((name.into(), value.into()));
        self
    }

    /// The same launcher for the server of a folder with options of its own.
    #[must_use]
    pub fn for_options(&self, options: &LaunchOptions) -> Self {
        let mut launcher = self.clone();
        for (name, value) in &options.env {
            launcher = launcher.with_env(name, value.reveal());
        }
        launcher.args.extend(options.args.iter().cloned());
        if let Some(program) = &options.opencode {
            launcher.opencode = Some(program.clone());
        }
        launcher
    }

    /// Sets the deadline for servers to listen, instead of 20 s.
    #[must_use]
    pub fn with_deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Starts servers so that the next hub can adopt them, and looks in `dir` for those of an earlier hub. With `keeps` the servers of
    /// this hub outlive it however it ends; otherwise only a restart.
    #[must_use]
    pub fn with_kept(mut self, dir: &Path, keeps: bool) -> Self {
        self.kept = Some(dir.to_owned());
        self.keeps = keeps;
        self
    }

    /// True if servers outlive the hub.
    pub fn keeps(&self) -> bool {
        self.keeps
    }

    /// Number of servers that run and that the next hub can adopt. Blocks on the disk.
    pub fn kept_servers(&self) -> usize {
        self.kept.as_deref().map_or(0, kept_servers)
    }

    /// The server `key` of an earlier hub if it still runs, else a new one in `folder`; waits until it listens.
    ///
    /// A server that outlives the hub is stopped by [`Running::stop`] alone, any other also if the returned [`Running`] is dropped
    /// without [`Running::stay`].
    ///
    /// # Errors As [`Self::start`].
    pub async fn adopt_or_start(&self, folder: &Folder, key: &str) -> Result<Running, StartError> {
        let place = self.kept.as_deref().and_then(|dir| Place::new(dir, key));
        let Some(place) = place else {
            return self.start(folder).await;
        };
        if let Some(adopted) = place.clone().connect(self.keeps).await {
            let ready = Starting::kept(adopted).ready(self.deadline, PathBuf::from("opencode"));
            if let Ok(running) = ready.await {
                return Ok(running);
            }
        }
        place.clear();
        self.start_kept(folder, place).await
    }

    /// Starts the background service of this user, if the program is OpenCode 2.
    ///
    /// # Errors
    /// The program is missing or another version, or it reports an error.
    pub async fn start_service(&self) -> Result<(), ServiceError> {
        let program = binary::find(self.opencode.as_deref())?;
        service::start(&program).await
    }

    /// True if the program is OpenCode 2, whose background service works in all folders.
    pub async fn is_second(&self) -> bool {
        match binary::find(self.opencode.as_deref()) {
            Ok(program) => self.majors.is_second(program).await,
            Err(_) => false,
        }
    }

    async fn start_kept(&self, folder: &Folder, place: Place) -> Result<Running, StartError> {
        folder.check()?;
        let opencode = binary::find(self.opencode.as_deref())?;
        let password = password();
        let prepared = place.prepare(&password).map_err(StartError::Guard)?;
        let mut command = self.command(folder, &opencode, &password, &[guard::KEPT]);
        command
            .env(guard::kept::SECRET, prepared.secret.reveal())
            .stdin(prepared.stdin)
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let guard = command.spawn().map_err(StartError::Guard)?;
        // The guard's stdin is a copy: with this one open, a hub could connect to a guard that has ended.
        drop(command);
        let lost = || StartError::Guard(io::Error::other("it does not answer"));
        let connection = place.connect(self.keeps).await.ok_or_else(lost)?;
        // Waited for by the runtime, so that it does not stay as a zombie.
        drop(guard);
        Starting::kept(connection)
            .ready(self.deadline, opencode)
            .await
    }

    /// Starts a server in `folder` and waits until it listens.
    ///
    /// The server is stopped if the future or the returned [`Running`] is dropped.
    ///
    /// # Errors The folder or the program is missing, or the server ended or did not listen in time. No process remains
    /// then.
    pub async fn start(&self, folder: &Folder) -> Result<Running, StartError> {
        folder.check()?;
        let opencode = binary::find(self.opencode.as_deref())?;
        let password = password();
        let mut command = self.command(folder, &opencode, &password, &[]);
        command
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        let child = command.spawn().map_err(StartError::Guard)?;
        Starting::new(child, password)
            .map_err(StartError::Guard)?
            .ready(self.deadline, opencode)
            .await
    }

    /// The command of a guard with a server, without its pipes.
    fn command(
        &self,
        folder: &Folder,
        opencode: &Path,
        password: &Secret,
        flags: &[&str],
    ) -> Command {
        let mut command = Command::new(&self.guard.program);
        command
            .arg0("drovers")
            .args(&self.guard.args)
            .args(flags)
            .arg("--")
            .arg(opencode)
            .args(["serve", "--port", "0", "--hostname", "127.0.0.1"])
            .args(&self.args)
            .current_dir(folder.as_path());
        for name in own_variables() {
            command.env_remove(name);
        }
        command
            .envs(self.env.iter().map(|(name, value)| (name, value)))
            .env("OPENCODE_SERVER_USERNAME", USERNAME)
            .env("OPENCODE_SERVER_PASSWORD", password.reveal())
            .process_group(0);
        command
    }
}

/// The environment variables of this program, such as `DROVERS_PASSWORD` and `DROVERS_TOKEN`, which no child process
/// inherits.
pub fn own_variables() -> impl Iterator<Item = OsString> {
    let names = std::env::vars_os().map(|(name, _)| name);
    names.filter(|name| name.as_encoded_bytes().starts_with(OWN.as_bytes()))
}

/// The line that a server prints once it listens.
#[derive(Debug, PartialEq)]
enum Listening {
    /// OpenCode 1, at this address.
    At(Url),
    /// OpenCode 2.
    OpenCode2,
}

/// Parses a line of the server's stdout, if it contains the address.
fn listening(line: &str) -> Option<Listening> {
    let line = line.trim();
    let url = |after: &str| Url::parse(after.split_whitespace().next()?).ok();
    if let Some(after) = line.strip_prefix(LISTENING) {
        return url(after).map(Listening::At);
    }
    let after = line.strip_prefix(LISTENING_V2)?;
    url(after).map(|_| Listening::OpenCode2)
}

/// A new password from the system's random source; letters and digits, about 190 bits.
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
