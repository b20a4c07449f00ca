//! Numbers with which a server proves that a conversation is its own.
//!
//! A read proves a conversation up to the number that the server sent before and after it. From there on the stream adds to it, and once
//! the session rests the server is asked for the number again: if it is that of the last event, and none was left out, the conversation is
//! proven anew. If it is another one, something was written that the stream did not tell, such as by another process: it is read again.

use super::{Effect, Fold};
use crate::ids::SessionId;
use crate::limits;
use crate::state::{Proof, Sameness, Session, Watermark};
use crate::time::Timestamp;

impl Session {
    /// The conversation is the server's up to a number; nothing is proven where there is none.
    pub(super) fn prove(&mut self, upto: Option<Watermark>, at: Timestamp) {
        self.proof = upto.map(|upto| Proof { upto, at });
        // Of what came during the read it is not known whether numbers were left out before it.
        self.hole = self.seq.map(Watermark::At) > upto;
    }

    /// The newest number that is known.
    pub(super) fn newest(&self) -> Option<Watermark> {
        let streamed = self.seq.map(Watermark::At);
        streamed.max(self.proof.map(|proof| proof.upto))
    }

    /// What is known of whether its conversation is its server's.
    pub fn sameness(&self) -> Sameness {
        match self.proof {
            None => Sameness::AsOfStream,
            Some(Proof { upto, .. }) => Sameness::Proven {
                upto,
                more: self.hole || self.newest() > Some(upto),
            },
        }
    }
}

impl Fold<'_> {
    pub(super) fn numbered(&mut self, id: &SessionId, seq: u64) {
        let Some(session) = self.instance.sessions.get_mut(id) else {
            return;
        };
        let before = session.newest();
        let follows = match before {
            Some(Watermark::At(last)) => seq <= last.saturating_add(1),
            Some(Watermark::Empty) => seq == 0,
            // The first number proves nothing about the events before it.
            None => true,
        };
        session.hole |= !follows;
        session.seq = Some(session.seq.map_or(seq, |last| last.max(seq)));
        // Only the first event after a proof changes what a person sees of the session.
        let proven = session.proof.map(|proof| proof.upto);
        if proven.is_some() && before == proven && session.newest() != before {
            self.touch_row(id);
        }
    }

    /// The cached conversation of a session was compared with its server.
    pub(super) fn verified(&mut self, id: &SessionId, same: bool, proven: Option<Watermark>) {
        let at = self.at;
        if let Some(session) = self.instance.sessions.get_mut(id)
            && session.loaded().is_some()
        {
            session.verified = same.then_some(at);
            session.prove(proven.filter(|_| same), at);
            self.touch_row(id);
        }
    }

    pub(super) fn watermark(&mut self, id: &SessionId, upto: Watermark) {
        let at = self.at;
        let Some(session) = self.instance.sessions.get_mut(id) else {
            return;
        };
        let Some(loaded) = session.loaded() else {
            return;
        };
        // What is under way now is read, or asked for again, once it is over.
        if loaded.rereading.is_some() || session.run.is_running() {
            return;
        }
        if session.proof.is_some() && !session.hole && session.newest() == Some(upto) {
            session.prove(Some(upto), at);
            session.verified = Some(at);
            self.touch_row(id);
        } else {
            // Whoever wrote may have changed the row as well.
            let directory = session.info.directory.clone();
            self.ask_messages(id);
            if !directory.is_empty() {
                self.ask_directory(directory);
            }
        }
    }

    /// Has the numbers of conversations asked for that rest, each once in [`limits::PROOF_EVERY_MS`].
    pub(super) fn prove_what_rests(&mut self) {
        if !self.instance.proves() {
            return;
        }
        let (at, id) = (self.at, self.instance.id.clone());
        for session in self.instance.sessions.values_mut() {
            let rests = !session.run.is_running()
                && session.loaded().is_some_and(|one| one.rereading.is_none());
            let last = session.proof.map(|proof| proof.at).max(session.proof_asked);
            // A time that is still to come is one of before the clock was set back.
            let due =
                last.is_none_or(|last| !(0..limits::PROOF_EVERY_MS).contains(&(at.0 - last.0)));
            if rests && due {
                session.proof_asked = Some(at);
                let effect = Effect::ReadWatermark(id.clone(), session.info.id.clone());
                self.effects.push(effect);
            }
        }
    }
}
