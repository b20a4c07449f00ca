//! Parts of OpenCode 2's messages. Events and REST make the same ones: their ids are made of what both name, and their JSON has the
//! shape of version 1, as has what the hub's API tells of any server.

use std::fmt::Display;
use std::sync::Arc;

use model::facts::described;
use model::ids::{MessageId, PartId, SessionId};
use model::json::Json;
use model::state as ours;
use model::state::Place;
use model::time::Timestamp;
use opencode::json::Raw;
use opencode::wire::{FileInfo, Millis};
use opencode::wire2::{self, Prompt, ToolContent};
use serde_json::Value;

use super::bounds;
use crate::{limits, picture};

pub(super) fn time(millis: Millis) -> Timestamp {
    Timestamp(millis.0)
}

pub(super) fn session_id(id: &wire2::SessionId) -> SessionId {
    SessionId::new(id.as_str())
}

pub(super) fn message_id(id: &wire2::MessageId) -> MessageId {
    MessageId::new(id.as_str())
}

pub(super) fn json(raw: &Raw) -> Json {
    Json::parse(raw.get().to_owned()).unwrap_or_else(|_| Json::null())
}

/// The message whose parts are made.
#[derive(Clone, Debug)]
pub(super) struct Home {
    pub(super) session: SessionId,
    pub(super) message: MessageId,
}

impl Home {
    pub(super) fn new(session: &wire2::SessionId, message: &str) -> Self {
        Self {
            session: session_id(session),
            message: MessageId::new(message),
        }
    }

    /// The id of a part by its name, which is unique in its message.
    pub(super) fn part_id(&self, name: impl Display) -> PartId {
        PartId::new(format!("{}.{name}", self.message))
    }

    fn part(
        &self,
        name: impl Display,
        place: Place,
        kind: ours::PartKind,
        metadata: Option<&Json>,
    ) -> ours::Part {
        self.part_with(name, place, kind, (metadata, &[]))
    }

    /// A part with what its tool says of itself, and the addresses of its files.
    fn part_with(
        &self,
        name: impl Display,
        place: Place,
        kind: ours::PartKind,
        (metadata, addresses): (Option<&Json>, &[String]),
    ) -> ours::Part {
        let part = ours::Part {
            id: self.part_id(name),
            message: self.message.clone(),
            session: self.session.clone(),
            place,
            kind,
            raw: Json::null(),
        };
        let raw = described::part(&part, metadata, addresses);
        ours::Part { raw, ..part }
    }

    /// The id of a text or a reasoning.
    pub(super) fn text_id(&self, kind: wire2::TextKind, ordinal: u32) -> PartId {
        self.part_id(text_name(kind, ordinal))
    }

    /// An answer.
    pub(super) fn text(&self, ordinal: u32, text: &str, ended: bool, place: Place) -> ours::Part {
        let kind = ours::PartKind::Text {
            text: text.into(),
            synthetic: false,
            ignored: false,
            ended,
        };
        self.part(text_name(wire2::TextKind::Text, ordinal), place, kind, None)
    }

    /// Thinking.
    pub(super) fn reasoning(
        &self,
        ordinal: u32,
        text: &str,
        (started, ended): (Option<Timestamp>, Option<Timestamp>),
        place: Place,
    ) -> ours::Part {
        let kind = ours::PartKind::Reasoning {
            text: text.into(),
            started,
            ended,
        };
        let name = text_name(wire2::TextKind::Reasoning, ordinal);
        self.part(name, place, kind, None)
    }

    /// A call of a tool.
    pub(super) fn tool(&self, called: &Called, place: Place) -> ours::Part {
        let name = format!("call.{}", called.tool.call);
        let kind = ours::PartKind::Tool(called.tool.clone());
        let more = (called.metadata.as_ref(), &*called.addresses);
        self.part_with(name, place, kind, more)
    }

    /// A text that nobody typed.
    pub(super) fn note(&self, text: &str) -> Vec<ours::Part> {
        let kind = ours::PartKind::Text {
            text: text.into(),
            synthetic: true,
            ignored: false,
            ended: true,
        };
        vec![self.part("text.0", Place::At(0), kind, None)]
    }

    /// A piece of a kind that this version does not know.
    pub(super) fn other(&self, at: u32, kind: &str) -> ours::Part {
        let kind = ours::PartKind::Other(bounds::words(kind));
        self.part(format_args!("other.{at}"), Place::At(at), kind, None)
    }

