//! The one writer of the state.
//!
//! Everything that can change the state is an [`Input`]; the loop takes one at a time, folds it, and passes on what the
//! fold asks for. Readers share the state through a lock that only this file ever takes for writing. Nothing here does
//! IO, renders, or waits for anyone but its next input.

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
pub use protocol::{Ask, Heard, Input};
pub use trim::Reach;

use crate::clock::Clock;
use crate::limits;
use crate::record::journal::Journal;
use crate::record::journal::store::Purge;
use crate::record::log::Said;
use crate::record::word::Word;
use crate::tasks;
use folders::Folders;
use trim::Watchers;

/// What readers share.
#[derive(Debug)]
pub(crate) struct Shared {
    state: RwLock<State>,
    /// Wakes who waits for a change.
    pub(crate) turned: Notify,
    /// Names this run of the hub: revisions of another run mean nothing.
    pub(crate) epoch: Arc<str>,
    pub(crate) journal: Journal,
    pub(crate) clock: Clock,
    /// Inputs that were taken.
    pub(crate) taken: AtomicU64,
    /// Set once the engine failed: why.
    pub(crate) failure: OnceLock<Arc<str>>,
}

/// The engine itself; it runs as one task.
struct Engine {
    shared: Arc<Shared>,
    inputs: mpsc::Receiver<Input>,
    changed: watch::Sender<Rev>,
    supervisors: BTreeMap<InstanceId, mpsc::Sender<Ask>>,
    /// Who looks at what.
    watched: BTreeMap<InstanceId, BTreeMap<SessionId, Watchers>>,
    /// When each conversation that is kept was last looked at, as the number of the look that ended.
    looked: BTreeMap<(InstanceId, SessionId), u64>,
    looks: u64,
    /// Reads of conversations that were asked for and have not ended.
    reading: BTreeMap<(InstanceId, SessionId), Reading>,
    /// Rows that were asked for and have not been read.
    fetching: BTreeSet<(InstanceId, SessionId)>,
    /// Folders that are to be read beside a stream.
    folders: Folders,
}

/// What is read of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Reading {
    /// Its newest messages, which nobody has begun to read.
    Asked,
    /// Its newest messages.
    Newest,
    /// Its newest messages, and then once more: something was missed since the read began.
    NewestAgain,
    /// A page of older ones.
    Older,
    /// A page of older ones, and after it the newest.
    OlderThenNewest,
}

/// Starts an engine whose log is in memory alone; it ends when every handle and feeder is gone.
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
    /// Runs, and tells of it if it fails: nothing may be shown as live then that is not.
    async fn watched(mut self) {
        if let Err(reason) = tasks::caught(self.run()).await {
            tracing::error!(%reason, "the engine failed: nothing is heard any more, and the hub has to end");
            let _first = self.shared.failure.set(reason.clone());
            let told = tasks::caught(async { self.tell_failure(&reason) }).await;
            if let Err(reason) = told {
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
                // The timers first: they fire seldom, while inputs may never run out.
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
            Input::Heard(instance, heard) => self.heard(&instance, heard),
            Input::Watch(instance, session, reach) => self.watch(instance, session, reach),
            Input::Unwatch(instance, session, reach) => self.unwatch(&instance, &session, reach),
            Input::Older(instance, session) => self.older(&instance, &session),
            Input::Reviewed(instance, session) => self.fold(&instance, Event::Reviewed { session }),
            Input::Stopped(instance, session) => self.fold(&instance, Event::Stopped { session }),
            Input::Prompted(instance, session) => self.fold(&instance, Event::Prompted { session }),
            Input::LapsedRefused(instance, request) => {
                self.fold(&instance, Event::LapsedRefused { request });
            }
            Input::Doubted(instance, session) => {
                self.fold(&instance, Event::RequestsDoubted { session });
            }
            Input::Notices(notices) => model::reduce::notice(&mut self.shared.write(), notices),
            Input::SessionUnread(instance, session) => {
                self.fetching.remove(&(instance, session));
            }
            Input::AreYouThere(answer) => {
                // Who asked may have lost patience.
                let _gone = answer.send(());
            }
            Input::Settled(told) => drop(told),
        }
    }

    fn remove(&mut self, instance: &InstanceId) {
        self.forget_asked(instance);
        self.supervisors.remove(instance);
        self.fold(instance, Event::InstanceRemoved);
    }

    /// What its supervisor was asked is not answered any more.
    fn forget_asked(&mut self, instance: &InstanceId) {
        self.reading.retain(|(of, _), _| of != instance);
        self.fetching.retain(|(of, _)| of != instance);
        self.folders.forget(instance);
    }

    /// Folds what a supervisor heard as one change: no reader sees the middle of it.
    fn heard(&mut self, instance: &InstanceId, heard: Vec<Heard>) {
        let at = self.shared.clock.now();
        let shared = self.shared.clone();
        let log = shared.journal.log();
        let mut effects = Vec::new();
        let mut log_said = Vec::with_capacity(heard.len());
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
        if heard.iter().any(|heard| heard.said.is_some()) {
            fold(&mut state, Event::Heard);
        }
        for Heard {
            events,
            said,
            session,
            ..
        } in heard
        {
            log_said.extend(said.map(|said| (session, said)));
            for event in events {
                self.reads_ended(instance, &event);
                // Where nothing could be asked, nothing can be read again: what was told is all there is.
                let gap = matches!(&event, Event::Snapshot(read) if !read.asked.is_empty());
                let word = match &event {
                    Event::Link(status) => Some(Word::on(status, &state, instance).json()),
                    _ => None,
                };
                fold(&mut state, event);
                log_said.extend(word.map(|word| (None, Said::Hub(word))));
                if gap {
                    for event in self.bodies_after_gap(&state, instance) {
                        fold(&mut state, event);
                    }
                }
            }
        }
        log.append(instance, log_said, at);
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

    /// Asks supervisors for what the fold lacks, each thing once.
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
                Effect::KeepAgain(instance, session) => {
                    let (log, session) = (self.shared.journal.log(), session.as_str().into());
                    log.withhold_all(mem::take(&mut forgotten));
                    log.keep_again(&instance, &session);
                }
                Effect::ReadSession(instance, session) => {
                    let key = (instance.clone(), session.clone());
                    if !self.fetching.contains(&key) && self.ask(&instance, Ask::Session(session)) {
                        self.fetching.insert(key);
                    }
                }
            }
        }
        self.shared.journal.log().withhold_all(forgotten);
    }

    fn ask(&self, instance: &InstanceId, ask: Ask) -> bool {
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

/// True for a conversation that has to be read before it can be shown.
fn lacks_messages(body: &Body) -> bool {
    matches!(body, Body::NotLoaded)
}

#[cfg(test)]
mod tests;
