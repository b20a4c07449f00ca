//! REST client and event stream of one OpenCode server.
//!
//! Never follows redirects, never retries, ignores proxy variables of the environment, and sends a password only in the
//! `Authorization` header.

mod ask;
pub(crate) mod bounded;
mod catalog;
mod credential_filter;
mod credentials;
mod dated;
mod error;
mod history;
mod http;
pub(crate) mod parse;
mod probe;
mod read;
pub(crate) mod stream;
mod trust;

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Method, RequestBuilder, Response, StatusCode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::time::timeout;
use url::Url;

use crate::json::one_line;
use crate::limits::{ERROR_BODY_BYTES, MAX_REPLY_BYTES, REQUEST_TIMEOUT, RUN_TIMEOUT};

pub use ask::{NewSession, NewSessionModel};
pub use catalog::{
    AgentInfo, CommandInfo, ConfigInfo, ModelCost, ModelEntry, PathInfo, ProviderInfo, Providers,
};
pub use credentials::Credentials;
pub use dated::TimedReply;
pub use error::ClientError;
pub use http::{Carried, CarriedReply, CarriedRequest, Carrier, Http, carried_reply};
pub use probe::{Health, SpokenDialect};
pub use read::{ChangedFile, MessagePage, Tolerant};
pub use stream::EventStream;

use credential_filter::CredentialFilter;
use error::Failure;
use parse::parsed;

/// The `_tag` of OpenCode 2's reply to a request without a password. OpenCode 1 sends only the status.
const V2_UNAUTHORIZED: &str = "UnauthorizedError";

/// A client of one server, or of one folder on it ([`at`](Self::at)). Cheap to clone.
#[derive(Clone)]
pub struct Client {
    http: Http,
    server: Arc<Server>,
    directory: Option<Arc<str>>,
}

struct Server {
    base: Url,
    credentials: Option<Credentials>,
    veil: CredentialFilter,
    /// The last reply with the server's time.
    dated: Mutex<Option<TimedReply>>,
}

struct Reply {
    status: StatusCode,
    path: String,
    headers: HeaderMap,
    text: String,
}

/// A reply of any status but a redirect, for a protocol whose refusals say more than their status.
pub(crate) struct Answered {
    pub(crate) status: StatusCode,
    pub(crate) path: String,
    pub(crate) media_type: Option<String>,
    pub(crate) text: String,
}

impl Client {
    /// A client of the server at `base`, with connections shared with other clients.
    ///
    /// A user and password in the address are removed from it, and used when `credentials` are not given.
    ///
    /// # Errors [`ClientError::BadAddress`] when `base` is not an http or https address.
    pub fn new(
        http: Http,
        mut base: Url,
        credentials: Option<Credentials>,
    ) -> Result<Self, ClientError> {
        let credentials = credentials.or_else(|| Credentials::in_url(&base));
        // Both fail only for a URL without a host, which is rejected below.
        let stripped = base.set_username("").and_then(|()| base.set_password(None));
        base.set_query(None);
        base.set_fragment(None);
        if stripped.is_err() || !matches!(base.scheme(), "http" | "https") || !base.has_host() {
            return Err(ClientError::BadAddress {
                scheme: base.scheme().to_owned(),
            });
        }
        let veil = CredentialFilter::for_credentials(credentials.as_ref());
        Ok(Self {
            http,
            server: Arc::new(Server {
                base,
                credentials,
                veil,
                dated: Mutex::default(),
            }),
            directory: None,
        })
    }

    /// The same server, scoped to one folder: every request carries `?directory=`.
    #[must_use]
    pub fn at(&self, directory: &str) -> Self {
        Self {
            directory: Some(Arc::from(directory)),
            ..self.clone()
        }
    }

    /// The server's address, without user and password.
    #[must_use]
    pub fn base(&self) -> &Url {
        &self.server.base
    }

    /// Whether requests carry a password.
    #[must_use]
    pub fn has_credentials(&self) -> bool {
        self.server.credentials.is_some()
    }

    /// The last reply with the server's time, for any folder.
    #[must_use]
    pub fn dated(&self) -> Option<TimedReply> {
        *self.last_date()
    }

