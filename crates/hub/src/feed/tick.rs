//! One clock for all viewers, so that they share what is rendered for a tick.

use std::time::Duration;

use model::state::Rev;
use tokio::sync::watch;
use tokio::time::sleep;

/// Tells the revision that viewers are brought to: the first change after quiet at once, further ones once per tick.
#[derive(Clone, Debug)]
pub struct Ticks(watch::Receiver<Rev>);

impl Ticks {
    /// Starts the clock over an engine's changes; it ends with the engine.
    pub fn start(mut changes: watch::Receiver<Rev>, tick: Duration) -> Self {
        let (sender, receiver) = watch::channel(*changes.borrow());
        tokio::spawn(async move {
            while changes.changed().await.is_ok() {
                let rev = *changes.borrow_and_update();
                if sender.send(rev).is_err() {
                    return;
                }
                sleep(tick).await;
            }
        });
        Self(receiver)
    }

    /// Waits for the next tick with a change. False once the hub ends.
    pub async fn next(&mut self) -> bool {
        self.0.changed().await.is_ok()
    }
}
