//! The event stream, as bytes. [`sse`](crate::sse) parses them; timeouts for silence are the caller's.

use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, ACCEPT_ENCODING, CACHE_CONTROL};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use tokio::time::timeout;

use super::credential_filter::Carry;
use super::{Answered, Client, ClientError};
use crate::limits::ERROR_BODY_BYTES;

const EVENT_STREAM: &str = "text/event-stream";

/// An open stream. Dropping it closes its connection.
#[derive(Debug)]
pub struct EventStream {
    client: Client,
    response: Response,
    carry: Carry,
}

impl Client {
    /// `GET /global/event`: the events of all folders, in envelopes. The response headers must arrive within
    /// `timeouts`.
    ///
    /// # Errors Any [`ClientError`] of the connection; [`NoStream`](ClientError::NoStream) and
    /// [`ContentType`](ClientError::ContentType) when the response is not an event stream.
    pub async fn global_events(&self, timeouts: Duration) -> Result<EventStream, ClientError> {
        self.stream(&["global", "event"], timeouts).await
    }

    /// `GET /event`: the events of one folder ([`at`](Self::at)), bare.
    ///
    /// # Errors
    /// As [`global_events`](Self::global_events).
    pub async fn events(&self, timeouts: Duration) -> Result<EventStream, ClientError> {
        self.stream(&["event"], timeouts).await
    }

    /// `GET /events`: the stream of the [`sketch`](crate::sketch) dialect.
    ///
    /// # Errors
    /// As [`global_events`](Self::global_events).
    pub async fn sketch_events(&self, timeouts: Duration) -> Result<EventStream, ClientError> {
        self.stream(&["events"], timeouts).await
    }

    async fn stream(
        &self,
        segments: &[&str],
        timeouts: Duration,
    ) -> Result<EventStream, ClientError> {
        let request = for_events(self.request(Method::GET, segments));
        let opened = async {
            let response = self.http.open(request).await;
            self.not_refused(response.map_err(|failure| self.failed(failure))?)
                .await
        };
        let response = timeout(timeouts, opened).await.unwrap_or_else(|_| {
            Err(ClientError::Timeout {
                server: self.name(),
                after: timeouts,
            })
        })?;
        self.streaming(response)
    }

    /// Opens a stream, or returns the refusal, within a time.
    pub(crate) async fn opened(
        &self,
        request: RequestBuilder,
        within: Duration,
    ) -> Result<Result<EventStream, Answered>, ClientError> {
        let opened = async {
            let response = self.http.open(for_events(request)).await;
            let response = response.map_err(|failure| self.failed(failure))?;
            if response.status().is_success() {
                return self.streaming(response).map(Ok);
            }
            self.answer_of(response, ERROR_BODY_BYTES).await.map(Err)
        };
        timeout(within, opened).await.unwrap_or_else(|_| {
            Err(ClientError::Timeout {
                server: self.name(),
                after: within,
            })
        })
    }

    fn streaming(&self, response: Response) -> Result<EventStream, ClientError> {
        if response.status() != StatusCode::OK {
            return Err(ClientError::NoStream {
                server: self.name(),
                status: response.status().as_u16(),
            });
        }
        let found = self.media_type(response.headers());
        if found.as_deref() != Some(EVENT_STREAM) {
            return Err(ClientError::ContentType {
                server: self.name(),
                wanted: EVENT_STREAM,
                found,
            });
        }
        Ok(EventStream {
            client: self.clone(),
            response,
            carry: Carry::default(),
        })
    }
}

fn for_events(request: RequestBuilder) -> RequestBuilder {
    request
        .header(ACCEPT, EVENT_STREAM)
        // A compressed stream would be delayed until a block is full.
        .header(ACCEPT_ENCODING, "identity")
        .header(CACHE_CONTROL, "no-store")
}

impl EventStream {
    /// The next bytes; `None` when the server ended the stream properly.
    ///
    /// Waits without a timeout. Cancel safe.
    ///
    /// # Errors [`ClientError::Reset`] when the connection was cut, as when the server was killed.
    pub async fn next_chunk(&mut self) -> Result<Option<Bytes>, ClientError> {
        loop {
            let chunk = self.response.chunk().await;
            let Some(chunk) = chunk.map_err(|error| self.client.failed(error))? else {
                return Ok(self.carry.rest());
            };
            let shown = self.client.server.veil.redact_chunk(&mut self.carry, chunk);
            if !shown.is_empty() {
                return Ok(Some(shown));
            }
        }
    }
}
