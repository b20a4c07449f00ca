//! Interrupted sessions of all instances; each can be resumed.

use std::sync::Arc;

use super::lineage::BelowInterrupted;
use crate::ids::{InstanceId, SessionId};
use crate::state::{Run, State};
use crate::time::Timestamp;

/// A session whose server ended before it did.
#[derive(Clone, Debug, PartialEq)]
pub struct InterruptedRow {
    /// Instance of the session.
    pub instance: InstanceId,
    /// The instance's name.
    pub instance_name: Arc<str>,
    /// False while the server is unreachable; the session cannot resume then.
    pub live: bool,
    /// The session.
    pub session: SessionId,
    /// Title of the session.
    pub title: Arc<str>,
    /// Time at which the hub noticed it.
    pub at: Timestamp,
}

/// Every interrupted session that is not below another one, of every instance, oldest first: what was below goes on with
/// the session that asked for it.
pub fn interrupted(state: &State) -> Vec<InterruptedRow> {
    let mut rows = Vec::new();
    for instance in state.instances.values() {
        let mut below = BelowInterrupted::of(instance);
        for session in instance.sessions.values() {
            let Run::Interrupted { at } = session.run else {
                continue;
            };
            let hidden = session.info.archived.is_some()
                || !state.shows(&instance.id, &session.info.id)
                || below.is(&session.info.id);
            if !hidden {
                rows.push(InterruptedRow {
                    instance: instance.id.clone(),
                    instance_name: instance.name.clone(),
                    live: instance.is_live(),
                    session: session.info.id.clone(),
                    title: session.info.title().into(),
                    at,
                });
            }
        }
    }
    rows.sort_by(|a, b| (a.at, &a.session).cmp(&(b.at, &b.session)));
    rows
}
