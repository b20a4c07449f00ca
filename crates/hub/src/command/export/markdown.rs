//! A conversation as Markdown: a heading for each turn, the texts as they were written, tool calls as fenced code.

use std::fmt::Write as _;

use model::ids::MessageId;
use model::json::Json;
use model::plain;
use model::state::{ErrorKind, MessageInfo, Part, PartKind, Role, Tool, ToolState};
use model::time::Timestamp;
use serde_json::Value;

use crate::limits;

/// A document that grows message by message.
pub(super) struct Document {
    text: String,
    /// The prompt that the last answer is for. Further steps of the answer have no heading of their own.
    answering: Option<MessageId>,
}

impl Document {
    /// A document that begins with the facts about a session.
    pub(super) fn begin(session: &Value, now: Timestamp) -> Self {
        let mut document = Self {
            text: String::new(),
            answering: None,
        };
        let field = |value: &Value| value.as_str().map(line).filter(|text| !text.is_empty());
        let title = session["title"].as_str().map(escaped);
        let title = title.filter(|title| !title.is_empty());
        let title = title.unwrap_or_else(|| "Untitled".to_owned());
        document.block(&format!("# {title}"));
        let model = &session["model"];
        let model = match (field(&model["providerID"]), field(&model["id"])) {
            (Some(provider), Some(model)) => Some(format!("{provider}/{model}")),
            _ => None,
        };
        let facts = [
            ("Session", field(&session["id"])),
            ("Folder", field(&session["directory"])),
            ("Agent", field(&session["agent"])),
            ("Model", model),
            ("Created", session["time"]["created"].as_f64().map(time)),
            ("Exported", Some(time(now.0 as f64))),
        ];
        let facts = facts.into_iter().filter_map(|(name, value)| {
            let value = value?.replace('`', "'");
            Some(format!("- {name}: `{value}`"))
        });
        document.block(&facts.collect::<Vec<_>>().join("\n"));
        document
    }

    /// Adds a sentence about the document itself.
    pub(super) fn note(&mut self, sentence: &str) {
        self.block(&format!("> **Note:** {sentence}"));
    }

    /// Adds a message with its parts.
    pub(super) fn message(&mut self, info: &MessageInfo, parts: &[Part]) {
        let continues =
            info.role == Role::Assistant && info.parent.is_some() && info.parent == self.answering;
        if !continues {
            self.block(&heading(info));
        }
        self.answering = match info.role {
            Role::Assistant => info.parent.clone(),
            Role::User | Role::Note => None,
        };
        for part in parts {
            self.part(part, info.role);
        }
        if let Some(failure) = &info.failure {
            let end = match failure.kind {
                ErrorKind::Aborted => "Stopped.".to_owned(),
                ErrorKind::Failed => format!("Failed: {}", line(&failure.message)),
            };
            self.block(&format!("> **{end}**"));
        }
    }

    /// The document.
    pub(super) fn end(mut self) -> String {
        let whole = self.text.trim_end().len();
        self.text.truncate(whole);
        self.text.push('\n');
        self.text
    }

    fn part(&mut self, part: &Part, role: Role) {
        match &part.kind {
            PartKind::Text {
                text, synthetic, ..
            } if !(*synthetic && role != Role::Assistant) => self.block(text.trim()),
            PartKind::Reasoning { text, .. } if !text.trim().is_empty() => {
                self.block(&format!("> *Reasoning*\n>\n{}", quoted(text.trim())));
            }
            PartKind::Tool(tool) => self.tool(tool),
            PartKind::File(file) => self.block(&format!("*Attached: {}*", escaped(&file.name))),
            PartKind::Subtask { description, agent } => {
                let (agent, description) = (escaped(agent), escaped(description));
                self.block(&format!("*Subtask for {agent}: {description}*"));
            }
            PartKind::Compaction { .. } => self.block("*The history before this is compacted.*"),
            PartKind::Retry { attempt, message } => {
                let reason = line(message);
                self.block(&format!("> **Attempt {attempt} failed:** {reason}"));
            }
            _ => {}
        }
    }

    fn tool(&mut self, tool: &Tool) {
        let (state, output) = match &tool.state {
            ToolState::Pending => ("pending", None),
            ToolState::Running { .. } => ("running", None),
            ToolState::Completed { output } => ("done", Some(output)),
            ToolState::Error { error } => ("failed", Some(error)),
        };
        let title = tool.title.as_deref();
        let title = title.map(|title| format!(" · {}", escaped(title)));
        let title = title.unwrap_or_default();
        self.block(&format!("**{}** ({state}){title}", escaped(&tool.name)));
        self.fenced(&input_text(&tool.input));
        if let Some(output) = output {
            self.fenced(output);
        }
    }

    /// Adds a text in a fence that is longer than any fence in the text, which therefore cannot close it.
    fn fenced(&mut self, text: &str) {
        let text = text.trim_end();
        if text.trim().is_empty() {
            return;
        }
        let (shown, left) = cut(text);
        let fence = "`".repeat(longest_run(shown).max(2) + 1);
        self.block(&format!("{fence}\n{shown}\n{fence}"));
        if left > 0 {
            self.block(&format!("*… and {left} more characters.*"));
        }
    }

    fn block(&mut self, text: &str) {
        if !text.is_empty() {
            // Writing to a string cannot fail.
            let _written = write!(self.text, "{text}\n\n");
        }
    }
}

