//! What carries requests: one client for replies, and one for event streams.
//!
//! They differ in what they keep: connections of replies are reused and soon closed, while each stream has one of its own
//! for as long as it lasts, whose buffer must not be left as large as the largest event that ever came
//! (`docs/adr/0015-bounded-streams.md`). Both trust whom the machine trusts.

use std::sync::Arc;

use hyper_rustls::{ConfigBuilderExt, HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use reqwest::header::{HeaderValue, USER_AGENT};
use reqwest::{Body, Request, RequestBuilder, Response, ResponseBuilderExt};
use rustls::ClientConfig;
use rustls::crypto::aws_lc_rs;

use super::ClientError;
use super::error::{self, Failure};
use crate::limits;

const NAME: &str = concat!("drovers/", env!("CARGO_PKG_VERSION"));

/// The connections that clients of many servers share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Http {
    replies: reqwest::Client,
    streams: legacy::Client<HttpsConnector<HttpConnector>, Body>,
}

impl Http {
    /// No proxies, no redirects, gzip for replies, HTTP/1.1.
    ///
    /// # Errors
    /// [`ClientError::Setup`] when the machine's TLS roots cannot be read.
    pub fn new() -> Result<Self, ClientError> {
        let trust = trust()?;
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
        })
    }

    /// The same, but replies come through this client: one that finds hosts in a way of its own, say.
    #[must_use]
    pub fn with_replies(self, replies: reqwest::Client) -> Self {
        Self { replies, ..self }
    }

    /// The client for replies, for servers that are no OpenCode.
    pub fn into_replies(self) -> reqwest::Client {
        self.replies
    }

    pub(super) fn replies(&self) -> &reqwest::Client {
        &self.replies
    }

    /// Sends a request on a connection of its own, whose buffer stays small however large its events are.
    pub(super) async fn open(&self, request: RequestBuilder) -> Result<Response, Failure> {
        let mut request = request.build()?;
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

fn outgoing(request: Request) -> Result<http::Request<Body>, reqwest::Error> {
    request.try_into()
}

fn trust() -> Result<ClientConfig, ClientError> {
    ClientConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
        .with_safe_default_protocol_versions()
        .and_then(ConfigBuilderExt::try_with_platform_verifier)
        .map(|config| config.with_no_client_auth())
        .map_err(|error| setup(&error))
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
    // As for replies: a peer that is gone without a word is noticed also where silence may last long.
    connector.set_keepalive(Some(limits::STREAM_KEEPALIVE));
    connector.set_keepalive_interval(Some(limits::STREAM_KEEPALIVE));
    connector.set_keepalive_retries(Some(limits::STREAM_KEEPALIVE_TRIES));
    let connector = HttpsConnectorBuilder::new()
        .with_tls_config(trust)
        .https_or_http()
        .enable_http1()
        .wrap_connector(connector);
    legacy::Client::builder(TokioExecutor::new())
        // A stream takes its connection with it.
        .pool_max_idle_per_host(0)
        .http1_max_buf_size(limits::STREAM_BUFFER_BYTES)
        .build(connector)
}
