//! Files that were attached or given back: pictures as such, all others by name, type and size.

use maud::{Markup, html};
use model::plain;
use model::state::File;
use model::view::PartRow;

use super::{PartContext, StartTag, assemble, block};
use crate::fragment::{Block, Fragment};
use crate::language::{m, t};
use crate::limits;
use crate::words::{bytes, encode};

/// A file that was attached to a message.
pub(super) fn part(place: &PartContext<'_>, row: &PartRow, file: &File) -> Fragment {
    let key = format!("p:{}", row.id);
    let html = shown(place, row, 0, file, true);
    let file = Block {
        streams: false,
        ..block(row, "0", html.into_string())
    };
    assemble(
        row,
        html! { (StartTag("div", &key, "files")) },
        vec![file],
        "</div>",
    )
}

/// The files that a tool gave back.
pub(super) fn given_back(place: &PartContext<'_>, row: &PartRow, files: &[File]) -> Option<Block> {
    let more = files.len().saturating_sub(limits::FILES);
    let html = html! {
        @for (nth, file) in files.iter().take(limits::FILES).enumerate() { (shown(place, row, nth, file, false)) }
        @if more > 0 { p.line { (t!("{n} more file is not shown", "{n} more files are not shown", n = more)) } }
    };
    let key = format!("b:{}:files", row.id);
    (!files.is_empty()).then(|| Block {
        open: html! { (StartTag("div", &key, "files")) }.into_string(),
        key,
        streams: false,
        ..block(row, "files", html.into_string())
    })
}

/// Summary of the files that a tool returned.
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
        files => t!("{n} file", "{n} files", n = files.len()) + &size,
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
        name if name.is_empty() => t("a file").to_owned(),
        name => name,
    }
}

fn shown(
    place: &PartContext<'_>,
    row: &PartRow,
    nth: usize,
    file: &File,
    attached: bool,
) -> Markup {
    let name = name(file);
    let size = file.bytes.map(bytes);
    let Some((picture, url)) = file.picture.zip(url(place, row, nth)) else {
        let mime = plain::line(&file.mime, limits::TITLE_CHARS);
        // Of a PDF whose content is in the message itself the hub has the file, which a browser stores: none is shown in the page.
        let is_here = &*file.mime == "application/pdf" && file.bytes.is_some();
        let stored = url(place, row, nth).filter(|_| is_here);
        let shown = html! { code { (name) } };
        return html! {
            p.line {
                @if attached { (m!("Attached {name}", name = shown)) } @else { (shown) } @if !mime.is_empty() && mime != name { ", " (mime) } @if let Some(size) = size { ", " (size) }
                @if let Some(url) = &stored { " · " a href=(url) download=(name) aria-label=(t!("Download {name}", name = name)) { (t("Download")) } }
            }
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

/// URL of a picture or document on the hub.
fn url(place: &PartContext<'_>, row: &PartRow, nth: usize) -> Option<String> {
    let instance = encode(place.look.instance.as_ref()?.as_str());
    let session = encode(place.look.session.as_ref()?.as_str());
    let message = encode(place.message.info.id.as_str());
    let part = encode(row.id.as_str());
    let rev = row.rev.0;
    Some(format!(
        "/api/instances/{instance}/sessions/{session}/messages/{message}/parts/{part}/files/{nth}?rev={rev}"
    ))
}
