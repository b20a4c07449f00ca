//! What a person changes: stage, unstage, discard, commit, push, branch.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;

use changes::{Base, FileChange, FileDiff, FileKind, FilePath, FileStatus, Options, Selection};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::read::{GitScope, line};
use super::run::Run;
use super::{GitError, Repository};

/// Variables that name Drovers as the author of a commit that no branch has.
pub(super) const OWN_NAME: [(&str, &str); 4] = [
    ("GIT_AUTHOR_NAME", "Drovers"),
    ("GIT_AUTHOR_EMAIL", "drovers@localhost"),
    ("GIT_COMMITTER_NAME", "Drovers"),
    ("GIT_COMMITTER_EMAIL", "drovers@localhost"),
];

/// Lines of a file's diff.
#[derive(Clone, Debug, Default, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
pub struct Lines {
    /// Numbers of lines before that go, from 1.
    #[serde(default)]
    pub gone: Vec<usize>,
    /// Numbers of lines after that come, from 1.
    #[serde(default)]
    pub come: Vec<usize>,
    /// The `seen` of the diff that was shown.
    pub seen: String,
}

/// An act on a repository. Paths are percent-encoded, as lists have them.
#[derive(Clone, Debug, Deserialize, utoipa::ToSchema)]
#[serde(tag = "do", rename_all = "snake_case")]
pub enum Act {
    /// Puts a file, or lines of what is not staged of it, into the index.
    Stage {
        /// The file.
        path: String,
        /// The path that it had.
        #[serde(default)]
        old: Option<String>,
        /// The lines; all of it if absent.
        #[serde(default)]
        lines: Option<Lines>,
    },
    /// Takes a file, or lines of what is staged of it, out of the index.
    Unstage {
        /// The file.
        path: String,
        /// The path that it had.
        #[serde(default)]
        old: Option<String>,
        /// The lines; all of it if absent.
        #[serde(default)]
        lines: Option<Lines>,
    },
    /// Gives a file the content of the last commit. What it had is kept under a name.
    Discard {
        /// The file.
        path: String,
        /// The path that it had.
        #[serde(default)]
        old: Option<String>,
    },
    /// Brings back what was discarded.
    Restore {
        /// The file.
        path: String,
        /// The path that it had.
        #[serde(default)]
        old: Option<String>,
        /// The name under which it is kept.
        kept: String,
    },
    /// Commits what is staged.
    Commit {
        /// The message.
        message: String,
        /// True if it replaces the last commit, whose message stays if there is no other.
        #[serde(default)]
        amend: bool,
    },
    /// Pushes the branch to the one that it follows; one that follows none, to `origin`.
    Push,
    /// Begins a branch here and checks it out.
    Branch {
        /// Its name.
        name: String,
    },
    /// Opens a pull request by `gh`, or `glab` where that is not there.
    PullRequest,
}

/// The result of an act.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Done {
    /// Output of git and its hooks.
    pub output: String,
    /// The name under which a discarded state is kept.
    pub kept: Option<String>,
    /// What brings it back in a shell, in the top folder.
    pub command: Option<String>,
}

