//! The program's size, and the bytes of its page as a browser gets them.

use anyhow::Result;
use tokio::time::sleep;

use super::megabytes;
use crate::load::Options;
use crate::page::{self, Weight};
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
    let shell = page::weigh(stage.hub.url()).await?;
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
    let messages = page::weigh(&format!("{}{path}", stage.hub.url())).await?;

    let mut table = Table::new(["", "document, KB", "the rest, KB", "whole, KB"]);
    for (name, page) in [("shell", shell), ("with 100 messages", messages)] {
        let [document, rest, whole] =
            [page.document, page.assets, page.bytes()].map(|bytes| number(bytes as f64 / 1e3));
        table.row([name.to_owned(), document, rest, whole]);
    }
    section.tables.push(table);
    let whole = |page: Weight| page.bytes() as f64;
    section.figures = vec![
        setup.figure("size", megabytes(size))?,
        setup.figure("shell.bytes", whole(shell))?,
        setup.figure("hundred.bytes", whole(messages))?,
    ];
    Ok(section)
}
