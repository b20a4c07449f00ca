//! Bytes of a page on the wire, as a browser requests it.

use anyhow::{Context, Result};
use url::Url;

/// A document and the files that its head names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Weight {
    /// Bytes of the document, compressed.
    pub document: usize,
    /// Bytes of scripts, styles and icons, compressed.
    pub assets: usize,
}

impl Weight {
    /// Bytes of the document and its files.
    #[must_use]
    pub fn bytes(self) -> usize {
        self.document + self.assets
    }
}

/// Fetches a document and the files that its head names, each by brotli where the server supports it.
///
/// # Errors
/// One of them cannot be fetched.
pub async fn weigh(url: &str) -> Result<Weight> {
    // The bytes on the wire count, so nothing may be decompressed.
    let client = reqwest::Client::builder()
        .no_proxy()
        .gzip(false)
        .pool_max_idle_per_host(0)
        .build()?;
    let document = compressed(&client, url, "text/html").await?.len();
    let plain = client.get(url).header("accept", "text/html").send().await?;
    let html = plain.text().await?;
    let base = Url::parse(url)?;
    let mut assets = 0;
    for address in named(&html) {
        let url = base.join(address)?;
        assets += compressed(&client, url.as_str(), "*/*").await?.len();
    }
    Ok(Weight { document, assets })
}

/// A body as it came over the wire, compressed by brotli where the server supports it.
pub(crate) async fn compressed(
    client: &reqwest::Client,
    url: &str,
    accept: &str,
) -> Result<Vec<u8>> {
    let answer = client
        .get(url)
        .header("accept", accept)
        .header("accept-encoding", "br")
        .send()
        .await
        .with_context(|| format!("cannot fetch {url}"))?;
    Ok(answer.error_for_status()?.bytes().await?.to_vec())
}

/// Addresses of the files that a document's head names, each once.
fn named(html: &str) -> Vec<&str> {
    let head = html.split("</head>").next().unwrap_or_default();
    let named = ["src=\"", "href=\""].into_iter().flat_map(|attribute| {
        let after = head.split(attribute).skip(1);
        after.filter_map(|rest| rest.split('"').next())
    });
    let mut urls: Vec<&str> = named.collect();
    urls.sort_unstable();
    urls.dedup();
    urls
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_file_of_the_head_counts_once() {
        let html = r#"<head><link href="/a.css"><script src="/b.js"></script><link href="/a.css"></head><a href="/i/x">x</a>"#;
        assert_eq!(super::named(html), ["/a.css", "/b.js"]);
    }
}
