//! Coming back: what happened meanwhile, limits that were passed, what it cost, and whether all of it is true.

use anyhow::{Context, Result};
use serde_json::json;
use testkit::chromium::{Page, Viewport};

use crate::bench::{Bench, PATIENCE, Stage, created, page, run};

/// The time at which the page was seen last in this browser, an hour ago.
const AN_HOUR_AGO: &str = "localStorage.setItem('seen-at', String(Date.now() - 3600000))";

const PANEL: &str = "document.querySelector('#since .since')";

async fn picture(page: &Page, name: &str) -> Result<()> {
    // Pictures for a person, where somebody asks for them.
    if let Some(folder) = std::env::var_os("DROVERS_PICTURES") {
        page.screenshot(&std::path::Path::new(&folder).join(name))
            .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk of a person who comes back.
async fn who_comes_back_sees_what_happened_and_closes_it_with_one_key() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    for (title, script) in [
        ("Ends", "say all is well"),
        (
            "Asks",
            "permission echo needs-permission push ;; say pushed",
        ),
        ("Fails", "say one ;; finish length"),
    ] {
        let id = created(server, &json!({ "title": title })).await?;
        drovers.path_of(instance, &id).await?;
        run(server, &id, script).await?;
    }
    let mut page = page(browser, drovers, "/").await?;
    page.wait_for(
        "document.querySelector('.overview-head').innerText.includes('2 need you · 1 to review')",
        PATIENCE,
    )
    .await?;
    assert!(!page.eval::<bool>(&format!("{PANEL} !== null")).await?);

    // The page was away: it says what happened, each as a link, above the list and over nothing.
    page.eval::<()>(AN_HOUR_AGO).await?;
    page.eval::<bool>("document.dispatchEvent(new Event('visibilitychange'))")
        .await?;
    page.wait_for(
        &format!("{PANEL}?.querySelectorAll('li a').length === 3"),
        PATIENCE,
    )
    .await?;
    let text: String = page.eval(&format!("{PANEL}.innerText")).await?;
    for said in ["Ends", "finished", "Asks", "asks: ", "Fails", "failed: "] {
        assert!(text.contains(said), "{said}: {text}");
    }
    let above = format!(
        "{PANEL}.getBoundingClientRect().bottom <= document.querySelector('.overview').getBoundingClientRect().top + 1"
    );
    assert!(page.eval::<bool>(&above).await?, "it covers the list");
    let same_today: String = page
        .eval("document.querySelector('.overview-head .today')?.innerText ?? ''")
        .await?;
    assert!(
        same_today.is_empty() || same_today.contains("today"),
        "{same_today}"
    );
    picture(&page, "away-desktop.png").await?;
    page.viewport(Viewport::PHONE).await?;
    picture(&page, "away-phone.png").await?;
    page.viewport(Viewport::DESKTOP).await?;
    page.press("Escape").await?;
    page.wait_for(
        &format!("!{PANEL} && document.querySelector('#since').hidden"),
        PATIENCE,
    )
    .await?;

    // A link leads to its session, and a page that is opened after a while says the same.
    // A page that is left keeps the time: this comes after that.
    let later = format!("document.addEventListener('visibilitychange', () => {AN_HOUR_AGO})");
    page.eval::<()>(&later).await?;
    page.goto(&format!("{}/", drovers.url)).await?;
    page.wait_for(
        &format!("{PANEL}?.querySelectorAll('li a').length === 3"),
        PATIENCE,
    )
    .await?;
    page.eval::<()>(&format!(
        "[...{PANEL}.querySelectorAll('a')].find(link => link.innerText.includes('Ends')).click()"
    ))
    .await?;
    page.wait_for(
        "document.querySelector('[data-k=head]')?.dataset.title === 'Ends'",
        PATIENCE,
    )
    .await?;
    page.assert_clean().await
}

/// The command line says of the session `True` what the page does.
async fn command_line_says_the_same(bench: &Bench) -> Result<()> {
    let told = async |args: &[&str]| -> Result<(bool, String)> {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_drovers"));
        command.args(args).arg("--data-dir").arg(bench.path("data"));
        let output = command.output().await?;
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        Ok((output.status.success(), text))
    };
    let (same, text) = told(&["verify", "True"]).await?;
    assert!(
        same && text.starts_with("the same as its server: "),
        "{text}"
    );
    let (good, text) = told(&["since", "2h"]).await?;
    assert!(
        good && text.contains("True") && text.contains("finished"),
        "{text}"
    );
    let (good, text) = told(&["usage", "--json"]).await?;
    let usage: serde_json::Value = serde_json::from_str(&text)?;
    assert!(
        good && usage["day"].is_string() && usage["instances"].is_array(),
        "{text}"
    );
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_compared_with_its_server_from_its_details_and_its_menu() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        bench,
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let id = created(server, &json!({ "title": "True" })).await?;
    let path = drovers.path_of(instance, &id).await?;
    run(server, &id, "say one ;; bash echo two ;; say three").await?;
    let mut page = page(browser, drovers, &path).await?;
    let says = |text: &str| {
        let answers = "[...document.querySelectorAll('article[data-role=assistant]')]";
        format!("{answers}.at(-1)?.innerText.includes('{text}')")
    };
    page.wait_for(&says("three"), PATIENCE).await?;
    page.wait_for(
        "/^\\d+ s ago|^now/.test(document.querySelector('.verified p').innerText)",
        PATIENCE,
    )
    .await?;
    page.click(".verified button").await?;
    page.wait_for(
        "document.querySelector('#hint').innerText.startsWith('Same as its server: ')",
        PATIENCE,
    )
    .await?;
    assert!(
        !page
            .eval::<bool>("document.querySelector('#compared') !== null")
            .await?
    );
    // While a model writes, nothing is taken for a difference.
    run(
        server,
        &id,
        "say a b c d e f g h i j k l ;; bash sleep 2 ;; say m n o p q r s t",
    )
    .await?;
    let url = format!(
        "{}/api{}/verify",
        drovers.url,
        path.replace("/i/", "/instances/")
            .replace("/s/", "/sessions/")
    );
    for _ in 0..3 {
        let asked = reqwest::Client::new().post(&url).json(&json!({}));
        let compared: serde_json::Value = asked.send().await?.error_for_status()?.json().await?;
        assert_eq!(compared["same"], true, "{compared}");
    }
    picture(&page, "verified.png").await?;
    page.wait_for(&says("r s t"), PATIENCE).await?;
    page.wait_for("!document.querySelector('.stop')", PATIENCE)
        .await?;
    command_line_says_the_same(bench).await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_set_in_the_settings_and_a_session_over_one_says_so() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        server,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let id = created(server, &json!({ "title": "Dear" })).await?;
    drovers.path_of(instance, &id).await?;
    let mut page = page(browser, drovers, "/").await?;
    page.press(",").await?;
    page.wait_for("document.querySelector('#settings')?.open", PATIENCE)
        .await?;
    picture(&page, "limits.png").await?;
    page.eval::<bool>(
        "{ const form = document.querySelector('#settings form');
           form.querySelector('[name=session_cost]').value = '0.01';
           form.querySelector('[name=stop_circles]').checked = true;
           form.querySelector('[name=session_cost]').dispatchEvent(new Event('change', { bubbles: true })); }",
    )
    .await?;
    let stored = crate::bench::until("the limit", async || {
        let settings = drovers.get("/api/settings").await?;
        Ok((settings["budget"]["session_cost"] == 1).then_some(settings))
    })
    .await?;
    assert_eq!(stored["budget"]["stop_circles"], true);
    assert_eq!(stored["budget"]["stop"], false);
    page.press("Escape").await?;
    run(
        server,
        &id,
        "usage 60000 ;; bash echo one ;; bash sleep 600",
    )
    .await?;
    page.wait_for(
        "document.querySelector('.overview li.session .doing')?.innerText.includes('over a limit: cost $')",
        PATIENCE,
    )
    .await?;
    let group: String = page
        .eval("document.querySelector('.overview li.group').innerText")
        .await?;
    assert!(group.starts_with("Needs you"), "{group}");
    page.wait_for("/\\$\\d.*tokens today/.test(document.querySelector('.overview-head .today')?.innerText ?? '')", PATIENCE)
        .await?;
    picture(&page, "over.png").await?;
    let usage = drovers.get("/api/usage").await?;
    let cost = usage["today"]["cost"].as_f64().context("a cost")?;
    assert!(cost >= 0.01, "{usage}");
    page.assert_clean().await
}
