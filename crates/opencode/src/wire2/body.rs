//! The wire format of each event that is used.

use std::collections::BTreeMap;

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;

use super::asking::{Answer, FormInfo, FormOwner};
use super::content::{Content, ToolContent};
use super::event::{
    AssistantChange, Catalog, CompactionChange, Event, FormEvent, InboxChange, NoteEvent,
    PermissionEvent, RevertChange, RowChange, RunChange, SessionEvent, ShellInfo, StepEnd,
    TextChange, TextKind, ToolChange,
};
use super::failure::Failure;
use super::id::{CallId, FormId, InboxId, Mark, MessageId, Ordinal, PermissionId, SessionId};
use super::inbox::InboxItem;
use super::message::ShellOutput;
use super::session::{Boundary, Location, ModelRef, PermissionRule, Revert};
use super::words::{CompactionReason, Decision, Delivery, InterruptReason};
use crate::json::{DeltaText, Raw, lenient, null_default, sanitize};
use crate::wire::FromRaw;

type Decoded<T> = Result<T, serde_json::Error>;

/// The event of a type that is used.
pub(super) fn decode(kind: &str, data: &RawValue) -> Decoded<Event> {
    // The only types whose lone surrogates must be preserved, and by far the most frequent ones.
    if kind.ends_with(".delta") {
        return delta(kind, data.get());
    }
    let json = &*sanitize(data.get());
    match kind.strip_prefix("session.") {
        Some(kind) => Ok(Event::Session {
            session: of::<SessionId>(json, "sessionID")?,
            change: session(kind, json)?,
        }),
        None => other(kind, json),
    }
}

fn read<T: DeserializeOwned>(json: &str) -> Decoded<T> {
    serde_json::from_str(json)
}

/// One field of an object.
fn of<T: DeserializeOwned>(json: &str, field: &'static str) -> Decoded<T> {
    use serde::de::Error as _;
    let fields: Fields<'_> = serde_json::from_str(json)?;
    let value = fields.get(field);
    let value = value.ok_or_else(|| serde_json::Error::missing_field(field))?;
    serde_json::from_str(value.get())
}

/// One field of an object, if it is there.
fn maybe<T: DeserializeOwned>(json: &str, field: &str) -> Decoded<Option<T>> {
    let fields: Fields<'_> = serde_json::from_str(json)?;
    let value = fields.get(field);
    value.map_or(Ok(None), |value| serde_json::from_str(value.get()))
}

type Fields<'a> = BTreeMap<String, &'a RawValue>;

#[derive(Deserialize)]
struct DeltaWire {
    #[serde(rename = "sessionID")]
    session: SessionId,
    #[serde(rename = "assistantMessageID")]
    message: Option<MessageId>,
    ordinal: Option<Ordinal>,
    id: Option<CallId>,
    #[serde(alias = "text")]
    delta: DeltaText,
}

fn delta(kind: &str, json: &str) -> Decoded<Event> {
    use serde::de::Error as _;
    let wire: DeltaWire = read(json)?;
    let message = || {
        let message = wire.message.clone();
        message.ok_or_else(|| serde_json::Error::missing_field("assistantMessageID"))
    };
    let text = |kind| {
        let ordinal = wire.ordinal;
        let ordinal = ordinal.ok_or_else(|| serde_json::Error::missing_field("ordinal"))?;
        Ok::<_, serde_json::Error>(AssistantChange::Text {
            kind,
            ordinal,
            change: TextChange::Delta(wire.delta.clone()),
        })
    };
    let change = match kind {
        "session.compaction.delta" => SessionEvent::Compaction(CompactionChange::Delta(wire.delta)),
        "session.tool.input.delta" => SessionEvent::Assistant {
            message: message()?,
            change: AssistantChange::Tool {
                call: wire
                    .id
                    .clone()
                    .ok_or_else(|| serde_json::Error::missing_field("id"))?,
                change: ToolChange::InputDelta(wire.delta),
            },
        },
        "session.reasoning.delta" => SessionEvent::Assistant {
            message: message()?,
            change: text(TextKind::Reasoning)?,
        },
        _ => SessionEvent::Assistant {
            message: message()?,
            change: text(TextKind::Text)?,
        },
    };
    Ok(Event::Session {
        session: wire.session,
        change,
    })
}

