//! The patch of one file: what git and OpenCode print of it.

use crate::text::Text;

/// A stretch of a file, before and after.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// Number of its first line before, from 1.
    pub old_start: usize,
    /// Number of its first line after, from 1.
    pub new_start: usize,
    /// Its lines before.
    pub old: Text,
    /// Its lines after.
    pub new: Text,
}

/// A patch of one file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Patch {
    /// What the patch has of the file, in order.
    pub segments: Vec<Segment>,
    /// True if it says that the file is binary.
    pub binary: bool,
}

/// What is still to come of a hunk.
struct Open {
    segment: Segment,
    old: usize,
    new: usize,
    /// The side of the last line.
    last: Side,
}

#[derive(Clone, Copy)]
enum Side {
    Old,
    New,
    Both,
}

impl Patch {
    /// Parses a patch of one file. What is no patch has no segments. Lines that a hunk lacks are not made up: the hunk is shorter then.
    pub fn parse(patch: &[u8]) -> Self {
        let mut parsed = Self::default();
        let mut open: Option<Open> = None;
        for line in Text::new(patch.to_vec()).lines() {
            if let Some(hunk) = &mut open
                && hunk.take(line)
            {
                continue;
            }
            if line.starts_with(b"@@ ") {
                parsed.close(open.take());
                open = header(line);
            } else if open.is_none() {
                parsed.binary |=
                    line.starts_with(b"Binary files ") || line.starts_with(b"GIT binary patch");
            }
        }
        parsed.close(open);
        parsed
    }

    fn close(&mut self, open: Option<Open>) {
        self.segments.extend(open.map(|hunk| hunk.segment));
    }
}

impl Open {
    /// Takes a line, if it belongs to the hunk.
    fn take(&mut self, line: &[u8]) -> bool {
        let Segment { old, new, .. } = &mut self.segment;
        let (first, rest) = line.split_first().unwrap_or((&b' ', &[]));
        match first {
            b' ' | b'\n' if self.old > 0 && self.new > 0 => {
                // Some programs strip the blank of an empty line.
                let rest = if *first == b'\n' { line } else { rest };
                old.push(rest);
                new.push(rest);
                (self.old, self.new, self.last) = (self.old - 1, self.new - 1, Side::Both);
            }
            b'-' if self.old > 0 => {
                old.push(rest);
                (self.old, self.last) = (self.old - 1, Side::Old);
            }
            b'+' if self.new > 0 => {
                new.push(rest);
                (self.new, self.last) = (self.new - 1, Side::New);
            }
            b'\\' => {
                if matches!(self.last, Side::Old | Side::Both) {
                    old.cut_last_end();
                }
                if matches!(self.last, Side::New | Side::Both) {
                    new.cut_last_end();
                }
            }
            _ => return false,
        }
        true
    }
}

/// The beginning of a hunk: `@@ -1,2 +3,4 @@`.
fn header(line: &[u8]) -> Option<Open> {
    let line = std::str::from_utf8(line.get(..line.len().min(100))?).ok()?;
    let mut words = line.strip_prefix("@@ -")?.split(' ');
    let (old, old_lines) = range(words.next()?)?;
    let (new, new_lines) = range(words.next()?.strip_prefix('+')?)?;
    // Of a side without lines, the number is that of the line before.
    let start = |at: usize, lines: usize| at.saturating_add(usize::from(lines == 0)).max(1);
    let segment = Segment {
        old_start: start(old, old_lines),
        new_start: start(new, new_lines),
        old: Text::default(),
        new: Text::default(),
    };
    Some(Open {
        segment,
        old: old_lines,
        new: new_lines,
        last: Side::Both,
    })
}

fn range(text: &str) -> Option<(usize, usize)> {
    match text.split_once(',') {
        Some((at, lines)) => Some((at.parse().ok()?, lines.parse().ok()?)),
        None => Some((text.parse().ok()?, 1)),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_patch_has_both_sides() {
        let patch = b"diff --git a/x b/x\nindex 1..2\n--- a/x\n+++ b/x\n@@ -1,3 +1,3 @@ fn x\n a\n-b\n+c\n d\n\\ No newline at end of file\n@@ -9,0 +10 @@\n+--- e\n";
        let Patch { segments, binary } = Patch::parse(patch);
        assert!(!binary);
        assert_eq!(segments.len(), 2);
        assert_eq!(segments[0].old.bytes(), b"a\nb\nd");
        assert_eq!(segments[0].new.bytes(), b"a\nc\nd");
        assert_eq!((segments[1].old_start, segments[1].new_start), (10, 10));
        assert_eq!(segments[1].new.bytes(), b"--- e\n");
    }

    #[test]
    fn a_new_file_begins_at_its_first_line() {
        let Patch { segments, .. } = Patch::parse(
            b"--- /dev/null\n+++ b/x\n@@ -0,0 +1,2 @@\n+a\n+b\n\\ No newline at end of file\n",
        );
        assert_eq!((segments[0].old_start, segments[0].new_start), (1, 1));
        assert!(segments[0].old.is_empty());
        assert_eq!(segments[0].new.bytes(), b"a\nb");
    }

    #[test]
    fn a_binary_is_told() {
        assert!(Patch::parse(b"index 1..2\nBinary files a/x and b/x differ\n").binary);
        assert!(!Patch::parse(b"@@ -0,0 +1 @@\n+Binary files a and b differ\n").binary);
    }

    proptest! {
        #[test]
        fn nothing_is_made_up(bytes in proptest::collection::vec(prop_oneof![Just(b'\n'), Just(b'+'), Just(b'-'), Just(b' '), Just(b'@'), Just(b'1'), Just(b','), Just(b'\\'), any::<u8>()], 0..200)) {
            let parsed = Patch::parse(&bytes);
            let lines: usize = parsed.segments.iter().map(|one| one.old.bytes().len() + one.new.bytes().len()).sum();
            prop_assert!(lines <= 2 * bytes.len());
        }
    }
}
