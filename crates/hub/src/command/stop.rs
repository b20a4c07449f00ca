//! *Stop*: what the session's whole tree asks is refused, then its run is aborted, and whatever asks later from it is refused
//! until a person gives it a prompt.
//!
//! OpenCode keeps the requests of a run that was aborted: one that was allowed afterwards would run.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use model::State;
use model::ids::{InstanceId, SessionId};
use model::state::{Outcome, Request};
use model::view::{ToRefuse, to_refuse};
use opencode::ClientError;
use tokio::task::JoinSet;
use tokio::time::{sleep, timeout};

use super::audit::{About, Step};
use super::port::{PermissionReply, Server, Servers};
use super::reply::{Answer, PermissionAnswer};
use super::{CommandError, Commands, gone};
use crate::limits;

/// Who refuses what stopped sessions and ended runs ask, as the audit log names it.
const BY: &str = "drovers (the session was stopped, or its run ended)";

impl<S: Servers> Commands<S> {
    /// Stops what a session and those below it do, in the name of `by`. One that does nothing stays as it is.
    ///
    /// That it is stopped is on the disk before anything is sent, so that a hub after this one goes on refusing; where it cannot be
    /// written, a notice says so, and the session is stopped all the same.
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
        let (instance, session, by) = (instance.clone(), session.clone(), by.clone());
        self.to_the_end(
            |commands| async move { commands.stop_whole(&instance, &session, &by).await },
        )
        .await
    }

    async fn stop_whole(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        self.link(instance).await?;
        self.engine.stopped(instance.clone(), session.clone()).await;
        self.notes.write_now(&self.engine).await;
        let server = self.at_session(instance, session).await?;
        let refusing = self.refuse_all(instance, by);
        let _later = timeout(limits::REFUSE_BEFORE_STOP, refusing).await;
        let aborted = server.abort(session).await;
        aborted.map_err(gone(instance, session))
    }

    /// Refuses what is to be refused in an instance, once.
    async fn refuse_all(&self, instance: &InstanceId, by: &Arc<str>) {
        let waiting = self.engine.read(|state| here(state, instance));
        let refused = waiting.into_iter().map(|one| async move {
            if let Err(error) = self.refuse(&one, by).await {
                let session = &one.session;
                tracing::warn!(%instance, %session, %error, "a request that is to be refused still waits");
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
            // Somebody was first, or it ended: it does not wait any more.
            Err(
                CommandError::Answered(_)
                | CommandError::UnknownPermission(_)
                | CommandError::UnknownQuestion(_),
            ) => Ok(()),
            refused => refused,
        }
    }

    /// Has a server let go of what an ended run asked. One that does not know it has done so already.
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
        let about = About {
            by: by.clone(),
            instance: one.instance.clone(),
            session: one.session.clone(),
            request: one.request.id().into(),
            about: "asked by a run that ended".to_owned(),
            fingerprint: None,
            outcome: Outcome::Rejected,
        };
        let refused = match &one.request {
            Request::Permission(id) => {
                let reply = PermissionReply::Reject;
                server.reply_permission(id.as_str(), reply, None).await
            }
            Request::Question(id) => server.reject_question(id.as_str()).await,
        };
        match refused {
            Ok(()) => self.audit(&about, Step::Taken, None).await,
            Err(ClientError::NotFound { .. }) => {}
            Err(error) => return Err(error.into()),
        }
        self.engine
            .lapsed_refused(&one.instance, one.request.id())
            .await;
        Ok(())
    }

    /// Refuses whatever stopped sessions and ended runs ask, for as long as the engine runs. A server that hangs holds up
    /// no other.
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
                        tracing::error!(%error, "a refusal ended badly");
                        at_work.abort_all();
                        working.clear();
                        sleep(limits::REFUSE_AGAIN).await;
                    }
                },
            }
            changes.borrow_and_update();
        }
    }

    /// Refuses what waits in an instance until nothing does, less and less often while that fails; what is asked meanwhile
    /// at once.
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

/// What is to be refused in an instance.
fn here(state: &State, instance: &InstanceId) -> Vec<ToRefuse> {
    let all = to_refuse(state).into_iter();
    all.filter(|one| one.instance == *instance).collect()
}
