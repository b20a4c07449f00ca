//! Runs git in folders of this machine: reads what changed, and changes what a person asks for.
//!
//! Never a shell: arguments are lists, paths are literal and come after `--`, what is printed and how long it takes is bounded. Reads take
//! no locks and run no hooks. Only folders are opened in which an OpenCode server of this user works already: that server has run what
//! their configuration says.

mod discard;
mod identity;
mod include;
mod merge;
mod overlap;
mod progress;
mod read;
mod removal;
mod run;
mod setup;
mod sides;
mod untracked;
mod worktrees;
mod write;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use changes::FilePath;

pub use include::Included;
pub(crate) use merge::list_of;
pub use merge::{Merge, MergeCheck, MergeHow};
pub use overlap::{Overlap, overlaps};
pub use progress::Progress;
pub use read::{Compared, GitScope, Listed, Listing};
pub use removal::Removed;
pub(crate) use run::Group;
pub use setup::{SETUP, Setup};
pub use worktrees::{NewTree, Standing, Worktree};
pub use write::{Act, Done, Lines, seen};

use run::Run;

/// The reason why git did not do something.
#[derive(Debug, thiserror::Error)]
pub enum GitError {
    /// There is no program of this name.
    #[error("git is not installed on this machine. Install git, then open the changes again")]
    Missing,
    /// The folder is in no repository.
    #[error(
        "{folder} is in no git repository, so that there is nothing to compare. Run `git init` there to see changes from then on",
        folder = _0
    )]
    NoRepository(String),
    /// The folder does not exist, or cannot be read.
    #[error("the folder {path} cannot be opened: {source}")]
    NoFolder {
        /// Its path.
        path: String,
        /// The system's reason.
        source: std::io::Error,
    },
    /// git refused.
    #[error("`{command}` failed: {words}")]
    Failed {
        /// The program and its subcommand.
        command: String,
        /// Messages of git and its hooks.
        words: String,
    },
    /// git took too long.
    #[error("`{command}` took longer than {seconds} s and was ended")]
    Slow {
        /// The program and its subcommand.
        command: String,
        /// The time that it had.
        seconds: u64,
    },
    /// git printed too much.
    #[error("`{command}` printed more than {megabytes} MB, which is not read", megabytes = bytes >> 20)]
    TooMuch {
        /// The program and its subcommand.
        command: String,
        /// The bound.
        bytes: usize,
    },
    /// The name cannot be one of a branch or commit.
    #[error("there is no branch or commit {name}. Choose another base", name = _0)]
    NoSuchBase(String),
    /// Two histories have nothing in common.
    #[error("this branch and {name} have no commit in common. Choose another base", name = _0)]
    NoMergeBase(String),
    /// The path is not one of the changed files.
    #[error("this file has no change here any more. Reload the list")]
    NoSuchFile,
    /// What would be staged is not what was seen.
    #[error("the file changed since it was shown. Look at it again, then repeat")]
    Stale,
    /// Lines of this file cannot be chosen.
    #[error("single lines of this file cannot be staged: {reason}", reason = _0)]
    NoLines(&'static str),
    /// The folder is none of the repository's work trees.
    #[error("{path} is no work tree of this repository. Reload the list", path = _0)]
    NoWorktree(String),
    /// A branch or folder of this name exists.
    #[error("there is a branch or folder {name} already. Choose another name", name = _0)]
    Taken(String),
    /// The name cannot be one of a branch.
    #[error("{name} cannot be the name of a branch. Choose another name", name = _0)]
    BadName(String),
    /// Something in a work tree would be lost, or is in the way.
    #[error("{0}")]
    Unsaved(String),
    /// Two branches conflict.
    #[error(
        "{branch} and {into} conflict in {files}. Nothing was changed. Resolve it in the work tree: merge {into} there, then try again",
        files = list_of(paths)
    )]
    Conflicts {
        /// The branch.
        branch: String,
        /// The one that it would be merged into.
        into: String,
        /// The paths.
        paths: Vec<FilePath>,
    },
    /// A merge needs a program that git's settings name, and none is run.
    #[error(
        "it cannot be tried here because the repository sets a merge driver for {files}, and Drovers runs none. Nothing was changed. Merge {into} into {branch} in a terminal, then try again",
        files = list_of(paths)
    )]
    Untried {
        /// The branch.
        branch: String,
        /// The one that it would be merged into.
        into: String,
        /// The paths.
        paths: Vec<FilePath>,
    },
    /// Something is missing in the request.
    #[error("{0}")]
    Invalid(&'static str),
    /// The system refused something.
    #[error("git could not be run: {error}", error = _0)]
    System(#[from] std::io::Error),
}

/// A work tree of a repository. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Repository {
    /// The top folder, without symbolic links.
    root: PathBuf,
    /// The folder of the repository's data, of this work tree.
    git_dir: PathBuf,
    /// The folder of what all work trees of the repository share.
    common: PathBuf,
    /// Where writing runs report what they print.
    progress: Option<Arc<Progress>>,
}

impl Repository {
    /// Finds the work tree that a folder belongs to.
    ///
    /// # Errors
    /// There is none, or git cannot be run.
    pub async fn open(folder: &Path) -> Result<Self, GitError> {
        let missing = |source| GitError::NoFolder {
            path: folder.display().to_string(),
            source,
        };
        let folder = tokio::fs::canonicalize(folder).await.map_err(missing)?;
        let run = Run::read(&folder, "rev-parse").args([
            "--path-format=absolute",
            "--show-toplevel",
            "--absolute-git-dir",
            "--git-common-dir",
        ]);
        let printed = run.go().await.map_err(|error| match error {
            GitError::Failed { words, .. } if words.contains("not a git repository") => {
                GitError::NoRepository(folder.display().to_string())
            }
            error => error,
        })?;
        use std::os::unix::ffi::OsStrExt;
        let mut lines = printed.split(|byte| *byte == b'\n');
        let mut next = || {
            PathBuf::from(std::ffi::OsStr::from_bytes(
                lines.next().unwrap_or_default(),
            ))
        };
        let (root, git_dir, common) = (next(), next(), next());
        Ok(Self {
            root,
            git_dir,
            common,
            progress: None,
        })
    }

    /// The same work tree, whose writing runs report what they print.
    #[must_use]
    pub fn reporting(self, progress: Arc<Progress>) -> Self {
        Self {
            progress: Some(progress),
            ..self
        }
    }

    /// A run that a person asked for.
    fn write(&self, command: &'static str) -> Run {
        Run::write(&self.root, command).reporting(self.progress.clone())
    }

    /// The top folder.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// True for a work tree that was added by `git worktree`.
    pub fn is_linked(&self) -> bool {
        self.git_dir != self.common
    }

    /// The folder of the data that all work trees of the repository share.
    pub fn common(&self) -> &Path {
        &self.common
    }

    /// Where a file of the work tree is: below the top folder, and not beyond a symbolic link.
    ///
    /// # Errors
    /// The path leads out of the work tree.
    async fn place(&self, path: &FilePath) -> Result<PathBuf, GitError> {
        use std::os::unix::ffi::OsStrExt;
        if !path.is_inside() {
            return Err(GitError::NoSuchFile);
        }
        let (folder, name) = path.split();
        let folder = self.root.join(std::ffi::OsStr::from_bytes(folder));
        let folder = tokio::fs::canonicalize(folder).await;
        let folder = folder.map_err(|_| GitError::NoSuchFile)?;
        match folder.starts_with(&self.root) {
            true => Ok(folder.join(std::ffi::OsStr::from_bytes(name))),
            false => Err(GitError::NoSuchFile),
        }
    }
}
