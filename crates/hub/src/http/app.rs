//! What all handlers share.

use std::sync::Arc;

use model::time::Timestamp;
use page::{Context, Found, Notice};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Options;
use super::log::Press;
use super::problem::Problem;
use crate::access::{Access, Throttle};
use crate::command::Commands;
use crate::instances::Hub;
use crate::limits;

/// The version that pages and programs are told.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// What a page says of a hub that lets everybody in.
const OPEN: &str = "This hub was started with --no-auth: every program and every user of this machine can read, prompt and \
    allow whatever agents ask. It is meant for tests";

/// Shared by all handlers. Cheap to clone.
#[derive(Clone)]
pub(super) struct App(Arc<Inner>);

struct Inner {
    hub: Hub,
    commands: Commands<Hub>,
    access: Access,
    throttle: Throttle,
    notices: Vec<Notice>,
    viewers: Arc<Semaphore>,
    ending: CancellationToken,
    started: Timestamp,
    press: Arc<Press>,
}

impl App {
    pub(super) fn new(hub: Hub, options: Options, ending: CancellationToken) -> Self {
        let aside = hub.put_aside().map(|path| {
            let text = format!(
                "The list of instances could not be read whole. It was kept as {}",
                path.display()
            );
            Arc::from(text)
        });
        let commands = hub.commands();
        let (refusing, ended, tasks) = (commands.clone(), ending.clone(), hub.tasks().clone());
        tokio::spawn(async move {
            let refuse = || refusing.keep_refusing();
            let kept = tasks.keep("what refuses for stopped sessions", refuse);
            ended.run_until_cancelled(kept).await
        });
        let open = match &options.access {
            Access::Anybody => Some(Arc::from(OPEN)),
            Access::Keys(_) => None,
        };
        let notices = options.notices.into_iter().chain(aside).chain(open);
        Self(Arc::new(Inner {
            commands,
            access: options.access,
            throttle: Throttle::default(),
            notices: notices.map(|text| Notice { text }).collect(),
            viewers: Arc::new(Semaphore::new(limits::VIEWERS)),
            ending,
            started: hub.engine().now(),
            press: Arc::new(Press::new()),
            hub,
        }))
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub(super) fn commands(&self) -> &Commands<Hub> {
        &self.0.commands
    }

    /// Whether callers are asked who they are.
    pub(super) fn access(&self) -> &Access {
        &self.0.access
    }

    /// Slows those down who show what is wrong.
    pub(super) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// Writes who may come in, beside the request that changed it. On a full disk all goes on, and who came in since has to
    /// enter anew after a restart.
    pub(super) fn store_keys(&self) {
        let Access::Keys(keyring) = &self.0.access else {
            return;
        };
        let keyring = keyring.clone();
        tokio::task::spawn_blocking(move || {
            if let Err(error) = keyring.store() {
                tracing::warn!(%error, "who may come in is not kept over a restart");
            }
        });
    }

    pub(super) fn notices(&self) -> &[Notice] {
        &self.0.notices
    }

    /// When it began to serve.
    pub(super) fn started(&self) -> Timestamp {
        self.0.started
    }

    /// Compresses the log for all its readers.
    pub(super) fn press(&self) -> Arc<Press> {
        self.0.press.clone()
    }

    /// Cancelled once the hub ends: long answers end then.
    pub(super) fn ending(&self) -> CancellationToken {
        self.0.ending.clone()
    }

    /// A place for a viewer, or for a reader of the log; given back when it is dropped.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.0
            .viewers
            .clone()
            .try_acquire_owned()
            .map_err(|_| Problem::crowded())
    }

    /// Viewers and readers now.
    pub(super) fn viewers(&self) -> usize {
        limits::VIEWERS - self.0.viewers.available_permits()
    }

    /// Waits until no viewer is left.
    pub(super) async fn viewers_gone(&self) {
        let all = u32::try_from(limits::VIEWERS).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _all = self.0.viewers.acquire_many(all).await;
    }

    /// What a document needs beside what is looked at.
    pub(super) fn context<'a>(&'a self, recent: &'a [Arc<str>], found: &'a [Found]) -> Context<'a> {
        let engine = self.0.hub.engine();
        Context {
            epoch: engine.epoch(),
            version: VERSION,
            now: engine.now(),
            recent,
            notices: &self.0.notices,
            found,
        }
    }
}
