//! A hub that is replaced by the next one.

use reqwest::Method;
use serde::Deserialize;
use tokio::time::timeout;

use super::{Api, Instance};
use crate::fault::Fault;
use crate::limits;

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

    /// Restarts the server of an instance.
    pub(crate) async fn restart_server(
        &self,
        instance: &str,
        end_turns: bool,
    ) -> Result<Instance, Fault> {
        let how = serde_json::json!({"end_turns": end_turns});
        self.post(&["instances", instance, "restart"], &how, None)
            .await
    }

    /// True if the hub says that it is ready.
    pub(crate) async fn is_ready(&self) -> bool {
        let asked = self.request(Method::GET, &["health", "ready"]).send();
        let answer = timeout(limits::PROBE, asked).await;
        answer.is_ok_and(|answer| answer.is_ok_and(|answer| answer.status().is_success()))
    }

    /// Epoch of this run of the hub.
    pub(crate) async fn epoch(&self) -> Result<String, Fault> {
        let health: Epoch = self.get(&["health"], &[]).await?;
        Ok(health.epoch)
    }
}
