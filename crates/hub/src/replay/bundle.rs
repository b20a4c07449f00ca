//! Bundles: a range of the log as a file, one JSON object a line, as `drovers export` and the event inspector write it.
//!
//! The first line is `{"drovers", "export": 1, "redacted"}`. Each further line has a `cursor`, and is an `event` of an
//! `instance`, an event of the `hub` about its link, a number of `redacted` entries, or a `gap`. A bundle comes from
//! anybody: every line is parsed at the border, and everything is bounded.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::ids::{InstanceId, SessionId};
use model::time::Timestamp;
use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::ingest::dialect::{Dialect, Translator};
use crate::limits;
use crate::record::log::{Cursor, Entry, Payload};
use crate::record::past::{Chain, History, Selection, Step};
use crate::record::redact::redact;

/// The version of the format.
const FORMAT: u32 = 1;

/// The first line of a bundle.
pub fn header(version: &str, redacted: bool) -> Value {
    json!({ "drovers": version, "export": FORMAT, "redacted": redacted })
}

/// The redacted line of an entry.
pub fn line(entry: &Entry) -> Value {
    let (cursor, at, instance) = (entry.cursor().to_string(), entry.at.0, &entry.instance);
    match &entry.payload {
        Payload::Upstream(text) | Payload::Names(text) => {
            json!({ "cursor": cursor, "at": at, "instance": instance, "event": redact(text) })
        }
        Payload::Hub(text) => {
            json!({ "cursor": cursor, "at": at, "instance": instance, "hub": redact(text) })
        }
        Payload::Redacted => {
            json!({ "cursor": cursor, "at": at, "instance": instance, "redacted": 1 })
        }
    }
}

/// The line of a gap.
pub fn gap(resume: &Cursor) -> Value {
    json!({ "cursor": resume.to_string(), "gap": true })
}

/// The reason why a file is no bundle.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BundleError {
    /// The first line is another.
    #[error(
        "this is no bundle of Drovers: its first line does not say so. Use a file that `drovers export` or the event inspector wrote"
    )]
    NoBundle,
    /// The format is of another version.
    #[error("the bundle has format {0}, and this Drovers reads format {FORMAT}. Update Drovers")]
    Format(u64),
    /// A line cannot be read.
    #[error("line {0} of the bundle cannot be read. Export it again")]
    Line(usize),
    /// It is too large.
    #[error(
        "the bundle has more than {} entries. Export a shorter range",
        limits::BUNDLE_ENTRIES
    )]
    TooLong,
}

#[derive(Deserialize)]
struct Header {
    export: u64,
    #[serde(default)]
    redacted: bool,
}

#[derive(Deserialize)]
struct Line<'a> {
    cursor: String,
    #[serde(default)]
    at: i64,
    instance: Option<InstanceId>,
    #[serde(borrow)]
    event: Option<&'a RawValue>,
    #[serde(borrow)]
    hub: Option<&'a RawValue>,
    redacted: Option<u64>,
    gap: Option<bool>,
}

/// A parsed bundle.
#[derive(Clone, Debug, Default)]
pub struct Bundle {
    /// Its entries and gaps, in order.
    pub steps: Vec<Step>,
    /// True if its texts were redacted.
    pub redacted: bool,
}

/// Reads a bundle line by line.
#[derive(Debug, Default)]
pub struct BundleReader {
    lines: usize,
    redacted: bool,
    last: Option<Cursor>,
    translator: Option<Translator>,
}

impl BundleReader {
    /// Reads the next line. `None` for the first line, and for an empty one.
    ///
    /// # Errors
    /// It is no line of a bundle.
    pub fn line(&mut self, text: &str) -> Result<Option<Step>, BundleError> {
        self.lines += 1;
        if self.lines == 1 {
            let header: Header = serde_json::from_str(text).map_err(|_| BundleError::NoBundle)?;
            if header.export != u64::from(FORMAT) {
                return Err(BundleError::Format(header.export));
            }
            self.redacted = header.redacted;
            return Ok(None);
        }
        if text.trim().is_empty() {
            return Ok(None);
        }
        if self.lines > limits::BUNDLE_ENTRIES {
            return Err(BundleError::TooLong);
        }
        self.step(text)
            .ok_or(BundleError::Line(self.lines))
            .map(Some)
    }

    /// True if its first line says that texts were redacted.
    pub fn is_redacted(&self) -> bool {
        self.redacted
    }

    fn step(&mut self, text: &str) -> Option<Step> {
        let line: Line<'_> = serde_json::from_str(text).ok()?;
        let cursor: Cursor = line.cursor.parse().ok()?;
        if line.cursor.len() > limits::ID_BYTES {
            return None;
        }
        if line.gap == Some(true) {
            let after = self.last.replace(cursor.clone());
            let after = after.unwrap_or_else(|| cursor.clone());
            return Some(Step::Gap {
                after,
                resume: cursor,
            });
        }
        let instance = line
            .instance
            .filter(|id| id.as_str().len() <= limits::ID_BYTES)?;
        let payload = match (line.event, line.hub, line.redacted) {
            (Some(event), ..) => Payload::Upstream(event.get().into()),
            (None, Some(hub), _) => Payload::Hub(hub.get().into()),
            (None, None, Some(_)) => Payload::Redacted,
            _ => return None,
        };
        let at = Timestamp(line.at);
        let session = match &payload {
            Payload::Upstream(text) => self.session(text, at),
            _ => None,
        };
        self.last = Some(cursor.clone());
        Some(Step::Frame(Arc::new(Entry {
            epoch: cursor.epoch,
            seq: cursor.seq,
            instance,
            session,
            payload,
            at,
            private: false,
        })))
    }

