//! What changed: the list of files, the two sides of one, and the branches to compare with.

use std::collections::BTreeSet;

use changes::{
    FileChange, FileDiff, FileKind, FilePath, FileStatus, Head, Options, Patch, Staging, Status,
    list, status,
};
use sha2::{Digest, Sha256};

use super::run::Run;
use super::untracked::{self, is_binary};
use super::{GitError, Repository};
use crate::limits;

/// What is compared with what.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GitScope {
    /// The last commit with the work tree.
    Uncommitted,
    /// The index with the work tree.
    Unstaged,
    /// The last commit with the index.
    Staged,
    /// Where this branch left another one, with the work tree; by default the one that it began at, else the repository's main branch.
    Branch(Option<String>),
}

/// The side before.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Compared {
    /// Its name for people: `HEAD`, a branch, `the index`.
    pub name: String,
    /// The commit or tree; `None` for the index.
    pub tree: Option<String>,
}

/// A changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What changed.
    pub change: FileChange,
    /// How much of it is staged.
    pub staging: Staging,
}

/// The changes of a work tree.
#[derive(Clone, Debug)]
pub struct Listing {
    /// What is checked out.
    pub head: Head,
    /// What it is compared with.
    pub base: Compared,
    /// The files, by path.
    pub files: Vec<Listed>,
    /// The files of which something is staged, whatever is listed.
    pub staged: Vec<FilePath>,
}

/// Arguments of each comparison.
const COMMON: [&str; 9] = [
    "--no-abbrev",
    "--no-ext-diff",
    "--no-textconv",
    "--no-color",
    "--no-relative",
    "--find-renames",
    "--full-index",
    "--submodule=short",
    // To look into a submodule is another run of git, with the settings of that repository.
    "--ignore-submodules=dirty",
];

impl Repository {
    /// What is checked out, and which files are staged.
    ///
    /// # Errors
    /// git cannot be run, or refuses.
    pub async fn status(&self) -> Result<Status, GitError> {
        let run = Run::read(&self.root, "status").args([
            "--porcelain=v2",
            "--branch",
            "-z",
            "--untracked-files=all",
            "--find-renames",
            "--ignore-submodules=dirty",
        ]);
        Ok(status(&run.go().await?))
    }

    /// The changed files.
    ///
    /// # Errors
    /// git cannot be run or refuses, or the base does not exist.
    pub async fn changes(&self, scope: &GitScope) -> Result<Listing, GitError> {
        let status = self.status().await?;
        let staged = status.files.iter().filter(|(_, one)| one.staged);
        let staged = staged.map(|(path, _)| path.clone()).collect();
        let base = self.compared(scope, &status.head).await?;
        let run = self.diff(scope, &base).args(["--raw", "--numstat", "-z"]);
        let files = list(&run.go().await?).map_err(|_| GitError::Failed {
            command: "git diff".to_owned(),
            words: "it printed no list of changes".to_owned(),
        })?;
        let mut files: Vec<Listed> = files
            .into_iter()
            .map(|mut change| {
                let staging = status.files.get(&change.path).copied().unwrap_or_default();
                if staging.conflicted {
                    change.status = FileStatus::Conflicted;
                }
                Listed { change, staging }
            })
            .collect();
        if *scope != GitScope::Staged {
            let known: BTreeSet<FilePath> =
                files.iter().map(|one| one.change.path.clone()).collect();
            let same = status.files.into_iter();
            let same = same.filter(|(path, one)| one.conflicted && !known.contains(path));
            for (path, staging) in same {
                let change = self.unmerged(path).await;
                files.push(Listed { change, staging });
            }
            let new = status
                .untracked
                .into_iter()
                .filter(|path| !known.contains(path));
            files.extend(self.untracked(new.collect()).await);
        }
        files.sort_by(|a, b| a.change.path.cmp(&b.change.path));
        Ok(Listing {
            head: status.head,
            base,
            files,
            staged,
        })
    }

