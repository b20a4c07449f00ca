//! A tool call: one row that opens.

use std::borrow::Cow;

use maud::{Markup, PreEscaped, html};
use model::plain;
use model::state::{MessageStatus, Tool, ToolEnd, ToolState};
use model::view::{PartRow, StepsRow};
use serde_json::Value;

use super::{PartContext, StartTag, assemble, block, files, given, output, summary};
use crate::fragment::{Block, Fragment, fragment_url};
use crate::language::t;
use crate::limits;
use crate::markdown::highlight;
use crate::words::{duration, marks, session_path};

/// Milliseconds from which on it is told how long a call took: less is no time to a person.
const SHOWN_FROM: u64 = 100;

/// OpenCode's tool for calls of tools that do not exist, or with arguments that they do not take.
const INVALID: &str = "invalid";

pub(super) fn part(place: &PartContext<'_>, row: &PartRow, tool: &Tool, whole: bool) -> Fragment {
    let input = tool.input.value();
    let mut blocks = vec![summary(row, head(place, row, tool, &input))];
    if let Some(html) = given::given(tool, &input) {
        blocks.push(Block {
            streams: false,
            ..block(row, "in", html.into_string())
        });
    }
    blocks.extend(result(place, row, tool, &input, whole));
    blocks.extend(files::given_back(place, row, &tool.files));
    match subagent(place, row, tool) {
        None => {
            let open = opening(&format!("p:{}", row.id), tool);
            assemble(row, PreEscaped(open), blocks, "</details>")
        }
        Some(link) => with_link(row, tool, &blocks, link),
    }
}

/// The call of a subagent: the row that opens, and beside it the link to the subagent's session. A row that is a control of its own
/// has no control in it.
fn with_link(row: &PartRow, tool: &Tool, blocks: &[Block], link: Markup) -> Fragment {
    let key = format!("b:{}:call", row.id);
    let call = Block {
        open: opening(&key, tool),
        html: blocks.iter().map(Block::html).collect::<String>().into(),
        close: "</details>",
        streams: false,
        key,
    };
    let link = Block {
        streams: false,
        ..block(row, "child", link.into_string())
    };
    let key = format!("p:{}", row.id);
    let open = html! { (StartTag("div", &key, "subtask")) };
    assemble(row, open, vec![call, link], "</div>")
}

/// The start tag of the row that opens.
fn opening(key: &str, tool: &Tool) -> String {
    let mut open = html! { (StartTag("details", key, "tool")) }.into_string();
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
    open
}

/// The link to the session that a call began, with what that does.
fn subagent(place: &PartContext<'_>, row: &PartRow, tool: &Tool) -> Option<Markup> {
    let (child, instance) = tool.child.as_ref().zip(place.look.instance.as_ref())?;
    Some(html! {
        a.child href=(session_path(instance.as_str(), child.as_str())) {
            @match &row.steps { Some(steps) => (doing(steps)), None => (t("Open session")) }
        }
    })
}

fn status(tool: &Tool) -> &'static str {
    match tool.state {
        ToolState::Pending => "pending",
        ToolState::Running { .. } => "running",
        ToolState::Completed { .. } => "completed",
        ToolState::Error { .. } => "error",
    }
}

/// The tool that the model called: OpenCode gives calls that it cannot run to a tool of its own.
fn called<'a>(tool: &'a Tool, input: &'a Value) -> &'a str {
    let name = field(input, "tool").filter(|_| tool.name.as_ref() == INVALID);
    name.unwrap_or(&tool.name)
}

/// True if the call did not end and never will.
fn is_cut_off(place: &PartContext<'_>, tool: &Tool) -> bool {
    matches!(tool.state, ToolState::Pending | ToolState::Running { .. })
        && !matches!(
            place.message.status,
            MessageStatus::Streaming | MessageStatus::Unknown
        )
}

