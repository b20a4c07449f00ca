//! Folders of this machine, one level at a time, for a person who chooses one; and a new empty one, if the person asks for it.
//!
//! Every function blocks on the disk.

use std::fs::{self, DirEntry};
use std::io;
use std::path::{Component, Path, PathBuf};

use super::{Folder, FolderError, limits};

/// What is asked for of a folder.
#[derive(Clone, Copy, Debug, Default)]
pub struct LevelQuery<'a> {
    /// A part of the names, in any case; empty for all.
    pub filter: &'a str,
    /// True to list folders whose name begins with a dot. A filter with a dot in front lists them as well.
    pub hidden: bool,
}

/// A folder, with the folders in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Level {
    /// The folder.
    pub folder: Folder,
    /// Facts of the folder itself.
    pub facts: FolderFacts,
    /// The folder above; `None` at the top.
    pub parent: Option<PathBuf>,
    /// The folders in it: names that begin with the filter first, then by name.
    pub folders: Vec<SubFolder>,
    /// Number of folders that match and are not listed.
    pub more: usize,
    /// Number of folders that are not listed because their name begins with a dot.
    pub hidden: usize,
    /// True if it has so many entries that the rest was not read.
    pub cut: bool,
}

/// What a folder is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FolderFacts {
    /// True for the top of a git repository.
    pub git: bool,
    /// True for the top of a project.
    pub project: bool,
    /// True for the home folder of this user.
    pub home: bool,
}

impl FolderFacts {
    /// What is known of a folder.
    pub fn of(folder: &Folder) -> Self {
        Self {
            git: is_repository(folder.as_path()),
            project: folder.is_project(),
            home: home().as_deref() == Some(folder.as_path()),
        }
    }
}

/// A folder in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SubFolder {
    /// Its name.
    pub name: String,
    /// Its path, with symbolic links as they are.
    pub path: String,
    /// True for the top of a git repository.
    pub git: bool,
    /// Where a symbolic link leads.
    pub leads_to: Option<String>,
}

/// The reason why a folder was not made.
#[derive(Debug, thiserror::Error)]
pub enum MakeError {
    /// The folder above cannot be used.
    #[error(transparent)]
    Folder(#[from] FolderError),
    /// The name is not the name of one folder.
    #[error("{0} is not the name of a folder. Use a name without `/` that is neither `.` nor `..`")]
    Name(String),
    /// It exists.
    #[error("{0} exists already. Open it instead")]
    Exists(PathBuf),
    /// The system refuses it.
    #[error(
        "the folder {path} cannot be created: {source}. Check the permissions of the folder that it would be in"
    )]
    Refused {
        /// Path of the new folder.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
}

/// The home folder of this user, under its canonical name.
pub fn home() -> Option<PathBuf> {
    etcetera::home_dir().ok()?.canonicalize().ok()
}

/// Lists the folders in the folder at `path`.
///
/// # Errors The path is not a folder that this user can open.
pub fn level(path: &Path, query: LevelQuery<'_>) -> Result<Level, FolderError> {
    let folder = Folder::resolve(path)?;
    let top = folder.as_path();
    let entries = fs::read_dir(top).map_err(|source| FolderError::Refused {
        path: top.to_owned(),
        source,
    })?;
    let mut entries = entries.flatten();
    let sought = query.filter.to_lowercase();
    let all = query.hidden || sought.starts_with('.');
    let mut hidden = 0;
    let mut found: Vec<(bool, String, String)> = entries
        .by_ref()
        .take(limits::FOLDER_ENTRIES)
        .filter(is_folder)
        .filter_map(|entry| entry.file_name().into_string().ok())
        .filter(|name| {
            let shown = all || !name.starts_with('.');
            hidden += usize::from(!shown);
            shown
        })
        .filter_map(|name| {
            let lower = name.to_lowercase();
            let matches = lower.contains(&sought);
            matches.then(|| (!lower.starts_with(&sought), lower, name))
        })
        .collect();
    let cut = entries.next().is_some();
    found.sort();
    let more = found.len().saturating_sub(limits::FOLDERS_LISTED);
    found.truncate(limits::FOLDERS_LISTED);
    let folders = found.into_iter().map(|(_, _, name)| sub_folder(top, name));
    Ok(Level {
        facts: FolderFacts::of(&folder),
        parent: top.parent().map(Path::to_owned),
        folders: folders.collect(),
        more,
        hidden,
        cut,
        folder,
    })
}

/// Makes one new, empty folder in the folder at `parent`.
///
/// # Errors The name is not the name of one folder, it exists, or the system refuses it.
pub fn make(parent: &Path, name: &str) -> Result<Folder, MakeError> {
    let parent = Folder::resolve(parent)?;
    let mut parts = Path::new(name).components();
    let is_name = matches!(
        (parts.next(), parts.next()),
        (Some(Component::Normal(_)), None)
    );
    let fits = name.len() <= limits::FOLDER_NAME_BYTES && !name.chars().any(char::is_control);
    if !is_name || !fits || name.contains('/') {
        return Err(MakeError::Name(name.chars().take(80).collect()));
    }
    let path = parent.as_path().join(name);
    match fs::create_dir(&path) {
        Ok(()) => Ok(Folder::resolve(&path)?),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(MakeError::Exists(path)),
        Err(source) => Err(MakeError::Refused { path, source }),
    }
}

