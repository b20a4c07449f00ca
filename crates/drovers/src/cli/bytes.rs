//! Sizes as people write them.

use std::fmt;
use std::str::FromStr;

/// A number of bytes, such as `500M` or `2G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Bytes(pub(crate) u64);

/// A text that is no size.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct BadBytes;

impl fmt::Display for BadBytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("write a size as 500M or 2G")
    }
}

impl std::error::Error for BadBytes {}

impl FromStr for Bytes {
    type Err = BadBytes;

    fn from_str(text: &str) -> Result<Self, BadBytes> {
        let (number, shift) = match text.strip_suffix(['M', 'm']) {
            Some(number) => (number, 20),
            None => (text.strip_suffix(['G', 'g']).ok_or(BadBytes)?, 30),
        };
        let number: u64 = number.parse().map_err(|_| BadBytes)?;
        number.checked_mul(1 << shift).map(Self).ok_or(BadBytes)
    }
}

/// A number of bytes for people, in mebibytes.
pub(crate) fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", bytes.div_ceil(1 << 20))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_are_written() {
        assert_eq!("500M".parse(), Ok(Bytes(500 << 20)));
        assert_eq!("2g".parse(), Ok(Bytes(2 << 30)));
        for bad in ["", "5", "G", "-1G", "1.5G", "99999999999G"] {
            assert_eq!(bad.parse::<Bytes>(), Err(BadBytes), "{bad}");
        }
    }
}
