//! What a comparison is made of, as a name: equal names have equal comparisons.

use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use changes::{FileChange, FileStatus, Options};
use sha2::{Digest, Sha256};

use super::read::blocking;
use super::{GitError, GitScope, Repository, untracked};
use crate::limits;

impl Repository {
    /// Names both sides of a file and what decides how git reads them. `None` for a file in conflict, which has more than two sides.
    pub async fn identity(
        &self,
        scope: &GitScope,
        file: &FileChange,
        options: Options,
    ) -> Option<[u8; 32]> {
        if file.status == FileStatus::Conflicted {
            return None;
        }
        let content = self.content_name(file, *scope == GitScope::Staged).await;
        let settings = self.settings_of(file);
        let mut hash = Sha256::new();
        let parts = [
            self.root.as_os_str().as_bytes(),
            file.path.as_bytes(),
            file.old_path.as_ref().map_or(b"", |old| old.as_bytes()),
            file.old_kind.mode().as_bytes(),
            file.old_id.as_bytes(),
            file.new_kind.mode().as_bytes(),
            content.as_bytes(),
            &[u8::from(options.ignore_space)],
        ];
        for part in parts {
            hash.update(part.len().to_le_bytes());
            hash.update(part);
        }
        let name = move || {
            for path in settings {
                hash.update(read(&path)?);
            }
            Ok(hash.finalize().into())
        };
        blocking(name).await.ok()
    }

    /// Files of the repository by which git tells binary files from texts, and knows how lines end.
    fn settings_of(&self, file: &FileChange) -> Vec<PathBuf> {
        let (folder, _) = file.path.split();
        let folder = self.root.join(std::ffi::OsStr::from_bytes(folder));
        let above = folder
            .ancestors()
            .take_while(|one| one.starts_with(&self.root));
        let attributes = above.map(|one| one.join(".gitattributes"));
        let shared = ["config", "info/attributes"].map(|name| self.common.join(name));
        attributes.chain(shared).collect()
    }
}

/// What such a file has, with its length; nothing of one that does not exist. A link is not followed.
fn read(path: &Path) -> Result<Vec<u8>, GitError> {
    let content = match untracked::look(path, limits::GIT_SETTINGS_BYTES) {
        Ok(found) => found.content.ok_or(GitError::NoSuchFile)?,
        Err(_) => Vec::new(),
    };
    let mut read = content.len().to_le_bytes().to_vec();
    read.extend(content);
    Ok(read)
}
