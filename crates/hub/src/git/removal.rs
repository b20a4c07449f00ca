//! Removing a work tree: refused where something would be lost, unless it is kept under a name.

use std::path::{Path, PathBuf};

use changes::FilePath;

use super::read::line;
use super::run::Run;
use super::{GitError, Repository, Worktree};
use crate::limits;

/// Where the states of removed work trees are kept.
const REMOVED: &str = "refs/drovers/removed/";
/// Lines of the message of such a state.
const BRANCH: &str = "Branch: ";
const FOLDER: &str = "Folder: ";

/// A work tree that was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Removed {
    /// The name under which its state is kept.
    pub kept: String,
    /// The branch that was deleted.
    pub branch: Option<String>,
}

impl Repository {
    /// Removes a work tree of this repository, and its branch. The state that it has is kept under a name, whether it is `forced` or not:
    /// without, nothing is removed that is not committed, or whose commits no other branch, tag or remote has. Files that git ignores
    /// are deleted.
    ///
    /// # Errors
    /// The work tree is the main one or locked, something would be lost, or git refuses.
    pub async fn remove_worktree(
        &self,
        path: &Path,
        force: bool,
        now: i64,
    ) -> Result<Removed, GitError> {
        let found = self.worktree(path).await?;
        if found.main {
            return Err(GitError::Unsaved(
                "this is the repository's own folder, which Drovers does not remove".to_owned(),
            ));
        }
        if let Some(reason) = &found.locked {
            let reason = model::plain::line(reason, limits::PATH_BYTES);
            return Err(GitError::Unsaved(format!(
                "the work tree is locked ({reason}). Run `git worktree unlock` there first"
            )));
        }
        if found.gone {
            self.take_away(&found, None).await?;
            return Err(GitError::Unsaved(
                "the folder was gone already; git does not list it any more. Its branch is still there"
                    .to_owned(),
            ));
        }
        let tree = Self::open(path).await?;
        // Its own top folder: else a folder inside of another repository would be kept and the wrong one removed.
        if tree.root != path || tree.common != self.common {
            return Err(GitError::NoWorktree(path.display().to_string()));
        }
        if !force {
            tree.check_saved(&found).await?;
        }
        let kept = tree.keep_state(&found, now).await?;
        self.take_away(&found, found.branch.as_deref()).await?;
        self.forget_removed().await;
        Ok(Removed {
            kept,
            branch: found.branch,
        })
    }

    /// What keeps this work tree from being removed.
    async fn check_saved(&self, found: &Worktree) -> Result<(), GitError> {
        let standing = self.standing().await?;
        let files = super::list_of(&standing.changed);
        let unsaved = match standing.changed.len() {
            1 => format!("1 file that is not committed ({files})"),
            many => format!("{many} files that are not committed ({files})"),
        };
        let unmerged = match standing.own {
            1 => "1 commit that is on no other branch, tag or remote".to_owned(),
            many => format!("{many} commits that are on no other branch, tag or remote"),
        };
        let path = found.path.display().to_string();
        let name = found.branch.as_deref().unwrap_or(&path);
        // Each is a whole sentence, for other languages.
        let lost = match (standing.changed.is_empty(), standing.own == 0) {
            (true, true) => return Ok(()),
            (false, true) => format!(
                "{name} has {unsaved}. Commit and merge it, or remove it all the same: its state is kept under a name then, from which it can be restored"
            ),
            (true, false) => format!(
                "{name} has {unmerged}. Commit and merge it, or remove it all the same: its state is kept under a name then, from which it can be restored"
            ),
            (false, false) => format!(
                "{name} has {unsaved} and {unmerged}. Commit and merge it, or remove it all the same: its state is kept under a name then, from which it can be restored"
            ),
        };
        Err(GitError::Unsaved(lost))
    }

    /// Makes a commit of the work tree as it is, under a name of its own, beside its index.
    async fn keep_state(&self, found: &Worktree, now: i64) -> Result<String, GitError> {
        let index = self.git_dir.join(format!("drovers-index-{now}"));
        let kept = self.state_of(found, &index).await;
        // A file that stays behind is of no harm.
        let _gone = tokio::fs::remove_file(&index).await;
        let name = format!("{REMOVED}{now}");
        Run::write(&self.root, "update-ref")
            .args([&*name, &kept?, ""])
            .go()
            .await?;
        Ok(name)
    }

