//! Which files are pictures that a page may show: by their first bytes, whatever their server says that they are.
//!
//! Only rasters: an SVG is a document, which could do what a page can.

use imagesize::ImageType;
use model::state::Picture;
use opencode::wire::FileInfo;

use crate::limits;

/// A file's media type and measures, if it is a picture within the bounds.
pub(crate) fn of(file: &FileInfo) -> Option<(&'static str, Picture)> {
    if file.size()? > limits::PICTURE_BYTES {
        return None;
    }
    sniff(&file.content(limits::PICTURE_HEAD_BYTES)?)
}

/// What the beginning of a file says.
fn sniff(head: &[u8]) -> Option<(&'static str, Picture)> {
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
