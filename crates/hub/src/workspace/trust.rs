//! Trusted folders: `trusted.json` (mode 0600) in the data directory.
//!
//! An OpenCode server runs the configuration of its folder: plugins, tools, commands, MCP servers. So none is started
//! in a folder before a person has confirmed that the folder is trusted.

mod starts;

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

pub use starts::Starts;

use super::{Folder, limits};
use crate::datadir::{DataDir, write_private};

/// File name of the trusted folders.
const FILE: &str = "trusted.json";

/// The version written, and the only one read.
const VERSION: u32 = 1;

/// Files and folders of a project that OpenCode 1.18 reads and that can make it run code.
const CONFIGURATION: [&str; 14] = [
    "opencode.json",
    "opencode.jsonc",
    ".opencode/opencode.json",
    ".opencode/opencode.jsonc",
    ".opencode/plugin",
    ".opencode/plugins",
    ".opencode/tool",
    ".opencode/tools",
    ".opencode/command",
    ".opencode/commands",
    ".opencode/agent",
    ".opencode/agents",
    ".opencode/skill",
    ".opencode/skills",
];

/// The trusted folders.
#[derive(Debug)]
pub struct Trust {
    file: PathBuf,
    folders: Vec<Folder>,
}

#[derive(Serialize, Deserialize)]
struct Stored {
    version: u32,
    folders: Vec<Folder>,
}

/// A folder is not trusted yet.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a server that is started in {folder} runs what that folder's configuration tells it to, and nobody has confirmed yet that it \
     is trusted. {}",
    UntrustedConfig(loads, unseen.as_deref(), starts)
)]
pub struct Untrusted {
    /// The folder.
    pub folder: Folder,
    /// The configuration that OpenCode would load there, and from the folders above it: up to the top of its
    /// repository, or `/` without one.
    pub loads: Vec<PathBuf>,
    /// The first of those folders that was not checked.
    pub unseen: Option<PathBuf>,
    /// The programs that it would start.
    pub starts: Starts,
}

/// The configuration that was found, the first folder that was not checked, and what would be started.
struct UntrustedConfig<'a>(&'a [PathBuf], Option<&'a Path>, &'a Starts);

impl fmt::Display for UntrustedConfig<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(loads, unseen, starts) = self;
        match (loads.is_empty(), unseen) {
            (true, None) => f.write_str("The folder has no configuration now")?,
            (true, Some(_)) => f.write_str("No configuration was found")?,
            (false, _) => f.write_str("It would load ")?,
        }
        for (at, path) in loads.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{}", path.display())?;
        }
        if let Some(path) = unseen {
            let path = path.display();
            write!(f, ", but {path} and the folders above it were not checked")?;
        }
        fmt::Display::fmt(starts, f)
    }
}

impl Trust {
    /// Loads the trusted folders; on the first start, folders that were used before count as trusted. Blocks on the
    /// disk.
    ///
    /// An invalid file counts as empty: folders must be trusted again.
    ///
    /// # Errors The disk reports an error.
    pub fn load(dir: &DataDir, known: impl IntoIterator<Item = Folder>) -> io::Result<Self> {
        Self::look(dir.path(), known)
    }

    /// The same of the data directory at `path`, which a hub may use. Blocks on the disk, and changes nothing.
    ///
    /// # Errors The disk reports an error.
    pub fn look(path: &Path, known: impl IntoIterator<Item = Folder>) -> io::Result<Self> {
        let file = path.join(FILE);
        let read = match fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            read => Some(read?),
        };
        let Some(bytes) = read else {
            let folders = known.into_iter().collect();
            return Ok(Self { file, folders });
        };
        let folders = match serde_json::from_slice(&bytes) {
            Ok(Stored {
                version: VERSION,
                folders,
            }) => folders,
            _ => {
                tracing::warn!("{} is invalid: no folder is trusted", file.display());
                Vec::new()
            }
        };
        Ok(Self { file, folders })
    }

    /// True if a person trusts the folder.
    pub fn has(&self, folder: &Folder) -> bool {
        self.folders.contains(folder)
    }

    /// Trusts a folder from now on. Blocks on the disk.
    ///
    /// # Errors The disk reports an error: the folder is not trusted then.
    pub fn add(&mut self, folder: &Folder) -> io::Result<()> {
        let mut folders = self.folders.clone();
        if !self.has(folder) {
            folders.push(folder.clone());
        }
        let many = folders.len().saturating_sub(limits::TRUSTED);
        folders.drain(..many);
        let stored = Stored {
            version: VERSION,
            folders,
        };
        write_private(&self.file, &serde_json::to_vec_pretty(&stored)?)?;
        self.folders = stored.folders;
        Ok(())
    }
}

