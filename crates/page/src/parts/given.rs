//! What a tool call is given, drawn as what a person asks of that tool.

use maud::{Markup, PreEscaped, html};
use model::state::{Tool, ToolState};
use serde_json::Value;

use super::tool::{field, short};
use super::{diff, output};
use crate::language::t;
use crate::limits;
use crate::markdown::{highlight, language_of_path};
use crate::words::{escape, marks};

/// The arguments of a call; nothing if it has none.
pub(super) fn given(tool: &Tool, input: &Value) -> Option<Markup> {
    if input.as_object().is_none_or(serde_json::Map::is_empty) {
        return None;
    }
    let drawn = match &*tool.name {
        _ if tool.diff.is_some() => changed(tool, input),
        "bash" => command(input),
        "edit" => edit(input),
        "multiedit" => edits(input),
        "write" => written(input),
        "apply_patch" | "patch" => field(input, "patchText").and_then(diff::patch),
        "read" => {
            field(input, "filePath").map(|path| html! { p.path { (short(path)) (range(input)) } })
        }
        "task" => task(input),
        "todowrite" => todos(input),
        "question" => questions(input),
        "webfetch" => {
            field(input, "url").map(|url| html! { p.path { (output::linked(&short(url))) } })
        }
        "websearch" => searched(input),
        "list" => listed(input),
        _ => None,
    };
    drawn
        .or_else(|| arguments(input))
        .or_else(|| Some(as_json(tool, input)))
}

/// What the server says that the call changed.
fn changed(tool: &Tool, input: &Value) -> Option<Markup> {
    let text = tool.diff.as_deref()?;
    let files = text.lines().filter(|line| line.starts_with("+++ ")).count();
    let hunks = text.find("\n@@").map(|at| &text[at + 1..]);
    match (files, hunks) {
        // The path says what the head of a diff of one file does.
        (1, Some(hunks)) => {
            let drawn = diff::patch(hunks)?;
            Some(
                html! { @if let Some(path) = field(input, "filePath") { p.path { (short(path)) } } (drawn) },
            )
        }
        _ => diff::patch(text),
    }
}

fn command(input: &Value) -> Option<Markup> {
    let command = bounded(field(input, "command")?, |text| highlight("bash", text));
    let place = field(input, "workdir");
    Some(html! {
        @if let Some(about) = field(input, "description") { p.line { (short(about)) } }
        @if let Some(place) = place { p.path { (t!("In {folder}", folder = short(place))) } }
        (code(&format!("<b>$ </b>{command}")))
    })
}

/// What was searched for on the web. What it is limited to is told as with any other tool.
fn searched(input: &Value) -> Option<Markup> {
    let query = field(input, "query")?;
    let mut limits = input.clone();
    limits.as_object_mut()?.remove("query");
    let limits =
        arguments(&limits).filter(|_| limits.as_object().is_some_and(|all| !all.is_empty()));
    Some(html! { p.asked { (short(query)) } @if let Some(limits) = limits { (limits) } })
}

/// The folder that was listed, and what was left out of it.
fn listed(input: &Value) -> Option<Markup> {
    let path = field(input, "path")?;
    let ignored = input
        .get("ignore")
        .and_then(plain)
        .filter(|all| !all.is_empty());
    Some(html! {
        p.path { (short(path)) }
        @if let Some(ignored) = ignored { p.line { (t!("Without {patterns}", patterns = short(&ignored))) } }
    })
}

fn edit(input: &Value) -> Option<Markup> {
    let lines = replaced(input)?;
    Some(html! { p.path { (short(field(input, "filePath").unwrap_or_default())) } (lines) })
}

fn replaced(edit: &Value) -> Option<Markup> {
    let (old, new) = (field(edit, "oldString"), field(edit, "newString"));
    old.or(new)?;
    diff::diff(old.unwrap_or_default(), new.unwrap_or_default())
}

fn edits(input: &Value) -> Option<Markup> {
    let edits = input.get("edits")?.as_array()?;
    let size: usize = edits.iter().map(|edit| edit.to_string().len()).sum();
    if size > limits::DIFF_BYTES || edits.len() > limits::EDITS {
        return None;
    }
    let drawn: Option<Vec<Markup>> = edits.iter().map(replaced).collect();
    let drawn = drawn.filter(|drawn| !drawn.is_empty())?;
    Some(html! {
        p.path { (short(field(input, "filePath").unwrap_or_default())) }
        @for lines in drawn { (lines) }
    })
}

