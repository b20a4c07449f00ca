//! The format of entries within a block of the journal. Pure; no input makes it panic.
//!
//! A block is one zstd frame. Decompressed it is a sequence of entries:
//!
//! | bytes | content |
//! |---|---|
//! | 1 | kind: 0 an event of a server, 1 an event of the hub, 2 redacted, 3 the names of a server's event |
//! | 8 | time of arrival: milliseconds since 1970, little endian |
//! | 2 + n | the instance: length (little endian), then UTF-8 |
//! | 2 + n | the session likewise; empty if there is none |
//! | 4 + n | the text likewise; empty if redacted |
//!
//! Sequence numbers are implicit: the first is in the block, each further one is one more.

use std::io;
use std::sync::Arc;

use model::ids::InstanceId;
use model::time::Timestamp;

use super::sources::Sources;
use super::store::{Block, EpochId};
use crate::limits;
use crate::record::log::{Entry, Payload};

/// zstd's fastest ordinary level: the newest block is compressed again with every group.
const LEVEL: i32 = 1;

/// A damaged block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a block of the journal is damaged")]
pub struct BadBlock;

/// The content of an entry, without its position.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The server of the entry.
    pub instance: InstanceId,
    /// The session of the entry, if it has one.
    pub session: Option<Arc<str>>,
    /// The payload.
    pub payload: Payload,
    /// Time of arrival.
    pub at: Timestamp,
}

/// Builder of a block.
#[derive(Debug)]
pub struct Packer {
    epoch: EpochId,
    first: u64,
    count: u64,
    newest: Timestamp,
    sources: Sources,
    raw: Vec<u8>,
}

impl Packer {
    /// A block that will begin with this entry.
    pub fn new(epoch: EpochId, first: u64) -> Self {
        Self {
            epoch,
            first,
            count: 0,
            newest: Timestamp(i64::MIN),
            sources: Sources::default(),
            raw: Vec::new(),
        }
    }

    /// Adds an entry; the text of a private one is omitted.
    pub fn push(&mut self, entry: &Entry) {
        let payload = if entry.private {
            &Payload::Redacted
        } else {
            &entry.payload
        };
        self.record(&entry.instance, entry.session.as_ref(), payload, entry.at);
    }

    fn record(
        &mut self,
        instance: &InstanceId,
        session: Option<&Arc<str>>,
        payload: &Payload,
        at: Timestamp,
    ) {
        let (kind, text) = match payload {
            Payload::Upstream(text) => (0, &**text),
            Payload::Hub(text) => (1, &**text),
            Payload::Redacted => (2, ""),
            Payload::Names(text) => (3, &**text),
        };
        self.raw.push(kind);
        self.raw.extend_from_slice(&at.0.to_le_bytes());
        short(&mut self.raw, instance.as_str());
        short(&mut self.raw, session.map_or("", |session| session));
        // An event is never longer: see `opencode::limits::MAX_EVENT_BYTES`.
        let length = u32::try_from(text.len()).unwrap_or(u32::MAX);
        self.raw.extend_from_slice(&length.to_le_bytes());
        self.raw
            .extend_from_slice(&text.as_bytes()[..length as usize]);
        if kind != 2 {
            // Names remain when the texts of their session are purged.
            let texts_of = session.filter(|_| kind != 3);
            self.sources
                .add(instance, texts_of.map(|session| &**session));
        } else {
            // No text of the instance, but a place where one was: its histories have a gap there.
            self.sources.add(instance, None);
        }
        self.newest = self.newest.max(at);
        self.count += 1;
    }

    /// True before the first entry.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// True if no more entries should be added.
    pub fn is_full(&self) -> bool {
        self.raw.len() >= limits::JOURNAL_BLOCK_BYTES
    }

    /// The compressed block.
    ///
    /// # Errors Out of memory.
    pub fn pack(&self) -> io::Result<Block> {
        Ok(Block {
            epoch: self.epoch,
            first: self.first,
            last: self.first + self.count.saturating_sub(1),
            newest: self.newest,
            raw: self.raw.len() as u64,
            sources: self.sources.clone(),
            data: zstd::bulk::compress(&self.raw, LEVEL)?,
        })
    }
}

/// Writes a short text. Ids are short; a text longer than its length field is truncated at a character boundary.
fn short(raw: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    raw.extend_from_slice(&(end as u16).to_le_bytes());
    raw.extend_from_slice(&text.as_bytes()[..end]);
}

/// Decompresses a block.
///
/// # Errors The data is not a block, or larger than any that is written.
pub fn unpack(data: &[u8]) -> Result<Vec<Record>, BadBlock> {
    // Written blocks have their length in the frame; without it the buffer would need the maximum size.
    let length = zstd::zstd_safe::get_frame_content_size(data).ok().flatten();
    let length = length.and_then(|length| usize::try_from(length).ok());
    let length = length
        .filter(|length| *length <= limits::JOURNAL_UNPACKED_BYTES)
        .ok_or(BadBlock)?;
    let raw = zstd::bulk::decompress(data, length).map_err(|_| BadBlock)?;
    let mut rest = &raw[..];
    let mut records = Vec::new();
    while !rest.is_empty() {
        records.push(record(&mut rest)?);
    }
    Ok(records)
}

