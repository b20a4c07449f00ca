//! Work trees of a repository: their list, and new ones.

use std::ffi::OsString;
use std::os::unix::ffi::{OsStrExt, OsStringExt};
use std::path::{Path, PathBuf};

use changes::{FilePath, WorktreeEntry, worktrees};

use super::read::line;
use super::run::Run;
use super::{GitError, Repository};
use crate::limits;

/// A work tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Worktree {
    /// Its folder.
    pub path: PathBuf,
    /// True for the first one, which the repository was made with.
    pub main: bool,
    /// The branch that is checked out.
    pub branch: Option<String>,
    /// The commit that is checked out.
    pub commit: Option<String>,
    /// The reason why it must not be removed.
    pub locked: Option<String>,
    /// True if its folder is gone.
    pub gone: bool,
}

/// What a work tree has that others lack.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Files with changes that are not committed, new ones included; sorted.
    pub changed: Vec<FilePath>,
    /// The branch that it is compared with, and that it is merged into.
    pub base: Option<String>,
    /// Commits that the base lacks.
    pub ahead: u64,
    /// Commits of the base that it lacks.
    pub behind: u64,
    /// Commits that no other branch, tag or remote has.
    pub own: u64,
}

/// A work tree to be made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewTree {
    /// Its branch.
    pub branch: String,
    /// Its folder.
    pub path: PathBuf,
    /// The commit that it begins at.
    pub commit: String,
    /// The branch that it begins at, if one is checked out there.
    pub base: Option<String>,
}

/// The setting of a branch that names its base.
fn base_setting(branch: &str) -> String {
    format!("branch.{branch}.drovers-base")
}

impl Repository {
    /// Every work tree of the repository, the main one first. A repository without a main one has none that is `main`.
    ///
    /// # Errors
    /// git cannot be run, or refuses.
    pub async fn worktrees(&self) -> Result<Vec<Worktree>, GitError> {
        let run = Run::read(&self.root, "worktree").args(["list", "--porcelain", "-z"]);
        let all = worktrees(&run.go().await?).into_iter().enumerate();
        let real = all.filter(|(_, entry)| !entry.bare);
        Ok(real.map(|(nth, entry)| worktree(nth == 0, entry)).collect())
    }

    /// The work tree in a folder that a person names.
    ///
    /// # Errors
    /// The folder is none.
    pub async fn worktree(&self, path: &Path) -> Result<Worktree, GitError> {
        let all = self.worktrees().await?;
        let found = all.into_iter().find(|one| one.path == path);
        found.ok_or_else(|| GitError::NoWorktree(path.display().to_string()))
    }

    /// The folder in which new work trees are made: beside the repository's own, with `-worktrees` after its name.
    ///
    /// # Errors
    /// git cannot be run, or the repository has no folder beside it.
    pub async fn beside(&self) -> Result<PathBuf, GitError> {
        let run = Run::read(&self.root, "worktree").args(["list", "--porcelain", "-z"]);
        let first = worktrees(&run.go().await?).into_iter().next();
        let main = first.map_or_else(|| self.root.clone(), |first| path_of(first.path));
        let name = main.file_name().map(|name| {
            let bare = name.as_bytes().strip_suffix(b".git");
            let mut name = bare
                .filter(|bare| !bare.is_empty())
                .unwrap_or(name.as_bytes())
                .to_vec();
            name.extend_from_slice(b"-worktrees");
            OsString::from_vec(name)
        });
        let parent = main
            .parent()
            .zip(name)
            .map(|(parent, name)| parent.join(name));
        parent.ok_or(GitError::Invalid(
            "the repository is the top folder of the disk, beside which there is no room for work trees",
        ))
    }

    /// The folder of a work tree that is made for this branch.
    ///
    /// # Errors
    /// As of [`beside`](Self::beside).
    pub async fn place_of(&self, branch: &str) -> Result<PathBuf, GitError> {
        Ok(place_in(&self.beside().await?, branch))
    }

    /// What a new work tree of this name would be: from the commit that is checked out here. Of a name that a person did not choose
    /// another one is made where it is taken.
    ///
    /// # Errors
    /// There is no commit, the name cannot be one of a branch, or a chosen one is taken.
    pub async fn plan_worktree(&self, name: &str, chosen: bool) -> Result<NewTree, GitError> {
        let head = self.status().await?.head;
        let commit = head.commit.ok_or(GitError::Invalid(
            "the repository has no commit yet, so that no work tree can be made of it. Commit something first",
        ))?;
        self.check_name(name).await?;
        let beside = self.beside().await?;
        let tries = if chosen { 1 } else { limits::WORKTREE_NAMES };
        for nth in 1..=tries {
            let branch = match nth {
                1 => name.to_owned(),
                nth => format!("{name}-{nth}"),
            };
            let path = place_in(&beside, &branch);
            let taken = tokio::fs::symlink_metadata(&path).await.is_ok();
            if !taken && !self.has_branch(&branch).await? {
                let base = head.branch;
                return Ok(NewTree {
                    branch,
                    path,
                    commit,
                    base,
                });
            }
        }
        Err(GitError::Taken(name.to_owned()))
    }

    async fn check_name(&self, name: &str) -> Result<(), GitError> {
        let bad = || GitError::BadName(model::plain::line(name, limits::PATH_BYTES));
        let folder = name.replace('/', "-");
        if name.len() > limits::BRANCH_BYTES || !FilePath::new(folder.into_bytes()).is_inside() {
            return Err(bad());
        }
        if name.starts_with('-') || name.contains('\0') || name == "HEAD" {
            return Err(bad());
        }
        let run = Run::read(&self.root, "check-ref-format").args(["--branch", name]);
        match run.go().await {
            // It also expands what names another branch, such as `@{-1}`.
            Ok(printed) if line(&printed) == name => Ok(()),
            Ok(_) | Err(GitError::Failed { .. }) => Err(bad()),
            Err(error) => Err(error),
        }
    }

