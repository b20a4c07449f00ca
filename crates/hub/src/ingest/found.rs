//! Probing of addresses that are not an instance yet.

use std::time::Duration;

use model::state::Reason;
use opencode::{Client, ClientError, Http, Url};

use super::reason;

/// The reason why the program at an address cannot be an instance, if it is OpenCode of an unsupported version. `None`
/// if no reply arrives within `timeouts`.
pub async fn unusable(http: &Http, url: Url, timeouts: Duration) -> Option<Reason> {
    let client = Client::new(http.clone(), url, None).ok()?;
    let answered = tokio::time::timeout(timeouts, client.health()).await.ok()?;
    match answered {
        Err(error @ ClientError::V2NotSpoken { .. }) => Some(reason::of(&error)),
        _ => None,
    }
}
