//! The list of changed files, as `git diff --raw --numstat -z` prints it.

use std::collections::BTreeMap;

use crate::path::FilePath;

/// What happened to a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileStatus {
    /// It is new.
    Added,
    /// It is gone.
    Deleted,
    /// Its content or mode changed.
    Modified,
    /// It has another name.
    Renamed,
    /// It is a copy of another.
    Copied,
    /// It is another kind of file: a link, say.
    TypeChanged,
    /// A merge left both sides in it.
    Conflicted,
    /// git does not know it yet.
    Untracked,
}

/// What a file is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FileKind {
    /// A file.
    File,
    /// A file that can be run.
    Executable,
    /// A symbolic link.
    Link,
    /// A repository inside of this one.
    Submodule,
    /// Nothing: it does not exist on this side.
    None,
}

impl FileKind {
    fn of_mode(mode: &[u8]) -> Self {
        match mode {
            b"000000" => Self::None,
            b"120000" => Self::Link,
            b"160000" => Self::Submodule,
            b"100755" => Self::Executable,
            _ => Self::File,
        }
    }

    /// True for a file that is no link.
    pub fn is_plain(self) -> bool {
        matches!(self, Self::File | Self::Executable)
    }

    /// The mode of git for it.
    pub fn mode(self) -> &'static str {
        match self {
            Self::File => "100644",
            Self::Executable => "100755",
            Self::Link => "120000",
            Self::Submodule => "160000",
            Self::None => "000000",
        }
    }
}

/// A changed file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FileChange {
    /// Its path now; for a deleted one, the one it had.
    pub path: FilePath,
    /// The path it had, if that was another.
    pub old_path: Option<FilePath>,
    /// What happened to it.
    pub status: FileStatus,
    /// What it was.
    pub old_kind: FileKind,
    /// What it is.
    pub new_kind: FileKind,
    /// The object before, in hexadecimal digits; zeros if there is none.
    pub old_id: String,
    /// The object after; zeros if it is not stored as one.
    pub new_id: String,
    /// Lines that came and went; `None` for a binary file, and where they are not counted.
    pub lines: Option<(u64, u64)>,
    /// True if git counts it as binary.
    pub binary: bool,
}

/// What git printed is not what it prints for a list of changes.
#[derive(Debug, PartialEq, Eq)]
pub struct ListError;

/// Parses what `git diff --raw --numstat -z` prints.
///
/// # Errors
/// It is something else.
pub fn list(printed: &[u8]) -> Result<Vec<FileChange>, ListError> {
    let mut fields = printed.split(|byte| *byte == 0);
    let mut files: Vec<FileChange> = Vec::new();
    let mut places: BTreeMap<FilePath, usize> = BTreeMap::new();
    while let Some(field) = fields.next() {
        if let Some(raw) = field.strip_prefix(b":") {
            let file = change(raw, &mut fields).ok_or(ListError)?;
            // An unmerged file is listed once more, with what is in the work tree.
            match places.get(&file.path) {
                Some(_) => {}
                None => {
                    places.insert(file.path.clone(), files.len());
                    files.push(file);
                }
            }
        } else if !field.is_empty() {
            let (path, lines) = counts(field, &mut fields).ok_or(ListError)?;
            if let Some(file) = places.get(&path).and_then(|at| files.get_mut(*at)) {
                file.binary = lines.is_none();
                file.lines = lines;
            }
        }
    }
    Ok(files)
}

/// `100644 100755 abc def R086`, then one path or two.
fn change<'a>(raw: &[u8], paths: &mut impl Iterator<Item = &'a [u8]>) -> Option<FileChange> {
    let mut words = raw.split(|byte| *byte == b' ');
    let (old_mode, new_mode) = (words.next()?, words.next()?);
    let hex = |id: &[u8]| {
        let id = id.strip_suffix(b"...").unwrap_or(id);
        let is = !id.is_empty() && id.iter().all(u8::is_ascii_hexdigit);
        is.then(|| String::from_utf8_lossy(id).into_owned())
    };
    let (old_id, new_id) = (hex(words.next()?)?, hex(words.next()?)?);
    let status = match words.next()?.first()? {
        b'A' => FileStatus::Added,
        b'D' => FileStatus::Deleted,
        b'M' => FileStatus::Modified,
        b'R' => FileStatus::Renamed,
        b'C' => FileStatus::Copied,
        b'T' => FileStatus::TypeChanged,
        b'U' => FileStatus::Conflicted,
        _ => return None,
    };
    let first = FilePath::new(paths.next()?);
    let second = match status {
        FileStatus::Renamed | FileStatus::Copied => Some(FilePath::new(paths.next()?)),
        _ => None,
    };
    let (path, old_path) = match second {
        Some(second) => (second, Some(first)),
        None => (first, None),
    };
    Some(FileChange {
        path,
        old_path,
        status,
        old_kind: FileKind::of_mode(old_mode),
        new_kind: FileKind::of_mode(new_mode),
        old_id,
        new_id,
        lines: None,
        binary: false,
    })
}

/// Lines of a file that came and went; `None` for a binary file.
type Counted = (FilePath, Option<(u64, u64)>);

/// `3\t1\tpath`, or `3\t1\t` and then two paths.
fn counts<'a>(field: &[u8], paths: &mut impl Iterator<Item = &'a [u8]>) -> Option<Counted> {
    let mut words = field.splitn(3, |byte| *byte == b'\t');
    let (come, gone, path) = (words.next()?, words.next()?, words.next()?);
    let path = if path.is_empty() {
        let _old = paths.next()?;
        paths.next()?
    } else {
        path
    };
    let number = |text: &[u8]| std::str::from_utf8(text).ok()?.parse::<u64>().ok();
    let lines = match (come, gone) {
        (b"-", b"-") => None,
        (come, gone) => Some((number(come)?, number(gone)?)),
    };
    Some((FilePath::new(path), lines))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use proptest::prelude::*;

    use super::*;

    #[test]
    fn files_have_their_counts_and_names() {
        let printed = b":100644 100644 aaa 000 M\0a\nb\0:100644 100755 aaa bbb R090\0old\0new\0:000000 100644 000 ccc A\0x.png\0\
            :100644 000000 aaa 000 D\0-gone\x002\t1\ta\nb\x000\t0\t\0old\0new\0-\t-\tx.png\x000\t7\t-gone\0";
        let files = list(printed).unwrap();
        assert_eq!(files.len(), 4);
        assert_eq!(files[0].path, FilePath::new("a\nb"));
        assert_eq!(files[0].lines, Some((2, 1)));
        assert_eq!(files[1].old_path, Some(FilePath::new("old")));
        assert_eq!(files[1].status, FileStatus::Renamed);
        assert_eq!(files[1].new_kind, FileKind::Executable);
        assert!(files[2].binary && files[2].lines.is_none());
        assert_eq!(files[3].lines, Some((0, 7)));
        assert_eq!(list(b""), Ok(Vec::new()));
        assert_eq!(list(b"fatal: no"), Err(ListError));
    }

    proptest! {
        #[test]
        fn anything_is_a_list_or_none(bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(b':'), Just(b'\t'), Just(b' '), Just(b'M'), Just(b'0'), any::<u8>()], 0..100)) {
            let _some = list(&bytes);
        }
    }
}
