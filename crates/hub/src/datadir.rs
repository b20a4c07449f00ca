//! The data directory: private to its user, and of one hub at a time.
//!
//! A lock, held by the kernel for as long as the hub lives, decides who is the hub; `runtime.json` says where that hub
//! is. Everything in it is written whole or not at all. It never follows what a dead hub left in `runtime.json`.

mod private;
mod servers;

use crate::limits;
use std::fs::{self, DirBuilder, File, OpenOptions, Permissions, TryLockError};
use std::io;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::thread;

use etcetera::BaseStrategy;
use jiff::Timestamp;
use rustix::process::{Pid, test_kill_process};
use serde::{Deserialize, Serialize};
use url::Url;

pub use private::write_private;
pub use servers::Servers;

const LOCK: &str = "lock";
const RUNTIME: &str = "runtime.json";

/// The running hub, as it says of itself in `runtime.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// Its process id.
    pub pid: u32,
    /// Where it listens.
    pub url: Url,
    /// Its version of Drovers.
    pub version: String,
    /// When it began to listen.
    pub started: Timestamp,
}

/// The data directory, held: no other hub can open it before this is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    published: bool,
    /// Open is held: the kernel gives the lock back with the file, however the process ends.
    _lock: File,
}

/// Why a data directory cannot be used. Every message names the next step.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another hub has it.
    #[error(
        "a hub is running already (process {}, {}). Use it, stop it, or choose another folder with `--data-dir`",
        .0.pid, .0.url
    )]
    HeldBy(Box<Runtime>),
    /// Another hub has it, and does not listen yet.
    #[error("another hub is starting with the data directory {0}. Try again in a moment")]
    Starting(PathBuf),
    /// It has other things in it, and others can read it: not ours to close.
    #[error(
        "{0} has other files in it and other users may enter it. Choose a new or empty folder with `--data-dir`, \
         or close it with `chmod 700`"
    )]
    Foreign(PathBuf),
    /// There is no home folder to put it in.
    #[error("there is no home folder. Choose a data directory with `--data-dir`")]
    Homeless,
    /// It cannot be made or written.
    #[error(
        "the data directory {path} cannot be written: {source}. Check its permissions, or choose another \
         with `--data-dir`"
    )]
    Unusable {
        /// The directory, or what in it.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
}

impl DataDir {
    /// Where it is if the user does not say: `$XDG_DATA_HOME/drovers`, by default `~/.local/share/drovers`.
    ///
    /// # Errors
    /// There is no home folder.
    pub fn default_path() -> Result<PathBuf, DataDirError> {
        let dirs = etcetera::choose_base_strategy().map_err(|_| DataDirError::Homeless)?;
        Ok(dirs.data_dir().join("drovers"))
    }

    /// Makes it if needed (mode 0700) and takes its lock.
    ///
    /// It blocks: for up to 0.1 s if another hub is starting or being looked for.
    ///
    /// # Errors
    /// Another hub holds it; it is not private; it cannot be written.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let unusable = |source| DataDirError::Unusable {
            path: path.to_owned(),
            source,
        };
        DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(path)
            .map_err(unusable)?;
        make_private(path)?;
        let lock = open_lock(path, true).map_err(unusable)?;
        take(&lock, path)?;
        let dir = Self {
            path: path.to_owned(),
            published: false,
            _lock: lock,
        };
        dir.forget_runtime().map_err(unusable)?;
        Ok(dir)
    }

    /// The hub that holds the directory at `path`, if one does and is ready. Changes nothing.
    pub fn running(path: &Path) -> Option<Runtime> {
        let runtime = read_runtime(path)?;
        let lock = open_lock(path, false).ok()?;
        matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)).then_some(runtime)
    }

    /// Tells others where this hub listens, until this is dropped. Blocks on the disk.
    ///
    /// # Errors
    /// The directory cannot be written.
    pub fn publish_runtime(&mut self, url: &Url) -> Result<Runtime, DataDirError> {
        let runtime = Runtime {
            pid: std::process::id(),
            url: url.clone(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            started: Timestamp::now(),
        };
        let file = self.file(RUNTIME);
        let unusable = |source| DataDirError::Unusable {
            path: file.clone(),
            source,
        };
        let json = serde_json::to_vec(&runtime).map_err(|error| unusable(error.into()))?;
        write_private(&file, &json).map_err(unusable)?;
        self.published = true;
        Ok(runtime)
    }

    /// The directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file `name` in it.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn forget_runtime(&self) -> io::Result<()> {
        match fs::remove_file(self.file(RUNTIME)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }
}

impl Drop for DataDir {
    fn drop(&mut self) {
        if self.published
            && let Err(error) = self.forget_runtime()
        {
            tracing::warn!(%error, "runtime.json stays behind; without the lock nobody believes it");
        }
    }
}

/// Closes a directory to others, if it is ours to close: empty, or a data directory already.
fn make_private(path: &Path) -> Result<(), DataDirError> {
    let unusable = |source| DataDirError::Unusable {
        path: path.to_owned(),
        source,
    };
    if path.metadata().map_err(unusable)?.permissions().mode() & 0o077 == 0 {
        return Ok(());
    }
    let empty = fs::read_dir(path).map_err(unusable)?.next().is_none();
    if !empty && !path.join(LOCK).exists() {
        return Err(DataDirError::Foreign(path.to_owned()));
    }
    fs::set_permissions(path, Permissions::from_mode(0o700)).map_err(unusable)
}

/// Opens the file whose lock counts. It is never removed: a lock on a removed file would exclude nobody.
fn open_lock(path: &Path, create: bool) -> io::Result<File> {
    OpenOptions::new()
        .read(true)
        .write(create)
        .create(create)
        .truncate(false)
        .mode(0o600)
        .open(path.join(LOCK))
}

fn take(lock: &File, path: &Path) -> Result<(), DataDirError> {
    for _ in 0..limits::LOCK_TRIES {
        match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::Error(source)) => {
                return Err(DataDirError::Unusable {
                    path: path.to_owned(),
                    source,
                });
            }
            Err(TryLockError::WouldBlock) => {}
        }
        if let Some(runtime) = read_runtime(path).filter(lives) {
            return Err(DataDirError::HeldBy(Box::new(runtime)));
        }
        thread::sleep(limits::BETWEEN_LOCK_TRIES);
    }
    Err(DataDirError::Starting(path.to_owned()))
}

fn lives(runtime: &Runtime) -> bool {
    let pid = i32::try_from(runtime.pid).ok().and_then(Pid::from_raw);
    pid.is_some_and(|pid| test_kill_process(pid).is_ok())
}

fn read_runtime(path: &Path) -> Option<Runtime> {
    serde_json::from_slice(&fs::read(path.join(RUNTIME)).ok()?).ok()
}

#[cfg(test)]
mod tests;
