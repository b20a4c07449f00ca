//! What must hold: always, and once nothing goes wrong any more. The simulator knows the truth, so it can judge.

use std::collections::{BTreeSet, VecDeque};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use hub::feed::log::{Read, Said};
use hub::ingest::dialect;
use hub::limits;
use model::State;
use model::ids::SessionId;
use model::state::{Body, Instance, LinkStatus, Rev, Run, RunStatus, Session};
use model::text::Segment;
use model::view;
use page::{Context, Renderer};
use tokio::time::Instant;

use super::core::{Core, Invariant, lock};
use super::hub::{HubLife, instance};
use super::page::Page;
use super::server::{Connection, Inner, Sent, Server, TextTruth};
use super::store::{Kept, Store};
use super::viewer::{Shown, name};

/// What clocks of a millisecond and a poll between may add to a silence.
const GRACE: Duration = Duration::from_millis(60);

/// An invariant that does not hold, and why.
pub(super) type Wrong = (Invariant, String);

type Found = Result<(), Wrong>;

fn wrong<T>(invariant: Invariant, what: impl Into<String>) -> Result<T, Wrong> {
    Err((invariant, what.into()))
}

/// What must hold at every moment.
pub(super) fn always(core: &Core, servers: &[Arc<Server>], hub: &HubLife) {
    hub.engine.read(|state| {
        for server in servers {
            let Some(known) = state.instances.get(&instance(server.index)) else {
                continue;
            };
            let found = link(server, known)
                .and_then(|()| bounds(known))
                .and_then(|()| live(server, known));
            core.count(|stats| stats.checks += 3);
            if let Err((invariant, what)) = found {
                core.check(invariant, Some(format!("s{}: {what}", server.index)));
            }
        }
    });
}

/// A link is said to be what it is.
fn link(server: &Server, known: &Instance) -> Found {
    let connection = server.current();
    let silence = connection
        .as_ref()
        .map(|connection| Instant::now() - *lock(&connection.heard));
    let status = &known.link.status;
    match (status, silence) {
        (LinkStatus::Connected, None) => wrong(
            Invariant::Status,
            "is said to be connected, and has no stream",
        ),
        (LinkStatus::Connected, Some(silence)) if silence > limits::STALE_AFTER + GRACE => wrong(
            Invariant::Status,
            format!("is said to be connected after {silence:?} of silence"),
        ),
        (LinkStatus::Stale, None) => {
            wrong(Invariant::Status, "is said to be stale, and has no stream")
        }
        (LinkStatus::Stale, Some(silence))
            if silence > limits::DEAD_AFTER + GRACE || silence + GRACE < limits::STALE_AFTER =>
        {
            wrong(
                Invariant::Status,
                format!("is said to be stale after {silence:?} of silence"),
            )
        }
        _ => Ok(()),
    }
}

fn bounds(known: &Instance) -> Found {
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

/// A stream of which everything arrived, so that what it told is known.
fn caught_up(server: &Server) -> Option<Arc<Connection>> {
    server.current().filter(|connection| {
        connection.released.load(Ordering::SeqCst)
            && connection.pipe.is_open()
            && !connection.pipe.is_behind()
    })
}

/// While a link is live and nothing is under way, what runs and what waits is told as it is.
fn live(server: &Server, known: &Instance) -> Found {
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

fn requests(known: &Instance, inner: &Inner, store: &Store, asked: &BTreeSet<String>) -> Found {
    let heard = |session: &str| {
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
        .filter(|(_, session)| heard(session))
        .map(|(id, _)| id.as_str())
        .collect();
    let told: BTreeSet<&str> = known
        .permissions
        .values()
        .map(|asked| (asked.id.as_str(), &asked.session))
        .chain(
            known
                .questions
                .values()
                .map(|asked| (asked.id.as_str(), &asked.session)),
        )
        .filter(|(_, session)| heard(session.as_str()))
        .map(|(id, _)| id)
        .collect();
    if truth != told {
        return wrong(
            Invariant::Needs,
            format!("{told:?} wait, and truly {truth:?}"),
        );
    }
    Ok(())
}

/// A session of this very server; of another's it is told nothing, and so can say nothing.
fn kept_here<'a>(store: &'a Store, server: &Server, session: &Session) -> Option<&'a Kept> {
    let kept = store.sessions.get(session.info.id.as_str())?;
    (kept.home == server.index).then_some(kept)
}

/// What must hold once nothing goes wrong any more and there was time.
pub(super) fn quiet(servers: &[Arc<Server>], hub: &HubLife, viewers: &[Shown]) -> Found {
    hub.engine.read(|state| {
        for server in servers {
            same_state(server, state)
                .map_err(|(invariant, what)| (invariant, format!("s{}: {what}", server.index)))?;
        }
        for (at, shown) in viewers.iter().enumerate() {
            same_page(shown, state, hub)
                .map_err(|(invariant, what)| (invariant, format!("v{at}: {what}")))?;
        }
        Ok(())
    })
}

fn same_state(server: &Server, state: &State) -> Found {
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
            None if is_of(id, server.index) => {
                return wrong(Invariant::State, format!("{id} is known, and is gone"));
            }
            None => {}
        }
    }
    Ok(())
}

