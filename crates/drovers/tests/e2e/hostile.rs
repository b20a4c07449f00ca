//! What a model, a tool or a stranger says is text, whatever it looks like.

use std::fs;

use anyhow::Result;
use serde_json::json;
use testkit::chromium::Page;

use crate::bench::{Bench, Drovers, LAST_TEXT, PATIENCE, created, page, prompt};
use crate::consent::press_card;

/// Attempts on one line each; one of them opens, all of them set the same variable.
const ATTEMPTS: &str = "<img src=x onerror=\"window.pwned=1\"> <svg onload=\"window.pwned=1\"></svg> \
    <style>#app{display:none}</style> <form action=\"javascript:window.pwned=1\"><button>Allow once</button></form> \
    <script>window.pwned=1</script> <iframe srcdoc=\"<script>parent.pwned=1</script>\"></iframe> \
    <a href=\"javascript:window.pwned=1\">raw</a> [link](javascript:window.pwned=1) [coded](javascript&#58;window.pwned=1) \
    [data](data:text/html,<script>opener.pwned=1</script>) ![image](http://127.0.0.1:1/x.png) <data:text/html,x> \
    <javascript:window.pwned=1> <p style=\"position:fixed;inset:0\">over all</p> </div></article></main> end of attempts";

/// Elements and attributes that no answer may bring, anywhere in the document.
const BROUGHT: &str = "[
    ...[...document.querySelectorAll('img, svg:not(.attach > svg, .camera > svg, .parallel > svg), style, iframe, object, embed, base, meta[http-equiv], math, video, audio, form:not([data-do], dialog form, #rename), body script, #app link')].map(e => e.outerHTML),
    ...[...document.querySelectorAll('#app *')].flatMap(e => [...e.attributes]).filter(a => /^on|^style$|^srcdoc$|^(form)?action$/.test(a.name)).map(a => a.name + '=' + a.value),
    ...[...document.querySelectorAll('a[href]')].filter(a => !/^https?:$/.test(a.protocol)).map(a => a.outerHTML),
]";

async fn nothing_ran(page: &mut Page) -> Result<()> {
    let brought: Vec<String> = page.eval(BROUGHT).await?;
    assert!(brought.is_empty(), "{brought:#?}");
    assert!(page.eval::<bool>("window.pwned === undefined").await?);
    assert!(page.eval::<bool>("reports.length === 0").await?);
    page.assert_clean().await
}

/// Waits until something on the page shows the attempts as they were written.
async fn shows(page: &Page, selector: &str) -> Result<()> {
    let shown = format!(
        "[...document.querySelectorAll('{selector}')].some(e => e.textContent.includes('<img src=x onerror'))"
    );
    page.wait_for(&shown, PATIENCE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_that_is_said_runs() -> Result<()> {
    let bench = Bench::new().await?;
    let (server, browser) = bench
        .server_and_browser("<img src=x onerror=pwned=1>")
        .await?;
    fs::write(
        server.folder().join("attack.md"),
        ATTEMPTS.replace("> ", ">\n\n"),
    )?;
    let drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    let session = created(&server, &json!({ "title": ATTEMPTS })).await?;
    let path = drovers.path_of(&instance, &session).await?;
    let mut page = page(&browser, &drovers, &path).await?;
    page.eval::<bool>(
        "document.addEventListener('securitypolicyviolation', e => reports.push(e.violatedDirective), !(window.reports = [])) ?? true",
    )
    .await?;
    shows(&page, "h1").await?;
    shows(&page, "[data-k=tree] .name").await?;
    shows(&page, ".where").await?;

    prompt(
        &page,
        &format!("reason 2 ;; say {ATTEMPTS} ;; bash cat attack.md ;; question {ATTEMPTS} ;; say it is over"),
    )
    .await?;
    page.wait_for(
        "document.querySelector('[data-k=asks] .card input')",
        PATIENCE,
    )
    .await?;
    shows(&page, "[data-role=user] .said").await?;
    shows(&page, "[data-role=assistant] .text").await?;
    shows(&page, ".tool .out").await?;
    shows(&page, "[data-k=asks] legend").await?;
    shows(&page, "[data-k=needs] .card:not(.still)").await?;
    nothing_ran(&mut page).await?;
    let links: Vec<String> = page
        .eval("[...document.querySelectorAll('.text a')].map(a => a.rel + ' ' + a.target + ' ' + a.href)")
        .await?;
    assert!(
        links
            .iter()
            .all(|link| link.contains("noopener") && link.contains("noreferrer")),
        "{links:?}"
    );

    press_card(&page, "[data-k=asks] .card input").await?;
    press_card(&page, "[data-k=asks] .card button.main").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'it is over'"), PATIENCE)
        .await?;
    // The same again as a document of its own.
    page.eval::<bool>("location.reload() ?? true").await?;
    page.wait_for(
        "window.reports === undefined && document.querySelector('[data-link=connected]')",
        PATIENCE,
    )
    .await?;
    page.eval::<bool>("!(window.reports = [])  || true").await?;
    shows(&page, ".tool .out").await?;
    nothing_ran(&mut page).await
}
