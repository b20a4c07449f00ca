//! Ways to the engine: to read, to tell, to watch.

use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use model::State;
use model::ids::{InstanceId, SessionId};
use model::state::{Origin, Rev};
use model::time::Timestamp;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{sleep, timeout};

use super::{Ask, Heard, Input, Reach, Shared};
use crate::limits;
use crate::record::journal::Journal;
use crate::record::log::Log;

/// A way to the engine. Cheap to clone.
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

    /// Reads the state. Keep it short: the engine waits meanwhile.
    pub fn read<T>(&self, look: impl FnOnce(&State) -> T) -> T {
        look(&self.shared.read())
    }

    /// The revision of the newest change, and a way to wait for the next.
    pub fn changes(&self) -> watch::Receiver<Rev> {
        self.changes.clone()
    }

    /// Waits until the state is so; for ever if it never is, or once the hub ends.
    ///
    /// Those who wait are woken in the order in which they came, which a `watch` channel would leave to chance.
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

    /// The name of this run of the hub.
    pub fn epoch(&self) -> &Arc<str> {
        &self.shared.epoch
    }

    /// Every event as it came.
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

    /// Begins an instance. What its supervisor hears goes through the feeder.
    pub async fn add(
        &self,
        instance: InstanceId,
        name: Arc<str>,
        origin: Origin,
        asks: mpsc::Sender<Ask>,
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

    /// Ends an instance.
    pub async fn remove(&self, instance: InstanceId) {
        self.tell(Input::Remove(instance)).await;
    }

    /// Keeps a session's conversation for as long as the answer lives, as far back as `reach`.
    pub async fn watch(&self, instance: InstanceId, session: SessionId, reach: Reach) -> Watched {
        self.tell(Input::Watch(instance.clone(), session.clone(), reach))
            .await;
        Watched {
            inputs: self.inputs.clone(),
            instance,
            session,
            reach,
        }
    }

    /// Asks for messages before those that are kept.
    pub async fn older(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::Older(instance, session)).await;
    }

    /// Sets what a person should know of the hub itself.
    pub async fn notices(&self, notices: Vec<Arc<str>>) {
        self.tell(Input::Notices(notices)).await;
    }

    /// Notes that a person looked at a session.
    pub async fn reviewed(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::Reviewed(instance, session)).await;
    }

    /// Notes that a person stopped a session, and with it all below it; done once this ends.
    pub async fn stopped(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::Stopped(instance, session)).await;
        self.settled().await;
    }

    /// Notes that a person gives a session a prompt: it may ask again.
    pub async fn prompted(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::Prompted(instance, session)).await;
    }

    /// Notes that a server was told that a request of an ended run is refused, or does not have it.
    pub async fn lapsed_refused(&self, instance: &InstanceId, request: &str) {
        self.tell(Input::LapsedRefused(instance.clone(), request.into()))
            .await;
    }

    /// Has what waits in a session's folder read again.
    pub async fn doubt_requests(&self, instance: InstanceId, session: SessionId) {
        self.tell(Input::Doubted(instance, session)).await;
    }

    /// True if the engine takes what it is told, within [`limits::ENGINE_ANSWERS`]. One that is far behind is alive as well:
    /// it need not come to this very question.
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

    /// Why the engine failed, if it did.
    pub fn failure(&self) -> Option<Arc<str>> {
        self.shared.failure.get().cloned()
    }

    /// True once the engine has ended, which it does before its handles only if it fails.
    pub fn has_ended(&self) -> bool {
        self.changes.has_changed().is_err()
    }

    /// Waits until the engine ends, which it does before its handles only if it fails. Gives the reason.
    pub async fn failed(&self) -> Arc<str> {
        let mut changes = self.changes();
        while changes.changed().await.is_ok() {}
        let why = self.failure();
        why.unwrap_or_else(|| "its engine ended".into())
    }

    /// Waits until everything is taken that was told before; also if the engine ends.
    pub async fn settled(&self) {
        let (told, taken) = oneshot::channel();
        self.tell(Input::Settled(told)).await;
        let _dropped = taken.await;
    }

    async fn tell(&self, input: Input) {
        // The engine runs as long as any handle does, unless the hub is ending: then nothing needs telling.
        let _ended = self.inputs.send(input).await;
    }
}

/// A supervisor's way to the engine.
#[derive(Clone, Debug)]
pub struct Feeder {
    instance: InstanceId,
    inputs: mpsc::Sender<Input>,
}

impl Feeder {
    /// Tells what was heard, in order, as one change. Waits while the engine is behind.
    pub async fn tell(&self, heard: Vec<Heard>) {
        let _ended = self
            .inputs
            .send(Input::Heard(self.instance.clone(), heard))
            .await;
    }

    /// Tells that a session's row was not read, or is read now.
    pub async fn session_unread(&self, session: SessionId) {
        let _ended = self
            .inputs
            .send(Input::SessionUnread(self.instance.clone(), session))
            .await;
    }
}

/// Keeps a session's conversation; let go of it when it is dropped.
#[derive(Debug)]
pub struct Watched {
    inputs: mpsc::Sender<Input>,
    instance: InstanceId,
    session: SessionId,
    reach: Reach,
}

impl Drop for Watched {
    fn drop(&mut self) {
        let input = Input::Unwatch(self.instance.clone(), self.session.clone(), self.reach);
        if let Err(mpsc::error::TrySendError::Full(input)) = self.inputs.try_send(input) {
            // A full queue must not lose this, or the conversation would be kept for ever.
            let inputs = self.inputs.clone();
            tokio::spawn(async move { inputs.send(input).await });
        }
    }
}