fn session(kind: &str, json: &str) -> Decoded<SessionEvent> {
    let (group, rest) = kind.split_once('.').unwrap_or((kind, ""));
    Ok(match group {
        "inbox" => SessionEvent::Inbox(inbox(rest, json)?),
        "execution" => SessionEvent::Run(run(rest, json)?),
        "instructions" | "synthetic" | "skill" | "shell" => SessionEvent::Note(note(kind, json)?),
        "step" | "text" | "reasoning" | "tool" | "retry" => SessionEvent::Assistant {
            message: of(json, "assistantMessageID")?,
            change: assistant(kind, json)?,
        },
        "compaction" => SessionEvent::Compaction(compaction(rest, json)?),
        "revert" => SessionEvent::Revert(match rest {
            "staged" => RevertChange::Staged(Box::new(of::<Revert>(json, "revert")?)),
            "cleared" => RevertChange::Cleared,
            "committed" => RevertChange::Committed {
                to: of(json, "to")?,
            },
            _ => return Err(unlisted(kind)),
        }),
        "message" => SessionEvent::ContentReplaced {
            message: of(json, "messageID")?,
            content: of::<Vec<Box<RawValue>>>(json, "content")?
                .iter()
                .map(|value| Content::of(value))
                .collect(),
        },
        _ => SessionEvent::Row(row(kind, json)?),
    })
}

/// A type that the list has and this file lacks: the tests find it.
fn unlisted(kind: &str) -> serde_json::Error {
    use serde::de::Error as _;
    serde_json::Error::custom(format_args!("no decoder for {kind}"))
}

fn row(kind: &str, json: &str) -> Decoded<RowChange> {
    #[derive(Deserialize)]
    struct Forked {
        #[serde(rename = "parentID")]
        source: SessionId,
        boundary: Boundary,
    }
    #[derive(Deserialize)]
    struct Moved {
        location: Location,
        #[serde(rename = "projectID", default, deserialize_with = "lenient")]
        project_id: Option<String>,
        #[serde(default, deserialize_with = "lenient")]
        subpath: Option<String>,
    }
    Ok(match kind {
        "created" => RowChange::Created(read(json)?),
        "forked" => {
            let Forked { source, boundary } = read(json)?;
            RowChange::Forked { source, boundary }
        }
        "renamed" => RowChange::Renamed(of(json, "title")?),
        "metadata.updated" => RowChange::Metadata(of(json, "metadata")?),
        "permissions" => RowChange::Permissions(of::<Vec<PermissionRule>>(json, "permissions")?),
        "agent.selected" => RowChange::Agent(of(json, "agent")?),
        "model.selected" => RowChange::Model(of::<ModelRef>(json, "model")?),
        "moved" => {
            let Moved {
                location,
                project_id,
                subpath,
            } = read(json)?;
            RowChange::Moved {
                location,
                project_id,
                subpath,
            }
        }
        "viewed" => RowChange::Viewed(of::<Mark>(json, "idle")?),
        "archived" => RowChange::Archived,
        "unarchived" => RowChange::Unarchived,
        "usage.updated" => RowChange::Usage(read(json)?),
        "usage.recorded" => RowChange::UsageRecorded(read(json)?),
        "deleted" => RowChange::Deleted,
        _ => return Err(unlisted(kind)),
    })
}

fn inbox(kind: &str, json: &str) -> Decoded<InboxChange> {
    let id: InboxId = of(json, "inboxID")?;
    Ok(match kind {
        "enqueued" => InboxChange::Enqueued {
            id,
            item: Box::new(of::<InboxItem>(json, "item")?),
        },
        "delivered" => InboxChange::Delivered(id),
        "cancelled" => InboxChange::Cancelled(id),
        "delivery.changed" => InboxChange::Delivery {
            id,
            delivery: of::<Delivery>(json, "delivery")?,
        },
        _ => return Err(unlisted(kind)),
    })
}

