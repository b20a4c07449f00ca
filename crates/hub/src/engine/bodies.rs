//! Retention of conversations in memory: those that are viewed, and as many others as fit.

use model::Event;
use model::event::MessagesRead;
use model::ids::{InstanceId, SessionId};
use model::state::{Body, Instance, Session, State};

use super::{Engine, HistoryDepth, Reading, SupervisorCommand, lacks_messages};
use crate::limits;

impl Engine {
    pub(super) fn watch(&mut self, instance: InstanceId, session: SessionId, reach: HistoryDepth) {
        let of_instance = self.watched.entry(instance.clone()).or_default();
        *of_instance.entry(session.clone()).or_default().of(reach) += 1;
        let lacking = {
            let state = self.shared.read();
            let body = state
                .session(&instance, &session)
                .map(|session| &session.body);
            body.is_some_and(|body| lacks_messages(body) || matches!(body, Body::Failed { .. }))
        };
        if lacking {
            self.read(instance, session);
        } else if self.can_be_proven(&instance, &session) {
            self.ask(&instance, SupervisorCommand::Watermark(session));
        }
    }

    /// True for a kept conversation at rest whose server tells by a number whether it is still the same.
    fn can_be_proven(&self, instance: &InstanceId, session: &SessionId) -> bool {
        let state = self.shared.read();
        let proves = state.instances.get(instance).is_some_and(Instance::proves);
        let session = state.session(instance, session);
        let rests = |session: &Session| session.loaded().is_some() && !session.run.is_running();
        proves && session.is_some_and(rests)
    }

    pub(super) fn unwatch(
        &mut self,
        instance: &InstanceId,
        session: &SessionId,
        reach: HistoryDepth,
    ) {
        let Some(of_instance) = self.watched.get_mut(instance) else {
            return;
        };
        if let Some(watchers) = of_instance.get_mut(session) {
            *watchers.of(reach) -= 1;
            if watchers.are_none() {
                of_instance.remove(session);
                self.looks += 1;
                self.looked
                    .insert((instance.clone(), session.clone()), self.looks);
            }
        }
        if of_instance.is_empty() {
            self.watched.remove(instance);
        }
    }

    pub(super) fn is_watched(&self, instance: &InstanceId, session: &SessionId) -> bool {
        let of_instance = self.watched.get(instance);
        of_instance.is_some_and(|sessions| sessions.contains_key(session))
    }

    /// Requests a session's newest messages, unless that was done already. Returns false if the supervisor's queue is
    /// full or closed.
    pub(super) fn read(&mut self, instance: InstanceId, session: SessionId) -> bool {
        let key = (instance.clone(), session.clone());
        if let Some(reading) = self.reading.get_mut(&key) {
            if *reading == Reading::Older {
                *reading = Reading::OlderThenNewest;
            }
            return true;
        }
        let asked = self.ask(&instance, SupervisorCommand::Messages(session));
        if asked {
            self.reading.insert(key, Reading::Asked);
        }
        asked
    }

    /// Requests a session's newest messages in their current state: a read that has begun already may miss something.
    pub(super) fn read_anew(&mut self, instance: InstanceId, session: SessionId) {
        let key = (instance.clone(), session.clone());
        if let Some(reading @ Reading::Newest) = self.reading.get_mut(&key) {
            *reading = Reading::NewestAgain;
        } else if !self.read(instance.clone(), session.clone()) {
            // The retained conversation is unconfirmed. It is read once a viewer opens it, or once the end of its run
            // must be determined.
            self.fold(&instance, Event::BodyDropped { session });
        }
    }

    pub(super) fn older(&mut self, instance: &InstanceId, session: &SessionId) {
        let cursor = {
            let state = self.shared.read();
            let loaded = state
                .session(instance, session)
                .and_then(|session| session.loaded());
            loaded.and_then(|loaded| loaded.older.clone())
        };
        let key = (instance.clone(), session.clone());
        if let Some(cursor) = cursor
            && !self.reading.contains_key(&key)
            && self.ask(instance, SupervisorCommand::Older(session.clone(), cursor))
        {
            self.reading.insert(key, Reading::Older);
        }
    }

