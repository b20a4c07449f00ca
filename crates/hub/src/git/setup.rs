//! The set-up command of a project: a script in its repository, which a person allows by its exact content.

use sha2::{Digest, Sha256};

use changes::FilePath;

use super::run::Run;
use super::{GitError, Repository};
use crate::limits;

/// The file with the script.
pub const SETUP: &str = ".drovers/setup.sh";

/// A set-up command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The script, for `/bin/sh`.
    pub content: String,
    /// A hash of it, by which a person allows it.
    pub fingerprint: String,
}

impl Setup {
    /// The set-up command with this content.
    pub fn of(content: String) -> Self {
        let digest = Sha256::digest(content.as_bytes());
        let fingerprint = digest.iter().map(|byte| format!("{byte:02x}")).collect();
        Self {
            content,
            fingerprint,
        }
    }
}

impl Repository {
    /// The set-up command that a commit has.
    ///
    /// # Errors
    /// It is too long or no text, or git refuses.
    pub async fn setup(&self, commit: &str) -> Result<Option<Setup>, GitError> {
        let run = Run::read(&self.root, "ls-tree").args(["-z", "--full-tree", commit]);
        let listed = run.paths([&FilePath::new(SETUP)]).go().await?;
        let listed = String::from_utf8_lossy(&listed);
        let mut words = listed.split([' ', '\t']);
        let (Some(mode), Some("blob"), Some(id)) = (words.next(), words.next(), words.next())
        else {
            return Ok(None);
        };
        if !matches!(mode, "100644" | "100755") {
            return Ok(None);
        }
        let run = Run::read(&self.root, "cat-file").args(["blob", id]);
        let content = run.bytes(limits::SETUP_BYTES).go().await?;
        let content = String::from_utf8(content);
        let content = content.ok().filter(|content| !content.contains('\0'));
        content.map(Setup::of).map(Some).ok_or(GitError::Invalid(
            "the set-up command `.drovers/setup.sh` is no text, and is not run",
        ))
    }
}
