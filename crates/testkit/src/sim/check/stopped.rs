//! Whether what a person stopped stays stopped, over restarts of the hub, until somebody gives it a prompt.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::State;
use model::ids::SessionId;
use model::view::to_refuse;

use super::super::core::{Invariant, lock};
use super::super::hub::instance;
use super::super::server::Server;
use super::super::stop::Stop;
use super::{Found, wrong};

/// What the hub may hear late of a prompt that was given before a stop, in milliseconds.
const LATE: i64 = 2_000;

/// Nothing waits that is to be refused; each session is stopped, or not, as its last stop and its prompts say.
pub(in super::super) fn stopped(servers: &[Arc<Server>], state: &State) -> Found {
    if let Some(one) = to_refuse(state).first() {
        return wrong(
            Invariant::Stopped,
            format!("{:?} of {} is not refused", one.request, one.session),
        );
    }
    servers.iter().try_for_each(|server| {
        let stops = lock(&server.inner).refusable.stops.clone();
        let last: BTreeMap<_, _> = stops
            .iter()
            .map(|stop| (stop.session.as_str(), stop))
            .collect();
        last.into_values()
            .try_for_each(|stop| as_it_is(server, stop, state))
    })
}

fn as_it_is(server: &Server, stop: &Stop, state: &State) -> Found {
    let Some(done) = stop.done else { return Ok(()) };
    let id = SessionId::new(stop.session.as_str());
    let Some(known) = state.instances.get(&instance(server.index)) else {
        return Ok(());
    };
    let store = lock(&server.store);
    let (Some(kept), Some(session)) = (store.sessions.get(&stop.session), known.sessions.get(&id))
    else {
        return Ok(());
    };
    let prompted_after = |time: i64| kept.prompts().any(|created| created > time);
    let is_stopped = known.is_stopped(&id);
    if !prompted_after(stop.asked - LATE) && !is_stopped {
        return wrong(
            Invariant::Stopped,
            format!("{id} was stopped, got no prompt, and is not stopped"),
        );
    }
    if prompted_after(done) && session.run.is_running() && is_stopped {
        return wrong(
            Invariant::Stopped,
            format!("{id} runs by a prompt that is newer than its stop, and is stopped"),
        );
    }
    Ok(())
}