fn heading(info: &MessageInfo) -> String {
    let author = match info.role {
        Role::User => "You".to_owned(),
        Role::Note => "OpenCode".to_owned(),
        Role::Assistant => {
            let model = info.model.as_ref().map(|model| &*model.model);
            let names = info.agent.as_deref().into_iter().chain(model);
            let names: Vec<String> = names.map(escaped).collect();
            match names.is_empty() {
                true => "Agent".to_owned(),
                false => format!("Agent ({})", names.join(", ")),
            }
        }
    };
    // A message without a time has 0.
    let at = Some(info.created).filter(|at| at.0 != 0);
    let at = at.map(|at| format!(" · {}", time(at.0 as f64)));
    format!("## {author}{}", at.unwrap_or_default())
}

/// The input of a call: its command if it has one, else its JSON; empty for a call without input.
fn input_text(input: &Json) -> String {
    match input.value() {
        Value::Null => String::new(),
        Value::Object(fields) if fields.is_empty() => String::new(),
        input => match input["command"].as_str() {
            Some(command) => format!("$ {command}"),
            None => serde_json::to_string_pretty(&input).unwrap_or_default(),
        },
    }
}

fn cut(text: &str) -> (&str, usize) {
    match text.char_indices().nth(limits::EXPORT_TOOL_CHARS) {
        Some((end, _)) => (&text[..end], text[end..].chars().count()),
        None => (text, 0),
    }
}

fn longest_run(text: &str) -> usize {
    let runs = text.split(|c| c != '`').map(str::len);
    runs.max().unwrap_or(0)
}

fn quoted(text: &str) -> String {
    let lines = text.lines().map(|line| format!("> {line}"));
    lines.collect::<Vec<_>>().join("\n")
}

/// One line of text that others wrote, with all Markdown escaped.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in line(text).chars() {
        if matches!(
            c,
            '\\' | '`' | '*' | '_' | '[' | ']' | '<' | '>' | '#' | '|' | '~'
        ) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

fn line(text: &str) -> String {
    plain::line(text, limits::WORDS_CHARS)
}

/// A time for people, in UTC.
fn time(millis: f64) -> String {
    // Whole milliseconds: the cast saturates, and what is no time is left out.
    let at = jiff::Timestamp::from_millisecond(millis as i64);
    at.map_or_else(
        |_| String::new(),
        |at| at.strftime("%Y-%m-%d %H:%M UTC").to_string(),
    )
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::ingest::dialect;

    fn document(messages: &Value) -> String {
        let session = json!({"id": "ses_1", "title": "Fix *it*", "directory": "/shop",
            "model": {"providerID": "p", "id": "m"}, "time": {"created": 0}});
        let mut document = Document::begin(&session, Timestamp(60_000));
        let messages = opencode::wire::MessageWithParts::parse_list(&messages.to_string());
        for (info, parts) in dialect::conversation(messages.unwrap()) {
            document.message(&info, &parts);
        }
        document.end()
    }

    fn message(id: &str, role: &str, parent: Option<&str>, parts: Value) -> Value {
        let mut parts = parts;
        for (at, part) in parts.as_array_mut().unwrap().iter_mut().enumerate() {
            part["id"] = json!(format!("prt_{id}_{at}"));
            part["messageID"] = json!(id);
            part["sessionID"] = json!("ses_1");
        }
        json!({"info": {"id": id, "sessionID": "ses_1", "role": role, "parentID": parent, "agent": "build",
            "time": {"created": 1000}}, "parts": parts})
    }

    #[test]
    fn a_conversation_reads_as_a_transcript() {
        let bash = json!({"type": "tool", "callID": "c", "tool": "bash", "state": {"status": "completed",
            "input": {"command": "ls"}, "title": "List", "output": "a\n````\nb\n", "metadata": {},
            "time": {"start": 1, "end": 2}}});
        let failed = json!({"type": "tool", "callID": "d", "tool": "read", "state": {"status": "error",
            "input": {"filePath": "/x"}, "error": "no such file", "time": {"start": 1, "end": 2}}});
        insta::assert_snapshot!(document(&json!([
            message(
                "msg_1",
                "user",
                None,
                json!([{"type": "text", "text": "What is here?"}])
            ),
            message(
                "msg_2",
                "assistant",
                Some("msg_1"),
                json!([
                {"type": "reasoning", "text": "Let me\nlook.", "time": {"start": 1, "end": 2}}, bash])
            ),
            message(
                "msg_3",
                "assistant",
                Some("msg_1"),
                json!([failed,
                {"type": "text", "text": "Two files:\n\n- `a`\n- `b`", "time": {"start": 1, "end": 2}}])
            ),
        ])));
    }

    #[test]
    fn no_tool_ends_its_fence_and_long_outputs_are_cut_with_a_word() {
        let output = format!("`````\n# You\n{}", "x".repeat(limits::EXPORT_TOOL_CHARS));
        let tool = json!({"type": "tool", "callID": "c", "tool": "bash", "state": {"status": "completed",
            "input": {}, "title": "", "output": output, "metadata": {}, "time": {"start": 1, "end": 2}}});
        let text = document(&json!([message("msg_1", "assistant", None, json!([tool]))]));
        assert!(text.contains("\n``````\n`````\n# You\n"), "{text}");
        assert!(
            text.ends_with("\n*… and 12 more characters.*\n"),
            "{}",
            &text[text.len() - 60..]
        );
    }
}
