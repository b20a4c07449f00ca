//! The HTTP transport: one client for replies, and one for event streams.
//!
//! They differ in their buffers: connections for replies are pooled for a short time, while each stream has its own
//! connection, whose buffer must not stay as large as the largest event (`docs/adr/0015-bounded-streams.md`). Both use
//! the system's trusted certificates.

use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};
use std::{fmt, io};

use bytes::Bytes;
use hyper::body::Frame;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use reqwest::header::{HeaderValue, USER_AGENT};
use reqwest::{Body, Request, RequestBuilder, Response, ResponseBuilderExt};
use rustls::ClientConfig;

use super::ClientError;
use super::error::{self, Failure};
use super::trust::trust;
use crate::limits;

const NAME: &str = concat!("drovers/", env!("CARGO_PKG_VERSION"));

/// Connections shared by the clients of many servers. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Http {
    replies: reqwest::Client,
    streams: legacy::Client<HttpsConnector<HttpConnector>, Body>,
    carrier: Option<Arc<dyn Carrier>>,
}

/// A request that is carried.
pub type CarriedRequest = http::Request<Body>;

/// The reply to it.
pub type CarriedReply = http::Response<Body>;

/// A reply on its way.
pub type Carried = Pin<Box<dyn Future<Output = io::Result<CarriedReply>> + Send>>;

/// Carries requests in the place of connections, to servers in the same process: simulated ones.
pub trait Carrier: fmt::Debug + Send + Sync {
    /// Carries one request, and its reply back.
    fn carry(&self, request: CarriedRequest) -> Carried;
}

/// The reply of a server in the same process, as a connection would have brought it.
pub fn carried_reply<B>(reply: http::Response<B>) -> CarriedReply
where
    B: hyper::body::Body<Data = Bytes> + Send + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    reply.map(|body| Body::wrap(OneReader(Mutex::new(body))))
}

/// A body that one task alone reads.
struct OneReader<B>(Mutex<B>);

impl<B: hyper::body::Body + Unpin> hyper::body::Body for OneReader<B> {
    type Data = B::Data;
    type Error = B::Error;

    fn poll_frame(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<B::Data>, B::Error>>> {
        let body = self.get_mut().0.get_mut();
        Pin::new(body.unwrap_or_else(PoisonError::into_inner)).poll_frame(context)
    }
}

impl Http {
    /// No proxies, no redirects, gzip for replies, HTTP/1.1.
    ///
    /// # Errors
    /// [`ClientError::Setup`] when TLS cannot be set up.
    pub fn new() -> Result<Self, ClientError> {
        let trust = trust().map_err(|error| setup(&error))?;
        let replies = reqwest::Client::builder()
            .tls_backend_preconfigured(trust.clone())
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .http1_only()
            .connect_timeout(limits::CONNECT_TIMEOUT)
            .pool_idle_timeout(limits::POOL_IDLE_TIMEOUT)
            .user_agent(NAME)
            .build()
            .map_err(|error| setup(&error))?;
        Ok(Self {
            replies,
            streams: streams(trust),
            carrier: None,
        })
    }

    /// Has all requests carried in the place of connections.
    #[must_use]
    pub fn carried_by(self, carrier: Arc<dyn Carrier>) -> Self {
        Self {
            carrier: Some(carrier),
            ..self
        }
    }

    /// Sends a request whose reply is read as a whole.
    pub(super) async fn send(&self, request: RequestBuilder) -> Result<Response, Failure> {
        match &self.carrier {
            None => Ok(request.send().await?),
            Some(carrier) => carried(&**carrier, request.build()?).await,
        }
    }

    /// Replaces the client for replies, for example by one with custom name resolution.
    #[must_use]
    pub fn with_replies(self, replies: reqwest::Client) -> Self {
        Self { replies, ..self }
    }

    /// The client for replies, for servers that are not OpenCode.
    pub fn into_replies(self) -> reqwest::Client {
        self.replies
    }

    pub(super) fn replies(&self) -> &reqwest::Client {
        &self.replies
    }

    /// Sends a request on its own connection, whose buffer stays small however large the events are.
    pub(super) async fn open(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let mut request = request.build()?;
        if let Some(carrier) = &self.carrier {
            return carried(&**carrier, request).await;
        }
        request
            .headers_mut()
            .insert(USER_AGENT, HeaderValue::from_static(NAME));
        let url = request.url().clone();
        let response = self.streams.request(outgoing(request)?).await?;
        let (head, body) = response.into_parts();
        let mut response = http::Response::builder()
            .status(head.status)
            .url(url)
            .body(Body::wrap(body))?;
        *response.headers_mut() = head.headers;
        Ok(response.into())
    }
}

async fn carried(carrier: &dyn Carrier, request: Request) -> Result<Response, Failure> {
    let url = request.url().clone();
    let (head, body) = carrier.carry(outgoing(request)?).await?.into_parts();
    let mut response = http::Response::builder()
        .status(head.status)
        .url(url)
        .body(body)?;
    *response.headers_mut() = head.headers;
    Ok(response.into())
}

fn outgoing(request: Request) -> Result<http::Request<Body>, reqwest::Error> {
    request.try_into()
}

fn setup(error: &(dyn std::error::Error + 'static)) -> ClientError {
    ClientError::Setup {
        reason: error::innermost(error),
    }
}

fn streams(trust: ClientConfig) -> legacy::Client<HttpsConnector<HttpConnector>, Body> {
    let mut connector = HttpConnector::new();
    connector.enforce_http(false);
    connector.set_connect_timeout(Some(limits::CONNECT_TIMEOUT));
    connector.set_nodelay(true);
    // As for replies: a lost peer is detected even where long silence is allowed.
    connector.set_keepalive(Some(limits::STREAM_KEEPALIVE));
    connector.set_keepalive_interval(Some(limits::STREAM_KEEPALIVE));
    connector.set_keepalive_retries(Some(limits::STREAM_KEEPALIVE_TRIES));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(trust)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    legacy::Client::builder(TokioExecutor::new())
        // A stream is never pooled.
        .pool_max_idle_per_host(0)
        .http1_max_buf_size(limits::STREAM_BUFFER_BYTES)
        .build(connector)
}
