//! A frame as a row: when, how large, of which type and session, and how late.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use model::Event;
use model::ids::{InstanceId, SessionId};
use model::plain;
use serde::{Deserialize, Serialize};

use crate::ingest::dialect::{Dialect, Translator};
use crate::limits;
use crate::record::log::{Cursor, Entry, Payload};

/// The kind of an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum FrameKind {
    /// A frame of a server.
    Event,
    /// A frame of a server of which only names are stored.
    Names,
    /// An event of the hub about the link.
    Hub,
    /// A frame that was removed, or never stored.
    Redacted,
}

/// A frame of the log, described.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct FrameRow {
    /// The cursor after it.
    pub cursor: String,
    /// Time of arrival, in milliseconds since 1970.
    pub at: i64,
    /// The instance.
    #[schema(value_type = String)]
    pub instance: InstanceId,
    /// The session, if it has one.
    #[schema(value_type = Option<String>)]
    pub session: Option<Arc<str>>,
    /// The kind of entry.
    pub kind: FrameKind,
    /// The type as the server names it, as one line.
    #[serde(rename = "type")]
    pub name: String,
    /// Bytes of its JSON, as stored.
    pub bytes: usize,
    /// The number of a durable event in its session.
    pub seq: Option<u64>,
    /// Milliseconds between the making of the frame, by its server's clock, and its arrival; absent where the frame does
    /// not say when it was made.
    pub lag: Option<i64>,
    /// True if Drovers does not know the type, or cannot read the frame.
    pub unknown: bool,
}

/// What arrived of an instance within a second.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Bin {
    /// The instance.
    #[schema(value_type = String)]
    pub instance: InstanceId,
    /// The second, since 1970.
    pub second: i64,
    /// Frames of the server.
    pub frames: u64,
    /// Bytes of these frames.
    pub bytes: u64,
    /// The largest lag, in milliseconds.
    pub lag: Option<i64>,
    /// Places where frames are missing or may be: lost connections, and entries that are not retained.
    pub gaps: u64,
    /// Frames of unknown or unreadable types.
    pub unknown: u64,
}

/// Selects frames.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FrameFilter {
    /// Of this instance only.
    pub instance: Option<InstanceId>,
    /// Of sessions whose id begins so only.
    pub session: Option<SessionId>,
    /// Only types that contain this, in any case.
    pub name: Option<String>,
    /// Only frames whose JSON contains this, in any case of ASCII letters.
    pub text: Option<String>,
}

impl FrameFilter {
    /// True if the frame is selected.
    pub fn has(&self, entry: &Entry, row: &FrameRow) -> bool {
        let of_instance = |wanted: &InstanceId| *wanted == entry.instance;
        let of_session = |wanted: &SessionId| {
            let session = entry.session.as_deref();
            session.is_some_and(|session| session.starts_with(wanted.as_str()))
        };
        self.instance.as_ref().is_none_or(of_instance)
            && self.session.as_ref().is_none_or(of_session)
            && self
                .name
                .as_ref()
                .is_none_or(|name| contains(&row.name, name))
            && self
                .text
                .as_ref()
                .is_none_or(|text| contains(frame_json(entry), text))
    }
}

/// The JSON of an entry; empty where it was removed.
pub fn frame_json(entry: &Entry) -> &str {
    match &entry.payload {
        Payload::Upstream(text) | Payload::Names(text) | Payload::Hub(text) => text,
        Payload::Redacted => "",
    }
}

fn contains(text: &str, wanted: &str) -> bool {
    let (text, wanted) = (text.as_bytes(), wanted.as_bytes());
    wanted.is_empty()
        || text
            .windows(wanted.len())
            .any(|part| part.eq_ignore_ascii_case(wanted))
}

/// Frames that were described together.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Described {
    /// The selected frames.
    pub rows: Vec<FrameRow>,
    /// What arrived of each instance, selected or not.
    pub bins: Vec<Bin>,
}

/// Describes frames in order.
#[derive(Debug, Default)]
pub struct Describer {
    /// The translators of instances that do not speak OpenCode 1.
    others: BTreeMap<InstanceId, Translator>,
    /// By how many milliseconds the clock of each instance's server is ahead.
    pub clocks: BTreeMap<InstanceId, i64>,
    /// Entries up to this one are not counted: the reader has counted them before.
    pub counted: Option<Cursor>,
    /// Instances of which frames came since their last connection.
    connected: BTreeSet<InstanceId>,
}

/// What the envelope of a frame says.
#[derive(Debug, Default, Deserialize)]
struct Envelope {
    payload: Option<Box<Envelope>>,
    id: Option<String>,
    #[serde(rename = "type")]
    name: Option<String>,
    #[serde(rename = "syncEvent")]
    durable: Option<Durable>,
}

