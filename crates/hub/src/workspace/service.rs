//! The background service of OpenCode 2, which is its user's and serves all folders: its registration, and its start.
//!
//! The hub never stops and never replaces it. Its address, its password and its process change with each start, so the registration is read
//! again for each connection. The password is given out only while the process of the registration listens at its address.

use std::fs::{self, File, Metadata};
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Stdio;

use opencode::wire2::{NoRegistration, Registration, version_in};
use serde::{Deserialize, Serialize};
use tokio::process::Command;
use tokio::time::timeout;

use super::server::own_variables;
use super::{BinaryError, discover, limits};

/// Path of the registration below the folder of a user's state.
const FILE: &str = "opencode/service.json";

/// The folder of a user's state below the home folder, on every system.
const STATE: &str = ".local/state";

/// The path of a registration.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ServiceFile(PathBuf);

/// The reason why there is no service to connect to. Every message names the next step.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// There is no registration.
    #[error(
        "the OpenCode 2 service of this user does not run. Start it with `opencode service start`"
    )]
    NotRunning,
    /// The process of the registration ended, or listens elsewhere.
    #[error(
        "the OpenCode 2 service is registered as process {pid} at {address}, which does not listen there. Start it with `opencode service start`"
    )]
    NotListening {
        /// Its process id.
        pid: u32,
        /// Its address.
        address: String,
    },
    /// Somebody else can write the registration, or owns it.
    #[error(
        "{path} belongs to another user, or others can write it, so it is not used. Check its owner, and run `chmod 600` on it"
    )]
    NotPrivate {
        /// The file.
        path: PathBuf,
    },
    /// The file is no registration.
    #[error("{path}: {error}. `opencode service restart` writes it anew")]
    Form {
        /// The file.
        path: PathBuf,
        /// The reason.
        error: NoRegistration,
    },
    /// The file cannot be read.
    #[error("{path} cannot be read: {error}")]
    Disk {
        /// The file.
        path: PathBuf,
        /// The error of the system.
        error: io::Error,
    },
    /// The program was not found, so that it cannot start the service.
    #[error(transparent)]
    Binary(#[from] BinaryError),
    /// The program is not OpenCode 2.
    #[error(
        "{path} is not OpenCode 2 (`--version` prints {version:?}), and only that has a background service. Name another with `--opencode PATH`"
    )]
    OtherVersion {
        /// The program.
        path: PathBuf,
        /// The first line that it printed.
        version: String,
    },
    /// The start of the service failed.
    #[error("`opencode service start` failed: {0}")]
    Start(String),
}

impl ServiceError {
    /// True if starting the service can help.
    pub fn is_ended(&self) -> bool {
        matches!(self, Self::NotRunning | Self::NotListening { .. })
    }
}

impl ServiceFile {
    /// A registration at this path.
    pub fn at(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    /// The registration of this user: in `$XDG_STATE_HOME`, else in `~/.local/state`. `None` if there is no home folder.
    pub fn of_this_user() -> Option<Self> {
        let named = std::env::var_os("XDG_STATE_HOME").map(PathBuf::from);
        let state = named.filter(|path| path.is_absolute());
        let usual = || etcetera::home_dir().ok().map(|home| home.join(STATE));
        state.or_else(usual).map(|state| Self(state.join(FILE)))
    }

    /// The path.
    pub fn path(&self) -> &Path {
        &self.0
    }

    /// Reads the registration of a service that listens. Blocks on the disk and the table of sockets.
    ///
    /// # Errors
    /// No service runs, or the registration is not to be trusted.
    pub fn read(&self) -> Result<Registration, ServiceError> {
        let disk = |error| ServiceError::Disk {
            path: self.0.clone(),
            error,
        };
        let found = match fs::metadata(&self.0) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(ServiceError::NotRunning);
            }
            found => found.map_err(disk)?,
        };
        let not_private = || ServiceError::NotPrivate {
            path: self.0.clone(),
        };
        // Before it is opened, which may take for ever where it is no file.
        if !found.is_file() {
            return Err(not_private());
        }
        let file = File::open(&self.0).map_err(disk)?;
        if !is_private(&file.metadata().map_err(disk)?) {
            return Err(not_private());
        }
        // One byte more than a registration may have, which its parser refuses.
        let most = opencode::limits::REGISTRATION_BYTES as u64 + 1;
        let mut text = String::new();
        file.take(most).read_to_string(&mut text).map_err(disk)?;
        let found = Registration::parse(&text).map_err(|error| ServiceError::Form {
            path: self.0.clone(),
            error,
        })?;
        let port = found.url.port_or_known_default();
        match port.is_some_and(|port| discover::listens(found.pid, port)) {
            true => Ok(found),
            false => Err(ServiceError::NotListening {
                pid: found.pid,
                address: found.url.to_string(),
            }),
        }
    }
}

/// True if the file is this user's, and nobody else can write it.
fn is_private(metadata: &Metadata) -> bool {
    let own = metadata.uid() == rustix::process::geteuid().as_raw();
    metadata.is_file() && own && metadata.mode() & 0o022 == 0
}

