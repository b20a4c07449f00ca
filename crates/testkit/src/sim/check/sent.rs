//! Whether what people sent arrived: once, and in order.

use std::collections::BTreeMap;
use std::sync::Arc;

use opencode::wire::Role;

use super::super::core::{Invariant, lock};
use super::super::server::Server;
use super::super::store::{Kept, KeptMessage};
use super::super::writer::{Ledger, Reported, Written};
use super::{Found, wrong};

/// Nothing is in a session twice, whatever was reported of it.
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
        match (&written.reported, found) {
            (Reported::Waits, _) => wrong(Invariant::Convergence, format!("{text:?} still waits")),
            (Reported::Taken(id), [(place, one)]) if one.info.id == *id && one.parts.len() == 1 => {
                let before = last.insert(written.session.clone(), *place);
                if before.is_some_and(|before| before > *place) {
                    return wrong(
                        Invariant::Sent,
                        format!("{text:?} is before an earlier one"),
                    );
                }
                Ok(())
            }
            (reported, found) => wrong(
                Invariant::Sent,
                format!(
                    "{text:?} is reported {reported:?}, and is there {} times",
                    found.len()
                ),
            ),
        }
    })
}

/// Each prompt of somebody who left at once is in its session, if that is still there, once.
pub(in super::super) fn visited(ledger: &Ledger, servers: &[Arc<Server>]) -> Found {
    each(ledger, servers, |written, found| match found {
        [_] => Ok(()),
        all => wrong(
            Invariant::Sent,
            format!(
                "{:?} was asked by one who left, and is there {} times",
                written.text,
                all.len()
            ),
        ),
    })
}

/// Judges each prompt whose session is there by where it is there, in the order in which they were written.
fn each(
    ledger: &Ledger,
    servers: &[Arc<Server>],
    mut judge: impl FnMut(&Written, &[(usize, &KeptMessage)]) -> Found,
) -> Found {
    let ledger = lock(ledger);
    for (index, server) in servers.iter().enumerate() {
        let store = lock(&server.store);
        let mut places = BTreeMap::new();
        for written in ledger.iter().filter(|written| written.server == index) {
            let session = &written.session;
            let Some(kept) = store.sessions.get(session) else {
                continue;
            };
            let places = places.entry(session).or_insert_with(|| prompts(kept));
            let found = places.get(&*written.text);
            judge(written, found.map_or(&[], Vec::as_slice))?;
        }
    }
    Ok(())
}

/// The prompts in a session: the messages that hold a text, each once for each of its parts that does.
fn prompts(kept: &Kept) -> BTreeMap<&str, Vec<(usize, &KeptMessage)>> {
    let mut prompts: BTreeMap<_, Vec<_>> = BTreeMap::new();
    let messages = kept.messages.values().enumerate();
    for (at, message) in messages.filter(|(_, message)| message.info.role == Role::User) {
        // Nothing in the texts that are looked for is escaped.
        let texts = message.parts.values().filter_map(|part| {
            let (_, text) = part.raw.get().split_once("\"text\":\"")?;
            text.split('"').next()
        });
        for text in texts {
            prompts.entry(text).or_default().push((at, message));
        }
    }
    prompts
}
