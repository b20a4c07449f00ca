//! Conversion of OpenCode 1.x objects, from events and from REST.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::event::{MessagesRead, ReadPage};
use model::ids::{MessageId, PartId, PermissionId, QuestionId, SessionId};
use model::json::Json;
use model::state as ours;
use model::time::Timestamp;
use opencode::client::{AgentInfo, ConfigInfo, MessagePage, Providers};
use opencode::json::Raw;
use opencode::wire::{self, ErrorInfo, Millis};

use super::bounds;
use crate::{limits, picture};

/// JSON as the server wrote it.
pub fn json(raw: Raw) -> Json {
    Json::from(Arc::from(raw))
}

fn time(millis: Millis) -> Timestamp {
    Timestamp(millis.0)
}

fn text(text: Option<String>) -> Option<Arc<str>> {
    text.filter(|text| !text.is_empty())
        .map(|text| bounds::words(&text))
}

fn tokens(tokens: wire::Tokens) -> ours::Tokens {
    ours::Tokens {
        input: tokens.input,
        output: tokens.output,
        reasoning: tokens.reasoning,
        cache_read: tokens.cache_read,
        cache_write: tokens.cache_write,
    }
}

fn model_ref(model: wire::ModelRef) -> ours::ModelRef {
    ours::ModelRef {
        provider: model.provider_id.into(),
        model: model.model_id.into(),
    }
}

/// The sessions that are within the limits.
pub fn sessions(list: Vec<wire::SessionInfo>) -> Vec<ours::SessionInfo> {
    let list = list.into_iter().map(session);
    list.filter(bounds::is_session).collect()
}

/// A session.
pub fn session(info: wire::SessionInfo) -> ours::SessionInfo {
    bounds::row(ours::SessionInfo {
        id: SessionId::new(info.id),
        parent: info.parent_id.map(SessionId::new),
        title: bounds::words(&info.title),
        directory: info.directory.into(),
        agent: text(info.agent),
        model: info.model.map(model_ref),
        created: time(info.time.created),
        updated: time(info.time.updated),
        // OpenCode 1.18 cannot take the time away again: 0 stands for a session that is not archived.
        archived: info.time.archived.map(time).filter(|at| at.0 != 0),
        reverted_from: info.revert.map(|revert| MessageId::new(revert.message_id)),
        changes: info.summary.map(|summary| ours::Changes {
            additions: summary.additions,
            deletions: summary.deletions,
            files: summary.files,
        }),
        cost: info.cost,
        tokens: tokens(info.tokens),
        raw: json(info.raw),
    })
}

/// A message; one without a time gets the time of its arrival.
pub(super) fn message(info: wire::MessageInfo, at: Timestamp) -> ours::MessageInfo {
    ours::MessageInfo {
        id: MessageId::new(info.id),
        session: SessionId::new(info.session_id),
        role: match info.role {
            wire::Role::User => ours::Role::User,
            wire::Role::Assistant => ours::Role::Assistant,
        },
        parent: info.parent_id.map(MessageId::new),
        created: info.created.map_or(at, time),
        tie: 0,
        completed: info.completed.map(time),
        failure: info.error.map(failure),
        finish: text(info.finish),
        summary: info.summary,
        steers: false,
        agent: text(info.agent),
        model: info.model.map(model_ref),
        cost: info.cost,
        tokens: tokens(info.tokens),
        raw: json(info.raw),
    }
}

/// A part.
pub(super) fn part(info: wire::PartInfo) -> ours::Part {
    ours::Part {
        id: PartId::new(info.id),
        message: MessageId::new(info.message_id),
        session: SessionId::new(info.session_id),
        place: ours::Place::ById,
        kind: part_kind(info.kind),
        raw: json(info.raw),
    }
}