    /// True if there is a branch of this name.
    ///
    /// # Errors
    /// git cannot be run.
    pub async fn has_branch(&self, name: &str) -> Result<bool, GitError> {
        let name = format!("refs/heads/{name}");
        let run = Run::read(&self.root, "show-ref").args(["--verify", "--quiet", &name]);
        Ok(run.answer().await?.0)
    }

    /// Makes a work tree with a branch of its own. No hook runs, and no filter that the repository itself defines.
    ///
    /// # Errors
    /// git refuses, or the folder beside the repository cannot be made.
    pub async fn add_worktree(&self, new: &NewTree) -> Result<Self, GitError> {
        let beside = new.path.parent().unwrap_or(&new.path);
        tokio::fs::create_dir_all(beside).await?;
        // A link in its place would lead elsewhere.
        if tokio::fs::canonicalize(beside).await? != beside {
            return Err(GitError::Invalid(
                "the folder beside the repository for its work trees is a symbolic link. Remove it first",
            ));
        }
        let run = Run::write(&self.root, "worktree").guarded();
        run.args(["add", "--quiet", "--no-track", "-b", &new.branch])
            .args([new.path.as_os_str(), new.commit.as_ref()])
            .go()
            .await?;
        if let Some(base) = &new.base {
            let run = Run::write(&self.root, "config").args([&base_setting(&new.branch), base]);
            // Without it the main branch is the base.
            let _unnamed = run.go().await;
        }
        Self::open(&new.path).await
    }

    /// What this work tree has that others lack.
    ///
    /// # Errors
    /// git cannot be run, or refuses.
    pub async fn standing(&self) -> Result<Standing, GitError> {
        let status = self.status().await?;
        let mut changed: Vec<FilePath> = status.files.into_keys().chain(status.untracked).collect();
        changed.sort();
        let branch = status.head.branch;
        let base = self.base_of(branch.as_deref()).await?;
        if status.head.commit.is_none() {
            return Ok(Standing {
                changed,
                base,
                ..Standing::default()
            });
        }
        let (ahead, behind) = match &base {
            Some(base) => self.ahead_behind(base).await?,
            None => (0, 0),
        };
        Ok(Standing {
            changed,
            base,
            ahead,
            behind,
            own: self.own_commits(branch.as_deref()).await?,
        })
    }

    /// The branch that another one began at, if a work tree was made for it and its base is still there.
    pub(super) async fn begun_at(&self, branch: &str) -> Result<Option<String>, GitError> {
        let run = Run::read(&self.root, "config").args(["--get", &base_setting(branch)]);
        let (known, printed) = run.answer().await?;
        let base = line(&printed);
        let is_there = known && base != branch && self.has_branch(&base).await?;
        Ok(is_there.then_some(base))
    }

    /// The branch that another one began at; else the one of the main work tree, else the usual main branch.
    pub(super) async fn base_of(&self, branch: Option<&str>) -> Result<Option<String>, GitError> {
        if let Some(branch) = branch
            && let Some(base) = self.begun_at(branch).await?
        {
            return Ok(Some(base));
        }
        let main = self.worktrees().await?.into_iter().find(|one| one.main);
        let main = main.and_then(|main| main.branch);
        let base = match main {
            Some(main) => Some(main),
            None => self.main_branch().await?,
        };
        let is_other = |base: &String| Some(base.as_str()) != branch;
        let base = base.filter(is_other);
        match base {
            Some(base) if self.has_branch(&base).await? => Ok(Some(base)),
            _ => Ok(None),
        }
    }

    /// Commits of what is checked out that a branch lacks, and the other way round.
    pub(super) async fn ahead_behind(&self, base: &str) -> Result<(u64, u64), GitError> {
        let both = format!("refs/heads/{base}...HEAD");
        let run = Run::read(&self.root, "rev-list").args(["--left-right", "--count", &both]);
        let printed = line(&run.go().await?);
        let mut counts = printed.split_whitespace().map(str::parse::<u64>);
        let mut next = || counts.next().and_then(Result::ok).unwrap_or_default();
        let (behind, ahead) = (next(), next());
        Ok((ahead, behind))
    }

    /// The number of commits here that no other branch, tag or remote has.
    async fn own_commits(&self, branch: Option<&str>) -> Result<u64, GitError> {
        let mut run = Run::read(&self.root, "rev-list").args(["--count", "HEAD", "--not"]);
        if let Some(branch) = branch {
            run = run.args([format!("--exclude={branch}")]);
        }
        let run = run.args(["--branches", "--tags", "--remotes"]);
        Ok(line(&run.go().await?).parse().unwrap_or_default())
    }
}

fn place_in(beside: &Path, branch: &str) -> PathBuf {
    beside.join(branch.replace('/', "-"))
}

fn path_of(bytes: Vec<u8>) -> PathBuf {
    PathBuf::from(OsString::from_vec(bytes))
}

fn worktree(main: bool, entry: WorktreeEntry) -> Worktree {
    Worktree {
        path: path_of(entry.path),
        main,
        branch: entry.branch,
        commit: entry.commit,
        locked: entry.locked,
        gone: entry.prunable.is_some(),
    }
}
