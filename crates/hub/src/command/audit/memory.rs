//! The audit log in memory, for tests and simulations.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::{Audit, AuditError, Entry};

/// An audit log in memory. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Vec<Entry>>>);

impl Memory {
    /// The entries, oldest first.
    pub fn entries(&self) -> Vec<Entry> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Audit for Memory {
    fn add(&self, entry: Entry) -> BoxFuture<'static, Result<(), AuditError>> {
        let mut entries = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        entries.push(entry);
        ready(Ok(())).boxed()
    }

    fn newest(&self, limit: usize) -> BoxFuture<'static, Result<Vec<Entry>, AuditError>> {
        let mut entries = self.entries();
        let older = entries.len().saturating_sub(limit);
        ready(Ok(entries.split_off(older))).boxed()
    }
}
