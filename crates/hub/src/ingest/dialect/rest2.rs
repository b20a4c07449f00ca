//! Conversion of OpenCode 2's objects, from events and from REST. Pure, as all of the dialects.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::event::{MessagesRead, ReadPage, Snapshot};
use model::facts::described;
use model::ids::{MessageId, SessionId};
use model::json::Json;
use model::state::{
    AgentInfo, Catalog, ErrorKind, FILTER, Failure, MessageInfo, ModelInfo, ModelRef, Part,
    Permission, Place, Question, Role, RunStatus, SessionInfo, Tokens,
};
use model::time::Timestamp;
use opencode::Raw;
use opencode::client::Tolerant;
use opencode::client2::Page;
use opencode::wire2::{
    self, Assistant, Content, FormInfo, InboxEntry, InboxKind, Message, MessageKind,
    PermissionRequest,
};
use serde::Deserialize;

use super::asking2;
use super::bounds;
use super::pieces2::{Called, Home, session_id, time};
use crate::limits;

/// A session.
pub(super) fn session(info: &wire2::SessionInfo) -> SessionInfo {
    let row = SessionInfo {
        id: session_id(&info.id),
        parent: info.parent_id.as_ref().map(session_id),
        title: bounds::words(info.title.as_deref().unwrap_or_default()),
        directory: info.location.directory.as_str().into(),
        agent: info.agent.as_deref().map(bounds::words),
        model: info.model.as_ref().map(model_ref),
        created: time(info.time.created),
        updated: time(info.time.updated),
        archived: info.time.archived.map(time),
        reverted_from: info
            .revert
            .as_ref()
            .map(|revert| MessageId::new(revert.message_id.as_str())),
        changes: None,
        cost: info.cost,
        tokens: tokens(info.tokens),
        raw: Json::null(),
    };
    let raw = described::session(&row);
    SessionInfo { raw, ..row }
}

/// The session that a reply has, if it is within the limits.
pub fn service_session(info: &wire2::SessionInfo) -> Option<SessionInfo> {
    Some(session(info)).filter(bounds::is_session)
}

pub(super) fn model_ref(model: &wire2::ModelRef) -> ModelRef {
    ModelRef {
        provider: bounds::words(&model.provider_id),
        model: bounds::words(&model.id),
    }
}

pub(super) fn tokens(tokens: wire2::Tokens) -> Tokens {
    Tokens {
        input: tokens.input,
        output: tokens.output,
        reasoning: tokens.reasoning,
        cache_read: tokens.cache_read,
        cache_write: tokens.cache_write,
    }
}

/// An error, by version 1's name where that says more to people.
pub(super) fn failure(error: &wire2::Failure) -> Failure {
    let name = match error.kind.as_str() {
        "aborted" => "MessageAbortedError",
        "provider.auth" => "ProviderAuthError",
        "provider.content-filter" => FILTER,
        kind => kind,
    };
    bounds::failure(Failure {
        kind: match error.is_abort() {
            true => ErrorKind::Aborted,
            false => ErrorKind::Failed,
        },
        name: name.into(),
        message: error.message.as_str().into(),
    })
}

/// A message with its JSON.
pub(super) fn with_json(info: MessageInfo) -> MessageInfo {
    let raw = described::message(&info);
    MessageInfo { raw, ..info }
}

/// A step before anything of it is known but its beginning.
pub(super) fn step(
    home: &Home,
    agent: &str,
    model: Option<&wire2::ModelRef>,
    created: Timestamp,
) -> MessageInfo {
    MessageInfo {
        agent: (!agent.is_empty()).then(|| bounds::words(agent)),
        model: model.map(model_ref),
        ..MessageInfo::bare(
            home.message.clone(),
            home.session.clone(),
            Role::Assistant,
            created,
        )
    }
}

fn assistant(home: &Home, step_read: &Assistant, created: Timestamp) -> (MessageInfo, Vec<Part>) {
    let info = MessageInfo {
        completed: step_read.time.completed.map(time),
        failure: step_read.error.as_ref().map(failure),
        finish: step_read.finish.as_deref().map(bounds::words),
        cost: step_read.cost,
        tokens: tokens(step_read.tokens),
        ..step(home, &step_read.agent, step_read.model.as_ref(), created)
    };
    let over = info.completed.is_some() || step_read.time.streamed.is_some();
    (info, contents(home, &step_read.content, over))
}

