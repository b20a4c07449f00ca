//! What people send arrives once and in order, whatever is down while they write; and what was interrupted goes on.

use std::time::Duration;

use anyhow::{Context, Result};
use nix::sys::signal::Signal;
use serde_json::Value;
use testkit::chromium::{Chromium, Page, Viewport};
use testkit::real::RealServer;

use crate::bench::{
    AWAY, Bench, Drovers, LAST_TEXT, PATIENCE, Stage, elsewhere, page, prompt, until,
};
use crate::consent::{NOTE, press_card};

/// What a browser reports when a request is refused because the hub or its server is down.
const REFUSED: [&str; 4] = [
    "status of 502",
    "status of 503",
    "status of 504",
    "status of 409",
];

const KEPT: &str =
    "[...document.querySelectorAll('#outbox li .said')].map(said => said.textContent).join()";

const STATES: &str =
    "[...document.querySelectorAll('#outbox li .state')].map(state => state.textContent).join()";

/// What a server has of the person, in order; each prompt has one part.
async fn said(server: &RealServer, session: &str) -> Result<Vec<String>> {
    let url = format!("{}/session/{session}/message", server.url);
    let messages: Value = reqwest::get(url).await?.json().await?;
    let messages = messages.as_array().into_iter().flatten();
    let users = messages.filter(|message| message["info"]["role"] == "user");
    users
        .map(|message| {
            let parts = message["parts"].as_array().context("parts")?;
            let texts: Vec<&str> = parts
                .iter()
                .filter_map(|part| part["text"].as_str())
                .collect();
            Ok(texts.join(" | "))
        })
        .collect()
}

/// A fresh document at the same place, as after closing the tab.
async fn reload(page: &Page) -> Result<()> {
    page.eval::<bool>("location.reload() ?? true").await?;
    page.wait_for(
        "document.readyState === 'complete' && performance.getEntriesByType('navigation')[0].type === 'reload'",
        PATIENCE,
    )
    .await
}

