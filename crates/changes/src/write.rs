//! A diff as a patch, as git writes it: for files that git has no patch of.

use crate::diff::{FileDiff, Row, RowKind};
use crate::list::{FileChange, FileKind};

/// Lines around each change.
const CONTEXT: usize = 3;

impl FileDiff {
    /// The patch of the file. Names of files are written as text.
    pub fn patch(&self, change: &FileChange) -> Vec<u8> {
        let new = change.path.text();
        let old = change
            .old_path
            .as_ref()
            .map_or(new.clone(), |path| path.text());
        let mut patch = format!("diff --git a/{old} b/{new}\n");
        match (change.old_kind, change.new_kind) {
            (FileKind::None, kind) => patch += &format!("new file mode {}\n", kind.mode()),
            (kind, FileKind::None) => patch += &format!("deleted file mode {}\n", kind.mode()),
            (one, other) if one != other => {
                patch += &format!("old mode {}\nnew mode {}\n", one.mode(), other.mode());
            }
            _ => {}
        }
        let name = |kind, side: char, path: &str| match kind {
            FileKind::None => "/dev/null".to_owned(),
            _ => format!("{side}/{path}"),
        };
        let (old, new) = (
            name(change.old_kind, 'a', &old),
            name(change.new_kind, 'b', &new),
        );
        if self.is_binary() {
            return format!("{patch}Binary files {old} and {new} differ\n").into_bytes();
        }
        let (hunks, _) = self.hunks(CONTEXT);
        if !hunks.is_empty() {
            patch += &format!("--- {old}\n+++ {new}\n");
        }
        let mut patch = patch.into_bytes();
        // Lines so far by which the numbers of both sides differ are in the rows; a side without lines has the number before.
        let (mut last_old, mut last_new) = (0, 0);
        for hunk in &hunks {
            let rows = &hunk.rows;
            let side = |of: fn(&Row) -> Option<usize>, last: usize| {
                let mut numbers = rows.iter().filter_map(of);
                let first = numbers.next();
                (
                    first.unwrap_or(last),
                    first.map_or(0, |_| 1 + numbers.count()),
                )
            };
            let before = hunk.before.map_or((last_old, last_new), |gap| {
                (gap.old + gap.lines - 1, gap.new + gap.lines - 1)
            });
            let (old, new) = (side(|row| row.old, before.0), side(|row| row.new, before.1));
            let head = format!("@@ -{},{} +{},{} @@\n", old.0, old.1, new.0, new.1);
            patch.extend_from_slice(head.as_bytes());
            for row in rows {
                self.write_row(row, &mut patch);
            }
            (last_old, last_new) = (old.0 + old.1.max(1) - 1, new.0 + new.1.max(1) - 1);
        }
        patch
    }

    fn write_row(&self, row: &Row, patch: &mut Vec<u8>) {
        let (sign, line) = match row.kind {
            RowKind::Same => (b' ', row.new.and_then(|at| self.new_line(at))),
            RowKind::Gone => (b'-', row.old.and_then(|at| self.old(at))),
            RowKind::Come => (b'+', row.new.and_then(|at| self.new_line(at))),
        };
        let line = line.unwrap_or_default();
        patch.push(sign);
        patch.extend_from_slice(line);
        if !line.ends_with(b"\n") {
            patch.extend_from_slice(b"\n\\ No newline at end of file\n");
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::diff::Options;
    use crate::list::FileStatus;
    use crate::patch::Patch;
    use crate::path::FilePath;

    fn change() -> FileChange {
        FileChange {
            path: FilePath::new("x"),
            old_path: None,
            status: FileStatus::Modified,
            old_kind: FileKind::File,
            new_kind: FileKind::File,
            old_id: String::new(),
            new_id: String::new(),
            lines: None,
            binary: false,
        }
    }

    #[test]
    fn a_patch_is_written_as_git_does() {
        let diff = FileDiff::of_texts(b"".to_vec(), b"a\nb".to_vec(), Options::default());
        let new = FileChange {
            old_kind: FileKind::None,
            ..change()
        };
        assert_eq!(
            String::from_utf8_lossy(&diff.patch(&new)),
            "diff --git a/x b/x\nnew file mode 100644\n--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline at end of file\n"
        );
    }

    proptest! {
        /// What is written makes the one side of the other.
        #[test]
        fn a_written_patch_makes_the_other_side(old in "([abc]\n){0,30}", new in "([abc]\n){0,30}") {
            let diff = FileDiff::of_texts(old.clone().into(), new.clone().into(), Options::default());
            let lines: Vec<&str> = old.split_inclusive('\n').collect();
            let (mut made, mut at) = (String::new(), 0);
            for segment in Patch::parse(&diff.patch(&change())).segments {
                let begin = segment.old_start - 1;
                made.extend(lines[at..begin].iter().copied());
                prop_assert_eq!(made.lines().count() + 1, segment.new_start);
                let end = begin + segment.old.len();
                let had = lines[begin..end].concat();
                prop_assert_eq!(had.as_bytes(), segment.old.bytes());
                made += &String::from_utf8_lossy(segment.new.bytes());
                at = end;
            }
            made.extend(lines[at..].iter().copied());
            prop_assert_eq!(made, new);
        }
    }
}
