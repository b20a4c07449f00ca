//! What ends a long answer: the hub, or the caller's credential.

use tokio_util::sync::CancellationToken;

use super::app::App;
use super::shield::Ended;

/// Both ends of a long answer.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    hub: CancellationToken,
    caller: CancellationToken,
}

/// Which of them came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The hub ends.
    Hub,
    /// The caller may not be here any more.
    Caller,
}

impl Ending {
    pub(super) fn of(app: &App, caller: Ended) -> Self {
        Self {
            hub: app.ending(),
            caller: caller.0,
        }
    }

    /// The end, if it is there.
    pub(super) fn is_there(&self) -> Option<End> {
        if self.caller.is_cancelled() {
            return Some(End::Caller);
        }
        self.hub.is_cancelled().then_some(End::Hub)
    }

    /// Waits for it.
    pub(super) async fn comes(&self) -> End {
        tokio::select! {
            biased;
            () = self.caller.cancelled() => End::Caller,
            () = self.hub.cancelled() => End::Hub,
        }
    }
}