    async fn state_of(&self, found: &Worktree, index: &Path) -> Result<String, GitError> {
        let write = |command| {
            let run = Run::write(&self.root, command).guarded();
            run.variable("GIT_INDEX_FILE", index)
        };
        let head = found.commit.as_deref();
        write("read-tree")
            .args([head.unwrap_or("--empty")])
            .go()
            .await?;
        write("add").args(["--all"]).go().await?;
        let tree = line(&write("write-tree").go().await?);
        let branch = found.branch.as_deref().unwrap_or_default();
        let folder = FilePath::new(std::os::unix::ffi::OsStrExt::as_bytes(
            found.path.as_os_str(),
        ))
        .id();
        let message = format!("Work tree removed in Drovers\n\n{BRANCH}{branch}\n{FOLDER}{folder}");
        let mut run = write("commit-tree").args([&*tree, "-m", &message]);
        if let Some(head) = head {
            run = run.args(["-p", head]);
        }
        for (name, value) in super::write::OWN_NAME {
            run = run.variable(name, value);
        }
        Ok(line(&run.go().await?))
    }

    async fn take_away(&self, found: &Worktree, branch: Option<&str>) -> Result<(), GitError> {
        let run = Run::write(&self.root, "worktree").guarded();
        let run = run.args(["remove", "--force"]);
        run.args([found.path.as_os_str()]).go().await?;
        if let Some(branch) = branch {
            let run = Run::write(&self.root, "branch").guarded();
            run.args(["--quiet", "-D", "--", branch]).go().await?;
        }
        if let Some(beside) = found.path.parent() {
            // Only an empty folder can be removed so, and only Drovers' own has this name.
            let ours = self.beside().await.is_ok_and(|own| own == beside);
            if ours {
                let _others = tokio::fs::remove_dir(beside).await;
            }
        }
        Ok(())
    }

    /// Restores a work tree that was removed: its folder, its branch, and what was not committed.
    ///
    /// # Errors
    /// The name is none of a kept state, its folder or branch is taken, or git refuses.
    pub async fn restore_worktree(&self, kept: &str) -> Result<Self, GitError> {
        let number = kept.strip_prefix(REMOVED);
        if !number.is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        }) {
            return Err(GitError::Invalid(
                "`kept` is no name of a removed work tree",
            ));
        }
        let run = Run::read(&self.root, "log").args(["-1", "--format=%P%n%B", kept]);
        let printed = String::from_utf8_lossy(&run.go().await?).into_owned();
        let (parent, message) = printed.split_once('\n').unwrap_or_default();
        let field = |name: &str| message.lines().find_map(|line| line.strip_prefix(name));
        let folder = field(FOLDER)
            .and_then(FilePath::from_id)
            .unwrap_or_default();
        let folder = PathBuf::from(std::ffi::OsStr::new(&*folder.text()));
        let beside = self.beside().await?;
        let name = folder.file_name().ok_or(GitError::NoSuchFile)?;
        let branch = field(BRANCH).filter(|branch| !branch.is_empty());
        let run = Run::write(&self.root, "worktree")
            .guarded()
            .args(["add", "--quiet"]);
        let run = match branch {
            Some(branch) => run.args(["--no-track", "-b", branch]),
            None => run.args(["--detach"]),
        };
        // Always beside the repository, wherever the message says it was.
        let place = beside.join(name);
        tokio::fs::create_dir_all(&beside).await?;
        if tokio::fs::canonicalize(&beside).await? != beside {
            return Err(GitError::NoSuchFile);
        }
        run.args([place.as_os_str(), kept.as_ref()]).go().await?;
        let tree = Self::open(&place).await?;
        if !parent.is_empty() {
            let run = Run::write(&tree.root, "reset").guarded();
            run.args(["--quiet", "--mixed", parent]).go().await?;
        }
        Ok(tree)
    }

    async fn forget_removed(&self) {
        let names = Run::read(&self.root, "for-each-ref").args(["--format=%(refname)", REMOVED]);
        let Ok(names) = names.go().await else { return };
        let names = String::from_utf8_lossy(&names).into_owned();
        let names: Vec<&str> = names.lines().collect();
        for name in &names[..names.len().saturating_sub(limits::GIT_REMOVED)] {
            let forgotten = Run::write(&self.root, "update-ref")
                .args(["-d", name])
                .go()
                .await;
            if let Err(error) = forgotten {
                tracing::warn!(%error, "a removed work tree is kept beyond the bound");
            }
        }
    }
}
