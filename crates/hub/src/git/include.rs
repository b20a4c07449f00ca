//! Files that git ignores and that a new work tree needs, such as `.env`: those that `.worktreeinclude` names are copied.
//!
//! Folders are opened one by one, and no link is followed on either side: a copy reads and writes inside of the two work trees alone.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;

use changes::{FilePath, include_patterns};
use rustix::fs::{CWD, Mode, OFlags, mkdirat, openat};
use std::ffi::{OsStr, OsString};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::PermissionsExt;

use super::read::blocking;
use super::run::Run;
use super::{GitError, Repository, untracked};
use crate::limits;

/// The file with the patterns, in git's syntax of ignored files.
const INCLUDE: &str = ".worktreeinclude";

/// Files for a new work tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Included {
    /// Paths that are copied, or were.
    pub files: Vec<FilePath>,
    /// Paths that are not, each with the reason.
    pub left_out: Vec<(FilePath, &'static str)>,
    /// How many further paths and patterns are over a bound.
    pub over: usize,
}

impl Repository {
    /// Files that git ignores here and that the patterns of `.worktreeinclude` name.
    ///
    /// # Errors
    /// git cannot be run, or refuses.
    pub async fn included(&self) -> Result<Included, GitError> {
        let Ok(place) = self.place(&FilePath::new(INCLUDE)).await else {
            return Ok(Included::default());
        };
        let look = move || untracked::look(&place, limits::INCLUDE_BYTES);
        let Ok(found) = blocking(look).await else {
            return Ok(Included::default());
        };
        // The content of a link is the path that it has.
        let content = found.content.filter(|_| found.kind.is_plain());
        let (patterns, over) = include_patterns(&content.unwrap_or_default());
        if patterns.is_empty() {
            return Ok(Included::default());
        }
        let excludes = patterns.iter().map(|pattern| {
            let mut exclude = OsString::from("--exclude=");
            exclude.push(OsStr::from_bytes(pattern));
            exclude
        });
        let run = Run::read(&self.root, "ls-files").args(["--others", "--ignored", "-z"]);
        let listed = run.args(excludes).go().await?;
        let names = listed.split(|byte| *byte == 0).map(FilePath::new);
        // A repository inside of this one is listed as a folder.
        let is_named = |path: &FilePath| {
            path.is_inside() && path.as_bytes().len() <= limits::INCLUDE_PATH_BYTES
        };
        let mut named: Vec<FilePath> = names.filter(is_named).collect();
        let more = named.len().saturating_sub(limits::INCLUDE_FILES);
        named.truncate(limits::INCLUDE_FILES);
        if named.is_empty() {
            return Ok(Included::default());
        }
        let run = Run::read(&self.root, "ls-files").args(["--others", "--ignored", "-z"]);
        let run = run.args(["--exclude-standard"]).paths(&named);
        let ignored = run.go().await?;
        let ignored = ignored.split(|byte| *byte == 0).map(FilePath::new);
        let mut files: Vec<FilePath> = ignored.filter(|path| named.contains(path)).collect();
        files.sort();
        Ok(Included {
            files,
            left_out: Vec::new(),
            over: over + more,
        })
    }

    /// Copies these files into another work tree. What is there stays.
    pub async fn copy_included(&self, included: Included, to: &Self) -> Included {
        let (from, to) = (self.root.clone(), to.root.clone());
        let all = included.files.clone();
        let copy = move || Ok(copy_all(&from, &to, included));
        blocking(copy).await.unwrap_or_else(|_| Included {
            left_out: all
                .into_iter()
                .map(|path| (path, "it was not copied"))
                .collect(),
            ..Included::default()
        })
    }
}

fn copy_all(from: &Path, to: &Path, included: Included) -> Included {
    let mut done = Included {
        over: included.over,
        ..Included::default()
    };
    let root = |path: &Path| openat(CWD, path, FOLDER, Mode::empty());
    let roots = root(from).and_then(|from| Ok((from, root(to)?)));
    let Ok((from, to)) = roots else {
        let all = included.files.into_iter();
        done.left_out = all
            .map(|path| (path, "its folder cannot be opened"))
            .collect();
        return done;
    };
    let mut room = limits::INCLUDE_COPIED_BYTES;
    for path in included.files {
        match copy(&from, &to, &path, &mut room) {
            Ok(()) => done.files.push(path),
            Err(why) => done.left_out.push((path, why)),
        }
    }
    done
}

