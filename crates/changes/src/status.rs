//! The state of a work tree, as `git status --porcelain=v2 --branch -z` prints it.

use std::collections::BTreeMap;

use crate::path::FilePath;

/// What is checked out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Head {
    /// The commit; `None` on a branch without commits.
    pub commit: Option<String>,
    /// The branch; `None` if a commit is checked out and no branch.
    pub branch: Option<String>,
    /// The branch that this one follows.
    pub upstream: Option<String>,
    /// Commits that the upstream lacks, and commits that this branch lacks; `None` without an upstream that exists.
    pub ahead_behind: Option<(u64, u64)>,
}

/// How much of a file's change is staged.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Staging {
    /// The index differs from the commit.
    pub staged: bool,
    /// The work tree differs from the index.
    pub unstaged: bool,
    /// A merge left both sides in the file.
    pub conflicted: bool,
}

/// The state of a work tree.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Status {
    /// What is checked out.
    pub head: Head,
    /// Files that git knows and that changed.
    pub files: BTreeMap<FilePath, Staging>,
    /// Files that git does not know.
    pub untracked: Vec<FilePath>,
}

/// Parses what `git status --porcelain=v2 --branch -z` prints. Lines that are not known are left out.
pub fn status(printed: &[u8]) -> Status {
    let mut status = Status::default();
    let mut fields = printed.split(|byte| *byte == 0);
    while let Some(field) = fields.next() {
        let Some((kind, rest)) = field.split_first_chunk::<2>() else {
            continue;
        };
        match kind {
            b"# " => header(&mut status.head, &String::from_utf8_lossy(rest)),
            b"1 " => changed(&mut status, rest, 7),
            b"2 " => {
                changed(&mut status, rest, 8);
                // The path that it had.
                let _old = fields.next();
            }
            b"u " => conflicted(&mut status, rest),
            // The name of a repository inside of this one ends in `/`.
            b"? " => {
                let path = rest.strip_suffix(b"/").unwrap_or(rest);
                status.untracked.push(FilePath::new(path));
            }
            _ => {}
        }
    }
    status
}

fn header(head: &mut Head, line: &str) {
    let Some((name, value)) = line.split_once(' ') else {
        return;
    };
    match name {
        "branch.oid" => head.commit = (value != "(initial)").then(|| value.to_owned()),
        "branch.head" => head.branch = (value != "(detached)").then(|| value.to_owned()),
        "branch.upstream" => head.upstream = Some(value.to_owned()),
        "branch.ab" => {
            let mut counts = value.split(' ').map(|word| word.get(1..)?.parse().ok());
            head.ahead_behind = match (counts.next().flatten(), counts.next().flatten()) {
                (Some(ahead), Some(behind)) => Some((ahead, behind)),
                _ => None,
            };
        }
        _ => {}
    }
}

/// `XY …` with the path after so many further words.
fn changed(status: &mut Status, rest: &[u8], words: usize) {
    let mut parts = rest.splitn(words + 1, |byte| *byte == b' ');
    let (Some([x, y]), Some(path)) = (parts.next(), parts.nth(words - 1)) else {
        return;
    };
    let staging = Staging {
        staged: *x != b'.',
        unstaged: *y != b'.',
        conflicted: false,
    };
    status.files.insert(FilePath::new(path), staging);
}

fn conflicted(status: &mut Status, rest: &[u8]) {
    let path = rest.splitn(10, |byte| *byte == b' ').nth(9);
    let staging = Staging {
        staged: false,
        unstaged: true,
        conflicted: true,
    };
    if let Some(path) = path {
        status.files.insert(FilePath::new(path), staging);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_work_tree_is_read() {
        let printed = b"# branch.oid abc\0# branch.head main\0# branch.upstream origin/main\0# branch.ab +2 -1\0\
            1 .M N... 100644 100644 100644 aaa aaa a b\x001 A. N... 000000 100644 100644 000 bbb new\0\
            2 R. N... 100644 100644 100644 aaa aaa R100 to\0from\0u UU N... 100644 100644 100644 100644 a b c both\0? un\ntracked\0? inner/\0";
        let status = status(printed);
        assert_eq!(status.head.branch.as_deref(), Some("main"));
        assert_eq!(status.head.ahead_behind, Some((2, 1)));
        let of = |path: &str| status.files.get(&FilePath::new(path)).copied();
        let at = |staged, unstaged, conflicted| {
            Some(Staging {
                staged,
                unstaged,
                conflicted,
            })
        };
        assert_eq!(of("a b"), at(false, true, false));
        assert_eq!(of("new"), at(true, false, false));
        assert_eq!(of("to"), at(true, false, false));
        assert_eq!(of("both"), at(false, true, true));
        assert_eq!(
            status.untracked,
            [FilePath::new("un\ntracked"), FilePath::new("inner")]
        );
        let unborn = super::status(b"# branch.oid (initial)\0# branch.head (detached)\0");
        assert_eq!(unborn, Status::default());
    }

    proptest! {
        #[test]
        fn anything_is_a_status(bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(b' '), Just(b'1'), Just(b'u'), Just(b'#'), any::<u8>()], 0..100)) {
            let _some = status(&bytes);
        }
    }
}