#[derive(Debug, Deserialize)]
struct Durable {
    seq: Option<u64>,
    #[serde(rename = "type")]
    name: Option<String>,
}

impl Describer {
    /// Describes entries, and selects some of them.
    pub fn describe(&mut self, entries: &[Arc<Entry>], filter: &FrameFilter) -> Described {
        let mut bins: BTreeMap<(InstanceId, i64), Bin> = BTreeMap::new();
        let mut rows = Vec::new();
        for entry in entries {
            let row = self.row(entry);
            let is_gap = self.is_gap(entry, &row);
            let known = |to: &Cursor| to.epoch == entry.epoch && entry.seq <= to.seq;
            if !self.counted.as_ref().is_some_and(known) {
                let second = entry.at.0.div_euclid(1000);
                let bin = bins.entry((entry.instance.clone(), second));
                let bin = bin.or_insert_with(|| empty(entry, second));
                count(bin, entry, &row);
                bin.gaps += u64::from(is_gap);
            }
            if filter.has(entry, &row) {
                rows.push(row);
            }
        }
        Described {
            rows,
            bins: bins.into_values().collect(),
        }
    }

    /// True for an entry at which frames are missing or may be. A first connection loses none.
    fn is_gap(&mut self, entry: &Entry, row: &FrameRow) -> bool {
        match &entry.payload {
            Payload::Upstream(_) | Payload::Names(_) => {
                self.connected.insert(entry.instance.clone());
                false
            }
            Payload::Hub(_) => row.name == "connecting" && self.connected.remove(&entry.instance),
            Payload::Redacted => true,
        }
    }

    /// Describes one entry.
    pub fn row(&mut self, entry: &Entry) -> FrameRow {
        let text = frame_json(entry);
        let kind = match &entry.payload {
            Payload::Upstream(_) => FrameKind::Event,
            Payload::Names(_) => FrameKind::Names,
            Payload::Hub(_) => FrameKind::Hub,
            Payload::Redacted => FrameKind::Redacted,
        };
        let mut envelope: Envelope = serde_json::from_str(text).unwrap_or_default();
        if let Some(payload) = envelope.payload.take() {
            envelope = *payload;
        }
        let name = envelope.name.as_deref().unwrap_or_default();
        let durable = envelope.durable.as_ref();
        let name = match durable.and_then(|durable| durable.name.as_deref()) {
            Some(of) => format!("{name} {of}"),
            None => name.to_owned(),
        };
        let made = envelope
            .id
            .as_deref()
            .and_then(|id| made_at(id, entry.at.0));
        // A server's clock is known to the second: below that the difference may be none.
        let ahead = self.clocks.get(&entry.instance).copied();
        let ahead = ahead.filter(|ahead| ahead.abs() >= limits::CLOCK_DOUBT);
        FrameRow {
            cursor: entry.cursor().to_string(),
            at: entry.at.0,
            instance: entry.instance.clone(),
            session: entry.session.clone(),
            kind,
            name: plain::line(&name, limits::FRAME_NAME_CHARS),
            bytes: text.len(),
            seq: durable.and_then(|durable| durable.seq),
            lag: made.map(|made| {
                let made = made.saturating_sub(ahead.unwrap_or(0));
                entry.at.0.saturating_sub(made).max(0)
            }),
            unknown: kind == FrameKind::Event && self.is_unknown(entry, text),
        }
    }

    fn is_unknown(&mut self, entry: &Entry, text: &str) -> bool {
        if let Some(other) = Dialect::of_frame(text) {
            self.others
                .entry(entry.instance.clone())
                .or_insert_with(|| Translator::new(other));
        }
        let events = match self.others.get_mut(&entry.instance) {
            Some(translator) => translator.frame(text, entry.at).events,
            None => Translator::new(Dialect::V1).frame(text, entry.at).events,
        };
        let unknown =
            |event: &Event| matches!(event, Event::Unknown { .. } | Event::Malformed { .. });
        events.iter().any(unknown)
    }
}

fn empty(entry: &Entry, second: i64) -> Bin {
    Bin {
        instance: entry.instance.clone(),
        second,
        frames: 0,
        bytes: 0,
        lag: None,
        gaps: 0,
        unknown: 0,
    }
}

fn count(bin: &mut Bin, entry: &Entry, row: &FrameRow) {
    match &entry.payload {
        Payload::Upstream(_) | Payload::Names(_) => {
            bin.frames += 1;
            bin.bytes += row.bytes as u64;
        }
        Payload::Hub(_) | Payload::Redacted => {}
    }
    bin.lag = bin.lag.max(row.lag);
    bin.unknown += u64::from(row.unknown);
}