impl Trust {
    /// Takes a folder out that is gone. Blocks on the disk.
    ///
    /// # Errors The disk reports an error: the folder stays trusted then.
    pub fn remove(&mut self, folder: &Path) -> io::Result<()> {
        let mut folders = self.folders.clone();
        folders.retain(|known| !known.as_path().starts_with(folder));
        if folders.len() == self.folders.len() {
            return Ok(());
        }
        let stored = Stored {
            version: VERSION,
            folders,
        };
        write_private(&self.file, &serde_json::to_vec_pretty(&stored)?)?;
        self.folders = stored.folders;
        Ok(())
    }
}

impl Untrusted {
    /// Finds the configuration that OpenCode would load in a folder. Blocks on the disk.
    pub fn look(folder: &Folder) -> Self {
        let (places, unseen) = searched(folder.as_path());
        Self::among(folder, places, unseen)
    }

    /// Finds the configuration that OpenCode would load in a linked working tree below a folder, besides the tree's own: from the folder
    /// and those above it, up to `/`. Blocks on the disk.
    pub fn look_above(folder: &Folder) -> Self {
        let mut above = folder.as_path().ancestors();
        let places = above.by_ref().take(limits::ABOVE).collect();
        Self::among(folder, places, above.next())
    }

    fn among(folder: &Folder, places: Vec<&Path>, unseen: Option<&Path>) -> Self {
        let loads: Vec<_> = places
            .into_iter()
            .flat_map(|place| CONFIGURATION.map(|name| place.join(name)))
            .filter(|path| path.exists())
            .collect();
        Self {
            folder: folder.clone(),
            starts: Starts::of(&loads),
            loads,
            unseen: unseen.map(Path::to_owned),
        }
    }
}

/// The folders in which OpenCode 1.18 looks for configuration, from this one up, and the first of them beyond
/// [`limits::ABOVE`]. Ends at the top of a repository; without one, and in a linked working tree, the project is `/`.
fn searched(folder: &Path) -> (Vec<&Path>, Option<&Path>) {
    let mut above = folder.ancestors();
    let mut places = Vec::new();
    for place in above.by_ref().take(limits::ABOVE) {
        places.push(place);
        if is_top(place) {
            return (places, None);
        }
    }
    (places, above.next())
}