const FOLDER: OFlags = OFlags::RDONLY
    .union(OFlags::DIRECTORY)
    .union(OFlags::NOFOLLOW)
    .union(OFlags::CLOEXEC);

/// Copies one file, with its permissions. `room` is how many bytes are left for all.
fn copy(from: &OwnedFd, to: &OwnedFd, path: &FilePath, room: &mut u64) -> Result<(), &'static str> {
    let (folder, name) = path.split();
    let name = OsStr::from_bytes(name);
    let source =
        descend(from, folder, false).map_err(|_| "it is not there any more, or behind a link")?;
    let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
    let source = openat(&source, name, flags, Mode::empty());
    let mut source = File::from(source.map_err(|_| "it is a link, or cannot be read")?);
    let facts = source.metadata().map_err(|_| "it cannot be read")?;
    if !facts.is_file() {
        return Err("it is no file");
    }
    if facts.len() > *room {
        return Err("too much would be copied");
    }
    let target = descend(to, folder, true)
        .map_err(|_| "there is something else in the place of its folder")?;
    let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    let mode = Mode::from_raw_mode(facts.permissions().mode() & 0o777);
    let target = openat(&target, name, flags, mode);
    let mut target = File::from(target.map_err(|_| "there is something in its place")?);
    let copied = transfer(&mut source, &mut target, *room);
    *room -= copied
        .map_err(|_| "it could not be copied whole")?
        .min(*room);
    Ok(())
}

fn transfer(source: &mut File, target: &mut File, most: u64) -> io::Result<u64> {
    let copied = io::copy(&mut source.take(most), target)?;
    target.flush()?;
    Ok(copied)
}

/// Opens a folder below another, name by name.
fn descend(root: &OwnedFd, folder: &[u8], create: bool) -> io::Result<OwnedFd> {
    let mut at = root.as_fd().try_clone_to_owned()?;
    for name in folder
        .split(|byte| *byte == b'/')
        .filter(|name| !name.is_empty())
    {
        let name = OsStr::from_bytes(name);
        at = match openat(&at, name, FOLDER, Mode::empty()) {
            Err(rustix::io::Errno::NOENT) if create => {
                mkdirat(&at, name, Mode::from_raw_mode(0o777))?;
                openat(&at, name, FOLDER, Mode::empty())?
            }
            opened => opened?,
        };
    }
    Ok(at)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::fs;
    use std::os::unix::fs::symlink;

    use super::*;

    #[test]
    fn nothing_is_read_or_written_through_a_link() {
        let home = tempfile::tempdir().unwrap();
        let [from, to, outside] = ["from", "to", "outside"].map(|name| {
            let path = home.path().join(name);
            fs::create_dir(&path).unwrap();
            path
        });
        fs::write(outside.join("secret"), "s").unwrap();
        fs::create_dir_all(from.join("a/b")).unwrap();
        fs::write(from.join("a/b/.env"), "A=1").unwrap();
        fs::write(from.join(".env"), "B=1").unwrap();
        fs::write(from.join("old"), "new").unwrap();
        symlink(outside.join("secret"), from.join("link")).unwrap();
        symlink(&outside, from.join("folder")).unwrap();
        fs::create_dir(from.join("c")).unwrap();
        fs::write(from.join("c/x"), "x").unwrap();
        symlink(&outside, to.join("c")).unwrap();
        fs::write(to.join("old"), "old").unwrap();
        let names = [
            "a/b/.env",
            ".env",
            "link",
            "folder/secret",
            "c/x",
            "old",
            "none",
        ];
        let included = Included {
            files: names.map(FilePath::new).to_vec(),
            ..Included::default()
        };
        let done = copy_all(&from, &to, included);
        assert_eq!(
            done.files,
            [FilePath::new("a/b/.env"), FilePath::new(".env")]
        );
        assert_eq!(done.left_out.len(), 5);
        assert_eq!(fs::read_to_string(to.join("a/b/.env")).unwrap(), "A=1");
        assert_eq!(fs::read_to_string(to.join("old")).unwrap(), "old");
        assert!(!to.join("link").exists() && !to.join("folder").exists());
        assert_eq!(
            fs::read_dir(&outside).unwrap().count(),
            1,
            "nothing was written outside"
        );
    }
}
