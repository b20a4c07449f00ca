//! Readers of the log: each follows by its cursor, at its own pace, and notices what is missing.

use std::sync::Arc;
use std::time::Duration;

use hub::feed::log::{Cursor, Read};
use rand::Rng;
use tokio::time::sleep;

use super::core::{Core, Invariant, lock};
use super::viewer::Door;

/// Reads the log until the end.
pub async fn follow(core: Arc<Core>, index: usize, door: Door) {
    let mut random = core.random(&format!("reader {index}"));
    let mut cursor: Option<Cursor> = None;
    loop {
        sleep(Duration::from_millis(random.random_range(20..6000))).await;
        let Some(hub) = lock(&door).clone() else {
            continue;
        };
        let log = hub.engine.log();
        let at = cursor.clone().unwrap_or_else(|| log.begin());
        match log.read(&at, random.random_range(1..400)) {
            Read::Gap { resume } => {
                let other_life = at.epoch != resume.epoch;
                let wrong = (!other_life && at.seq >= log.begin().seq)
                    .then(|| format!("reader {index} is told of a gap at {at} that is none"));
                core.check(Invariant::Log, wrong);
                core.trace(format_args!("reader {index}: gap before {resume}"));
                cursor = Some(resume);
            }
            Read::Entries(entries) => {
                let expected = (at.seq + 1..).zip(&entries);
                let odd = expected
                    .filter(|(seq, entry)| *seq != entry.seq)
                    .map(|(seq, entry)| format!("reader {index} got {} for {seq}", entry.seq))
                    .next();
                core.check(Invariant::Log, odd);
                let last = entries.last().map_or(at.seq, |entry| entry.seq);
                if last != at.seq {
                    core.trace(format_args!("reader {index} is at {last}"));
                }
                cursor = Some(Cursor {
                    epoch: at.epoch,
                    seq: last,
                });
            }
        }
    }
}
