//! *Stop everything*: stops every running session of every instance, each independently.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{StreamExt, stream};
use model::State;
use model::ids::{InstanceId, SessionId};
use model::state::{Run, Session};

use super::port::Servers;
use super::{CommandError, Commands};
use crate::limits;
use crate::tasks::to_the_end;

/// The outcome for one session.
#[derive(Debug)]
pub struct StopOutcome {
    /// Its instance.
    pub instance: InstanceId,
    /// The session.
    pub session: SessionId,
    /// Its title.
    pub title: Arc<str>,
    /// Whether its run ended, or why that is unknown. The session is marked as stopped either way: its requests are refused.
    pub outcome: Result<(), CommandError>,
}

/// A session that is to be stopped.
#[derive(Clone, Debug)]
struct Target {
    instance: InstanceId,
    session: SessionId,
    title: Arc<str>,
}

impl<S: Servers> Commands<S> {
    /// Stops every session of every instance that is running, or was running at the last contact with its server, on behalf
    /// of `by`. It runs to its end even if the caller disconnects. A session that cannot be stopped delays no other. Sessions
    /// that start meanwhile are stopped too.
    ///
    /// # Errors
    /// The hub ended before this was done.
    pub async fn stop_all(&self, by: &Arc<str>) -> Result<Vec<StopOutcome>, CommandError> {
        let (commands, by) = (self.clone(), by.clone());
        let done = to_the_end(async move { commands.stop_rounds(&by).await }).await;
        done.ok_or(CommandError::Ended)
    }

    async fn stop_rounds(&self, by: &Arc<str>) -> Vec<StopOutcome> {
        let mut known = BTreeSet::new();
        let mut outcomes = Vec::new();
        for _round in 0..limits::STOP_ROUNDS {
            let mut targets = self.engine.read(running);
            targets.retain(|one| known.insert((one.instance.clone(), one.session.clone())));
            if targets.is_empty() {
                break;
            }
            // All sessions are marked before the first abort, so that no answer lets one of them continue.
            for one in &targets {
                let (instance, session) = (one.instance.clone(), one.session.clone());
                self.engine.stopped(instance, session).await;
            }
            let stopped = targets.into_iter().map(|one| self.stop_one(one, by));
            let stopped = stream::iter(stopped).buffered(limits::STOPPED_AT_ONCE);
            outcomes.extend(stopped.collect::<Vec<_>>().await);
        }
        outcomes
    }

    async fn stop_one(&self, target: Target, by: &Arc<str>) -> StopOutcome {
        let outcome = self.confirmed(&target, by).await;
        if let Err(error) = &outcome {
            let (instance, session) = (&target.instance, &target.session);
            tracing::warn!(%instance, %session, %error, "a session was not confirmed as stopped");
        }
        StopOutcome {
            instance: target.instance,
            session: target.session,
            title: target.title,
            outcome,
        }
    }

    /// Stops a session, and waits for the end of its run.
    async fn confirmed(&self, target: &Target, by: &Arc<str>) -> Result<(), CommandError> {
        let Target {
            instance, session, ..
        } = target;
        self.stop_whole(instance, session, by).await?;
        let runs = |state: &State| {
            let session = state.session(instance, session);
            session.is_some_and(|session| session.run.is_running())
        };
        self.until(limits::STOP_WAIT, |state| !runs(state)).await;
        match self.engine.read(runs) {
            true => Err(CommandError::StillRunning(session.clone())),
            false => Ok(()),
        }
    }
}

/// Sessions that are or may be running: parents before their subagents, oldest first.
fn running(state: &State) -> Vec<Target> {
    let mut found: Vec<(usize, &Session, Target)> = Vec::new();
    for instance in state.instances.values() {
        for session in instance.sessions.values() {
            let runs = session.run.is_running() || may_run(session);
            if !runs || !state.shows(&instance.id, &session.info.id) {
                continue;
            }
            let depth = usize::from(session.info.parent.is_some());
            let target = Target {
                instance: instance.id.clone(),
                session: session.info.id.clone(),
                title: session.info.title().into(),
            };
            found.push((depth, session, target));
        }
    }
    found.sort_by_key(|(depth, session, _)| (*depth, session.info.created));
    found.into_iter().map(|(_, _, target)| target).collect()
}

/// True for a session that was running at the last contact with its server.
fn may_run(session: &Session) -> bool {
    session.run == Run::Unknown && session.reported_running
}