    /// What a person sent.
    pub(super) fn prompt(&self, prompt: &Prompt) -> Vec<ours::Part> {
        let text = ours::PartKind::Text {
            text: prompt.text.as_str().into(),
            synthetic: false,
            ignored: false,
            ended: true,
        };
        let files = prompt.files.iter().map(|one| {
            let address = match one.data.as_str() {
                "" => String::new(),
                data => format!("data:{};base64,{data}", one.mime),
            };
            let (file, address) = file(one.name.as_deref(), &one.mime, address);
            (ours::PartKind::File(file), vec![address])
        });
        let agents = prompt.agents.iter().map(|agent| {
            let name = bounds::words(&agent.name);
            (ours::PartKind::Agent { name }, Vec::new())
        });
        let text = (!prompt.text.is_empty()).then_some((text, Vec::new()));
        let kinds = text.into_iter().chain(files).chain(agents);
        let parts = kinds.take(limits::PROMPT_PARTS_2).zip(0..);
        let parts = parts.map(|((kind, addresses), at)| {
            let name = format_args!("part.{at}");
            self.part_with(name, Place::At(at), kind, (None, &addresses))
        });
        parts.collect()
    }
}

/// A file, with its type from its first bytes, and its address again.
fn file(name: Option<&str>, mime: &str, address: String) -> (ours::File, String) {
    let info = FileInfo {
        mime: mime.to_owned(),
        filename: name.map(str::to_owned),
        url: address,
    };
    let file = ours::File {
        name: bounds::words(info.name()),
        mime: bounds::words(mime),
        bytes: info.size(),
        picture: picture::of(&info).map(|(_, picture)| picture),
    };
    (file, info.url)
}

fn text_name(kind: wire2::TextKind, ordinal: u32) -> String {
    match kind {
        wire2::TextKind::Text => format!("text.{ordinal}"),
        wire2::TextKind::Reasoning => format!("reasoning.{ordinal}"),
    }
}

/// A call, with what its tool says of itself.
#[derive(Clone, Debug)]
pub(super) struct Called {
    pub(super) tool: ours::Tool,
    metadata: Option<Json>,
    /// Addresses of the files in `tool`.
    addresses: Vec<String>,
}

impl Called {
    /// A call whose input is being written.
    pub(super) fn new(call: &str, name: &str) -> Self {
        // Pages, filters and texts know tools by version 1's names.
        let name = match name {
            "shell" => "bash",
            "subagent" => "task",
            name => name,
        };
        let tool = ours::Tool {
            name: bounds::words(name),
            call: call.into(),
            state: ours::ToolState::Pending,
            input: Json::null(),
            title: None,
            diff: None,
            files: Vec::new(),
            child: None,
            end: None,
            started: None,
            ended: None,
        };
        Self {
            tool,
            metadata: None,
            addresses: Vec::new(),
        }
    }

    /// It runs.
    pub(super) fn runs(&mut self, input: &Raw, at: Option<Timestamp>) {
        self.tool.input = renamed(&self.tool.name, input);
        self.tool.started = at;
        self.tool.state = ours::ToolState::Running { output: "".into() };
    }

    /// What it says of itself while it runs.
    pub(super) fn says(&mut self, metadata: Option<&Raw>) {
        let Some(metadata) = metadata else { return };
        let reported: Value = serde_json::from_str(metadata.get()).unwrap_or_default();
        if let Some(child) = reported["sessionID"]
            .as_str()
            .filter(|id| bounds::is_id(id))
        {
            self.tool.child = Some(SessionId::new(child));
        }
        if let (ours::ToolState::Running { output }, Some(text)) =
            (&mut self.tool.state, reported["output"].as_str())
        {
            *output = text.into();
        }
        self.metadata = reported
            .as_object()
            .filter(|reported| !reported.is_empty())
            .map(|_| json(metadata));
    }

    /// It ended, with what it says of itself at last.
    fn ends(&mut self, metadata: Option<&Raw>, at: Option<Timestamp>) {
        self.says(metadata);
        if metadata.is_none() {
            self.metadata = None;
        }
        // An input that was no JSON is none.
        if self.tool.state == ours::ToolState::Pending {
            self.tool.input = Json::of(&serde_json::json!({}));
        }
        self.tool.ended = at;
    }

