//! The hub's own word in the log: how a link is, so that one who reads the log sees why a server fell silent.
//!
//! | `type` | beside it | when |
//! |---|---|---|
//! | `connecting` | `attempt` | a connection is tried, after so many that failed in a row |
//! | `connected` | `running` | what is shown is live; these sessions run |
//! | `stale` | | the stream is open and silent |
//! | `error` | `attempt`, `of`, `retry_at`, `reason` | it broke; another try is due (milliseconds since 1970) |
//! | `disconnected` | `reason` | it was given up |

use std::sync::Arc;

use model::State;
use model::ids::{InstanceId, SessionId};
use model::state::LinkStatus;
use serde::{Deserialize, Serialize};

use crate::limits;

/// The hub's word on a link.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(crate) enum Word {
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

impl Word {
    /// What is to be said of an instance whose link has just become so.
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

    /// As JSON.
    pub(crate) fn json(&self) -> Arc<str> {
        let json = serde_json::to_string(self);
        // Strings and numbers alone: it cannot fail.
        json.unwrap_or_default().into()
    }
}
