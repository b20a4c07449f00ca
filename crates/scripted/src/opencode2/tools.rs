//! Calls of tools. Acted, every one: no command runs, no file is touched, whatever a script says.

use serde_json::{Value, json};

use super::machine::World;
use super::run::{Act, Boundary, Run};
use crate::limits;
use crate::script::{Arguments, ToolCall, is_asking, seconds};

/// A call of a step.
#[derive(Debug, Clone)]
pub(super) struct Call {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) input: Value,
    /// Whether its input is no JSON.
    malformed: bool,
    pub(super) done: bool,
    /// What it says of itself.
    metadata: Value,
}

impl Call {
    /// What a command does once it may.
    pub(super) fn command_acts(&self, at: usize) -> Vec<Act> {
        let command = self.input["command"].as_str().unwrap_or_default();
        let (mut acts, mut output) = (Vec::new(), String::new());
        let metadata = json!({ "shellID": format!("sh_{}", self.id) });
        acts.push(Act::Progress(at, metadata));
        for one in command.split([';', '&']).map(str::trim) {
            if let Some(text) = one.strip_prefix("echo ") {
                output.push_str(text);
                output.push('\n');
            } else if let Some(pause) = one.strip_prefix("sleep ").and_then(pause) {
                acts.push(Act::Pause(pause));
            } else if let Some(pause) = one.strip_prefix("./check ").and_then(pause) {
                // The tests of the demo's projects.
                output.push_str("running 12 tests\n12 passed\n");
                acts.push(Act::Pause(pause));
            } else if !one.is_empty() {
                output.push_str(&format!("$ {one}\n"));
            }
        }
        output.truncate(output.floor_char_boundary(limits::TOOL_OUTPUT_BYTES));
        acts.push(Act::Done(at, output));
        acts
    }
}

fn pause(text: &str) -> Option<u64> {
    u64::try_from(seconds(text, 0.0).as_millis()).ok()
}

/// A call as version 2's tools take it: names and fields are others than version 1's.
fn translated(call: &ToolCall) -> (String, Value, bool) {
    let name = match call.name.as_str() {
        "bash" => "shell",
        "task" => "subagent",
        name => name,
    };
    let Arguments::Json(input) = &call.arguments else {
        return (name.to_owned(), json!({}), true);
    };
    let mut input = input.clone();
    if let Some(fields) = input.as_object_mut() {
        if let Some(path) = fields.remove("filePath") {
            fields.insert("path".to_owned(), path);
        }
        if let Some(agent) = fields.remove("subagent_type") {
            fields.insert("agent".to_owned(), agent);
        }
    }
    (name.to_owned(), input, false)
}

