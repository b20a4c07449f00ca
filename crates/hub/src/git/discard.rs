//! Discarding: files get the content of the last commit, and what they had can be brought back, staged parts included.
//!
//! A discarded state is a commit under a name of its own: its tree has the files as the work tree had them, and its last parent as the
//! index had them. What is in neither was deleted there.

use std::collections::BTreeMap;
use std::path::Path;

use changes::FilePath;

use super::read::line;
use super::run::Run;
use super::write::{Done, OWN_NAME};
use super::{GitError, Repository};
use crate::limits;

/// Where discarded states are kept.
const DISCARDED: &str = "refs/drovers/discarded/";

/// Mode and object of a file, as git prints them; `None` where it is not.
type Entry = Option<String>;

/// A file on each of the three sides.
struct Sides {
    head: Entry,
    index: Entry,
    work: Entry,
}

impl Repository {
    /// Keeps what the files have under a name, then gives them the content of the last commit.
    pub(super) async fn discard(&self, paths: &[FilePath], now: i64) -> Result<Done, GitError> {
        for path in paths {
            let is_folder = match self.found(path).await {
                Some(place) => tokio::fs::symlink_metadata(place).await?.is_dir(),
                None => false,
            };
            if is_folder && self.in_index(path).await?.is_none() {
                return Err(GitError::Invalid(
                    "this is a repository of its own, which is not removed from here",
                ));
            }
        }
        let head = self.status().await?.head.commit;
        let kept = self.keep(paths, head.as_deref(), now).await?;
        let command = self.command(paths, head.as_deref(), &kept).await?;
        let mut output = String::new();
        for path in paths {
            let in_head = match &head {
                Some(head) => self.in_commit(head, path).await?.is_some(),
                None => false,
            };
            let run = match in_head {
                true => self
                    .write("restore")
                    .args(["--source=HEAD", "--staged", "--worktree"]),
                false => {
                    self.write("rm")
                        .args(["--cached", "--quiet", "--force", "--ignore-unmatch"])
                }
            };
            output += &run.paths([path]).words().await?.1;
            if !in_head {
                // It is kept; git does not remove what it does not know.
                self.remove(path).await?;
            }
        }
        Ok(Done {
            output,
            kept: Some(kept),
            command: Some(command),
        })
    }

