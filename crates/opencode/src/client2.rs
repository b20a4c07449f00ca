//! REST client and event stream of one OpenCode 2 service, with all of its folders.
//!
//! Beside [`client`](crate::client), whose transport, bounds and care for passwords it shares. Nothing is retried: each request names
//! its ids, so that a caller can send it again.

mod act;
mod error;
mod probe;
mod read;
mod stream;

use std::time::Duration;

use reqwest::header::{ACCEPT, HeaderValue};
use reqwest::{Method, RequestBuilder, StatusCode};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use url::Url;

use crate::client::bounded;
use crate::client::parse::parsed;
use crate::client::{self, Answered, ClientError, Credentials, Http, Tolerant};
use crate::json::Raw;
use crate::limits::{MAX_REPLY_BYTES, REQUEST_TIMEOUT};
use crate::wire::FromRaw;

pub use act::{Mention, NamedAgent, NewCommand, NewFile, NewPrompt, NewSession, StageRevert};
pub use error::{Error, Refusal, Tag};
pub use probe::Found;
pub use read::{ArchivedSessions, Body, Page, SessionFilter, Watermark};
pub use stream::Log;

const JSON: &str = "application/json";

/// A client of one service. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Client {
    inner: client::Client,
}

/// `{data: …}`, as most replies are wrapped.
#[derive(Deserialize)]
struct Wrapped<'a> {
    #[serde(borrow)]
    data: &'a RawValue,
}

impl Client {
    /// A client of the service at `base`.
    ///
    /// # Errors
    /// [`ClientError::BadAddress`] when `base` is not an http or https address.
    pub fn new(
        http: Http,
        base: Url,
        credentials: Option<Credentials>,
    ) -> Result<Self, ClientError> {
        client::Client::new(http, base, credentials).map(|inner| Self { inner })
    }

    /// The service's address, without user and password.
    #[must_use]
    pub fn base(&self) -> &Url {
        self.inner.base()
    }

    /// The last reply with the service's time.
    #[must_use]
    pub fn dated(&self) -> Option<client::TimedReply> {
        self.inner.dated()
    }

    fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let path: Vec<_> = ["api"].iter().chain(segments).copied().collect();
        let request = self.inner.request(method, &path);
        request.header(ACCEPT, HeaderValue::from_static(JSON))
    }

    async fn exchange(&self, request: RequestBuilder, limit: usize) -> Result<Answered, Error> {
        self.exchange_within(request, limit, REQUEST_TIMEOUT).await
    }

    async fn exchange_within(
        &self,
        request: RequestBuilder,
        limit: usize,
        within: Duration,
    ) -> Result<Answered, Error> {
        let answered = self.inner.answered(request, limit, within).await?;
        match answered.status.is_success() {
            true => Ok(answered),
            false => Err(Error::refused(&self.inner, &answered)),
        }
    }

    /// The text of a JSON reply.
    async fn json(&self, request: RequestBuilder, limit: usize) -> Result<String, Error> {
        let answered = self.exchange(request, limit).await?;
        if answered.status == StatusCode::NO_CONTENT {
            return Err(Error::Client(ClientError::Empty {
                server: self.inner.name(),
                path: answered.path,
                status: answered.status.as_u16(),
            }));
        }
        match answered.media_type.as_deref() {
            Some(JSON) => Ok(answered.text),
            // Paths that do not exist may answer with the web page.
            Some("text/html") => Err(Error::NoRoute {
                server: self.inner.name(),
                path: answered.path,
            }),
            _ => Err(Error::Client(ClientError::ContentType {
                server: self.inner.name(),
                wanted: JSON,
                found: answered.media_type,
            })),
        }
    }

    /// Sends a request whose reply has no content.
    async fn order(&self, request: RequestBuilder) -> Result<(), Error> {
        self.exchange(request, MAX_REPLY_BYTES).await.map(drop)
    }

    /// An object that is not wrapped.
    async fn bare<T: DeserializeOwned + Send + 'static>(
        &self,
        request: RequestBuilder,
    ) -> Result<T, Error> {
        let text = self.json(request, MAX_REPLY_BYTES).await?;
        let read = parsed(text, |json| serde_json::from_str(json)).await;
        read.map_err(bad_json)
    }

    /// An object in `{data: …}`.
    async fn object<T: FromRaw + Send + 'static>(
        &self,
        request: RequestBuilder,
        limit: usize,
    ) -> Result<T, Error> {
        let text = self.json(request, limit).await?;
        let read = parsed(text, |json| {
            let wrapped: Wrapped<'_> = serde_json::from_str(json)?;
            Raw::of(wrapped.data).and_then(T::from_raw)
        });
        read.await.map_err(bad_json)
    }

    /// A list in `{data: […]}`.
    async fn list<T: Send + 'static>(
        &self,
        request: RequestBuilder,
        limit: usize,
        decode: impl Fn(&RawValue) -> Option<T> + Send + 'static,
    ) -> Result<Tolerant<Vec<T>>, Error> {
        let text = self.json(request, limit).await?;
        let read = parsed(text, move |json| {
            let wrapped: Wrapped<'_> = serde_json::from_str(json)?;
            bounded::list(wrapped.data.get(), decode)
        });
        read.await.map_err(bad_json)
    }
}

fn bad_json(error: serde_json::Error) -> Error {
    Error::Client(ClientError::bad_json(error))
}

fn with_body(request: RequestBuilder, body: &(impl Serialize + ?Sized)) -> RequestBuilder {
    request.json(body)
}
