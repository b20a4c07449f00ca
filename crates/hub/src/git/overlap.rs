//! Which work trees of a repository would conflict if both were merged, with what is not committed yet: merged for a try, in a store of
//! objects beside the repository.

use std::ffi::OsString;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use changes::FilePath;

use super::merge::MERGE_TREE;
use super::read::line;
use super::run::Run;
use super::{GitError, Repository};
use crate::limits;

/// Two work trees that conflict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// Places of both in the list that was given.
    pub between: (usize, usize),
    /// The paths that conflict.
    pub paths: Vec<FilePath>,
}

/// Tries to merge the states of these work trees of one repository with each other. Those that cannot be read count as without conflict.
/// Nothing of the repository is changed; `scratch` is a folder for what is tried, which is made anew.
///
/// # Errors
/// The folder cannot be made.
pub async fn overlaps(trees: &[PathBuf], scratch: &Path) -> Result<Vec<Overlap>, GitError> {
    let _none = tokio::fs::remove_dir_all(scratch).await;
    let mut states = Vec::new();
    for (nth, tree) in trees.iter().take(limits::RADAR_TREES).enumerate() {
        let Ok(repository) = Repository::open(tree).await else {
            states.push(None);
            continue;
        };
        let state = repository.state_in(scratch, nth).await;
        states.push(state.ok().map(|commit| (repository, commit)));
    }
    let mut found = Vec::new();
    for (a, one) in states.iter().enumerate() {
        for (b, other) in states.iter().enumerate().skip(a + 1) {
            let (Some((repository, ours)), Some((_, theirs))) = (one, other) else {
                continue;
            };
            let tried = repository.tried_in(scratch, ours, theirs).await;
            let paths = tried.unwrap_or_default();
            if !paths.is_empty() {
                found.push(Overlap {
                    between: (a, b),
                    paths,
                });
            }
        }
    }
    let _stays = tokio::fs::remove_dir_all(scratch).await;
    Ok(found)
}

impl Repository {
    /// A run that reads the repository's objects and writes to those of `scratch`.
    fn beside_in(&self, scratch: &Path, command: &'static str) -> Run {
        Run::read(&self.root, command).variable("GIT_OBJECT_DIRECTORY", scratch.join("objects"))
    }

    /// A commit of this work tree as it is.
    async fn state_in(&self, scratch: &Path, nth: usize) -> Result<String, GitError> {
        let objects = scratch.join("objects/info");
        tokio::fs::create_dir_all(&objects).await?;
        let mut alternates = OsString::from(self.common.join("objects"));
        // A line each, without a way to write a line end.
        if alternates.as_bytes().contains(&b'\n') {
            return Err(GitError::NoSuchFile);
        }
        alternates.push("\n");
        tokio::fs::write(objects.join("alternates"), alternates.as_bytes()).await?;
        let status = self.status().await?;
        let head = status.head.commit.ok_or(GitError::NoSuchFile)?;
        let mut changed: Vec<FilePath> = status.untracked;
        let known = status
            .files
            .into_iter()
            .filter(|(_, staging)| !staging.conflicted);
        changed.extend(known.map(|(path, _)| path));
        if changed.is_empty() {
            return Ok(head);
        }
        let mut input = Vec::new();
        for path in changed.iter().take(limits::RADAR_FILES) {
            if self.is_small(path).await {
                input.extend_from_slice(path.as_bytes());
                input.push(0);
            }
        }
        let index = scratch.join(format!("index-{nth}"));
        let run = |command| {
            self.beside_in(scratch, command)
                .variable("GIT_INDEX_FILE", &index)
        };
        run("read-tree").args([&*head]).go().await?;
        let update = run("update-index").args(["-z", "--add", "--remove", "--stdin"]);
        update.input(input).go().await?;
        let tree = line(&run("write-tree").go().await?);
        let mut commit = run("commit-tree").args([&*tree, "-p", &head, "-m", "state"]);
        for (name, value) in super::write::OWN_NAME {
            commit = commit.variable(name, value);
        }
        Ok(line(&commit.go().await?))
    }

    /// True if a file is no larger than what is tried, or is gone.
    async fn is_small(&self, path: &FilePath) -> bool {
        let Ok(place) = self.place(path).await else {
            return false;
        };
        match tokio::fs::symlink_metadata(place).await {
            Ok(facts) => !facts.is_dir() && facts.len() <= limits::RADAR_FILE_BYTES,
            Err(_) => true,
        }
    }

    async fn tried_in(
        &self,
        scratch: &Path,
        ours: &str,
        theirs: &str,
    ) -> Result<Vec<FilePath>, GitError> {
        let run = self.beside_in(scratch, "merge-tree").args(MERGE_TREE);
        let (clean, printed) = run.args([ours, theirs]).answer().await?;
        let (_, paths) = changes::merged(&printed);
        Ok(if clean { Vec::new() } else { paths })
    }
}
