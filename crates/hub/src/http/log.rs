//! `GET /api/log`: every upstream event in order, as an event stream with cursors.
//!
//! Frames, by event name:
//!
//! | event | data | meaning |
//! |---|---|---|
//! | (none) | `{"instance", "event"}` | an event as the server sent it; of a `sync` duplicate only its names |
//! | (none) | `{"instance", "hub"}` | an event of the hub about the link: see `docs/journal.md` |
//! | `redacted` | `{"instance", "count"}` | this number of entries of the instance are not retained: deleted, or never stored |
//! | `gap` | `{"after", "resume"}` | the entries between these two cursors are lost to this reader |
//!
//! The `id` of each is the cursor after it. Comments are sent as heartbeats; they carry the cursor as well.

mod out;

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Extension, Query, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use model::ids::{InstanceId, SessionId};
use serde::Deserialize;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};

use self::out::Out;
use super::app::App;
use super::ending::{End, Ending};
use super::problem::Problem;
use super::shield::Revocation;
use crate::engine::Handle;
use crate::limits;
use crate::record::log::{Cursor, Entry, LogRead, Payload};

/// Selects events of the log.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LogParams {
    /// Events after this cursor: the `id` of an event, or `now`. Without it, and without `Last-Event-ID`, all retained
    /// events.
    after: Option<String>,
    /// Events of this instance only.
    #[param(value_type = Option<String>)]
    instance: Option<InstanceId>,
    /// Events of this session only.
    #[param(value_type = Option<String>)]
    session: Option<SessionId>,
    /// False to end the response after the newest event instead of following the log.
    follow: Option<bool>,
}

/// Streams every upstream event in order, as server-sent events: `id` is the cursor, `data` is `{"instance", "event"}`
/// with the event as received, or `{"instance", "hub"}` with an event of the hub about the link. The stream begins with
/// the journal, and cursors stay valid over restarts of the hub. Where events are lost to the reader, an event `gap`
/// with `{"after", "resume"}` comes first; events that are not retained are replaced by an event `redacted` with
/// `{"instance", "count"}`.
#[utoipa::path(
    get, path = "/api/log", tag = "feeds", params(LogParams, ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 400, body = Problem))
)]
pub(super) async fn follow(
    State(app): State<App>,
    Extension(ended): Extension<Revocation>,
    headers: HeaderMap,
    Query(ask): Query<LogParams>,
) -> Result<Response, Problem> {
    let place = app.place()?;
    let engine = app.hub().engine().clone();
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .filter(|id| !id.is_empty());
    // A browser that reconnects repeats its first `after`, but its last event id is newer.
    let cursor = match last.or(ask.after.as_deref()) {
        Some("now") => engine.log().end(),
        Some(cursor) => cursor.parse()?,
        None => engine.log().begin(),
    };
    let squeezed = accepts_gzip(&headers);
    let reader = Reader {
        newest: engine.log().newest(),
        engine,
        cursor,
        ask,
        pending: VecDeque::new(),
        out: Out::new(squeezed.then(|| app.compressor())),
        beat: Instant::now() + limits::LOG_BEAT,
        ending: Ending::of(&app, ended),
        greeted: false,
        ended: false,
        _place: place,
    };
    let frames = unfold(reader, async |mut reader| {
        let piece = reader.piece().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), reader))
    });
    let body = Body::from_stream(frames.fuse());
    let kind = [
        (CONTENT_TYPE, "text/event-stream; charset=utf-8"),
        (VARY, "accept-encoding"),
    ];
    let encoding = squeezed.then_some([(CONTENT_ENCODING, "gzip")]);
    Ok((kind, encoding, [("x-accel-buffering", "no")], body).into_response())
}

/// True if a request accepts gzip: RFC 9110, section 12.5.3.
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let named = headers.get_all(ACCEPT_ENCODING).into_iter();
    named
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|coding| {
            let mut words = coding.split(';').map(str::trim);
            let is_gzip = words
                .next()
                .is_some_and(|name| name.eq_ignore_ascii_case("gzip"));
            let weight = words.find_map(|word| word.strip_prefix("q="));
            is_gzip && weight.is_none_or(|weight| weight.parse::<f32>().is_ok_and(|q| q > 0.0))
        })
}