    fn last_date(&self) -> std::sync::MutexGuard<'_, Option<TimedReply>> {
        let dated = self.server.dated.lock();
        dated.unwrap_or_else(PoisonError::into_inner)
    }

    /// A request to the path of these segments, each percent-encoded.
    pub(crate) fn request(&self, method: Method, segments: &[&str]) -> RequestBuilder {
        let mut url = self.server.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        if let Some(directory) = &self.directory {
            url.query_pairs_mut().append_pair("directory", directory);
        }
        let request = self.http.replies().request(method, url);
        match &self.server.credentials {
            // reqwest marks the header as sensitive.
            Some(credentials) => {
                request.basic_auth(&credentials.username, Some(&credentials.password))
            }
            None => request,
        }
    }

    async fn get<T: DeserializeOwned + Send + 'static>(
        &self,
        segments: &[&str],
    ) -> Result<T, ClientError> {
        let reply = self
            .exchange(self.request(Method::GET, segments), MAX_REPLY_BYTES)
            .await?;
        reply.decode().await
    }

    async fn send<T: DeserializeOwned + Send + 'static>(
        &self,
        method: Method,
        segments: &[&str],
        body: &(impl Serialize + ?Sized),
    ) -> Result<T, ClientError> {
        let reply = self
            .exchange(self.request(method, segments).json(body), MAX_REPLY_BYTES)
            .await?;
        reply.decode().await
    }

    /// Sends a request whose reply has no content beyond its status.
    async fn order(&self, request: RequestBuilder) -> Result<(), ClientError> {
        self.exchange_any(request, MAX_REPLY_BYTES).await.map(drop)
    }

    /// Sends a request and parses its JSON reply.
    async fn exchange(&self, request: RequestBuilder, limit: usize) -> Result<Reply, ClientError> {
        let reply = self.exchange_any(request, limit).await?;
        reply.expect_json(self)?;
        Ok(reply)
    }

    /// The same for a request whose reply comes only when a run has ended.
    async fn order_run(&self, request: RequestBuilder) -> Result<(), ClientError> {
        let reply = self.exchange_within(request, MAX_REPLY_BYTES, RUN_TIMEOUT);
        reply.await.map(drop)
    }

    async fn exchange_any(
        &self,
        request: RequestBuilder,
        limit: usize,
    ) -> Result<Reply, ClientError> {
        self.exchange_within(request, limit, REQUEST_TIMEOUT).await
    }

    /// One request and its reply, within a time.
    async fn exchange_within(
        &self,
        request: RequestBuilder,
        limit: usize,
        after: Duration,
    ) -> Result<Reply, ClientError> {
        let exchange = async {
            let mut response = self.accepted(request).await?;
            let (status, path) = (response.status(), response.url().path().to_owned());
            let headers = std::mem::take(response.headers_mut());
            let bytes = self
                .server
                .veil
                .redact_bytes(self.body(response, limit).await?);
            let text = String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned());
            Ok(Reply {
                status,
                path,
                headers,
                text,
            })
        };
        timeout(after, exchange).await.unwrap_or_else(|_| {
            Err(ClientError::Timeout {
                server: self.name(),
                after,
            })
        })
    }

    /// One request and its reply of any status but a redirect, within a time. Of a refusal the first bytes are read.
    pub(crate) async fn answered(
        &self,
        request: RequestBuilder,
        limit: usize,
        after: Duration,
    ) -> Result<Answered, ClientError> {
        let exchange = async { self.answer_of(self.sent(request).await?, limit).await };
        timeout(after, exchange).await.unwrap_or_else(|_| {
            Err(ClientError::Timeout {
                server: self.name(),
                after,
            })
        })
    }

    pub(crate) async fn answer_of(
        &self,
        response: Response,
        limit: usize,
    ) -> Result<Answered, ClientError> {
        let status = response.status();
        if status.is_redirection() {
            return Err(self.refused(response).await);
        }
        let path = response.url().path().to_owned();
        let media_type = self.media_type(response.headers());
        let text = if status.is_success() {
            let bytes = self.body(response, limit).await?;
            let bytes = self.server.veil.redact_bytes(bytes);
            String::from_utf8(bytes)
                .unwrap_or_else(|error| String::from_utf8_lossy(error.as_bytes()).into_owned())
        } else {
            self.body_of(response).await
        };
        Ok(Answered {
            status,
            path,
            media_type,
            text,
        })
    }

    /// Sends a request, and returns the response unless the server refused it.
    async fn accepted(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let response = self.sent(request).await?;
        self.not_refused(response).await
    }

    async fn sent(&self, request: RequestBuilder) -> Result<Response, ClientError> {
        let asked = Instant::now();
        let response = self.http.send(request).await;
        let response = response.map_err(|failure| self.failed(failure))?;
        if let Some(dated) = TimedReply::read(response.headers(), asked) {
            *self.last_date() = Some(dated);
        }
        Ok(response)
    }

    async fn not_refused(&self, response: Response) -> Result<Response, ClientError> {
        if response.status().is_success() {
            Ok(response)
        } else {
            Err(self.refused(response).await)
        }
    }

    async fn refused(&self, response: Response) -> ClientError {
        let server = self.name();
        let status = response.status();
        let path = response.url().path().to_owned();
        if status.is_redirection() {
            let location = response
                .headers()
                .get("location")
                .map(|to| error::place(&self.server.veil.redact_sentence(to.as_bytes())));
            return ClientError::Redirect {
                server,
                status: status.as_u16(),
                location,
            };
        }
        let body = self.body_of(response).await;
        let excerpt = error::excerpt(&body);
        match status {
            StatusCode::UNAUTHORIZED if error::tag(&body).as_deref() == Some(V2_UNAUTHORIZED) => {
                ClientError::V2NotSpoken {
                    server,
                    version: None,
                }
            }
            StatusCode::UNAUTHORIZED => ClientError::Unauthorized {
                server,
                given: self.has_credentials(),
            },
            StatusCode::FORBIDDEN => ClientError::Forbidden { server, excerpt },
            StatusCode::NOT_FOUND => ClientError::NotFound {
                server,
                path,
                excerpt,
            },
            StatusCode::CONFLICT => ClientError::Conflict {
                server,
                path,
                excerpt,
            },
            _ => ClientError::Status {
                server,
                path,
                status: status.as_u16(),
                excerpt,
            },
        }
    }

    async fn body(&self, mut response: Response, limit: usize) -> Result<Vec<u8>, ClientError> {
        let too_large = || ClientError::TooLarge {
            server: self.name(),
            limit,
        };
        let announced = response.content_length().unwrap_or(0);
        if announced > limit as u64 {
            return Err(too_large());
        }
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.failed(error))? {
            if body.len() + chunk.len() > limit {
                return Err(too_large());
            }
            body.extend_from_slice(&chunk);
        }
        Ok(body)
    }

    /// The first bytes of a failed reply; empty if it cannot be read.
    async fn body_of(&self, mut response: Response) -> String {
        let mut body = Vec::new();
        while body.len() < ERROR_BODY_BYTES {
            match response.chunk().await {
                Ok(Some(chunk)) => body.extend_from_slice(&chunk),
                Ok(None) | Err(_) => break,
            }
        }
        if body.len() >= ERROR_BODY_BYTES {
            body.truncate(ERROR_BODY_BYTES);
            // A partial password would not be found by the filter.
            body.truncate(body.len() - self.server.veil.partial_match_len(&body));
        }
        self.server.veil.redact_sentence(&body)
    }

    /// The media type without parameters, in lower case.
    fn media_type(&self, headers: &HeaderMap) -> Option<String> {
        let value = self
            .server
            .veil
            .redact_sentence(headers.get(CONTENT_TYPE)?.as_bytes());
        let kind = value.split(';').next()?;
        Some(one_line(kind).to_ascii_lowercase())
    }

    fn failed(&self, failure: impl Into<Failure>) -> ClientError {
        error::classify(&failure.into(), &self.server.base)
    }

    pub(crate) fn name(&self) -> String {
        self.server.base.to_string()
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("base", &self.server.base.as_str())
            .field("directory", &self.directory)
            .finish_non_exhaustive()
    }
}

impl Reply {
    fn expect_json(&self, client: &Client) -> Result<(), ClientError> {
        if self.status == StatusCode::NO_CONTENT || self.status == StatusCode::RESET_CONTENT {
            return Err(ClientError::Empty {
                server: client.name(),
                path: self.path.clone(),
                status: self.status.as_u16(),
            });
        }
        let found = client.media_type(&self.headers);
        if found.as_deref() == Some("application/json") {
            return Ok(());
        }
        Err(ClientError::ContentType {
            server: client.name(),
            wanted: "application/json",
            found,
        })
    }

    async fn decode<T: DeserializeOwned + Send + 'static>(self) -> Result<T, ClientError> {
        let decoded = parsed(self.text, |json| serde_json::from_str(json)).await;
        decoded.map_err(ClientError::bad_json)
    }
}
