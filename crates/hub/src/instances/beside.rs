//! What runs beside the engine for as long as the hub lives: each begun again when it fails.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::watch;
use tokio::task::{JoinSet, spawn_blocking};

use super::unfinished::{self, Unfinished};
use crate::command::notes::Notes;
use crate::engine::Handle;
use crate::registry::Registry;
use crate::tasks::Tasks;

/// What these tasks need.
#[derive(Clone)]
pub(super) struct Beside {
    pub(super) tasks: Tasks,
    pub(super) engine: Handle,
    pub(super) outbox: watch::Receiver<Option<Arc<str>>>,
    pub(super) dir: PathBuf,
    pub(super) before: Unfinished,
    pub(super) registry: Arc<Mutex<Registry>>,
    pub(super) notes: Notes,
    /// True once the state has what was noted before.
    pub(super) begun: watch::Receiver<bool>,
}

impl Beside {
    /// Begins them.
    pub(super) fn begin(self, running: &mut JoinSet<()>) {
        let this = self.clone();
        running.spawn(async move {
            let tell = || this.clone().tell();
            this.tasks.keep("what tells of the hub itself", tell).await;
        });
        let this = self.clone();
        running.spawn(async move {
            let note =
                || unfinished::keep(this.engine.clone(), this.dir.clone(), this.before.clone());
            this.tasks.keep("what notes which sessions run", note).await;
        });
        let this = self.clone();
        running.spawn(async move {
            let keep = || this.clone().keep_notes();
            this.tasks.keep("what keeps notes of sessions", keep).await;
        });
        running.spawn(async move {
            let see_to = || self.clone().see_to_purges();
            self.tasks.keep("what sees to purges", see_to).await;
        });
    }

    /// Keeps notes in step with the state, once it has what was noted before.
    async fn keep_notes(mut self) {
        let begun = self.begun.wait_for(|begun| *begun).await.is_ok();
        if !begun {
            // The hub did not begin.
            return std::future::pending().await;
        }
        self.notes.keep(self.engine).await;
    }

    /// Shows how the journal, the files beside it and these tasks are to whoever looks.
    async fn tell(mut self) {
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

    /// Forgets removed instances as soon as the journal has noted that their texts are to go. What is left of them when the
    /// hub ends, the next one has purged.
    async fn see_to_purges(self) {
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

/// Waits for a change; for ever once there can be none.
async fn changed<T>(watched: &mut watch::Receiver<T>) {
    if watched.changed().await.is_err() {
        std::future::pending::<()>().await;
    }
}
