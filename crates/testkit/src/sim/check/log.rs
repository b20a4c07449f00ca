//! Whether the log has everything once and in order.

use std::collections::VecDeque;
use std::sync::Arc;

use hub::record::log::{LogRead, Payload};

use super::super::core::{Invariant, lock};
use super::super::hub::{HubLife, instance};
use super::super::server::{Sent, Server};
use super::{Found, wrong};

/// The log has what the hub took, once and in order, also what was held back on a stream that broke before its server's
/// state was read.
pub(in super::super) async fn same_log(server: &Server, hub: &HubLife) -> Found {
    let taken: VecDeque<Arc<Sent>> = {
        let inner = lock(&server.inner);
        inner.taken.iter().cloned().collect()
    };
    let mut taken = taken.into_iter();
    let mut cursor = hub.log_begin.clone();
    let of = instance(server.index);
    loop {
        let entries = match hub.engine.journal().read(&cursor, 10_000).await {
            LogRead::Entries(entries) => entries,
            // Between two lives of the log, where nothing may be missing either.
            LogRead::Gap { resume } => {
                cursor = resume;
                continue;
            }
        };
        let Some(last) = entries.last() else { break };
        cursor = last.cursor();
        for entry in entries.iter().filter(|entry| entry.instance == of) {
            let same = match &entry.payload {
                Payload::Hub(_) => true,
                Payload::Redacted => taken.next().is_some(),
                Payload::Upstream(text) | Payload::Names(text) => {
                    taken.next().is_some_and(|frame| same_frame(&frame, text))
                }
            };
            if !same {
                let seq = entry.seq;
                let what = format!("s{}: entry {seq} is {:?}", server.index, entry.payload);
                return wrong(Invariant::Log, what);
            }
        }
    }
    match taken.next() {
        None => Ok(()),
        Some(frame) => wrong(
            Invariant::Log,
            format!("s{} lacks {}", server.index, frame.data),
        ),
    }
}

/// A frame as it came, or as a string if it is no JSON; of the durable twin of an event, and of a deletion, only the names
/// are kept.
fn same_frame(frame: &Sent, text: &str) -> bool {
    let quoted = || serde_json::Value::from(&*frame.data).to_string();
    if *frame.data == *text || (text.starts_with('"') && quoted() == text) {
        return true;
    }
    use opencode::wire::{Event, decode};
    let names = |text: &str| match decode(text).ok()?.event {
        Event::Sync(sync) => Some((sync.id, sync.seq, sync.aggregate_id)),
        Event::SessionDeleted { session_id, .. } => Some((session_id, 0, String::new())),
        _ => None,
    };
    names(&frame.data).is_some_and(|known| Some(known) == names(text))
}