struct Reader {
    engine: Handle,
    newest: watch::Receiver<u64>,
    /// The cursor after the newest entry that was read.
    cursor: Cursor,
    ask: LogParams,
    pending: VecDeque<Arc<Entry>>,
    /// Output queue of the reader.
    out: Out,
    beat: Instant,
    ending: Ending,
    greeted: bool,
    ended: bool,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// The next bytes of the stream; `None` at its end.
    async fn piece(&mut self) -> Option<Bytes> {
        if self.ending.is_there() == Some(End::Caller) {
            return None;
        }
        if let Some(piece) = self.out.pop() {
            return Some(piece);
        }
        if self.ended {
            return None;
        }
        let more = self.fill().await;
        if let Err(error) = self.out.flush() {
            // The reader reconnects with its cursor.
            tracing::error!(%error, "a reader of the log is sent away: gzip failed");
            return None;
        }
        if more.is_none() {
            self.ended = true;
            self.out.end();
        }
        self.out.pop()
    }

    /// Waits for output and queues it; `None` at the end.
    async fn fill(&mut self) -> Option<()> {
        if !std::mem::replace(&mut self.greeted, true) {
            // Readers see at once that they are connected, even without events.
            self.out.push(": drovers\n\n");
            return Some(());
        }
        loop {
            if self.ending.is_there().is_some() {
                return None;
            }
            if !self.pending.is_empty() {
                while let Some(entry) = self.pending.pop_front_if(|_| !self.out.is_full()) {
                    self.frame(&entry);
                }
                return Some(());
            }
            self.newest.borrow_and_update();
            let journal = self.engine.journal();
            match journal.read(&self.cursor, limits::LOG_PAGE).await {
                LogRead::Gap { resume } => {
                    self.gap(resume);
                    return Some(());
                }
                LogRead::Entries(entries) if entries.is_empty() => {
                    if self.ask.follow == Some(false) {
                        return None;
                    }
                    if self.wait().await? == WakeReason::ByTheClock {
                        self.out.push(&format!(": beat\nid: {}\n\n", self.cursor));
                        return Some(());
                    }
                }
                LogRead::Entries(entries) => self.take(entries),
            }
        }
    }

    /// Queues entries, and leaves those beyond the output limit for the next read of the log.
    fn take(&mut self, mut entries: Vec<Arc<Entry>>) {
        let mut bytes = 0;
        let fit = entries.iter().take_while(|entry| {
            let fits = bytes < limits::LOG_PAGE_BYTES;
            bytes += entry.bytes();
            fits
        });
        entries.truncate(fit.count());
        if let Some(last) = entries.last() {
            self.cursor = last.cursor();
        }
        let LogParams {
            instance, session, ..
        } = &self.ask;
        let wanted = |entry: &Arc<Entry>| {
            instance
                .as_ref()
                .is_none_or(|instance| *instance == entry.instance)
                && session
                    .as_ref()
                    .is_none_or(|session| entry.session.as_deref() == Some(session.as_str()))
        };
        self.pending.extend(entries.into_iter().filter(wanted));
    }

    /// Formats an entry; consecutive redacted entries become one frame.
    fn frame(&mut self, entry: &Entry) {
        let (name, text) = match &entry.payload {
            Payload::Upstream(text) | Payload::Names(text) => ("event", text),
            Payload::Hub(text) => ("hub", text),
            Payload::Redacted => return self.redacted(entry),
        };
        let (id, instance) = (entry.cursor(), &entry.instance);
        self.out.push(&format!(
            "id: {id}\ndata: {{\"instance\":\"{instance}\",\"{name}\":"
        ));
        self.out.push_shared(text);
        self.out.push("}\n\n");
    }

    fn redacted(&mut self, entry: &Entry) {
        let (mut last, mut count) = (entry.cursor(), 1);
        let same = |next: &mut Arc<Entry>| {
            next.payload == Payload::Redacted && next.instance == entry.instance
        };
        while let Some(next) = self.pending.pop_front_if(same) {
            last = next.cursor();
            count += 1;
        }
        let data = serde_json::json!({"instance": entry.instance, "count": count});
        let frame = format!("id: {last}\nevent: redacted\ndata: {data}\n\n");
        self.out.push(&frame);
    }

    fn gap(&mut self, resume: Cursor) {
        let data =
            serde_json::json!({"after": self.cursor.to_string(), "resume": resume.to_string()});
        let frame = format!("id: {resume}\nevent: gap\ndata: {data}\n\n");
        self.out.push(&frame);
        self.cursor = resume;
    }

    /// Waits for more; `None` once the hub shuts down. A heartbeat carries the cursor, so that the cursor of a reader
    /// with few events does not fall behind the log.
    async fn wait(&mut self) -> Option<WakeReason> {
        tokio::select! {
            more = self.newest.changed() => more.ok().map(|()| WakeReason::ByMore),
            _end = self.ending.comes() => None,
            () = sleep_until(self.beat) => {
                self.beat = Instant::now() + limits::LOG_BEAT;
                Some(WakeReason::ByTheClock)
            }
        }
    }
}

/// The reason why a waiting reader continues.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum WakeReason {
    ByMore,
    ByTheClock,
}
