//! Work trees of a repository: what `git worktree list` and `git merge-tree` print, names for new ones, and patterns of files that are
//! copied into them.

use crate::limits;
use crate::path::FilePath;

/// A work tree, as `git worktree list --porcelain -z` prints it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct WorktreeEntry {
    /// Its folder, as bytes.
    pub path: Vec<u8>,
    /// The commit that is checked out; absent for a bare repository.
    pub commit: Option<String>,
    /// The branch that is checked out, without `refs/heads/`.
    pub branch: Option<String>,
    /// True for the entry of a repository without a work tree.
    pub bare: bool,
    /// The reason why it must not be removed; empty where none was given.
    pub locked: Option<String>,
    /// The reason why it is gone, such as a folder that does not exist.
    pub prunable: Option<String>,
}

/// Parses what `git worktree list --porcelain -z` prints. The first is the main one.
pub fn worktrees(printed: &[u8]) -> Vec<WorktreeEntry> {
    let mut all: Vec<WorktreeEntry> = Vec::new();
    for line in printed.split(|byte| *byte == 0) {
        let split = line.iter().position(|byte| *byte == b' ');
        let (name, value) = split.map_or((line, &[][..]), |at| (&line[..at], &line[at + 1..]));
        if name == b"worktree" {
            all.push(WorktreeEntry {
                path: value.to_vec(),
                ..WorktreeEntry::default()
            });
            continue;
        }
        let Some(entry) = all.last_mut() else {
            continue;
        };
        let text = || String::from_utf8_lossy(value).into_owned();
        match name {
            b"HEAD" => entry.commit = Some(text()).filter(|id| id.bytes().any(|c| c != b'0')),
            b"branch" => {
                let name = text();
                let short = name.strip_prefix("refs/heads/").map(str::to_owned);
                entry.branch = Some(short.unwrap_or(name));
            }
            b"bare" => entry.bare = true,
            b"locked" => entry.locked = Some(text()),
            b"prunable" => entry.prunable = Some(text()),
            _ => {}
        }
    }
    all
}

/// Parses what `git merge-tree --write-tree -z --name-only --no-messages` prints: the tree, and the paths that conflict.
pub fn merged(printed: &[u8]) -> (String, Vec<FilePath>) {
    let mut fields = printed.split(|byte| *byte == 0);
    let tree = fields.next().unwrap_or_default();
    let tree = String::from_utf8_lossy(tree).trim().to_owned();
    let paths = fields.filter(|field| !field.is_empty());
    (tree, paths.map(FilePath::new).collect())
}

/// A name for a branch and a folder, made of the first words of a text: letters and digits in lower case, joined by `-`;
/// [`limits::NAME_BYTES`] at most. `session` where the text has none.
pub fn branch_name(text: &str) -> String {
    let first = text
        .lines()
        .find(|line| line.chars().any(char::is_alphanumeric));
    let words = first.unwrap_or_default();
    let words = words.split(|c: char| !c.is_alphanumeric());
    let mut name = String::new();
    for word in words.filter(|word| !word.is_empty()) {
        let word = word.to_lowercase();
        let joint = usize::from(!name.is_empty());
        if name.len() + joint + word.len() > limits::NAME_BYTES {
            if name.is_empty() {
                name = cut(&word, limits::NAME_BYTES).to_owned();
            }
            break;
        }
        if joint == 1 {
            name.push('-');
        }
        name.push_str(&word);
    }
    match name.is_empty() {
        true => "session".to_owned(),
        false => name,
    }
}