    /// It gave a result.
    pub(super) fn succeeds(
        &mut self,
        content: &[ToolContent],
        metadata: Option<&Raw>,
        at: Option<Timestamp>,
    ) {
        self.ends(metadata, at);
        let reported =
            metadata.and_then(|reported| serde_json::from_str::<Value>(reported.get()).ok());
        let reported = reported.unwrap_or_default();
        self.tool.end = reported["exit"].as_i64().map(ours::ToolEnd::Exit);
        self.tool.diff = diff(&reported);
        (self.tool.files, self.addresses) = files(content);
        let output = texts(content).into();
        self.tool.state = ours::ToolState::Completed { output };
    }

    /// It failed.
    pub(super) fn fails(
        &mut self,
        error: &wire2::Failure,
        content: &[ToolContent],
        metadata: Option<&Raw>,
        at: Option<Timestamp>,
    ) {
        self.ends(metadata, at);
        self.tool.end = match error.kind.as_str() {
            "aborted" => Some(ours::ToolEnd::Stopped),
            "permission.rejected" => {
                Some(ours::ToolEnd::Rejected(Some(bounds::words(&error.message))))
            }
            _ => None,
        };
        (self.tool.files, self.addresses) = files(content);
        let before = texts(content);
        let error = match before.is_empty() {
            true => error.message.clone(),
            false => format!("{before}\n{}", error.message),
        };
        let error = error.into();
        self.tool.state = ours::ToolState::Error { error };
    }

    /// A call as REST has it.
    pub(super) fn read(read: &wire2::Tool) -> Self {
        use wire2::ToolState as W;
        let mut called = Self::new(read.id.as_str(), &read.name);
        let (ran, completed) = (read.ran.map(time), read.completed.map(time));
        match &read.state {
            W::Streaming { .. } | W::Other(_) => {}
            W::Running { input, metadata } => {
                called.runs(input, ran);
                called.says(metadata.as_ref());
            }
            W::Completed {
                input,
                content,
                metadata,
            } => {
                called.runs(input, ran);
                called.succeeds(content, metadata.as_ref(), completed);
            }
            W::Failed {
                input,
                error,
                content,
                metadata,
            } => {
                called.runs(input, ran);
                called.fails(error, content, metadata.as_ref(), completed);
            }
        }
        called
    }
}

/// The arguments of a call, those of known tools by the names that version 1 has for them. Values stay as they are.
fn renamed(tool: &str, input: &Raw) -> Json {
    let (from, to) = match tool {
        "read" | "write" | "edit" => ("path", "filePath"),
        "task" => ("agent", "subagent_type"),
        _ => return json(input),
    };
    let Ok(Value::Object(mut fields)) = serde_json::from_str(input.get()) else {
        return json(input);
    };
    if !fields.contains_key(to)
        && let Some(value) = fields.remove(from)
    {
        fields.insert(to.to_owned(), value);
    }
    Json::of(&Value::Object(fields))
}

fn texts(content: &[ToolContent]) -> String {
    let texts = content.iter().filter_map(|piece| match piece {
        ToolContent::Text(text) => Some(text.as_str()),
        ToolContent::File { .. } | ToolContent::Other(_) => None,
    });
    texts.collect::<Vec<_>>().join("\n")
}

/// The files of a result, and their addresses.
fn files(content: &[ToolContent]) -> (Vec<ours::File>, Vec<String>) {
    let files = content.iter().filter_map(|piece| match piece {
        ToolContent::File { uri, mime, name } => Some(file(name.as_deref(), mime, uri.clone())),
        ToolContent::Text(_) | ToolContent::Other(_) => None,
    });
    files.take(limits::PROMPT_PARTS_2).unzip()
}

/// The diff of what a call changed, unless it is too long.
fn diff(reported: &Value) -> Option<Arc<str>> {
    let whole = reported["diff"].as_str().map(str::to_owned);
    let patches = || {
        let files = reported["files"].as_array()?.iter();
        let patches = files.filter_map(|file| file["patch"].as_str());
        Some(patches.collect::<Vec<_>>().join("\n"))
    };
    let diff = whole.or_else(patches)?;
    let fits = !diff.is_empty() && diff.len() <= limits::TOOL_DIFF_BYTES;
    fits.then(|| diff.into())
}