    fn session(&mut self, text: &str, at: Timestamp) -> Option<Arc<str>> {
        let dialect = Dialect::of_frame(text);
        if self.translator.is_none() || dialect == Some(Dialect::Sketch) {
            self.translator = Some(Translator::new(dialect.unwrap_or(Dialect::V1)));
        }
        self.translator.as_mut()?.frame(text, at).session
    }
}

impl Bundle {
    /// Parses a whole bundle.
    ///
    /// # Errors
    /// It is no bundle.
    pub fn parse(text: &str) -> Result<Self, BundleError> {
        let mut reader = BundleReader::default();
        let mut steps = Vec::new();
        for line in text.lines() {
            steps.extend(reader.line(line)?);
        }
        if reader.lines == 0 {
            return Err(BundleError::NoBundle);
        }
        Ok(Self {
            steps,
            redacted: reader.redacted,
        })
    }

    /// The instances that it has entries of.
    pub fn instances(&self) -> BTreeSet<InstanceId> {
        self.entries().map(|entry| entry.instance.clone()).collect()
    }

    /// Its entries.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.steps.iter().filter_map(|step| match step {
            Step::Frame(entry) => Some(entry),
            Step::Gap { .. } => None,
        })
    }

    /// The history of a session in it. An export of one session lacks the entries of others, so that only its own gaps
    /// count.
    pub fn history(&self, instance: &InstanceId, session: &SessionId) -> History {
        let selection = Selection {
            instance: instance.clone(),
            sessions: BTreeSet::from([session.as_str().into()]),
        };
        let mut chain = Chain::new(selection, limits::TIMELINE_BYTES);
        let mut end: Option<Cursor> = None;
        for step in &self.steps {
            match step {
                Step::Frame(entry) => {
                    if let Some(end) = end.as_ref().filter(|end| end.epoch == entry.epoch) {
                        chain.others(&entry.epoch, end.seq, entry.seq.max(end.seq + 1) - 1);
                    }
                    chain.entry(entry.clone());
                    end = Some(entry.cursor());
                }
                Step::Gap { after, resume } => {
                    chain.gap(after.clone(), resume.clone());
                    end = Some(resume.clone());
                }
            }
        }
        chain.history()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn entry(seq: u64, text: &str) -> Entry {
        Entry {
            epoch: "e".into(),
            seq,
            instance: InstanceId::new("i"),
            session: Some("ses_1".into()),
            payload: Payload::Upstream(text.into()),
            at: Timestamp(7),
            private: false,
        }
    }

    fn file(lines: &[Value]) -> String {
        let lines = lines.iter().map(|line| format!("{line}\n"));
        lines.collect()
    }

    #[test]
    fn what_is_written_is_read_back_without_texts() {
        let said = r#"{"type":"message.part.delta","properties":{"sessionID":"ses_1","messageID":"m","partID":"p","field":"text","delta":"secret"}}"#;
        let (one, two) = (entry(3, said), entry(9, said));
        let resume = Cursor {
            epoch: "e".into(),
            seq: 8,
        };
        let text = file(&[header("1", true), line(&one), gap(&resume), line(&two)]);
        assert!(!text.contains("secret"));
        let bundle = Bundle::parse(&text).unwrap();
        assert!(bundle.redacted);
        assert_eq!(bundle.entries().count(), 2);
        let first = bundle.entries().next().unwrap();
        assert_eq!(
            (first.seq, first.at, first.session.as_deref()),
            (3, Timestamp(7), Some("ses_1"))
        );
        let history = bundle.history(&"i".into(), &"ses_1".into());
        assert!(matches!(
            history.steps[..],
            [Step::Frame(_), Step::Gap { .. }, Step::Frame(_)]
        ));
    }

    #[test]
    fn an_export_of_one_session_has_no_gap_where_others_were_left_out() {
        let text = file(&[
            header("1", true),
            line(&entry(3, "{}")),
            line(&entry(9, "{}")),
        ]);
        let bundle = Bundle::parse(&text).unwrap();
        assert_eq!(bundle.history(&"i".into(), &"ses_1".into()).steps.len(), 2);
    }

    #[test]
    fn what_is_no_bundle_is_refused_with_the_place() {
        assert_eq!(Bundle::parse("").unwrap_err(), BundleError::NoBundle);
        assert_eq!(
            Bundle::parse("data: {}\n").unwrap_err(),
            BundleError::NoBundle
        );
        assert_eq!(
            Bundle::parse("{\"export\":2}\n").unwrap_err(),
            BundleError::Format(2)
        );
        let bad = format!("{}\n{{\"cursor\":\"e-1\"}}\n", header("1", true));
        assert_eq!(Bundle::parse(&bad).unwrap_err(), BundleError::Line(2));
        let named = format!(
            "{}\n{{\"cursor\":\"no\",\"gap\":true}}\n",
            header("1", true)
        );
        assert_eq!(Bundle::parse(&named).unwrap_err(), BundleError::Line(2));
    }
}
