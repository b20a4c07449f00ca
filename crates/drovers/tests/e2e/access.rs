//! Nothing on the main pages stands in the way of people who do not see them, or see them badly: as axe-core finds it.

use std::path::Path;

use anyhow::{Result, ensure};
use testkit::axe;
use testkit::chromium::{Chromium, Page, Scheme, Viewport};
use testkit::perf::stage::{Hub, Source};

use crate::bench::PATIENCE;

/// What a session shows at most: thoughts, markdown, a tool, a change, and something to decide.
const SCRIPT: &str = "reason 20 rate=0 ;; markdown rate=0 ;; bash seq 1 5 ;; edit a.rs let a => let b ;; todo One, Two ;; \
    permission git push";

#[tokio::test(flavor = "multi_thread")]
async fn no_page_shuts_anybody_out() -> Result<()> {
    let source = Source::start(0).await?;
    let session = source.session("Some work", 6)?;
    let hub = Hub::start(Path::new(env!("CARGO_BIN_EXE_drovers")), source.url()).await?;
    let _reply = source.prompt(&session, SCRIPT).await?;
    let browser = Chromium::start().await?;
    let front = hub.sessions().replace("{session}", &session);
    for (screen, viewport) in [("desktop", Viewport::DESKTOP), ("phone", Viewport::PHONE)] {
        for scheme in [Scheme::Light, Scheme::Dark] {
            let mut page = browser.page().await?;
            page.viewport(viewport).await?;
            page.scheme(scheme).await?;
            page.goto(&hub.url).await?;
            passes(&page, &format!("{screen}, {scheme:?}, home")).await?;
            page.goto(&front).await?;
            page.wait_for("document.querySelector('[data-k=asks] .card')", PATIENCE)
                .await?;
            passes(&page, &format!("{screen}, {scheme:?}, session")).await?;
            for dialog in ["add", "help"] {
                page.eval::<bool>(&format!(
                    "(document.getElementById('{dialog}').showModal(), true)"
                ))
                .await?;
                passes(&page, &format!("{screen}, {scheme:?}, dialog {dialog}")).await?;
                page.eval::<bool>(&format!(
                    "(document.getElementById('{dialog}').close(), true)"
                ))
                .await?;
            }
            page.assert_clean().await?;
        }
    }
    Ok(())
}

async fn passes(page: &Page, place: &str) -> Result<()> {
    let violations = axe::violations(page).await?;
    ensure!(violations.is_empty(), "{place}:\n{}", violations.join("\n"));
    Ok(())
}
