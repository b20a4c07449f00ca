//! The engine: the only writer of the state.
//!
//! Everything that can change the state is an [`Input`]; the loop takes one input at a time, folds it, and executes the
//! resulting effects. Readers share the state through a lock that only this file takes for writing. The engine does no
//! IO, renders nothing, and awaits only its next input.

mod bodies;
mod folders;
mod handle;
mod protocol;
mod trim;

use std::collections::{BTreeMap, BTreeSet};
use std::mem;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, RwLock};

use model::event::Addressed;
use model::ids::{InstanceId, SessionId};
use model::state::{Body, LinkStatus, Reason, ReasonKind, Rev};
use model::{Effect, Event, State, reduce};
use tokio::sync::{Notify, mpsc, watch};
use tokio::time::{MissedTickBehavior, interval};

pub use handle::{Feeder, Handle, Watched};
pub use protocol::{Inbound, Input, SupervisorCommand};
pub use trim::HistoryDepth;

use crate::clock::Clock;
use crate::limits;
use crate::record::journal::Journal;
use crate::record::journal::store::Purge;
use crate::record::link_event::LinkEvent;
use crate::record::log::Payload;
use crate::tasks;
use folders::Folders;
use trim::Watchers;

/// The data that the engine shares with readers.
#[derive(Debug)]
pub(crate) struct Shared {
    state: RwLock<State>,
    /// Wakes the tasks that wait for a change.
    pub(crate) turned: Notify,
    /// Epoch of this run of the hub: revisions of another run are not comparable.
    pub(crate) epoch: Arc<str>,
    pub(crate) journal: Journal,
    pub(crate) clock: Clock,
    /// Number of inputs processed.
    pub(crate) taken: AtomicU64,
    /// The reason of the engine's failure; set once it failed.
    pub(crate) failure: OnceLock<Arc<str>>,
}

/// The engine. It runs as one task.
struct Engine {
    shared: Arc<Shared>,
    inputs: mpsc::Receiver<Input>,
    changed: watch::Sender<Rev>,
    supervisors: BTreeMap<InstanceId, mpsc::Sender<SupervisorCommand>>,
    /// The number of viewers per session.
    watched: BTreeMap<InstanceId, BTreeMap<SessionId, Watchers>>,
    /// When each retained conversation was last viewed, as the sequence number of the view that ended.
    looked: BTreeMap<(InstanceId, SessionId), u64>,
    looks: u64,
    /// Reads of conversations that were requested and have not ended.
    reading: BTreeMap<(InstanceId, SessionId), Reading>,
    /// Session rows that were requested and have not been read.
    fetching: BTreeSet<(InstanceId, SessionId)>,
    /// Folders to be read in addition to the stream.
    folders: Folders,
}

/// The state of a conversation's read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// The newest messages were requested; the read has not begun.
    Asked,
    /// The newest messages are being read.
    Newest,
    /// The newest messages are being read, and will be read once more: an event was missed since the read began.
    NewestAgain,
    /// A page of older messages is being read.
    Older,
    /// A page of older messages is being read, and the newest messages after it.
    OlderThenNewest,
}

/// Starts an engine with a log in memory only. The engine ends when every handle and feeder is dropped.
pub fn start(clock: Clock, epoch: Arc<str>) -> Handle {
    let journal = Journal::off(epoch.clone());
    start_with(clock, epoch, journal)
}

/// Starts an engine with this log and journal.
pub fn start_with(clock: Clock, epoch: Arc<str>, journal: Journal) -> Handle {
    let (sender, inputs) = mpsc::channel(limits::ENGINE_INPUTS);
    let (changed, changes) = watch::channel(Rev::default());
    let shared = Arc::new(Shared {
        state: RwLock::new(State::default()),
        turned: Notify::new(),
        epoch,
        journal,
        clock,
        taken: AtomicU64::new(0),
        failure: OnceLock::new(),
    });
    let engine = Engine {
        shared: shared.clone(),
        inputs,
        changed,
        supervisors: BTreeMap::new(),
        watched: BTreeMap::new(),
        looked: BTreeMap::new(),
        looks: 0,
        reading: BTreeMap::new(),
        fetching: BTreeSet::new(),
        folders: Folders::default(),
    };
    tokio::spawn(engine.watched());
    Handle::new(sender, shared, changes)
}

impl Engine {
    /// Runs the engine, and records its failure: nothing may be shown as live after that.
    async fn watched(mut self) {
        if let Err(reason) = tasks::caught(self.run()).await {
            tracing::error!(%reason, "the engine failed: no more events are taken, and the hub has to end");
            let _first = self.shared.failure.set(reason.clone());
            let reported = tasks::caught(async { self.tell_failure(&reason) }).await;
            if let Err(reason) = reported {
                tracing::error!(%reason, "that the engine failed cannot be shown");
            }
        }
    }

