//! `GET /api/log`: every upstream event in order, as an event stream of our own with cursors.
//!
//! Frames, by the name of the event:
//!
//! | event | data | what |
//! |---|---|---|
//! | (none) | `{"instance", "event"}` | an event as the server sent it; of a `sync` twin only its names |
//! | (none) | `{"instance", "hub"}` | the hub's own word on the link: see `docs/journal.md` |
//! | `withheld` | `{"instance", "count"}` | so many entries of that instance are not kept: deleted, or never stored |
//! | `gap` | `{"after", "resume"}` | whatever lies between these two cursors is lost to this reader |
//!
//! Each carries as its `id` the cursor after it. Comments are sent while nothing happens; they carry the cursor, too.

use std::collections::VecDeque;
use std::sync::Arc;

use axum::body::{Body, Bytes};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use futures_util::StreamExt;
use futures_util::stream::unfold;
use model::ids::{InstanceId, SessionId};
use serde::Deserialize;
use serde_json::value::RawValue;
use tokio::sync::{OwnedSemaphorePermit, watch};
use tokio::time::{Instant, sleep_until};
use tokio_util::sync::CancellationToken;
use tower_http::compression::{CompressionLayer, CompressionLevel};

use super::app::App;
use super::problem::Problem;
use crate::engine::Handle;
use crate::feed::log::{Cursor, Entry, Read, Said};
use crate::limits;

/// What to tell of the log.
#[derive(Debug, Default, Deserialize, utoipa::IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct Ask {
    /// Events after this cursor: the `id` of an event, or `now`. Without it, and without `Last-Event-ID`, everything
    /// that is kept.
    after: Option<String>,
    /// Events of this instance only.
    #[param(value_type = Option<String>)]
    instance: Option<InstanceId>,
    /// Events about this session only.
    #[param(value_type = Option<String>)]
    session: Option<SessionId>,
    /// False to end with the newest event instead of waiting for more.
    follow: Option<bool>,
}

/// Compression that lets each event out at once. Of the algorithms gzip holds the least memory for each reader.
pub(super) fn compression() -> CompressionLayer<EventStream> {
    CompressionLayer::new()
        .no_br()
        .quality(CompressionLevel::Fastest)
        .compress_when(EventStream)
}

/// Compresses event streams, which are left alone elsewhere.
#[derive(Clone, Copy, Debug)]
pub(super) struct EventStream;

impl tower_http::compression::Predicate for EventStream {
    fn should_compress<B>(&self, response: &axum::http::Response<B>) -> bool
    where
        B: axum::body::HttpBody,
    {
        let kind = response.headers().get(CONTENT_TYPE);
        kind.is_some_and(|kind| kind.as_bytes().starts_with(b"text/event-stream"))
    }
}

/// Every upstream event in order, as server-sent events: `id` is the cursor, `data` is `{"instance", "event"}` with the
/// event as it came, or `{"instance", "hub"}` with the hub's own word on the link. It begins with what the journal has,
/// and goes on over restarts of the hub. Where events are lost to the reader there is first an event `gap` with
/// `{"after", "resume"}`; for those that are not kept there is an event `withheld` with `{"instance", "count"}`.
#[utoipa::path(
    get, path = "/api/log", tag = "feeds", params(Ask, ("Last-Event-ID" = Option<String>, Header)),
    responses((status = 200, content_type = "text/event-stream", body = String), (status = 400, body = Problem))
)]
pub(super) async fn follow(
    State(app): State<App>,
    headers: HeaderMap,
    Query(ask): Query<Ask>,
) -> Result<Response, Problem> {
    let place = app.place()?;
    let engine = app.hub().engine().clone();
    let last = headers
        .get("last-event-id")
        .and_then(|id| id.to_str().ok())
        .filter(|id| !id.is_empty());
    // A browser that reconnects repeats its first `after`, and knows better by then.
    let cursor = match last.or(ask.after.as_deref()) {
        Some("now") => engine.log().end(),
        Some(cursor) => cursor.parse()?,
        None => engine.log().begin(),
    };
    let reader = Reader {
        newest: engine.log().newest(),
        engine,
        cursor,
        ask,
        pending: VecDeque::new(),
        frame: Bytes::new(),
        beat: Instant::now() + limits::LOG_BEAT,
        ending: app.ending(),
        greeted: false,
        _place: place,
    };
    let frames = unfold(reader, async |mut reader| {
        let piece = reader.piece().await?;
        Some((Ok::<_, std::convert::Infallible>(piece), reader))
    });
    // Compression asks once more after the end.
    let body = Body::from_stream(frames.fuse());
    let kind = [(CONTENT_TYPE, "text/event-stream; charset=utf-8")];
    Ok((kind, [("x-accel-buffering", "no")], body).into_response())
}