    /// One changed file, and what it is compared with; its lines are not counted. Only what is listed can be named: no ignored file, and
    /// none of another folder.
    ///
    /// # Errors
    /// It has no change, or git refuses.
    pub async fn one(
        &self,
        scope: &GitScope,
        path: &FilePath,
        old: Option<&FilePath>,
    ) -> Result<(Compared, FileChange), GitError> {
        if !path.is_inside() || old.is_some_and(|old| !old.is_inside()) {
            return Err(GitError::NoSuchFile);
        }
        let base = self.compared(scope, &self.head().await?).await?;
        // To count the lines of a large file takes as long as to compare it, which is done for what is shown anyway.
        let run = self.diff(scope, &base).args(["--raw", "-z"]);
        let printed = run.paths([path].into_iter().chain(old)).go().await?;
        let mut found = list(&printed).unwrap_or_default().into_iter();
        if let Some(change) = found.find(|one| one.path == *path) {
            return Ok((base, change));
        }
        if *scope == GitScope::Staged {
            return Err(GitError::NoSuchFile);
        }
        if self.is_unmerged(path).await? {
            return Ok((base, self.unmerged(path.clone()).await));
        }
        let run = Run::read(&self.root, "ls-files").args(["--others", "--exclude-standard", "-z"]);
        let printed = run.paths([path]).go().await?;
        // The name of a repository inside of this one ends in `/`.
        let known = printed
            .split(|byte| *byte == 0)
            .any(|name| name.strip_suffix(b"/").unwrap_or(name) == path.as_bytes());
        if !known {
            return Err(GitError::NoSuchFile);
        }
        let mut new = self.untracked(vec![path.clone()]).await;
        let new = new.pop().ok_or(GitError::NoSuchFile)?;
        Ok((base, new.change))
    }

    /// What is checked out, without looking at the work tree.
    async fn head(&self) -> Result<Head, GitError> {
        let run = Run::read(&self.root, "rev-parse").args(["--verify", "--quiet", "HEAD"]);
        let commit = match run.go().await {
            Ok(commit) => Some(line(&commit)),
            Err(GitError::Failed { .. }) => None,
            Err(error) => return Err(error),
        };
        Ok(Head {
            commit,
            ..Head::default()
        })
    }

    /// The side before of a scope.
    ///
    /// # Errors
    /// The base does not exist, or has nothing in common with what is checked out.
    pub async fn compared(&self, scope: &GitScope, head: &Head) -> Result<Compared, GitError> {
        let last = match &head.commit {
            Some(commit) => Compared {
                name: "the last commit".to_owned(),
                tree: Some(commit.clone()),
            },
            None => Compared {
                name: "nothing: there is no commit yet".to_owned(),
                tree: Some(self.empty_tree().await?),
            },
        };
        match scope {
            GitScope::Unstaged => Ok(Compared {
                name: "what is staged".to_owned(),
                tree: None,
            }),
            GitScope::Branch(base) if head.commit.is_some() => {
                let base = match base {
                    Some(base) => base.clone(),
                    None => self.usual_base().await?,
                };
                let tree = Some(self.merge_base(&base).await?);
                Ok(Compared { name: base, tree })
            }
            _ => Ok(last),
        }
    }

    /// The branch to compare with where none is named: that at which the branch of this work tree began, else the main branch.
    async fn usual_base(&self) -> Result<String, GitError> {
        let run = Run::read(&self.root, "symbolic-ref").args(["--quiet", "--short", "HEAD"]);
        let (on_branch, printed) = run.answer().await?;
        if on_branch && let Some(base) = self.begun_at(&line(&printed)).await? {
            return Ok(base);
        }
        let main = self.main_branch().await?;
        Ok(main.unwrap_or_else(|| "HEAD".to_owned()))
    }

    async fn empty_tree(&self) -> Result<String, GitError> {
        let run = Run::read(&self.root, "hash-object").args(["-t", "tree", "--stdin"]);
        Ok(line(&run.go().await?))
    }

    /// The commit at which what is checked out left another branch.
    async fn merge_base(&self, base: &str) -> Result<String, GitError> {
        let no_such = || GitError::NoSuchBase(base.to_owned());
        if base.starts_with('-') || base.is_empty() || base.contains('\0') {
            return Err(no_such());
        }
        let commit = format!("{base}^{{commit}}");
        let run = Run::read(&self.root, "rev-parse").args([
            "--verify",
            "--quiet",
            "--end-of-options",
            &commit,
        ]);
        let commit = run.go().await.map_err(|error| match error {
            GitError::Failed { .. } => no_such(),
            error => error,
        })?;
        let run = Run::read(&self.root, "merge-base").args(["HEAD", &line(&commit)]);
        let found = run.go().await.map_err(|error| match error {
            GitError::Failed { .. } => GitError::NoMergeBase(base.to_owned()),
            error => error,
        })?;
        Ok(line(&found))
    }

