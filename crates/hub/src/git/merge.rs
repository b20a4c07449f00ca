//! Bringing a branch back: a dry run that says what conflicts, then a merge or a rebase. Nothing is left half done.

use std::path::PathBuf;

use changes::{FilePath, merged};
use serde::Deserialize;

use super::read::line;
use super::run::Run;
use super::{GitError, Repository};
use crate::limits;

/// How a branch is brought back.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum MergeHow {
    /// A merge commit, or a fast-forward where the other branch has nothing of its own.
    #[default]
    Merge,
    /// The commits are put on top of the other branch, which is then moved to them.
    Rebase,
}

/// What a merge would do.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MergeCheck {
    /// The branch.
    pub branch: String,
    /// The branch that it would be merged into.
    pub into: String,
    /// Commits that would be merged.
    pub ahead: u64,
    /// Commits of the other branch that this one lacks.
    pub behind: u64,
    /// Paths that conflict.
    pub conflicts: Vec<FilePath>,
    /// Paths that are not tried, as the settings name a program that merges them: no program is run for a look.
    pub untried: Vec<FilePath>,
    /// Files of the work tree that are not committed, and so not merged.
    pub uncommitted: Vec<FilePath>,
    /// The work tree in which the other branch is checked out.
    pub place: Option<PathBuf>,
    /// The tree that a merge makes.
    tree: String,
}

/// A merge that was made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Merge {
    /// The commit of the other branch now.
    pub commit: String,
    /// Output of git and its hooks.
    pub output: String,
}

impl Repository {
    /// Tries what a merge of this work tree's branch would do. Nothing is changed.
    ///
    /// # Errors
    /// No branch is checked out, the other branch does not exist, or git refuses.
    pub async fn merge_check(&self, into: Option<&str>) -> Result<MergeCheck, GitError> {
        let standing = self.standing().await?;
        let branch = self.status().await?.head.branch.ok_or(GitError::Invalid(
            "no branch is checked out in this work tree, so that there is nothing to merge. Begin a branch first",
        ))?;
        let into = match into {
            Some(into) => into.to_owned(),
            None => standing.base.clone().ok_or(GitError::Invalid(
                "no branch is known to merge into. Name one",
            ))?,
        };
        if into == branch || into.starts_with('-') || into.contains('\0') {
            return Err(GitError::NoSuchBase(into));
        }
        if !self.has_branch(&into).await? {
            return Err(GitError::NoSuchBase(into));
        }
        let (ahead, behind) = self.ahead_behind(&into).await?;
        let (tree, conflicts) = self
            .try_merge(&format!("refs/heads/{into}"), "HEAD")
            .await?;
        let untried = self.driven(&conflicts).await?;
        let tried = conflicts.into_iter();
        let conflicts = tried.filter(|path| !untried.contains(path)).collect();
        let worktrees = self.worktrees().await?.into_iter();
        let mut of = worktrees.filter(|one| one.branch.as_deref() == Some(&into) && !one.gone);
        Ok(MergeCheck {
            branch,
            ahead,
            behind,
            conflicts,
            untried,
            uncommitted: standing.changed,
            place: of.next().map(|one| one.path),
            into,
            tree,
        })
    }

    /// The tree that a merge of two commits makes, and the paths that conflict. The work tree is not looked at.
    pub(super) async fn try_merge(
        &self,
        ours: &str,
        theirs: &str,
    ) -> Result<(String, Vec<FilePath>), GitError> {
        let run = Run::read(&self.root, "merge-tree").args(MERGE_TREE);
        let (clean, printed) = run.args([ours, theirs]).answer().await?;
        let (tree, paths) = merged(&printed);
        Ok((tree, if clean { Vec::new() } else { paths }))
    }

