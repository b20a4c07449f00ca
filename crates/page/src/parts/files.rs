//! Files that were attached or given back: pictures as such, all others by name, type and size.

use maud::{Markup, html};
use model::plain;
use model::state::File;
use model::view::PartRow;

use super::{Open, Place, assemble, block};
use crate::fragment::{Block, Fragment};
use crate::limits;
use crate::words::{bytes, encode};

/// A file that was attached to a message.
pub(super) fn part(place: &Place<'_>, row: &PartRow, file: &File) -> Fragment {
    let key = format!("p:{}", row.id);
    let html = shown(place, row, 0, file, "Attached ");
    let file = Block {
        streams: false,
        ..block(row, "0", html.into_string())
    };
    assemble(
        row,
        html! { (Open("div", &key, "files")) },
        vec![file],
        "</div>",
    )
}

/// The files that a tool gave back.
pub(super) fn given_back(place: &Place<'_>, row: &PartRow, files: &[File]) -> Option<Block> {
    let more = files.len().saturating_sub(limits::FILES);
    let html = html! {
        @for (nth, file) in files.iter().take(limits::FILES).enumerate() { (shown(place, row, nth, file, "")) }
        @if more > 0 { p.line { (more) " more files are not shown" } }
    };
    let key = format!("b:{}:files", row.id);
    (!files.is_empty()).then(|| Block {
        open: html! { (Open("div", &key, "files")) }.into_string(),
        key,
        streams: false,
        ..block(row, "files", html.into_string())
    })
}

/// What a tool gave back, in a few words.
pub(super) fn in_short(files: &[File]) -> String {
    let known: u64 = files.iter().filter_map(|file| file.bytes).sum();
    let size = if known > 0 {
        format!(", {}", bytes(known))
    } else {
        String::new()
    };
    match files {
        [] => String::new(),
        [file] => format!("{}{size}", name(file)),
        files => format!("{} files{size}", files.len()),
    }
}

/// A file's name, or what it is.
fn name(file: &File) -> String {
    let name = if file.name.is_empty() {
        &file.mime
    } else {
        &file.name
    };
    match plain::line(name, limits::TITLE_CHARS) {
        name if name.is_empty() => "a file".to_owned(),
        name => name,
    }
}

fn shown(place: &Place<'_>, row: &PartRow, nth: usize, file: &File, word: &str) -> Markup {
    let name = name(file);
    let size = file.bytes.map(bytes);
    let Some((picture, url)) = file.picture.zip(url(place, row, nth)) else {
        let mime = plain::line(&file.mime, limits::TITLE_CHARS);
        return html! {
            p.line { (word) code { (name) } @if !mime.is_empty() && mime != name { ", " (mime) } @if let Some(size) = size { ", " (size) } }
        };
    };
    html! {
        figure {
            a href=(url) target="_blank" rel="noopener noreferrer" {
                img src=(url) alt=(name) width=(picture.width) height=(picture.height) loading="lazy" decoding="async";
            }
            figcaption.line {
                code { (name) } ", " (picture.width) " × " (picture.height) @if let Some(size) = size { ", " (size) }
            }
        }
    }
}

/// Where the hub gives a picture.
fn url(place: &Place<'_>, row: &PartRow, nth: usize) -> Option<String> {
    let instance = encode(place.look.instance.as_ref()?.as_str());
    let session = encode(place.look.session.as_ref()?.as_str());
    let message = encode(place.message.info.id.as_str());
    let part = encode(row.id.as_str());
    let rev = row.rev.0;
    Some(format!(
        "/api/instances/{instance}/sessions/{session}/messages/{message}/parts/{part}/files/{nth}?rev={rev}"
    ))
}
