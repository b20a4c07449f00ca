//! A text as lines, each with its end.

/// How lines of a text end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LineEnd {
    /// `\n`.
    Lf,
    /// `\r\n`.
    CrLf,
    /// Some lines one way, some the other.
    Mixed,
}

impl LineEnd {
    /// The end by its usual name.
    pub fn word(self) -> &'static str {
        match self {
            Self::Lf => "LF",
            Self::CrLf => "CRLF",
            Self::Mixed => "mixed line ends",
        }
    }
}

/// Lines of bytes. Only `\n` ends a line; the last one may lack it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    bytes: Vec<u8>,
    /// Where each line ends, its `\n` included.
    ends: Vec<usize>,
}

impl Text {
    /// The lines of these bytes.
    pub fn new(bytes: Vec<u8>) -> Self {
        let breaks = bytes.iter().enumerate().filter(|(_, byte)| **byte == b'\n');
        let mut ends: Vec<usize> = breaks.map(|(at, _)| at + 1).collect();
        if ends.last().copied().unwrap_or_default() < bytes.len() {
            ends.push(bytes.len());
        }
        Self { bytes, ends }
    }

    /// Appends a line; it has its end, unless it is the last one and lacks it.
    pub fn push(&mut self, line: &[u8]) {
        self.bytes.extend_from_slice(line);
        self.ends.push(self.bytes.len());
    }

    /// Takes the `\n` off the last line.
    pub(crate) fn cut_last_end(&mut self) {
        if self.bytes.last() == Some(&b'\n') {
            self.bytes.pop();
            if let Some(end) = self.ends.last_mut() {
                *end = self.bytes.len();
            }
        }
    }

    /// Number of lines.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// True if there is no line.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// All of it.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// The line with this index, from 0, with its end.
    pub fn line(&self, at: usize) -> Option<&[u8]> {
        let end = *self.ends.get(at)?;
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before]);
        self.bytes.get(begin..end)
    }

    /// The lines, each with its end.
    pub fn lines(&self) -> impl Iterator<Item = &[u8]> {
        (0..self.len()).filter_map(|at| self.line(at))
    }

    /// How its lines end; `None` if none has an end.
    pub fn line_end(&self) -> Option<LineEnd> {
        let ended = self.lines().filter(|line| line.ends_with(b"\n"));
        ended.fold(None, |all, line| {
            let one = if line.ends_with(b"\r\n") {
                LineEnd::CrLf
            } else {
                LineEnd::Lf
            };
            match all {
                None => Some(one),
                Some(all) if all == one => Some(all),
                Some(_) => Some(LineEnd::Mixed),
            }
        })
    }
}

/// A line without its end.
pub(crate) fn without_end(line: &[u8]) -> &[u8] {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    line.strip_suffix(b"\r").unwrap_or(line)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_keep_their_ends() {
        let text = Text::new(b"a\r\nb\n\nc".to_vec());
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines, [&b"a\r\n"[..], b"b\n", b"\n", b"c"]);
        assert_eq!(text.line_end(), Some(LineEnd::Mixed));
        assert_eq!(Text::new(b"a".to_vec()).line_end(), None);
        assert!(Text::new(Vec::new()).is_empty());
    }
}
