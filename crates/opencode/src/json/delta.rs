//! Text that arrives in increments cut between UTF-16 units.

use std::fmt;

use serde::de::Visitor;
use serde::{Deserialize, Deserializer};

/// An increment of streamed text.
///
/// OpenCode splits deltas between UTF-16 units, so an emoji can arrive as `"\ud83e"` and `"\udd16"`. The half at either
/// edge is stored until [`push`](Self::push) joins it with the other half; a lone half inside the text becomes U+FFFD.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct DeltaText {
    lead_low: Option<u16>,
    body: String,
    trail_high: Option<u16>,
}

impl DeltaText {
    /// The low half (0xDC00–0xDFFF) of a character whose high half ends an earlier delta.
    #[must_use]
    pub fn lead_low(&self) -> Option<u16> {
        self.lead_low
    }

    /// The text between the half characters.
    #[must_use]
    pub fn body(&self) -> &str {
        &self.body
    }

    /// The high half (0xD800–0xDBFF) of a character whose low half starts the next delta.
    #[must_use]
    pub fn trail_high(&self) -> Option<u16> {
        self.trail_high
    }

    /// True if there is neither text nor a half character.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.body.is_empty() && self.lead_low.is_none() && self.trail_high.is_none()
    }

    /// Appends the next increment, joining two halves that meet.
    pub fn push(&mut self, next: &Self) {
        if next.is_empty() {
            return;
        }
        if self.is_empty() {
            self.clone_from(next);
            return;
        }
        match (self.trail_high.take(), next.lead_low) {
            (Some(high), Some(low)) => self.body.push(joined(high, low)),
            (None, None) => {}
            (Some(_), None) | (None, Some(_)) => self.body.push(char::REPLACEMENT_CHARACTER),
        }
        self.body.push_str(&next.body);
        self.trail_high = next.trail_high;
    }

    /// The half character before the text, the text, and the half character after it.
    #[must_use]
    pub fn into_parts(self) -> (Option<u16>, String, Option<u16>) {
        (self.lead_low, self.body, self.trail_high)
    }

    /// The text with the half characters at the edges as U+FFFD.
    #[must_use]
    pub fn into_string(self) -> String {
        if self.lead_low.is_none() && self.trail_high.is_none() {
            return self.body;
        }
        self.to_string()
    }
}

/// The text with the half characters at the edges as U+FFFD.
impl fmt::Display for DeltaText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.lead_low.is_some() {
            f.write_str("\u{fffd}")?;
        }
        f.write_str(&self.body)?;
        if self.trail_high.is_some() {
            f.write_str("\u{fffd}")?;
        }
        Ok(())
    }
}

impl From<String> for DeltaText {
    fn from(body: String) -> Self {
        Self {
            lead_low: None,
            body,
            trail_high: None,
        }
    }
}

impl From<&str> for DeltaText {
    fn from(body: &str) -> Self {
        Self::from(body.to_owned())
    }
}

fn joined(high: u16, low: u16) -> char {
    char::decode_utf16([high, low])
        .next()
        .and_then(Result::ok)
        .unwrap_or(char::REPLACEMENT_CHARACTER)
}

/// A JSON string, with its lone surrogates.
impl<'de> Deserialize<'de> for DeltaText {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // When asked for bytes, serde_json returns lone surrogates in WTF-8, where a string would be an error.
        deserializer.deserialize_bytes(Wtf8)
    }
}

struct Wtf8;

impl<'de> Visitor<'de> for Wtf8 {
    type Value = DeltaText;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a string")
    }

    fn visit_bytes<E>(self, bytes: &[u8]) -> Result<DeltaText, E> {
        let (lead_low, rest) = split_lead_low(bytes);
        let (rest, trail_high) = split_trail_high(rest);
        let body = match std::str::from_utf8(rest) {
            Ok(text) => text.to_owned(),
            Err(_) => replace_surrogates(rest),
        };
        Ok(DeltaText {
            lead_low,
            body,
            trail_high,
        })
    }
}

/// WTF-8 writes U+DC00–U+DFFF as ED B0–BF xx.
fn split_lead_low(bytes: &[u8]) -> (Option<u16>, &[u8]) {
    match bytes {
        [0xED, second @ 0xB0..=0xBF, third, rest @ ..] => (Some(surrogate(*second, *third)), rest),
        _ => (None, bytes),
    }
}

/// WTF-8 writes U+D800–U+DBFF as ED A0–AF xx.
fn split_trail_high(bytes: &[u8]) -> (&[u8], Option<u16>) {
    match bytes {
        [rest @ .., 0xED, second @ 0xA0..=0xAF, third] => (rest, Some(surrogate(*second, *third))),
        _ => (bytes, None),
    }
}

fn surrogate(second: u8, third: u8) -> u16 {
    0xD000 | u16::from(second & 0x3F) << 6 | u16::from(third & 0x3F)
}

/// A surrogate is three bytes of WTF-8; a lossy conversion would make three U+FFFD of it.
fn replace_surrogates(wtf8: &[u8]) -> String {
    let mut bytes = wtf8.to_vec();
    for at in 0..bytes.len().saturating_sub(2) {
        if bytes[at] == 0xED && bytes[at + 1] >= 0xA0 {
            bytes[at..at + 3].copy_from_slice("\u{fffd}".as_bytes());
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn delta(json: &str) -> DeltaText {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn two_halves_meet() {
        let mut text = delta(r#""a\ud83e""#);
        assert_eq!((text.body(), text.trail_high()), ("a", Some(0xD83E)));
        text.push(&delta(r#""""#));
        text.push(&delta(r#""\udd16b""#));
        assert_eq!(text.into_string(), "a🤖b");
    }

    #[test]
    fn a_half_without_its_other_half_is_replaced() {
        let mut text = delta(r#""\udd16a\ud83eb\ud83e""#);
        assert_eq!(text.body(), "a\u{fffd}b");
        text.push(&delta(r#""c""#));
        assert_eq!(text.into_string(), "\u{fffd}a\u{fffd}b\u{fffd}c");
    }

    #[test]
    fn only_a_string_is_text() {
        for json in ["1", "null", "[1]", "{}"] {
            assert!(serde_json::from_str::<DeltaText>(json).is_err());
        }
    }

    proptest! {
        #[test]
        fn cut_anywhere_the_text_is_the_same(
            units in proptest::collection::vec(prop_oneof![any::<u16>(), 0xD800_u16..0xE000], 0..24),
            cuts in proptest::collection::vec(0_usize..25, 0..6),
        ) {
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(units.len())).collect();
            cuts.extend([0, units.len()]);
            cuts.sort_unstable();
            let mut text = DeltaText::default();
            for pair in cuts.windows(2) {
                let json: String = units[pair[0]..pair[1]].iter().map(|unit| format!("\\u{unit:04x}")).collect();
                text.push(&delta(&format!("\"{json}\"")));
            }
            prop_assert_eq!(text.into_string(), String::from_utf16_lossy(&units));
        }
    }
}