impl World<'_> {
    /// Writes the inputs of calls, and begins those whose input is JSON.
    pub(super) fn call(&mut self, id: &str, run: &mut Run, calls: &[ToolCall]) {
        for call in calls {
            let (name, input, malformed) = translated(call);
            let call_id = self.machine.id("call");
            let text = match malformed {
                true => call.arguments.to_wire(),
                false => input.to_string(),
            };
            let of = |mut data: Value| {
                data["assistantMessageID"] = json!(run.message);
                data["id"] = call_id.as_str().into();
                data
            };
            self.commit(
                id,
                "session.tool.input.started",
                of(json!({ "name": name })),
            );
            self.commit(id, "session.tool.input.ended", of(json!({ "text": text })));
            if !malformed {
                let data = of(json!({ "input": input, "executed": false }));
                self.commit(id, "session.tool.called", data);
            }
            run.calls.push(Call {
                id: call_id,
                name,
                input,
                malformed,
                done: false,
                metadata: Value::Null,
            });
        }
    }

    /// Begins a call. True if it waits for somebody.
    pub(super) fn begin_tool(&mut self, id: &str, run: &mut Run, at: usize) -> bool {
        let Some(call) = run.calls.get(at).cloned() else {
            return false;
        };
        let message = run.message.clone().unwrap_or_default();
        let input = &call.input;
        if call.malformed {
            let reason = "the input is not JSON".to_owned();
            run.first(vec![Act::Failed(at, "tool.input-json", reason)]);
            return false;
        }
        match call.name.as_str() {
            "shell" => {
                let command = input["command"].as_str().unwrap_or_default();
                let description = input["description"].as_str().unwrap_or_default();
                let asks = is_asking(command, description);
                if asks && !self.is_saved("shell", command) {
                    let request = self.ask(id, &message, &call.id, command);
                    run.waits = Some((request, at));
                    return true;
                }
                run.first(call.command_acts(at));
            }
            "question" | "form" => {
                let (title, fields) = match call.name.as_str() {
                    "form" => (
                        input["title"].as_str().unwrap_or("Form"),
                        input["fields"].clone(),
                    ),
                    _ => ("Question", fields(&input["questions"])),
                };
                let tool = json!({ "messageID": message, "id": call.id });
                let metadata = json!({ "kind": "question", "tool": tool });
                let directory = self.store.sessions.get(id);
                let directory = directory.map_or(String::new(), |one| one.directory().to_owned());
                let form = self.make_form(id, &directory, title, fields, metadata);
                run.waits = Some((form, at));
                return true;
            }
            "subagent" => return self.begin_child(id, run, at, input),
            "read" | "write" | "edit" | "patch" | "glob" | "grep" | "webfetch" | "websearch" => {
                let what = ["path", "pattern", "url"]
                    .iter()
                    .find_map(|field| input[*field].as_str());
                let text = format!("{} {}", call.name, what.unwrap_or("done"));
                run.first(vec![Act::Done(at, text)]);
            }
            name => {
                let reason = format!("there is no tool `{name}`");
                run.first(vec![Act::Failed(at, "tool.execution", reason)]);
            }
        }
        false
    }

    fn begin_child(&mut self, id: &str, run: &mut Run, at: usize, input: &Value) -> bool {
        let parent = |id: &String| {
            let session = self.store.sessions.get(id)?;
            Some(session.text("parentID").to_owned()).filter(|parent| !parent.is_empty())
        };
        let depth = std::iter::successors(Some(id.to_owned()), parent).take(limits::TASK_DEPTH + 1);
        if depth.count() > limits::TASK_DEPTH {
            let reason = "subagents are too deep".to_owned();
            run.first(vec![Act::Failed(at, "tool.execution", reason)]);
            return false;
        }
        let body = json!({
            "parentID": id, "title": input["description"], "agent": input["agent"].as_str().unwrap_or("general"),
        });
        let child = self.create(&body).and_then(|child| {
            let payload = json!({ "text": input["prompt"].as_str().unwrap_or_default() });
            self.admit(&child, None, "user", payload, "steer")
                .map(|_| child)
        });
        let Ok(child) = child else {
            let reason = "there is no room for a subagent".to_owned();
            run.first(vec![Act::Failed(at, "tool.execution", reason)]);
            return false;
        };
        self.progress(
            id,
            run,
            at,
            json!({ "sessionID": child, "status": "running" }),
        );
        self.wake_for(&child, Boundary::Any, Some(id.to_owned()));
        run.waits = Some((child, at));
        true
    }

    pub(super) fn progress(&mut self, id: &str, run: &mut Run, at: usize, metadata: Value) {
        if let Some(call) = run.calls.get_mut(at) {
            call.metadata = metadata.clone();
            let data = json!({
                "assistantMessageID": run.message, "id": call.id, "metadata": metadata,
            });
            self.emit(id, "session.tool.progress", data);
        }
    }

    pub(super) fn tool_done(&mut self, id: &str, run: &mut Run, at: usize, text: &str) {
        let message = run.message.clone();
        let Some(call) = run.calls.get_mut(at).filter(|call| !call.done) else {
            return;
        };
        call.done = true;
        let mut data = json!({
            "assistantMessageID": message, "id": call.id, "content": [{ "type": "text", "text": text }],
            "executed": false,
        });
        if call.metadata.is_object() {
            data["metadata"] = call.metadata.take();
        }
        if call.name == "subagent" {
            data["metadata"]["status"] = "completed".into();
        }
        self.commit(id, "session.tool.success", data);
    }

    pub(super) fn tool_failed(
        &mut self,
        id: &str,
        run: &mut Run,
        at: usize,
        kind: &str,
        reason: &str,
    ) {
        let message = run.message.clone();
        let Some(call) = run.calls.get_mut(at).filter(|call| !call.done) else {
            return;
        };
        call.done = true;
        let data = json!({
            "assistantMessageID": message, "id": call.id, "error": { "type": kind, "message": reason },
            "executed": false,
        });
        self.commit(id, "session.tool.failed", data);
    }
}

/// The fields of a form that asks questions.
fn fields(questions: &Value) -> Value {
    let questions = questions.as_array().into_iter().flatten();
    let fields = questions.enumerate().map(|(at, question)| {
        let options = question["options"].as_array().into_iter().flatten().map(|option| {
            json!({
                "value": option["label"], "label": option["label"],
                "description": option["description"].as_str().unwrap_or_default(),
            })
        });
        let kind = match question["multiple"] == true {
            true => "multiselect",
            false => "string",
        };
        json!({
            "key": format!("q{at}"), "type": kind, "title": question["header"].as_str().unwrap_or_default(),
            "description": question["question"].as_str().unwrap_or_default(), "required": true,
            "options": options.collect::<Value>(), "custom": true,
        })
    });
    fields.collect()
}