fn written(input: &Value) -> Option<Markup> {
    let path = field(input, "filePath").unwrap_or_default();
    let language = language_of_path(path);
    let content = bounded(field(input, "content")?, |text| highlight(language, text));
    Some(html! { p.path { (short(path)) } (code(&content)) })
}

/// Lines that a read is limited to.
fn range(input: &Value) -> String {
    let number = |name: &str| input.get(name).and_then(Value::as_u64);
    match (number("offset"), number("limit")) {
        (None, None) => String::new(),
        (first, None) => format!(":{}–", first.unwrap_or(1)),
        (first, Some(many)) => {
            let first = first.unwrap_or(1);
            format!(":{first}–{}", first.saturating_add(many).saturating_sub(1))
        }
    }
}

fn task(input: &Value) -> Option<Markup> {
    let prompt = field(input, "prompt")?;
    let agent = field(input, "subagent_type");
    Some(html! {
        @if let Some(agent) = agent { p.path { (t!("Agent {name}", name = short(agent))) } }
        div.said { (PreEscaped(bounded(prompt, escape))) }
    })
}

fn todos(input: &Value) -> Option<Markup> {
    let all = input.get("todos")?.as_array()?;
    let more = all.len().saturating_sub(limits::TODOS);
    Some(html! {
        ul.todos {
            @for one in all.iter().take(limits::TODOS) {
                @let (shape, word, class) = match field(one, "status") {
                    Some("in_progress") => ("◐", t("In progress:"), "now"),
                    Some("completed") => ("✓", t("Done:"), "done"),
                    Some("cancelled") => ("✕", t("Cancelled:"), "gone"),
                    _ => ("○", t("Not started:"), "pending"),
                };
                li.(class) { span.mark aria-hidden="true" { (shape) } span { span.hear { (word) " " } (short(field(one, "content").unwrap_or_default())) } }
            }
        }
        @if more > 0 { p.line { (t!("{n} more item is not shown", "{n} more items are not shown", n = more)) } }
    })
}

fn questions(input: &Value) -> Option<Markup> {
    let all = input.get("questions")?.as_array()?;
    Some(html! {
        @for one in all.iter().take(limits::TODOS) {
            p.asked { (short(field(one, "question").unwrap_or_default())) }
            ul.offered {
                @for option in one.get("options").and_then(Value::as_array).into_iter().flatten().take(limits::TODOS) {
                    li {
                        (short(field(option, "label").unwrap_or_default()))
                        @if let Some(means) = field(option, "description") { span.quiet { " " (short(means)) } }
                    }
                }
            }
        }
    })
}

/// Arguments by name, of a tool that is not known here; nothing if there are many or one is long.
fn arguments(input: &Value) -> Option<Markup> {
    let all = input.as_object()?;
    let told: Option<Vec<(&String, String)>> = all
        .iter()
        .map(|(name, value)| Some((name, plain(value)?)))
        .collect();
    let told = told.filter(|told| told.len() <= limits::ARGUMENTS)?;
    Some(html! {
        dl.args { @for (name, value) in told { dt { (short(name)) } dd { (PreEscaped(marks(&escape(&value)))) } } }
    })
}

/// A value as a person reads it; nothing if it is long or has a structure.
fn plain(value: &Value) -> Option<String> {
    let text = match value {
        Value::String(text) => text.clone(),
        Value::Array(all) if all.iter().all(|one| !one.is_object() && !one.is_array()) => {
            let all: Option<Vec<String>> = all.iter().map(plain).collect();
            all?.join(", ")
        }
        Value::Array(_) | Value::Object(_) => return None,
        scalar => scalar.to_string(),
    };
    (text.len() <= limits::ARGUMENT_BYTES).then_some(text)
}

fn as_json(tool: &Tool, input: &Value) -> Markup {
    code(&bounded(&pretty(tool, input), |text| {
        highlight("json", text)
    }))
}

