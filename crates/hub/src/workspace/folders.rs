//! Folders of instances: one canonical name for each, and whether a folder is a project.
//!
//! Only looks: never creates a folder or writes to one.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

/// Files and folders that only the top folder of a project has.
const MARKERS: [&str; 20] = [
    ".git",
    ".hg",
    ".jj",
    "opencode.json",
    "opencode.jsonc",
    ".opencode",
    "AGENTS.md",
    "package.json",
    "deno.json",
    "Cargo.toml",
    "pyproject.toml",
    "setup.py",
    "requirements.txt",
    "go.mod",
    "pom.xml",
    "build.gradle",
    "build.gradle.kts",
    "composer.json",
    "Gemfile",
    "CMakeLists.txt",
];

/// A folder under its canonical name: absolute, without symbolic links, UTF-8 (OpenCode's wire is JSON).
///
/// The folder existed when it was resolved; it may be gone since, see [`Folder::check`].
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Folder(String);

/// The reason why a folder cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum FolderError {
    /// The path does not exist.
    #[error("the folder {0} does not exist. Check the path, or create it first")]
    Missing(PathBuf),
    /// The path is not a folder.
    #[error("{0} is not a folder. Name the folder that it is in")]
    NotAFolder(PathBuf),
    /// The path is not UTF-8, which OpenCode's wire requires.
    #[error(
        "the name of the folder {0} is not valid UTF-8. Rename it, or link to it under another name"
    )]
    NotUtf8(PathBuf),
    /// The system denies access.
    #[error("the folder {path} cannot be opened: {source}. Check its permissions")]
    Refused {
        /// The given path.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

impl Folder {
    /// Resolves the folder at `path`; a relative path is below the current folder, `~` is the home folder.
    ///
    /// # Errors The path is not a folder that this user can open, or is not UTF-8.
    pub fn resolve(path: &Path) -> Result<Self, FolderError> {
        let path = match (path.strip_prefix("~"), etcetera::home_dir()) {
            (Ok(rest), Ok(home)) => home.join(rest),
            _ => path.to_owned(),
        };
        let canonical = path.canonicalize().map_err(|error| refused(&path, error))?;
        let folder = canonical.into_os_string().into_string();
        let folder = Self(folder.map_err(|name| FolderError::NotUtf8(name.into()))?);
        folder.check()?;
        Ok(folder)
    }

    /// Checks that the folder still exists and can be opened.
    ///
    /// # Errors It does not, or cannot.
    pub fn check(&self) -> Result<(), FolderError> {
        match std::fs::read_dir(&self.0) {
            Ok(_) => Ok(()),
            Err(error) => Err(refused(self.as_path(), error)),
        }
    }

    /// The path.
    pub fn as_path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// The path as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True for the top folder of a project: it has a marker, and is neither `/` nor the home folder.
    pub fn is_project(&self) -> bool {
        let home = etcetera::home_dir()
            .ok()
            .and_then(|home| home.canonicalize().ok());
        self.is_project_for(home.as_deref())
    }

    fn is_project_for(&self, home: Option<&Path>) -> bool {
        let path = self.as_path();
        path.parent().is_some()
            && home != Some(path)
            && MARKERS.iter().any(|marker| path.join(marker).exists())
    }
}

impl fmt::Display for Folder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The folders of `recent` that still exist, in the same order.
pub fn offer(recent: &[Folder]) -> Vec<Folder> {
    recent
        .iter()
        .filter(|folder| folder.check().is_ok())
        .cloned()
        .collect()
}

fn refused(path: &Path, source: io::Error) -> FolderError {
    let path = path.to_owned();
    match source.kind() {
        io::ErrorKind::NotFound => FolderError::Missing(path),
        io::ErrorKind::NotADirectory => FolderError::NotAFolder(path),
        _ => FolderError::Refused { path, source },
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::os::unix::ffi::OsStringExt;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn every_way_to_a_folder_gives_the_same_name() {
        let dir = tempfile::tempdir().unwrap();
        let real = dir.path().join("real");
        fs::create_dir(&real).unwrap();
        symlink(&real, dir.path().join("link")).unwrap();
        let folder = Folder::resolve(&real).unwrap();
        assert_eq!(Folder::resolve(&dir.path().join("link")).unwrap(), folder);
        assert_eq!(
            Folder::resolve(&dir.path().join("real/../real/.")).unwrap(),
            folder
        );
    }

    #[test]
    fn what_is_no_folder_is_named_as_what_it_is() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let odd = dir
            .path()
            .join(std::ffi::OsString::from_vec(vec![b'x', 0xff]));
        fs::create_dir(&odd).unwrap();
        assert!(matches!(
            Folder::resolve(&dir.path().join("none")),
            Err(FolderError::Missing(_))
        ));
        assert!(matches!(
            Folder::resolve(&file),
            Err(FolderError::NotAFolder(_))
        ));
        assert!(matches!(
            Folder::resolve(&file.join("below")),
            Err(FolderError::NotAFolder(_))
        ));
        assert!(matches!(
            Folder::resolve(&odd),
            Err(FolderError::NotUtf8(_))
        ));
    }

    #[test]
    fn a_project_has_a_marker_and_is_not_home() {
        let dir = tempfile::tempdir().unwrap();
        let folder = Folder::resolve(dir.path()).unwrap();
        assert!(!folder.is_project_for(None));
        fs::write(dir.path().join("go.mod"), "").unwrap();
        assert!(folder.is_project_for(Some(Path::new("/elsewhere"))));
        assert!(!folder.is_project_for(Some(folder.as_path())));
        assert!(
            !Folder::resolve(Path::new("/"))
                .unwrap()
                .is_project_for(None)
        );
    }

    #[test]
    fn only_folders_that_still_exist_are_offered() {
        let dir = tempfile::tempdir().unwrap();
        let gone = dir.path().join("gone");
        fs::create_dir(&gone).unwrap();
        let recent = [
            Folder::resolve(&gone).unwrap(),
            Folder::resolve(dir.path()).unwrap(),
        ];
        fs::remove_dir(&gone).unwrap();
        assert_eq!(offer(&recent), recent[1..]);
    }
}
