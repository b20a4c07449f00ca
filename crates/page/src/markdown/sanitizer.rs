//! The sanitizer: it parses the HTML of a text as a browser would, and writes only the elements and attributes that are
//! listed here.

use std::collections::{HashMap, HashSet};
use std::sync::LazyLock;

use ammonia::Builder;

use super::code::PIECE_CLASS;
use super::lex::TOKEN_CLASSES;
use crate::language::t;

/// Placeholder of a copy button. A text cannot contain it: its own `<` is escaped before.
pub(super) const COPY_PLACE: &str = "<span class=\"copy\"></span>";
/// Placeholder of code that is sanitized already. A text cannot contain it either.
pub(super) const CODE_PLACE: &str = "<span class=\"body\"></span>";
/// The button that copies a block of code.
fn copy_button() -> String {
    let label = t("Copy");
    format!("<button type=\"button\" class=\"copy\" data-do=\"copy\">{label}</button>")
}

static SANITIZER: LazyLock<Builder<'static>> = LazyLock::new(|| {
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
    let mut sanitizer = Builder::empty();
    sanitizer
        .tags(HashSet::from(tags))
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
        // An element that is wider than the page can be scrolled by keyboard as well.
        .set_tag_attribute_value("pre", "tabindex", "0")
        .link_rel(Some("noopener noreferrer"));
    sanitizer
});

/// The harmless part of `html`, as a browser would serialize it.
pub(super) fn clean(html: &str) -> String {
    SANITIZER
        .clean(html)
        .to_string()
        .replace(COPY_PLACE, &copy_button())
}
