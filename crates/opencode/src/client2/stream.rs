//! The event stream of all folders, and the log of a session.

use std::time::Duration;

use reqwest::Method;
use reqwest::RequestBuilder;
use tokio::time::timeout;

use super::{Client, Error, Watermark};
use crate::client::{ClientError, EventStream};
use crate::limits::{LOG_EVENTS, LOG_TIMEOUT};
use crate::sse::Parser;
use crate::wire2::{self, LogItem, Seq, SessionId};

/// What a session's log gave.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Log {
    /// The JSON of each event after the asked number, in order. Empty where the service keeps no events.
    pub events: Vec<String>,
    /// Up to which number the session is.
    pub watermark: Watermark,
    /// True if there are more events than are returned.
    pub cut: bool,
}

impl Client {
    /// `GET /api/event`: the events of all folders. The response headers must arrive within a time.
    ///
    /// From the first frame on, `server.connected`, nothing is missing.
    ///
    /// # Errors Any [`Error`] of the connection, or because what answers is no event stream.
    pub async fn events(&self, within: Duration) -> Result<EventStream, Error> {
        self.stream(self.request(Method::GET, &["event"]), within)
            .await
    }

    /// `GET /api/experimental/session/{id}/log`: up to which number the session is.
    ///
    /// A number beyond the end is asked for, so that no event is sent.
    ///
    /// # Errors [`Tag::SessionNotFound`](super::Tag::SessionNotFound); any [`Error`].
    pub async fn watermark(&self, id: &SessionId) -> Result<Watermark, Error> {
        match self.log(id, Some(Seq(BEYOND))).await {
            Ok(log) => Ok(log.watermark),
            Err(Error::NoRoute { .. }) => Ok(Watermark::Unknown),
            Err(error) => Err(error),
        }
    }

    /// `GET /api/experimental/session/{id}/log`: the events after a number, as far as the service keeps them, and the watermark.
    ///
    /// # Errors
    /// [`Tag::SessionNotFound`](super::Tag::SessionNotFound); [`NoRoute`](Error::NoRoute) where there is no log;
    /// [`ClientError::Timeout`] after [`LOG_TIMEOUT`]; [`ClientError::Reset`] when it ends without a watermark; any [`Error`].
    pub async fn log(&self, id: &SessionId, after: Option<Seq>) -> Result<Log, Error> {
        let read = self.read_log(id, after);
        timeout(LOG_TIMEOUT, read).await.unwrap_or_else(|_| {
            Err(Error::Client(ClientError::Timeout {
                server: self.inner.name(),
                after: LOG_TIMEOUT,
            }))
        })
    }

    async fn read_log(&self, id: &SessionId, after: Option<Seq>) -> Result<Log, Error> {
        let path = ["experimental", "session", id.as_str(), "log"];
        let after = after.map(|after| ("after", after.0.to_string()));
        let request = self.request(Method::GET, &path).query(after.as_slice());
        let mut stream = self.stream(request, LOG_TIMEOUT).await?;
        let mut parser = Parser::default();
        let mut log = Log {
            events: Vec::new(),
            watermark: Watermark::Unknown,
            cut: false,
        };
        let mut failed = None;
        let mut synced = false;
        while let Some(chunk) = stream.next_chunk().await? {
            parser.feed(&chunk, |frame| match wire2::decode_log(frame.data) {
                Ok(LogItem::Synced { aggregate, seq }) if aggregate.is(id) => {
                    log.watermark = seq.map_or(Watermark::Empty, Watermark::At);
                    synced = true;
                }
                Ok(LogItem::Event(_)) if log.events.len() < LOG_EVENTS => {
                    log.events.push(frame.data.to_owned());
                }
                Ok(LogItem::Event(_)) => log.cut = true,
                Ok(LogItem::Synced { .. }) => {}
                Err(error) => failed = Some(error),
            });
            if synced {
                return Ok(log);
            }
        }
        Err(Error::Client(match failed {
            Some(wire2::NotAnEvent::Json(error)) => ClientError::bad_json(error),
            Some(wire2::NotAnEvent::NoType) | None => ClientError::Reset {
                server: self.inner.name(),
            },
        }))
    }

    async fn stream(
        &self,
        request: RequestBuilder,
        within: Duration,
    ) -> Result<EventStream, Error> {
        match self.inner.opened(request, within).await {
            Ok(Ok(stream)) => Ok(stream),
            Ok(Err(answered)) => Err(Error::refused(&self.inner, &answered)),
            // A route that does not exist may answer with the web page.
            Err(ClientError::ContentType {
                server,
                found: Some(found),
                ..
            }) if found == "text/html" => Err(Error::NoRoute {
                server,
                path: "the stream".to_owned(),
            }),
            Err(error) => Err(error.into()),
        }
    }
}

/// A number that no session reaches and every JavaScript number can say.
const BEYOND: u64 = 9_007_199_254_740_991;
