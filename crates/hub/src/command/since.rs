//! The events since a time, with the callers that answered.

use std::collections::BTreeMap;
use std::sync::Arc;

use model::time::Timestamp;
use model::view::{Since, since};

use super::audit::{Entry, Step};
use super::port::Servers;
use super::{CommandError, Commands};
use crate::limits;

impl<S: Servers> Commands<S> {
    /// The events in all instances since a time. Answers have the name of their caller, if the audit log has it.
    ///
    /// # Errors
    /// The audit log cannot be read.
    pub async fn since(&self, from: Timestamp) -> Result<Since, CommandError> {
        let newest = self.audit.newest(limits::SINCE_ANSWERS).await;
        let entries = newest.map_err(|error| CommandError::NotRead(error.to_string().into()))?;
        let taken = entries
            .into_iter()
            .filter(|entry| entry.step == Step::Taken && entry.at >= from.0);
        let mut taken: BTreeMap<Arc<str>, Entry> =
            taken.map(|entry| (entry.request.clone(), entry)).collect();
        Ok(self.engine.read(|state| {
            let mut seen = since(state, from);
            for row in &mut seen.rows {
                for (request, answer) in &mut row.answers {
                    if let Some(entry) = taken.remove(request) {
                        answer.by = Some(entry.by);
                        answer.about = Some(entry.about.into());
                    }
                }
            }
            seen
        }))
    }
}
