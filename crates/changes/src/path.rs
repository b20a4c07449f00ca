//! Paths as git has them: bytes, relative to the top folder of a repository, with `/` between names.

use std::fmt::Write;

/// A path inside of a repository. Any bytes but NUL may occur in it, line ends and control characters as well.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FilePath(Vec<u8>);

impl FilePath {
    /// A path of these bytes.
    pub fn new(bytes: impl Into<Vec<u8>>) -> Self {
        Self(bytes.into())
    }

    /// The bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// The path as text, with a replacement character for what is no UTF-8. It is not safe to show.
    pub fn text(&self) -> std::borrow::Cow<'_, str> {
        String::from_utf8_lossy(&self.0)
    }

    /// The folders above the file, and its name.
    pub fn split(&self) -> (&[u8], &[u8]) {
        match self.0.iter().rposition(|byte| *byte == b'/') {
            Some(at) => (&self.0[..at], &self.0[at + 1..]),
            None => (&[], &self.0),
        }
    }

    /// True if the path stays below the top folder: it is relative, and no name in it is empty, `.`, `..` or `.git`.
    pub fn is_inside(&self) -> bool {
        let mut names = self.0.split(|byte| *byte == b'/');
        !self.0.contains(&0)
            && names.all(|name| {
                !matches!(name, b"" | b"." | b"..") && !name.eq_ignore_ascii_case(b".git")
            })
    }

    /// The path in a form that addresses, attributes and JSON can hold: unreserved characters of RFC 3986 and `/` as they are, every
    /// other byte as `%` and two digits.
    pub fn id(&self) -> String {
        let mut id = String::with_capacity(self.0.len());
        for byte in &self.0 {
            match byte {
                b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                    id.push(char::from(*byte));
                }
                // Writing to a string cannot fail.
                _ => drop(write!(id, "%{byte:02X}")),
            }
        }
        id
    }

    /// The path with this [`id`](Self::id); `None` if there is none.
    pub fn from_id(id: &str) -> Option<Self> {
        let mut bytes = Vec::with_capacity(id.len());
        let mut rest = id.bytes();
        while let Some(byte) = rest.next() {
            match byte {
                b'%' => {
                    let digits = [rest.next()?, rest.next()?];
                    let digits = std::str::from_utf8(&digits).ok()?;
                    bytes.push(u8::from_str_radix(digits, 16).ok()?);
                }
                byte => bytes.push(byte),
            }
        }
        Some(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_paths_below_the_top_are_inside() {
        for path in ["a", "a/b", "..a/b..", "a\nb", "-x"] {
            assert!(FilePath::new(path).is_inside(), "{path}");
        }
        for path in [
            "",
            "/a",
            "../a",
            "a/../b",
            "a//b",
            "./a",
            ".git/config",
            "a/.GIT/x",
            "a/",
        ] {
            assert!(!FilePath::new(path).is_inside(), "{path}");
        }
        assert!(!FilePath::new(*b"a\0b").is_inside());
    }

    proptest! {
        #[test]
        fn an_id_names_its_path(bytes: Vec<u8>) {
            let path = FilePath::new(bytes);
            let id = path.id();
            prop_assert!(id.bytes().all(|byte| byte.is_ascii_graphic()));
            prop_assert_eq!(FilePath::from_id(&id), Some(path));
        }

        #[test]
        fn any_text_is_an_id_or_none(text in "\\PC*") {
            let _some = FilePath::from_id(&text);
        }
    }
}
