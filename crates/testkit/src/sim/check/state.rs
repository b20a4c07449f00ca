//! Whether the hub knows what its servers keep, byte for byte.

use std::collections::BTreeSet;

use hub::ingest::dialect;
use model::State;
use model::ids::SessionId;
use model::state::{Body, Instance, Run, RunStatus, Session};

use super::super::core::{Invariant, lock};
use super::super::hub::instance;
use super::super::server::{Connection, Inner, Server};
use super::super::store::Kept;
use super::now::requests;
use super::text::{Received, true_text};
use super::{Found, caught_up, wrong};

/// How wrong the difference of two clocks may be, in milliseconds: a second of a date, and a reply that takes 3 s.
const CLOCK_ERROR: u64 = 5_000;

/// All that the hub knows of a server is so, and it knows all.
pub(super) fn same_state(server: &Server, state: &State) -> Found {
    let Some(known) = state.instances.get(&instance(server.index)) else {
        return wrong(Invariant::State, "is not known");
    };
    if !known.is_live() {
        return wrong(
            Invariant::Convergence,
            format!("the link is {:?}", known.link.status),
        );
    }
    let Some(connection) = caught_up(server) else {
        return wrong(Invariant::Convergence, "the stream is behind");
    };
    clock(server, known, &connection)?;
    reads_ended(known)?;
    let store = lock(&server.store);
    let inner = lock(&server.inner);
    let asked = lock(&connection.asked);
    requests(known, &inner, &store, &asked)?;
    for (id, kept) in &store.sessions {
        let lacks = !known.sessions.contains_key(&SessionId::new(id.as_str()));
        if kept.home == server.index && asked.contains(&kept.info.directory) && lacks {
            return wrong(Invariant::State, format!("{id} is not known"));
        }
    }
    for session in known.sessions.values() {
        let id = session.info.id.as_str();
        match store.sessions.get(id) {
            Some(kept) if kept.home != server.index => {}
            Some(kept) => same_session(session, kept, server, &inner, &asked, &connection)?,
            None => return wrong(Invariant::State, format!("{id} is known, and is gone")),
        }
    }
    Ok(())
}

/// No read is under way, and what is read once has been.
fn reads_ended(known: &Instance) -> Found {
    let reads = |session: &&Session| match &session.body {
        Body::Loading(_) => true,
        Body::Loaded(loaded) => loaded.rereading.is_some(),
        Body::NotLoaded | Body::Failed { .. } => false,
    };
    let mut sessions = known.sessions.values().map(|session| &**session);
    if let Some(session) = sessions.find(reads) {
        let id = &session.info.id;
        return wrong(Invariant::Convergence, format!("{id} is being read"));
    }
    if let Some(folder) = known.asked.reading.keys().next() {
        return wrong(Invariant::Convergence, format!("{folder} is being read"));
    }
    if known.catalog.is_none() {
        return wrong(Invariant::Convergence, "agents and models are not known");
    }
    Ok(())
}

/// How far a server's clock is from the hub's is known, as far as a date that is cut to the second and slow replies tell it.
fn clock(server: &Server, known: &Instance, connection: &Connection) -> Found {
    let (at, jump) = server.core.jumped();
    let truly = server.skew() - jump;
    let measured = known.clock_ahead;
    // What was read before a jump tells nothing of the time after it.
    if connection.since > at && measured.abs_diff(truly) > CLOCK_ERROR {
        return wrong(
            Invariant::State,
            format!("its clock is {truly} ms ahead, and measured as {measured} ms ahead"),
        );
    }
    Ok(())
}

