//! Folders that are read beside the stream, and the proof that nothing was missed on it.
//!
//! An event of the stream wins over a read that began before it: between the start and the end of a read the fold records
//! the objects that have events, and skips them when it applies the read. Events are not held and applied again, as for
//! messages: statuses have consequences (the end of a run, a failure) that must happen once.

use std::sync::Arc;

use super::snapshot::Scope;
use super::{Effect, Fold};
use crate::event::Snapshot;
use crate::ids::SessionId;
use crate::state::{Body, DuringRead};

impl Fold<'_> {
    pub(super) fn directory_seen(&mut self, directory: Arc<str>) {
        let asked = &self.instance.asked;
        if !asked.folders.contains(&directory) && !asked.reading.contains_key(&directory) {
            self.ask_directory(directory);
        }
    }

    pub(super) fn directory_read_started(&mut self, directory: Arc<str>) {
        let reading = &mut self.instance.asked.reading;
        reading.insert(directory, DuringRead::default());
    }

    pub(super) fn directory_read(&mut self, directory: Arc<str>, snapshot: Snapshot) {
        let meanwhile = self.instance.asked.reading.remove(&directory);
        match meanwhile {
            // What was read before the stream broke may be older than what was read since.
            None => {}
            Some(meanwhile) if meanwhile.overtaken => self.ask_directory(directory),
            Some(meanwhile) => self.take_snapshot(snapshot, &Scope::Folders(meanwhile)),
        }
    }

    pub(super) fn directory_unread(&mut self, directory: &Arc<str>) {
        self.instance.asked.reading.remove(directory);
    }

    /// Follows the numbers of a session's durable events, of which none may be missing.
    pub(super) fn durable(&mut self, id: &SessionId, seq: u64) {
        let Some(session) = self.instance.sessions.get_mut(id) else {
            return;
        };
        // The first number proves nothing about the events before it.
        let last = session.seq.unwrap_or(seq);
        session.seq = Some(last.max(seq));
        if seq > last.saturating_add(1) {
            self.gap(id);
        }
    }

    /// Events of a session were missed, and perhaps events without a number as well: none of the session's state is proven.
    fn gap(&mut self, id: &SessionId) {
        let rev = self.rev;
        let Some(session) = self.instance.sessions.get_mut(id) else {
            return;
        };
        session.mark_gaps(rev);
        session.answer.miss();
        session.activity.end();
        let kept = !matches!(session.body, Body::NotLoaded);
        let directory = session.info.directory.clone();
        if kept {
            self.ask_messages(id);
        }
        if !directory.is_empty() {
            self.ask_directory(directory);
        }
        self.instance.counters.gaps += 1;
        self.touch_tab();
    }

    pub(super) fn ask_directory(&mut self, directory: Arc<str>) {
        let effect = Effect::ReadDirectory(self.instance.id.clone(), directory);
        self.effects.push(effect);
    }
}
