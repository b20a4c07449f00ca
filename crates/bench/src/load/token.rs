//! The words of generated text: each names its session and its number in it, so that it is known wherever it is seen.
//!
//! A word is `zq<slot>x<number>z`, or `zq<slot>x<number>t<µs since 1970>z` where the viewer is another process. Nothing in
//! it is changed by JSON, HTML, markdown or a highlighter.

use std::io::Write as _;

use memchr::memmem;

/// What a word begins with.
const MARK: &[u8] = b"zq";

/// Words of one message that make a paragraph.
const PARAGRAPH: u32 = 24;

/// Of so many words of a message, the last ones are code.
const CODE_EVERY: u32 = 96;
const CODE_WORDS: u32 = 32;

/// A word that was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    /// Its session, counted over all servers.
    pub(crate) slot: u32,
    /// Its number in the session, from zero.
    pub(crate) number: u32,
    /// When it was sent, in microseconds since 1970, if it tells.
    pub(crate) sent: Option<u64>,
}

impl Token {
    /// Appends the word, and what separates it from the next, as JSON text; it is the `place`th of its message.
    pub(crate) fn write(self, place: u32, out: &mut Vec<u8>) {
        if place % CODE_EVERY == CODE_EVERY - CODE_WORDS {
            out.extend_from_slice(b"\\n\\n```rust\\nlet ");
        }
        // A Vec takes every write.
        let _whole = match self.sent {
            None => write!(out, "zq{}x{}z", self.slot, self.number),
            Some(sent) => write!(out, "zq{}x{}t{sent}z", self.slot, self.number),
        };
        let in_code = place % CODE_EVERY >= CODE_EVERY - CODE_WORDS;
        let end: &[u8] = match place {
            _ if place % CODE_EVERY == CODE_EVERY - 1 => b";\\n```\\n\\n",
            // Valid code, as models write it: a highlighter has several times the work with what is none.
            _ if in_code => match place % 4 {
                0 => b" = ",
                3 => b";\\nlet ",
                _ => b" + ",
            },
            _ if place % PARAGRAPH == PARAGRAPH - 1 => b".\\n\\n",
            _ => b" ",
        };
        out.extend_from_slice(end);
    }
}

/// Gives every word in a text, in order.
pub(crate) fn each(text: &[u8], mut found: impl FnMut(Token)) {
    let mut rest = text;
    while let Some(at) = memmem::find(rest, MARK) {
        rest = &rest[at + MARK.len()..];
        if let Some((token, after)) = read(rest) {
            found(token);
            rest = after;
        }
    }
}

fn read(text: &[u8]) -> Option<(Token, &[u8])> {
    let (slot, rest) = number(text)?;
    let (number_, rest) = number(rest.strip_prefix(b"x")?)?;
    let (sent, rest) = match rest.strip_prefix(b"t") {
        Some(rest) => number(rest).map(|(sent, rest)| (Some(sent), rest))?,
        None => (None, rest),
    };
    let token = Token {
        slot: slot.try_into().ok()?,
        number: number_.try_into().ok()?,
        sent,
    };
    Some((token, rest.strip_prefix(b"z")?))
}

fn number(text: &[u8]) -> Option<(u64, &[u8])> {
    let digits = text.iter().take_while(|byte| byte.is_ascii_digit()).count();
    let value = std::str::from_utf8(&text[..digits]).ok()?.parse().ok()?;
    Some((value, &text[digits..]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_word_of_a_message_is_found_again() {
        let mut text = Vec::new();
        let word = |number, sent| Token {
            slot: 7,
            number,
            sent,
        };
        let written: Vec<_> = (0..200).map(|at| word(at, None)).collect();
        for (place, token) in written.iter().enumerate() {
            token.write(place as u32, &mut text);
        }
        word(200, Some(1_795_424_066_236_000)).write(0, &mut text);
        let mut found = Vec::new();
        each(&text, |token| found.push(token));
        assert_eq!(found.len(), 201);
        assert_eq!(found[..200], written);
        assert_eq!(found[200].sent, Some(1_795_424_066_236_000));
    }

    #[test]
    fn what_only_looks_like_a_word_is_passed_over() {
        let mut found = Vec::new();
        each(b"zq zq1x zq1x2 zq1xz zq3x4z zq99999999999x1z", |token| {
            found.push((token.slot, token.number));
        });
        assert_eq!(found, [(3, 4)]);
    }
}
