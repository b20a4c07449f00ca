//! Notes in memory. They outlive the hub as long as their store exists.

use std::sync::{Arc, Mutex, PoisonError};

use futures_util::FutureExt;
use futures_util::future::{BoxFuture, ready};

use super::{Loaded, Noted, Store, StoreError};

/// A [`Store`] for tests and simulations. Cheap to clone; clones share the notes.
#[derive(Clone, Debug, Default)]
pub struct Memory(Arc<Mutex<Noted>>);

impl Memory {
    /// The stored notes.
    pub fn noted(&self) -> Noted {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

impl Store for Memory {
    fn load(&self) -> BoxFuture<'static, Loaded> {
        let loaded = Loaded {
            noted: self.noted(),
            notice: None,
        };
        ready(loaded).boxed()
    }

    fn replace(&self, noted: Noted) -> BoxFuture<'static, Result<(), StoreError>> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = noted;
        ready(Ok(())).boxed()
    }
}
