//! End of a streaming response: the hub shuts down, or the caller's credential is revoked.

use tokio_util::sync::CancellationToken;

use super::app::App;
use super::shield::Revocation;

/// The two causes that end a streaming response.
#[derive(Clone, Debug)]
pub(super) struct Ending {
    hub: CancellationToken,
    caller: CancellationToken,
}

/// The cause of the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum End {
    /// The hub shuts down.
    Hub,
    /// The caller's credential is no longer valid.
    Caller,
}

impl Ending {
    pub(super) fn of(app: &App, caller: Revocation) -> Self {
        Self {
            hub: app.ending(),
            caller: caller.0,
        }
    }

    /// The cause, if the end has come.
    pub(super) fn is_there(&self) -> Option<End> {
        if self.caller.is_cancelled() {
            return Some(End::Caller);
        }
        self.hub.is_cancelled().then_some(End::Hub)
    }

    /// Waits for the end.
    pub(super) async fn comes(&self) -> End {
        tokio::select! {
            biased;
            () = self.caller.cancelled() => End::Caller,
            () = self.hub.cancelled() => End::Hub,
        }
    }
}
