//! The event inspector: frames of both hops, a session as it was, bundles, and what a page reports of itself.

use std::fs;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use testkit::chromium::{Chromium, Page};
use tokio::process::Command;

use crate::bench::{Bench, Drovers, PATIENCE, created, page, run, until};

/// The rows in sight, as lists of their cells.
const ROWS: &str = "[...document.querySelectorAll('#inspector .frame')].map(row => [...row.children].map(cell => cell.textContent))";

/// The answers of the session as it was, as text.
const WAS: &str = "[...(document.querySelector('#inspector .was').shadowRoot?.querySelectorAll('article[data-role=assistant] .text') ?? [])].map(text => text.textContent).join(' ')";

fn some_row(condition: &str) -> String {
    format!("{ROWS}.some(([time, hop, instance, type, session, size, order, lag]) => {condition})")
}

/// Sets a field of the panel as a person would.
async fn set(page: &Page, field: &str, value: &str) -> Result<()> {
    let set = format!(
        "(() => {{ const field = document.querySelector('#inspector {field}'); field.value = {}; \
         for (const kind of ['input', 'change']) field.dispatchEvent(new Event(kind, {{ bubbles: true }})); return true; }})()",
        json!(value)
    );
    ensure!(page.eval::<bool>(&set).await?);
    Ok(())
}

