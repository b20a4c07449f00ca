//! The last wall: whatever HTML was made of a text is parsed as a browser would, and only what is named here is
//! written again.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::Builder;

use super::code::PIECE_CLASS;
use super::lex::TOKEN_CLASSES;

/// Where a copy button goes. A text cannot hold it: its own `<` is escaped long before.
pub(super) const COPY_PLACE: &str = "<span class=\"copy\"></span>";
/// Where code goes that passed the wall before. A text cannot hold it either.
pub(super) const CODE_PLACE: &str = "<span class=\"body\"></span>";
const COPY_BUTTON: &str = "<button type=\"button\" class=\"copy\" data-do=\"copy\">Copy</button>";

static WALL: LazyLock<Builder<'static>> = LazyLock::new(|| {
    let tags = [
        "a",
        "blockquote",
        "br",
        "code",
        "del",
        "div",
        "em",
        "h3",
        "h4",
        "h5",
        "h6",
        "hr",
        "li",
        "ol",
        "p",
        "pre",
        "span",
        "strong",
        "table",
        "tbody",
        "td",
        "th",
        "thead",
        "tr",
        "ul",
    ];
    let classes = HashMap::from([
        (
            "span",
            TOKEN_CLASSES
                .iter()
                .copied()
                .chain(["copy", "body", "task", PIECE_CLASS])
                .collect::<HashSet<_>>(),
        ),
        ("div", HashSet::from(["code", "bar", "wide"])),
        ("td", HashSet::from(["mid", "end"])),
        ("th", HashSet::from(["mid", "end"])),
    ]);
    let mut wall = Builder::empty();
    wall.tags(HashSet::from(tags))
        .clean_content_tags(HashSet::from(["script", "style"]))
        .tag_attributes(HashMap::from([
            ("a", HashSet::from(["href"])),
            ("ol", HashSet::from(["start"])),
        ]))
        .tag_attribute_values(HashMap::from([(
            "div",
            HashMap::from([("tabindex", HashSet::from(["0"]))]),
        )]))
        .allowed_classes(classes)
        .url_schemes(HashSet::from(super::write::SCHEMES))
        .url_relative(ammonia::UrlRelative::Deny)
        .set_tag_attribute_value("a", "target", "_blank")
        // What is wider than the page can be moved by keyboard as well.
        .set_tag_attribute_value("pre", "tabindex", "0")
        .link_rel(Some("noopener noreferrer"));
    wall
});

/// Keeps what is harmless of `html`, written as a browser would write it back.
pub(super) fn clean(html: &str) -> String {
    WALL.clean(html)
        .to_string()
        .replace(COPY_PLACE, COPY_BUTTON)
}
