//! API shapes of devices and targets that are notified.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::Api;
use crate::fault::Fault;

/// A target to be added.
#[derive(Serialize)]
pub(crate) struct NewTarget {
    pub(crate) kind: &'static str,
    pub(crate) url: String,
}

impl fmt::Debug for NewTarget {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("NewTarget(***)")
    }
}

/// A device or target.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Recipient {
    pub(crate) id: String,
    pub(crate) kind: String,
    pub(crate) server: String,
    pub(crate) owner: Option<String>,
    pub(crate) made: i64,
}

/// What came of a test.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Tried {
    #[serde(flatten)]
    pub(crate) to: Recipient,
    pub(crate) sent: bool,
    pub(crate) outcome: String,
}

impl Api {
    /// Devices and targets that are notified.
    pub(crate) async fn recipients(&self) -> Result<Vec<Recipient>, Fault> {
        self.get(&["push", "targets"], &[]).await
    }

    /// Adds a target.
    pub(crate) async fn add_target(&self, new: &NewTarget) -> Result<Recipient, Fault> {
        self.post(&["push", "targets"], new, None).await
    }

    /// Removes a target or a device.
    pub(crate) async fn remove_target(&self, id: &str) -> Result<(), Fault> {
        self.delete(&["push", "targets", id]).await
    }

    /// Sends a test to every device and target.
    pub(crate) async fn try_recipients(&self) -> Result<Vec<Tried>, Fault> {
        self.post(&["push", "test"], &serde_json::json!({}), None)
            .await
    }
}
