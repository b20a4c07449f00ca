//! Several servers of one user, on one database.

use anyhow::Result;
use serde_json::Value;

use crate::bench::{Bench, Drovers, LAST_TEXT, PATIENCE, elsewhere, page, prompt};

#[tokio::test(flavor = "multi_thread")]
async fn each_session_is_shown_once_under_its_own_server() -> Result<()> {
    let bench = Bench::new().await?;
    let (mut one, browser) = bench.server_and_browser("one").await?;
    let two = bench.server("two").await?;
    let before = elsewhere(&one, "say before anyone looked").await?;
    let drovers = Drovers::start(&bench, &[&one, &two]).await?;
    let (first, second) = (
        drovers.connected(&one).await?,
        drovers.connected(&two).await?,
    );
    let mut page = page(&browser, &drovers, &format!("/i/{first}/s/{before}")).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'before anyone looked'"), PATIENCE)
        .await?;

    page.click(&format!("[data-k=tabs] a[href='/i/{second}']"))
        .await?;
    page.wait_for(&format!("location.pathname === '/i/{second}'"), PATIENCE)
        .await?;
    prompt(&page, "say only in two").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'only in two'"), PATIENCE)
        .await?;
    for (instance, count) in [(&first, 1), (&second, 1)] {
        let sessions: Value = drovers
            .get(&format!("/api/instances/{instance}/sessions"))
            .await?;
        assert_eq!(
            sessions.as_array().map(Vec::len),
            Some(count),
            "{sessions:#}"
        );
    }

    one.kill9().await?;
    page.wait_for(
        &format!(
            "document.querySelector(\"[data-k=tabs] a[href='/i/{first}']\").innerText.length > 0"
        ),
        PATIENCE,
    )
    .await?;
    let other: Value = drovers.get(&format!("/api/instances/{second}")).await?;
    assert_eq!(other["status"], "connected");
    prompt(&page, "say still here").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'still here'"), PATIENCE)
        .await?;
    page.assert_clean().await
}