async fn reconnect(drovers: &Drovers, instance: &str) -> Result<()> {
    let url = format!("{}/api/instances/{instance}/reconnect", drovers.url);
    reqwest::Client::new()
        .post(url)
        .send()
        .await?
        .error_for_status()?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_while_its_server_is_down_is_sent_once_in_order() -> Result<()> {
    let Stage {
        bench: _bench,
        mut server,
        drovers,
        instance,
        browser,
    } = Stage::begin().await?;
    let session = elsewhere(&server, "say first").await?;
    let path = drovers.path_of(&instance, &session).await?;
    let mut page = page(&browser, &drovers, &path).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'first'"), PATIENCE)
        .await?;

    server.kill9().await?;
    page.wait_for(
        "document.querySelector('.controls .why')?.textContent.includes('Prompts are queued')",
        PATIENCE,
    )
    .await?;
    for text in ["say one", "say two", "say three"] {
        prompt(&page, text).await?;
    }
    page.wait_for(&format!("{KEPT} === 'say one,say two,say three'"), PATIENCE)
        .await?;
    page.wait_for(
        &format!("{STATES}.includes('Waiting for the server') && {STATES}.includes('Waiting for the previous one')"),
        PATIENCE,
    )
    .await?;
    reload(&page).await?;
    page.wait_for(&format!("{KEPT} === 'say one,say two,say three'"), PATIENCE)
        .await?;
    page.click("#outbox li:nth-child(2) button:last-child")
        .await?;
    page.wait_for(&format!("{KEPT} === 'say one,say three'"), PATIENCE)
        .await?;

    server.restart().await?;
    reconnect(&drovers, &instance).await?;
    page.wait_for("!document.querySelector('#outbox li')", PATIENCE)
        .await?;
    page.wait_for(&format!("{LAST_TEXT} === 'three'"), PATIENCE)
        .await?;
    assert_eq!(
        said(&server, &session).await?,
        ["say first", "say one", "say three"]
    );
    page.assert_clean_but(&[&AWAY[..], &REFUSED].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_written_while_the_hub_is_down_is_sent_once_by_the_next_one() -> Result<()> {
    let Stage {
        bench,
        server,
        mut drovers,
        instance,
        browser,
    } = Stage::begin().await?;
    let session = elsewhere(&server, "say first").await?;
    let path = drovers.path_of(&instance, &session).await?;
    let mut page = page(&browser, &drovers, &path).await?;
    page.viewport(Viewport::PHONE).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'first'"), PATIENCE)
        .await?;

    drovers.signal(Signal::SIGKILL)?;
    drovers.ended().await?;
    page.wait_for(
        "document.querySelector('#offline').innerText.includes('prompts are queued')",
        Duration::from_secs(12),
    )
    .await?;
    for text in ["say one", "say two"] {
        prompt(&page, text).await?;
    }
    page.wait_for(
        &format!("{KEPT} === 'say one,say two' && {STATES}.includes('Waiting for the connection')"),
        PATIENCE,
    )
    .await?;
    assert!(
        page.eval::<bool>("document.documentElement.scrollWidth <= innerWidth")
            .await?,
        "nothing sticks out"
    );
    let address = drovers.url.strip_prefix("http://").context("an address")?;
    let again = Drovers::of(bench.drovers_at(address)).await?;
    assert_eq!(again.connected(&server).await?, instance);
    page.wait_for("!document.querySelector('#outbox li')", PATIENCE)
        .await?;
    page.wait_for(&format!("{LAST_TEXT} === 'two'"), PATIENCE)
        .await?;
    assert_eq!(
        said(&server, &session).await?,
        ["say first", "say one", "say two"]
    );
    page.assert_clean_but(&[&AWAY[..], &REFUSED].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_was_begun_while_its_server_was_down_is_one() -> Result<()> {
    let Stage {
        bench: _bench,
        mut server,
        drovers,
        instance,
        browser,
    } = Stage::begin().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    server.kill9().await?;
    page.wait_for("!document.querySelector('[data-link=connected]')", PATIENCE)
        .await?;
    prompt(&page, "say begun").await?;
    page.wait_for(&format!("{KEPT} === 'say begun'"), PATIENCE)
        .await?;
    // It stands below the reason, and another one is dropped there.
    prompt(&page, "say dropped").await?;
    let second = "#outbox li:nth-child(2)";
    page.wait_for(
        &format!("document.querySelector('.trouble').checkVisibility() && document.querySelector('{second}')?.checkVisibility()"),
        PATIENCE,
    )
    .await?;
    page.click(&format!("{second} .row button:last-child"))
        .await?;
    page.wait_for(&format!("{KEPT} === 'say begun'"), PATIENCE)
        .await?;
    reload(&page).await?;
    server.restart().await?;
    reconnect(&drovers, &instance).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'begun'"), PATIENCE)
        .await?;
    let session: String = page.eval("location.pathname.split('/s/')[1]").await?;
    assert_eq!(said(&server, &session).await?, ["say begun"]);
    let sessions: Value = reqwest::get(format!("{}/session", server.url))
        .await?
        .json()
        .await?;
    assert_eq!(sessions.as_array().map(Vec::len), Some(1));
    page.assert_clean_but(&[&AWAY[..], &REFUSED].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_second_of_two_answers_is_told_who_was_first() -> Result<()> {
    let bench = Bench::new().await?;
    let server = bench.server("proj").await?;
    let drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    let session = elsewhere(&server, "permission ;; say allowed").await?;
    let path = drovers.path_of(&instance, &session).await?;
    // Two people: pages of one browser would know of each other's answers.
    let browsers = (Chromium::start().await?, Chromium::start().await?);
    let mut pages = [
        page(&browsers.0, &drovers, &path).await?,
        page(&browsers.1, &drovers, &path).await?,
    ];
    let allow = "[data-k=asks] .card button.main";
    for page in &pages {
        page.wait_for(&format!("document.querySelector('{allow}')"), PATIENCE)
            .await?;
    }
    // Both answer before either can be seen.
    drovers.signal(Signal::SIGSTOP)?;
    for page in &pages {
        press_card(page, allow).await?;
        page.wait_for("document.querySelector('form[data-kept]')", PATIENCE)
            .await?;
    }
    drovers.signal(Signal::SIGCONT)?;
    let notes = "document.querySelector('#notes').innerText";
    let told = until("who was first", async || {
        let both: (String, String) = (pages[0].eval(notes).await?, pages[1].eval(notes).await?);
        let told = [both.0, both.1].join("");
        Ok((!told.is_empty()).then_some(told))
    })
    .await?;
    assert!(
        told.contains("Already answered at")
            && told.contains("on another Drovers page: allowed once"),
        "{told}"
    );
    for page in &mut pages {
        page.wait_for(&format!("{LAST_TEXT} === 'allowed'"), PATIENCE)
            .await?;
        page.assert_clean_but(&[&AWAY[..], &REFUSED].concat())
            .await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_that_is_given_while_the_hub_is_down_is_kept_and_sent() -> Result<()> {
    let Stage {
        bench,
        server,
        mut drovers,
        instance,
        browser,
    } = Stage::begin().await?;
    let session = elsewhere(&server, "permission ;; say allowed").await?;
    let path = drovers.path_of(&instance, &session).await?;
    let mut page = page(&browser, &drovers, &path).await?;
    let allow = "[data-k=asks] .card button.main";
    page.wait_for(&format!("document.querySelector('{allow}')"), PATIENCE)
        .await?;
    drovers.signal(Signal::SIGKILL)?;
    drovers.ended().await?;
    page.wait_for(
        "!document.querySelector('#offline').hidden",
        Duration::from_secs(12),
    )
    .await?;
    press_card(&page, allow).await?;
    page.wait_for(
        "document.querySelector('[data-k=asks] .card .problem').innerText.startsWith('Allow once: Waiting for the connection')",
        PATIENCE,
    )
    .await?;
    let address = drovers.url.strip_prefix("http://").context("an address")?;
    let again = Drovers::of(bench.drovers_at(address)).await?;
    again.connected(&server).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'allowed'"), PATIENCE)
        .await?;
    page.wait_for("!document.querySelector('[data-k=asks] .card')", PATIENCE)
        .await?;
    page.assert_clean_but(&[&AWAY[..], &REFUSED].concat()).await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk from the end of a server to the last session that goes on.
async fn what_a_killed_server_interrupted_goes_on_by_a_button() -> Result<()> {
    let Stage {
        bench: _bench,
        mut server,
        drovers,
        instance,
        browser,
    } = Stage::begin().await?;
    let mut sessions = Vec::new();
    for _ in 0..3 {
        sessions.push(elsewhere(&server, "say working ;; stall 600").await?);
    }
    let path = drovers.path_of(&instance, &sessions[0]).await?;
    let mut page = page(&browser, &drovers, &path).await?;
    page.wait_for(
        "document.querySelector('article[data-status=streaming]') && document.querySelectorAll('[data-k=tree] .mark.work').length === 3",
        PATIENCE,
    )
    .await?;
    server.kill9().await?;
    page.wait_for("!document.querySelector('[data-link=connected]')", PATIENCE)
        .await?;
    server.restart().await?;
    reconnect(&drovers, &instance).await?;
    let go_on = "[data-k=after] button.main";
    page.wait_for(
        &format!("document.querySelector('[data-link=connected]') && document.querySelector('{go_on}').checkVisibility() \
             && document.querySelectorAll('[data-k=needs] [data-url$=\"/continue\"]').length === 3"),
        PATIENCE,
    )
    .await?;
    page.click(go_on).await?;
    page.wait_for(
        &format!("!document.querySelector('{go_on}') && [...document.querySelectorAll('article[data-role=assistant]')].at(-1).dataset.status === 'complete'"),
        PATIENCE,
    )
    .await?;
    assert_eq!(said(&server, &sessions[0]).await?.len(), 2);

    page.goto(&drovers.url).await?;
    let all = "[data-do=continue-all]";
    // Beside the button what is to review is read whole.
    let whole = format!(
        "[...document.querySelectorAll('.needs h2, .needs h2 > span')].every(one => one.scrollWidth <= one.clientWidth + 1) \
             && document.querySelector('.needs h2').innerText.includes('to review') && document.querySelector('{all}')"
    );
    page.wait_for(&whole, PATIENCE).await?;
    page.viewport(Viewport::PHONE).await?;
    page.wait_for(
        &format!("document.querySelector('{all}')?.innerText === 'Continue all (2)'"),
        PATIENCE,
    )
    .await?;
    // Pressed twice it asks once, and goes on once.
    page.eval::<bool>(NOTE).await?;
    page.eval::<()>(&format!(
        "[1, 2].forEach(() => document.querySelector('{all}').click())"
    ))
    .await?;
    page.wait_for("document.querySelector('#confirm').open", PATIENCE)
        .await?;
    press_card(&page, "#confirm button[value=yes]").await?;
    page.wait_for(
        "!document.querySelector('[data-k=needs] [data-url$=\"/continue\"]')",
        PATIENCE,
    )
    .await?;
    let sent = "sent.filter(one => one.url === '/api/continue').length";
    assert_eq!(page.eval::<u32>(sent).await?, 1);
    for session in &sessions {
        assert_eq!(said(&server, session).await?.len(), 2, "{session}");
    }
    page.assert_clean().await
}
