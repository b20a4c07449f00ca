//! Statements that call tools, with the argument shapes OpenCode's own tools take.

use serde_json::{Value, json};

use super::{Arguments, ToolCall, parse};

const TOOLS: [&str; 12] = [
    "bash",
    "permission",
    "write",
    "edit",
    "read",
    "glob",
    "grep",
    "todo",
    "question",
    "task",
    "tool",
    "par",
];

/// The command that an OpenCode configured for scripts asks about.
const ASKING_COMMAND: &str = "echo needs-permission";

/// How the verb `permission` describes its command.
const ASKING_DESCRIPTION: &str = "Needs permission";

/// Whether a command needs permission: that of the configured rule, whatever the verb `permission` runs, and every push.
pub(crate) fn is_asking(command: &str, description: &str) -> bool {
    command.starts_with(ASKING_COMMAND)
        || command.starts_with("git push")
        || description == ASKING_DESCRIPTION
}

pub(super) fn is_tool(verb: &str) -> bool {
    TOOLS.contains(&verb)
}

/// The tool calls of one statement.
pub(super) fn calls(source: &str) -> Vec<ToolCall> {
    let (verb, rest) = parse::verb(source);
    match verb {
        "par" => parse::braces(rest).into_iter().flat_map(calls).collect(),
        "tool" => any(rest),
        "bash" => vec![call("bash", bash(rest, &format!("Run {rest}")))],
        "permission" => {
            let command = if rest.is_empty() {
                ASKING_COMMAND
            } else {
                rest
            };
            vec![call("bash", bash(command, ASKING_DESCRIPTION))]
        }
        "write" => vec![write(rest)],
        "edit" => vec![edit(rest)],
        "read" => vec![call("read", json!({ "filePath": rest }))],
        "glob" | "grep" => vec![call(verb, json!({ "pattern": rest }))],
        "todo" => vec![todo(rest)],
        "question" => vec![question(rest)],
        "task" => vec![task(rest)],
        _ => Vec::new(),
    }
}

fn call(name: &str, arguments: Value) -> ToolCall {
    ToolCall {
        name: name.to_owned(),
        arguments: Arguments::Json(arguments),
    }
}

fn bash(command: &str, description: &str) -> Value {
    json!({ "command": command, "description": description })
}

fn any(rest: &str) -> Vec<ToolCall> {
    let (name, body) = parse::verb(rest);
    match name {
        "task" => calls(&format!(
            "task {}",
            or(
                body,
                "{ echo 15 ;; bash echo from-child ;; say child finished }"
            )
        )),
        "bash" if !body.starts_with('{') => {
            calls(&format!("bash {}", or(body, "echo hello-from-bash")))
        }
        _ => vec![ToolCall {
            name: name.to_owned(),
            arguments: serde_json::from_str(or(body, "{}"))
                .map_or_else(|_| Arguments::Malformed(body.to_owned()), Arguments::Json),
        }],
    }
}

fn write(rest: &str) -> ToolCall {
    let (path, text) = parse::verb(rest);
    let content = format!("{}\n", or(text, "hello").replace("\\n", "\n"));
    call(
        "write",
        json!({ "filePath": or(path, "notes.txt"), "content": content }),
    )
}

fn edit(rest: &str) -> ToolCall {
    if rest.is_empty() {
        return write("notes.txt line one\\nline two");
    }
    let (path, change) = parse::verb(rest);
    let (old, new) = change.split_once("=>").unwrap_or((change, ""));
    call(
        "edit",
        json!({ "filePath": path, "oldString": old.trim(), "newString": new.trim() }),
    )
}

/// A todo list with these items, separated by commas: completed with `+` before them, in progress with `>`, pending with `-`. Without any
/// mark the first is in progress.
pub(crate) fn todo(rest: &str) -> ToolCall {
    let todos: Vec<Value> = or(rest, "first, second, third")
        .split(',')
        .enumerate()
        .map(|(index, item)| {
            let item = item.trim();
            let marked = [("+", "completed"), (">", "in_progress"), ("-", "pending")];
            let marked = marked.iter().find_map(|(mark, status)| {
                let content = item.strip_prefix(mark)?;
                Some((content.trim(), *status))
            });
            let first = if index == 0 { "in_progress" } else { "pending" };
            let (content, status) = marked.unwrap_or((item, first));
            json!({
                "id": (index + 1).to_string(),
                "content": content,
                "priority": "medium",
                "status": status,
            })
        })
        .collect();
    call("todowrite", json!({ "todos": todos }))
}

fn question(rest: &str) -> ToolCall {
    call(
        "question",
        json!({ "questions": [{
            "question": or(rest, "Which colour?"),
            "header": "Colour",
            "options": [
                { "label": "Red", "description": "like fire" },
                { "label": "Blue", "description": "like sky" },
            ],
        }] }),
    )
}

fn task(rest: &str) -> ToolCall {
    let prompt = parse::braces(rest)
        .first()
        .copied()
        .unwrap_or(or(rest, "echo 10"));
    let is_script = super::Script::find(prompt).is_some();
    let description = if is_script {
        "Scripted subtask".to_owned()
    } else {
        let words: Vec<_> = prompt.split_whitespace().take(8).collect();
        words.join(" ").trim_end_matches(['.', ',']).to_owned()
    };
    call(
        "task",
        json!({ "description": description, "prompt": prompt, "subagent_type": "general" }),
    )
}

fn or<'a>(text: &'a str, default: &'a str) -> &'a str {
    if text.is_empty() { default } else { text }
}