/// Waits until a session has ended its turn and the hub knows.
async fn idle(drovers: &Drovers, instance: &str, session: &str, answers: usize) -> Result<()> {
    let path = format!("/api/instances/{instance}/sessions/{session}/messages");
    until("an end of the turn", async || {
        let messages = drovers.get(&path).await?;
        let messages = messages.as_array().context("messages")?;
        let ended = |one: &&Value| one["info"]["time"]["completed"].is_number();
        Ok((messages.iter().filter(ended).count() == answers).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk from the first frame to the bundle that others open.
async fn frames_of_both_hops_are_followed_filtered_opened_and_exported() -> Result<()> {
    let bench = Bench::new().await?;
    let server = bench.server("proj").await?;
    let drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    let id = created(&server, &json!({ "title": "Watched" })).await?;
    let path = drovers.path_of(&instance, &id).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &path).await?;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press("i").await?;
    page.wait_for(
        "document.activeElement?.matches('#inspector .frames')",
        PATIENCE,
    )
    .await?;

    // Both hops, live: time, size, type, session, order and lag.
    // Only the rows in sight are drawn, so that a filter keeps those that are looked for there.
    set(&page, "[name=type]", "part.delta").await?;
    let words = "say alpha beta <img src=x onerror=window.hacked=1> gamma delta epsilon";
    run(&server, &id, words).await?;
    let delta = format!(
        "hop === '→' && type === 'message.part.delta' && session === '{id}' && /^[0-9.]+ k?B$/.test(size) && /^#[0-9]+$/.test(order) && / ms$/.test(lag) && /^[0-9:.]{{12}}$/.test(time) && instance.startsWith('127.0.0.1:')"
    );
    page.wait_for(&some_row(&delta), PATIENCE).await?;
    set(&page, "[name=type]", "batch").await?;
    page.wait_for(
        &some_row("hop === '←' && type.startsWith('batch of') && /^rev [0-9]+$/.test(order)"),
        PATIENCE,
    )
    .await?;
    page.wait_for("document.querySelectorAll('#inspector .chart[data-instance] polyline').length >= 6 && /[1-9]/.test(document.querySelector('#inspector .chart figcaption').textContent)", PATIENCE).await?;
    idle(&drovers, &instance, &id, 1).await?;
    let drawn: usize = page
        .eval("document.querySelectorAll('#inspector .frame').length")
        .await?;
    ensure!(drawn < 80, "{drawn} rows are drawn: more than are in sight");

    // Filters by hop, type and text.
    set(&page, "[name=type]", "").await?;
    set(&page, "[name=hop]", "in").await?;
    set(&page, "[name=type]", "part.delta").await?;
    page.wait_for(
        &format!("{ROWS}.length > 1 && {ROWS}.every(row => row[1] === '→' && row[3] === 'message.part.delta')"),
        PATIENCE,
    )
    .await?;
    set(&page, "[name=text]", "GAMMA").await?;
    page.wait_for(&format!("{ROWS}.length === 1"), PATIENCE)
        .await?;

    // The frame's JSON is text, and what it changed is named.
    page.press("Home").await?;
    page.wait_for(
        "document.querySelector('#inspector .detail li')?.textContent.includes('+ gamma')",
        PATIENCE,
    )
    .await?;
    let detail: String = page
        .eval("document.querySelector('#inspector .detail').innerText")
        .await?;
    ensure!(
        detail.contains("\"message.part.delta\"")
            && detail.contains("PartDelta")
            && detail.contains(".text"),
        "{detail}"
    );

    // The slider shows the session as it was after that frame, and lets go of nothing.
    page.press("t").await?;
    page.wait_for(
        &format!("{WAS}.includes('gamma') && !{WAS}.includes('delta')"),
        PATIENCE,
    )
    .await?;
    let hostile = "window.hacked === undefined && document.querySelector('#inspector .was').shadowRoot.querySelector('img') === null";
    ensure!(page.eval::<bool>(hostile).await?);
    page.click("#inspector [data-act=step-back]").await?;
    page.wait_for(
        &format!("!{WAS}.includes('gamma') && {WAS}.includes('beta')"),
        PATIENCE,
    )
    .await?;
    let last = "document.querySelector('#inspector [type=range]').max";
    let last: String = page.eval(last).await?;
    set(&page, "[type=range]", &last).await?;
    page.wait_for(&format!("{WAS}.includes('epsilon')"), PATIENCE)
        .await?;
    set(&page, "[type=range]", "0").await?;
    page.wait_for("document.querySelector('#inspector .was').shadowRoot.querySelector('#log').textContent.includes('did not exist')", PATIENCE)
        .await?;
    ensure!(
        page.eval::<bool>("document.querySelector('main #log').textContent.includes('epsilon')")
            .await?,
        "the live page stays"
    );
    // Escape on the slider closes it, and what follows is for the list.
    page.eval::<bool>("(document.querySelector('#inspector [type=range]').focus(), true)")
        .await?;
    page.press("Escape").await?;
    page.wait_for(
        "document.querySelector('#inspector .travel').hidden && document.activeElement.matches('#inspector .frames')",
        PATIENCE,
    )
    .await?;
    set(&page, "[name=text]", "").await?;
    set(&page, "[name=type]", "session.idle").await?;
    page.wait_for(
        &format!("{ROWS}.length === 1 && {ROWS}[0][3] === 'session.idle'"),
        PATIENCE,
    )
    .await?;
    page.click("#inspector [data-act=pause]").await?;
    run(&server, &id, "say zeta").await?;
    page.wait_for(
        "/Paused: [1-9]/.test(document.querySelector('#inspector .state').textContent)",
        PATIENCE,
    )
    .await?;
    ensure!(page.eval::<usize>(&format!("{ROWS}.length")).await? == 1);
    // A filter that is set meanwhile shows what came before the pause, and no more.
    set(&page, "[name=type]", "part.delta").await?;
    page.wait_for(
        &format!("{ROWS}.length > 1 && {ROWS}.every(row => row[3] === 'message.part.delta')"),
        PATIENCE,
    )
    .await?;
    set(&page, "[name=type]", "session.idle").await?;
    page.wait_for(
        &format!("{ROWS}.length === 1 && {ROWS}[0][3] === 'session.idle'"),
        PATIENCE,
    )
    .await?;
    page.click("#inspector [data-act=pause]").await?;
    page.wait_for(&format!("{ROWS}.length === 2"), PATIENCE)
        .await?;

    // The shown range as a bundle without texts, which `drovers replay` and `/inspect` open.
    set(&page, "[name=type]", "").await?;
    page.wait_for(
        &format!(
            "{ROWS}.length > 2 && {}",
            some_row("type !== 'session.idle'")
        ),
        PATIENCE,
    )
    .await?;
    page.eval::<bool>(
        "(HTMLAnchorElement.prototype.click = function () { window.exported = this.href; }, true)",
    )
    .await?;
    page.click("#inspector [data-act=export]").await?;
    let exported: String = page.eval("window.exported").await?;
    let bundle = reqwest::get(exported)
        .await?
        .error_for_status()?
        .text()
        .await?;
    ensure!(bundle.contains("message.part.delta") && bundle.contains(&id));
    ensure!(!bundle.contains("gamma") && !bundle.contains("epsilon"));
    let file = bench.path("bundle.ndjson");
    fs::write(&file, &bundle)?;
    let replayed = Command::new(env!("CARGO_BIN_EXE_drovers"))
        .arg("replay")
        .arg(&file)
        .arg("--json")
        .output()
        .await?;
    ensure!(replayed.status.success(), "{replayed:?}");
    let replayed: Value = serde_json::from_slice(&replayed.stdout)?;
    ensure!(
        replayed["sessions"][&id]["messages"]
            .as_array()
            .is_some_and(|all| all.len() == 4),
        "{replayed}"
    );

    // Closed it follows nothing: the hub has one viewer, the page itself.
    page.press("i").await?;
    page.wait_for("document.querySelector('#inspector') === null", PATIENCE)
        .await?;
    until("one viewer", async || {
        let health = drovers.get("/api/health").await?;
        Ok((health["viewers"] == 1).then_some(()))
    })
    .await?;

    page.goto(&format!("{}/inspect", drovers.url)).await?;
    page.wait_for("document.querySelector('#inspector .frames')", PATIENCE)
        .await?;
    let open = format!(
        "(() => {{ const input = document.querySelector('#inspector [type=file]'); const files = new DataTransfer(); \
         files.items.add(new File([{}], 'bundle.ndjson')); input.files = files.files; \
         input.dispatchEvent(new Event('change', {{ bubbles: true }})); return true; }})()",
        json!(bundle)
    );
    page.eval::<bool>(&open).await?;
    page.wait_for(
        "document.querySelector('#inspector .state').textContent.includes('opened bundle')",
        PATIENCE,
    )
    .await?;
    set(&page, "[name=type]", "part.delta").await?;
    page.wait_for(
        &format!("{ROWS}.length > 0 && {ROWS}.every(row => row[3] === 'message.part.delta')"),
        PATIENCE,
    )
    .await?;
    page.eval::<bool>("(document.querySelector('#inspector .frames').focus(), true)")
        .await?;
    page.press("Home").await?;
    page.wait_for("document.querySelector('#inspector .detail li')", PATIENCE)
        .await?;
    page.press("t").await?;
    page.wait_for(&format!("{WAS}.includes('xxxx')"), PATIENCE)
        .await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn an_end_of_the_hub_is_a_gap_in_what_was() -> Result<()> {
    let bench = Bench::new().await?;
    let server = bench.server("proj").await?;
    let mut drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    let id = created(&server, &json!({ "title": "Watched" })).await?;
    drovers.path_of(&instance, &id).await?;
    run(&server, &id, "say before").await?;
    idle(&drovers, &instance, &id, 1).await?;
    let past = format!("/api/inspect/session?instance={instance}&session={id}");
    let was = drovers.get(&past).await?;
    assert_eq!(
        (&was["begins_late"], &was["cut"]),
        (&json!(false), &json!(false))
    );
    // What the log alone has is what the server has.
    let live = drovers
        .get(&format!("/api/instances/{instance}/sessions/{id}/messages"))
        .await?;
    for message in live.as_array().context("messages")? {
        let info = &message["info"];
        let key = info["id"].as_str().context("an id")?;
        assert_eq!(&was["session"]["messages"][key]["info"], info);
    }
    // The journal has everything a second later; a hub that is killed then loses nothing but what comes meanwhile.
    let cursor = |health: &Value, field: &str| {
        let cursor = health["log"][field].as_str().context("a cursor")?;
        let (epoch, seq) = cursor.rsplit_once('-').context("an epoch")?;
        Ok::<_, anyhow::Error>((epoch.to_owned(), seq.parse::<u64>()?))
    };
    let (epoch, end) = cursor(&drovers.get("/api/health").await?, "end")?;
    until("the journal", async || {
        let (of, stored) = cursor(&drovers.get("/api/health").await?, "stored")?;
        Ok((of == epoch && stored >= end).then_some(()))
    })
    .await?;
    drovers.signal(Signal::SIGKILL)?;
    drovers.ended().await?;
    let drovers = Drovers::start(&bench, &[&server]).await?;
    let again = drovers.connected(&server).await?;
    assert_eq!(again, instance);
    drovers.path_of(&instance, &id).await?;
    run(&server, &id, "say after").await?;
    idle(&drovers, &instance, &id, 2).await?;
    let html = until("the gap", async || {
        let url = format!(
            "{}/fragment/inspect/past?instance={instance}&session={id}",
            drovers.url
        );
        let html = reqwest::get(url).await?.text().await?;
        Ok(html.contains("after").then_some(html))
    })
    .await?;
    ensure!(
        html.contains("Frames before this moment are missing"),
        "{html}"
    );
    ensure!(!html.contains("older than its first frame"), "{html}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn events_reach_the_console_where_the_address_asks_for_it_and_errors_reach_the_log()
-> Result<()> {
    let bench = Bench::new().await?;
    let server = bench.server("proj").await?;
    let log = bench.path("log");
    let mut command = bench.drovers();
    command
        .args(["-v", "--attach", &server.url])
        .stderr(fs::File::create(&log)?);
    let drovers = Drovers::of(command).await?;
    let instance = drovers.connected(&server).await?;
    let id = created(&server, &json!({ "title": "Watched" })).await?;
    let path = drovers.path_of(&instance, &id).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("{path}?debug=events")).await?;
    page.eval::<bool>(
        "(window.logged = [], console.log = (...all) => window.logged.push(all), true)",
    )
    .await?;
    // The stream of the console is open once the hub has a second reader.
    until("a reader of the log", async || {
        let health = drovers.get("/api/health").await?;
        Ok((health["viewers"] == 2).then_some(()))
    })
    .await?;
    run(&server, &id, "say hello").await?;
    page.wait_for("window.logged.some(([hop, , data]) => hop === '[drovers] server → hub' && data.event.payload.type === 'session.idle')", PATIENCE)
        .await?;
    page.wait_for("window.logged.some(([hop, frame]) => hop === '[drovers] hub → page' && Array.isArray(frame))", PATIENCE)
        .await?;

    let error = "(dispatchEvent(new ErrorEvent('error', { message: 'boom \\u001b[31m\\nred', filename: '/x.js', lineno: 7, colno: 1 })), true)";
    page.eval::<bool>(error).await?;
    let rejection = "(dispatchEvent(new PromiseRejectionEvent('unhandledrejection', { promise: Promise.resolve(), reason: new Error('unkept') })), true)";
    page.eval::<bool>(rejection).await?;
    let written = until("the errors in the log", async || {
        let text = fs::read_to_string(&log)?;
        Ok((text.contains("boom") && text.contains("unkept")).then_some(text))
    })
    .await?;
    ensure!(
        written.contains("/x.js:7:1") && !written.contains("\u{1b}[31m\nred"),
        "{written}"
    );
    page.assert_clean().await
}