fn part_kind(kind: wire::PartKind) -> ours::PartKind {
    use ours::PartKind as O;
    use wire::PartKind as W;
    match kind {
        // A text without times was never streamed: it is by a person, or OpenCode created it whole.
        W::Text {
            text,
            synthetic,
            ignored,
            start,
            end,
        } => O::Text {
            text: text.into(),
            synthetic,
            ignored,
            ended: end.is_some() || start.is_none(),
        },
        W::Reasoning { text, start, end } => O::Reasoning {
            text: text.into(),
            started: start.map(time),
            ended: end.map(time),
        },
        W::Tool {
            call_id,
            tool: name,
            state,
        } => O::Tool(tool(call_id, name, state)),
        W::StepStart { .. } => O::StepStart,
        W::StepFinish {
            cost, tokens: used, ..
        } => O::StepFinish {
            cost,
            tokens: tokens(used),
        },
        W::File(info) => O::File(file(&info)),
        W::Agent { name } => O::Agent { name: name.into() },
        W::Subtask {
            description, agent, ..
        } => O::Subtask {
            description: description.into(),
            agent: agent.into(),
        },
        W::Compaction { auto } => O::Compaction { auto },
        W::Patch { files, .. } => O::Patch {
            files: files.into_iter().map(Into::into).collect(),
        },
        W::Snapshot { .. } => O::Other("snapshot".into()),
        W::Retry { attempt, error } => O::Retry {
            attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
            message: error.map_or_else(|| "".into(), |error| error.message.into()),
        },
        W::Other { kind } => O::Other(kind.into()),
    }
}

/// A file, with its type from its first bytes.
fn file(info: &wire::FileInfo) -> ours::File {
    ours::File {
        name: bounds::words(info.name()),
        mime: bounds::words(&info.mime),
        bytes: info.size(),
        picture: picture::of(info).map(|(_, picture)| picture),
    }
}

fn tool(call: String, name: String, state: wire::ToolState) -> ours::Tool {
    let child = state.child_session_id().map(SessionId::new);
    let input = state.input().cloned().map_or_else(Json::null, json);
    let files = match &state {
        wire::ToolState::Completed { files, .. } => files.iter().map(file).collect(),
        _ => Vec::new(),
    };
    let end = super::ends::of(&state);
    let diff = super::ends::diff(&state);
    let (state, title, started, ended) = match state {
        wire::ToolState::Pending { .. } => (ours::ToolState::Pending, None, None, None),
        wire::ToolState::Running {
            title,
            metadata,
            start,
            ..
        } => {
            let output = output_so_far(metadata.as_ref());
            (ours::ToolState::Running { output }, title, start, None)
        }
        wire::ToolState::Completed {
            title,
            output,
            start,
            end,
            ..
        } => {
            let output = output.into();
            (ours::ToolState::Completed { output }, title, start, end)
        }
        wire::ToolState::Error {
            error, start, end, ..
        } => {
            let error = error.into();
            (ours::ToolState::Error { error }, None, start, end)
        }
    };
    ours::Tool {
        name: name.into(),
        call: call.into(),
        state,
        input,
        title: text(title),
        diff,
        files,
        child,
        end,
        started: started.map(time),
        ended: ended.map(time),
    }
}

/// A running tool reports its output in its metadata.
fn output_so_far(metadata: Option<&Raw>) -> Arc<str> {
    #[derive(Default, serde::Deserialize)]
    struct Metadata {
        #[serde(default)]
        output: String,
    }
    let metadata: Option<Metadata> =
        metadata.and_then(|metadata| serde_json::from_str(metadata.get()).ok());
    let metadata = metadata.unwrap_or_default();
    metadata.output.into()
}

/// The status of a session; `None` for a value unknown to this build.
pub fn run_status(status: wire::SessionStatus) -> Option<ours::RunStatus> {
    Some(bounds::status(match status {
        wire::SessionStatus::Idle => ours::RunStatus::Idle,
        wire::SessionStatus::Busy => ours::RunStatus::Busy,
        wire::SessionStatus::Retry {
            attempt,
            message,
            next,
        } => ours::RunStatus::Retry {
            attempt: u32::try_from(attempt).unwrap_or(u32::MAX),
            message: message.into(),
            next: next.map(time).unwrap_or_default(),
        },
        wire::SessionStatus::Other(_) => return None,
    }))
}

