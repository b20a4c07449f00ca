//! The event stream and the logs of sessions.

use std::io;

use axum::body::Body;
use axum::extract::{Path, Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::{mpsc, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::http::Refused;
use super::shared::{Handle, Open};

/// Whether a log goes on.
#[derive(Debug, Deserialize)]
pub(super) struct LogQuery {
    after: Option<u64>,
    follow: Option<bool>,
}

/// `GET /api/event`.
pub(super) async fn events(State(shared): State<Handle>) -> Response {
    let frames = shared.subscribe();
    respond(&shared, frames, None, Vec::new())
}

/// `GET /api/experimental/session/{id}/log`: what is kept of the events after a number, then the watermark; with `follow`, and then
/// what comes.
pub(super) async fn log(
    State(shared): State<Handle>,
    Path(id): Path<String>,
    Query(query): Query<LogQuery>,
) -> Result<Response, Refused> {
    let follow = query.follow == Some(true);
    let frames = follow.then(|| shared.subscribe());
    let (first, last) = shared.with(|world| {
        let session = world.session(&id)?;
        let after = |event: &&Value| {
            let seq = event["durable"]["seq"].as_u64();
            query.after.is_none_or(|after| seq > Some(after))
        };
        let events = session.log.iter().filter(after);
        let mut lines: Vec<Bytes> = events.map(|event| line(&event.to_string())).collect();
        let mut synced = json!({ "type": "log.synced", "aggregateID": id });
        if let Some(last) = session.last {
            synced["seq"] = last.into();
        }
        lines.push(line(&synced.to_string()));
        Ok::<_, super::machine::Refusal>((lines, session.last))
    })?;
    Ok(match frames {
        None => (headers(), first.concat()).into_response(),
        Some(frames) => respond(&shared, frames, Some((id, last)), first),
    })
}

fn line(data: &str) -> Bytes {
    Bytes::from(format!("data: {data}\n\n"))
}

fn headers() -> [(header::HeaderName, &'static str); 3] {
    [
        (header::CONTENT_TYPE, "text/event-stream"),
        (header::CACHE_CONTROL, "no-cache, no-transform"),
        (header::HeaderName::from_static("x-accel-buffering"), "no"),
    ]
}

fn respond(
    shared: &Handle,
    frames: mpsc::Receiver<Bytes>,
    only: Option<(String, Option<u64>)>,
    first: Vec<Bytes>,
) -> Response {
    let reader = Reader::new(shared, frames, only, first);
    let body = Body::from_stream(stream::unfold(Some(reader), |reader| async {
        let mut reader = reader?;
        match reader.next().await {
            Ok(Some(bytes)) => Some((Ok(bytes), Some(reader))),
            Ok(None) => None,
            // An error of the body makes the server drop the connection.
            Err(cut) => Some((Err(cut), None)),
        }
    }));
    (headers(), body).into_response()
}

/// One open stream.
struct Reader {
    frames: mpsc::Receiver<Bytes>,
    first: std::collections::VecDeque<Bytes>,
    /// The session whose durable events alone are sent, and the number that was sent before.
    only: Option<(String, Option<u64>)>,
    stalled: watch::Receiver<bool>,
    cut: CancellationToken,
    heartbeat: Interval,
    _open: Open,
}

impl Reader {
    fn new(
        shared: &Handle,
        frames: mpsc::Receiver<Bytes>,
        only: Option<(String, Option<u64>)>,
        first: Vec<Bytes>,
    ) -> Self {
        let mut heartbeat = interval(shared.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        Self {
            frames,
            first: first.into(),
            only,
            stalled: shared.stalled.subscribe(),
            cut: shared.cut_token(),
            heartbeat,
            _open: shared.count(),
        }
    }

    async fn next(&mut self) -> io::Result<Option<Bytes>> {
        loop {
            if *self.stalled.borrow_and_update() {
                tokio::select! {
                    _ = self.stalled.changed() => continue,
                    () = self.cut.cancelled() => return Err(cut()),
                }
            }
            if let Some(first) = self.first.pop_front() {
                return Ok(Some(first));
            }
            tokio::select! {
                biased;
                () = self.cut.cancelled() => return Err(cut()),
                _ = self.stalled.changed() => {}
                frame = self.frames.recv() => match frame {
                    Some(frame) if self.is_sent(&frame) => return Ok(Some(frame)),
                    Some(_) => {}
                    None => return Ok(None),
                },
                _ = self.heartbeat.tick() => return Ok(Some(Bytes::from_static(b": heartbeat\n\n"))),
            }
        }
    }

    fn is_sent(&self, frame: &[u8]) -> bool {
        let Some((only, last)) = &self.only else {
            return true;
        };
        let data = frame.strip_prefix(b"data: ").unwrap_or(frame);
        let event: Value = serde_json::from_slice(data).unwrap_or_default();
        let place = &event["durable"];
        place["aggregateID"] == only.as_str() && place["seq"].as_u64() > *last
    }
}

fn cut() -> io::Error {
    io::Error::other("event stream cut")
}
