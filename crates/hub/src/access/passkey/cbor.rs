//! As much of CBOR (RFC 8949) as authenticators write: definite lengths, no tags. Everything else is no value.

use crate::limits;

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Value<'a> {
    Int(i64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Value<'a>>),
    Map(Vec<(Value<'a>, Value<'a>)>),
    /// A truth value, nothing, or a number with a fraction: none is looked at.
    Other,
}

impl<'a> Value<'a> {
    /// The first value of these bytes, and what follows it. `None` if there is none.
    pub(super) fn read(bytes: &'a [u8]) -> Option<(Self, &'a [u8])> {
        let mut reader = Reader(bytes);
        let value = reader.value(limits::CBOR_DEPTH)?;
        Some((value, reader.0))
    }

    /// The value of a map under a number. `None` if the number is there twice.
    pub(super) fn under(&self, number: i64) -> Option<&Self> {
        self.only(&Value::Int(number))
    }

    /// The value of a map under a text. `None` if the text is there twice.
    pub(super) fn named(&self, text: &str) -> Option<&Self> {
        self.only(&Value::Text(text))
    }

    fn only(&self, key: &Value<'_>) -> Option<&Self> {
        let Self::Map(pairs) = self else {
            return None;
        };
        let mut found = pairs.iter().filter(|(known, _)| known == key);
        let (_, value) = found.next()?;
        found.next().is_none().then_some(value)
    }

    pub(super) fn int(&self) -> Option<i64> {
        match self {
            Self::Int(int) => Some(*int),
            _ => None,
        }
    }

    pub(super) fn bytes(&self) -> Option<&'a [u8]> {
        match self {
            Self::Bytes(bytes) => Some(bytes),
            _ => None,
        }
    }
}

struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, count: usize) -> Option<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    /// The kind of the next value, and its number: its value, length or count.
    fn head(&mut self) -> Option<(u8, u8, u64)> {
        let first = *self.take(1)?.first()?;
        let (kind, short) = (first >> 5, first & 0x1f);
        let number = match short {
            0..24 => u64::from(short),
            24..=27 => {
                let bytes = self.take(1 << (short - 24))?;
                bytes
                    .iter()
                    .fold(0, |sum, byte| sum << 8 | u64::from(*byte))
            }
            _ => return None,
        };
        Some((kind, short, number))
    }

    fn value(&mut self, depth: usize) -> Option<Value<'a>> {
        let (kind, short, number) = self.head()?;
        let deeper = || depth.checked_sub(1);
        Some(match kind {
            0 => Value::Int(i64::try_from(number).ok()?),
            1 => Value::Int(-1 - i64::try_from(number).ok()?),
            2 => Value::Bytes(self.take(usize::try_from(number).ok()?)?),
            3 => {
                let bytes = self.take(usize::try_from(number).ok()?)?;
                Value::Text(std::str::from_utf8(bytes).ok()?)
            }
            4 => {
                let depth = deeper()?;
                // Each takes a byte at least, so that the count needs no other bound.
                let all = (0..number).map(|_| self.value(depth));
                Value::Array(all.collect::<Option<_>>()?)
            }
            5 => {
                let depth = deeper()?;
                let all = (0..number).map(|_| Some((self.value(depth)?, self.value(depth)?)));
                Value::Map(all.collect::<Option<_>>()?)
            }
            7 if short != 24 => Value::Other,
            _ => return None,
        })
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn whole(bytes: &[u8]) -> Option<Value<'_>> {
        let (value, rest) = Value::read(bytes)?;
        rest.is_empty().then_some(value)
    }

    #[test]
    fn values_are_read_as_the_standard_writes_them() {
        for (bytes, value) in [
            (&b"\x00"[..], Value::Int(0)),
            (b"\x18\x64", Value::Int(100)),
            (b"\x1a\x00\x0f\x42\x40", Value::Int(1_000_000)),
            (b"\x26", Value::Int(-7)),
            (b"\x39\x01\x00", Value::Int(-257)),
            (b"\x42ab", Value::Bytes(b"ab")),
            (b"\x63fmt", Value::Text("fmt")),
            (
                b"\x82\x01\x20",
                Value::Array(vec![Value::Int(1), Value::Int(-1)]),
            ),
            (b"\xf5", Value::Other),
            (b"\xf9\x3c\x00", Value::Other),
            (
                b"\xa1\x01\x02",
                Value::Map(vec![(Value::Int(1), Value::Int(2))]),
            ),
        ] {
            assert_eq!(whole(bytes), Some(value), "{bytes:02x?}");
        }
        let map = whole(b"\xa2\x01\x02\x61a\x41b").unwrap();
        assert_eq!(map.under(1).and_then(Value::int), Some(2));
        assert_eq!(map.named("a").and_then(Value::bytes), Some(&b"b"[..]));
        assert_eq!(map.under(2), None);
        let twice = whole(b"\xa2\x01\x02\x01\x03").unwrap();
        assert_eq!(twice.under(1), None);
    }

    #[test]
    fn what_is_cut_deep_or_unusual_is_none() {
        for bytes in [
            &b""[..],
            b"\x18",
            b"\x42a",
            b"\x62\xff\xff",
            b"\x5f\x41a\xff",
            b"\xc0\x01",
            b"\x1c",
            b"\xf8\x20",
            b"\x1b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x5b\xff\xff\xff\xff\xff\xff\xff\xff",
            b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
            &[0x81; 100],
        ] {
            assert_eq!(whole(bytes), None, "{bytes:02x?}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_do_harm(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _value = Value::read(&bytes);
        }
    }
}
