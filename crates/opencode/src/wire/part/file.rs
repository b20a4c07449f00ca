//! Files: attached to a message, or returned by a tool.

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use crate::json::lenient;

/// Base64 with or without padding.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &STANDARD,
    GeneralPurposeConfig::new()
        .with_decode_padding_mode(DecodePaddingMode::Indifferent)
        .with_decode_allow_trailing_bits(true),
);

/// A file.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct FileInfo {
    /// Media type as reported by the server.
    #[serde(default, deserialize_with = "lenient")]
    pub mime: String,
    /// File name.
    #[serde(default, deserialize_with = "lenient")]
    pub filename: Option<String>,
    /// URL of the file; may be a `data:` URL with the content.
    #[serde(default, deserialize_with = "lenient")]
    pub url: String,
}

impl FileInfo {
    /// Display name: the file name, or the end of the URL; empty if there is neither.
    #[must_use]
    pub fn name(&self) -> &str {
        let named = self.filename.as_deref().filter(|name| !name.is_empty());
        let end = || match self.url.starts_with("data:") {
            true => "",
            false => self.url.rsplit('/').next().unwrap_or_default(),
        };
        named.unwrap_or_else(end)
    }

    /// Size of the content in bytes, if the URL contains it.
    #[must_use]
    pub fn size(&self) -> Option<u64> {
        let held = self.held()?;
        let bytes = held.trim_end_matches('=').len() as u64 * 3 / 4;
        Some(bytes)
    }

    /// The content, truncated to `most` bytes; `None` if the URL contains no readable content.
    #[must_use]
    pub fn content(&self, most: usize) -> Option<Vec<u8>> {
        let held = self.held()?.trim_end_matches('=').as_bytes();
        // Four characters are three bytes.
        let end = held.len().min(most.div_ceil(3).saturating_mul(4));
        let mut content = BASE64.decode(&held[..end]).ok()?;
        content.truncate(most);
        Some(content)
    }

    /// The base64 content of the URL.
    fn held(&self) -> Option<&str> {
        let (head, held) = self.url.strip_prefix("data:")?.split_once(',')?;
        head.ends_with(";base64").then_some(held)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(url: &str) -> FileInfo {
        FileInfo {
            mime: "image/png".to_owned(),
            filename: None,
            url: url.to_owned(),
        }
    }

    #[test]
    fn what_an_address_holds_is_read_up_to_a_bound() {
        for url in [
            "data:image/png;base64,aGVsbG8=",
            "data:image/png;base64,aGVsbG8",
        ] {
            let file = file(url);
            assert_eq!(file.size(), Some(5));
            assert_eq!(file.content(100).as_deref(), Some(&b"hello"[..]));
            assert_eq!(file.content(4).as_deref(), Some(&b"hell"[..]));
            assert_eq!(file.content(0).as_deref(), Some(&b""[..]));
            assert_eq!(file.name(), "");
        }
        for url in [
            "",
            "data:",
            "data:image/png,x",
            "https://a.example/b.png",
            "data:image/png;base64,é",
        ] {
            assert_eq!(file(url).content(100), None, "{url}");
        }
        assert_eq!(file("file:///a/b.png").name(), "b.png");
    }
}
