//! Events of the markdown parser to HTML, with our own output for links, images, code and raw HTML.

use pulldown_cmark::{
    Alignment, CodeBlockKind, CowStr, Event, HeadingLevel, Tag, TagEnd, TextMergeStream,
    html::push_html,
};

use super::code::{self, Growing};
use crate::language::t;
use crate::links::{Span, stretches};
use crate::words::escape;

/// Schemes of links that are kept.
pub(super) const SCHEMES: [&str; 3] = ["http", "https", "mailto"];

/// Draws the events of one block. `growing` is present if the block may grow.
pub(super) fn html(events: Vec<Event<'_>>, growing: Option<&mut Growing<'_>>) -> String {
    let mut writer = Writer {
        growing,
        ..Writer::default()
    };
    let mut drawn = Vec::with_capacity(events.len());
    // The parser cuts a text wherever a mark could be: addresses are found in the joined text.
    for event in TextMergeStream::new(events.into_iter()) {
        match event {
            Event::Text(text) if writer.code.is_none() && !writer.is_in_link() => {
                linked(text, &mut drawn);
            }
            event => drawn.extend(writer.map(event)),
        }
    }
    let mut html = String::new();
    push_html(&mut html, drawn.into_iter());
    html
}

/// Draws a text, with its addresses as links.
fn linked<'a>(text: CowStr<'a>, drawn: &mut Vec<Event<'a>>) {
    if !text.contains("://") {
        return drawn.push(Event::Text(text));
    }
    for stretch in stretches(&text) {
        match stretch {
            Span::Text(text) => drawn.push(Event::Text(text.to_owned().into())),
            Span::Link(url) => {
                let url = escape(url);
                drawn.push(Event::Html(format!("<a href=\"{url}\">{url}</a>").into()));
            }
        }
    }
}

#[derive(Default)]
struct Writer<'g, 'k> {
    growing: Option<&'g mut Growing<'k>>,
    /// The current code block: its language and its text.
    code: Option<(String, String)>,
    /// For each open link or image, true if it became a link.
    links: Vec<bool>,
    columns: Vec<Alignment>,
    column: usize,
    in_head: bool,
}

impl Writer<'_, '_> {
    fn map<'a>(&mut self, event: Event<'a>) -> Option<Event<'a>> {
        if let Some((_, text)) = &mut self.code {
            match event {
                Event::Text(more) => text.push_str(&more),
                Event::End(TagEnd::CodeBlock) => return self.code_block(),
                _ => {}
            }
            return None;
        }
        Some(match event {
            Event::Html(text) | Event::InlineHtml(text) => Event::Text(text),
            Event::Start(tag) => return self.start(tag),
            Event::End(end) => return self.end(end),
            Event::TaskListMarker(done) => Event::Html(
                if done {
                    "<span class=\"task\">☑</span> "
                } else {
                    "<span class=\"task\">☐</span> "
                }
                .into(),
            ),
            other => other,
        })
    }

    /// True inside of an element that became a link.
    fn is_in_link(&self) -> bool {
        self.links.contains(&true)
    }

    fn start<'a>(&mut self, tag: Tag<'a>) -> Option<Event<'a>> {
        Some(match tag {
            Tag::CodeBlock(kind) => {
                let language = match kind {
                    CodeBlockKind::Fenced(info) => info
                        .split([' ', ',', '{'])
                        .next()
                        .unwrap_or_default()
                        .to_owned(),
                    CodeBlockKind::Indented => String::new(),
                };
                self.code = Some((language, String::new()));
                return None;
            }
            Tag::HtmlBlock => raw("<p>"),
            Tag::Heading { level, .. } => raw(heading(level).0),
            Tag::Link { dest_url, .. } => return self.link(&dest_url, ""),
            Tag::Image { dest_url, .. } => return self.link(&dest_url, t("Image: ")),
            Tag::Table(columns) => {
                self.columns = columns;
                raw("<div class=\"wide\" tabindex=\"0\"><table>")
            }
            Tag::TableHead => {
                self.in_head = true;
                self.column = 0;
                raw("<thead><tr>")
            }
            Tag::TableRow => {
                self.column = 0;
                raw("<tr>")
            }
            Tag::TableCell => self.cell(),
            other => Event::Start(other),
        })
    }

    fn end<'a>(&mut self, end: TagEnd) -> Option<Event<'a>> {
        Some(match end {
            TagEnd::HtmlBlock => raw("</p>"),
            TagEnd::Heading(level) => raw(heading(level).1),
            TagEnd::Link | TagEnd::Image => {
                return self.links.pop().filter(|live| *live).map(|_| raw("</a>"));
            }
            TagEnd::Table => raw("</tbody></table></div>"),
            TagEnd::TableHead => {
                self.in_head = false;
                raw("</tr></thead><tbody>")
            }
            TagEnd::TableRow => raw("</tr>"),
            TagEnd::TableCell => raw(if self.in_head { "</th>" } else { "</td>" }),
            other => Event::End(other),
        })
    }

    fn cell<'a>(&mut self) -> Event<'a> {
        let column = self
            .columns
            .get(self.column)
            .copied()
            .unwrap_or(Alignment::None);
        self.column += 1;
        raw(match (self.in_head, column) {
            (true, Alignment::Center) => "<th class=\"mid\">",
            (true, Alignment::Right) => "<th class=\"end\">",
            (true, _) => "<th>",
            (false, Alignment::Center) => "<td class=\"mid\">",
            (false, Alignment::Right) => "<td class=\"end\">",
            (false, _) => "<td>",
        })
    }

    fn link<'a>(&mut self, url: &str, label: &'static str) -> Option<Event<'a>> {
        let scheme = url
            .split_once(':')
            .map(|(scheme, _)| scheme.to_ascii_lowercase());
        let live = scheme.is_some_and(|scheme| SCHEMES.contains(&scheme.as_str()));
        self.links.push(live);
        if live {
            let href = escape(url).replace('"', "&quot;");
            return Some(Event::Html(format!("<a href=\"{href}\">{label}").into()));
        }
        Some(Event::Text(label.into())).filter(|_| !label.is_empty())
    }

    fn code_block<'a>(&mut self) -> Option<Event<'a>> {
        let (language, text) = self.code.take()?;
        Some(Event::Html(CowStr::from(code::block(
            &language,
            &text,
            self.growing.as_deref_mut(),
        ))))
    }
}

fn raw(html: &'static str) -> Event<'static> {
    Event::Html(html.into())
}

/// Headings begin at the third level: the page's own titles have the first two.
fn heading(level: HeadingLevel) -> (&'static str, &'static str) {
    match level {
        HeadingLevel::H1 => ("<h3>", "</h3>"),
        HeadingLevel::H2 => ("<h4>", "</h4>"),
        HeadingLevel::H3 => ("<h5>", "</h5>"),
        _ => ("<h6>", "</h6>"),
    }
}