fn head(place: &PartContext<'_>, row: &PartRow, tool: &Tool, input: &Value) -> Markup {
    let end = tool.end.as_ref();
    let (shape, word, colour): (_, Cow<'_, str>, _) = match &tool.state {
        _ if row.waits_for.is_some() => ("◆", t("Waits for you").into(), "need"),
        _ if is_cut_off(place, tool) => ("⚡", t("Did not finish").into(), "bad"),
        ToolState::Pending => ("○", t("Preparing").into(), "quiet"),
        ToolState::Running { .. } => ("◐", t("Running").into(), "work"),
        _ if let Some(end) = end.filter(|end| **end != ToolEnd::Exit(0)) => ended(end),
        ToolState::Completed { .. } if tool.name.as_ref() == INVALID => {
            ("✕", t("Failed").into(), "bad")
        }
        ToolState::Completed { .. } => ("✓", t("Done").into(), "quiet"),
        ToolState::Error { .. } => ("✕", t("Failed").into(), "bad"),
    };
    let well = shape == "✓" || shape == "○";
    let running = tool.started.filter(|_| shape == "◐");
    let took = tool
        .started
        .zip(tool.ended)
        .map(|(started, ended)| ended.since(started))
        .filter(|took| *took >= SHOWN_FROM);
    html! {
        span.mark.(colour) aria-hidden="true" { (shape) }
        span.name { (short(called(tool, input))) }
        (subject(tool, input))
        @if let Some((added, removed)) = given::counts(tool) {
            span.took { span.hear { (t("changed lines:")) " " } span.plus { "+" (added) } " " span.minus { "−" (removed) } }
        }
        @if let Some(hits) = output::hits(tool) { span.took { (hits) } }
        @if !tool.files.is_empty() { span.took { (files::in_short(&tool.files)) } }
        @match (took, running) {
            (Some(took), _) => span.took { (duration(took)) },
            (None, Some(since)) => span.took { time data-at=(since.0) data-form="seconds" {} },
            (None, None) => {},
        }
        @if shape == "✓" || (well && took.is_some()) { span.hear { (word) } } @else { span.word.(colour) { (word) } }
    }
}

/// What a call is about, on its closed line: of a command itself, and of other tools what their server or the model says. What the
/// model says about a command is the title of the line.
fn subject(tool: &Tool, input: &Value) -> Markup {
    let command = output::is_command(&tool.name).then(|| field(input, "command"));
    match command.flatten().map(short).filter(|line| !line.is_empty()) {
        None => html! { span.what { (title(tool, input)) } },
        Some(line) => {
            let about = field(input, "description").map(short);
            html! { span.what title=[about] { (PreEscaped(marks(&highlight("bash", &line)))) } }
        }
    }
}

/// What a subagent does: the newest of its tools, how many it began, and since when.
fn doing(steps: &StepsRow) -> Markup {
    html! {
        @match &steps.tool {
            Some((name, subject)) => { (short(name)) @if let Some(subject) = subject { " " code { (short(subject)) } } },
            None => (t("thinking")),
        }
        @if steps.calls > 0 { " · " (t!("{n} tool", "{n} tools", n = steps.calls)) }
        " · " time data-at=(steps.since.0) data-form="seconds" {}
    }
}

/// Unsuccessful outcome of a call: shape, label, and CSS class of the colour.
fn ended(end: &ToolEnd) -> (&'static str, Cow<'static, str>, &'static str) {
    match end {
        ToolEnd::Exit(code) => ("✕", t!("Exit code {code}", code = code).into(), "bad"),
        ToolEnd::TimedOut => ("✕", t("Timed out").into(), "bad"),
        ToolEnd::Stopped => ("✕", t("Stopped").into(), "quiet"),
        ToolEnd::Rejected(None) => ("✕", t("Rejected by you").into(), "quiet"),
        ToolEnd::Rejected(Some(why)) => (
            "✕",
            t!("Rejected by you: {why}", why = short(why)).into(),
            "quiet",
        ),
    }
}

pub(super) fn field<'a>(input: &'a Value, name: &str) -> Option<&'a str> {
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
        "name",
    ];
    let title = told.or_else(|| first.iter().find_map(|name| field(input, name)));
    let line = title.unwrap_or_default().lines().next().unwrap_or_default();
    short(line)
}

/// Prefix of a text that ends at a word or line.
pub(super) fn short(text: &str) -> String {
    plain::line(text, limits::TITLE_CHARS)
}

fn result(
    place: &PartContext<'_>,
    row: &PartRow,
    tool: &Tool,
    input: &Value,
    whole: bool,
) -> Vec<Block> {
    let command = output::is_command(&tool.name);
    let shown = match &tool.state {
        ToolState::Pending => return Vec::new(),
        ToolState::Running { output } => output::growing(output, whole, command),
        ToolState::Completed { output } => output::of_tool(tool, input, output, whole),
        ToolState::Error { error } => output::ended(error, whole, command),
    };
    let mut blocks = Vec::new();
    if shown.left_out > 0 {
        let url = fragment_url(place.look, &format!("p:{}", row.id), row.rev) + "&whole=1";
        let note = html! { a.more href=(url) data-do="whole" { (t!("{size} KB omitted. Show all", size = shown.left_out / 1024)) } };
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
        let open = html! { (StartTag("pre", &key, class)) "\n" }.into_string();
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
