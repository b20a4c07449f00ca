//! Probing of addresses that are not an instance yet.

use std::time::Duration;

use model::state::Reason;
use opencode::client2::{self, Found};
use opencode::{Client, ClientError, Http, Url};

use super::reason;

/// The reason why the program at an address cannot be an instance, if it is OpenCode of an unsupported version. `None`
/// if no reply arrives within `timeouts`.
pub async fn unusable(http: &Http, url: Url, timeouts: Duration) -> Option<Reason> {
    let client = Client::new(http.clone(), url.clone(), None).ok()?;
    let answered = tokio::time::timeout(timeouts, client.health()).await.ok()?;
    let Err(error @ ClientError::V2NotSpoken { .. }) = answered else {
        return None;
    };
    let service = client2::Client::new(http.clone(), url, None).ok()?;
    let found = tokio::time::timeout(timeouts, service.probe(timeouts)).await;
    match found.ok()?.ok()? {
        Found::Older { .. } => Some(reason::of(&error)),
        Found::V1 { .. } | Found::V2(_) | Found::Locked { .. } | Found::Neither => None,
    }
}
