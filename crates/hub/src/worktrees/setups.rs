//! Set-up commands that a person allowed, by repository and exact content: `setups.json` (mode 0600) in the data directory.
//!
//! The file with a set-up command is in the repository, where agents write. So a content is run only after a person read it and allowed
//! it; another content is another command.

use std::collections::VecDeque;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

use crate::datadir::write_private;
use crate::limits;

/// The file's name in the data directory.
pub const FILE: &str = "setups.json";

/// An allowed content.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Allowed {
    /// The folder of the repository's data.
    repository: PathBuf,
    /// The hash of the content.
    fingerprint: String,
}

/// The allowed set-up commands of a hub, oldest first. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Setups {
    file: Arc<PathBuf>,
    allowed: Arc<Mutex<VecDeque<Allowed>>>,
}

impl Setups {
    /// Those that a file has; one that cannot be read has none. Blocks on the disk.
    pub fn load(file: PathBuf) -> Self {
        let allowed = match fs::read(&file) {
            Ok(bytes) => serde_json::from_slice(&bytes).unwrap_or_else(|error| {
                tracing::warn!(path = %file.display(), %error, "no set-up command counts as allowed: the file is damaged");
                VecDeque::new()
            }),
            Err(error) => {
                if error.kind() != io::ErrorKind::NotFound {
                    tracing::warn!(path = %file.display(), %error, "no set-up command counts as allowed: the file cannot be read");
                }
                VecDeque::new()
            }
        };
        Self {
            file: Arc::new(file),
            allowed: Arc::new(Mutex::new(allowed)),
        }
    }

    /// True if a person allowed this content in this repository.
    pub fn has(&self, repository: &Path, fingerprint: &str) -> bool {
        let mut known = self.lock().clone().into_iter();
        known.any(|one| one.repository == repository && one.fingerprint == fingerprint)
    }

    /// Allows a content from now on. Blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses: the content is not allowed then.
    pub fn allow(&self, repository: &Path, fingerprint: &str) -> io::Result<()> {
        if self.has(repository, fingerprint) {
            return Ok(());
        }
        let mut allowed = self.lock();
        let mut next = allowed.clone();
        next.push_back(Allowed {
            repository: repository.to_owned(),
            fingerprint: fingerprint.to_owned(),
        });
        while next.len() > limits::SETUPS_ALLOWED {
            next.pop_front();
        }
        write_private(&self.file, &serde_json::to_vec_pretty(&next)?)?;
        *allowed = next;
        Ok(())
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<Allowed>> {
        self.allowed.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn a_content_is_allowed_in_its_repository_alone_and_over_a_restart() {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join(FILE);
        let setups = Setups::load(file.clone());
        let (one, other) = (Path::new("/one/.git"), Path::new("/other/.git"));
        setups.allow(one, "a").unwrap();
        setups.allow(one, "a").unwrap();
        let again = Setups::load(file.clone());
        assert!(again.has(one, "a") && !again.has(one, "b") && !again.has(other, "a"));
        assert_eq!(again.lock().len(), 1);
        fs::write(&file, "[{").unwrap();
        assert!(!Setups::load(file).has(one, "a"));
    }

    #[test]
    fn of_too_many_the_oldest_is_asked_for_again() {
        let home = tempfile::tempdir().unwrap();
        let setups = Setups::load(home.path().join(FILE));
        let many = (0..limits::SETUPS_ALLOWED).map(|nth| Allowed {
            repository: "/p".into(),
            fingerprint: nth.to_string(),
        });
        *setups.lock() = many.collect();
        setups.allow(Path::new("/p"), "new").unwrap();
        assert!(setups.has(Path::new("/p"), "new") && !setups.has(Path::new("/p"), "0"));
    }
}