/// An input with its values on lines of their own, or as it came if it is long.
fn pretty(tool: &Tool, input: &Value) -> String {
    let as_it_came = tool.input.get();
    if as_it_came.len() > limits::INPUT_BYTES {
        return as_it_came.to_owned();
    }
    serde_json::to_string_pretty(input).unwrap_or_else(|_| as_it_came.to_owned())
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

fn code(html: &str) -> Markup {
    let html = PreEscaped(html);
    html! { pre.in tabindex="0" { (html) } }
}

/// Lines that a call added and removed: by its server's diff, or by what a write that made the file wrote.
pub(super) fn counts(tool: &Tool) -> Option<(usize, usize)> {
    let ToolState::Completed { .. } = tool.state else {
        return None;
    };
    let text = tool.diff.as_deref()?;
    let hunks = &text[text.find("@@").unwrap_or(text.len())..];
    let of = |sign: char, head: &str| {
        let lines = hunks.lines();
        lines
            .filter(|line| line.starts_with(sign) && !line.starts_with(head))
            .count()
    };
    Some((of('+', "+++ "), of('-', "--- ")))
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
            let drawn = given(&tool, &input).unwrap().into_string();
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
            let drawn = given(&tool, &input).unwrap().into_string();
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
    }

    fn drawn(name: &str, input: &Value) -> String {
        let state = ToolState::Completed { output: "".into() };
        let PartKind::Tool(tool) = sample::tool(name, &input.to_string(), state, None) else {
            unreachable!()
        };
        given(&tool, input).unwrap().into_string()
    }

    #[test]
    fn each_tool_shows_what_a_person_asks_of_it() {
        let bash = json!({"command": "ls", "workdir": "/x", "description": "Look <here>"});
        let bash = drawn("bash", &bash);
        assert!(
            bash.contains("In /x")
                && bash.contains("<b>$ </b>")
                && bash.contains("Look &lt;here&gt;"),
            "{bash}"
        );
        let edits = json!({"filePath": "a.rs", "edits": [{"oldString": "a", "newString": "b"}, {"oldString": "c", "newString": "d"}]});
        let edits = drawn("multiedit", &edits);
        assert_eq!(edits.matches("class=\"diff\"").count(), 2, "{edits}");
        let todos = json!({"todos": [{"content": "<one>", "status": "completed"}, {"content": "two", "status": "new"}]});
        let todos = drawn("todowrite", &todos);
        assert!(
            todos.contains("&lt;one&gt;") && todos.matches("<li").count() == 2,
            "{todos}"
        );
        let read = drawn(
            "read",
            &json!({"filePath": "a.rs", "offset": 10, "limit": 5}),
        );
        assert!(read.contains("a.rs:10–14"), "{read}");
        let asked = json!({"questions": [{"question": "Which?", "options": [{"label": "Red", "description": "warm"}]}]});
        let asked = drawn("question", &asked);
        assert!(asked.contains("Which?") && asked.contains("Red"), "{asked}");
        let search = drawn("websearch", &json!({"query": "<b> rust", "numResults": 8}));
        assert!(
            search.contains("<p class=\"asked\">&lt;b&gt; rust</p>")
                && search.contains("<dt>numResults</dt><dd>8</dd>"),
            "{search}"
        );
        let list = drawn("list", &json!({"path": "/x", "ignore": ["a/", "b"]}));
        assert!(
            list.contains("<p class=\"path\">/x</p>") && list.contains("Without a/, b"),
            "{list}"
        );
        let page = drawn("webfetch", &json!({"url": "javascript:alert(1)"}));
        assert!(!page.contains("href"), "{page}");
        let other = drawn(
            "mcp_pay",
            &json!({"amount": 7, "to": ["a", "b"], "note": "<b>"}),
        );
        assert!(
            other.contains("<dt>amount</dt><dd>7</dd>") && other.contains("<dd>a, b</dd>"),
            "{other}"
        );
        assert!(other.contains("&lt;b&gt;"), "{other}");
        let deep = drawn("mcp_pay", &json!({"deep": {"a": 1}}));
        assert!(deep.contains("<pre"), "{deep}");
    }

    #[test]
    fn a_servers_diff_is_shown_with_its_counts() {
        let state = ToolState::Completed { output: "".into() };
        let input = json!({"filePath": "a.txt", "oldString": "two", "newString": "2"});
        let PartKind::Tool(mut tool) = sample::tool("edit", &input.to_string(), state, None) else {
            unreachable!()
        };
        tool.diff = Some(
            "Index: a.txt\n--- a.txt\n+++ a.txt\n@@ -1,3 +1,4 @@\n one\n-two\n+2\n++\n three\n"
                .into(),
        );
        let html = given(&tool, &input).unwrap().into_string();
        assert!(
            !html.contains("Index:") && html.contains("@@ -1,3 +1,4 @@"),
            "{html}"
        );
        assert_eq!(counts(&tool), Some((2, 1)));
    }
}
