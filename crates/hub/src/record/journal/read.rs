//! Reading entries that are no longer in memory, off the event loop.

use std::collections::HashMap;
use std::sync::Arc;

use super::block;
use super::store::{Block, Medium, SessionKey, Span, StoreError};
use super::{Journal, JournalHandle};
use crate::limits;
use crate::record::log::{Cursor, Entry, LogRead, Payload};
use crate::record::past::{Chain, History, Selection};

/// The result of reading the journal.
enum JournalRead {
    Entries(Vec<Arc<Entry>>),
    /// Entries up to this sequence are lost.
    Lost(u64),
    /// There are no entries.
    Nothing,
}

impl Journal {
    /// The next entries for a reader: from memory up to `most` entries, from the journal as many as one read returns.
    pub async fn read(&self, after: &Cursor, most: usize) -> LogRead {
        match (self.log.read(after, most), &self.kept) {
            (Some(read), _) => read,
            (None, Some(kept)) => self.read_kept(kept, after, most).await,
            // Without a journal all entries are in memory.
            (None, None) => self.gap(after, None),
        }
    }

    async fn read_kept(&self, kept: &JournalHandle, after: &Cursor, most: usize) -> LogRead {
        let (from, medium) = (after.clone(), kept.medium.clone());
        let found = match kept.off_the_loop(move || find(&*medium, &from)).await {
            Ok(found) => found,
            Err(error) => {
                tracing::warn!(%error, "the journal cannot be read");
                JournalRead::Nothing
            }
        };
        match found {
            JournalRead::Entries(entries) => LogRead::Entries(entries),
            JournalRead::Lost(last) => self.gap(after, Some(last)),
            // The block may have been pruned between the two checks.
            JournalRead::Nothing => {
                let again = self.log.read(after, most);
                again.unwrap_or_else(|| self.gap(after, None))
            }
        }
    }

    fn gap(&self, after: &Cursor, lost: Option<u64>) -> LogRead {
        LogRead::Gap {
            resume: self.log.resume_after(after, lost),
        }
    }

    /// The history of a session: its newest entries, stored and in memory, up to [`limits::TIMELINE_BYTES`]. Blocks are read up to
    /// [`limits::TIMELINE_READ_BYTES`].
    pub(crate) async fn past(&self, selection: Selection, session: Arc<str>) -> History {
        // First what is in memory: what leaves it meanwhile is stored.
        let recent = self.log.recent();
        let is_recent = recent.iter().any(|entry| selection.names(entry));
        let mut chain = Chain::new(selection.clone(), limits::TIMELINE_BYTES);
        if let Some(kept) = &self.kept {
            let medium = kept.medium.clone();
            let begins = begins(&recent);
            let read = kept.off_the_loop(move || {
                let wanted = (!is_recent).then_some(&session);
                let raw = limits::TIMELINE_READ_BYTES;
                let found = medium.reader()?.spans(&selection.instance, wanted, raw)?;
                if found.cut {
                    chain.cut();
                }
                let spans = found.spans.iter();
                spans.for_each(|span| take(&mut chain, span, &begins));
                Ok(chain)
            });
            chain = match read.await {
                Ok(chain) => chain,
                Err(error) => {
                    tracing::warn!(%error, "the journal cannot be read");
                    return History::default();
                }
            };
        }
        if is_recent || self.kept.is_none() {
            recent.into_iter().for_each(|entry| chain.entry(entry));
        }
        chain.history()
    }

    /// The sessions with stored texts, the last noted first; none if they cannot be read.
    pub(crate) async fn sessions(&self) -> Vec<SessionKey> {
        let Some(kept) = &self.kept else {
            return Vec::new();
        };
        let medium = kept.medium.clone();
        let read = kept.off_the_loop(move || medium.reader()?.sessions()).await;
        read.inspect_err(|error| tracing::warn!(%error, "the journal cannot be read"))
            .unwrap_or_default()
    }

