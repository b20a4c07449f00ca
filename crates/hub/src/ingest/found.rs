//! Who answers at an address that nobody has added yet.

use std::time::Duration;

use model::state::Reason;
use opencode::{Client, ClientError, Http, Url};

use super::reason;

/// Why what answers at an address cannot be an instance, where it is known for OpenCode of another version. An answer that does not
/// come within `patience` tells nothing.
pub async fn unusable(http: &Http, url: Url, patience: Duration) -> Option<Reason> {
    let client = Client::new(http.clone(), url, None).ok()?;
    let answered = tokio::time::timeout(patience, client.health()).await.ok()?;
    match answered {
        Err(error @ ClientError::V2NotSpoken { .. }) => Some(reason::of(&error)),
        _ => None,
    }
}
