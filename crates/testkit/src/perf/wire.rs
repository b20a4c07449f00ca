//! What an address takes on the wire, as a browser would ask for it.

use anyhow::{Context, Result};

use super::stage::Hub;
use super::{Figure, Screen};

/// A document and the files that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Load {
    /// Bytes of the document as compressed.
    pub document: usize,
    /// Bytes of script, style and icon as compressed.
    pub assets: usize,
    /// Requests made.
    pub requests: usize,
}

impl Load {
    /// Bytes of all of it.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.document + self.assets
    }
}

/// What the page of an instance takes without a conversation, and with that of a session.
///
/// # Errors
/// When a page cannot be fetched.
pub async fn figures(hub: &Hub, session: &str) -> Result<Vec<Figure>> {
    let page = hub.sessions().replace("{session}", session);
    let shell = load(&format!("{}/i/{}", hub.url, hub.instance)).await?;
    // Once before: the first one may come before its conversation was read.
    load(&page).await?;
    let hundred = load(&page).await?;
    #[allow(clippy::cast_precision_loss)]
    let figure = |name: &str, bytes: usize| Figure::new(name, Screen::Desktop, bytes as f64, "B");
    Ok(vec![
        figure("shell.bytes", shell.bytes()),
        figure("shell.document_bytes", shell.document),
        figure("hundred.bytes", hundred.bytes()),
        figure("hundred.document_bytes", hundred.document),
    ])
}

/// Fetches a document and the files that it names, each by brotli where the server can.
///
/// # Errors
/// When one of them cannot be fetched.
pub async fn load(url: &str) -> Result<Load> {
    // Nothing may be decoded on the way: what travels is what counts.
    let client = reqwest::Client::builder().gzip(false).build()?;
    let document = fetch(&client, url, "text/html").await?;
    let plain = client.get(url).header("accept", "text/html").send().await?;
    let html = plain.text().await?;
    let base = reqwest::Url::parse(url)?;
    let mut assets = 0;
    let mut requests = 1;
    for address in named(&html) {
        assets += fetch(&client, base.join(address)?.as_str(), "*/*").await?;
        requests += 1;
    }
    Ok(Load {
        document,
        assets,
        requests,
    })
}

async fn fetch(client: &reqwest::Client, url: &str, accept: &str) -> Result<usize> {
    let answer = client
        .get(url)
        .header("accept", accept)
        .header("accept-encoding", "br")
        .send()
        .await
        .with_context(|| format!("cannot fetch {url}"))?;
    Ok(answer.error_for_status()?.bytes().await?.len())
}

/// Addresses of the files in a document's head.
fn named(html: &str) -> impl Iterator<Item = &str> {
    let head = html.split("</head>").next().unwrap_or_default();
    ["href=\"", "src=\""]
        .into_iter()
        .flat_map(move |attribute| head.split(attribute).skip(1))
        .filter_map(|rest| rest.split('"').next())
}