/// The same block without the texts of the records that `goes` selects.
///
/// # Errors The block is damaged, or there is no memory for it.
pub fn without(block: &Block, goes: impl Fn(&Record) -> bool) -> Result<Block, BadBlock> {
    let mut packer = Packer::new(block.epoch, block.first);
    for record in unpack(&block.data)? {
        let payload = if goes(&record) {
            &Payload::Redacted
        } else {
            &record.payload
        };
        packer.record(
            &record.instance,
            record.session.as_ref(),
            payload,
            record.at,
        );
    }
    if packer.is_empty() {
        return Err(BadBlock);
    }
    packer.pack().map_err(|_| BadBlock)
}

fn record(rest: &mut &[u8]) -> Result<Record, BadBlock> {
    let [kind] = take(rest)?;
    let at = Timestamp(i64::from_le_bytes(take(rest)?));
    let length = u16::from_le_bytes(take(rest)?);
    let instance = text(rest, usize::from(length))?;
    let length = u16::from_le_bytes(take(rest)?);
    let session = text(rest, usize::from(length))?;
    let length = u32::from_le_bytes(take(rest)?);
    let payload = text(rest, length as usize)?;
    Ok(Record {
        instance: InstanceId::new(instance),
        session: (!session.is_empty()).then(|| session.into()),
        payload: match kind {
            0 => Payload::Upstream(payload.into()),
            1 => Payload::Hub(payload.into()),
            2 if payload.is_empty() => Payload::Redacted,
            3 => Payload::Names(payload.into()),
            _ => return Err(BadBlock),
        },
        at,
    })
}

fn take<const N: usize>(rest: &mut &[u8]) -> Result<[u8; N], BadBlock> {
    let (bytes, after) = rest.split_first_chunk().ok_or(BadBlock)?;
    *rest = after;
    Ok(*bytes)
}

fn text<'a>(rest: &mut &'a [u8], length: usize) -> Result<&'a str, BadBlock> {
    let (bytes, after) = rest.split_at_checked(length).ok_or(BadBlock)?;
    *rest = after;
    std::str::from_utf8(bytes).map_err(|_| BadBlock)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn entry(seq: u64, payload: Payload, private: bool) -> Entry {
        Entry {
            epoch: "e".into(),
            seq,
            instance: "i1".into(),
            session: seq.is_multiple_of(2).then(|| "ses_1".into()),
            payload,
            at: Timestamp(seq as i64),
            private,
        }
    }

    fn sources(of: &[Option<&str>]) -> Sources {
        let mut sources = Sources::default();
        of.iter()
            .for_each(|session| sources.add(&"i1".into(), *session));
        sources
    }

    #[test]
    fn what_is_packed_is_unpacked() {
        let mut packer = Packer::new(3, 7);
        packer.push(&entry(7, Payload::Upstream("{\"é\":1}".into()), false));
        packer.push(&entry(8, Payload::Hub("{}".into()), false));
        packer.push(&entry(9, Payload::Upstream("secret".into()), true));
        let block = packer.pack().unwrap();
        assert_eq!((block.epoch, block.first, block.last), (3, 7, 9));
        assert_eq!(block.newest, Timestamp(9));
        assert_eq!(block.sources, sources(&[None, Some("ses_1")]));
        let records = unpack(&block.data).unwrap();
        assert_eq!(records[0].payload, Payload::Upstream("{\"é\":1}".into()));
        assert_eq!(records[0].session, None);
        assert_eq!(records[1].payload, Payload::Hub("{}".into()));
        assert_eq!(records[1].session.as_deref(), Some("ses_1"));
        assert_eq!(
            (&records[2].payload, records[2].at),
            (&Payload::Redacted, Timestamp(9))
        );
    }

    #[test]
    fn texts_can_be_taken_out_of_it() {
        let mut packer = Packer::new(1, 1);
        packer.push(&entry(1, Payload::Upstream("keep".into()), false));
        packer.push(&entry(2, Payload::Upstream("drop".into()), false));
        let block = packer.pack().unwrap();
        let purged = without(&block, |record| record.session.is_some()).unwrap();
        let payload: Vec<_> = unpack(&purged.data)
            .unwrap()
            .into_iter()
            .map(|record| record.payload)
            .collect();
        assert_eq!(
            payload,
            [Payload::Upstream("keep".into()), Payload::Redacted]
        );
        assert_eq!((purged.first, purged.last), (1, 2));
        assert_eq!(purged.sources, sources(&[None]));
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_or_refused(raw: Vec<u8>) {
            let packed = zstd::bulk::compress(&raw, LEVEL).unwrap();
            let _either = unpack(&raw);
            if let Ok(records) = unpack(&packed) {
                let mut packer = Packer::new(0, 0);
                for record in &records {
                    packer.record(&record.instance, record.session.as_ref(), &record.payload, record.at);
                }
                prop_assert_eq!(packer.raw, raw);
            }
        }
    }
}