/// The pieces of a step. While it goes on, a text that is empty may be one that grows.
fn contents(home: &Home, content: &[Content], over: bool) -> Vec<Part> {
    let (mut texts, mut reasonings) = (0, 0);
    let places = content.iter().zip(0..);
    let parts = places.map(|(piece, at)| match piece {
        Content::Text { text } => {
            texts += 1;
            home.text(texts - 1, text, over || !text.is_empty(), Place::At(at))
        }
        Content::Reasoning {
            text,
            created,
            completed,
        } => {
            reasonings += 1;
            let begun = created.map(time);
            let ended = completed.map(time);
            let ended = ended.or_else(|| begun.filter(|_| over || !text.is_empty()));
            home.reasoning(reasonings - 1, text, (begun, ended), Place::At(at))
        }
        Content::Tool(tool) => home.tool(&Called::read(tool), Place::At(at)),
        Content::Other(kind) => home.other(at, kind),
    });
    parts.collect()
}

/// The call of a person's own command.
pub(super) fn shell(home: &Home, id: &str, command: &str, run: ShellRun<'_>) -> Part {
    let mut called = Called::new(id, "shell");
    called.tool.input = Json::of(&serde_json::json!({ "command": command }));
    called.tool.started = Some(run.started);
    let output = run.output.unwrap_or_default().into();
    called.tool.state = match run.over {
        true => model::state::ToolState::Completed { output },
        false => model::state::ToolState::Running { output },
    };
    called.tool.end = match run.status {
        wire2::ShellStatus::Timeout => Some(model::state::ToolEnd::TimedOut),
        wire2::ShellStatus::Killed => Some(model::state::ToolEnd::Stopped),
        _ => run
            .exit
            .map(|exit| model::state::ToolEnd::Exit(exit as i64)),
    };
    home.tool(&called, Place::At(0))
}

/// How a person's command goes.
pub(super) struct ShellRun<'a> {
    pub(super) started: Timestamp,
    pub(super) over: bool,
    pub(super) status: &'a wire2::ShellStatus,
    pub(super) exit: Option<f64>,
    pub(super) output: Option<&'a str>,
}

/// The message that a compaction makes: the summary that stands for what was before.
pub(super) fn summary(home: &Home, created: Timestamp) -> MessageInfo {
    MessageInfo {
        summary: true,
        ..step(home, "", None, created)
    }
}

/// An entry that no model wrote and nobody typed.
pub(super) fn note(home: &Home, created: Timestamp) -> MessageInfo {
    MessageInfo::bare(
        home.message.clone(),
        home.session.clone(),
        Role::Note,
        created,
    )
}

/// A prompt that waits in the inbox.
pub(super) fn waiting(home: &Home, created: Timestamp, delivery: &wire2::Delivery) -> MessageInfo {
    MessageInfo {
        steers: *delivery == wire2::Delivery::Steer,
        ..prompt(home, created)
    }
}

/// A prompt of a person.
pub(super) fn prompt(home: &Home, created: Timestamp) -> MessageInfo {
    MessageInfo::bare(
        home.message.clone(),
        home.session.clone(),
        Role::User,
        created,
    )
}

