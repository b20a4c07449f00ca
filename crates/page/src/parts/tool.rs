//! A tool call: one row that opens.

use std::borrow::Cow;

use maud::{Markup, PreEscaped, html};
use model::plain;
use model::state::{MessageStatus, Tool, ToolEnd, ToolState};
use model::view::PartRow;
use serde_json::Value;

use super::{Open, Place, assemble, block, diff, files, output, summary};
use crate::fragment::{Block, Fragment, fragment_url};
use crate::limits;
use crate::markdown::{highlight, language_of_path};
use crate::words::{duration, escape, marks, session_path};

/// Tools whose output is what a command printed.
const COMMANDS: [&str; 2] = ["bash", "shell"];

pub(super) fn part(place: &Place<'_>, row: &PartRow, tool: &Tool, whole: bool) -> Fragment {
    let input = tool.input.value();
    let mut blocks = vec![summary(row, head(place, row, tool, &input))];
    if let Some(html) = shown_input(tool, &input) {
        blocks.push(Block {
            streams: false,
            ..block(row, "in", html.into_string())
        });
    }
    blocks.extend(result(place, row, tool, whole));
    blocks.extend(files::given_back(place, row, &tool.files));
    let key = format!("p:{}", row.id);
    let mut open = html! { (Open("details", &key, "tool")) }.into_string();
    // The start tag is ours up to its end, so that one more attribute fits before it.
    open.truncate(open.len() - 1);
    open.push_str(
        &html! { " data-status=" (PreEscaped("\"")) (status(tool)) (PreEscaped("\"")) }
            .into_string(),
    );
    if tool.files.iter().any(|file| file.picture.is_some()) {
        open.push_str(" data-pictures");
    }
    open.push('>');
    assemble(row, PreEscaped(open), blocks, "</details>")
}

fn status(tool: &Tool) -> &'static str {
    match tool.state {
        ToolState::Pending => "pending",
        ToolState::Running { .. } => "running",
        ToolState::Completed { .. } => "completed",
        ToolState::Error { .. } => "error",
    }
}

/// True if the call did not end and never will.
fn is_cut_off(place: &Place<'_>, tool: &Tool) -> bool {
    matches!(tool.state, ToolState::Pending | ToolState::Running { .. })
        && !matches!(
            place.message.status,
            MessageStatus::Streaming | MessageStatus::Unknown
        )
}

fn head(place: &Place<'_>, row: &PartRow, tool: &Tool, input: &Value) -> Markup {
    let end = tool.end.as_ref();
    let (shape, word, colour): (_, Cow<'_, str>, _) = match &tool.state {
        _ if row.waits_for.is_some() => ("◆", "Waits for you".into(), "need"),
        _ if is_cut_off(place, tool) => ("⚡", "Did not end".into(), "bad"),
        ToolState::Pending => ("○", "Being written".into(), "quiet"),
        ToolState::Running { .. } => ("◐", "Running".into(), "work"),
        _ if let Some(end) = end.filter(|end| **end != ToolEnd::Exit(0)) => ended(end),
        ToolState::Completed { .. } => ("✓", "Done".into(), "quiet"),
        ToolState::Error { .. } => ("✕", "Failed".into(), "bad"),
    };
    let well = shape == "✓" || shape == "○";
    let took = tool
        .started
        .zip(tool.ended)
        .map(|(started, ended)| ended.since(started));
    let child = tool.child.as_ref().zip(place.look.instance.as_ref());
    html! {
        span.mark.(colour) aria-hidden="true" { (shape) }
        span.name { (short(&tool.name)) }
        span.what { (title(tool, input)) }
        @if !tool.files.is_empty() { span.took { (files::in_short(&tool.files)) } }
        @if let Some((child, instance)) = child {
            a.child href=(session_path(instance.as_str(), child.as_str())) { "Open session" }
        }
        @match took {
            Some(took) if well => { span.took { (duration(took)) } span.hear { (word) } },
            _ => span.word.(colour) { (word) },
        }
    }
}