fn run(kind: &str, json: &str) -> Decoded<RunChange> {
    Ok(match kind {
        "started" => RunChange::Started,
        "succeeded" => RunChange::Succeeded,
        "failed" => RunChange::Failed(maybe::<Failure>(json, "error")?.unwrap_or_default()),
        "interrupted" => RunChange::Interrupted(of::<InterruptReason>(json, "reason")?),
        _ => return Err(unlisted(kind)),
    })
}

fn note(kind: &str, json: &str) -> Decoded<NoteEvent> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(default, deserialize_with = "null_default")]
        text: Option<String>,
        #[serde(default, deserialize_with = "lenient")]
        description: Option<String>,
        #[serde(default, deserialize_with = "lenient")]
        name: String,
    }
    #[derive(Deserialize)]
    struct Ended {
        shell: ShellInfo,
        #[serde(default, deserialize_with = "lenient")]
        output: ShellOutput,
    }
    Ok(match kind {
        "instructions.updated" => NoteEvent::Instructions {
            text: read::<Wire>(json)?.text,
        },
        "synthetic" => {
            let wire: Wire = read(json)?;
            NoteEvent::Synthetic {
                text: wire.text.unwrap_or_default(),
                description: wire.description,
            }
        }
        "skill.activated" => {
            let wire: Wire = read(json)?;
            NoteEvent::Skill {
                name: wire.name,
                text: wire.text.unwrap_or_default(),
            }
        }
        "shell.started" => NoteEvent::ShellStarted(Box::new(of::<ShellInfo>(json, "shell")?)),
        "shell.ended" => {
            let wire: Ended = read(json)?;
            NoteEvent::ShellEnded {
                shell: Box::new(wire.shell),
                output: wire.output,
            }
        }
        _ => return Err(unlisted(kind)),
    })
}

fn assistant(kind: &str, json: &str) -> Decoded<AssistantChange> {
    #[derive(Deserialize)]
    struct Started {
        #[serde(default, deserialize_with = "lenient")]
        agent: String,
        #[serde(default, deserialize_with = "lenient")]
        model: Option<ModelRef>,
    }
    let text = |kind, change| {
        Ok::<_, serde_json::Error>(AssistantChange::Text {
            kind,
            ordinal: of(json, "ordinal")?,
            change,
        })
    };
    Ok(match kind {
        "step.started" => {
            let Started { agent, model } = read(json)?;
            AssistantChange::Started { agent, model }
        }
        "step.streamed" => AssistantChange::Streamed,
        "step.ended" => AssistantChange::Ended(read::<StepEnd>(json)?),
        "step.failed" => AssistantChange::Failed {
            error: maybe::<Failure>(json, "error")?.unwrap_or_default(),
            end: read(json)?,
        },
        "retry.scheduled" => AssistantChange::Retry(read(json)?),
        "text.started" => text(TextKind::Text, TextChange::Started)?,
        "text.ended" => text(TextKind::Text, TextChange::Ended(of(json, "text")?))?,
        "reasoning.started" => text(TextKind::Reasoning, TextChange::Started)?,
        "reasoning.ended" => text(TextKind::Reasoning, TextChange::Ended(of(json, "text")?))?,
        _ => AssistantChange::Tool {
            call: of(json, "id")?,
            change: tool(kind, json)?,
        },
    })
}

