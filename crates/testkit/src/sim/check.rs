//! Invariants of the simulation: those that always hold, and those that hold once no more faults occur. The simulator
//! knows the true state.

mod log;
mod now;
mod purged;
mod sent;
mod state;
mod stopped;
mod text;
mod view;

use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::state::Session;

use super::core::{Core, Invariant};
use super::hub::{HubLife, instance};
use super::server::{Connection, Server};
use super::store::{Kept, Store};
use super::viewer::Shown;
use super::writer::Ledger;

pub(super) use self::log::same_log;
pub(super) use self::purged::purged;
pub(super) use self::sent::visited;
pub(super) use self::stopped::stopped;

/// An invariant that does not hold, and why.
pub(super) type Wrong = (Invariant, String);

type Found = Result<(), Wrong>;

fn wrong<T>(invariant: Invariant, what: impl Into<String>) -> Result<T, Wrong> {
    Err((invariant, what.into()))
}

/// What must hold at every moment.
pub(super) fn always(core: &Core, servers: &[Arc<Server>], hub: &HubLife, written: &[Ledger]) {
    for ledger in written {
        let found = sent::never_twice(ledger, servers);
        core.check(Invariant::Sent, found.err().map(|(_, what)| what));
    }
    hub.engine.read(|state| {
        for server in servers {
            let Some(known) = state.instances.get(&instance(server.index)) else {
                continue;
            };
            let found = now::link(server, known)
                .and_then(|()| now::bounds(known))
                .and_then(|()| now::gone(server, known))
                .and_then(|()| now::live(server, known));
            core.count(|stats| stats.checks += 4);
            if let Err((invariant, what)) = found {
                core.check(invariant, Some(format!("s{}: {what}", server.index)));
            }
        }
    });
}

/// What must hold once nothing goes wrong any more and there was time.
pub(super) fn quiet(
    servers: &[Arc<Server>],
    hub: &HubLife,
    viewers: &[Shown],
    written: &[Ledger],
) -> Found {
    for ledger in written {
        sent::arrived(ledger, servers)?;
    }
    hub.engine.read(|state| {
        for server in servers {
            state::same_state(server, state)
                .map_err(|(invariant, what)| (invariant, format!("s{}: {what}", server.index)))?;
        }
        for (at, shown) in viewers.iter().enumerate() {
            view::same_page(shown, state, hub)
                .map_err(|(invariant, what)| (invariant, format!("v{at}: {what}")))?;
        }
        Ok(())
    })
}

/// A stream of which everything arrived, so that all it sent is known.
pub(super) fn caught_up(server: &Server) -> Option<Arc<Connection>> {
    server.current().filter(|connection| {
        connection.released.load(Ordering::SeqCst)
            && connection.pipe.is_open()
            && !connection.pipe.is_behind()
    })
}

/// A session of this very server; of those of other servers it gets no events, and sends none.
fn kept_here<'a>(store: &'a Store, server: &Server, session: &Session) -> Option<&'a Kept> {
    let kept = store.sessions.get(session.info.id.as_str())?;
    (kept.home == server.index).then_some(kept)
}
