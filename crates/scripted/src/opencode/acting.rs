//! Outputs that tools would have. Pure: strings in, strings out.

use std::time::Duration;

use serde_json::{Value, json};

use super::world::World;
use crate::limits;

/// The result of a tool.
pub(super) struct Acted {
    pub(super) title: String,
    pub(super) output: String,
    pub(super) metadata: Value,
    /// The file it would have changed.
    pub(super) edited: Option<String>,
}

/// One thing an acted command does.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Line {
    Print(String),
    Sleep(Duration),
    Exit(i64),
}

/// Acts a shell command: `echo`, `seq`, `sleep`, `true`, `false`, `exit`, `./check SECONDS` (the
/// demo's tests), and sequences of them.
/// Anything else prints that it was not run.
pub(super) fn command(source: &str) -> Vec<Line> {
    if source.starts_with("for ") || source.contains('$') || source.contains('|') {
        return vec![not_run(source)];
    }
    let mut lines = Vec::new();
    for part in source
        .split("&&")
        .flat_map(|part| part.split(';'))
        .map(str::trim)
    {
        let (verb, rest) = part.split_once(' ').unwrap_or((part, ""));
        match verb {
            "" | "true" => {}
            "echo" => lines.push(Line::Print(format!("{}\n", unquoted(rest)))),
            "seq" => lines.extend(seq(rest)),
            "sleep" => lines.push(Line::Sleep(crate::script::seconds(rest, 0.0))),
            "./check" => {
                lines.push(Line::Print("running 12 tests\n".to_owned()));
                lines.push(Line::Sleep(crate::script::seconds(rest, 0.0)));
                lines.push(Line::Print("12 passed\n".to_owned()));
            }
            "false" => lines.push(Line::Exit(1)),
            "exit" => lines.push(Line::Exit(rest.trim().parse().unwrap_or(0))),
            _ => lines.push(not_run(part)),
        }
    }
    lines
}

fn not_run(part: &str) -> Line {
    Line::Print(format!("(scripted, not run) {part}\n"))
}

fn unquoted(text: &str) -> &str {
    let text = text.trim();
    let inner = |quote| {
        text.strip_prefix(quote)
            .and_then(|text| text.strip_suffix(quote))
    };
    inner('\'').or_else(|| inner('"')).unwrap_or(text)
}

fn seq(rest: &str) -> Option<Line> {
    let numbers: Vec<u64> = rest
        .split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect();
    let (first, last) = match numbers[..] {
        [last] => (1, last),
        [first, last] => (first, last),
        _ => return None,
    };
    let mut output = String::new();
    for number in first..=last {
        if output.len() > limits::TOOL_OUTPUT_BYTES {
            break;
        }
        output.push_str(&format!("{number}\n"));
    }
    Some(Line::Print(output))
}

/// Acts a tool that reads or writes files; `None` for a tool nobody knows.
pub(super) fn file_tool(tool: &str, input: &Value) -> Option<Acted> {
    let path = input["filePath"].as_str().unwrap_or("notes.txt");
    let title = path.rsplit('/').next().unwrap_or(path).to_owned();
    let acted = |output: String, metadata, edited| Acted {
        title: title.clone(),
        output,
        metadata,
        edited,
    };
    Some(match tool {
        "write" => {
            let metadata =
                json!({ "diagnostics": {}, "filepath": path, "exists": false, "truncated": false });
            acted(
                "Wrote file successfully.".into(),
                metadata,
                Some(path.to_owned()),
            )
        }
        "edit" => acted(
            "Edit applied successfully.".into(),
            edit(path, input),
            Some(path.to_owned()),
        ),
        "read" => {
            let output = format!(
                "<path>{path}</path>\n<type>file</type>\n<content>\n1: scripted\n\n(End of file - total 1 lines)\n</content>"
            );
            acted(
                output,
                json!({ "preview": "scripted", "truncated": false, "loaded": [] }),
                None,
            )
        }
        "glob" | "grep" => Acted {
            title: input["pattern"].as_str().unwrap_or_default().to_owned(),
            output: "No files found".into(),
            metadata: json!({ "count": 0, "matches": 0, "truncated": false }),
            edited: None,
        },
        _ => return None,
    })
}

