//! The data directory: private to its user, and used by one hub at a time.
//!
//! A file lock, held for the life of the process, makes a hub the only one; `runtime.json` has its address. All files
//! are replaced atomically. A `runtime.json` left by a dead hub is ignored.

mod aside;
pub mod format;
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

pub use aside::{SQLITE_FILES, put_aside, with_suffix};
pub use private::write_private;
pub use servers::Servers;

const LOCK: &str = "lock";
const RUNTIME: &str = "runtime.json";
/// There while files of a backup are moved into the directory.
const RESTORING: &str = "restoring";

/// The running hub, as described in `runtime.json`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Runtime {
    /// Process id.
    pub pid: u32,
    /// URL of the hub.
    pub url: Url,
    /// Version of Drovers.
    pub version: String,
    /// Time at which the hub began to listen.
    pub started: Timestamp,
}

/// The locked data directory: no other hub can open it until this value is dropped.
#[derive(Debug)]
pub struct DataDir {
    path: PathBuf,
    published: bool,
    /// The lock is held while the file is open: the kernel releases it however the process ends.
    _lock: File,
}

/// The reason why a data directory cannot be used. Every message names the next step.
#[derive(Debug, thiserror::Error)]
pub enum DataDirError {
    /// Another hub uses the directory.
    #[error(
        "a hub is running already (process {}, {}). Use it, stop it, or choose another folder with `--data-dir`",
        .0.pid, .0.url
    )]
    HeldBy(Box<Runtime>),
    /// Another hub has locked the directory, and does not listen yet.
    #[error("another hub is starting with the data directory {0}. Try again in a moment")]
    Starting(PathBuf),
    /// The directory has other files and is readable by others: its permissions are not changed.
    #[error(
        "{0} has other files in it and other users may enter it. Choose a new or empty folder with `--data-dir`, \
         or close it with `chmod 700`"
    )]
    Foreign(PathBuf),
    /// A file was written by a newer version.
    #[error(transparent)]
    Newer(#[from] format::Newer),
    /// A restore was killed while it moved files.
    #[error(
        "a restore of {0} did not finish, so that some of its files may be missing. Run `drovers restore FILE` again; what was \
         there before is in its folders `before-restore-…`"
    )]
    Restoring(PathBuf),
    /// There is no home folder for the default directory.
    #[error("there is no home folder. Choose a data directory with `--data-dir`")]
    Homeless,
    /// The directory cannot be created or written.
    #[error(
        "the data directory {path} cannot be written: {source}. Check its permissions, or choose another \
         with `--data-dir`"
    )]
    Unusable {
        /// Path of the directory, or of a file in it.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl DataDir {
    /// The default path: `$XDG_DATA_HOME/drovers`, or `~/.local/share/drovers`.
    ///
    /// # Errors There is no home folder.
    pub fn default_path() -> Result<PathBuf, DataDirError> {
        let dirs = etcetera::choose_base_strategy().map_err(|_| DataDirError::Homeless)?;
        Ok(dirs.data_dir().join("drovers"))
    }

    /// Opens the directory and locks it; creates it if needed (mode 0700).
    ///
    /// Blocks for up to 0.1 s if another hub starts or is looked up at the same time.
    ///
    /// # Errors Another hub holds the lock; the directory is not private; it cannot be written; a newer version wrote to it; a
    /// restore did not finish.
    pub fn open(path: &Path) -> Result<Self, DataDirError> {
        let dir = Self::lock(path)?;
        if dir.file(RESTORING).exists() {
            return Err(DataDirError::Restoring(path.to_owned()));
        }
        format::check(path)?;
        format::write(path).map_err(|source| dir.unusable(source))?;
        Ok(dir)
    }

    /// Opens the directory for a restore: what is in it may be of a newer version, or missing.
    ///
    /// # Errors Another hub holds the lock; the directory is not private; it cannot be written.
    pub(crate) fn open_for_restore(path: &Path) -> Result<Self, DataDirError> {
        Self::lock(path)
    }

    /// Marks the directory: until [`Self::end_restore`] no hub opens it. Blocks on the disk.
    ///
    /// # Errors The directory cannot be written.
    pub(crate) fn begin_restore(&self) -> Result<(), DataDirError> {
        write_private(&self.file(RESTORING), b"").map_err(|source| self.unusable(source))
    }

    /// Removes the mark. Blocks on the disk.
    ///
    /// # Errors The directory cannot be written.
    pub(crate) fn end_restore(&self) -> Result<(), DataDirError> {
        // The files that were moved are on the disk before the mark is gone.
        File::open(&self.path)
            .and_then(|folder| folder.sync_all())
            .and_then(|()| fs::remove_file(self.file(RESTORING)))
            .map_err(|source| self.unusable(source))
    }

    fn unusable(&self, source: io::Error) -> DataDirError {
        DataDirError::Unusable {
            path: self.path.clone(),
            source,
        }
    }

    fn lock(path: &Path) -> Result<Self, DataDirError> {
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

    /// The hub that uses the directory at `path`, if one is running and ready. Changes nothing.
    pub fn running(path: &Path) -> Option<Runtime> {
        let runtime = read_runtime(path)?;
        let lock = open_lock(path, false).ok()?;
        matches!(lock.try_lock_shared(), Err(TryLockError::WouldBlock)).then_some(runtime)
    }

    /// Publishes the hub's URL, until this value is dropped. Blocks on the disk.
    ///
    /// # Errors The directory cannot be written.
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

    /// Path of the directory.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Path of the file `name` in the directory.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    fn forget_runtime(&self) -> io::Result<()> {
        remove_if_there(&self.file(RUNTIME))
    }
}

/// Removes a file, if it is there. Blocks on the disk.
///
/// # Errors The file is there and cannot be removed.
pub fn remove_if_there(path: &Path) -> io::Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
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

/// Restricts the permissions of a directory, if it is empty or a data directory already.
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

/// Opens the lock file. It is never removed: a lock on a removed file would exclude nobody.
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
