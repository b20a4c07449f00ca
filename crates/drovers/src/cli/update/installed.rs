//! The installed program, the one before it, and the one that is to take its place.

use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use hub::datadir::remove_if_there;

use super::super::Setting;
use super::super::programs::output;
use crate::fault::Fault;
use crate::running::HubProcess;

/// What the system appends to the path of a program whose file was replaced.
const REPLACED: &str = " (deleted)";

/// The end of the name of the program before the installed one.
const PREVIOUS: &str = ".previous";

/// The end of the name of the program before the previous one, while it is not settled that an update stays.
const EARLIER: &str = ".earlier";

/// The installed program.
#[derive(Clone, Debug)]
pub(super) struct Installed {
    path: PathBuf,
}

impl Installed {
    /// The program of the running hub, else this one.
    ///
    /// # Errors
    /// Its path is not known, or nothing is there.
    pub(super) fn find(hub: Option<&HubProcess>) -> Result<Self, Fault> {
        let of_hub = hub.and_then(|hub| fs::read_link(hub.proc("exe")).ok());
        let path = match of_hub {
            Some(path) => path,
            None => std::env::current_exe().map_err(|error| {
                Fault::failed(format!(
                    "the path of this program is unknown: {error}. Reinstall Drovers"
                ))
            })?,
        };
        let text = path.to_string_lossy().into_owned();
        let text = text.strip_suffix(REPLACED).unwrap_or(&text);
        // The one before can put itself back where the installed one does not run.
        let text = text.strip_suffix(PREVIOUS).unwrap_or(text);
        let path = match *text == *path.to_string_lossy() {
            true => path,
            false => PathBuf::from(text),
        };
        match path.is_file() {
            true => Ok(Self { path }),
            false => Err(Fault::failed(format!(
                "there is no program at {} any more. Install Drovers again",
                path.display()
            ))),
        }
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Where the one before it is.
    pub(super) fn previous(&self) -> PathBuf {
        self.beside(PREVIOUS)
    }

    /// A path beside it, for a program that is not installed yet.
    pub(super) fn candidate(&self) -> PathBuf {
        self.beside(".new")
    }

    /// Locks the folder of the program until the value is dropped, so that one update at a time changes it.
    ///
    /// # Errors
    /// Another update runs, or the folder cannot be opened.
    pub(super) fn lock(&self) -> Result<fs::File, Fault> {
        let folder = self.path.parent().unwrap_or(Path::new("/"));
        let folder = fs::File::open(folder).map_err(|error| self.failed(&error))?;
        match folder.try_lock() {
            Ok(()) => Ok(folder),
            Err(fs::TryLockError::Error(error)) => Err(self.failed(&error)),
            Err(fs::TryLockError::WouldBlock) => Err(Fault::failed(format!(
                "another `drovers update` is replacing {}. Try again once it has ended",
                self.path.display()
            ))),
        }
    }

    fn beside(&self, end: &str) -> PathBuf {
        let name = self.path.file_name().unwrap_or_default().to_string_lossy();
        self.path.with_file_name(format!("{name}{end}"))
    }

    /// Puts a candidate in the place of the installed program, with the same permissions; the installed one is the previous one then. At
    /// no moment there is none. Blocks on the disk.
    ///
    /// # Errors
    /// The folder cannot be written; what was installed still is.
    pub(super) fn replace(&self, candidate: &Path) -> Result<(), Fault> {
        let old = self.beside(".old");
        let permissions = fs::metadata(&self.path).map(|known| known.permissions());
        let replaced = permissions
            .and_then(|permissions| fs::set_permissions(candidate, permissions))
            .and_then(|()| remove_if_there(&old))
            .and_then(|()| fs::hard_link(&self.path, &old))
            .and_then(|()| move_if_there(&self.previous(), &self.beside(EARLIER)))
            .and_then(|()| fs::rename(&old, self.previous()))
            // A rename onto the same file leaves both names.
            .and_then(|()| remove_if_there(&old))
            .and_then(|()| fs::rename(candidate, &self.path));
        replaced.map_err(|error| self.failed(&error))
    }

    /// Makes a candidate of the previous program.
    ///
    /// # Errors
    /// There is none, or the folder cannot be written.
    pub(super) fn previous_as_candidate(&self) -> Result<Candidate, Fault> {
        let previous = self.previous();
        if !previous.is_file() {
            return Err(Fault::failed(format!(
                "there is no {}: only `drovers update` keeps the program of before. Update to an archive of that version",
                previous.display()
            )));
        }
        let candidate = Candidate(self.candidate());
        let linked = remove_if_there(candidate.path())
            .and_then(|()| fs::hard_link(&previous, candidate.path()));
        linked.map_err(|error| self.failed(&error))?;
        Ok(candidate)
    }

    /// Puts the previous program back, and the one before it in its place. With `swap` the one that was installed is the previous one then.
    /// Blocks on the disk.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn put_back(&self, swap: bool) -> Result<(), Fault> {
        if swap {
            let candidate = self.previous_as_candidate()?;
            self.replace(candidate.path())?;
            return self.settle();
        }
        fs::rename(self.previous(), &self.path)
            .and_then(|()| move_if_there(&self.beside(EARLIER), &self.previous()))
            .map_err(|error| self.failed(&error))
    }

