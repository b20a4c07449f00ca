//! Shown links, runs and requests, and the size of the state: at every moment.

use std::collections::BTreeSet;
use std::time::Duration;

use hub::limits;
use model::ids::SessionId;
use model::state::{Body, Instance, LinkStatus, Run};
use tokio::time::Instant;

use super::super::core::{Invariant, lock};
use super::super::server::{Inner, Server};
use super::super::store::Store;
use super::{Found, caught_up, kept_here, wrong};

/// What clocks of a millisecond and a poll between may add to a silence.
const GRACE: Duration = Duration::from_millis(60);

/// A link is shown with its true status.
pub(super) fn link(server: &Server, known: &Instance) -> Found {
    let connection = server.current();
    let silence = connection
        .as_ref()
        .map(|connection| Instant::now() - *lock(&connection.last_received));
    let status = &known.link.status;
    match (status, silence) {
        (LinkStatus::Connected, None) => wrong(
            Invariant::Status,
            "is shown as connected, and has no stream",
        ),
        (LinkStatus::Connected, Some(silence)) if silence > limits::STALE_AFTER + GRACE => wrong(
            Invariant::Status,
            format!("is shown as connected after {silence:?} of silence"),
        ),
        (LinkStatus::Stale, None) => {
            wrong(Invariant::Status, "is shown as stale, and has no stream")
        }
        (LinkStatus::Stale, Some(silence))
            if silence > limits::DEAD_AFTER + GRACE || silence + GRACE < limits::STALE_AFTER =>
        {
            wrong(
                Invariant::Status,
                format!("is shown as stale after {silence:?} of silence"),
            )
        }
        _ => Ok(()),
    }
}

/// What is kept is within its bounds, and counted rightly.
pub(super) fn bounds(known: &Instance) -> Found {
    for session in known.sessions.values() {
        let id = &session.info.id;
        if session.open.len() > model::limits::OPEN_TEXTS {
            return wrong(Invariant::Bounds, format!("{id} has too many open texts"));
        }
        let held = match &session.body {
            Body::Loading(held) => held.events.len(),
            Body::Loaded(loaded) => {
                let kept: usize = loaded
                    .messages
                    .values()
                    .map(|message| {
                        let parts = message.parts.values();
                        message.info.raw.get().len()
                            + parts.map(|part| part.raw.get().len()).sum::<usize>()
                    })
                    .sum();
                if kept != loaded.bytes {
                    return wrong(
                        Invariant::Bounds,
                        format!("{id} keeps {kept} bytes and counts {}", loaded.bytes),
                    );
                }
                loaded
                    .rereading
                    .as_ref()
                    .map_or(0, |held| held.events.len())
            }
            _ => 0,
        };
        if held > model::limits::HELD_EVENTS {
            return wrong(Invariant::Bounds, format!("{id} holds {held} events"));
        }
    }
    Ok(())
}

/// No session is there whose deletion was reported.
pub(super) fn gone(server: &Server, known: &Instance) -> Found {
    // What arrives while a link is made applies once it is live.
    if !known.is_live() {
        return Ok(());
    }
    let store = lock(&server.store);
    let inner = lock(&server.inner);
    let mut gone = inner.deleted.iter();
    let back = gone.find(|id| {
        let there = known.sessions.contains_key(&SessionId::new(id.as_str()));
        there && !store.sessions.contains_key(*id)
    });
    match back {
        Some(id) => wrong(Invariant::State, format!("{id} was deleted, and is back")),
        None => Ok(()),
    }
}

/// While a link is live and nothing is under way, runs and requests are shown as they are.
pub(super) fn live(server: &Server, known: &Instance) -> Found {
    let Some(connection) = caught_up(server).filter(|_| known.is_live()) else {
        return Ok(());
    };
    let store = lock(&server.store);
    let inner = lock(&server.inner);
    if inner.lossy.contains(&connection.id) {
        return Ok(());
    }
    let asked = lock(&connection.asked);
    for session in known.sessions.values() {
        let Some(kept) = kept_here(&store, server, session) else {
            continue;
        };
        let truth = inner.running.get(session.info.id.as_str());
        let unasked = !asked.contains(&kept.info.directory) && session.run == Run::Unknown;
        if truth.is_some() != session.run.is_running() && !unasked {
            return wrong(
                Invariant::Status,
                format!(
                    "{} is {:?}, and truly {truth:?}",
                    session.info.id, session.run
                ),
            );
        }
    }
    requests(known, &inner, &store, &asked)
}

/// The requests that wait for a person are those that are shown.
pub(super) fn requests(
    known: &Instance,
    inner: &Inner,
    store: &Store,
    asked: &BTreeSet<String>,
) -> Found {
    let readable = |session: &str| {
        let kept = store.sessions.get(session);
        kept.is_some_and(|kept| asked.contains(&kept.info.directory))
    };
    let truth: BTreeSet<&str> = inner
        .permissions
        .values()
        .map(|asked| (&asked.id, &asked.session_id))
        .chain(
            inner
                .questions
                .values()
                .map(|asked| (&asked.id, &asked.session_id)),
        )
        .filter(|(_, session)| readable(session))
        .map(|(id, _)| id.as_str())
        .collect();
    let shown: BTreeSet<&str> = known
        .permissions
        .values()
        .map(|asked| (asked.id.as_str(), &asked.session))
        .chain(
            known
                .questions
                .values()
                .map(|asked| (asked.id.as_str(), &asked.session)),
        )
        .filter(|(_, session)| readable(session.as_str()))
        .map(|(id, _)| id)
        .collect();
    if truth != shown {
        return wrong(
            Invariant::Needs,
            format!("{shown:?} are shown, and truly {truth:?}"),
        );
    }
    Ok(())
}
