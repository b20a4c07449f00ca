//! *Stop*: refuses the pending requests of the session's whole tree, aborts the run, and then
//! refuses every later request until a person sends a prompt.
//!
//! OpenCode keeps the requests of an aborted run: a request that is allowed after the abort would
//! still run.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use model::State;
use model::ids::{InstanceId, SessionId};
use model::state::{Outcome, Request};
use model::view::{ToRefuse, to_refuse};
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::audit::{Step, Subject};
use super::port::{PermissionReply, Server, ServerError, Servers};
use super::reply::{Answer, PermissionAnswer};
use super::{CommandError, Commands, gone};
use crate::limits;

/// The name of the hub in the audit log, for requests it refuses of stopped sessions and ended
/// runs.
const BY: &str = "drovers (the session was stopped, or its run ended)";

impl<S: Servers> Commands<S> {
    /// Stops a session and its descendants, on behalf of `by`. An idle session stays as it is.
    ///
    /// The stop is on disk before any request is sent, so that the next run of the hub continues to
    /// refuse. If the disk write fails, a notice reports that, and the session is stopped anyway.
    ///
    /// Pending requests are refused first; those that cannot be refused within
    /// [`limits::REFUSE_BEFORE_STOP`] are refused after the abort.
    ///
    /// # Errors The session does not exist, or its server does not abort the run. The session is
    /// marked as stopped in either case: its requests are refused.
    pub async fn stop(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        let (instance, session, by) = (instance.clone(), session.clone(), by.clone());
        self.to_the_end(
            |commands| async move { commands.stop_whole(&instance, &session, &by).await },
        )
        .await
    }

    pub(super) async fn stop_whole(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        self.link(instance).await?;
        self.engine.stopped(instance.clone(), session.clone()).await;
        self.notes.write_now(&self.engine).await;
        self.hold_queues(instance, session).await;
        let server = self.at_session(instance, session).await?;
        let refusing = self.refuse_all(instance, by);
        let _later = timeout(limits::REFUSE_BEFORE_STOP, refusing).await;
        let aborted = server.abort(session).await;
        aborted.map_err(gone(instance, session))
    }

    /// Refuses all pending requests of an instance that are to be refused, once.
    async fn refuse_all(&self, instance: &InstanceId, by: &Arc<str>) {
        let waiting = self.engine.read(|state| here(state, instance));
        let refused = waiting.into_iter().map(|one| async move {
            if let Err(error) = self.refuse(&one, by).await {
                let session = &one.session;
                tracing::warn!(%instance, %session, %error, "a request to be refused is still pending");
            }
        });
        stream::iter(refused)
            .buffer_unordered(limits::REFUSED_AT_ONCE)
            .for_each(async |_| {})
            .await;
    }

    async fn refuse(&self, one: &ToRefuse, by: &Arc<str>) -> Result<(), CommandError> {
        if one.ended {
            return self.refuse_ended(one, by).await;
        }
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
            // Another client answered first, or the run ended: the request is not pending any more.
            Err(
                CommandError::Answered(_)
                | CommandError::UnknownPermission(_)
                | CommandError::UnknownQuestion(_),
            ) => Ok(()),
            refused => refused,
        }
    }

    /// Rejects a request of an ended run at its server. A server that does not know the request has
    /// dropped it already.
    async fn refuse_ended(&self, one: &ToRefuse, by: &Arc<str>) -> Result<(), CommandError> {
        let server = match self.at_session(&one.instance, &one.session).await {
            Err(CommandError::UnknownSession { .. }) => {
                self.engine
                    .lapsed_refused(&one.instance, one.request.id())
                    .await;
                return Ok(());
            }
            server => server?,
        };
        let about = Subject {
            by: by.clone(),
            instance: one.instance.clone(),
            session: one.session.clone(),
            request: one.request.id().into(),
            about: "request of a run that ended".to_owned(),
            fingerprint: None,
            outcome: Outcome::Rejected,
        };
        let refused = match &one.request {
            Request::Permission(id) => {
                let reply = PermissionReply::Reject;
                server
                    .reply_permission(&one.session, id.as_str(), reply, None)
                    .await
            }
            Request::Question(id) => server.reject_question(&one.session, id.as_str()).await,
        };
        match refused {
            Ok(()) => self.audit(&about, Step::Taken, None).await,
            Err(ServerError::NotFound(_)) => {}
            Err(error) => return Err(error.into()),
        }
        self.engine
            .lapsed_refused(&one.instance, one.request.id())
            .await;
        Ok(())
    }

    /// Refuses the requests of stopped sessions and ended runs for as long as the engine runs. A
    /// stuck server does not delay the others.
    pub async fn keep_refusing(&self) {
        let mut changes = self.engine.changes();
        let (mut at_work, mut working) = (JoinSet::new(), BTreeSet::new());
        loop {
            for one in self.engine.read(to_refuse) {
                if working.insert(one.instance.clone()) {
                    let commands = self.clone();
                    at_work.spawn(async move { commands.refuse_at(one.instance).await });
                }
            }
            tokio::select! {
                changed = changes.changed() => if changed.is_err() { return },
                Some(done) = at_work.join_next() => match done {
                    Ok(instance) => {
                        working.remove(&instance);
                    }
                    Err(error) if error.is_cancelled() => {}
                    Err(error) => {
                        tracing::error!(%error, "a task that refuses requests failed");
                        at_work.abort_all();
                        working.clear();
                        sleep(limits::REFUSE_AGAIN).await;
                    }
                },
            }
            changes.borrow_and_update();
        }
    }

    /// Refuses the requests of an instance until none is pending. Backs off while refusing fails;
    /// new requests are refused at once.
    async fn refuse_at(&self, instance: InstanceId) -> InstanceId {
        let (by, mut wait) = (Arc::from(BY), limits::REFUSE_AGAIN);
        loop {
            self.refuse_all(&instance, &by).await;
            let left = self.engine.read(|state| here(state, &instance));
            if left.is_empty() {
                return instance;
            }
            let more = self.engine.until(|state| here(state, &instance) != left);
            wait = match timeout(wait, more).await {
                Ok(()) => limits::REFUSE_AGAIN,
                Err(_same) => (wait * 2).min(limits::REFUSE_SELDOM),
            };
        }
    }
}

/// The requests of an instance that are to be refused.
fn here(state: &State, instance: &InstanceId) -> Vec<ToRefuse> {
    let all = to_refuse(state).into_iter();
    all.filter(|one| one.instance == *instance).collect()
}
