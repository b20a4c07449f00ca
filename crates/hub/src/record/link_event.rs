//! Events of the hub in the log: the status of a link, so that a reader of the log sees why a server sent nothing.
//!
//! | `type` | fields | when |
//! |---|---|---|
//! | `connecting` | `attempt` | a connection attempt begins, after this many consecutive failures |
//! | `connected` | `running` | the state is live; these sessions are running |
//! | `stale` | | the stream is open and silent |
//! | `error` | `attempt`, `of`, `retry_at`, `reason` | the connection failed; the next attempt is due at `retry_at` (milliseconds since 1970) |
//! | `disconnected` | `reason` | the maximum number of attempts failed |

use std::sync::Arc;

use model::State;
use model::ids::{InstanceId, SessionId};
use model::state::LinkStatus;
use serde::{Deserialize, Serialize};

use crate::limits;

/// An event of the hub about a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum LinkEvent {
    Connecting {
        attempt: u32,
    },
    Connected {
        running: Vec<SessionId>,
    },
    Stale,
    Error {
        attempt: u32,
        of: u32,
        retry_at: i64,
        reason: String,
    },
    Disconnected {
        reason: String,
    },
}

impl LinkEvent {
    /// The event for an instance whose link has just changed to this status.
    pub(crate) fn on(status: &LinkStatus, state: &State, instance: &InstanceId) -> Self {
        match status {
            LinkStatus::Connecting { attempt } => Self::Connecting { attempt: *attempt },
            LinkStatus::Connected => {
                let sessions = state.instances.get(instance).into_iter();
                let running = sessions
                    .flat_map(|instance| instance.sessions.values())
                    .filter(|session| session.run.is_running())
                    .take(limits::WORD_SESSIONS);
                Self::Connected {
                    running: running.map(|session| session.info.id.clone()).collect(),
                }
            }
            LinkStatus::Stale => Self::Stale,
            LinkStatus::Error {
                attempt,
                of,
                retry_at,
                reason,
            } => Self::Error {
                attempt: *attempt,
                of: *of,
                retry_at: retry_at.0,
                reason: reason.to_string(),
            },
            LinkStatus::Disconnected { reason } => Self::Disconnected {
                reason: reason.to_string(),
            },
        }
    }

    /// The event as JSON.
    pub(crate) fn json(&self) -> Arc<str> {
        let json = serde_json::to_string(self);
        // Strings and numbers only: serialization cannot fail.
        json.unwrap_or_default().into()
    }
}