    /// Passes the newest stored entries to `look`, oldest first, as many as fit `raw` bytes; `None` if they cannot be
    /// read.
    pub(crate) async fn newest<T: Send + 'static>(
        &self,
        raw: u64,
        look: impl FnOnce(&mut dyn Iterator<Item = Entry>) -> T + Send + 'static,
    ) -> Option<T> {
        let kept = self.kept.as_ref()?;
        let medium = kept.medium.clone();
        let read = kept.off_the_loop(move || {
            let blocks = medium.reader()?.newest(raw)?;
            let mut entries = blocks
                .iter()
                .flat_map(|(epoch, block)| entries(epoch, block).unwrap_or_default());
            Ok(look(&mut entries))
        });
        let read = read.await;
        read.inspect_err(|error| tracing::warn!(%error, "the journal cannot be read"))
            .ok()
    }
}

impl JournalHandle {
    /// Runs blocking work off the event loop, a few at a time.
    async fn off_the_loop<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, StoreError> + Send + 'static,
    ) -> Result<T, StoreError> {
        // The semaphore is never closed.
        let _turn = self.reads.acquire().await;
        if !self.medium.may_wait() {
            return work();
        }
        let read = tokio::task::spawn_blocking(work).await;
        read.unwrap_or_else(|error| Err(StoreError::Refused(error.to_string())))
    }
}

/// The first sequence of each epoch in memory.
fn begins(recent: &[Arc<Entry>]) -> HashMap<Arc<str>, u64> {
    let mut begins = HashMap::new();
    for entry in recent {
        begins.entry(entry.epoch.clone()).or_insert(entry.seq);
    }
    begins
}

/// Adds the entries of a span that are not in memory. A damaged block adds none, so that there is a gap.
fn take(chain: &mut Chain, span: &Span, begins: &HashMap<Arc<str>, u64>) {
    let Some(block) = &span.block else {
        return chain.others(&span.epoch, span.first, span.last);
    };
    let begin = begins.get(&span.epoch).copied().unwrap_or(u64::MAX);
    let read = entries(&span.epoch, block).unwrap_or_default();
    let stored = read.into_iter().filter(|entry| entry.seq < begin);
    stored.for_each(|entry| chain.entry(Arc::new(entry)));
}

fn find(medium: &dyn Medium, after: &Cursor) -> Result<JournalRead, StoreError> {
    let blocks = medium
        .reader()?
        .read(&after.epoch, after.seq, limits::JOURNAL_READ_BYTES)?;
    let mut found = Vec::new();
    let mut next = after.seq + 1;
    for block in &blocks {
        let read = entries(&after.epoch, block).filter(|_| block.first <= next);
        let Some(entries) = read else {
            // The entries before it are intact; the next read reports the loss.
            let lost = if block.first > next {
                block.first - 1
            } else {
                block.last
            };
            return Ok(if found.is_empty() {
                JournalRead::Lost(lost)
            } else {
                JournalRead::Entries(found)
            });
        };
        let new = entries.into_iter().filter(|entry| entry.seq >= next);
        found.extend(new.map(Arc::new));
        next = block.last + 1;
    }
    Ok(if found.is_empty() {
        JournalRead::Nothing
    } else {
        JournalRead::Entries(found)
    })
}

/// The entries of a block; `None` if it is damaged.
fn entries(epoch: &Arc<str>, block: &Block) -> Option<Vec<Entry>> {
    let records = block::unpack(&block.data).ok()?;
    let whole = records.len() as u64 == block.last.checked_sub(block.first)?.checked_add(1)?;
    let numbered = records.into_iter().zip(block.first..);
    whole.then(|| {
        numbered
            .map(|(record, seq)| Entry {
                epoch: epoch.clone(),
                seq,
                instance: record.instance,
                session: record.session,
                private: record.payload == Payload::Redacted,
                payload: record.payload,
                at: record.at,
            })
            .collect()
    })
}