// Longer than 70 lines: a comparison, field after field.
fn same_session(
    session: &Session,
    kept: &Kept,
    server: &Server,
    inner: &Inner,
    asked: &BTreeSet<String>,
    connection: &Connection,
) -> Found {
    let id = session.info.id.as_str();
    same_raw(
        &format!("{id} row"),
        session.info.raw.get(),
        kept.info.raw.get(),
    )?;
    same_run(session, kept, inner, asked)?;
    let Body::Loaded(loaded) = &session.body else {
        return Ok(());
    };
    let known: Vec<_> = loaded.in_order().collect();
    let skip = kept.messages.len().saturating_sub(known.len());
    if loaded.older.is_none() && skip > 0 || known.len() > kept.messages.len() {
        let all = kept.messages.len();
        return wrong(
            Invariant::State,
            format!("{id} has {} of {all} messages", known.len()),
        );
    }
    for (message, truth) in known.iter().zip(kept.messages.values().skip(skip)) {
        let at = format!("{id} {}", message.info.id);
        same_raw(&at, message.info.raw.get(), truth.info.raw.get())?;
        let parts: Vec<_> = message.parts.keys().map(|part| part.as_str()).collect();
        let true_parts: Vec<_> = truth.parts.keys().map(String::as_str).collect();
        if parts != true_parts {
            return wrong(
                Invariant::State,
                format!("{at} has parts {parts:?}, and truly {true_parts:?}"),
            );
        }
        for (part, truth) in message.parts.values().zip(truth.parts.values()) {
            same_raw(
                &format!("{at} {}", part.id),
                part.raw.get(),
                truth.raw.get(),
            )?;
            let open = session.open.get(&part.id);
            if let Some(truth) = inner.texts.get(part.id.as_str())
                && part.kind.is_open_text()
            {
                let segments = open.map_or(&[][..], |open| open.segments());
                let runs = session.run.is_running();
                let lossy = inner.lossy.contains(&connection.id);
                // In a folder that was just discovered, a text may begin before its session is known.
                let elsewhere = kept.info.directory != server.directory;
                // What was received of a turn before this one may be forgotten.
                let newest = kept.messages.last_key_value();
                let runs =
                    runs && newest.is_some_and(|((_, id), _)| *id == message.info.id.as_str());
                let received = Received {
                    truth,
                    connection: connection.id,
                    runs: runs && !lossy,
                    lossy: &inner.lossy,
                    elsewhere,
                };
                true_text(segments, &received)
                    .map_err(|what| (Invariant::Text, format!("{at} {}: {what}", part.id)))?;
            } else if open.is_some() {
                return wrong(
                    Invariant::Text,
                    format!("{at} {} has ended and is open", part.id),
                );
            }
        }
    }
    let todos = kept.todos.as_ref().map_or("[]", |todos| todos.raw.get());
    let known = session.todos.as_ref().map_or("[]", |todos| todos.raw.get());
    let _server = server;
    same_raw(&format!("{id} todos"), known, todos)
}

fn same_raw(what: &str, known: &str, truth: &str) -> Found {
    if known == truth {
        return Ok(());
    }
    let at = known
        .bytes()
        .zip(truth.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let from = at.saturating_sub(30);
    let show = |text: &str| {
        let text = text.get(from..).unwrap_or_default();
        text.chars().take(90).collect::<String>()
    };
    wrong(
        Invariant::State,
        format!("{what} is …{} and truly …{}", show(known), show(truth)),
    )
}

fn same_run(session: &Session, kept: &Kept, inner: &Inner, asked: &BTreeSet<String>) -> Found {
    let id = session.info.id.as_str();
    let truth = inner
        .running
        .get(id)
        .and_then(|status| dialect::run_status(status.clone()));
    let same = match (&session.run, &truth) {
        (Run::Busy { .. }, Some(RunStatus::Busy)) => true,
        (Run::Retry { attempt, .. }, Some(RunStatus::Retry { attempt: truth, .. })) => {
            attempt == truth
        }
        (Run::Idle, None) => !inner.cut_off.contains(id),
        (Run::Interrupted { .. }, None) => true,
        (Run::Unknown, _) => !asked.contains(&kept.info.directory),
        _ => false,
    };
    if same {
        return Ok(());
    }
    let cut = inner.cut_off.contains(id);
    wrong(
        Invariant::Status,
        format!(
            "{id} is {:?}, and truly {truth:?} (cut off: {cut})",
            session.run
        ),
    )
}
