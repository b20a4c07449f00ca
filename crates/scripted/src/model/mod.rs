//! A model that says what its prompt tells it to, behind the OpenAI-compatible chat-completions API.
//!
//! The reply depends on the last user message alone, and on how many tool turns followed it, so tests are
//! repeatable. Never asks for a key: it listens on loopback and has nothing to give away.

mod plan;
mod reply;

use std::collections::HashMap;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use axum::extract::{DefaultBodyLimit, State};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::serve::Listener;
use axum::{Json, Router};
use serde_json::{Value, json};
use tokio_util::sync::CancellationToken;

use crate::limits;
use crate::net;
use crate::script::Failure;

pub use plan::DefaultReply;
pub(crate) use plan::{script, title_of};

/// How the model behaves.
#[derive(Debug, Clone)]
pub struct ModelOptions {
    /// Tokens a second where the script does not say; zero: as fast as possible.
    pub rate: f64,
    /// What it says to prompts that are no script.
    pub voice: DefaultReply,
    /// Port, or zero for a free one.
    pub port: u16,
}

/// A running model. Stops when dropped.
#[derive(Debug)]
pub struct Model {
    /// Where it listens.
    pub addr: SocketAddr,
    shared: Arc<Shared>,
}

/// What the handlers share.
#[derive(Debug)]
struct Shared {
    options: ModelOptions,
    requests: AtomicU64,
    failures: Mutex<HashMap<u64, u32>>,
    stop: CancellationToken,
}

impl Default for ModelOptions {
    fn default() -> Self {
        Self {
            rate: 50.0,
            voice: DefaultReply::Plain,
            port: 0,
        }
    }
}

impl Model {
    /// Starts a model.
    ///
    /// # Errors
    /// When the port cannot be had.
    pub async fn start(options: ModelOptions) -> io::Result<Self> {
        let listener = net::bind(options.port).await?;
        let addr = listener.local_addr()?;
        let shared = Arc::new(Shared {
            options,
            requests: AtomicU64::new(0),
            failures: Mutex::default(),
            stop: CancellationToken::new(),
        });
        let stopped = shared.stop.clone().cancelled_owned();
        let server =
            axum::serve(listener, router(Arc::clone(&shared))).with_graceful_shutdown(stopped);
        tokio::spawn(async move { server.await });
        Ok(Self { addr, shared })
    }

    /// The base URL for an OpenAI-compatible client.
    #[must_use]
    pub fn base_url(&self) -> String {
        format!("http://{}/v1", self.addr)
    }

    /// Completions asked for since the start.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.shared.requests.load(Ordering::Relaxed)
    }

    /// Stops answering and breaks off replies under way.
    pub fn shutdown(&self) {
        self.shared.stop.cancel();
    }
}

impl Drop for Model {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl Shared {
    /// Whether this failure is still due, given how often it already happened at this place of a script.
    fn fails(&self, place: u64, failure: &Failure) -> bool {
        let Some(times) = failure.times else {
            return true;
        };
        let mut seen = self.failures.lock().unwrap_or_else(PoisonError::into_inner);
        if seen.len() >= limits::ERROR_BUDGETS {
            seen.clear();
        }
        let count = seen.entry(place).or_insert(0);
        *count = count.saturating_add(1);
        *count <= times
    }
}

fn router(shared: Arc<Shared>) -> Router {
    Router::new()
        .route("/v1/models", get(models))
        .route("/v1/chat/completions", post(completions))
        .layer(DefaultBodyLimit::max(limits::BODY_BYTES))
        .with_state(shared)
}

async fn models() -> Json<Value> {
    let data = ["scripted-1", "scripted-small"]
        .map(|id| json!({ "id": id, "object": "model", "owned_by": "scripted" }));
    Json(json!({ "object": "list", "data": data }))
}

async fn completions(
    State(shared): State<Arc<Shared>>,
    Json(request): Json<plan::Request>,
) -> Response {
    let number = shared.requests.fetch_add(1, Ordering::Relaxed);
    let plan = plan::plan(&request, shared.options.voice);
    for failure in plan.failures() {
        if shared.fails(plan.place, failure) {
            return reply::failure(failure);
        }
    }
    let reply = reply::Reply::new(number, &request, &plan);
    if request.stream {
        reply::stream(reply, plan, &shared).into_response()
    } else {
        reply::whole(reply, plan, &shared).await
    }
}

#[cfg(test)]
mod tests;
