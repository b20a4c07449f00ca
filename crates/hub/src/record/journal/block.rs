//! Entries, packed: the journal's format within a block. Pure; whatever bytes it is given, it never panics.
//!
//! A block is one zstd frame. Unpacked it is its entries one after the other, each:
//!
//! | bytes | what |
//! |---|---|
//! | 1 | what it holds: 0 a server's event, 1 the hub's own word, 2 withheld, 3 the names of a server's event |
//! | 8 | when it came: milliseconds since 1970, little endian |
//! | 2 + n | the instance: length (little endian), then UTF-8 |
//! | 2 + n | the session likewise; empty if it is about none |
//! | 4 + n | the text likewise; empty if withheld |
//!
//! Sequences are not in it: the first is the block's, each further one is one more.

use std::io;
use std::sync::Arc;

use model::ids::InstanceId;
use model::time::Timestamp;

use super::sources::Sources;
use super::store::{Block, LifeId};
use crate::limits;
use crate::record::log::{Entry, Said};

/// zstd's fastest ordinary level: the newest block is packed again with every group.
const LEVEL: i32 = 1;

/// A block that makes no sense.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a block of the journal makes no sense")]
pub struct BadBlock;

/// What one entry holds, without its place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// The server it came from.
    pub instance: InstanceId,
    /// The session it is about.
    pub session: Option<Arc<str>>,
    /// What was said.
    pub said: Said,
    /// When it came.
    pub at: Timestamp,
}

/// A block that grows.
#[derive(Debug)]
pub struct Packer {
    life: LifeId,
    first: u64,
    count: u64,
    newest: Timestamp,
    sources: Sources,
    raw: Vec<u8>,
}

impl Packer {
    /// An empty block that begins with this entry.
    pub fn new(life: LifeId, first: u64) -> Self {
        Self {
            life,
            first,
            count: 0,
            newest: Timestamp(i64::MIN),
            sources: Sources::default(),
            raw: Vec::new(),
        }
    }

    /// Adds an entry; the text of a private one stays out.
    pub fn push(&mut self, entry: &Entry) {
        let said = if entry.private {
            &Said::Withheld
        } else {
            &entry.said
        };
        self.record(&entry.instance, entry.session.as_ref(), said, entry.at);
    }

    fn record(
        &mut self,
        instance: &InstanceId,
        session: Option<&Arc<str>>,
        said: &Said,
        at: Timestamp,
    ) {
        let (kind, text) = match said {
            Said::Upstream(text) => (0, &**text),
            Said::Hub(text) => (1, &**text),
            Said::Withheld => (2, ""),
            Said::Names(text) => (3, &**text),
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
            // Names stay when their session's texts go.
            let texts_of = session.filter(|_| kind != 3);
            self.sources
                .add(instance, texts_of.map(|session| &**session));
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

    /// The block so far.
    ///
    /// # Errors
    /// There is no memory for it.
    pub fn pack(&self) -> io::Result<Block> {
        Ok(Block {
            life: self.life,
            first: self.first,
            last: self.first + self.count.saturating_sub(1),
            newest: self.newest,
            raw: self.raw.len() as u64,
            sources: self.sources.clone(),
            data: zstd::bulk::compress(&self.raw, LEVEL)?,
        })
    }
}

/// Writes a short text. Ids are short; what is longer than a length can say is cut, between characters.
fn short(raw: &mut Vec<u8>, text: &str) {
    let mut end = text.len().min(usize::from(u16::MAX));
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    raw.extend_from_slice(&(end as u16).to_le_bytes());
    raw.extend_from_slice(&text.as_bytes()[..end]);
}

/// Unpacks a block.
///
/// # Errors
/// It is none, or larger than any that is written.
pub fn unpack(data: &[u8]) -> Result<Vec<Record>, BadBlock> {
    // What we write says how long it is; without it there would have to be room for the longest.
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

/// The same block without the texts of those records that `goes` names.
///
/// # Errors
/// It makes no sense, or there is no memory for it.
pub fn without(block: &Block, goes: impl Fn(&Record) -> bool) -> Result<Block, BadBlock> {
    let mut packer = Packer::new(block.life, block.first);
    for record in unpack(&block.data)? {
        let said = if goes(&record) {
            &Said::Withheld
        } else {
            &record.said
        };
        packer.record(&record.instance, record.session.as_ref(), said, record.at);
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
    let said = text(rest, length as usize)?;
    Ok(Record {
        instance: InstanceId::new(instance),
        session: (!session.is_empty()).then(|| session.into()),
        said: match kind {
            0 => Said::Upstream(said.into()),
            1 => Said::Hub(said.into()),
            2 if said.is_empty() => Said::Withheld,
            3 => Said::Names(said.into()),
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

    fn entry(seq: u64, said: Said, private: bool) -> Entry {
        Entry {
            epoch: "e".into(),
            seq,
            instance: "i1".into(),
            session: seq.is_multiple_of(2).then(|| "ses_1".into()),
            said,
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
        packer.push(&entry(7, Said::Upstream("{\"é\":1}".into()), false));
        packer.push(&entry(8, Said::Hub("{}".into()), false));
        packer.push(&entry(9, Said::Upstream("secret".into()), true));
        let block = packer.pack().unwrap();
        assert_eq!((block.life, block.first, block.last), (3, 7, 9));
        assert_eq!(block.newest, Timestamp(9));
        assert_eq!(block.sources, sources(&[None, Some("ses_1")]));
        let records = unpack(&block.data).unwrap();
        assert_eq!(records[0].said, Said::Upstream("{\"é\":1}".into()));
        assert_eq!(records[0].session, None);
        assert_eq!(records[1].said, Said::Hub("{}".into()));
        assert_eq!(records[1].session.as_deref(), Some("ses_1"));
        assert_eq!(
            (&records[2].said, records[2].at),
            (&Said::Withheld, Timestamp(9))
        );
    }

    #[test]
    fn texts_can_be_taken_out_of_it() {
        let mut packer = Packer::new(1, 1);
        packer.push(&entry(1, Said::Upstream("keep".into()), false));
        packer.push(&entry(2, Said::Upstream("drop".into()), false));
        let block = packer.pack().unwrap();
        let purged = without(&block, |record| record.session.is_some()).unwrap();
        let said: Vec<_> = unpack(&purged.data)
            .unwrap()
            .into_iter()
            .map(|record| record.said)
            .collect();
        assert_eq!(said, [Said::Upstream("keep".into()), Said::Withheld]);
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
                    packer.record(&record.instance, record.session.as_ref(), &record.said, record.at);
                }
                prop_assert_eq!(packer.raw, raw);
            }
        }
    }
}
