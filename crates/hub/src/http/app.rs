//! State shared by all handlers.

use std::sync::Arc;

use model::time::Timestamp;
use page::{Context, FoundServer, Notice, Settings, Ways};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;

use super::Options;
use super::compared::Comparisons;
use super::compressor::SharedCompressor;
use super::problem::Problem;
use super::session_changes::SessionChanges;
use super::shield::PasskeySite;
use crate::access::{Access, Attempts, Outside, Throttle};
use crate::command::Commands;
use crate::inspect::{Inspections, PageErrors};
use crate::instances::Hub;
use crate::limits;

/// The version reported to pages and programs.
pub(super) const VERSION: &str = env!("CARGO_PKG_VERSION");

/// The notice of a hub without authentication.
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
    attempts: Attempts,
    passkey_attempts: Attempts,
    outside: Option<Outside>,
    restart: Option<CancellationToken>,
    notices: Vec<Notice>,
    /// The same, as long as there is no instance.
    notices_while_empty: Vec<Notice>,
    viewers: Arc<Semaphore>,
    ending: CancellationToken,
    started: Timestamp,
    compressor: Arc<SharedCompressor>,
    session_changes: SessionChanges,
    inspections: Inspections,
    page_errors: PageErrors,
    comparisons: Comparisons,
}

impl App {
    pub(super) fn new(
        hub: Hub,
        options: Options,
        outside: Option<Outside>,
        ending: CancellationToken,
    ) -> Self {
        let aside = hub.put_aside().map(|path| {
            let text = format!(
                "The list of instances could not be read whole. It was kept as {}",
                path.display()
            );
            Arc::from(text)
        });
        let commands = hub.commands();
        hub.keep_commands(&commands, &ending);
        let access = options.access.clone();
        let callers = move || match &access {
            Access::Anybody => None,
            Access::Keys(keyring) => Some(keyring.callers()),
        };
        hub.keep_notifying(callers, &ending);
        let open = match &options.access {
            Access::Anybody => Some(Arc::from(OPEN)),
            Access::Keys(_) => None,
        };
        let notices = options.notices.into_iter().chain(aside).chain(open);
        let notices: Vec<_> = notices.map(|text| Notice { text }).collect();
        let while_empty = options.while_empty.map(|text| Notice { text });
        Self(Arc::new(Inner {
            commands,
            access: options.access,
            throttle: Throttle::default(),
            attempts: Attempts::default(),
            passkey_attempts: Attempts::default(),
            outside,
            restart: options.restart,
            notices_while_empty: notices.iter().cloned().chain(while_empty).collect(),
            notices,
            viewers: Arc::new(Semaphore::new(limits::VIEWERS)),
            ending,
            started: hub.engine().now(),
            compressor: Arc::new(SharedCompressor::new()),
            session_changes: SessionChanges::default(),
            inspections: Inspections::default(),
            page_errors: PageErrors::default(),
            comparisons: Comparisons::default(),
            hub,
        }))
    }

    pub(super) fn hub(&self) -> &Hub {
        &self.0.hub
    }

    pub(super) fn commands(&self) -> &Commands<Hub> {
        &self.0.commands
    }

    /// Whether callers are authenticated.
    pub(super) fn access(&self) -> &Access {
        &self.0.access
    }

    /// The rate limit of invalid keys.
    pub(super) fn throttle(&self) -> &Throttle {
        &self.0.throttle
    }

    /// The rate limit of passwords.
    pub(super) fn attempts(&self) -> &Attempts {
        &self.0.attempts
    }

    /// The rate limit of passkeys. It is apart from that of passwords: who guesses those keeps no passkey out.
    pub(super) fn passkey_attempts(&self) -> &Attempts {
        &self.0.passkey_attempts
    }

    /// The listener for other machines, if there is one.
    pub(super) fn outside(&self) -> Option<&Outside> {
        self.0.outside.as_ref()
    }

    /// True if a browser can come in by a password.
    pub(super) fn takes_password(&self) -> bool {
        match &self.0.access {
            Access::Keys(keyring) => keyring.password().is_set(),
            Access::Anybody => false,
        }
    }

    /// The ways in for a browser that is not known, at this site.
    pub(super) fn ways(&self, PasskeySite(site): &PasskeySite) -> Ways {
        let passkey = match (&self.0.access, site) {
            (Access::Keys(keyring), Some(site)) => keyring.has_passkey(site),
            _ => false,
        };
        Ways {
            password: self.takes_password(),
            passkey,
        }
    }

    /// Writes the credentials in the background. If the disk is full the hub continues, and new pages must enter again
    /// after a restart.
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

    /// What restarts the hub.
    pub(super) fn restart(&self) -> Option<&CancellationToken> {
        self.0.restart.as_ref()
    }

    pub(super) fn notices(&self) -> &[Notice] {
        let is_empty = |state: &model::State| state.instances.is_empty();
        match self.0.hub.engine().read(is_empty) {
            true => &self.0.notices_while_empty,
            false => &self.0.notices,
        }
    }

    /// Time at which the hub began to serve.
    pub(super) fn started(&self) -> Timestamp {
        self.0.started
    }

    /// The shared compressor for all readers of the log.
    pub(super) fn compressor(&self) -> Arc<SharedCompressor> {
        self.0.compressor.clone()
    }

    /// Changes that servers reported of sessions lately.
    pub(super) fn session_changes(&self) -> &SessionChanges {
        &self.0.session_changes
    }

    /// What the event inspector keeps.
    pub(super) fn inspections(&self) -> &Inspections {
        &self.0.inspections
    }

    /// The log of errors that pages report.
    pub(super) fn page_errors(&self) -> &PageErrors {
        &self.0.page_errors
    }

    /// Comparisons of files that were made lately.
    pub(super) fn comparisons(&self) -> &Comparisons {
        &self.0.comparisons
    }

    /// Cancelled once the hub shuts down: streaming responses end then.
    pub(super) fn ending(&self) -> CancellationToken {
        self.0.ending.clone()
    }

    /// A permit for a viewer or a reader of the log; released on drop.
    pub(super) fn place(&self) -> Result<OwnedSemaphorePermit, Problem> {
        self.0
            .viewers
            .clone()
            .try_acquire_owned()
            .map_err(|_| Problem::crowded())
    }

    /// Number of current viewers and readers.
    pub(super) fn viewers(&self) -> usize {
        limits::VIEWERS - self.0.viewers.available_permits()
    }

    /// Waits until no viewer is left.
    pub(super) async fn viewers_gone(&self) {
        let all = u32::try_from(limits::VIEWERS).unwrap_or(u32::MAX);
        // The semaphore is never closed.
        let _all = self.0.viewers.acquire_many(all).await;
    }

    /// The data of a document besides the viewport.
    pub(super) fn context<'a>(
        &'a self,
        recent: &'a [Arc<str>],
        found: &'a [FoundServer],
        settings: &'a Settings,
    ) -> Context<'a> {
        let engine = self.0.hub.engine();
        Context {
            epoch: engine.epoch(),
            version: VERSION,
            now: engine.now(),
            recent,
            notices: self.notices(),
            found,
            settings,
            inspect: false,
            adds: true,
            lacks: &[],
            drafted: None,
        }
    }
}
