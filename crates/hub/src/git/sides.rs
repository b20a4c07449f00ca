//! Both sides of a large file, read without git comparing them first: that alone takes longer than a person waits for the first lines.

use changes::{FileChange, FileDiff, FileKind, FileStatus, Options};

use super::read::blocking;
use super::run::Run;
use super::untracked::{self, is_binary};
use super::{GitError, Repository};
use crate::limits;

/// Attributes by which git reads a work file as something else than its bytes, or decides whether it is a text.
const READ_OTHERWISE: [&[u8]; 8] = [
    b"text",
    b"eol",
    b"crlf",
    b"filter",
    b"ident",
    b"working-tree-encoding",
    b"diff",
    b"binary",
];

/// Settings by which git reads line ends of work files as others.
const LINE_ENDS: &str = r"^core\.(autocrlf|eol)$";

impl Repository {
    /// Compares both sides of a large text whose work file is read as it is; `None` for every other file, which git has to compare.
    pub(super) async fn large(
        &self,
        file: &FileChange,
        options: Options,
    ) -> Result<Option<FileDiff>, GitError> {
        let is_file = |kind| matches!(kind, FileKind::File | FileKind::Executable);
        let is_change = file.status == FileStatus::Modified && file.old_path.is_none();
        if !is_change || !is_file(file.old_kind) || !is_file(file.new_kind) {
            return Ok(None);
        }
        let is_stored = file.new_id.bytes().any(|digit| digit != b'0');
        if is_stored || !self.is_large(file).await || !self.is_read_as_it_is(file).await? {
            return Ok(None);
        }
        let most = limits::GIT_FILE_BYTES;
        let (old, new) = (
            self.content(file, true, most).await?,
            self.content(file, false, most).await?,
        );
        let Some((old, new)) = old.zip(new) else {
            return Ok(None);
        };
        if is_binary(&old) || is_binary(&new) {
            return Ok(None);
        }
        let compare = move || Ok(Some(FileDiff::of_texts(old, new, options)));
        blocking(compare).await
    }

    async fn is_large(&self, file: &FileChange) -> bool {
        let Ok(place) = self.place(&file.path).await else {
            return false;
        };
        let size = blocking(move || Ok(untracked::look(&place, 0)?.size)).await;
        size.is_ok_and(|size| size >= limits::GIT_LARGE_BYTES)
    }

    /// True if no attribute and no setting makes git read the work file as anything but its bytes.
    async fn is_read_as_it_is(&self, file: &FileChange) -> Result<bool, GitError> {
        let run = Run::read(&self.root, "check-attr").args(["-z", "--all"]);
        let attributes = run.paths([&file.path]).go().await?;
        let mut names = attributes.split(|byte| *byte == 0).skip(1).step_by(3);
        if names.any(|name| READ_OTHERWISE.contains(&name)) {
            return Ok(false);
        }
        let run = Run::read(&self.root, "config").args(["--get-regexp", LINE_ENDS]);
        match run.go().await {
            Ok(settings) => Ok(settings.is_empty()),
            // git says by its status that there is none.
            Err(GitError::Failed { words, .. }) if words.is_empty() => Ok(true),
            Err(error) => Err(error),
        }
    }
}
