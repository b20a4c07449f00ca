//! Handles to the engine: read the state, send inputs, subscribe to changes.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::ids::{InstanceId, ParallelId, SessionId};
use model::state::{Origin, Parallel, PromptQueue, Rev};
use model::time::Timestamp;
use model::{Event, State};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::{HistoryDepth, Inbound, Input, Shared, SupervisorCommand};
use crate::limits;
use crate::record::journal::Journal;
use crate::record::log::Log;

/// A handle to the engine. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Handle {
    inputs: mpsc::Sender<Input>,
    shared: Arc<Shared>,
    changes: watch::Receiver<Rev>,
}

impl Handle {
    pub(super) fn new(
        inputs: mpsc::Sender<Input>,
        shared: Arc<Shared>,
        changes: watch::Receiver<Rev>,
    ) -> Self {
        Self {
            inputs,
            shared,
            changes,
        }
    }

    /// Reads the state. Keep the closure short: it blocks the engine.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.shared.read())
    }

    /// A receiver of the revision of the newest change.
    pub fn changes(&self) -> watch::Receiver<Rev> {
        self.changes.clone()
    }

    /// Waits until the predicate holds for the state; forever if it never does, or once the hub shuts down.
    ///
    /// Waiters are woken in the order of arrival, which a `watch` channel does not guarantee.
    pub async fn until(&self, so: impl Fn(&State) -> bool) {
        loop {
            let mut turned = pin!(self.shared.turned.notified());
            turned.as_mut().enable();
            if self.read(&so) {
                return;
            }
            turned.await;
        }
    }

    /// The epoch of this run of the hub.
    pub fn epoch(&self) -> &Arc<str> {
        &self.shared.epoch
    }

    /// The log of all events.
    pub fn log(&self) -> &Log {
        self.shared.journal.log()
    }

    /// The log and its journal.
    pub fn journal(&self) -> &Journal {
        &self.shared.journal
    }

    /// The time of day.
    pub fn now(&self) -> Timestamp {
        self.shared.clock.now()
    }

    /// Adds an instance. Its supervisor sends events through the returned feeder.
    pub async fn add(
        &self,
        instance: InstanceId,
        name: Arc<str>,
        origin: Origin,
        asks: mpsc::Sender<SupervisorCommand>,
    ) -> Feeder {
        self.tell(Input::Add {
            instance: instance.clone(),
            name,
            origin,
            asks,
        })
        .await;
        Feeder {
            instance,
            inputs: self.inputs.clone(),
        }
    }

    /// Removes an instance.
    pub async fn remove(&self, instance: InstanceId) {
        self.tell(Input::Remove(instance)).await;
    }

    /// Retains a session's conversation for as long as the returned guard exists, as far back as `reach`.
    pub async fn watch(
        &self,
        instance: InstanceId,
        session: SessionId,
        reach: HistoryDepth,
    ) -> Watched {
        self.tell(Input::Watch(instance.clone(), session.clone(), reach))
            .await;
        Watched {
            inputs: self.inputs.clone(),
            instance,
            session,
            reach,
        }
    }

    /// Requests the messages before the loaded ones.
    pub async fn older(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::Older(instance, session)).await;
    }

    /// Sets the notices about the hub itself.
    pub async fn notices(&self, notices: Vec<Arc<str>>) {
        self.tell(Input::Notices(notices)).await;
    }

    /// Records that a person viewed a session.
    pub async fn reviewed(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::Reviewed(instance, session)).await;
    }

    /// Marks the state that a session is in as done.
    pub async fn dismissed(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::Dismissed(instance, session)).await;
    }

    /// Marks a session as to be looked at again.
    pub async fn unreviewed(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::Unreviewed(instance, session)).await;
    }

    /// Puts a session off until a time, or no longer.
    pub async fn snoozed(
        &self,
        instance: InstanceId,
        session: SessionId,
        until: Option<Timestamp>,
    ) {
        self.tell(Input::Snoozed(instance, session, until)).await;
    }

    /// Reads a session's conversation and requests again from its server.
    pub async fn read_again(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::ReadAgain(instance, session)).await;
    }

    /// Folds an event of the hub's own; the state has changed once this resolves.
    pub async fn own(&self, instance: InstanceId, event: Event) {
        self.tell(Input::Own(instance, Box::new(event))).await;
        self.settled().await;
    }

    /// Records that a person stopped a session and its descendants; the state has changed once this resolves.
    pub async fn stopped(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::Stopped(instance, session)).await;
        self.settled().await;
    }

    /// Records that a person sends a prompt to a session: the session may make requests again.
    pub async fn prompted(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::Prompted(instance, session)).await;
    }

    /// Publishes the prompt queue of a session.
    pub async fn queued(&self, instance: InstanceId, session: SessionId, queue: PromptQueue) {
        self.tell(Input::Queued(instance, session, queue)).await;
    }

    /// Publishes a parallel run.
    pub async fn parallel(&self, instance: InstanceId, parallel: Parallel) {
        self.tell(Input::Parallel(instance, parallel)).await;
    }

    /// Takes a parallel run out of the state.
    pub async fn parallel_forgotten(&self, instance: InstanceId, id: ParallelId) {
        self.tell(Input::ParallelForgotten(instance, id)).await;
    }

    /// Records that a server was asked to reject a request of an ended run, or does not have the request.
    pub async fn lapsed_refused(&self, instance: &InstanceId, request: &str) {
        self.tell(Input::LapsedRefused(instance.clone(), request.into()))
            .await;
    }

    /// Triggers a new read of the pending requests in a session's folder.
    pub async fn doubt_requests(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::Doubted(instance, session)).await;
    }

    /// Asks the server whether a session exists that is not in the state. If it does not, its texts are purged.
    pub async fn doubt_session(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::SessionDoubted(instance, session)).await;
    }

    /// True if the engine processes an input within [`limits::ENGINE_ANSWERS`]. An engine with a long queue is alive as
    /// well: any progress counts.
    pub async fn is_alive(&self) -> bool {
        let taken = || self.shared.taken.load(Ordering::Relaxed);
        let before = taken();
        let (answer, answered) = oneshot::channel();
        let asked = async {
            let sent = self.inputs.send(Input::AreYouThere(answer)).await;
            sent.is_ok() && answered.await.is_ok()
        };
        let goes_on = async {
            while taken() == before {
                sleep(limits::ENGINE_LOOK).await;
            }
            true
        };
        let either = async {
            tokio::select! {
                biased;
                alive = asked => alive,
                alive = goes_on => alive,
            }
        };
        let alive = timeout(limits::ENGINE_ANSWERS, either).await;
        alive.unwrap_or(false)
    }

    /// The reason of the engine's failure, if it failed.
    pub fn failure(&self) -> Option<Arc<str>> {
        self.shared.failure.get().cloned()
    }

    /// True once the engine has ended. It ends before its handles only on failure.
    pub fn has_ended(&self) -> bool {
        self.changes.has_changed().is_err()
    }

    /// Waits until the engine ends, which happens before its handles only on failure. Returns the reason.
    pub async fn failed(&self) -> Arc<str> {
        let mut changes = self.changes();
        while changes.changed().await.is_ok() {}
        let why = self.failure();
        why.unwrap_or_else(|| "its engine ended".into())
    }

    /// Waits until every earlier input is processed, or the engine ends.
    pub async fn settled(&self) {
        let (reply, taken) = oneshot::channel();
        self.tell(Input::Settled(reply)).await;
        let _dropped = taken.await;
    }

    async fn tell(&self, input: Input) {
        // The engine runs as long as any handle does, unless the hub is shutting down: then inputs are irrelevant.
        let _ended = self.inputs.send(input).await;
    }
}