    /// The branch that others are made from, where one is known: the remote's, else one with a usual name.
    pub(super) async fn main_branch(&self) -> Result<Option<String>, GitError> {
        let run = Run::read(&self.root, "symbolic-ref").args([
            "--quiet",
            "--short",
            "refs/remotes/origin/HEAD",
        ]);
        match run.go().await {
            Ok(name) => return Ok(Some(line(&name))),
            Err(GitError::Failed { .. }) => {}
            Err(error) => return Err(error),
        }
        let branches = self.branches().await?;
        let usual = ["main", "master", "trunk", "develop"].into_iter();
        let known = |name: &&str| branches.iter().any(|branch| branch == name);
        Ok({ usual }.find(known).map(str::to_owned))
    }

    /// Branches to compare with, those committed to last first.
    ///
    /// # Errors
    /// git cannot be run, or refuses.
    pub async fn branches(&self) -> Result<Vec<String>, GitError> {
        self.newest_refs(&["refs/heads", "refs/remotes"]).await
    }

    /// Branches of the repository itself, which can be merged into; those committed to last first.
    ///
    /// # Errors
    /// git cannot be run, or refuses.
    pub async fn own_branches(&self) -> Result<Vec<String>, GitError> {
        self.newest_refs(&["refs/heads"]).await
    }

    async fn newest_refs(&self, below: &[&str]) -> Result<Vec<String>, GitError> {
        let count = format!("--count={}", limits::GIT_BRANCHES);
        let run = Run::read(&self.root, "for-each-ref");
        let run = run.args(["--sort=-committerdate", &count, "--format=%(refname:short)"]);
        let run = run.args(below);
        let printed = run.go().await?;
        let text = String::from_utf8_lossy(&printed);
        Ok(text.lines().map(str::to_owned).collect())
    }

    fn diff(&self, scope: &GitScope, base: &Compared) -> Run {
        let run = Run::read(&self.root, "diff").args(COMMON);
        let run = match scope {
            GitScope::Staged => run.args(["--cached"]),
            // Of a file in conflict, what this branch has is compared.
            GitScope::Unstaged => run.args(["--ours"]),
            _ => run,
        };
        run.args(base.tree.iter())
    }

    /// The two sides of a file.
    ///
    /// # Errors
    /// The file is too large, or git refuses.
    pub async fn file(
        &self,
        scope: &GitScope,
        base: &Compared,
        file: &FileChange,
        options: Options,
    ) -> Result<FileDiff, GitError> {
        if file.status == FileStatus::Untracked {
            let place = self.place(&file.path).await?;
            let look = move || untracked::look(&place, limits::GIT_FILE_BYTES);
            let found = blocking(look).await?;
            if found.kind == FileKind::Submodule {
                return Ok(FileDiff::of_texts(Vec::new(), Vec::new(), options));
            }
            let content = found.content.ok_or(GitError::TooMuch {
                command: "git diff".to_owned(),
                bytes: limits::GIT_FILE_BYTES,
            })?;
            if is_binary(&content) {
                let patch = Patch {
                    segments: Vec::new(),
                    binary: true,
                };
                return Ok(FileDiff::of(patch, true, options));
            }
            return Ok(FileDiff::of_texts(Vec::new(), content, options));
        }
        if let Some(diff) = self.large(file, options).await? {
            return Ok(diff);
        }
        let printed = self.patch(scope, base, file, usize::MAX >> 40).await?;
        let compare = move || Ok(FileDiff::of(Patch::parse(&printed), true, options));
        blocking(compare).await
    }

    /// What git prints of a file's changes, with this many lines of context.
    ///
    /// # Errors
    /// git prints too much, or refuses.
    pub async fn patch(
        &self,
        scope: &GitScope,
        base: &Compared,
        file: &FileChange,
        context: usize,
    ) -> Result<Vec<u8>, GitError> {
        if !file.path.is_inside() || file.old_path.as_ref().is_some_and(|old| !old.is_inside()) {
            return Err(GitError::NoSuchFile);
        }
        let run = self.diff(scope, base);
        let run = run.args(["--patch", &format!("--unified={context}")]);
        let paths = file.old_path.iter().chain([&file.path]);
        run.paths(paths).bytes(limits::GIT_PATCH_BYTES).go().await
    }

