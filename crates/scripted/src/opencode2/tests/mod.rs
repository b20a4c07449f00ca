//! The process as a state machine: no socket, no clock.
#![allow(clippy::unwrap_used)]

use serde_json::{Value, json};

use super::asks::Decision;
use super::machine::{Machine, Manner, Refusal, World};
use super::project;
use super::store::Store;
use crate::model::DefaultReply;

mod history;
mod turns;

/// A process on a database, with a clock that only tests move.
struct Lab {
    machine: Machine,
    store: Store,
    now: u64,
    /// Every frame so far.
    frames: Vec<Value>,
}

impl Lab {
    fn new() -> Self {
        Self::with(0.0)
    }

    fn with(rate: f64) -> Self {
        Self::on(
            Store {
                persist: true,
                ..Store::default()
            },
            rate,
            7,
        )
    }

    fn on(store: Store, rate: f64, seed: u64) -> Self {
        let manner = Manner {
            directory: "/w".into(),
            rate,
            voice: DefaultReply::Plain,
            retry: 1000,
            migration: 10,
        };
        Self {
            machine: Machine::new(manner, seed),
            store,
            now: 1_800_000_000_000,
            frames: Vec::new(),
        }
    }

    fn with_world<T>(&mut self, change: impl FnOnce(&mut World<'_>) -> T) -> T {
        self.machine.set_now(self.now);
        let result = change(&mut World {
            machine: &mut self.machine,
            store: &mut self.store,
        });
        let frames = self.machine.take_frames();
        // Halves of characters are none in a `Value`.
        let read = |frame: String| serde_json::from_str(&frame.replace("\\ud8", "\\u00")).unwrap();
        self.frames.extend(frames.into_iter().map(read));
        result
    }

    /// Lets time pass until nothing is due within a second; at most an hour.
    fn settle(&mut self) {
        let end = self.now + 3_600_000;
        while let Some(due) = self.machine.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.with_world(|world| world.advance());
        }
    }

    /// Lets this many milliseconds pass.
    fn pass(&mut self, millis: u64) {
        let end = self.now + millis;
        while let Some(due) = self.machine.next_due().filter(|due| *due <= end) {
            self.now = self.now.max(due);
            self.with_world(|world| world.advance());
        }
        self.now = end;
    }

    fn session(&mut self) -> String {
        self.with_world(|world| world.create(&json!({ "title": "t" })))
            .unwrap()
    }

    fn prompt(&mut self, session: &str, text: &str) -> Value {
        self.with_world(|world| world.prompt(session, &json!({ "text": text })))
            .unwrap()
    }

    /// The types of a session's events since the last call.
    fn kinds(&mut self) -> Vec<String> {
        let frames = std::mem::take(&mut self.frames);
        let kind = |frame: &Value| {
            let kind = frame["type"].as_str().unwrap();
            kind.strip_prefix("session.").unwrap_or(kind).to_owned()
        };
        let mut kinds: Vec<_> = frames.iter().map(kind).collect();
        kinds.dedup();
        kinds
    }

    fn row(&self, session: &str) -> &Value {
        &self.store.sessions[session].info
    }

    fn messages(&self, session: &str) -> Vec<&str> {
        let messages = &self.store.sessions[session].messages;
        let kinds = messages
            .iter()
            .map(|message| message["type"].as_str().unwrap());
        kinds.collect()
    }

    fn texts(&self, session: &str) -> Vec<&str> {
        let messages = &self.store.sessions[session].messages;
        messages
            .iter()
            .filter_map(|message| message["text"].as_str())
            .collect()
    }
}