/// How a call ended that did not end well: its shape, its words, and the name of its colour.
fn ended(end: &ToolEnd) -> (&'static str, Cow<'static, str>, &'static str) {
    match end {
        ToolEnd::Exit(code) => ("✕", format!("Exit code {code}").into(), "bad"),
        ToolEnd::TimedOut => ("✕", "Timed out".into(), "bad"),
        ToolEnd::Stopped => ("✕", "Stopped".into(), "quiet"),
        ToolEnd::Rejected(None) => ("✕", "Rejected by you".into(), "quiet"),
        ToolEnd::Rejected(Some(why)) => (
            "✕",
            format!("Rejected by you: {}", short(why)).into(),
            "quiet",
        ),
    }
}

fn field<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
    input
        .get(name)
        .and_then(Value::as_str)
        .filter(|text| !text.is_empty())
}

fn title(tool: &Tool, input: &Value) -> String {
    let told = tool.title.as_deref().filter(|title| !title.is_empty());
    let first = [
        "description",
        "command",
        "filePath",
        "path",
        "pattern",
        "url",
        "query",
    ];
    let title = told.or_else(|| first.iter().find_map(|name| field(input, name)));
    let line = title.unwrap_or_default().lines().next().unwrap_or_default();
    short(line)
}

fn shown_input(tool: &Tool, input: &Value) -> Option<Markup> {
    if input.as_object().is_none_or(serde_json::Map::is_empty) {
        return None;
    }
    let path = field(input, "filePath").unwrap_or_default();
    let file = short(path);
    let edit = field(input, "newString")
        .or(field(input, "oldString"))
        .and_then(|_| {
            diff::diff(
                field(input, "oldString").unwrap_or_default(),
                field(input, "newString").unwrap_or_default(),
            )
        });
    let patch = field(input, "patchText").and_then(diff::patch);
    Some(
        match (
            &*tool.name,
            field(input, "command"),
            field(input, "content"),
            field(input, "prompt"),
        ) {
            ("bash", Some(command), ..) => {
                let command = bounded(command, |text| highlight("bash", text));
                code(&format!("<b>$ </b>{command}"))
            }
            ("edit", ..) if edit.is_some() => {
                html! { p.path { (file) } @if let Some(edit) = edit { (edit) } }
            }
            ("write", _, Some(content), _) => {
                html! { p.path { (file) } (code(&bounded(content, |text| highlight(language_of_path(path), text)))) }
            }
            _ if patch.is_some() => html! { @if let Some(patch) = patch { (patch) } },
            ("task", _, _, Some(prompt)) => {
                html! { div.said { (PreEscaped(bounded(prompt, escape))) } }
            }
            _ => code(&bounded(&pretty(tool, input), |text| {
                highlight("json", text)
            })),
        },
    )
}

/// An input with its values on lines of their own, or as it came if it is long.
fn pretty(tool: &Tool, input: &Value) -> String {
    let as_it_came = tool.input.get();
    if as_it_came.len() > limits::INPUT_BYTES {
        return as_it_came.to_owned();
    }
    serde_json::to_string_pretty(input).unwrap_or_else(|_| as_it_came.to_owned())
}

/// The beginning of a word or line.
fn short(text: &str) -> String {
    plain::line(text, limits::TITLE_CHARS)
}

/// Draws a text in full, or only its ends if it is long.
fn bounded(text: &str, draw: impl Fn(&str) -> String) -> String {
    let cut = output::given(text);
    if cut.left_out == 0 {
        marks(&draw(text)).into_owned()
    } else {
        cut.html
    }
}

