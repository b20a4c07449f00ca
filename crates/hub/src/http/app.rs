//! What all handlers share.

use std::sync::Arc;

use model::time::Timestamp;
use page::{Context, Found, Notice};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Options;
use super::log::Press;
use super::problem::Problem;
use crate::command::Commands;
use crate::hub::Hub;
use crate::limits;

/// The version that pages and programs are told.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// Shared by all handlers. Cheap to clone.
#[derive(Clone)]
pub(super) struct App(Arc<Inner>);

struct Inner {
    hub: Hub,
    commands: Commands,
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
        let commands = Commands::new(hub.clone());
        let (refusing, ended) = (commands.clone(), ending.clone());
        tokio::spawn(async move { ended.run_until_cancelled(refusing.keep_refusing()).await });
        let notices = options.notices.into_iter().chain(aside);
        Self(Arc::new(Inner {
            commands,
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

    pub(super) fn commands(&self) -> &Commands {
        &self.0.commands
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
