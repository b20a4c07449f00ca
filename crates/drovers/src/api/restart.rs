//! A hub that is replaced by the next one.

use serde::Deserialize;

use super::Api;
use crate::fault::Fault;

/// A hub that restarts.
#[derive(Debug, Deserialize)]
pub(crate) struct Restarting {
    /// Epoch of the run that ends.
    pub(crate) epoch: String,
    /// Number of servers that go on.
    pub(crate) servers: usize,
}

#[derive(Deserialize)]
struct Epoch {
    epoch: String,
}

impl Api {
    /// Restarts the hub.
    pub(crate) async fn restart(&self, end_turns: bool) -> Result<Restarting, Fault> {
        let how = serde_json::json!({"end_turns": end_turns});
        self.post(&["restart"], &how, None).await
    }

    /// Epoch of this run of the hub.
    pub(crate) async fn epoch(&self) -> Result<String, Fault> {
        let health: Epoch = self.get(&["health"], &[]).await?;
        Ok(health.epoch)
    }
}
