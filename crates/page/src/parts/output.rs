//! Long texts of tools, cut to what is worth showing at once.

use maud::{Markup, PreEscaped, html};
use model::state::{Tool, ToolState};
use serde_json::Value;

use super::tool::field;
use crate::language::t;
use crate::limits;
use crate::links::{Span, stretches};
use crate::markdown::{highlight, language_of_path};
use crate::terminal;
use crate::words::{marks, visible};

/// Tools whose output is what a command printed.
const COMMANDS: [&str; 2] = ["bash", "shell"];
/// Tools that change files: their output may end with what a language server reports.
const CHANGES: [&str; 5] = ["edit", "multiedit", "write", "apply_patch", "patch"];
/// Begins the line of a title in what a search of the web found.
const TITLE: &str = "Title: ";
/// Begins the line of an address there.
const ADDRESS: &str = "URL: ";

/// A text to show, and whether anything of it is left out.
pub(super) struct CutText {
    /// As the content of a `pre`.
    pub(super) html: String,
    /// Bytes left out.
    pub(super) left_out: usize,
}

/// The end of a text that still grows; `command` if a command printed it.
pub(super) fn growing(text: &str, whole: bool, command: bool) -> CutText {
    if whole || text.len() <= limits::OUTPUT_BYTES {
        return CutText {
            html: terminal::draw(text, command),
            left_out: 0,
        };
    }
    let least = text.len() - limits::OUTPUT_BYTES;
    let from = line_start(text, least.next_multiple_of(limits::OUTPUT_STEP));
    CutText {
        html: terminal::draw(&text[from..], command),
        left_out: from,
    }
}

/// Beginning and end of an output that is whole; `command` if a command printed it.
pub(super) fn ended(text: &str, whole: bool, command: bool) -> CutText {
    ends(text, whole, |text| terminal::draw(text, command))
}

/// True for a tool whose output is what a command printed.
pub(super) fn is_command(tool: &str) -> bool {
    COMMANDS.contains(&tool)
}

/// The output of a call that succeeded, drawn as what it is.
pub(super) fn of_tool(tool: &Tool, input: &Value, output: &str, whole: bool) -> CutText {
    let nothing = CutText {
        html: String::new(),
        left_out: 0,
    };
    match &*tool.name {
        // The list is what the call was given.
        "todowrite" if input.get("todos").is_some() => nothing,
        "read" => match content(output) {
            Some(text) => {
                let language = language_of_path(field(input, "filePath").unwrap_or_default());
                ends(&text, whole, |text| {
                    marks(&highlight(language, text)).into_owned()
                })
            }
            None => ended(output, whole, false),
        },
        "task" => ended(reply(output), whole, false),
        "grep" => ends(output, whole, |text| {
            by_line(
                text,
                |line| line.ends_with(':') && !line.starts_with(' '),
                "file",
            )
        }),
        "websearch" => ends(output, whole, results),
        "list" => ends(output, whole, |text| {
            by_line(text, |line| line.ends_with('/'), "file")
        }),
        name if CHANGES.contains(&name) || name.starts_with("lsp") => ends(output, whole, |text| {
            by_line(text, |line| line.trim_start().starts_with("ERROR ["), "bad")
        }),
        name => ended(output, whole, is_command(name)),
    }
}

/// The reply of a subagent, without the tags that version 1 puts around it for the model.
fn reply(output: &str) -> &str {
    let inner = output
        .split_once("<task_result>\n")
        .and_then(|(_, rest)| rest.rsplit_once("\n</task_result>"));
    inner.map_or(output, |(reply, _)| reply)
}

/// The lines of a file that a read gave, without their numbers and what surrounds them; nothing if it is no such output.
fn content(output: &str) -> Option<String> {
    let (_, rest) = output.split_once("<content>\n")?;
    let body = rest.rsplit_once("\n</content>")?.0;
    let mut text = String::with_capacity(body.len());
    for line in body.lines() {
        match line
            .split_once(": ")
            .or_else(|| line.strip_suffix(':').map(|number| (number, "")))
        {
            Some((number, line))
                if !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()) =>
            {
                text.push_str(line);
                text.push('\n');
            }
            // What the tool says about the rest of the file.
            _ if line.is_empty() || line.starts_with('(') => {}
            _ => return None,
        }
    }
    Some(text)
}

