//! Readers of the log: each follows by its cursor, at its own pace, and notices what is missing.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use hub::record::log::{Cursor, Entry, LogRead, Payload};
use rand::Rng;
use tokio::time::sleep;

use super::core::{Core, Invariant, lock};
use super::viewer::Door;

/// What readers were given, which nobody may be given otherwise.
#[derive(Clone, Default)]
pub(super) struct Given(Arc<Mutex<BTreeMap<Place, Payload>>>);

/// A life of the log, and a number in it.
type Place = (Arc<str>, u64);

impl Given {
    /// What is wrong with an entry, after those that were given before.
    fn same(&self, entry: &Entry) -> Option<String> {
        let mut given = lock(&self.0);
        let place = (entry.epoch.clone(), entry.seq);
        let known = &*given.entry(place).or_insert_with(|| entry.payload.clone());
        // What was deleted is redacted at once in one place, and a moment later in the other.
        let redacted = [&entry.payload, known].contains(&&Payload::Redacted);
        let same = *known == entry.payload || redacted;
        (!same).then(|| {
            format!(
                "{} is {:?} and was {known:?}",
                entry.cursor(),
                entry.payload
            )
        })
    }
}

/// Reads the log until the end.
pub(super) async fn follow(core: Arc<Core>, index: usize, door: Door, seen: Given) {
    let mut random = core.random(&format!("reader {index}"));
    let mut cursor: Option<Cursor> = None;
    loop {
        sleep(Duration::from_millis(random.random_range(20..6000))).await;
        let Some(hub) = lock(&door).clone() else {
            continue;
        };
        let log = hub.engine.log();
        let at = cursor.clone().unwrap_or_else(|| log.begin());
        let most = random.random_range(1..400);
        match hub.engine.journal().read(&at, most).await {
            LogRead::Gap { resume } => {
                // Only what was never stored can be lost: by a hub that was killed, or a disk that refused.
                let wrong = (!core.may_lose())
                    .then(|| format!("reader {index} gets a gap at {at} that is none"));
                core.check(Invariant::Log, wrong);
                core.trace(format_args!("reader {index}: gap before {resume}"));
                cursor = Some(resume);
            }
            LogRead::Entries(entries) => {
                let expected = (at.seq + 1..).zip(&entries);
                let odd = expected
                    .filter(|(seq, entry)| *seq != entry.seq)
                    .map(|(seq, entry)| format!("reader {index} got {} for {seq}", entry.seq))
                    .next();
                core.check(Invariant::Log, odd);
                let seen = entries.iter().map(|entry| seen.same(entry));
                core.check(Invariant::Log, seen.flatten().next());
                let last = entries.last().map_or(at, |entry| entry.cursor());
                core.trace(format_args!("reader {index} is at {last}"));
                cursor = Some(last);
            }
        }
    }
}
