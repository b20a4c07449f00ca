//! The long-lived tasks of the commands: what goes on without a caller.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;

use tokio_util::sync::CancellationToken;

use super::Hub;
use crate::command::Commands;

impl Hub {
    /// Runs the tasks of its commands in the background until `ending` is cancelled. A task that panics is begun again.
    pub fn keep_commands(&self, commands: &Commands<Self>, ending: &CancellationToken) {
        let all = commands.clone();
        self.keep("refusing requests of stopped sessions", ending, move || {
            let all = all.clone();
            async move { all.keep_refusing().await }
        });
        let all = commands.clone();
        self.keep("sending queued prompts", ending, move || {
            let all = all.clone();
            async move { all.keep_sending().await }
        });
        let (all, account, settings) = (
            commands.clone(),
            self.account().clone(),
            self.settings().clone(),
        );
        self.keep("counting cost and time", ending, move || {
            let (all, account, settings) = (all.clone(), account.clone(), settings.clone());
            async move { all.keep_account(&account, &settings).await }
        });
        let (all, search) = (commands.clone(), self.search().clone());
        self.keep("keeping the search index", ending, move || {
            let (all, search) = (all.clone(), search.clone());
            async move { all.keep_index(&search).await }
        });
        let hub = self.clone();
        self.keep("watching the memory of servers", ending, move || {
            let hub = hub.clone();
            async move { hub.keep_memory().await }
        });
        let hub = self.clone();
        self.keep(
            "looking for sessions that change the same",
            ending,
            move || {
                let hub = hub.clone();
                async move { hub.keep_radar().await }
            },
        );
    }

    /// Notifies devices and targets until `ending` is cancelled. `callers` are the names of those whose keys are valid; `None` if
    /// nobody needs a key.
    pub fn keep_notifying(
        &self,
        callers: impl Fn() -> Option<BTreeSet<Arc<str>>> + Clone + Send + Sync + 'static,
        ending: &CancellationToken,
    ) {
        let hub = self.clone();
        self.keep("notifying devices and targets", ending, move || {
            let (hub, callers) = (hub.clone(), callers.clone());
            async move {
                let (push, settings) = (hub.push().clone(), hub.settings().clone());
                push.keep(hub.engine(), &settings, callers).await;
            }
        });
    }

    fn keep<F: Future<Output = ()> + Send>(
        &self,
        name: &'static str,
        ending: &CancellationToken,
        begin: impl Fn() -> F + Send + Sync + 'static,
    ) {
        let (tasks, ended) = (self.tasks().clone(), ending.clone());
        tokio::spawn(async move { ended.run_until_cancelled(tasks.keep(name, begin)).await });
    }
}
