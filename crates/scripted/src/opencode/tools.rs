//! Tools as they look from outside: pending, running, done. Acted, every one: no command runs, no file is
//! touched, whatever the script says.

use serde_json::{Value, json};
use tokio::sync::oneshot;

use super::acting::{self, Acted};
use super::asks::PersonReply;
use super::shared::Handle;
use super::world::{Prompt, World};
use super::{run, shapes};
use crate::limits;
use crate::script::{Arguments, ToolCall};

/// Where a tool is called.
pub(super) struct Context<'a> {
    pub(super) shared: &'a Handle,
    pub(super) session: &'a str,
    pub(super) message: &'a str,
}

/// How a tool ended, as far as the turn cares.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ToolOutcome {
    /// The model goes on.
    Done,
    /// A person rejected it without a message: the turn ends.
    Rejected,
}

/// A tool that was called and is to be played.
pub(super) struct Act {
    part: String,
    call: String,
    tool: String,
    input: Value,
    start: u64,
    play: Play,
}

/// What is left to do for a tool.
enum Play {
    Command(String),
    Asked(String, oneshot::Receiver<PersonReply>),
    Question(oneshot::Receiver<PersonReply>),
    Task(String),
    Acted(Acted),
    Fail(String),
}

/// Calls a tool: it is pending, and then running or waiting for a person.
pub(super) fn start(context: &Context<'_>, call: &ToolCall) -> Act {
    context.shared.with(|world| {
        let (part, id) = (world.new_id("prt"), world.new_id("call"));
        let input = match &call.arguments {
            Arguments::Json(input) => input.clone(),
            Arguments::Malformed(_) => json!({}),
        };
        let mut act = Act {
            part,
            call: id,
            tool: call.name.clone(),
            input,
            start: world.now(),
            play: Play::Fail(String::new()),
        };
        act.put(context, world, shapes::pending());
        act.play = act.begin(context, world, &call.arguments);
        act.put_running(context, world, &Value::Null);
        act
    })
}

impl Act {
    fn begin(&self, context: &Context<'_>, world: &mut World, arguments: &Arguments) -> Play {
        if let Arguments::Malformed(text) = arguments {
            return Play::Fail(format!("The arguments are not JSON: {text}"));
        }
        let input = &self.input;
        match self.tool.as_str() {
            "bash" => {
                let command = input["command"].as_str().unwrap_or_default().to_owned();
                let description = input["description"].as_str().unwrap_or_default();
                if world.must_ask(&command, description) {
                    let answer = world.ask_permission(
                        context.session,
                        context.message,
                        &self.call,
                        &command,
                    );
                    Play::Asked(command, answer)
                } else {
                    Play::Command(command)
                }
            }
            "question" => {
                let questions = &input["questions"];
                Play::Question(world.ask_question(
                    context.session,
                    context.message,
                    &self.call,
                    questions,
                ))
            }
            "task" => begin_task(context.session, world, input),
            "todowrite" => {
                let todos = acting::todos(input);
                if let Some(session) = world.sessions.get_mut(context.session) {
                    session.todos = todos.clone();
                }
                let properties = json!({ "sessionID": context.session, "todos": todos });
                world.tell("todo.updated", context.session, false, &properties);
                Play::Acted(acting::todo(&todos))
            }
            tool => acting::file_tool(tool, input).map_or_else(
                || Play::Fail(format!("Model tried to call unavailable tool '{tool}'.")),
                Play::Acted,
            ),
        }
    }

    /// Plays the tool to its end.
    pub(super) async fn play(mut self, context: &Context<'_>) -> ToolOutcome {
        match std::mem::replace(&mut self.play, Play::Fail(String::new())) {
            Play::Command(command) => self.command(context, &command).await,
            Play::Asked(command, answer) => match answer.await {
                Ok(PersonReply::Allowed) => {
                    context
                        .shared
                        .with(|world| self.put_running(context, world, &Value::Null));
                    self.command(context, &command).await
                }
                Ok(PersonReply::Rejected(Some(message))) => {
                    let error =
                        format!("The user rejected permission to use this tool with: {message}");
                    self.fail(context, &error, ToolOutcome::Done)
                }
                _ => self.fail(
                    context,
                    "The user rejected permission to use this tool.",
                    ToolOutcome::Rejected,
                ),
            },
            Play::Question(answer) => match answer.await {
                Ok(PersonReply::Chosen(answers)) => self.complete(
                    context,
                    &acting::answered(&self.input["questions"], &answers),
                ),
                _ => self.fail(
                    context,
                    "The user dismissed this question",
                    ToolOutcome::Rejected,
                ),
            },
            Play::Task(child) => {
                run::child(context.shared, &child).await;
                let result = context
                    .shared
                    .with(|world| acting::last_text(world, &child));
                let acted = acting::task(
                    &child,
                    &result,
                    &self.task_metadata(context.session, &child),
                );
                self.complete(context, &acted)
            }
            Play::Acted(acted) => {
                context
                    .shared
                    .with(|world| tell_edited(world, context.session, &acted));
                self.complete(context, &acted)
            }
            Play::Fail(error) => self.fail(context, &error, ToolOutcome::Done),
        }
    }