    /// Those of these paths that a program of git's settings merges, by their attributes.
    async fn driven(&self, paths: &[FilePath]) -> Result<Vec<FilePath>, GitError> {
        let settings = |pattern: &'static str| {
            let run = Run::read(&self.root, "config").args(["-z", "--get-regexp", pattern]);
            async move { run.answer().await.map(|(_, printed)| printed) }
        };
        let name = |entry: &[u8]| {
            let name = entry.split(|byte| *byte == b'\n').next()?;
            let name = name.strip_prefix(b"merge.")?.strip_suffix(b".driver")?;
            Some(name.to_owned())
        };
        let drivers = settings(r"^merge\..*\.driver$").await?;
        let drivers: Vec<Vec<u8>> = drivers.split(|byte| *byte == 0).filter_map(name).collect();
        if paths.is_empty() || drivers.is_empty() {
            return Ok(Vec::new());
        }
        // The driver of files without one of their own; the last setting counts.
        let default = settings(r"^merge\.default$").await?;
        let default = default.split(|byte| *byte == 0);
        let mut default = default.filter_map(|entry| entry.strip_prefix(b"merge.default\n"));
        let default = default.next_back().unwrap_or_default();
        let mut input = Vec::new();
        for path in paths {
            input.extend_from_slice(path.as_bytes());
            input.push(0);
        }
        let run = Run::read(&self.root, "check-attr").args(["-z", "--stdin", "merge"]);
        let printed = run.input(input).go().await?;
        let fields: Vec<&[u8]> = printed.split(|byte| *byte == 0).collect();
        let driven = fields.chunks_exact(3).filter(|entry| {
            let driver = match entry[2] {
                b"unspecified" => default,
                driver => driver,
            };
            drivers.iter().any(|known| known == driver)
        });
        Ok(driven.map(|entry| FilePath::new(entry[0])).collect())
    }

    /// Brings this work tree's branch back. The caller has seen the check, which is made again.
    ///
    /// # Errors
    /// Something is not committed, there is nothing to merge, the branches conflict, a merge needs a program of git's settings, or git or
    /// one of its hooks refuses: nothing is changed then.
    pub async fn merge(&self, into: Option<&str>, how: MergeHow) -> Result<Merge, GitError> {
        let check = self.merge_check(into).await?;
        if !check.uncommitted.is_empty() {
            let paths = super::list_of(&check.uncommitted);
            return Err(GitError::Unsaved(format!(
                "some files are not committed in this work tree, and would not be merged: {paths}. Commit them first"
            )));
        }
        if check.ahead == 0 {
            let MergeCheck { branch, into, .. } = check;
            return Err(GitError::Unsaved(format!(
                "{branch} has no commit that {into} lacks, so that there is nothing to merge"
            )));
        }
        if !check.conflicts.is_empty() {
            return Err(GitError::Conflicts {
                branch: check.branch,
                into: check.into,
                paths: check.conflicts,
            });
        }
        if !check.untried.is_empty() {
            return Err(GitError::Untried {
                branch: check.branch,
                into: check.into,
                paths: check.untried,
            });
        }
        let rebased = match how {
            MergeHow::Rebase if check.behind > 0 => self.rebase_onto(&check.into).await?,
            _ => String::new(),
        };
        let merge = match &check.place {
            Some(place) => Self::open(place).await?.merge_here(&check).await?,
            None => self.merge_elsewhere(&check, how).await?,
        };
        let parts = [rebased, merge.output];
        let parts = parts.into_iter().filter(|part| !part.is_empty());
        Ok(Merge {
            output: parts.collect::<Vec<_>>().join("\n"),
            ..merge
        })
    }

    async fn rebase_onto(&self, into: &str) -> Result<String, GitError> {
        let onto = format!("refs/heads/{into}");
        let run = Run::write(&self.root, "rebase").undriven();
        let run = run.args([&*onto]);
        match run.words().await {
            Ok((out, words)) => Ok(joined(&out, words)),
            Err(error) => {
                // It changes nothing unless a rebase is under way.
                let _none = Run::write(&self.root, "rebase")
                    .args(["--abort"])
                    .go()
                    .await;
                Err(error)
            }
        }
    }

    /// Merges in the work tree in which the other branch is checked out. Local changes there that are in the way make git refuse.
    async fn merge_here(&self, check: &MergeCheck) -> Result<Merge, GitError> {
        let (branch, message) = (format!("refs/heads/{}", check.branch), message(check));
        let run = Run::write(&self.root, "merge").undriven();
        let run = run.args(["--no-edit", "-m", &message, &branch]);
        match run.words().await {
            Ok((out, words)) => {
                let head = Run::read(&self.root, "rev-parse").args(["HEAD"]);
                Ok(Merge {
                    commit: line(&head.go().await?),
                    output: joined(&out, words),
                })
            }
            Err(error) => {
                // It changes nothing unless a merge is under way.
                let _none = Run::write(&self.root, "merge").args(["--abort"]).go().await;
                Err(error)
            }
        }
    }

    /// Merges into a branch that is checked out nowhere.
    async fn merge_elsewhere(&self, check: &MergeCheck, how: MergeHow) -> Result<Merge, GitError> {
        let into = format!("refs/heads/{}", check.into);
        let id = |name: &str| {
            let run =
                Run::read(&self.root, "rev-parse").args(["--verify", "--end-of-options", name]);
            async move { Ok::<_, GitError>(line(&run.go().await?)) }
        };
        let (old, ours) = (id(&into).await?, id("HEAD").await?);
        let commit = match (check.behind, how) {
            (0, _) | (_, MergeHow::Rebase) => ours,
            _ => {
                let message = message(check);
                let run = Run::write(&self.root, "commit-tree");
                let run = run.args([&*check.tree, "-p", &old, "-p", &ours, "-m", &message]);
                line(&run.go().await?)
            }
        };
        let run = Run::write(&self.root, "update-ref").args([&*into, &commit, &old]);
        run.go().await?;
        Ok(Merge {
            output: String::new(),
            commit,
        })
    }
}

/// Arguments of each dry run.
pub(super) const MERGE_TREE: [&str; 4] = ["--write-tree", "-z", "--name-only", "--no-messages"];

fn message(check: &MergeCheck) -> String {
    format!("Merge branch '{}'", check.branch)
}

fn joined(out: &[u8], words: String) -> String {
    let out = model::plain::block(String::from_utf8_lossy(out).trim_end());
    let parts = [out, words].into_iter().filter(|part| !part.is_empty());
    parts.collect::<Vec<_>>().join("\n")
}

/// Some paths in words, safe to show.
pub(crate) fn list_of(paths: &[FilePath]) -> String {
    let shown = paths.iter().take(limits::PATHS_NAMED);
    let shown = shown.map(|path| model::plain::line(&path.text(), limits::PATH_BYTES));
    let text = shown.collect::<Vec<_>>().join(", ");
    match paths.len().saturating_sub(limits::PATHS_NAMED) {
        0 => text,
        more => format!("{text}, … (+{more})"),
    }
}