/// Ids that were made here tell their server; recorded ones are longer.
fn is_of(id: &str, server: usize) -> bool {
    id.len() != 11 || id[4..].starts_with(&server.to_string())
}

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
                // In a folder that was just heard of, a text may begin before its session is known.
                let elsewhere = kept.info.directory != server.directory;
                // What was heard of a turn before this one may be forgotten.
                let newest = kept.messages.last_key_value();
                let runs =
                    runs && newest.is_some_and(|((_, id), _)| *id == message.info.id.as_str());
                let heard = Heard {
                    truth,
                    connection: connection.id,
                    runs: runs && !lossy,
                    lossy: &inner.lossy,
                    elsewhere,
                };
                true_text(segments, &heard)
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
    let told = session.todos.as_ref().map_or("[]", |todos| todos.raw.get());
    let _server = server;
    same_raw(&format!("{id} todos"), told, todos)
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

/// What the hub was sent of a text.
struct Heard<'a> {
    truth: &'a TextTruth,
    /// The stream that it holds now.
    connection: u64,
    /// True while the text may be added to, and nothing of it was lost.
    runs: bool,
    /// Streams on which events were lost.
    lossy: &'a BTreeSet<u64>,
    /// True where a text may begin before its session is known.
    elsewhere: bool,
}

/// Every known piece is all that was heard without interruption, in order; what was heard last is there, as long as it
/// may still be added to.
fn true_text(segments: &[Segment], heard: &Heard<'_>) -> Result<(), String> {
    let truth = heard.truth;
    let texts: Vec<(u64, String)> = truth
        .runs
        .iter()
        .map(|(on, run)| (*on, text_of(&truth.units[run.clone()])))
        .collect();
    // Where an event was lost, a hole is told wherever that is found out.
    let any_lost = texts.iter().any(|(on, _)| heard.lossy.contains(on));
    let is = |(on, text): &&(u64, String), known: &str| {
        // Half a character may be all that is lost of the beginning.
        let rest = known.trim_start_matches(char::REPLACEMENT_CHARACTER);
        text == known
            || (heard.elsewhere && text.ends_with(rest))
            || (heard.lossy.contains(on) && text.contains(rest))
    };
    let mut pieces = texts.iter();
    let mut last = None;
    for segment in segments {
        let Segment::Known(known) = segment else {
            last = None;
            continue;
        };
        if last.is_some() {
            return Err("two pieces stand side by side".into());
        }
        last = if any_lost {
            texts.iter().find(|piece| is(piece, known))
        } else {
            pieces.find(|piece| is(piece, known))
        };
        if last.is_none() {
            return Err(format!("{known:?} was not heard so; heard was {texts:?}"));
        }
    }
    let newest = texts.iter().rev().find(|(_, text)| !text.is_empty());
    if let Some((on, text)) = newest.filter(|_| heard.runs && !heard.elsewhere)
        && *on == heard.connection
        && !matches!(segments.last(), Some(Segment::Known(known)) if known == text)
    {
        return Err(format!(
            "{text:?} was heard, and is not known: {segments:?}"
        ));
    }
    let whole = truth.begun == Some(heard.connection)
        && matches!(&truth.runs[..], [(on, run)] if *on == heard.connection && run.start == 0);
    if heard.runs && !heard.elsewhere && whole && segments.contains(&Segment::Gap) {
        return Err(format!("all was heard, and a hole is told: {segments:?}"));
    }
    Ok(())
}

/// Units as they are shown: half a character at the end waits for the other half.
fn text_of(units: &[u16]) -> String {
    let waits = units
        .last()
        .is_some_and(|unit| (0xd800..0xdc00).contains(unit));
    let end = units.len() - usize::from(waits);
    String::from_utf16_lossy(&units[..end])
}