    /// Records the end of a read, so that the next can begin.
    pub(super) fn reads_ended(&mut self, instance: &InstanceId, event: &Event) {
        self.directory_reads(instance, event);
        match event {
            Event::ReadStarted { session } => {
                let key = (instance.clone(), session.clone());
                if let Some(reading @ Reading::Asked) = self.reading.get_mut(&key) {
                    *reading = Reading::Newest;
                }
            }
            Event::MessagesRead(MessagesRead { session, .. })
            | Event::ReadFailed { session, .. }
            | Event::SessionNotFound(session) => {
                let ended = self.reading.remove(&(instance.clone(), session.clone()));
                if let Some(Reading::OlderThenNewest | Reading::NewestAgain) = ended {
                    self.read(instance.clone(), session.clone());
                }
            }
            Event::SessionDeleted(session) => {
                self.reading.remove(&(instance.clone(), session.clone()));
            }
            // Requests made before the snapshot of a connection are discarded.
            Event::StreamLost | Event::Snapshot(_) => {
                self.reading.retain(|(of, _), _| of != instance);
                self.fetching.retain(|(of, _)| of != instance);
            }
            _ => {}
        }
    }

    /// After a gap no retained conversation is confirmed: viewed conversations are read again, the others are evicted.
    pub(super) fn bodies_after_gap(&mut self, state: &State, instance: &InstanceId) -> Vec<Event> {
        let Some(sessions) = state
            .instances
            .get(instance)
            .map(|instance| &instance.sessions)
        else {
            return Vec::new();
        };
        let kept = sessions
            .values()
            .filter(|session| !lacks_messages(&session.body));
        let ids: Vec<_> = kept.map(|session| session.info.id.clone()).collect();
        let mut events = Vec::new();
        for session in ids {
            let watched = self.is_watched(instance, &session);
            // A read that cannot be requested now is requested later, because the messages are missing.
            if watched && self.read(instance.clone(), session.clone()) {
                events.push(Event::ReadStarted { session });
            } else {
                events.push(Event::BodyDropped { session });
            }
        }
        events
    }

    /// Reads conversations that are viewed and not loaded: those viewed before their session or server was known.
    pub(super) fn read_watched(&mut self, instance: &InstanceId) {
        let Some(watched) = self.watched.get(instance) else {
            return;
        };
        let lacking: Vec<_> = {
            let state = self.shared.read();
            let live = state
                .instances
                .get(instance)
                .filter(|instance| instance.is_live());
            let lacks = |id: &&SessionId| {
                let session = live.and_then(|instance| instance.sessions.get(*id));
                session.is_some_and(|session| lacks_messages(&session.body))
            };
            watched.keys().filter(lacks).cloned().collect()
        };
        for session in lacking {
            self.read(instance.clone(), session);
        }
    }

    /// Retries, where a server is connected, the reads of viewed conversations that failed, and the reads that
    /// determine how an unobserved run ended.
    pub(super) fn read_failed(&mut self) {
        self.read_refused_directories();
        let mut failed = Vec::new();
        {
            let state = self.shared.read();
            for instance in state.instances.values().filter(|of| of.is_live()) {
                for session in instance.sessions.values() {
                    let unread = matches!(session.body, Body::Failed { .. });
                    let id = &session.info.id;
                    if session.end_unseen || (unread && self.is_watched(&instance.id, id)) {
                        failed.push((instance.id.clone(), id.clone()));
                    }
                }
            }
        }
        for (instance, session) in failed {
            self.read(instance, session);
        }
    }

    /// Evicts the least recently viewed conversations, until those without viewers fit their bound.
    pub(super) fn drop_unwatched(&mut self) {
        let mut unwatched = Vec::new();
        let mut bytes = 0;
        {
            let state = self.shared.read();
            self.looked.retain(|(instance, session), _| {
                let session = state.session(instance, session);
                session.is_some_and(|session| session.loaded().is_some())
            });
            for instance in state.instances.values() {
                for session in instance.sessions.values() {
                    let Some(loaded) = session.loaded() else {
                        continue;
                    };
                    let id = &session.info.id;
                    if !self.is_watched(&instance.id, id) {
                        bytes += loaded.bytes;
                        let key = (instance.id.clone(), id.clone());
                        let looked = self.looked.get(&key).copied();
                        unwatched.push(((looked, session.body_rev), loaded.bytes, key));
                    }
                }
            }
        }
        if bytes <= limits::UNWATCHED_BYTES {
            return;
        }
        unwatched.sort();
        for (_, size, (instance, session)) in unwatched {
            if bytes <= limits::UNWATCHED_BYTES {
                break;
            }
            bytes -= size;
            self.fold(&instance, Event::BodyDropped { session });
        }
    }
}
