//! Detection of images that a page may show: by their first bytes, regardless of the type that their server reports.
//!
//! Raster formats only: an SVG is a document that can contain scripts.

use imagesize::ImageType;
use model::state::Picture;
use opencode::wire::FileInfo;
use serde_json::{Map, Value};

use crate::limits;

/// A file whose content is in its own `data:` URL, as prompts carry files.
pub(crate) struct InlineFile(FileInfo);

impl InlineFile {
    /// The file of a prompt's part, in OpenCode's format; `None` for a part without a file, or with a file that its URL only names.
    pub(crate) fn of(part: &Map<String, Value>) -> Option<Self> {
        let text = |name: &str| part.get(name).and_then(Value::as_str).map(str::to_owned);
        if text("type")? != "file" {
            return None;
        }
        let file = FileInfo {
            mime: text("mime").unwrap_or_default(),
            filename: text("filename"),
            url: text("url").unwrap_or_default(),
        };
        file.url.starts_with("data:").then_some(Self(file))
    }

    /// The declared media type, without parameters.
    pub(crate) fn media_type(&self) -> &str {
        self.0.mime.split(';').next().unwrap_or_default()
    }

    /// Size of the content in bytes; `None` if the URL is not base64.
    pub(crate) fn size(&self) -> Option<u64> {
        self.0.size()
    }

    /// The content, truncated to `most` bytes; `None` if it is not readable.
    pub(crate) fn content(&self, most: usize) -> Option<Vec<u8>> {
        self.0.content(most)
    }

    /// The media type by the first bytes, if the content is an image within the limits.
    pub(crate) fn image_type(&self) -> Option<&'static str> {
        of(&self.0).map(|(media_type, _)| media_type)
    }
}

/// The media type of a file that a browser may keep, but that no page shows: a PDF within the limits, by its first bytes.
pub(crate) fn document(file: &FileInfo) -> Option<&'static str> {
    if file.size()? > limits::PICTURE_BYTES {
        return None;
    }
    let head = file.content(limits::PICTURE_HEAD_BYTES)?;
    head.starts_with(b"%PDF-").then_some("application/pdf")
}

/// The media type and dimensions of a file, if it is an image within the limits.
pub(crate) fn of(file: &FileInfo) -> Option<(&'static str, Picture)> {
    if file.size()? > limits::PICTURE_BYTES {
        return None;
    }
    sniff(&file.content(limits::PICTURE_HEAD_BYTES)?)
}

/// Parses the first bytes of a file: its media type and dimensions, if it is an image within the limits.
pub(crate) fn sniff(head: &[u8]) -> Option<(&'static str, Picture)> {
    let media_type = match imagesize::image_type(head).ok()? {
        ImageType::Png => "image/png",
        ImageType::Jpeg => "image/jpeg",
        ImageType::Gif => "image/gif",
        ImageType::Webp => "image/webp",
        _ => return None,
    };
    let size = imagesize::blob_size(head).ok()?;
    let (width, height) = (
        u32::try_from(size.width).ok()?,
        u32::try_from(size.height).ok()?,
    );
    let pixels = u64::from(width) * u64::from(height);
    let fits = (1..=limits::PICTURE_PIXELS).contains(&pixels);
    fits.then_some((media_type, Picture { width, height }))
}

#[cfg(test)]
mod tests {
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;

    use super::*;

    fn png(width: u32, height: u32) -> Vec<u8> {
        let mut png = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
        png.extend(width.to_be_bytes());
        png.extend(height.to_be_bytes());
        png.extend([8, 6, 0, 0, 0, 0, 0, 0, 0]);
        png
    }

    fn file(mime: &str, content: &[u8]) -> FileInfo {
        FileInfo {
            mime: mime.to_owned(),
            filename: None,
            url: format!("data:{mime};base64,{}", STANDARD.encode(content)),
        }
    }

    #[test]
    fn a_raster_is_what_its_first_bytes_say() {
        let gif = b"GIF89a\x02\0\x03\0\0\0\0";
        for (mime, content, media_type, width, height) in [
            ("image/png", png(640, 480), "image/png", 640, 480),
            ("text/html", png(640, 480), "image/png", 640, 480),
            ("image/svg+xml", gif.to_vec(), "image/gif", 2, 3),
        ] {
            let found = of(&file(mime, &content));
            assert_eq!(
                found,
                Some((media_type, Picture { width, height })),
                "{mime}"
            );
        }
    }

    #[test]
    fn what_is_none_or_too_large_is_no_picture() {
        for content in [
            b"<svg xmlns=\"http://www.w3.org/2000/svg\"><script>alert(1)</script></svg>".to_vec(),
            b"<html><script>alert(1)</script>".to_vec(),
            b"%PDF-1.7".to_vec(),
            b"\x89PNG\r\n\x1a\n".to_vec(),
            Vec::new(),
            png(0, 10),
            png(100_000, 100_000),
            png(u32::MAX, u32::MAX),
        ] {
            assert_eq!(of(&file("image/png", &content)), None, "{content:?}");
        }
        let mut large = png(10, 10);
        large.resize(
            usize::try_from(limits::PICTURE_BYTES).unwrap_or_default() + 1,
            0,
        );
        assert_eq!(of(&file("image/png", &large)), None);
    }
}
