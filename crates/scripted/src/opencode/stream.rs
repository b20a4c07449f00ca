//! The event streams: greeting, heartbeats, events, and the faults a test asks for. A reader too far behind
//! is cut off.

use std::io;
use std::sync::atomic::Ordering;

use axum::body::Body;
use axum::extract::{Query, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use futures_util::stream;
use serde::Deserialize;
use tokio::sync::{broadcast, watch};
use tokio::time::{Interval, MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use super::event::{Frame, server_event};
use super::shared::Handle;

/// Whose events.
#[derive(Debug, Deserialize)]
pub(super) struct StreamScope {
    directory: Option<String>,
}

/// `GET /global/event`.
pub(super) async fn global(State(shared): State<Handle>) -> Response {
    respond(shared, None)
}

/// `GET /event?directory=`.
pub(super) async fn instance(
    State(shared): State<Handle>,
    Query(of): Query<StreamScope>,
) -> Response {
    let directory = of
        .directory
        .unwrap_or_else(|| shared.options.directory.clone());
    respond(shared, Some(directory))
}

fn respond(shared: Handle, only: Option<String>) -> Response {
    let body = Body::from_stream(stream::unfold(
        Some(Reader::new(shared, only)),
        |reader| async {
            let mut reader = reader?;
            match reader.next().await {
                Ok(bytes) => Some((Ok(bytes), Some(reader))),
                // An error of the body makes the server drop the connection.
                Err(cut) => Some((Err(cut), None)),
            }
        },
    ));
    (
        [
            (header::CONTENT_TYPE, "text/event-stream"),
            (header::CACHE_CONTROL, "no-cache"),
        ],
        body,
    )
        .into_response()
}

/// One open event stream.
struct Reader {
    events: broadcast::Receiver<Frame>,
    stalled: watch::Receiver<bool>,
    cut: CancellationToken,
    heartbeat: Interval,
    only: Option<String>,
    greeted: bool,
    open: Open,
}

/// Counts a stream while it is open.
struct Open(Handle);

impl Drop for Open {
    fn drop(&mut self) {
        self.0.open.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Reader {
    fn new(shared: Handle, only: Option<String>) -> Self {
        shared.opened.fetch_add(1, Ordering::Relaxed);
        shared.open.fetch_add(1, Ordering::Relaxed);
        let mut heartbeat = interval(shared.options.heartbeat);
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        heartbeat.reset();
        Self {
            events: shared.events.subscribe(),
            stalled: shared.stalled.subscribe(),
            cut: shared.cut_token(),
            heartbeat,
            only,
            greeted: false,
            open: Open(shared),
        }
    }

    async fn next(&mut self) -> io::Result<Bytes> {
        loop {
            if *self.stalled.borrow_and_update() {
                tokio::select! {
                    _ = self.stalled.changed() => continue,
                    () = self.cut.cancelled() => return Err(cut()),
                }
            }
            if !std::mem::replace(&mut self.greeted, true) {
                return Ok(self.own("server.connected"));
            }
            tokio::select! {
                biased;
                () = self.cut.cancelled() => return Err(cut()),
                _ = self.stalled.changed() => {}
                event = self.events.recv() => {
                    let frame = event.map_err(|_| cut())?;
                    if let Some(bytes) = frame.bytes(self.only.as_deref()) {
                        return Ok(bytes);
                    }
                }
                _ = self.heartbeat.tick() => return Ok(self.own("server.heartbeat")),
            }
        }
    }

    fn own(&self, kind: &str) -> Bytes {
        let id = self.open.0.with(|world| world.new_id("evt"));
        server_event(&id, kind, self.only.is_none())
    }
}

fn cut() -> io::Error {
    io::Error::other("event stream cut")
}