fn cut(text: &str, most: usize) -> &str {
    let mut end = most.min(text.len());
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// The patterns of a `.worktreeinclude`, in git's syntax of ignored files: a line each, without comments;
/// [`limits::INCLUDE_PATTERNS`] at most. The number of those that are left out is the second value.
pub fn include_patterns(content: &[u8]) -> (Vec<Vec<u8>>, usize) {
    let lines = content.split(|byte| *byte == b'\n');
    let lines = lines.map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let lines = lines.map(without_spaces);
    let patterns = lines.filter(|line| !line.is_empty() && line[0] != b'#' && !line.contains(&0));
    let mut patterns: Vec<Vec<u8>> = patterns.map(<[u8]>::to_vec).collect();
    let left_out = patterns.len().saturating_sub(limits::INCLUDE_PATTERNS);
    patterns.truncate(limits::INCLUDE_PATTERNS);
    (patterns, left_out)
}

/// Spaces at the end do not count, unless a backslash stands before them.
fn without_spaces(line: &[u8]) -> &[u8] {
    let mut line = line;
    while let Some(rest) = line.strip_suffix(b" ") {
        if rest.last() == Some(&b'\\') {
            break;
        }
        line = rest;
    }
    line
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_list_of_work_trees_is_read() {
        let printed = b"worktree /p\0HEAD aaa\0branch refs/heads/main\0\0worktree /w\n 1\0HEAD bbb\0detached\0locked on\nuse\0\0\
            worktree /x\0HEAD 000\0branch refs/heads/a/b\0prunable gitdir file points to non-existent location\0\0worktree /b\0bare\0\0";
        let all = worktrees(printed);
        assert_eq!(all.len(), 4);
        assert_eq!(
            (all[0].branch.as_deref(), all[0].commit.as_deref()),
            (Some("main"), Some("aaa"))
        );
        assert_eq!(all[1].path, b"/w\n 1");
        assert_eq!(
            (all[1].branch.as_deref(), all[1].locked.as_deref()),
            (None, Some("on\nuse"))
        );
        assert_eq!(
            (all[2].branch.as_deref(), &all[2].commit),
            (Some("a/b"), &None)
        );
        assert!(all[2].prunable.is_some() && all[3].bare);
        assert!(worktrees(b"").is_empty());
    }

    #[test]
    fn conflicts_are_read() {
        assert_eq!(
            merged(b"abc\0f\0a\nb\0"),
            (
                "abc".to_owned(),
                vec![FilePath::new("f"), FilePath::new("a\nb")]
            )
        );
        assert_eq!(merged(b"abc\0"), ("abc".to_owned(), Vec::new()));
    }

    #[test]
    fn a_name_is_made_of_the_first_words() {
        for (text, name) in [
            ("Fix the login!", "fix-the-login"),
            (
                "\n  \"../../etc\" --force; rm -rf $HOME\nmore",
                "etc-force-rm-rf-home",
            ),
            ("修复登录", "修复登录"),
            ("…", "session"),
            ("", "session"),
            ("a.lock ..b~^:?*[\\ \u{202e}c", "a-lock-b-c"),
        ] {
            assert_eq!(branch_name(text), name);
        }
    }

    #[test]
    fn patterns_are_lines_without_comments() {
        let (patterns, left) = include_patterns(b"# no\n.env\r\n\n!.env.test  \n-x\\ \n");
        assert_eq!(patterns, [&b".env"[..], b"!.env.test", b"-x\\ "]);
        assert_eq!(left, 0);
        let many = "a\n".repeat(limits::INCLUDE_PATTERNS + 3);
        let (patterns, left) = include_patterns(many.as_bytes());
        assert_eq!((patterns.len(), left), (limits::INCLUDE_PATTERNS, 3));
    }

    proptest! {
        #[test]
        fn any_text_makes_a_name_that_stays_in_its_folder(text in "\\PC{0,200}") {
            let name = branch_name(&text);
            prop_assert!(!name.is_empty() && name.len() <= limits::NAME_BYTES);
            prop_assert!(name.chars().all(|c| c.is_alphanumeric() || c == '-' || !c.is_ascii()), "{name}");
            prop_assert!(!name.starts_with('-') && !name.ends_with('-') && !name.contains("--"));
            prop_assert!(FilePath::new(name.as_bytes()).is_inside());
        }

        #[test]
        fn anything_is_a_list(bytes in proptest::collection::vec(prop_oneof![Just(0u8), Just(b' '), any::<u8>()], 0..100)) {
            let _some = worktrees(&bytes);
            let _some = merged(&bytes);
            let _some = include_patterns(&bytes);
        }
    }
}