/// The metadata of an edit: its difference, as real servers give it.
fn edit(path: &str, input: &Value) -> Value {
    let lines = |key: &str| {
        input[key]
            .as_str()
            .unwrap_or_default()
            .lines()
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    let (old, new) = (lines("oldString"), lines("newString"));
    let mut diff = format!(
        "Index: {path}\n===================================================================\n--- {path}\n+++ {path}\n@@ -1,{} +1,{} @@\n",
        old.len(),
        new.len()
    );
    for (sign, side) in [('-', &old), ('+', &new)] {
        for line in side {
            diff.push_str(&format!("{sign}{line}\n"));
        }
    }
    let filediff =
        json!({ "file": path, "patch": diff, "additions": new.len(), "deletions": old.len() });
    json!({ "diagnostics": {}, "diff": diff, "filediff": filediff, "truncated": false })
}

/// Todos as the list shows them: without the model's ids.
pub(super) fn todos(input: &Value) -> Value {
    let items = input["todos"].as_array().into_iter().flatten();
    items
        .map(|item| json!({ "content": item["content"], "status": item["status"], "priority": item["priority"] }))
        .collect()
}

/// The result of writing todos.
pub(super) fn todo(todos: &Value) -> Acted {
    Acted {
        title: format!("{} todos", todos.as_array().map_or(0, Vec::len)),
        output: format!("{todos:#}"),
        metadata: json!({ "todos": todos, "truncated": false }),
        edited: None,
    }
}

/// The result of a question.
pub(super) fn answered(questions: &Value, answers: &Value) -> Acted {
    let questions = questions.as_array().map_or(&[][..], Vec::as_slice);
    let pairs: Vec<String> = questions
        .iter()
        .enumerate()
        .map(|(index, question)| {
            let chosen = answers[index]
                .as_array()
                .into_iter()
                .flatten()
                .filter_map(Value::as_str);
            format!(
                "{}=\"{}\"",
                question["question"],
                chosen.collect::<Vec<_>>().join(", ")
            )
        })
        .collect();
    Acted {
        title: format!(
            "Asked {} question{}",
            questions.len(),
            if questions.len() == 1 { "" } else { "s" }
        ),
        output: format!(
            "User has answered your questions: {}. You can now continue with the user's answers in mind.",
            pairs.join(", ")
        ),
        metadata: json!({ "answers": answers, "truncated": false }),
        edited: None,
    }
}

/// The result of a subagent.
pub(super) fn task(child: &str, result: &str, metadata: &Value) -> Acted {
    let mut metadata = metadata.clone();
    metadata["truncated"] = false.into();
    Acted {
        title: "Scripted subtask".into(),
        output: format!(
            "<task id=\"{child}\" state=\"completed\">\n<task_result>\n{result}\n</task_result>\n</task>"
        ),
        metadata,
        edited: None,
    }
}

/// The last text in a session.
pub(super) fn last_text(world: &World, session: &str) -> String {
    let messages = world
        .sessions
        .get(session)
        .map_or(&[][..], |session| &session.messages);
    let parts = messages
        .iter()
        .rev()
        .flat_map(|message| message.parts.iter().rev());
    let text = parts
        .filter(|part| part["type"] == "text")
        .find_map(|part| part["text"].as_str());
    text.unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    fn print(text: &str) -> Line {
        Line::Print(text.into())
    }

    #[test]
    fn commands_are_acted_never_run() {
        assert_eq!(
            command("echo 'hi'; sleep 0.5 && echo two; exit 3"),
            [
                print("hi\n"),
                Line::Sleep(Duration::from_millis(500)),
                print("two\n"),
                Line::Exit(3)
            ]
        );
        assert_eq!(command("seq 2 4"), [print("2\n3\n4\n")]);
        assert_eq!(
            command("rm -rf /"),
            [print("(scripted, not run) rm -rf /\n")]
        );
        assert_eq!(
            command("echo $HOME"),
            [print("(scripted, not run) echo $HOME\n")]
        );
    }

    #[test]
    fn seq_is_bounded() {
        let [Line::Print(output)] = &command("seq 1 99999999999")[..] else {
            panic!("one print")
        };
        assert!(output.len() < limits::TOOL_OUTPUT_BYTES + 32);
    }

    #[test]
    fn an_edit_shows_its_difference() {
        let input = json!({ "filePath": "/p/a.txt", "oldString": "two", "newString": "2\n3" });
        let acted = file_tool("edit", &input).unwrap();
        assert_eq!(acted.title, "a.txt");
        assert!(
            acted.metadata["diff"]
                .as_str()
                .unwrap()
                .ends_with("@@ -1,1 +1,2 @@\n-two\n+2\n+3\n")
        );
        assert!(file_tool("nosuch", &input).is_none());
    }
}
