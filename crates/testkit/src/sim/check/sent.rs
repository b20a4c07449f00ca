//! Whether what people sent arrived: once, and in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use opencode::wire::Role;

use super::super::core::{Invariant, lock};
use super::super::server::Server;
use super::super::store::{Kept, KeptMessage};
use super::super::writer::{Ledger, Told, Written};
use super::{Found, wrong};

/// Nothing is in a session twice, whatever was told of it.
pub(super) fn never_twice(ledger: &Ledger, servers: &[Arc<Server>]) -> Found {
    each(ledger, servers, |written, found| match found {
        [] | [_] => Ok(()),
        all => wrong(
            Invariant::Sent,
            format!("{:?} is there {} times", written.text, all.len()),
        ),
    })
}

/// Each prompt to a session that is still there is in it, once and in the order in which they were written. None was
/// refused: a refusal says that the session is gone.
pub(super) fn arrived(ledger: &Ledger, servers: &[Arc<Server>]) -> Found {
    let mut last = BTreeMap::new();
    each(ledger, servers, |written, found| {
        let text = &written.text;
        match (&written.told, found) {
            (Told::Waits, _) => wrong(Invariant::Convergence, format!("{text:?} still waits")),
            (Told::Taken(id), [(place, one)]) if one.info.id == *id && one.parts.len() == 1 => {
                let before = last.insert(written.session.clone(), *place);
                if before.is_some_and(|before| before > *place) {
                    return wrong(
                        Invariant::Sent,
                        format!("{text:?} is before an earlier one"),
                    );
                }
                Ok(())
            }
            (told, found) => wrong(
                Invariant::Sent,
                format!(
                    "{text:?} is told {told:?}, and is there {} times",
                    found.len()
                ),
            ),
        }
    })
}

/// Judges each prompt whose session is there by where it is there.
fn each(
    ledger: &Ledger,
    servers: &[Arc<Server>],
    mut judge: impl FnMut(&Written, &[(usize, &KeptMessage)]) -> Found,
) -> Found {
    for written in lock(ledger).iter() {
        let store = lock(&servers[written.server].store);
        if let Some(kept) = store.sessions.get(&written.session) {
            judge(written, &places(kept, &written.text))?;
        }
    }
    Ok(())
}

/// The messages of a person that hold this text, each once for each of its parts that does.
fn places<'a>(kept: &'a Kept, text: &str) -> Vec<(usize, &'a KeptMessage)> {
    let messages = kept.messages.values().enumerate();
    let own = messages.filter(|(_, message)| message.info.role == Role::User);
    own.flat_map(|(at, message)| {
        let parts = message.parts.values().filter(|part| {
            let raw: serde_json::Value = serde_json::from_str(part.raw.get()).unwrap_or_default();
            raw["text"] == text
        });
        parts.map(move |_| (at, message))
    })
    .collect()
}
