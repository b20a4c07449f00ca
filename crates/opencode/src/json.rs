//! JSON text as OpenCode writes it: valid, but strings may contain lone surrogate escapes (`"\ud83e"`).
//!
//! `serde_json` rejects such strings where text is requested and accepts them where the value is only carried.
//! [`sanitize`] makes any text decodable; [`DeltaText`] preserves the surrogate halves at its edges; [`Raw`] carries an
//! object verbatim. Nothing else is repaired: text that is not JSON remains an error.

mod delta;
mod lenient;
mod raw;
mod text;

use std::borrow::Cow;

use memchr::{memchr, memmem};

use crate::limits::EXCERPT_CHARS;

pub use delta::DeltaText;
pub(crate) use lenient::{Count, lenient, null_default};
pub use raw::Raw;
pub(crate) use text::Text;

/// Replaces the escapes of unpaired surrogates by the escape of U+FFFD; everything else stays verbatim.
///
/// Text without such an escape is borrowed, not copied.
#[must_use]
pub fn sanitize(json: &str) -> Cow<'_, str> {
    if !mentions_surrogate(json) {
        return Cow::Borrowed(json);
    }
    let bytes = json.as_bytes();
    let mut repaired: Option<String> = None;
    let mut copied = 0;
    let mut at = 0;
    while let Some(step) = memchr(b'\\', &bytes[at..]) {
        let escape = at + step;
        match escaped_unit(bytes, escape) {
            Some(0xD800..=0xDBFF) if is_low(escaped_unit(bytes, escape + 6)) => at = escape + 12,
            Some(0xD800..=0xDFFF) => {
                let text = repaired.get_or_insert_with(|| String::with_capacity(json.len()));
                text.push_str(&json[copied..escape]);
                text.push_str("\\ufffd");
                at = escape + 6;
                copied = at;
            }
            Some(_) => at = escape + 6,
            // Never split a multi-byte character: only the backslash is known to be one byte.
            None if bytes.get(escape + 1).is_some_and(u8::is_ascii) => at = escape + 2,
            None => at = escape + 1,
        }
    }
    match repaired {
        None => Cow::Borrowed(json),
        Some(mut text) => {
            text.push_str(&json[copied..]);
            Cow::Owned(text)
        }
    }
}

/// The reason of a decoding error, as one bounded line: the error may quote the server's text.
pub(crate) fn reason(error: &serde_json::Error) -> String {
    one_line(&error.to_string())
}

/// The first characters of untrusted text as one line without control characters.
pub(crate) fn one_line(text: &str) -> String {
    let words = text
        .split(|c: char| c.is_whitespace() || c.is_control())
        .filter(|word| !word.is_empty());
    let mut line = String::new();
    for word in words {
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
        if let Some((end, _)) = line.char_indices().nth(EXCERPT_CHARS) {
            line.truncate(end);
            line.push('…');
            break;
        }
    }
    line
}

fn mentions_surrogate(json: &str) -> bool {
    let bytes = json.as_bytes();
    memmem::find_iter(bytes, b"\\u").any(|at| matches!(bytes.get(at + 2), Some(b'd' | b'D')))
}

/// The UTF-16 unit of the escape `\uXXXX` at the position `at`, if there is one.
fn escaped_unit(bytes: &[u8], at: usize) -> Option<u16> {
    let escape = bytes.get(at..at + 6)?;
    if &escape[..2] != b"\\u" {
        return None;
    }
    escape[2..].iter().try_fold(0_u16, |unit, &digit| {
        let value = char::from(digit).to_digit(16)?;
        u16::try_from(value).ok().map(|value| unit << 4 | value)
    })
}

fn is_low(unit: Option<u16>) -> bool {
    matches!(unit, Some(0xDC00..=0xDFFF))
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn only_unpaired_halves_are_replaced() {
        for (given, wanted) in [
            (r#""plain""#, r#""plain""#),
            (r#""\ud83e""#, r#""\ufffd""#),
            (r#""\uDD16x""#, r#""\ufffdx""#),
            (r#""\ud83e\udd16""#, r#""\ud83e\udd16""#),
            (r#""\ud83e\ud83e\udd16""#, r#""\ufffd\ud83e\udd16""#),
            (r#""\\ud83e""#, r#""\\ud83e""#),
            (r#""\\\ud83e""#, r#""\\\ufffd""#),
            (r#""\ud83e\n\udd16""#, r#""\ufffd\n\ufffd""#),
            (r#""\ud83eé\u00e9""#, r#""\ufffdé\u00e9""#),
        ] {
            assert_eq!(sanitize(given), wanted);
        }
    }

    #[test]
    fn untouched_text_is_borrowed() {
        assert!(matches!(
            sanitize(r#"{"a":"\u00e9 \ud83e\udd16"}"#),
            Cow::Borrowed(_)
        ));
    }

    #[test]
    fn broken_escapes_pass_through() {
        for text in [
            r"\",
            r"\u",
            r"\ud",
            r"\ud8",
            r"\ud83",
            r"\é\ud83x",
            "\\ud83é",
        ] {
            assert_eq!(sanitize(text), text);
        }
    }

    proptest! {
        #[test]
        fn sanitized_json_strings_decode(units in proptest::collection::vec(any::<u16>(), 0..20)) {
            let json: String = units.iter().map(|unit| format!("\\u{unit:04x}")).collect();
            let decoded: String = serde_json::from_str(&sanitize(&format!("\"{json}\""))).unwrap();
            prop_assert_eq!(decoded, String::from_utf16_lossy(&units));
        }

        #[test]
        fn any_text_is_survived(text in r#"[\\ud8DcéC0-9"]{0,40}"#) {
            let once = sanitize(&text).into_owned();
            prop_assert_eq!(sanitize(&once).into_owned(), once.clone());
        }
    }
}