/// One entry of a transcript; `None` for those that are not shown: ends of runs, and switches, which the row tells.
fn message(session: &wire2::SessionId, read: &Message) -> Option<(MessageInfo, Vec<Part>)> {
    let home = Home::new(session, read.id.as_str());
    let created = time(read.created);
    Some(match &read.kind {
        MessageKind::User(sent) => (prompt(&home, created), home.prompt(sent)),
        MessageKind::Assistant(step_read) => assistant(&home, step_read, created),
        MessageKind::Synthetic(text) | MessageKind::System(text) => {
            (note(&home, created), home.note(&text.text))
        }
        MessageKind::Skill { text, .. } => (note(&home, created), home.note(text)),
        MessageKind::Shell(read) => {
            let run = ShellRun {
                started: created,
                over: read.status != wire2::ShellStatus::Running,
                status: &read.status,
                exit: read.exit,
                output: read.output.as_ref().map(|output| output.output.as_str()),
            };
            let part = shell(&home, read.shell_id.as_str(), &read.command, run);
            (note(&home, created), vec![part])
        }
        MessageKind::Compaction(read) => {
            let over = read.status != "running";
            let info = MessageInfo {
                completed: over.then_some(created),
                failure: read.error.as_ref().map(failure),
                ..summary(&home, created)
            };
            let text = home.text(
                0,
                &read.summary,
                over || !read.summary.is_empty(),
                Place::At(0),
            );
            (info, vec![text])
        }
        MessageKind::AgentSwitched { .. }
        | MessageKind::ModelSwitched { .. }
        | MessageKind::LocationSwitched { .. }
        | MessageKind::Idle { .. }
        | MessageKind::Other(_) => return None,
    })
}

/// A page of messages, the newest first, and what waits behind them.
pub fn service_messages(
    session: &wire2::SessionId,
    read: Page<Message>,
    inbox: &[InboxEntry],
    page: ReadPage,
) -> MessagesRead {
    let older = read.next.filter(|_| !read.items.is_empty());
    let mut last: Option<(Timestamp, u32)> = None;
    let mut prompted = None;
    let mut messages: Vec<_> = Vec::with_capacity(read.items.len() + inbox.len());
    for (info, parts) in read
        .items
        .iter()
        .rev()
        .filter_map(|one| message(session, one))
    {
        let tie = match last {
            Some((at, tie)) if at == info.created => tie + 1,
            _ => 0,
        };
        last = Some((info.created, tie));
        match info.role {
            Role::User => prompted = Some(info.id.clone()),
            Role::Assistant | Role::Note => {}
        }
        let parent = prompted.clone().filter(|_| info.role == Role::Assistant);
        let info = MessageInfo {
            tie,
            parent,
            ..info
        };
        messages.push((with_json(info), parts));
    }
    let delivered: BTreeSet<_> = messages.iter().map(|(info, _)| info.id.clone()).collect();
    let waiting = inbox.iter().filter_map(|entry| {
        let home = Home::new(session, entry.id.as_str());
        match &entry.item.kind {
            InboxKind::User(sent) if !delivered.contains(&home.message) => Some((
                with_json(waiting(&home, time(entry.created), &entry.item.delivery)),
                home.prompt(sent),
            )),
            _ => None,
        }
    });
    messages.extend(waiting);
    let messages = messages
        .into_iter()
        .filter(|(info, _)| bounds::is_message(info));
    let messages = messages.map(|(info, parts)| {
        let parts = parts.into_iter().filter(bounds::is_part).collect();
        (info, parts)
    });
    MessagesRead {
        session: session_id(session),
        messages: messages.collect(),
        older: older
            .filter(|cursor| cursor.len() <= limits::PATH_BYTES)
            .map(Into::into),
        page,
        todos: None,
        proven: None,
    }
}

/// What a service says of itself: of all of its folders, or of one.
#[derive(Debug, Default)]
pub struct ServiceState {
    /// Its sessions.
    pub sessions: Vec<wire2::SessionInfo>,
    /// True if there are more than these, or some do not decode.
    pub cut: bool,
    /// Sessions that do not decode.
    pub malformed: usize,
    /// Those that run.
    pub active: Vec<wire2::SessionId>,
    /// What waits, by folder; `None` where that could not be read.
    pub folders: BTreeMap<Arc<str>, Option<Asked>>,
}

/// What waits for a person in a folder.
#[derive(Debug)]
pub struct Asked {
    /// Requests for permission.
    pub permissions: Tolerant<Vec<PermissionRequest>>,
    /// Forms.
    pub forms: Tolerant<Vec<FormInfo>>,
}