/// Identifies what a diff shows: both sides.
pub fn seen(diff: &FileDiff) -> String {
    let mut hash = Sha256::new();
    for segment in diff.segments() {
        hash.update(segment.old.bytes().len().to_le_bytes());
        hash.update(segment.old.bytes());
        hash.update(segment.new.bytes());
    }
    let digest = hash.finalize();
    digest[..12]
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn path_of(id: &str) -> Result<FilePath, GitError> {
    let path = FilePath::from_id(id).filter(FilePath::is_inside);
    path.ok_or(GitError::NoSuchFile)
}

fn paths_of(path: &str, old: Option<&str>) -> Result<Vec<FilePath>, GitError> {
    [Some(path), old]
        .into_iter()
        .flatten()
        .map(path_of)
        .collect()
}

impl Repository {
    /// Carries out an act. `now` makes the names of discarded states: milliseconds since 1970.
    ///
    /// # Errors
    /// git or one of its hooks refuses, with their words; or what was seen is not there any more.
    pub async fn act(&self, act: Act, now: i64) -> Result<Done, GitError> {
        match act {
            Act::Stage {
                path,
                old,
                lines: None,
            } => self.stage(paths_of(&path, old.as_deref())?).await,
            Act::Unstage {
                path,
                old,
                lines: None,
            } => self.unstage(&paths_of(&path, old.as_deref())?).await,
            Act::Stage {
                path,
                old,
                lines: Some(lines),
            } => {
                let paths = paths_of(&path, old.as_deref())?;
                self.lines(GitScope::Unstaged, &paths, lines).await
            }
            Act::Unstage {
                path,
                old,
                lines: Some(lines),
            } => {
                let paths = paths_of(&path, old.as_deref())?;
                self.lines(GitScope::Staged, &paths, lines).await
            }
            Act::Discard { path, old } => {
                self.discard(&paths_of(&path, old.as_deref())?, now).await
            }
            Act::Restore { path, old, kept } => {
                let paths = paths_of(&path, old.as_deref())?;
                self.restore(&paths, &kept, now).await
            }
            Act::Commit { message, amend } => self.commit(message, amend).await,
            Act::Push => self.push().await,
            Act::Branch { name } => {
                if name.is_empty() || name.starts_with('-') || name.contains('\0') {
                    return Err(GitError::Invalid(
                        "a branch needs a name that does not begin with `-`",
                    ));
                }
                output(self.write("switch").args(["--create", &name])).await
            }
            Act::PullRequest => self.pull_request().await,
        }
    }

    /// Stages files. The path that one had may be staged as gone already: git then knows nothing of it, and refuses to add it.
    async fn stage(&self, paths: Vec<FilePath>) -> Result<Done, GitError> {
        let mut known = Vec::with_capacity(paths.len());
        for (nth, path) in paths.into_iter().enumerate() {
            let run = Run::read(&self.root, "ls-files").args(["-z"]);
            let is_known = nth == 0
                || self.found(&path).await.is_some()
                || !run.paths([&path]).go().await?.is_empty();
            known.extend(is_known.then_some(path));
        }
        output(self.write("add").args(["--all"]).paths(&known)).await
    }

    async fn unstage(&self, paths: &[FilePath]) -> Result<Done, GitError> {
        let born = self.status().await?.head.commit.is_some();
        let run = match born {
            true => self.write("restore").args(["--staged"]),
            false => self.write("rm").args(["--cached", "--quiet", "--force"]),
        };
        output(run.paths(paths)).await
    }

    /// Writes the selected lines to the index, or takes them out of it.
    async fn lines(
        &self,
        scope: GitScope,
        paths: &[FilePath],
        lines: Lines,
    ) -> Result<Done, GitError> {
        let (path, old) = (paths.first().ok_or(GitError::NoSuchFile)?, paths.get(1));
        let (base, file) = self.one(&scope, path, old).await?;
        let is_new = file.status == FileStatus::Untracked;
        let conflicted = self
            .status()
            .await?
            .files
            .get(path)
            .is_some_and(|one| one.conflicted);
        if conflicted {
            return Err(GitError::NoLines(
                "it is in conflict. Resolve it, then stage the whole file",
            ));
        }
        if matches!(file.new_kind, FileKind::Submodule) {
            return Err(GitError::NoLines("it is a submodule"));
        }
        let diff = self.file(&scope, &base, &file, Options::default()).await?;
        if diff.is_binary() {
            return Err(GitError::NoLines("it is binary"));
        }
        if seen(&diff) != lines.seen {
            return Err(GitError::Stale);
        }
        let selection = Selection {
            gone: lines.gone.into_iter().collect(),
            come: lines.come.into_iter().collect(),
        };
        if selection.is_empty() {
            return Err(GitError::Invalid("no changed line is selected"));
        }
        self.write_index(&scope, &file, &diff, &selection, is_new)
            .await
    }

    async fn write_index(
        &self,
        scope: &GitScope,
        file: &FileChange,
        diff: &FileDiff,
        selection: &Selection,
        is_new: bool,
    ) -> Result<Done, GitError> {
        let side = match scope {
            GitScope::Staged => Base::New,
            _ => Base::Old,
        };
        let content = selection.apply(diff, side);
        let content = content.ok_or(GitError::NoLines("it is not known whole"))?;
        let all = *selection == Selection::all(diff);
        let (kind, other) = match side {
            Base::Old => (file.new_kind, file.old_kind),
            Base::New => (file.old_kind, file.new_kind),
        };
        let kind = match kind {
            FileKind::None if all => FileKind::None,
            FileKind::None => other,
            kind => kind,
        };
        let id = match kind {
            FileKind::None => "0".repeat(file.old_id.len()),
            _ => self.store(file, content, is_new).await?,
        };
        let mut entry = format!(
            "{} {id}\t",
            if kind == FileKind::None {
                "0"
            } else {
                kind.mode()
            }
        )
        .into_bytes();
        entry.extend_from_slice(file.path.as_bytes());
        entry.push(0);
        let run = self
            .write("update-index")
            .args(["-z", "--add", "--index-info"]);
        output(run.input(entry)).await
    }

    /// Stores a content as an object. What git printed is stored as it is; a new file as git would.
    async fn store(
        &self,
        file: &FileChange,
        content: Vec<u8>,
        is_new: bool,
    ) -> Result<String, GitError> {
        let how = match is_new {
            true => {
                let mut path = OsString::from("--path=");
                path.push(std::ffi::OsStr::from_bytes(file.path.as_bytes()));
                path
            }
            false => "--no-filters".into(),
        };
        let run = self.write("hash-object").args(["-w", "--stdin"]);
        Ok(line(&run.args([how]).input(content).go().await?))
    }

    async fn commit(&self, message: String, amend: bool) -> Result<Done, GitError> {
        let run = self.write("commit");
        let run = match (amend, message.trim().is_empty()) {
            (false, true) => return Err(GitError::Invalid("a commit needs a message")),
            (false, false) => run.args(["--file=-"]),
            (true, false) => run.args(["--amend", "--file=-"]),
            (true, true) => run.args(["--amend", "--no-edit"]),
        };
        output(run.input(message.into_bytes())).await
    }

    async fn push(&self) -> Result<Done, GitError> {
        let head = self.status().await?.head;
        let run = self.write("push").args(["--progress"]);
        match (head.upstream, head.branch) {
            (Some(_), _) => output(run).await,
            (None, Some(branch)) => {
                output(run.args(["--set-upstream", "origin", &format!("refs/heads/{branch}")]))
                    .await
            }
            (None, None) => Err(GitError::Invalid(
                "no branch is checked out, so that there is nothing to push. Begin a branch first",
            )),
        }
    }

    async fn pull_request(&self) -> Result<Done, GitError> {
        let made = self.write("pr").program("gh").args(["create", "--fill"]);
        match output(made).await {
            Err(GitError::System(error)) if error.kind() == std::io::ErrorKind::NotFound => {}
            made => return made,
        }
        let made = self
            .write("mr")
            .program("glab")
            .args(["create", "--fill", "--yes"]);
        match output(made).await {
            Err(GitError::System(error)) if error.kind() == std::io::ErrorKind::NotFound => {
                Err(GitError::Invalid(
                    "neither `gh` nor `glab` is installed. Install the one of your server, and log in there",
                ))
            }
            made => made,
        }
    }
}

/// Runs it, and returns all of its output.
async fn output(run: Run) -> Result<Done, GitError> {
    let (out, output) = run.words().await?;
    let out = model::plain::block(String::from_utf8_lossy(&out).trim_end());
    let parts = [out, output].into_iter().filter(|part| !part.is_empty());
    Ok(Done {
        output: parts.collect::<Vec<_>>().join("\n"),
        ..Done::default()
    })
}