fn same_page(shown: &Shown, state: &State, hub: &HubLife) -> Found {
    if shown.hidden || !shown.linked {
        return wrong(Invariant::Convergence, "is not linked, or not seen");
    }
    if shown.epoch != **hub.engine.epoch() {
        return wrong(Invariant::Convergence, "is of another life of the hub");
    }
    let seen = view::look(state, &shown.look, Rev(0));
    let context = Context {
        epoch: &shown.epoch,
        version: "sim",
        now: hub.engine.now(),
        recent: &[],
        notices: &[],
        found: &[],
    };
    let fresh = Page::of(&Renderer::new().document(&seen, &context));
    let (has, should) = (masked(&shown.page.html()), masked(&fresh.html()));
    if has == should {
        return Ok(());
    }
    let at = has
        .bytes()
        .zip(should.bytes())
        .take_while(|(a, b)| a == b)
        .count();
    let show = |html: &str| {
        let mut from = at.saturating_sub(80);
        while !html.is_char_boundary(from) {
            from -= 1;
        }
        html[from..].chars().take(260).collect::<String>()
    };
    wrong(
        Invariant::View,
        format!(
            "at {} (rev {} of {}) shows …{}… instead of …{}…",
            name(&shown.look),
            shown.rev,
            state.rev.0,
            show(&has),
            show(&should)
        ),
    )
}

/// What changes without a revision is not compared: when something was last heard, and what was counted without use.
fn masked(html: &str) -> String {
    let mut out = String::with_capacity(html.len());
    let mut rest = html;
    let begin = "<dt>Last heard</dt>";
    if let Some(at) = rest.find(begin) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        rest = rest.find("</dd>").map_or("", |end| &rest[end + 5..]);
    }
    for counted in ["<dt>Unknown events</dt>", "<dt>Unreadable events</dt>"] {
        if let Some(at) = rest.find(counted) {
            out.push_str(&rest[..at]);
            rest = &rest[at..];
            rest = rest.find("</dd>").map_or("", |end| &rest[end + 5..]);
        }
    }
    out.push_str(rest);
    out
}

/// The log has what the hub took, once and in order. What was held back on a stream that broke before its server's state
/// was read is told nowhere, as it is read instead.
pub(super) async fn same_log(server: &Server, hub: &HubLife) -> Found {
    let taken: VecDeque<Arc<Sent>> = {
        let inner = lock(&server.inner);
        let told = inner.taken.iter();
        told.filter(|(on, _)| inner.released.contains(on))
            .map(|(_, frame)| frame.clone())
            .collect()
    };
    let mut taken = taken.into_iter();
    let mut cursor = hub.log_begin.clone();
    let of = instance(server.index);
    loop {
        let entries = match hub.engine.journal().read(&cursor, 10_000).await {
            Read::Entries(entries) => entries,
            // Between two lives of the log, where nothing may be missing either.
            Read::Gap { resume } => {
                cursor = resume;
                continue;
            }
        };
        let Some(last) = entries.last() else { break };
        cursor = last.cursor();
        for entry in entries.iter().filter(|entry| entry.instance == of) {
            let same = match &entry.said {
                Said::Hub(_) => true,
                Said::Withheld => taken.next().is_some(),
                Said::Upstream(text) | Said::Names(text) => {
                    taken.next().is_some_and(|frame| same_frame(&frame, text))
                }
            };
            if !same {
                let seq = entry.seq;
                let what = format!("s{}: entry {seq} is {:?}", server.index, entry.said);
                return wrong(Invariant::Log, what);
            }
        }
    }
    match taken.next() {
        None => Ok(()),
        Some(frame) => wrong(
            Invariant::Log,
            format!("s{} lacks {}", server.index, frame.data),
        ),
    }
}

/// A frame as it came; of the durable twin of an event, and of a deletion, only the names are kept.
fn same_frame(frame: &Sent, text: &str) -> bool {
    if *frame.data == *text {
        return true;
    }
    use opencode::wire::{Event, decode};
    let names = |text: &str| match decode(text).ok()?.event {
        Event::Sync(sync) => Some((sync.id, sync.seq, sync.aggregate_id)),
        Event::SessionDeleted { session_id, .. } => Some((session_id, 0, String::new())),
        _ => None,
    };
    names(&frame.data).is_some_and(|known| Some(known) == names(text))
}