/// The handle of a supervisor to the engine.
#[derive(Clone, Debug)]
pub struct Feeder {
    instance: InstanceId,
    inputs: mpsc::Sender<Input>,
}

impl Feeder {
    /// Sends inbound items, in order, as one change. Applies backpressure while the engine is behind.
    pub async fn tell(&self, inbound: Vec<Inbound>) {
        let _ended = self
            .inputs
            .send(Input::Received(self.instance.clone(), inbound))
            .await;
    }

    /// Reports that the read of a session's row has ended, with or without success.
    pub async fn session_unread(&self, session: SessionId) {
        let _ended = self
            .inputs
            .send(Input::SessionUnread(self.instance.clone(), session))
            .await;
    }
}

/// Guard that retains a session's conversation until it is dropped.
#[derive(Debug)]
pub struct Watched {
    inputs: mpsc::Sender<Input>,
    instance: InstanceId,
    session: SessionId,
    reach: HistoryDepth,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let input = Input::Unwatch(self.instance.clone(), self.session.clone(), self.reach);
        if let Err(mpsc::error::TrySendError::Full(input)) = self.inputs.try_send(input) {
            // A full queue must not lose this input, or the conversation would be retained forever.
            let inputs = self.inputs.clone();
            tokio::spawn(async move { inputs.send(input).await });
        }
    }
}