fn result(place: &Place<'_>, row: &PartRow, tool: &Tool, whole: bool) -> Vec<Block> {
    let command = COMMANDS.contains(&&*tool.name);
    let shown = match &tool.state {
        ToolState::Pending => return Vec::new(),
        ToolState::Running { output } => output::growing(output, whole, command),
        ToolState::Completed { output } => output::ended(output, whole, command),
        ToolState::Error { error } => output::ended(error, whole, command),
    };
    let mut blocks = Vec::new();
    if shown.left_out > 0 {
        let url = fragment_url(place.look, &format!("p:{}", row.id), row.rev) + "&whole=1";
        let note = html! { a.more href=(url) data-do="whole" { (shown.left_out / 1024) " KB are left out. Show all" } };
        blocks.push(Block {
            streams: false,
            ..block(row, "more", note.into_string())
        });
    }
    if !shown.html.is_empty() {
        let chosen = matches!(tool.end, Some(ToolEnd::Rejected(_) | ToolEnd::Stopped));
        let class = if matches!(tool.state, ToolState::Error { .. }) && !chosen {
            "out bad"
        } else {
            "out"
        };
        let key = format!("b:{}:out", row.id);
        // A browser drops a line end right after the start tag: this one, not the text's own.
        let open = html! { (Open("pre", &key, class)) "\n" }.into_string();
        blocks.push(Block {
            key,
            open,
            html: shown.html.into(),
            close: "</pre>",
            streams: true,
        });
    }
    blocks
}

fn code(html: &str) -> Markup {
    let html = PreEscaped(html);
    html! { pre.in tabindex="0" { (html) } }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::state::PartKind;
    use serde_json::json;

    use super::*;
    use crate::sample;

    #[test]
    fn what_a_call_is_given_is_shown_up_to_its_bounds() {
        let long = "a\r".repeat(1 << 20);
        let nested = format!("{}1,{}", "[".repeat(100), "1,".repeat(100_000));
        let inputs = [
            ("bash", json!({"command": long})),
            (
                "edit",
                json!({"filePath": long, "oldString": long, "newString": "b"}),
            ),
            ("write", json!({"filePath": "a.rs", "content": long})),
            ("apply_patch", json!({"patchText": long})),
            ("task", json!({"prompt": long})),
            ("other", json!({"a": long, "b": nested})),
            ("other", json!({"a": vec![1; 50_000]})),
        ];
        for (name, input) in inputs {
            let state = ToolState::Running { output: "".into() };
            let PartKind::Tool(tool) = sample::tool(name, &input.to_string(), state, None) else {
                unreachable!()
            };
            let drawn = shown_input(&tool, &input).unwrap().into_string();
            assert!(
                drawn.len() < 4 * limits::OUTPUT_BYTES,
                "{name}: {}",
                drawn.len()
            );
        }
    }

    #[test]
    fn what_turns_text_around_is_visible_in_all_that_a_call_is_given() {
        for (name, input) in [
            (
                "bash",
                json!({"command": "echo \u{202e}x\u{200b}\u{1b}[1m"}),
            ),
            (
                "edit",
                json!({"filePath": "a", "oldString": "\u{202e}", "newString": "b\u{200b}\u{1b}"}),
            ),
            (
                "write",
                json!({"filePath": "a", "content": "\u{202e}\u{200b}\u{1b}"}),
            ),
            (
                "apply_patch",
                json!({"patchText": "+\u{202e}\u{200b}\u{1b}"}),
            ),
            ("other", json!({"a\u{200b}": "\u{202e}\u{1b}"})),
        ] {
            let state = ToolState::Completed {
                output: "\u{202e}\u{200b}".into(),
            };
            let PartKind::Tool(tool) = sample::tool(name, &input.to_string(), state, None) else {
                unreachable!()
            };
            let drawn = shown_input(&tool, &input).unwrap().into_string();
            assert!(
                !drawn.contains(['\u{202e}', '\u{200b}', '\u{1b}']),
                "{drawn:?}"
            );
            assert!(
                drawn.contains("<span class=\"odd\">\\u{202e}</span>")
                    && drawn.contains("\\u{200b}"),
                "{drawn:?}"
            );
        }
        assert_eq!(short("rm \u{202e}x\n"), "rm \\u{202e}x");
    }
}