    async fn command(&self, context: &Context<'_>, command: &str) -> ToolOutcome {
        let mut output = String::new();
        let mut exit = 0;
        self.grow(context, &output);
        for act in acting::command(command) {
            match act {
                acting::Line::Print(line) => {
                    let room = limits::TOOL_OUTPUT_BYTES.saturating_sub(output.len());
                    output.push_str(&line[..line.floor_char_boundary(room)]);
                    self.grow(context, &output);
                }
                acting::Line::Sleep(pause) => tokio::time::sleep(pause).await,
                acting::Line::Exit(code) => exit = code,
            }
        }
        let truncated = output.len() >= limits::TOOL_OUTPUT_BYTES;
        let metadata = json!({ "output": output, "exit": exit, "truncated": truncated });
        self.complete(
            context,
            &Acted {
                title: command.to_owned(),
                output,
                metadata,
                edited: None,
            },
        )
    }

    fn grow(&self, context: &Context<'_>, output: &str) {
        let metadata = json!({ "output": output });
        context
            .shared
            .with(|world| self.put_running(context, world, &metadata));
    }

    fn put_running(&self, context: &Context<'_>, world: &mut World, metadata: &Value) {
        let mut state = shapes::running(&self.input, self.start);
        if !metadata.is_null() {
            state["metadata"] = metadata.clone();
        }
        if let Play::Task(child) = &self.play {
            state["title"] = self.input["description"].clone();
            state["metadata"] = self.task_metadata(context.session, child);
        }
        self.put(context, world, state);
    }

    fn task_metadata(&self, parent: &str, child: &str) -> Value {
        json!({
            "parentSessionId": parent, "sessionId": child,
            "model": { "modelID": shapes::MODEL, "providerID": shapes::PROVIDER },
        })
    }

    fn complete(&self, context: &Context<'_>, acted: &Acted) -> ToolOutcome {
        context.shared.with(|world| {
            let end = world.now();
            let Acted {
                title,
                output,
                metadata,
                ..
            } = acted;
            self.put(
                context,
                world,
                shapes::completed(&self.input, title, output, metadata, self.start, end),
            );
        });
        ToolOutcome::Done
    }

    fn fail(&self, context: &Context<'_>, error: &str, end: ToolOutcome) -> ToolOutcome {
        context.shared.with(|world| {
            let now = world.now();
            self.put(
                context,
                world,
                shapes::failed(&self.input, error, self.start, now),
            );
        });
        end
    }

    fn put(&self, context: &Context<'_>, world: &mut World, state: Value) {
        let part = json!({
            "id": self.part, "messageID": context.message, "sessionID": context.session, "type": "tool",
            "tool": self.tool, "callID": self.call, "state": state,
        });
        world.put_part(context.session, part);
    }
}

/// Makes the subagent's session and gives it its prompt.
fn begin_task(parent: &str, world: &mut World, input: &Value) -> Play {
    if world.depth(parent) >= limits::TASK_DEPTH {
        return Play::Fail("Tasks are nested too deep.".to_owned());
    }
    let text = |key: &str| input[key].as_str().unwrap_or_default().to_owned();
    let agent = text("subagent_type");
    let title = format!("{} (@{agent} subagent)", text("description"));
    let directory = world
        .sessions
        .get(parent)
        .map(|session| session.directory.to_string());
    let prompt = Prompt {
        text: text("prompt"),
        agent: Some(agent),
        ..Prompt::default()
    };
    let made = world
        .create(&directory.unwrap_or_default(), Some(&title), Some(parent))
        .and_then(|child| world.accept(&child, prompt).map(|()| child));
    match made {
        Ok(child) => {
            if let Some(session) = world.sessions.get_mut(&child) {
                session.running = true;
            }
            Play::Task(child)
        }
        Err(refusal) => Play::Fail(refusal.to_string()),
    }
}

fn tell_edited(world: &mut World, session: &str, acted: &Acted) {
    if let Some(file) = &acted.edited {
        world.tell("file.edited", session, false, &json!({ "file": file }));
        world.tell(
            "file.watcher.updated",
            session,
            false,
            &json!({ "file": file, "event": "change" }),
        );
    }
}