/// Starts the service of this user with a program that is OpenCode 2.
///
/// # Errors
/// The program is another version, or it reports an error.
pub(super) async fn start(program: &Path) -> Result<(), ServiceError> {
    let (is_second, version) = version(program).await?;
    if !is_second {
        return Err(ServiceError::OtherVersion {
            path: program.to_owned(),
            version,
        });
    }
    match run(program, &["service", "start"]).await? {
        (true, _) => Ok(()),
        (false, printed) => Err(ServiceError::Start(printed)),
    }
}

/// Whether a program is OpenCode 2, and the first line that it prints about its version.
///
/// # Errors
/// The program cannot be run, or does not end in time.
pub(super) async fn version(program: &Path) -> Result<(bool, String), ServiceError> {
    let (_, printed) = run(program, &["--version"]).await?;
    let first = printed.lines().next().unwrap_or_default().to_owned();
    Ok((
        version_in(&first).is_some_and(|(major, ..)| major >= 2),
        first,
    ))
}

/// Runs the program in the home folder. Returns whether it succeeded, and what it printed.
async fn run(program: &Path, arguments: &[&str]) -> Result<(bool, String), ServiceError> {
    let failed = |error: io::Error| ServiceError::Start(error.to_string());
    let mut command = Command::new(program);
    command
        .args(arguments)
        .current_dir(etcetera::home_dir().unwrap_or_else(|_| PathBuf::from("/")))
        .stdin(Stdio::null())
        .kill_on_drop(true);
    for name in own_variables() {
        command.env_remove(name);
    }
    let late = |_| ServiceError::Start(format!("no end within {} s", limits::SERVICE.as_secs()));
    let output = timeout(limits::SERVICE, command.output()).await;
    let output = output.map_err(late)?.map_err(failed)?;
    let mut printed = String::from_utf8_lossy(&output.stdout).into_owned();
    printed.push_str(&String::from_utf8_lossy(&output.stderr));
    let printed = printed.trim().chars().take(limits::LINE_BYTES).collect();
    Ok((output.status.success(), printed))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs::Permissions;
    use std::net::TcpListener;
    use std::os::unix::fs::PermissionsExt;

    use serde_json::json;

    use super::*;

    fn written(pid: u32, port: u16, mode: u32) -> (tempfile::TempDir, ServiceFile) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("service.json");
        let url = format!("http://127.0.0.1:{port}");
        let text =
            json!({"id": "a", "version": "2.1.2", "url": url, "pid": pid, "password": "hush"});
        fs::write(&path, text.to_string()).unwrap();
        fs::set_permissions(&path, Permissions::from_mode(mode)).unwrap();
        (dir, ServiceFile::at(path))
    }

    #[test]
    fn a_registration_counts_while_its_process_listens_at_its_address() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (_dir, file) = written(std::process::id(), port, 0o600);
        assert_eq!(file.read().unwrap().password.as_deref(), Some("hush"));
        drop(listener);
        let error = file.read().unwrap_err();
        assert!(
            matches!(error, ServiceError::NotListening { .. }),
            "{error}"
        );
        assert!(error.is_ended() && !error.to_string().contains("hush"));
    }

    #[test]
    fn the_password_of_a_registration_does_not_reach_another_process() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        // The first process of the machine does not listen there.
        let (_dir, file) = written(1, port, 0o600);
        assert!(matches!(
            file.read(),
            Err(ServiceError::NotListening { pid: 1, .. })
        ));
    }

    #[test]
    fn a_registration_that_others_can_write_is_refused() {
        let (_dir, file) = written(std::process::id(), 1, 0o666);
        assert!(matches!(file.read(), Err(ServiceError::NotPrivate { .. })));
    }

    #[test]
    fn a_missing_registration_and_a_broken_one_say_what_to_do() {
        let dir = tempfile::tempdir().unwrap();
        let file = ServiceFile::at(dir.path().join("service.json"));
        let missing = file.read().unwrap_err();
        assert!(missing.is_ended() && missing.to_string().contains("opencode service start"));
        fs::write(file.path(), "{\"password\": \"hush\"").unwrap();
        fs::set_permissions(file.path(), Permissions::from_mode(0o600)).unwrap();
        let broken = file.read().unwrap_err();
        assert!(
            !broken.is_ended() && !broken.to_string().contains("hush"),
            "{broken}"
        );
    }

    #[tokio::test]
    async fn the_service_is_started_by_a_program_of_version_2_alone() {
        let dir = tempfile::tempdir().unwrap();
        let program = |name: &str, version: &str| {
            let path = dir.path().join(name);
            let marker = dir.path().join(format!("{name}.started"));
            let text = format!(
                "#!/bin/sh\n[ \"$1\" = --version ] && echo '{version}' && exit\n[ \"$1 $2\" = 'service start' ] && touch '{}'\n",
                marker.display()
            );
            fs::write(&path, text).unwrap();
            fs::set_permissions(&path, Permissions::from_mode(0o755)).unwrap();
            (path, marker)
        };
        let (first, started) = program("one", "1.18.33");
        let error = start(&first).await.unwrap_err();
        assert!(
            matches!(error, ServiceError::OtherVersion { .. }) && !started.exists(),
            "{error}"
        );
        let (second, started) = program("two", "opencode2 v2.1.2");
        start(&second).await.unwrap();
        assert!(started.exists());
    }
}
