//! Validation of attached files: number, size and type.

use serde_json::{Map, Value};

use super::CommandError;
use crate::limits;
use crate::picture::InlineFile;

const TOO_MANY: &str = "a prompt carries at most 10 files: send fewer";
const TOO_LARGE: &str =
    "a file that is sent has at most 8 MiB, and all files of a prompt 10 MiB: send less";
const UNREADABLE: &str = "a file is not readable: its `url` has to be `data:TYPE;base64,…`";
const UNKNOWN: &str = "a file is neither a PNG, JPEG, GIF or WebP picture, nor a PDF, nor text in UTF-8, as its `mime` says";

/// Checks the files with inline content among a prompt's parts. A model fails at an unknown type, and the session would keep the
/// failing part.
///
/// # Errors
/// There are too many, they are too large, or one is not what its type says.
pub(super) fn check(parts: &[Map<String, Value>]) -> Result<(), CommandError> {
    let files: Vec<InlineFile> = parts.iter().filter_map(InlineFile::of).collect();
    if files.len() > limits::ATTACHMENTS {
        return Err(CommandError::Invalid(TOO_MANY));
    }
    let mut all = 0;
    for file in &files {
        let size = file.size().ok_or(CommandError::Invalid(UNREADABLE))?;
        all += size;
        if size > limits::ATTACHMENT_BYTES || all > limits::ATTACHMENTS_BYTES {
            return Err(CommandError::Invalid(TOO_LARGE));
        }
        if !is_what_it_says(file)? {
            return Err(CommandError::Invalid(UNKNOWN));
        }
    }
    Ok(())
}

fn is_what_it_says(file: &InlineFile) -> Result<bool, CommandError> {
    let media_type = file.media_type();
    if media_type.starts_with("image/") {
        return Ok(file.image_type() == Some(media_type));
    }
    let most = usize::try_from(limits::ATTACHMENT_BYTES).unwrap_or(usize::MAX);
    let content = file.content(most);
    let content = content.ok_or(CommandError::Invalid(UNREADABLE))?;
    Ok(match media_type {
        "application/pdf" => content.starts_with(b"%PDF-"),
        "text/plain" => std::str::from_utf8(&content).is_ok_and(|text| !text.contains('\0')),
        _ => false,
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use serde_json::json;

    use super::*;

    const GIF: &[u8] = b"GIF89a\x02\0\x03\0\0\0\0";

    fn part(mime: &str, content: &[u8]) -> Map<String, Value> {
        let url = format!("data:{mime};base64,{}", STANDARD.encode(content));
        let file = json!({"type": "file", "mime": mime, "filename": "f", "url": url});
        file.as_object().unwrap().clone()
    }

    fn refused(parts: &[Map<String, Value>]) -> &'static str {
        match check(parts) {
            Err(CommandError::Invalid(why)) => why,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_file_is_what_its_type_says() {
        for (mime, content) in [
            ("image/gif", GIF),
            ("application/pdf", b"%PDF-1.7 x"),
            ("text/plain", "é\n".as_bytes()),
        ] {
            check(&[part(mime, content)]).unwrap();
        }
        for (mime, content) in [
            ("image/png", GIF),
            ("image/svg+xml", b"<svg/>".as_slice()),
            ("application/pdf", b"MZ"),
            ("text/plain", b"\xff\xfe"),
            ("text/plain", b"a\0b"),
            ("application/zip", b"PK"),
        ] {
            assert_eq!(refused(&[part(mime, content)]), UNKNOWN, "{mime}");
        }
        let url = json!({"type": "file", "mime": "text/plain", "url": "data:text/plain,x"});
        assert_eq!(refused(&[url.as_object().unwrap().clone()]), UNREADABLE);
        // The server reads a file that is only named.
        let named = json!({"type": "file", "mime": "text/plain", "url": "file:///a"});
        check(&[named.as_object().unwrap().clone()]).unwrap();
    }

    #[test]
    fn number_and_size_are_bounded() {
        let text = |bytes: u64| part("text/plain", &vec![b'a'; usize::try_from(bytes).unwrap()]);
        check(&vec![text(10); limits::ATTACHMENTS]).unwrap();
        assert_eq!(refused(&vec![text(10); limits::ATTACHMENTS + 1]), TOO_MANY);
        check(&[text(limits::ATTACHMENT_BYTES)]).unwrap();
        assert_eq!(refused(&[text(limits::ATTACHMENT_BYTES + 1)]), TOO_LARGE);
        let half = limits::ATTACHMENTS_BYTES / 2;
        check(&[text(half), text(half)]).unwrap();
        assert_eq!(refused(&[text(half), text(half + 1)]), TOO_LARGE);
    }
}
