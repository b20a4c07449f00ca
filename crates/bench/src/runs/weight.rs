//! The program's size, and the bytes of its page as a browser gets them.

use anyhow::Result;
use tokio::time::sleep;

use super::megabytes;
use crate::hub::Hub;
use crate::load::Options;
use crate::report::{Section, Table, number};
use crate::setup::Setup;
use crate::stage::Stage;

pub(super) async fn run(setup: &Setup) -> Result<Section> {
    let setting = "The program as it was built. The page as a browser that takes brotli gets it: the document, and every script, style and icon that it names. Shell: a hub with one server and no session. With messages: a session of 100 messages.".to_owned();
    let mut section = Section::new("Weight", setting);
    let size = std::fs::metadata(&setup.hub)?.len();
    let empty = Options {
        sessions: 0,
        ..Options::default()
    };
    let stage = Stage::start(setup, empty).await?;
    let shell = page(&stage.hub, "/").await?;
    drop(stage);
    let options = Options {
        history: 100,
        ..Options::default()
    };
    let stage = Stage::start(setup, options).await?;
    let look = stage.look(0).await?;
    let path = look.path();
    // The first document has the conversation read; the next has all of it.
    stage.hub.body(&path).await?;
    sleep(setup.settle()).await;
    let messages = page(&stage.hub, &path).await?;

    let mut table = Table::new(["", "document, KB", "the rest, KB", "whole, KB"]);
    for (name, (document, rest)) in [("shell", shell), ("with 100 messages", messages)] {
        let [document, rest, whole] =
            [document, rest, document + rest].map(|bytes| number(bytes as f64 / 1e3));
        table.row([name.to_owned(), document, rest, whole]);
    }
    section.tables.push(table);
    let whole = |(document, rest): (usize, usize)| (document + rest) as f64 / 1e3;
    section.figures = vec![
        setup.figure("size", megabytes(size))?,
        setup.figure("page_shell", whole(shell))?,
        setup.figure("page_messages", whole(messages))?,
    ];
    Ok(section)
}

/// Bytes of a document, and of what it needs.
async fn page(hub: &Hub, path: &str) -> Result<(usize, usize)> {
    let document = hub.body(path).await?.len();
    let html = hub.text(path).await?;
    let mut rest = 0;
    for url in needed(&html) {
        rest += hub.body(url).await?.len();
    }
    Ok((document, rest))
}

/// Addresses of scripts, styles and icons that a document names.
fn needed(html: &str) -> Vec<&str> {
    let named = ["src=\"", "href=\""].into_iter().flat_map(|attribute| {
        let after = html.split(attribute).skip(1);
        after.filter_map(|rest| rest.split('"').next())
    });
    let mut urls: Vec<&str> = named
        .filter(|url| [".js", ".css", ".svg"].iter().any(|end| url.ends_with(end)))
        .collect();
    urls.sort_unstable();
    urls.dedup();
    urls
}

#[cfg(test)]
mod tests {
    #[test]
    fn what_a_document_needs_is_found_once() {
        let html = r#"<link href="/a.css"><script src="/b.js"></script><a href="/i/x">x</a><link href="/a.css">"#;
        assert_eq!(super::needed(html), ["/a.css", "/b.js"]);
    }
}