fn tool(kind: &str, json: &str) -> Decoded<ToolChange> {
    #[derive(Deserialize)]
    struct Called {
        input: Raw,
        #[serde(default, deserialize_with = "lenient")]
        executed: bool,
    }
    #[derive(Deserialize)]
    struct Done {
        #[serde(default)]
        error: Failure,
        #[serde(default, deserialize_with = "null_default")]
        content: Vec<ToolContent>,
        #[serde(default)]
        metadata: Option<Raw>,
    }
    Ok(match kind {
        "tool.input.started" => ToolChange::InputStarted {
            name: of(json, "name")?,
        },
        "tool.input.ended" => ToolChange::InputEnded(of(json, "text")?),
        "tool.called" => {
            let wire: Called = read(json)?;
            ToolChange::Called {
                input: wire.input,
                by_provider: wire.executed,
            }
        }
        "tool.progress" => ToolChange::Progress(of(json, "metadata")?),
        "tool.success" => {
            let wire: Done = read(json)?;
            ToolChange::Succeeded {
                content: wire.content,
                metadata: wire.metadata,
            }
        }
        "tool.failed" => {
            let wire: Done = read(json)?;
            ToolChange::Failed {
                error: wire.error,
                content: wire.content,
                metadata: wire.metadata,
            }
        }
        _ => return Err(unlisted(kind)),
    })
}

fn compaction(kind: &str, json: &str) -> Decoded<CompactionChange> {
    #[derive(Deserialize)]
    struct Wire {
        reason: CompactionReason,
        #[serde(rename = "inputID", default)]
        input: Option<InboxId>,
        #[serde(default, deserialize_with = "null_default")]
        text: String,
        #[serde(default)]
        error: Failure,
    }
    let wire: Wire = read(json)?;
    Ok(match kind {
        "started" => CompactionChange::Started {
            reason: wire.reason,
            input: wire.input,
        },
        "ended" => CompactionChange::Ended {
            reason: wire.reason,
            text: wire.text,
        },
        "failed" => CompactionChange::Failed {
            reason: wire.reason,
            error: wire.error,
            input: wire.input,
        },
        _ => return Err(unlisted(kind)),
    })
}

fn object<T: FromRaw>(raw: Raw) -> Decoded<Box<T>> {
    T::from_raw(raw).map(Box::new)
}

fn other(kind: &str, json: &str) -> Decoded<Event> {
    Ok(match kind {
        "server.connected" => Event::Connected,
        "permission.asked" => Event::Permission(PermissionEvent::Asked(object(Raw::parse(json)?)?)),
        "permission.replied" => replied(json)?,
        "form.created" => Event::Form(FormEvent::Created(object::<FormInfo>(of(json, "form")?)?)),
        "form.replied" | "form.cancelled" => form_settled(kind, json)?,
        "location.shutdown" => Event::FolderShutDown,
        "project.updated" => Event::ProjectUpdated(Raw::parse(json)?),
        "worktree.resolved" => Event::WorktreeResolved {
            project_id: of(json, "projectID")?,
            directory: of(json, "directory")?,
            previous: of(json, "previous")?,
        },
        "vcs.branch.updated" => Event::BranchUpdated {
            branch: maybe(json, "branch")?,
        },
        _ => Event::Catalog(catalog(kind).ok_or_else(|| unlisted(kind))?),
    })
}

fn catalog(kind: &str) -> Option<Catalog> {
    Some(match kind {
        "agent.updated" => Catalog::Agents,
        "command.updated" => Catalog::Commands,
        "skill.updated" => Catalog::Skills,
        "reference.updated" => Catalog::References,
        "provider.updated" => Catalog::Providers,
        "model.updated" | "models-dev.refreshed" => Catalog::Models,
        "mcp.status.changed" => Catalog::Mcp,
        _ => return None,
    })
}

fn replied(json: &str) -> Decoded<Event> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID")]
        session: SessionId,
        #[serde(rename = "requestID")]
        id: PermissionId,
        reply: Decision,
    }
    let Wire { session, id, reply } = read(json)?;
    Ok(Event::Permission(PermissionEvent::Replied {
        session,
        id,
        reply,
    }))
}

fn form_settled(kind: &str, json: &str) -> Decoded<Event> {
    #[derive(Deserialize)]
    struct Wire {
        #[serde(rename = "sessionID")]
        owner: FormOwner,
        id: FormId,
        #[serde(default, deserialize_with = "lenient")]
        answer: Answer,
    }
    let Wire { owner, id, answer } = read(json)?;
    Ok(Event::Form(match kind {
        "form.replied" => FormEvent::Replied { owner, id, answer },
        _ => FormEvent::Cancelled { owner, id },
    }))
}
