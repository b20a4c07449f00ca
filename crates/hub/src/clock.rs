//! The wall clock, as a port: only the binary reads the system clock, and a simulation replaces it.

use std::sync::Arc;

use model::time::Timestamp;

/// A source of the time of day. Durations use tokio's clock, which tests can pause.
#[derive(Clone)]
pub struct Clock(Arc<dyn Fn() -> Timestamp + Send + Sync>);

impl Clock {
    /// The machine's clock.
    pub fn system() -> Self {
        Self::new(|| Timestamp(jiff::Timestamp::now().as_millisecond()))
    }

    /// A custom clock.
    pub fn new(now: impl Fn() -> Timestamp + Send + Sync + 'static) -> Self {
        Self(Arc::new(now))
    }

    /// The current time.
    pub fn now(&self) -> Timestamp {
        (self.0)()
    }
}

impl std::fmt::Debug for Clock {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Clock")
    }
}