/// The time at which an id of OpenCode was made: the first 12 digits are the lowest 48 bits of the time, in
/// milliseconds times 4096, and a counter. The time is the one nearest to `near`.
fn made_at(id: &str, near: i64) -> Option<i64> {
    const BITS: u32 = 36;
    let (_, digits) = id.rsplit_once('_')?;
    let made = i64::from_str_radix(digits.get(..12)?, 16).ok()? >> 12;
    let span = 1_i64 << BITS;
    let base = near.checked_sub(near.rem_euclid(span))?;
    let times = [base - span, base, base + span].map(|base| base + made);
    times.into_iter().min_by_key(|time| (near - time).abs())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use model::time::Timestamp;

    use super::*;

    fn entry(payload: Payload, at: i64) -> Arc<Entry> {
        Arc::new(Entry {
            epoch: "e".into(),
            seq: 5,
            instance: InstanceId::new("i"),
            session: Some("ses_1".into()),
            payload,
            at: Timestamp(at),
            private: false,
        })
    }

    fn event(text: &str) -> Arc<Entry> {
        entry(Payload::Upstream(text.into()), 1_795_420_867_930)
    }

    #[test]
    fn a_row_says_type_size_number_and_lag() {
        let text = r#"{"directory":"/d","payload":{"id":"evt_2076c4d54002G9I7zC3xxT0Lrh","type":"session.created","properties":{"sessionID":"ses_1","info":{"id":"ses_1"}}}}"#;
        let mut describer = Describer::default();
        let row = describer.row(&event(text));
        // The id was made at 1,795,420,867,924.
        assert_eq!(
            (row.name.as_str(), row.bytes, row.lag),
            ("session.created", text.len(), Some(6))
        );
        describer.clocks.insert("i".into(), 4_000);
        assert_eq!(describer.row(&event(text)).lag, Some(4_006));
        let twin = r#"{"payload":{"id":"evt_1","syncEvent":{"aggregateID":"ses_1","id":"evt_1","seq":5,"type":"message.updated.1"},"type":"sync"}}"#;
        let row = describer.row(&entry(Payload::Names(twin.into()), 1));
        assert_eq!(
            (row.seq, row.name.as_str(), row.lag),
            (Some(5), "sync message.updated.1", None)
        );
        assert!(!row.unknown);
    }

    #[test]
    fn unknown_types_are_counted_and_hostile_ones_are_one_visible_line() {
        let text = r#"{"payload":{"type":"new.\u202ething\n\u001b[31m","properties":{}}}"#;
        let described = Describer::default().describe(&[event(text)], &FrameFilter::default());
        let row = &described.rows[0];
        assert!(row.unknown && described.bins[0].unknown == 1);
        assert!(
            !row.name.contains(['\n', '\u{1b}', '\u{202e}']),
            "{}",
            row.name
        );
        let row = Describer::default().row(&event("\"no object\""));
        assert!(row.unknown && row.name.is_empty());
    }

    #[test]
    fn a_first_connection_is_no_gap() {
        let connecting = || {
            let word = r#"{"type":"connecting","attempt":1}"#;
            entry(Payload::Hub(word.into()), 1)
        };
        let frame = event(r#"{"type":"session.idle","properties":{"sessionID":"ses_1"}}"#);
        let gaps = |all: &[Arc<Entry>]| {
            let described = Describer::default().describe(all, &FrameFilter::default());
            described.bins.iter().map(|bin| bin.gaps).sum::<u64>()
        };
        assert_eq!(gaps(&[connecting(), frame.clone()]), 0);
        assert_eq!(gaps(&[connecting(), frame, connecting()]), 1);
    }

    #[test]
    fn filters_select_rows_and_leave_the_counts() {
        let one =
            event(r#"{"type":"session.idle","properties":{"sessionID":"ses_1","x":"Needle"}}"#);
        let two = entry(
            Payload::Hub(r#"{"type":"connecting","attempt":1}"#.into()),
            1,
        );
        let all = [one, two, entry(Payload::Redacted, 1)];
        let with = |filter: FrameFilter| {
            let described = Describer::default().describe(&all, &filter);
            (
                described.rows.len(),
                described.bins.iter().map(|bin| bin.gaps).sum::<u64>(),
            )
        };
        assert_eq!(with(FrameFilter::default()), (3, 2));
        let text = |text: &str| FrameFilter {
            text: Some(text.to_owned()),
            ..FrameFilter::default()
        };
        assert_eq!(
            (with(text("nEEdle")), with(text("haystack"))),
            ((1, 2), (0, 2))
        );
        let named = FrameFilter {
            name: Some("IDLE".to_owned()),
            ..FrameFilter::default()
        };
        assert_eq!(with(named), (1, 2));
        let other = FrameFilter {
            session: Some("ses_2".into()),
            ..FrameFilter::default()
        };
        assert_eq!(with(other), (0, 2));
    }
}