/// A text of which some lines have a class.
fn by_line(text: &str, marked: impl Fn(&str) -> bool, class: &str) -> String {
    let lines = text
        .split_inclusive('\n')
        .map(|line| match marked(line.trim_end()) {
            true => format!("<span class=\"{class}\">{}</span>", visible(line)),
            false => visible(line),
        });
    lines.collect()
}

/// What a search of the web found: titles stand out, and addresses can be followed.
fn results(text: &str) -> String {
    let mut html = String::with_capacity(text.len());
    for line in text.split_inclusive('\n') {
        if let Some(address) = line.strip_prefix(ADDRESS) {
            html.push_str(ADDRESS);
            html.push_str(&linked(address).into_string());
        } else if line.starts_with(TITLE) {
            html.push_str(&by_line(line, |_| true, "file"));
        } else {
            html.push_str(&visible(line));
        }
    }
    html
}

/// A text whose addresses can be followed.
pub(super) fn linked(text: &str) -> Markup {
    html! {
        @for span in stretches(text) {
            @match span {
                Span::Text(text) => (PreEscaped(visible(text))),
                Span::Link(address) => a href=(address) target="_blank" rel="noopener noreferrer" { (address) },
            }
        }
    }
}

/// How much a search found.
pub(super) fn hits(tool: &Tool) -> Option<String> {
    let ToolState::Completed { output } = &tool.state else {
        return None;
    };
    let first = output.lines().next().unwrap_or_default();
    match &*tool.name {
        "grep" => Some(
            match first
                .strip_prefix("Found ")
                .and_then(|rest| rest.split(' ').next()?.parse::<usize>().ok())
            {
                Some(many) => t!("{n} match", "{n} matches", n = many),
                None => t("nothing found").to_owned(),
            },
        ),
        "glob" if first == "No files found" => Some(t("nothing found").to_owned()),
        "glob" => {
            let paths = output
                .lines()
                .filter(|line| !line.is_empty() && !line.starts_with('('));
            let many = paths.count();
            Some(t!("{n} file", "{n} files", n = many))
        }
        "websearch" => {
            let found = output.lines().filter(|line| line.starts_with(ADDRESS));
            Some(match found.count() {
                0 if output.starts_with("No search results") => t("nothing found").to_owned(),
                0 => return None,
                many => t!("{n} result", "{n} results", n = many),
            })
        }
        // The first line is the folder itself, and lines that end so are folders in it.
        "list" => {
            let entries = output.lines().skip(1);
            let files = entries.filter(|line| !line.is_empty() && !line.ends_with('/'));
            Some(match files.count() {
                0 => t("nothing found").to_owned(),
                many => t!("{n} file", "{n} files", n = many),
            })
        }
        _ => None,
    }
}

/// Beginning and end of what a tool is given.
pub(super) fn given(text: &str) -> CutText {
    ends(text, false, visible)
}

fn ends(text: &str, whole: bool, draw: impl Fn(&str) -> String) -> CutText {
    if whole || text.len() <= limits::OUTPUT_BYTES {
        return CutText {
            html: draw(text),
            left_out: 0,
        };
    }
    let to = line_start(text, limits::OUTPUT_BYTES / 2);
    let from = line_start(text, text.len() - limits::OUTPUT_BYTES / 2);
    let html = format!("{}<b>⋯</b>\n{}", draw(&text[..to]), draw(&text[from..]));
    CutText {
        html,
        left_out: from - to,
    }
}