/// The statuses of a server's sessions.
pub fn statuses(
    statuses: BTreeMap<String, wire::SessionStatus>,
) -> BTreeMap<SessionId, ours::RunStatus> {
    statuses
        .into_iter()
        .filter(|(id, _)| bounds::is_id(id))
        .filter_map(|(id, status)| Some((SessionId::new(id), run_status(status)?)))
        .collect()
}

/// A permission request that was received at `at`.
pub fn permission(request: wire::PermissionRequest, at: Timestamp) -> ours::Permission {
    ours::Permission::new(ours::PermissionRequest {
        id: PermissionId::new(request.id),
        session: SessionId::new(request.session_id),
        permission: request.permission.into(),
        patterns: request.patterns.into_iter().map(Into::into).collect(),
        always: request.always.into_iter().map(Into::into).collect(),
        tool: request.tool.map(tool_call),
        asked: at,
        raw: json(request.raw),
    })
}

/// The permission requests that are within the limits.
pub fn permissions(list: Vec<wire::PermissionRequest>, at: Timestamp) -> Vec<ours::Permission> {
    list.into_iter()
        .map(|request| permission(request, at))
        .filter(bounds::is_permission)
        .collect()
}

/// A question that was received at `at`.
pub fn question(request: wire::QuestionRequest, at: Timestamp) -> ours::Question {
    ours::Question {
        id: QuestionId::new(request.id),
        session: SessionId::new(request.session_id),
        items: request.questions.into_iter().map(question_item).collect(),
        tool: request.tool.map(tool_call),
        asked: at,
        raw: json(request.raw),
    }
}

/// The questions that are within the limits.
pub fn questions(list: Vec<wire::QuestionRequest>, at: Timestamp) -> Vec<ours::Question> {
    list.into_iter()
        .map(|request| question(request, at))
        .filter(bounds::is_question)
        .collect()
}

fn question_item(info: wire::QuestionInfo) -> ours::QuestionItem {
    ours::QuestionItem {
        header: info.header.into(),
        question: info.question.into(),
        options: info
            .options
            .into_iter()
            .map(|option| ours::QuestionOption {
                label: option.label.into(),
                description: option.description.into(),
            })
            .collect(),
        multiple: info.multiple,
        // OpenCode accepts free text as an answer unless this is false.
        custom: info.custom.unwrap_or(true),
        ..ours::QuestionItem::default()
    }
}

fn tool_call(tool: wire::ToolRef) -> ours::ToolCall {
    ours::ToolCall {
        message: MessageId::new(tool.message_id),
        call: tool.call_id.into(),
    }
}

pub(super) fn todos(list: wire::TodoList) -> ours::Todos {
    ours::Todos {
        items: list
            .todos
            .into_iter()
            .map(|todo| ours::Todo {
                content: todo.content.into(),
                state: match todo.status.as_str() {
                    "in_progress" => ours::TodoState::InProgress,
                    "completed" => ours::TodoState::Completed,
                    "cancelled" => ours::TodoState::Cancelled,
                    _ => ours::TodoState::Pending,
                },
            })
            .collect(),
        raw: json(list.raw),
    }
}

/// A to-do list from a REST reply.
pub fn answer_todos(list: wire::TodoList) -> ours::Todos {
    todos(list)
}

/// Messages of a conversation as their server stores them, also those beyond the limits of the state. The creation time of a
/// message without one is 0.
pub fn conversation(
    messages: Vec<wire::MessageWithParts>,
) -> Vec<(ours::MessageInfo, Vec<ours::Part>)> {
    let messages = messages.into_iter().map(|entry| {
        let parts = entry.parts.into_iter().map(part);
        (message(entry.info, Timestamp(0)), parts.collect())
    });
    messages.collect()
}

/// A page of messages that was read at `at`.
pub fn message_page(
    session: &SessionId,
    read: MessagePage,
    page: ReadPage,
    todos: Option<ours::Todos>,
    at: Timestamp,
) -> MessagesRead {
    MessagesRead {
        proven: None,
        session: session.clone(),
        messages: read
            .messages
            .into_iter()
            .map(|entry| {
                let parts = entry.parts.into_iter().map(part);
                let parts = parts.filter(bounds::is_part).collect();
                (message(entry.info, at), parts)
            })
            .filter(|(info, _)| bounds::is_message(info))
            .collect(),
        older: read
            .next
            .filter(|cursor| cursor.len() <= limits::PATH_BYTES)
            .map(Into::into),
        page,
        todos: todos.filter(bounds::is_todos),
    }
}