    fn tell_failure(&mut self, why: &str) {
        let text = format!(
            "The hub failed ({why}) and ends. What is shown is as it was then. Start `drovers` again"
        );
        let at = self.shared.clock.now();
        let mut state = self.shared.write();
        let instances: Vec<_> = state.instances.keys().cloned().collect();
        let reason = Reason::new(ReasonKind::HubFailed, &text);
        for instance in instances {
            let reason = reason.clone();
            let broken = Event::Link(LinkStatus::Disconnected { reason });
            for event in [Event::StreamLost, broken] {
                let instance = instance.clone();
                // Nothing can be read any more.
                let _effects = reduce(
                    &mut state,
                    Addressed {
                        instance,
                        at,
                        event,
                    },
                );
            }
        }
        model::reduce::notice(&mut state, vec![text.into()]);
        drop(state);
        self.publish();
    }

    async fn run(&mut self) {
        let mut sweep = interval(limits::SWEEP_BODIES);
        sweep.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut again = interval(limits::READ_BODIES_AGAIN);
        again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut inputs = Vec::with_capacity(limits::INPUTS_AT_ONCE);
        loop {
            tokio::select! {
                // The timers have priority: they fire seldom, while inputs may never run out.
                biased;
                _ = sweep.tick() => self.drop_unwatched(),
                _ = again.tick() => {
                    self.read_failed();
                    self.trim_watched();
                }
                taken = self.inputs.recv_many(&mut inputs, limits::INPUTS_AT_ONCE) => {
                    if taken == 0 {
                        return;
                    }
                    inputs.drain(..).for_each(|input| self.take(input));
                }
            }
            self.publish();
        }
    }

    fn take(&mut self, input: Input) {
        self.shared.taken.fetch_add(1, Ordering::Relaxed);
        match input {
            Input::Add {
                instance,
                name,
                origin,
                asks,
            } => {
                self.forget_asked(&instance);
                self.supervisors.insert(instance.clone(), asks);
                self.fold(&instance, Event::InstanceAdded { name, origin });
            }
            Input::Remove(instance) => self.remove(&instance),
            Input::Received(instance, inbound) => self.received(&instance, inbound),
            Input::Watch(instance, session, reach) => self.watch(instance, session, reach),
            Input::Unwatch(instance, session, reach) => self.unwatch(&instance, &session, reach),
            Input::Older(instance, session) => self.older(&instance, &session),
            Input::Unreviewed(instance, session) => {
                self.fold(&instance, Event::Unreviewed { session })
            }
            Input::Snoozed(instance, session, until) => {
                self.fold(&instance, Event::Snoozed { session, until })
            }
            Input::Dismissed(instance, session) => {
                self.fold(&instance, Event::Dismissed { session })
            }
            Input::Reviewed(instance, session) => self.fold(&instance, Event::Reviewed { session }),
            Input::ReadAgain(instance, session) => self.read_again(instance, session),
            Input::Own(instance, event) => self.fold(&instance, *event),
            Input::Stopped(instance, session) => self.fold(&instance, Event::Stopped { session }),
            Input::Prompted(instance, session) => self.fold(&instance, Event::Prompted { session }),
            Input::Queued(instance, session, queue) => {
                self.fold(&instance, Event::Queued { session, queue });
            }
            Input::Parallel(instance, parallel) => {
                self.fold(&instance, Event::Parallel(parallel));
            }
            Input::ParallelForgotten(instance, id) => {
                self.fold(&instance, Event::ParallelForgotten(id));
            }
            Input::LapsedRefused(instance, request) => {
                self.fold(&instance, Event::ExpiredRefused { request });
            }
            Input::Doubted(instance, session) => {
                self.fold(&instance, Event::RequestsDoubted { session });
            }
            Input::SessionDoubted(instance, session) => self.verify(&instance, session),
            Input::Notices(notices) => model::reduce::notice(&mut self.shared.write(), notices),
            Input::SessionUnread(instance, session) => {
                self.fetching.remove(&(instance, session));
            }
            Input::AreYouThere(answer) => {
                // The caller may have timed out.
                let _gone = answer.send(());
            }
            Input::Settled(reply) => drop(reply),
        }
    }

    fn remove(&mut self, instance: &InstanceId) {
        self.forget_asked(instance);
        self.supervisors.remove(instance);
        self.fold(instance, Event::InstanceRemoved);
    }

    /// Forgets outstanding requests to a supervisor, which get no reply any more.
    fn forget_asked(&mut self, instance: &InstanceId) {
        self.reading.retain(|(of, _), _| of != instance);
        self.fetching.retain(|(of, _)| of != instance);
        self.folders.forget(instance);
    }