/// True for a folder, and for a symbolic link that leads to one.
fn is_folder(entry: &DirEntry) -> bool {
    let Ok(kind) = entry.file_type() else {
        return false;
    };
    kind.is_dir()
        || (kind.is_symlink() && fs::metadata(entry.path()).is_ok_and(|followed| followed.is_dir()))
}

fn is_repository(folder: &Path) -> bool {
    folder.join(".git").exists()
}

fn sub_folder(top: &Path, name: String) -> SubFolder {
    let path = top.join(&name);
    let is_link = path.is_symlink();
    let leads_to = is_link.then(|| path.canonicalize().ok()).flatten();
    SubFolder {
        git: is_repository(&path),
        leads_to: leads_to.map(|target| target.to_string_lossy().into_owned()),
        path: path.to_string_lossy().into_owned(),
        name,
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    fn names(level: &Level) -> Vec<&str> {
        let folders = level.folders.iter();
        folders.map(|folder| folder.name.as_str()).collect()
    }

    #[test]
    fn a_level_has_folders_alone_and_links_say_where_they_lead() {
        let dir = tempfile::tempdir().unwrap();
        let top = dir.path().canonicalize().unwrap();
        for name in ["shop/.git", "Api", ".config", "shop/src"] {
            fs::create_dir_all(top.join(name)).unwrap();
        }
        fs::write(top.join("notes"), "").unwrap();
        symlink(top.join("shop"), top.join("link")).unwrap();
        symlink(top.join("notes"), top.join("file-link")).unwrap();
        symlink(top.join("nowhere"), top.join("broken")).unwrap();
        let level_of = |query| level(&top, query).unwrap();

        let usual = level_of(LevelQuery::default());
        assert_eq!(names(&usual), ["Api", "link", "shop"]);
        assert_eq!((usual.hidden, usual.more, usual.cut), (1, 0, false));
        assert_eq!(usual.parent.as_deref(), top.parent());
        let git: Vec<bool> = usual.folders.iter().map(|folder| folder.git).collect();
        assert_eq!(git, [false, true, true]);
        let leads = usual.folders[1].leads_to.as_deref();
        assert_eq!(leads, top.join("shop").to_str());

        let hidden = level_of(LevelQuery {
            hidden: true,
            ..LevelQuery::default()
        });
        assert_eq!(names(&hidden), [".config", "Api", "link", "shop"]);
        let filtered = |filter| {
            level_of(LevelQuery {
                filter,
                ..LevelQuery::default()
            })
        };
        assert_eq!(names(&filtered("P")), ["Api", "shop"]);
        assert_eq!(names(&filtered("S")), ["shop"]);
        assert_eq!(names(&filtered(".c")), [".config"]);
        // A link is followed, and the folder has its one name.
        let inside = level(&top.join("link"), LevelQuery::default()).unwrap();
        assert_eq!(inside.folder.as_path(), top.join("shop"));
        assert!(inside.facts.git && inside.facts.project && !inside.facts.home);
        assert_eq!(names(&inside), ["src"]);
    }

    #[test]
    fn a_level_is_bounded_and_its_filter_finds_the_rest() {
        let dir = tempfile::tempdir().unwrap();
        for nth in 0..limits::FOLDERS_LISTED + 7 {
            fs::create_dir(dir.path().join(format!("f{nth:04}"))).unwrap();
        }
        let all = level(dir.path(), LevelQuery::default()).unwrap();
        assert_eq!((all.folders.len(), all.more), (limits::FOLDERS_LISTED, 7));
        let last = format!("{:04}", limits::FOLDERS_LISTED + 6);
        let query = LevelQuery {
            filter: &last,
            hidden: false,
        };
        let one = level(dir.path(), query).unwrap();
        assert_eq!((one.folders.len(), one.more), (1, 0));
    }

    #[test]
    fn what_cannot_be_opened_is_said() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("file");
        fs::write(&file, "").unwrap();
        let said = |path: &Path| level(path, LevelQuery::default()).unwrap_err().to_string();
        assert!(said(&dir.path().join("none")).contains("does not exist"));
        assert!(said(&file).contains("is not a folder"));
        let locked = dir.path().join("locked");
        fs::create_dir(&locked).unwrap();
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o000)).unwrap();
        // A privileged user opens it all the same.
        if fs::read_dir(&locked).is_err() {
            let said = said(&locked);
            assert!(said.contains("cannot be opened"), "{said}");
        }
        fs::set_permissions(&locked, fs::Permissions::from_mode(0o700)).unwrap();
    }

    #[test]
    fn a_new_folder_is_one_level_inside() {
        let dir = tempfile::tempdir().unwrap();
        let made = make(dir.path(), "new one").unwrap();
        assert!(made.as_path().is_dir() && made.as_path().ends_with("new one"));
        let again = make(dir.path(), "new one").unwrap_err();
        assert!(matches!(again, MakeError::Exists(_)), "{again}");
        for name in ["", ".", "..", "a/b", "/tmp", "a/", "../x", "a\nb"] {
            let refused = make(dir.path(), name).unwrap_err();
            assert!(matches!(refused, MakeError::Name(_)), "{name}: {refused}");
        }
        let long = "x".repeat(limits::FOLDER_NAME_BYTES + 1);
        assert!(matches!(make(dir.path(), &long), Err(MakeError::Name(_))));
    }
}