impl ServiceState {
    /// The snapshot, read at `now`. `only` is the folder that was read, if it was one.
    pub fn snapshot(self, only: Option<&Arc<str>>, now: Timestamp) -> Snapshot {
        let listed = self.sessions.len();
        let rows = self.sessions.iter().filter_map(service_session);
        let sessions: Vec<SessionInfo> = rows.collect();
        let mut left_out = self.malformed + listed - sessions.len();
        let rows = sessions.iter().map(|session| session.directory.clone());
        let mut asked: BTreeSet<Arc<str>> = match only {
            Some(directory) => BTreeSet::from([directory.clone()]),
            None => rows.collect(),
        };
        let (mut permissions, mut questions, mut unlisted) = (Vec::new(), Vec::new(), Vec::new());
        let all = only.is_none() && self.folders.len() < limits::SERVICE_FOLDERS;
        for (directory, waiting) in self.folders {
            asked.insert(directory.clone());
            let Some(waiting) = waiting else {
                unlisted.push(directory);
                continue;
            };
            left_out += waiting.permissions.malformed + waiting.forms.malformed;
            permissions.extend(requests(&waiting.permissions.value, now));
            questions.extend(forms(&waiting.forms.value, now));
        }
        let statuses = self.active.iter();
        let statuses = statuses.map(|id| (session_id(id), RunStatus::Running));
        let asked: Vec<_> = asked.into_iter().collect();
        let complete = !self.cut && left_out == 0;
        Snapshot {
            listed: if complete { asked.clone() } else { Vec::new() },
            asked,
            sessions,
            older: BTreeMap::new(),
            unlisted,
            statuses: statuses.collect(),
            permissions,
            questions,
            whole: all && complete,
            left_out: u64::try_from(left_out).unwrap_or(u64::MAX),
        }
    }
}

fn requests(list: &[PermissionRequest], now: Timestamp) -> Vec<Permission> {
    let requests = list.iter().map(|request| asking2::permission(request, now));
    requests.filter(bounds::is_permission).collect()
}

fn forms(list: &[FormInfo], now: Timestamp) -> Vec<Question> {
    let forms = list.iter().filter(|form| asking2::waits(form));
    let questions = forms.filter_map(|form| asking2::question(form, now));
    questions.filter(bounds::is_question).collect()
}

/// The choices for a prompt, in one folder. Agents that only other agents call are omitted.
pub fn service_catalog(agents: &[Raw], models: &[Raw]) -> Catalog {
    #[derive(Deserialize)]
    struct Agent {
        id: String,
        #[serde(default)]
        description: Option<String>,
        #[serde(default)]
        mode: Option<String>,
        #[serde(default)]
        hidden: bool,
    }
    #[derive(Default, Deserialize)]
    #[serde(default)]
    struct Limit {
        context: f64,
    }
    #[derive(Deserialize)]
    #[serde(rename_all = "camelCase")]
    struct Model {
        id: String,
        #[serde(rename = "providerID")]
        provider: String,
        #[serde(default)]
        name: String,
        #[serde(default)]
        limit: Limit,
        #[serde(default)]
        enabled: Option<bool>,
    }
    let agents = agents
        .iter()
        .filter_map(|raw| serde_json::from_str(raw.get()).ok());
    let agents = agents.filter(|agent: &Agent| {
        !agent.hidden && agent.mode.as_deref() != Some("subagent") && bounds::is_id(&agent.id)
    });
    let mut agents: Vec<_> = agents
        .map(|agent| AgentInfo {
            name: agent.id.into(),
            description: bounds::words(&agent.description.unwrap_or_default()),
        })
        .collect();
    let models = models
        .iter()
        .filter_map(|raw| serde_json::from_str(raw.get()).ok());
    let models = models.filter(|model: &Model| {
        model.enabled != Some(false) && bounds::is_id(&model.id) && bounds::is_id(&model.provider)
    });
    let mut models: Vec<_> = models
        .map(|model| ModelInfo {
            id: ModelRef {
                provider: model.provider.into(),
                model: model.id.into(),
            },
            name: bounds::words(&model.name),
            context: model.limit.context.max(0.0) as u64,
        })
        .collect();
    Catalog {
        more_agents: super::rest::cut(&mut agents),
        more_models: super::rest::cut(&mut models),
        agents,
        models,
        default_model: None,
    }
}

/// The id of a session as the service knows it; `None` for one that cannot be one of its.
pub fn service_session_id(id: &SessionId) -> Option<wire2::SessionId> {
    wire2::SessionId::parse(id.as_str()).ok()
}
