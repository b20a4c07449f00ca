//! Prompts by their idempotency key: the same key again is the same prompt.

use std::collections::{BTreeMap, VecDeque};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, Mutex, PoisonError};

use model::ids::{InstanceId, SessionId};
use tokio::sync::OnceCell;

use super::CommandError;
use crate::limits;

/// Names a prompt: its session, and the key that its sender gave it.
pub(super) type Key = (InstanceId, SessionId, Arc<str>);

/// A prompt that was, or is being, sent.
#[derive(Debug)]
pub(super) struct Sending {
    /// Its message's id.
    pub(super) message: String,
    /// Its parts' ids.
    pub(super) parts: Vec<String>,
    /// Tells other content under the same key.
    fingerprint: u64,
    /// True once it may have reached the server.
    pub(super) tried: AtomicBool,
    /// Set once the server took it.
    pub(super) taken: OnceCell<()>,
}

impl Sending {
    /// A prompt that was not sent yet.
    pub(super) fn new(message: String, parts: Vec<String>, fingerprint: u64) -> Self {
        Self {
            message,
            parts,
            fingerprint,
            tried: AtomicBool::new(false),
            taken: OnceCell::new(),
        }
    }
}

/// Prompts remembered, up to [`limits::PROMPT_KEYS`].
#[derive(Debug, Default)]
pub(super) struct Keys(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    by_key: BTreeMap<Key, Arc<Sending>>,
    order: VecDeque<Key>,
}

impl Keys {
    /// The prompt that this key names: the one known by it, or the new one.
    ///
    /// # Errors
    /// The known one has other content.
    pub(super) fn claim(&self, key: Key, new: Sending) -> Result<Arc<Sending>, CommandError> {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = kept.by_key.get(&key) {
            return if known.fingerprint == new.fingerprint {
                Ok(known.clone())
            } else {
                Err(CommandError::KeyReused)
            };
        }
        let new = Arc::new(new);
        kept.by_key.insert(key.clone(), new.clone());
        kept.order.push_back(key);
        if kept.order.len() > limits::PROMPT_KEYS
            && let Some(oldest) = kept.order.pop_front()
        {
            kept.by_key.remove(&oldest);
        }
        Ok(new)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn key(n: usize) -> Key {
        ("i".into(), "s".into(), n.to_string().into())
    }

    fn sending(message: &str, fingerprint: u64) -> Sending {
        Sending::new(message.into(), Vec::new(), fingerprint)
    }

    #[test]
    fn a_key_names_one_prompt() {
        let keys = Keys::default();
        assert_eq!(keys.claim(key(1), sending("a", 7)).unwrap().message, "a");
        assert_eq!(keys.claim(key(1), sending("b", 7)).unwrap().message, "a");
        assert_eq!(keys.claim(key(2), sending("c", 7)).unwrap().message, "c");
        assert!(matches!(
            keys.claim(key(1), sending("b", 8)),
            Err(CommandError::KeyReused)
        ));
    }

    #[test]
    fn the_oldest_is_forgotten() {
        let keys = Keys::default();
        for n in 0..=limits::PROMPT_KEYS {
            keys.claim(key(n), sending("a", 0)).unwrap();
        }
        assert_eq!(keys.0.lock().unwrap().by_key.len(), limits::PROMPT_KEYS);
        assert_eq!(keys.claim(key(1), sending("b", 0)).unwrap().message, "a");
        assert_eq!(keys.claim(key(0), sending("b", 0)).unwrap().message, "b");
    }
}
