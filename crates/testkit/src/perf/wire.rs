//! Bytes of the page on the wire.

use anyhow::Result;
use bench::page::weigh;

use super::stage::Hub;
use super::{Figure, Screen};

/// Bytes of the page of an instance without a conversation, and with that of a session.
///
/// # Errors
/// A page cannot be fetched.
pub async fn figures(hub: &Hub, session: &str) -> Result<Vec<Figure>> {
    let page = hub.sessions().replace("{session}", session);
    let shell = weigh(&format!("{}/i/{}", hub.url, hub.instance)).await?;
    // Once before: the first document may be served before the conversation is read.
    weigh(&page).await?;
    let hundred = weigh(&page).await?;
    #[allow(clippy::cast_precision_loss)]
    let figure = |name: &str, bytes: usize| Figure::new(name, Screen::Desktop, bytes as f64, "B");
    Ok(vec![
        figure("shell.bytes", shell.bytes()),
        figure("shell.document_bytes", shell.document),
        figure("hundred.bytes", hundred.bytes()),
        figure("hundred.document_bytes", hundred.document),
    ])
}