    /// The content of a file on one side, up to a bound: `None` if it has none there, or a larger one.
    ///
    /// # Errors
    /// git cannot be run.
    pub async fn content(
        &self,
        file: &FileChange,
        before: bool,
        most: usize,
    ) -> Result<Option<Vec<u8>>, GitError> {
        let (kind, id) = match before {
            true => (file.old_kind, &file.old_id),
            false => (file.new_kind, &file.new_id),
        };
        if matches!(kind, FileKind::None | FileKind::Submodule) {
            return Ok(None);
        }
        if before || id.bytes().any(|digit| digit != b'0') {
            let run = Run::read(&self.root, "cat-file")
                .args(["blob", id])
                .bytes(most);
            return match run.go().await {
                Ok(content) => Ok(Some(content)),
                Err(GitError::TooMuch { .. } | GitError::Failed { .. }) => Ok(None),
                Err(error) => Err(error),
            };
        }
        let place = self.place(&file.path).await?;
        let found = blocking(move || untracked::look(&place, most)).await;
        Ok(found.ok().and_then(|found| found.content))
    }

    /// A short name of what a file has now, which changes with its content. Of a large file its size and time of change are it.
    pub async fn content_name(&self, file: &FileChange, staged: bool) -> String {
        if file.new_kind == FileKind::None {
            return "deleted".to_owned();
        }
        let is_stored = file.new_id.bytes().any(|digit| digit != b'0');
        if is_stored && (staged || file.new_kind == FileKind::Submodule) {
            return file.new_id.clone();
        }
        let Ok(place) = self.place(&file.path).await else {
            return "gone".to_owned();
        };
        let name = move || {
            let found = untracked::look(&place, limits::GIT_FILE_BYTES)?;
            let mut hash = Sha256::new();
            hash.update(found.kind.mode());
            match found.content {
                Some(content) => hash.update(content),
                None => {
                    let at = place.symlink_metadata().and_then(|facts| facts.modified());
                    hash.update(format!("{} {at:?}", found.size));
                }
            }
            let digest = hash.finalize();
            Ok(digest[..16]
                .iter()
                .map(|byte| format!("{byte:02x}"))
                .collect())
        };
        blocking(name).await.unwrap_or_else(|_| "gone".to_owned())
    }

    /// A file in conflict whose content is that of the side before: the other branch deleted or moved it, say.
    async fn unmerged(&self, path: FilePath) -> FileChange {
        let look = match self.place(&path).await {
            Ok(place) => blocking(move || untracked::look(&place, 0)).await,
            Err(error) => Err(error),
        };
        let kind = look.map_or(FileKind::None, |found| found.kind);
        FileChange {
            path,
            old_path: None,
            status: FileStatus::Conflicted,
            old_kind: kind,
            new_kind: kind,
            old_id: "0".repeat(40),
            new_id: "0".repeat(40),
            lines: Some((0, 0)),
            binary: false,
        }
    }

    /// Files that git does not know, with their lines counted as far as the bound reaches.
    async fn untracked(&self, paths: Vec<FilePath>) -> Vec<Listed> {
        let mut places = Vec::with_capacity(paths.len());
        for path in paths {
            let place = self.place(&path).await;
            places.extend(place.map(|place| (path, place)));
        }
        let count = move || {
            let mut left = limits::GIT_COUNTED_BYTES;
            let listed = places.into_iter().filter_map(|(path, place)| {
                let most = usize::try_from(left).unwrap_or(usize::MAX);
                let found = untracked::look(&place, most).ok()?;
                left -= found.size.min(left);
                Some(new_file(path, found))
            });
            Ok(listed.collect())
        };
        blocking(count).await.unwrap_or_default()
    }
}

fn new_file(path: FilePath, found: untracked::Found) -> Listed {
    let binary = found.content.as_deref().is_some_and(is_binary);
    let text = found.content.filter(|_| !binary);
    let lines = text.map(|text| {
        let ended = text.iter().filter(|byte| **byte == b'\n').count();
        let open = text.last().is_some_and(|byte| *byte != b'\n');
        (ended as u64 + u64::from(open), 0)
    });
    let change = FileChange {
        path,
        old_path: None,
        status: FileStatus::Untracked,
        old_kind: FileKind::None,
        new_kind: found.kind,
        old_id: "0".repeat(40),
        new_id: "0".repeat(40),
        lines,
        binary,
    };
    let staging = Staging {
        unstaged: true,
        ..Staging::default()
    };
    Listed { change, staging }
}

/// The first line of what was printed.
pub(super) fn line(printed: &[u8]) -> String {
    let text = String::from_utf8_lossy(printed);
    text.lines().next().unwrap_or_default().to_owned()
}

/// Runs what waits for the disk or computes for long.
pub(super) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, GitError> + Send + 'static,
) -> Result<T, GitError> {
    let done = tokio::task::spawn_blocking(work).await;
    done.unwrap_or_else(|error| Err(std::io::Error::other(error).into()))
}
