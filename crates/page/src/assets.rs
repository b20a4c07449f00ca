//! Script, style and icons, embedded, under names that change with their content.

use crate::language::Language;

/// A file of the page.
#[derive(Clone, Copy, Debug)]
pub struct Asset {
    /// Its address. It holds a hash of the content, so that it can be cached for ever.
    pub path: &'static str,
    /// Media type of the asset.
    pub content_type: &'static str,
    /// Content of the asset.
    pub bytes: &'static [u8],
    /// A strong entity tag, with its quotes.
    pub etag: &'static str,
}

/// The policy to send with every document: nothing inline, nothing from elsewhere, nothing framed, and no form that a browser sends by
/// itself, since one that is sent before its script has loaded would put what was typed into the address.
pub const CSP: &str = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; \
    manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";

/// Places in [`assets`], in the order in which the build script writes them.
pub(crate) mod asset {
    pub(crate) const SCRIPT: usize = 0;
    pub(crate) const STYLE: usize = 1;
    pub(crate) const ICON: usize = 2;
    pub(crate) const ENTER: usize = 3;
    pub(crate) const NEED: usize = 4;
    pub(crate) const MANIFEST: usize = 6;
    pub(crate) const LATER_STYLE: usize = 7;
}

/// Scripts that the page loads when they are needed: names, and places in [`assets`].
pub(crate) const CHUNKS: [(&str, usize); 27] = [
    ("palette", 8),
    ("beside", 9),
    ("settings", 10),
    ("notify", 11),
    ("session", 12),
    ("complete", 13),
    ("queue", 14),
    ("picker", 15),
    ("sort", 16),
    ("tree", 17),
    ("bulk", 18),
    ("desk", 19),
    ("verify", 20),
    ("parallel", 21),
    ("forms", 22),
    ("changes", 23),
    ("staging", 24),
    ("remarks", 25),
    ("marks", 26),
    ("basket", 27),
    ("worktrees", 28),
    ("inspect", 29),
    ("frames", 30),
    ("travel", 31),
    ("passkeys", 32),
    ("folders", 33),
    ("powers", 34),
];

/// Scripts whose addresses only the panel of the event inspector has: the first paint of a page needs none of them.
pub(crate) const INSPECTOR_CHUNKS: [&str; 2] = ["frames", "travel"];

/// The script that only browsers load which may not do everything.
pub(crate) const LIMITED_CHUNK: &str = "powers";

/// The address of a script that the page loads when it is needed; empty if there is none of this name.
pub(crate) fn chunk_path(name: &str) -> &'static str {
    let known = CHUNKS.iter().find(|(known, _)| *known == name);
    known.map_or("", |(_, at)| asset_path(*at))
}

/// Place in [`assets`] of the client's words of a language; English is in the script itself.
pub(crate) fn client_words(language: Language) -> Option<usize> {
    let first = CHUNKS.last().map_or(0, |(_, at)| at + 1);
    match language {
        Language::German => Some(first),
        Language::Chinese => Some(first + 1),
        _ => None,
    }
}

static ASSETS: [Asset; 41] = include!(concat!(env!("OUT_DIR"), "/assets.rs"));

/// Every file of the page.
pub fn assets() -> &'static [Asset] {
    &ASSETS
}

/// The service worker's script. It has the addresses of all files of the page.
pub const WORKER: &str = include_str!(concat!(env!("OUT_DIR"), "/sw.js"));

/// The address of a file by its name; empty if there is none.
pub(crate) fn named(name: &str) -> &'static str {
    let begin = format!("/assets/{name}-");
    let known = ASSETS.iter().find(|asset| asset.path.starts_with(&begin));
    known.map_or("", |asset| asset.path)
}

pub(crate) fn asset_path(at: usize) -> &'static str {
    ASSETS[at].path
}
