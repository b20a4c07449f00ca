//! Background tasks of the hub: each is restarted when it fails.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};

use super::running::HistoryLoad;
use super::unfinished::{self, Unfinished};
use super::{deleted, recall};
use crate::command::notes::Notes;
use crate::engine::Handle;
use crate::registry::Registry;
use crate::tasks::Tasks;

/// The data of these tasks.
#[derive(Clone)]
pub(super) struct TaskContext {
    pub(super) tasks: Tasks,
    pub(super) engine: Handle,
    pub(super) outbox: watch::Receiver<Option<Arc<str>>>,
    pub(super) dir: PathBuf,
    pub(super) before: Unfinished,
    pub(super) registry: Arc<Mutex<Registry>>,
    pub(super) notes: Notes,
    /// True once the state contains the loaded notes.
    pub(super) begun: watch::Receiver<bool>,
}

impl TaskContext {
    /// Starts the tasks. They end when the returned set is dropped. The receiver gets the history of the instances, once it is read
    /// from the journal.
    pub(super) fn begin(self) -> (JoinSet<()>, HistoryLoad) {
        let mut running = JoinSet::new();
        let this = self.clone();
        running.spawn(async move {
            let publish = || this.clone().publish_notices();
            let name = "publishing notices about the hub";
            this.tasks.keep(name, publish).await;
        });
        let this = self.clone();
        running.spawn(async move {
            let note =
                || unfinished::keep(this.engine.clone(), this.dir.clone(), this.before.clone());
            this.tasks.keep("recording running sessions", note).await;
        });
        let this = self.clone();
        running.spawn(async move {
            let keep = || this.clone().keep_notes();
            this.tasks.keep("saving notes on sessions", keep).await;
        });
        let this = self.clone();
        running.spawn(async move {
            let forget = || this.clone().forget_removed();
            this.tasks
                .keep("forgetting removed instances", forget)
                .await;
        });
        let this = self.clone();
        running.spawn(async move {
            let look = deleted::look(this.engine.clone(), this.begun.clone());
            let name = "searching for deleted sessions at the start";
            let _failed = this.tasks.once(name, look).await;
        });
        let (done, recalled) = watch::channel(None);
        running.spawn(async move {
            let recall = recall::recall(self.engine.journal());
            let history = self
                .tasks
                .once("reading the journal at the start", recall)
                .await;
            // Without instances there is no receiver.
            let _unwanted = done.send(history.map(Arc::new));
        });
        (running, recalled)
    }

    /// Synchronizes the notes with the state, once the state contains the loaded notes.
    async fn keep_notes(mut self) {
        let begun = self.begun.wait_for(|begun| *begun).await.is_ok();
        if !begun {
            // The hub did not start.
            return std::future::pending().await;
        }
        self.notes.keep(self.engine).await;
    }

    /// Publishes the conditions of the journal, the files and the tasks as notices.
    async fn publish_notices(mut self) {
        let (mut journal, mut tasks) = (self.engine.journal().status(), self.tasks.watch());
        let mut noted = self.notes.notice();
        loop {
            let notice = journal.borrow_and_update().notice();
            let sent = self.outbox.borrow_and_update().clone();
            let notes = noted.borrow_and_update().clone();
            tasks.borrow_and_update();
            let failed = self.tasks.notices();
            let all = notice.into_iter().chain(sent).chain(notes).chain(failed);
            self.engine.notices(all.collect()).await;
            tokio::select! {
                () = changed(&mut journal) => {}
                () = changed(&mut self.outbox) => {}
                () = changed(&mut noted) => {}
                () = changed(&mut tasks) => {}
            }
        }
    }

    /// Forgets removed instances as soon as the journal has recorded their purge. If the hub ends before that, the next
    /// run purges them.
    async fn forget_removed(self) {
        let mut noted = self.engine.log().purges_noted();
        loop {
            let this = self.clone();
            let done = spawn_blocking(move || this.forget_purged());
            match done.await {
                Ok(()) => changed(&mut noted).await,
                Err(error) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
                Err(_ending) => return,
            }
        }
    }

    fn forget_purged(&self) {
        let mut registry = self.registry.lock().unwrap_or_else(PoisonError::into_inner);
        let log = self.engine.log();
        let removed = registry.purging().to_vec();
        for id in removed.iter().filter(|id| !log.is_to_be_purged(id)) {
            if let Err(error) = registry.purge_noted(id) {
                tracing::warn!(%error, "a removed instance is purged once more at the next start");
            }
        }
    }
}

/// Waits for a change; forever once there can be none.
async fn changed<T>(watched: &mut watch::Receiver<T>) {
    if watched.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