/// The choices for a prompt. Agents that only other agents call are omitted. The default model is that of the
/// configuration, else that of the only provider; with several providers the server chooses.
pub fn catalog(agents: Vec<AgentInfo>, providers: Providers, config: ConfigInfo) -> ours::Catalog {
    let configured = config
        .model
        .as_deref()
        .and_then(|model| model.split_once('/'));
    let mut defaults = providers.default.iter();
    let only = defaults.next().filter(|_| defaults.next().is_none());
    let default_model = configured
        .or(only.map(|(provider, model)| (provider.as_str(), model.as_str())))
        .map(|(provider, model)| ours::ModelRef {
            provider: provider.into(),
            model: model.into(),
        });
    let mut agents: Vec<_> = agents
        .into_iter()
        .filter(|agent| !agent.hidden && agent.mode.as_deref() != Some("subagent"))
        .filter(|agent| bounds::is_id(&agent.name))
        .map(|agent| ours::AgentInfo {
            name: agent.name.into(),
            description: bounds::words(&agent.description.unwrap_or_default()),
        })
        .collect();
    let mut models: Vec<_> = providers
        .providers
        .into_iter()
        .flat_map(|provider| {
            let id: Arc<str> = provider.id.into();
            provider
                .models
                .into_iter()
                .map(move |model| ours::ModelInfo {
                    id: ours::ModelRef {
                        provider: id.clone(),
                        model: model.id.into(),
                    },
                    name: bounds::words(&model.name),
                    context: model.context,
                })
        })
        .filter(|model| bounds::is_id(&model.id.model) && bounds::is_id(&model.id.provider))
        .collect();
    ours::Catalog {
        more_agents: cut(&mut agents),
        more_models: cut(&mut models),
        agents,
        models,
        default_model,
    }
}

/// Cuts a list of a catalog to its bound, and returns how many were cut off.
pub(super) fn cut<T>(listed: &mut Vec<T>) -> usize {
    let more = listed.len().saturating_sub(limits::CATALOG);
    listed.truncate(limits::CATALOG);
    more
}

pub(super) fn failure(error: ErrorInfo) -> ours::Failure {
    bounds::failure(ours::Failure {
        kind: if error.is_abort() {
            ours::ErrorKind::Aborted
        } else {
            ours::ErrorKind::Failed
        },
        name: named(&error).into(),
        message: error.message.into(),
    })
}

/// The name of an error. A provider that answers with status 401 rejects the login, which OpenCode does not name.
fn named(error: &ErrorInfo) -> &str {
    let raw: Option<serde_json::Value> = serde_json::from_str(error.raw.get()).ok();
    let status = raw
        .as_ref()
        .and_then(|raw| raw.pointer("/data/statusCode")?.as_u64());
    match status {
        Some(401) => "ProviderAuthError",
        _ => &error.name,
    }
}

#[cfg(test)]
mod tests {
    use opencode::client::{ModelEntry, ProviderInfo};

    use super::*;

    #[test]
    fn a_catalog_that_is_cut_tells_by_how_much() {
        let model = |n| ModelEntry {
            id: format!("m{n}"),
            name: String::new(),
            context: 0,
            cost: Default::default(),
            variants: Vec::new(),
        };
        let provider = |id: &str, models: usize| ProviderInfo {
            id: id.to_owned(),
            name: String::new(),
            models: (0..models).map(model).collect(),
        };
        let of = |models| {
            let providers = Providers {
                providers: vec![provider("a", limits::CATALOG - 1), provider("b", models)],
                ..Providers::default()
            };
            catalog(Vec::new(), providers, ConfigInfo::default())
        };
        let whole = of(1);
        assert_eq!(
            (whole.models.len(), whole.more_models),
            (limits::CATALOG, 0)
        );
        let cut = of(8);
        assert_eq!((cut.models.len(), cut.more_models), (limits::CATALOG, 7));
    }
}