/// The first line that begins at or after `at`, or is written over; a control sequence, or any character, if the line is endless.
fn line_start(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at += 1;
    }
    let near = &text.as_bytes()[at..(at + 1024).min(text.len())];
    let first = |bytes: &[u8]| near.iter().position(|byte| bytes.contains(byte));
    match (first(b"\n"), first(b"\r"), first(b"\x1b")) {
        (Some(line), ..) | (None, Some(line), _) => at + line + 1,
        (None, None, Some(sequence)) => at + sequence,
        (None, None, None) => at,
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn short_texts_are_whole() {
        let shown = ended("a <b>\n", false, true);
        assert_eq!((shown.html.as_str(), shown.left_out), ("a &lt;b&gt;\n", 0));
    }

    #[test]
    fn long_texts_keep_both_ends_and_say_what_is_left_out() {
        let text: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let shown = ended(&text, false, true);
        assert!(shown.html.starts_with("line 0\n") && shown.html.ends_with("line 9999\n"));
        assert!(shown.html.len() < limits::OUTPUT_BYTES + 64);
        assert_eq!(
            shown.html.len() - "<b>⋯</b>\n".len() + shown.left_out,
            text.len()
        );
        assert_eq!(ended(&text, true, true).left_out, 0);
    }

    #[test]
    fn a_growing_text_mostly_only_appends() {
        let mut text: String = (0..10_000).map(|n| format!("line {n}\n")).collect();
        let before = growing(&text, false, true).html;
        text.push_str("more\n");
        let after = growing(&text, false, true).html;
        assert!(after.starts_with(&before));
    }

    #[test]
    fn endless_lines_of_wide_characters_are_cut_between_them() {
        let text = "é".repeat(limits::OUTPUT_BYTES);
        assert!(ended(&text, false, true).left_out > 0);
        assert!(growing(&text, false, true).left_out > 0);
    }

    #[test]
    fn a_task_shows_the_reply_alone() {
        let output = "<task id=\"ses_1\" state=\"completed\">\n<task_result>\nall\ngood\n</task_result>\n</task>";
        assert_eq!(reply(output), "all\ngood");
        assert_eq!(
            reply("<task_result>\nnot ended"),
            "<task_result>\nnot ended"
        );
        assert_eq!(reply("plain"), "plain");
    }

    #[test]
    fn a_read_shows_the_file_and_a_search_its_files() {
        let output = "<path>/a.rs</path>\n<type>file</type>\n<content>\n1: fn a() {\n2:\n3:     b: 1\n\n(End of file - total 3 lines)\n</content>";
        assert_eq!(content(output).unwrap(), "fn a() {\n\n    b: 1\n");
        assert_eq!(content("<content>\nno numbers\n</content>"), None);
        assert_eq!(content("plain"), None);
        let marked = by_line(
            "/x/a.rs:\n  Line 3: <b>:\n",
            |line| line.ends_with(':') && !line.starts_with(' '),
            "file",
        );
        assert_eq!(
            marked,
            "<span class=\"file\">/x/a.rs:\n</span>  Line 3: &lt;b&gt;:\n"
        );
    }

    fn of(name: &str, output: &str) -> (String, Option<String>) {
        let state = ToolState::Completed {
            output: output.into(),
        };
        let model::state::PartKind::Tool(tool) = crate::sample::tool(name, "{}", state, None)
        else {
            unreachable!()
        };
        let html = of_tool(&tool, &Value::Null, output, false).html;
        (html, hits(&tool))
    }

    #[test]
    fn a_web_search_shows_titles_and_links_and_a_list_its_entries() {
        let found = "Title: <One>\nURL: https://one.example/a?b=1&c\nText: see https://x.y\n\nTitle: Two\nURL: javascript:alert(1)\n";
        let (html, hits) = of("websearch", found);
        assert_eq!(hits.as_deref(), Some("2 results"));
        assert!(
            html.contains("<span class=\"file\">Title: &lt;One&gt;")
                && html.contains("<a href=\"https://one.example/a?b=1&amp;c\" target=\"_blank\" rel=\"noopener noreferrer\">")
                && html.contains("URL: javascript:alert(1)")
                && html.matches("<a ").count() == 1,
            "{html}"
        );
        let none = "No search results found. Please try a different query.";
        assert_eq!(of("websearch", none).1.as_deref(), Some("nothing found"));
        let (html, hits) = of("list", "/x/\n  src/\n    a.rs\n    b.rs\n  c\n");
        assert_eq!(hits.as_deref(), Some("3 files"));
        assert!(
            html.contains("<span class=\"file\">  src/\n</span>    a.rs"),
            "{html}"
        );
    }
}