/// True for the top of a git repository. git ignores a `.git` without these files.
fn is_top(place: &Path) -> bool {
    let git = place.join(".git");
    ["HEAD", "objects", "refs"]
        .iter()
        .all(|name| git.join(name).exists())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn folder(home: &Path, name: &str) -> Folder {
        let path = home.join(name);
        fs::create_dir_all(&path).unwrap();
        Folder::resolve(&path).unwrap()
    }

    #[test]
    fn what_is_trusted_stays_so_and_what_was_known_is() {
        let home = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&home.path().join("data")).unwrap();
        let [old, new, other] = ["old", "new", "other"].map(|name| folder(home.path(), name));
        let mut trust = Trust::load(&dir, [old.clone()]).unwrap();
        assert!(trust.has(&old) && !trust.has(&new));
        trust.add(&new).unwrap();
        let mode = dir.file(FILE).metadata().unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        // Folders that become known later were not known before.
        let trust = Trust::load(&dir, [other.clone()]).unwrap();
        assert!(trust.has(&old) && trust.has(&new) && !trust.has(&other));
        fs::write(dir.file(FILE), "{}").unwrap();
        assert!(!Trust::load(&dir, [old.clone()]).unwrap().has(&old));
    }

    #[test]
    fn of_too_many_the_oldest_is_asked_for_again() {
        let home = tempfile::tempdir().unwrap();
        let dir = DataDir::open(&home.path().join("data")).unwrap();
        let one = folder(home.path(), "one");
        let many = (0..limits::TRUSTED).map(|_| one.clone());
        let mut trust = Trust::load(&dir, many).unwrap();
        let new = folder(home.path(), "new");
        trust.add(&new).unwrap();
        assert!(trust.has(&new) && trust.folders.len() == limits::TRUSTED);
    }

    fn repository(top: &Path) {
        for name in ["objects", "refs"] {
            fs::create_dir_all(top.join(".git").join(name)).unwrap();
        }
        fs::write(top.join(".git/HEAD"), "ref: refs/heads/main\n").unwrap();
    }

    #[test]
    fn what_would_be_loaded_is_named_up_to_the_repositorys_top() {
        let home = tempfile::tempdir().unwrap();
        let inner = folder(home.path(), "repo/inner");
        let repo = Folder::resolve(&home.path().join("repo")).unwrap();
        fs::write(home.path().join("opencode.json"), "{}").unwrap();
        repository(repo.as_path());
        assert!(
            Untrusted::look(&inner)
                .to_string()
                .ends_with("The folder has no configuration now")
        );
        fs::create_dir_all(repo.as_path().join(".opencode/plugin")).unwrap();
        fs::write(inner.as_path().join("opencode.jsonc"), "{}").unwrap();
        let loads = [
            inner.as_path().join("opencode.jsonc"),
            repo.as_path().join(".opencode/plugin"),
        ];
        let untrusted = Untrusted::look(&inner);
        assert_eq!(untrusted.loads, loads);
        assert!(untrusted.to_string().ends_with("repo/.opencode/plugin"));
    }

    #[test]
    fn where_git_sees_no_top_every_folder_above_is_looked_at() {
        let home = tempfile::tempdir().unwrap();
        let inner = folder(home.path(), "a/b/inner");
        let home = Folder::resolve(home.path()).unwrap();
        let above = home.as_path().join(".opencode/plugins");
        fs::create_dir_all(&above).unwrap();
        let look = || {
            let untrusted = Untrusted::look(&inner);
            assert_eq!(untrusted.unseen, None);
            // What this machine keeps above is its own.
            let loads = untrusted.loads.into_iter();
            loads
                .filter(|path| path.starts_with(home.as_path()))
                .collect::<Vec<_>>()
        };
        assert_eq!(look(), std::slice::from_ref(&above));
        let git = inner.as_path().join(".git");
        fs::create_dir(&git).unwrap();
        assert_eq!(look(), std::slice::from_ref(&above), "no repository");
        fs::remove_dir(&git).unwrap();
        fs::write(&git, "gitdir: /elsewhere/.git/worktrees/inner\n").unwrap();
        assert_eq!(look(), [above], "a linked working tree");
    }

    #[test]
    fn unscanned_folders_are_listed() {
        let home = tempfile::tempdir().unwrap();
        let home = Folder::resolve(home.path()).unwrap();
        fs::write(home.as_path().join("opencode.json"), "{}").unwrap();
        let deep = folder(home.as_path(), &"d/".repeat(limits::ABOVE));
        let text = |look: &Untrusted| look.to_string();
        let untrusted = Untrusted::look(&deep);
        assert_eq!(untrusted.loads, [] as [PathBuf; 0]);
        assert_eq!(untrusted.unseen.as_deref(), Some(home.as_path()));
        let unseen = format!("but {home} and the folders above it were not checked");
        assert!(text(&untrusted).ends_with(&format!("No configuration was found, {unseen}")));
        fs::write(deep.as_path().join("opencode.json"), "{}").unwrap();
        let found = text(&Untrusted::look(&deep));
        let last = found.split("It would load ").last().unwrap();
        assert_eq!(last, format!("{deep}/opencode.json, {unseen}"));
    }
}
