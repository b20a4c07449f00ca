//! The one on the phone: see the truth, approve, lock.

use anyhow::Result;
use testkit::chromium::Chromium;
use testkit::chromium::Viewport;

use crate::bench::{Bench, Drovers, LAST_TEXT, PATIENCE, elsewhere, page};

#[tokio::test(flavor = "multi_thread")]
async fn a_permission_is_granted_with_a_thumb() -> Result<()> {
    let bench = Bench::new().await?;
    let server = bench.server("proj").await?;
    let drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    let session = elsewhere(&server, "permission ;; say allowed").await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}/s/{session}")).await?;
    page.viewport(Viewport::PHONE).await?;
    page.wait_for(
        "document.querySelector('[data-k=asks] .card button.main')",
        PATIENCE,
    )
    .await?;

    assert!(
        page.eval::<bool>("document.documentElement.scrollWidth <= innerWidth")
            .await?,
        "nothing sticks out"
    );
    let button =
        "document.querySelector('[data-k=asks] .card button.main').getBoundingClientRect()";
    assert!(
        page.eval::<bool>(&format!("{button}.height >= 44")).await?,
        "a thumb can hit it"
    );
    assert!(
        page.eval::<bool>(&format!(
            "{button}.bottom <= innerHeight && {button}.top >= 0"
        ))
        .await?,
        "it is in sight"
    );
    page.click("[data-k=asks] .card button.main").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'allowed'"), PATIENCE)
        .await?;
    page.assert_clean().await
}