    /// Folds the inbound items of a supervisor as one change: readers see no intermediate state.
    fn received(&mut self, instance: &InstanceId, inbound: Vec<Inbound>) {
        let at = self.shared.clock.now();
        let shared = self.shared.clone();
        let log = shared.journal.log();
        let mut effects = Vec::new();
        let mut log_entries = Vec::with_capacity(inbound.len());
        let mut state = shared.write();
        let mut fold = |state: &mut State, event| {
            effects.extend(reduce(
                state,
                Addressed {
                    instance: instance.clone(),
                    at,
                    event,
                },
            ));
        };
        if inbound.iter().any(|one| one.payload.is_some()) {
            fold(&mut state, Event::BytesReceived);
        }
        for Inbound {
            events,
            payload,
            session,
            ..
        } in inbound
        {
            log_entries.extend(payload.map(|payload| (session, payload)));
            for event in events {
                self.reads_ended(instance, &event);
                // Where no folder was read, nothing can be read again: the stream is the only source.
                let gap = matches!(&event, Event::Snapshot(read) if !read.asked.is_empty());
                let word = match &event {
                    Event::Link(status) => Some(LinkEvent::on(status, &state, instance).json()),
                    _ => None,
                };
                fold(&mut state, event);
                log_entries.extend(word.map(|word| (None, Payload::Hub(word))));
                if gap {
                    for event in self.bodies_after_gap(&state, instance) {
                        fold(&mut state, event);
                    }
                }
            }
        }
        log.append(instance, log_entries, at);
        drop(state);
        self.perform(effects);
        self.read_watched(instance);
    }

    fn fold(&mut self, instance: &InstanceId, event: Event) {
        let at = self.shared.clock.now();
        let addressed = Addressed {
            instance: instance.clone(),
            at,
            event,
        };
        let effects = reduce(&mut self.shared.write(), addressed);
        self.perform(effects);
    }

    /// Requests from supervisors the data that the fold lacks, without duplicates.
    fn perform(&mut self, effects: Vec<Effect>) {
        let mut forgotten = Vec::new();
        for effect in effects {
            match effect {
                Effect::ReadMessages(instance, session) => self.read_anew(instance, session),
                Effect::ReadDirectory(instance, directory) => {
                    self.read_directory(instance, directory);
                }
                Effect::Forget(instance, session) => {
                    let session = Some(session.as_str().into());
                    forgotten.push(Purge { instance, session });
                }
                Effect::Unforget(instance, session) => {
                    let (log, session) = (self.shared.journal.log(), session.as_str().into());
                    log.redact_all(mem::take(&mut forgotten));
                    log.unredact(&instance, &session);
                }
                Effect::ReadWatermark(instance, session) => {
                    if self.is_watched(&instance, &session) {
                        self.ask(&instance, SupervisorCommand::Watermark(session));
                    }
                }
                Effect::ReadSession(instance, session) => {
                    let key = (instance.clone(), session.clone());
                    if !self.fetching.contains(&key)
                        && self.ask(&instance, SupervisorCommand::Session(session))
                    {
                        self.fetching.insert(key);
                    }
                }
            }
        }
        self.shared.journal.log().redact_all(forgotten);
    }

    /// Reads a cached conversation, and what runs and waits in its folder, as if they were not proven.
    fn read_again(&mut self, instance: InstanceId, session: SessionId) {
        self.read_anew(instance.clone(), session.clone());
        self.fold(&instance, Event::RequestsDoubted { session });
    }

    /// Asks whether a session that no list named still exists. Of a session that is known the lists tell.
    fn verify(&self, instance: &InstanceId, session: SessionId) {
        let unknown = self.shared.read().session(instance, &session).is_none();
        if unknown {
            self.ask(instance, SupervisorCommand::Verify(session));
        }
    }

    fn ask(&self, instance: &InstanceId, ask: SupervisorCommand) -> bool {
        let Some(supervisor) = self.supervisors.get(instance) else {
            return false;
        };
        supervisor
            .try_send(ask)
            .inspect_err(|error| tracing::debug!(%instance, %error, "a supervisor is overrun"))
            .is_ok()
    }

    fn publish(&self) {
        let rev = self.shared.read().rev;
        let newer = self.changed.send_if_modified(|published| {
            let newer = *published != rev;
            *published = rev;
            newer
        });
        if newer {
            self.shared.turned.notify_waiters();
        }
    }
}

impl Shared {
    pub(crate) fn read(&self) -> std::sync::RwLockReadGuard<'_, State> {
        self.state
            .read()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> std::sync::RwLockWriteGuard<'_, State> {
        self.state
            .write()
            .unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// True for a conversation that must be read before it can be shown.
fn lacks_messages(body: &Body) -> bool {
    matches!(body, Body::NotLoaded)
}

#[cfg(test)]
mod tests;
