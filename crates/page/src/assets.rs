//! Script, style and icons, embedded, under names that change with their content.

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its address. It holds a hash of the content, so that it can be cached for ever.
    pub path: &'static str,
    /// Its media type.
    pub content_type: &'static str,
    /// Its content.
    pub bytes: &'static [u8],
    /// A strong entity tag, with its quotes.
    pub etag: &'static str,
}

/// The policy to send with every document: nothing inline, nothing from elsewhere, nothing framed.
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    base-uri 'none'; form-action 'self'; frame-ancestors 'none'";

/// Places in [`assets`], in the order in which the build script writes them.
pub(crate) mod asset {
    pub(crate) const SCRIPT: usize = 0;
    pub(crate) const STYLE: usize = 1;
    pub(crate) const ICON: usize = 2;
    pub(crate) const ENTER: usize = 3;
}

static ASSETS: [Asset; 4] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Every file of the page.
pub fn assets() -> &'static [Asset] {
    &ASSETS
}

pub(crate) fn asset_path(at: usize) -> &'static str {
    ASSETS[at].path
}