    /// Removes the program before the previous one: the update stays. Blocks on the disk.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub(super) fn settle(&self) -> Result<(), Fault> {
        remove_if_there(&self.beside(EARLIER)).map_err(|error| self.failed(&error))
    }

    fn failed(&self, error: &io::Error) -> Fault {
        Fault::failed(format!(
            "{} cannot be replaced: {error}. Update Drovers with what installed it, or check the permissions of its folder",
            self.path.display()
        ))
    }
}

/// A program that may be installed. What is left of it is removed.
#[derive(Debug)]
pub(super) struct Candidate(PathBuf);

impl Candidate {
    /// A candidate that is written to this path.
    pub(super) fn at(path: PathBuf) -> Self {
        // Left by an update that was killed.
        let _none = fs::remove_file(&path);
        Self(path)
    }

    /// Where it is.
    pub(super) fn path(&self) -> &Path {
        &self.0
    }

    /// Checks that it is Drovers, runs on this machine, and can read the data directory. Returns its version.
    ///
    /// # Errors
    /// It is not, or cannot.
    pub(super) async fn check(&self, setting: &Setting) -> Result<String, Fault> {
        let printed = output(&self.0, &["--version"]).await;
        let printed = printed.map_err(|error| {
            Fault::failed(format!(
                "the program does not run on this machine: {error}. Get an archive for {} {}",
                std::env::consts::OS,
                std::env::consts::ARCH
            ))
        })?;
        let version = printed.trim().strip_prefix("drovers ").ok_or_else(|| {
            Fault::failed("the program is not Drovers. Name a program or an archive of a release")
        })?;
        let data_dir = setting.data_dir()?;
        let mut args: Vec<OsString> = ["update", "--can-read", "--data-dir"]
            .map(Into::into)
            .into();
        args.push(data_dir.as_os_str().into());
        let named = setting.named_configuration();
        let named = named.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        args.extend(
            named
                .into_iter()
                .flat_map(|path| [OsString::from("--config"), path.into()]),
        );
        output(&self.0, &args).await.map_err(|error| {
            Fault::failed(format!(
                "version {version} does not confirm that it can use {} ({error}): it may not know the format of a file there, an option of \
                 the configuration, or `drovers update`. Nothing was changed. Take another version",
                data_dir.display()
            ))
        })?;
        Ok(version.to_owned())
    }
}

impl Drop for Candidate {
    fn drop(&mut self) {
        // It is gone where it was installed.
        let _installed = fs::remove_file(&self.0);
    }
}

/// Moves a file, if it is there.
fn move_if_there(from: &Path, to: &Path) -> io::Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn stage() -> (tempfile::TempDir, Installed) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("drovers");
        fs::write(&path, "one").unwrap();
        (dir, Installed { path })
    }

    fn install(installed: &Installed, text: &str) {
        let candidate = Candidate::at(installed.candidate());
        fs::write(candidate.path(), text).unwrap();
        installed.replace(candidate.path()).unwrap();
    }

    #[test]
    fn what_was_installed_is_kept_beside_and_comes_back() {
        let (dir, installed) = stage();
        let now = || {
            let read = |path: &Path| fs::read_to_string(path).unwrap_or_default();
            (read(installed.path()), read(&installed.previous()))
        };
        assert!(installed.previous_as_candidate().is_err());
        install(&installed, "two");
        assert_eq!(now(), ("two".to_owned(), "one".to_owned()));
        // Forth and back.
        installed.put_back(true).unwrap();
        assert_eq!(now(), ("one".to_owned(), "two".to_owned()));
        install(&installed, "broken");
        installed.put_back(false).unwrap();
        assert_eq!(now(), ("one".to_owned(), "two".to_owned()));
        install(&installed, "three");
        installed.settle().unwrap();
        assert_eq!(now(), ("three".to_owned(), "one".to_owned()));
        let left = fs::read_dir(dir.path()).unwrap().count();
        assert_eq!(
            left, 2,
            "neither a candidate stays nor the program before the previous one"
        );
    }

    #[test]
    fn one_update_at_a_time_changes_a_program() {
        let (_dir, installed) = stage();
        let held = installed.lock().unwrap();
        let refused = installed.lock().unwrap_err().to_string();
        assert!(refused.contains("another `drovers update`"), "{refused}");
        drop(held);
        assert!(installed.lock().is_ok());
    }

    #[test]
    fn a_candidate_that_is_not_installed_is_removed() {
        let (_dir, installed) = stage();
        let candidate = Candidate::at(installed.candidate());
        fs::write(candidate.path(), "new").unwrap();
        let path = candidate.path().to_owned();
        drop(candidate);
        assert!(!path.exists());
    }
}
