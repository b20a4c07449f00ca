//! *Stop*: what the session's whole tree asks is refused, then its run is aborted, and whatever asks later from it is refused
//! until a person gives it a prompt.
//!
//! OpenCode keeps the requests of a run that was aborted: one that was allowed afterwards would run.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use model::ids::{InstanceId, SessionId};
use model::view::{Request, ToRefuse, to_refuse};
use tokio::time::{sleep, timeout};

use super::port::{Server, Servers};
use super::reply::{Answer, PermissionAnswer};
use super::{CommandError, Commands, gone, to_the_end};
use crate::limits;

/// Who refuses what a stopped session asks, as the audit log names it.
const BY: &str = "drovers (the session was stopped)";

impl<S: Servers> Commands<S> {
    /// Stops what a session and those below it do, in the name of `by`. One that does nothing stays as it is.
    ///
    /// What waits is refused first; what cannot be refused within [`limits::REFUSE_BEFORE_STOP`] is refused after it.
    ///
    /// # Errors
    /// The session is not there, or its server does not stop it. It is marked as stopped all the same: what it asks is
    /// refused.
    pub async fn stop(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        let (commands, by) = (self.clone(), by.clone());
        let (instance, session) = (instance.clone(), session.clone());
        to_the_end(async move { commands.stop_whole(&instance, &session, &by).await }).await
    }

    async fn stop_whole(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        self.link(instance).await?;
        self.engine.stopped(instance.clone(), session.clone()).await;
        let server = self.at_session(instance, session).await?;
        let refusing = self.refuse_all(by, |one| one.instance == *instance);
        let _later = timeout(limits::REFUSE_BEFORE_STOP, refusing).await;
        let aborted = server.abort(session).await;
        aborted.map_err(gone(instance, session))
    }

    /// Refuses what stopped sessions ask. Gives what could not be refused.
    async fn refuse_all(&self, by: &Arc<str>, which: impl Fn(&ToRefuse) -> bool) -> usize {
        let waiting = self.engine.read(to_refuse);
        let refused = waiting.into_iter().filter(which).map(|one| async move {
            let refused = self.refuse(&one, by).await;
            refused.inspect_err(|error| {
                let ToRefuse {
                    instance, session, ..
                } = &one;
                tracing::warn!(%instance, %session, %error, "a request of a stopped session still waits");
            })
        });
        let refused: Vec<_> = stream::iter(refused)
            .buffer_unordered(limits::REFUSED_AT_ONCE)
            .collect()
            .await;
        refused.iter().filter(|refused| refused.is_err()).count()
    }

    async fn refuse(&self, one: &ToRefuse, by: &Arc<str>) -> Result<(), CommandError> {
        let refused = match &one.request {
            Request::Permission(id) => {
                let answer = PermissionAnswer::reject(None);
                self.reply_permission(&one.instance, id, answer, None, by)
                    .await
            }
            Request::Question(id) => {
                self.reply_question(&one.instance, id, Answer::Rejected, None, by)
                    .await
            }
        };
        match refused {
            // Somebody was first, or it ended: it does not wait any more.
            Err(
                CommandError::Answered(_)
                | CommandError::UnknownPermission(_)
                | CommandError::UnknownQuestion(_),
            ) => Ok(()),
            refused => refused,
        }
    }

    /// Refuses whatever stopped sessions ask, for as long as the engine runs.
    pub async fn keep_refusing(&self) {
        let (mut changes, by) = (self.engine.changes(), Arc::from(BY));
        let mut known = BTreeSet::new();
        loop {
            let waiting: BTreeSet<_> = self.engine.read(to_refuse).into_iter().collect();
            if waiting != known {
                // *Stop* itself refuses what waited before it; who comes second finds nothing.
                let failed = self.refuse_all(&by, |_| true).await;
                if failed > 0 {
                    sleep(limits::REFUSE_AGAIN).await;
                    continue;
                }
                known = waiting;
            }
            if changes.changed().await.is_err() {
                return;
            }
            changes.borrow_and_update();
        }
    }
}