struct Reader {
    engine: Handle,
    newest: watch::Receiver<u64>,
    /// After the newest entry that was read.
    cursor: Cursor,
    ask: Ask,
    pending: VecDeque<Arc<Entry>>,
    /// What is left of the frame that is being sent.
    frame: Bytes,
    beat: Instant,
    ending: CancellationToken,
    greeted: bool,
    _place: OwnedSemaphorePermit,
}

impl Reader {
    /// The next bytes of the stream; `None` at its end. HTTP takes so many pieces of whatever size for a reader that does
    /// not read, so they are small.
    async fn piece(&mut self) -> Option<Bytes> {
        if self.frame.is_empty() {
            self.frame = self.next().await?;
        }
        let most = self.frame.len().min(limits::LOG_PIECE);
        Some(self.frame.split_to(most))
    }

    /// The next frame of the stream.
    async fn next(&mut self) -> Option<Bytes> {
        if !std::mem::replace(&mut self.greeted, true) {
            // Readers see at once that they are connected, however quiet it is.
            return Some(Bytes::from_static(b": drovers\n\n"));
        }
        loop {
            if self.ending.is_cancelled() {
                return None;
            }
            if let Some(entry) = self.pending.pop_front() {
                return Some(self.frame(&entry));
            }
            self.newest.borrow_and_update();
            let journal = self.engine.journal();
            match journal.read(&self.cursor, limits::LOG_PAGE).await {
                Read::Gap { resume } => return Some(self.gap(resume)),
                Read::Entries(entries) if entries.is_empty() => {
                    if self.ask.follow == Some(false) {
                        return None;
                    }
                    if let Some(beat) = self.wait().await? {
                        return Some(beat);
                    }
                }
                Read::Entries(entries) => self.take(entries),
            }
        }
    }

    /// Takes entries that are to be sent next, and leaves for the next look at the log what is too much to keep.
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
        let Ask {
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

    /// An entry as a frame, and with one that is withheld those that follow it.
    fn frame(&mut self, entry: &Entry) -> Bytes {
        match &entry.said {
            Said::Upstream(text) => event(entry, "event", text),
            Said::Hub(text) => event(entry, "hub", text),
            Said::Withheld => {
                let (mut last, mut count) = (entry.cursor(), 1);
                let same = |next: &&Arc<Entry>| {
                    next.said == Said::Withheld && next.instance == entry.instance
                };
                while let Some(next) = self.pending.front().filter(same) {
                    last = next.cursor();
                    count += 1;
                    self.pending.pop_front();
                }
                let data = serde_json::json!({"instance": entry.instance, "count": count});
                format!("id: {last}\nevent: withheld\ndata: {data}\n\n").into()
            }
        }
    }

    fn gap(&mut self, resume: Cursor) -> Bytes {
        let data =
            serde_json::json!({"after": self.cursor.to_string(), "resume": resume.to_string()});
        let frame = format!("id: {resume}\nevent: gap\ndata: {data}\n\n");
        self.cursor = resume;
        frame.into()
    }

    /// Waits for more. A beat carries the cursor, so that a reader of little does not fall behind the log.
    async fn wait(&mut self) -> Option<Option<Bytes>> {
        tokio::select! {
            more = self.newest.changed() => more.ok().map(|()| None),
            () = self.ending.cancelled() => None,
            () = sleep_until(self.beat) => {
                self.beat = Instant::now() + limits::LOG_BEAT;
                Some(Some(format!(": beat\nid: {}\n\n", self.cursor).into()))
            }
        }
    }
}

/// A text as a frame. What is no JSON travels as a string.
fn event(entry: &Entry, name: &str, text: &str) -> Bytes {
    let quoted;
    let json = match serde_json::from_str::<&RawValue>(text) {
        Ok(raw) => raw.get(),
        Err(_) => {
            quoted = serde_json::Value::from(text).to_string();
            &quoted
        }
    };
    let mut frame = String::with_capacity(json.len() + 96);
    frame.push_str(&format!(
        "id: {}\ndata: {{\"instance\":\"{}\",\"{name}\":",
        entry.cursor(),
        entry.instance
    ));
    for (at, line) in json.split(['\n', '\r']).enumerate() {
        frame.push_str(if at == 0 { "" } else { "\ndata: " });
        frame.push_str(line);
    }
    frame.push_str("}\n\n");
    frame.into()
}
