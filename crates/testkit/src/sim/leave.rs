//! People who ask for something and leave at once: what they asked for is done all the same.

use std::pin::pin;
use std::task::{Context, Waker};

use hub::command::Prompt;
use model::ids::SessionId;
use model::state::LinkStatus;

use super::core::lock;
use super::faults::Chaos;
use super::hub::instance;
use super::people::is_made_here;
use super::writer::{Ledger, Reported, Written};

/// Each reachable server is given a prompt by a person who does not wait for anything.
pub(super) fn visit(chaos: &Chaos, visits: &Ledger) {
    let Some(hub) = lock(&chaos.door).clone() else {
        return;
    };
    for server in &chaos.servers {
        let of = instance(server.index);
        let session = hub.engine.read(|state| {
            let known = state.instances.get(&of)?;
            let live = known.link.status == LinkStatus::Connected;
            let store = lock(&server.store);
            let own = store
                .sessions
                .values()
                .filter(|kept| kept.home == server.index && is_made_here(&kept.info.id) && live);
            own.map(|kept| SessionId::new(kept.info.id.as_str()))
                .find(|id| known.sessions.contains_key(id))
        });
        let Some(session) = session else { continue };
        let mut ledger = lock(visits);
        let text = format!("visit {}", ledger.len());
        ledger.push(Written {
            server: server.index,
            session: session.to_string(),
            text: text.clone(),
            reported: Reported::Waits,
        });
        drop(ledger);
        chaos
            .core
            .trace(format_args!("{text} to s{} {session}", server.index));
        let prompt = Prompt {
            text: text.clone(),
            ..Prompt::default()
        };
        let mut asked = pin!(hub.commands.prompt(&of, &session, prompt, Some(&text)));
        let mut context = Context::from_waker(Waker::noop());
        // It is begun, and nobody waits for its end.
        let _left = asked.as_mut().poll(&mut context);
    }
}
