//! Folders that a person trusts: `trusted.json` (mode 0600) in the data directory.
//!
//! An OpenCode server runs what a folder's own configuration tells it to: plugins, tools, commands, servers of tools. So none
//! is started in a folder before a person said once that this is fine.

use std::fmt;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::{Folder, limits};
use crate::datadir::{DataDir, write_private};

/// Where they are kept.
const FILE: &str = "trusted.json";

/// The version written, and the only one read.
const VERSION: u32 = 1;

/// Files and folders of a project that OpenCode 1.18 reads and that can make it run something.
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

/// The folders that are trusted.
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
    "a server that is started in {folder} runs what that folder's configuration tells it to, and nobody has said yet that it \
     is trusted. {}",
    Found(loads)
)]
pub struct Untrusted {
    /// The folder.
    pub folder: Folder,
    /// What OpenCode would load there, and from the folders above it in the same repository.
    pub loads: Vec<PathBuf>,
}

struct Found<'a>(&'a [PathBuf]);

impl fmt::Display for Found<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("It has no configuration now");
        }
        f.write_str("It would load ")?;
        for (at, path) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{}", path.display())?;
        }
        Ok(())
    }
}

impl Trust {
    /// Reads them; the first time, folders that were worked in before count as trusted. Blocks on the disk.
    ///
    /// A file that makes no sense is none: whoever wants to work in a folder is asked again.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn load(dir: &DataDir, known: impl IntoIterator<Item = Folder>) -> io::Result<Self> {
        let file = dir.file(FILE);
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
                tracing::warn!("{} makes no sense: no folder is trusted", file.display());
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
    /// # Errors
    /// The disk refuses: it is not trusted then.
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

impl Untrusted {
    /// Looks at what OpenCode would load in a folder. Blocks on the disk.
    pub fn look(folder: &Folder) -> Self {
        let loads = repository(folder.as_path())
            .into_iter()
            .flat_map(|place| CONFIGURATION.map(|name| place.join(name)))
            .filter(|path| path.exists())
            .collect();
        Self {
            folder: folder.clone(),
            loads,
        }
    }
}

/// The folder, and those above it up to its repository's top; the folder alone if it is in none.
fn repository(folder: &Path) -> Vec<&Path> {
    let above: Vec<&Path> = folder.ancestors().take(limits::ABOVE).collect();
    let top = above.iter().position(|place| place.join(".git").exists());
    above.into_iter().take(top.unwrap_or(0) + 1).collect()
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
        // What is known later was not known before.
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

    #[test]
    fn what_would_be_loaded_is_named_up_to_the_repositorys_top() {
        let home = tempfile::tempdir().unwrap();
        let inner = folder(home.path(), "repo/inner");
        let repo = Folder::resolve(&home.path().join("repo")).unwrap();
        fs::write(home.path().join("opencode.json"), "{}").unwrap();
        assert!(
            Untrusted::look(&inner)
                .to_string()
                .contains("no configuration")
        );
        fs::create_dir(repo.as_path().join(".git")).unwrap();
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
}