    /// Brings back what was discarded, in the work tree and in the index. What the files have by now is kept before.
    pub(super) async fn restore(
        &self,
        paths: &[FilePath],
        kept: &str,
        now: i64,
    ) -> Result<Done, GitError> {
        let number = kept.strip_prefix(DISCARDED);
        if !number.is_some_and(|number| {
            !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit())
        }) {
            return Err(GitError::Invalid("`kept` is no name of a discarded state"));
        }
        let status = self.status().await?;
        let changed =
            |path: &&FilePath| status.files.contains_key(*path) || status.untracked.contains(*path);
        let meanwhile = match paths.iter().find(changed) {
            Some(_) => {
                let head = status.head.commit.as_deref();
                Some(self.keep(paths, head, now).await?)
            }
            None => None,
        };
        let staged = self.last_parent(kept).await?;
        for path in paths {
            if let Some(staged) = &staged {
                let entry = self.in_commit(staged, path).await?;
                self.enter(path, entry.as_deref(), None).await?;
            }
            match self.in_commit(kept, path).await? {
                Some(_) => {
                    let source = format!("--source={kept}");
                    let run = self.write("restore").args([&*source, "--worktree"]);
                    run.paths([path]).go().await?;
                }
                None => self.remove(path).await?,
            }
        }
        Ok(Done {
            kept: meanwhile,
            ..Done::default()
        })
    }

    /// Makes a commit of the files as they are, under a name of its own, beside the index.
    async fn keep(
        &self,
        paths: &[FilePath],
        head: Option<&str>,
        now: i64,
    ) -> Result<String, GitError> {
        let index = self.git_dir.join(format!("drovers-index-{now}"));
        let kept = self.kept_in(paths, head, now, &index).await;
        // A file that stays behind is of no harm.
        let _gone = tokio::fs::remove_file(&index).await;
        let kept = kept?;
        self.forget_oldest().await;
        Ok(kept)
    }

    async fn kept_in(
        &self,
        paths: &[FilePath],
        head: Option<&str>,
        now: i64,
        index: &Path,
    ) -> Result<String, GitError> {
        let write = |command| self.write(command).variable("GIT_INDEX_FILE", index);
        write("read-tree")
            .args([head.unwrap_or("--empty")])
            .go()
            .await?;
        let parents: Vec<String> = head.map(str::to_owned).into_iter().collect();
        for path in paths {
            // Of a file in conflict the index has no one content.
            if let Some(entry) = self.in_index(path).await? {
                self.enter(path, Some(&entry), Some(index)).await?;
            } else if !self.is_unmerged(path).await? {
                self.enter(path, None, Some(index)).await?;
            }
        }
        let staged = self.commit_of(index, &parents).await?;
        let mut there = Vec::new();
        for path in paths {
            match self.found(path).await {
                Some(_) => there.push(path),
                None => self.enter(path, None, Some(index)).await?,
            }
        }
        if !there.is_empty() {
            write("add").args(["--force"]).paths(there).go().await?;
        }
        let parents: Vec<String> = parents.into_iter().chain([staged]).collect();
        let commit = self.commit_of(index, &parents).await?;
        let name = format!("{DISCARDED}{now}");
        self.write("update-ref").args([&name, &commit]).go().await?;
        Ok(name)
    }

    /// Makes a commit of an index, which no branch has.
    async fn commit_of(&self, index: &Path, parents: &[String]) -> Result<String, GitError> {
        let run = self.write("write-tree").variable("GIT_INDEX_FILE", index);
        let tree = line(&run.go().await?);
        let mut run = self.write("commit-tree");
        run = run.args([&*tree, "-m", "Discarded in Drovers"]);
        for parent in parents {
            run = run.args(["-p", parent]);
        }
        for (name, value) in OWN_NAME {
            run = run.variable(name, value);
        }
        Ok(line(&run.go().await?))
    }

    /// Writes what an index has of a file: this entry, or none. The usual index, unless another one is named.
    async fn enter(
        &self,
        path: &FilePath,
        entry: Option<&str>,
        index: Option<&Path>,
    ) -> Result<(), GitError> {
        let none = format!("0 {}", "0".repeat(40));
        let mut input = entry.unwrap_or(&none).as_bytes().to_vec();
        input.push(b'\t');
        input.extend_from_slice(path.as_bytes());
        input.push(0);
        let mut run = self
            .write("update-index")
            .args(["-z", "--add", "--index-info"]);
        if let Some(index) = index {
            run = run.variable("GIT_INDEX_FILE", index);
        }
        run.input(input).go().await.map(drop)
    }

    /// What a commit has of a file: its mode and object.
    async fn in_commit(&self, commit: &str, path: &FilePath) -> Result<Entry, GitError> {
        let run = Run::read(&self.root, "ls-tree").args(["-z", "--full-tree", commit]);
        let printed = run.paths([path]).go().await?;
        let text = String::from_utf8_lossy(&printed);
        let mut words = text.split([' ', '\t']);
        let (mode, _kind, id) = (words.next(), words.next(), words.next());
        Ok(mode.zip(id).map(|(mode, id)| format!("{mode} {id}")))
    }

    /// What the index has of a file, where it is one content.
    async fn in_index(&self, path: &FilePath) -> Result<Entry, GitError> {
        let run = Run::read(&self.root, "ls-files").args(["--stage", "-z"]);
        let printed = run.paths([path]).go().await?;
        let text = String::from_utf8_lossy(&printed);
        let mut words = text.split([' ', '\t']);
        let (mode, id, stage) = (words.next(), words.next(), words.next());
        let entry = mode.zip(id).map(|(mode, id)| format!("{mode} {id}"));
        Ok(entry.filter(|_| stage == Some("0")))
    }

    /// True for a file of which a merge left several sides.
    pub(super) async fn is_unmerged(&self, path: &FilePath) -> Result<bool, GitError> {
        let run = Run::read(&self.root, "ls-files").args(["--unmerged", "-z"]);
        Ok(!run.paths([path]).go().await?.is_empty())
    }

    /// The commit of what was staged: the last parent of a discarded state.
    async fn last_parent(&self, kept: &str) -> Result<Option<String>, GitError> {
        let run = Run::read(&self.root, "rev-list").args(["--parents", "--max-count=1", kept]);
        let printed = line(&run.go().await?);
        Ok(printed.split(' ').skip(1).last().map(str::to_owned))
    }

    /// The place of a file, if something is there.
    pub(super) async fn found(&self, path: &FilePath) -> Option<std::path::PathBuf> {
        let place = self.place(path).await.ok()?;
        let there = tokio::fs::symlink_metadata(&place).await.is_ok();
        there.then_some(place)
    }

    async fn remove(&self, path: &FilePath) -> Result<(), GitError> {
        let Some(place) = self.found(path).await else {
            return Ok(());
        };
        match tokio::fs::remove_file(place).await {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(error.into()),
            _ => Ok(()),
        }
    }

    /// The commands that bring files back once they are as the last commit has them.
    async fn command(
        &self,
        paths: &[FilePath],
        head: Option<&str>,
        kept: &str,
    ) -> Result<String, GitError> {
        let staged = self.last_parent(kept).await?.unwrap_or_default();
        let mut parts: BTreeMap<String, Vec<String>> = BTreeMap::new();
        for path in paths {
            let sides = Sides {
                head: match head {
                    Some(head) => self.in_commit(head, path).await?,
                    None => None,
                },
                index: self.in_commit(&staged, path).await?,
                work: self.in_commit(kept, path).await?,
            };
            let nth = if head.is_some() { 2 } else { 1 };
            for part in sides.commands(kept, nth).into_iter().flatten() {
                parts.entry(part).or_default().push(in_shell(path));
            }
        }
        let parts = parts.iter().rev();
        let parts = parts.map(|(part, paths)| format!("{part} {}", paths.join(" ")));
        Ok(parts.collect::<Vec<_>>().join(" && "))
    }

    async fn forget_oldest(&self) {
        let names = Run::read(&self.root, "for-each-ref").args(["--format=%(refname)", DISCARDED]);
        let Ok(names) = names.go().await else { return };
        let names = String::from_utf8_lossy(&names).into_owned();
        let names: Vec<&str> = names.lines().collect();
        for name in &names[..names.len().saturating_sub(limits::GIT_DISCARDED)] {
            let forgotten = self.write("update-ref").args(["-d", name]).go().await;
            if let Err(error) = forgotten {
                tracing::warn!(%error, "a discarded state is kept beyond the bound");
            }
        }
    }
}

impl Sides {
    /// What brings back the index, then the work tree, each without its paths.
    fn commands(&self, kept: &str, nth: usize) -> [Option<String>; 2] {
        let index = match &self.index {
            index if *index == self.head => None,
            Some(_) => Some(format!("git restore --source={kept}^{nth} --staged --")),
            None => Some("git rm --cached --quiet --".to_owned()),
        };
        let work = match &self.work {
            work if *work == self.head => None,
            Some(_) => Some(format!("git restore --source={kept} --")),
            None => Some("rm --".to_owned()),
        };
        [index, work]
    }
}

/// A path as a word of a shell, safe to show.
fn in_shell(path: &FilePath) -> String {
    let text = model::plain::line(&path.text(), limits::PATH_BYTES);
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+@".contains(c);
    match text.chars().all(plain) {
        true => text,
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}
