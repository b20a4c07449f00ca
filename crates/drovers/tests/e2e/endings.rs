//! How turns of a real OpenCode end, as a person reads it.

use anyhow::{Result, bail, ensure};
use serde_json::{Value, json};
use testkit::chromium::Page;

use crate::bench::{Front, PATIENCE, elsewhere, prompt, session, until};
use crate::consent::{press_card, ready};

/// True once the conversation holds these words.
fn says(words: &str) -> String {
    format!(
        "document.querySelector('#log').innerText.includes({})",
        json!(words)
    )
}

const AT_REST: &str = "!document.querySelector('[data-k=composer][data-running]')";
const RUNS: &str = "!!document.querySelector('[data-k=composer][data-running]')";

/// What the hub says of the session in front.
async fn mark(front: &Front) -> Result<Value> {
    let path: String = front.page.eval("location.pathname").await?;
    let path = path
        .replace("/i/", "/api/instances/")
        .replace("/s/", "/sessions/");
    Ok(front.drovers.get(&path).await?["mark"].clone())
}

async fn tell(front: &Front, path: &str, body: &Value) -> Result<()> {
    let sent = reqwest::Client::new()
        .post(format!("{}{path}", front.drovers.url))
        .json(body);
    sent.send().await?.error_for_status()?;
    Ok(())
}

async fn api(front: &Front) -> Result<(String, String)> {
    let instance = front.drovers.connected(&front.server).await?;
    let instance = format!("/api/instances/{instance}");
    let session = session(&front.page).await?;
    let session = format!("{instance}/sessions/{session}");
    Ok((instance, session))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_does_not_exist_is_told_with_what_to_do() -> Result<()> {
    let mut front = Front::open().await?;
    prompt(&front.page, "say begun").await?;
    front.page.wait_for(&says("begun"), PATIENCE).await?;
    front.page.wait_for(AT_REST, PATIENCE).await?;
    let (_, path) = api(&front).await?;
    let model = json!({"providerID": "nobody", "modelID": "none"});
    tell(
        &front,
        &format!("{path}/prompt"),
        &json!({"text": "say on", "model": model}),
    )
    .await?;
    front
        .page
        .wait_for(&says("Failed: Model not found: nobody/none"), PATIENCE)
        .await?;
    front
        .page
        .wait_for(&says("Choose another model, then send it again."), PATIENCE)
        .await?;
    let mark = mark(&front).await?;
    ensure!(mark["state"] == "failed", "{mark}");
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn how_a_command_ended_is_its_state() -> Result<()> {
    let mut front = Front::open().await?;
    prompt(&front.page, "bash exit 3 ;; say over").await?;
    front.page.wait_for(&says("Exit code 3"), PATIENCE).await?;
    front.page.wait_for(&says("over"), PATIENCE).await?;
    front.page.wait_for(AT_REST, PATIENCE).await?;

    prompt(
        &front.page,
        "permission echo needs-permission ;; say gone on",
    )
    .await?;
    let (instance, _) = api(&front).await?;
    let asked = until("a request", async || {
        let asked = front
            .drovers
            .get(&format!("{instance}/permissions"))
            .await?;
        Ok(asked[0]["id"].as_str().map(str::to_owned))
    });
    let answer = json!({"reply": "reject", "message": "use trash instead"});
    let request = format!("{instance}/permissions/{}", asked.await?);
    tell(&front, &request, &answer).await?;
    front
        .page
        .wait_for(&says("Rejected by you: use trash instead"), PATIENCE)
        .await?;
    front.page.wait_for(AT_REST, PATIENCE).await?;

    prompt(&front.page, "bash sleep 50 ;; say never").await?;
    front
        .page
        .wait_for("document.querySelector('[data-status=running]')", PATIENCE)
        .await?;
    front.page.click("[data-k=composer] .stop").await?;
    front.page.wait_for(AT_REST, PATIENCE).await?;
    let word =
        "[...document.querySelectorAll('.tool > summary')].at(-1).innerText.includes('Stopped')";
    front.page.wait_for(word, PATIENCE).await?;
    let mark = mark(&front).await?;
    ensure!(mark["state"] == "idle", "{mark}");
    ensure!(
        mark["reason"]
            .as_str()
            .is_some_and(|why| why.contains("You stopped this session")),
        "{mark}"
    );
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_that_takes_longer_than_it_may_timed_out() -> Result<()> {
    let mut front = Front::open().await?;
    let call = json!({"command": "echo begun; sleep 50", "timeout": 700, "description": "Waits"});
    prompt(&front.page, &format!("tool bash {call} ;; say gone on")).await?;
    let ended = "[...document.querySelectorAll('.tool > summary')].some((one) => one.innerText.includes('Timed out'))";
    front.page.wait_for(ended, PATIENCE).await?;
    front.page.wait_for(AT_REST, PATIENCE).await?;
    let tool: String = front
        .page
        .eval("document.querySelector('.tool > summary').innerText")
        .await?;
    ensure!(
        !tool.contains("Done") && !tool.contains("Exit code"),
        "{tool}"
    );
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn passing_over_a_session_is_no_look_at_it() -> Result<()> {
    let mut front = Front::open().await?;
    let instance = front.drovers.connected(&front.server).await?;
    let mut sessions = Vec::new();
    for name in ["last", "passed", "first"] {
        sessions.push(elsewhere(&front.server, &format!("say {name}")).await?);
    }
    let [last, passed, first] = &sessions[..] else {
        bail!("three sessions were made");
    };
    let state = async |session: &str| {
        let path = format!("/api/instances/{instance}/sessions/{session}");
        anyhow::Ok(front.drovers.get(&path).await?["mark"]["state"].clone())
    };
    let reaches = async |session: &str, wanted: &str| {
        let so = async || Ok((state(session).await? == wanted).then_some(()));
        until(&format!("{session} is {wanted}"), so).await
    };
    for session in &sessions {
        reaches(session, "to_review").await?;
    }
    front
        .page
        .goto(&format!("{}/i/{instance}/s/{first}", front.drovers.url))
        .await?;
    reaches(first, "idle").await?;
    // The second `j` comes as soon as the session is in front, however slow the machine is.
    let pass = format!(
        "(() => {{ const at = document.documentElement; const look = new MutationObserver(() => {{ \
            if (at.dataset.session !== {passed:?}) return; \
            look.disconnect(); \
            setTimeout(() => document.body.dispatchEvent(new KeyboardEvent('keydown', {{ key: 'j', bubbles: true }}))); \
        }}); look.observe(at, {{ attributes: true }}); document.activeElement.blur(); return true; }})()"
    );
    front.page.eval::<bool>(&pass).await?;
    front.page.press("j").await?;
    // By the time the last one counts as looked at, the one before would count as well.
    reaches(last, "idle").await?;
    let left = state(passed).await?;
    ensure!(left == "to_review", "{left}");
    let row = format!(
        "document.querySelector(\"[data-k=tree] a[href$='{passed}']\").innerText.includes('To review')"
    );
    front.page.wait_for(&row, PATIENCE).await?;
    front.page.assert_clean().await
}

/// Enter keeps what is to be dropped; *Drop* is an act of its own.
async fn confirm_a_drop(page: &Page) -> Result<()> {
    let closed = "!document.querySelector('#confirm').open";
    ready(page, "#confirm button[value=no]").await?;
    page.press("Enter").await?;
    page.wait_for(closed, PATIENCE).await?;
    ensure!(
        page.eval::<bool>("document.querySelector('[data-do=drop-held]') !== null")
            .await?
    );
    page.click("[data-do=drop-held]").await?;
    press_card(page, "#confirm button[value=yes]").await?;
    page.wait_for(closed, PATIENCE).await
}

#[tokio::test(flavor = "multi_thread")]
async fn prompts_that_a_stop_holds_are_sent_changed_or_dropped() -> Result<()> {
    let mut front = Front::open().await?;
    let held = "[data-do=send-held]";
    let shown = |words: &str| {
        format!(
            "[...document.querySelectorAll('article[data-role=user]')].some((one) => one.innerText.includes({}))",
            json!(words)
        )
    };
    for (act, text) in [
        ("drop-held", "say dropped"),
        ("edit-held", "say edited"),
        ("send-held", "say sent"),
    ] {
        prompt(&front.page, "echo 2000 rate=20").await?;
        front.page.wait_for(RUNS, PATIENCE).await?;
        front
            .page
            .wait_for(
                "document.querySelector('article[data-status=streaming]')",
                PATIENCE,
            )
            .await?;
        prompt(&front.page, text).await?;
        front
            .page
            .wait_for(&says("Queued: the model answers this"), PATIENCE)
            .await?;
        front.page.click("[data-k=composer] .stop").await?;
        front
            .page
            .wait_for(&says("Queued: you stopped the session"), PATIENCE)
            .await?;
        front.page.click(&format!("[data-do={act}]")).await?;
        if act == "drop-held" {
            confirm_a_drop(&front.page).await?;
        }
        let gone = format!("!document.querySelector('{held}')");
        front.page.wait_for(&gone, PATIENCE).await?;
        let written: String = front
            .page
            .eval("document.querySelector('#text').value")
            .await?;
        match act {
            "drop-held" => {
                front
                    .page
                    .wait_for(&format!("!{}", shown("dropped")), PATIENCE)
                    .await?;
                ensure!(written.is_empty(), "{written}");
            }
            "edit-held" => {
                ensure!(written == text, "{written}");
                front.page.fill("#text", "").await?;
            }
            _ => {
                let answered = "[...document.querySelectorAll('article[data-role=assistant]')].at(-1).innerText.includes('sent')";
                front.page.wait_for(answered, PATIENCE).await?;
            }
        }
    }
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_summary_that_is_still_written_is_not_there_yet() -> Result<()> {
    let mut front = Front::open().await?;
    prompt(&front.page, "say begun").await?;
    front.page.wait_for(&says("begun"), PATIENCE).await?;
    front.page.wait_for(AT_REST, PATIENCE).await?;
    let watch = "(() => { window.seen = []; new MutationObserver(() => { \
        const line = [...document.querySelectorAll('.line')].map((one) => one.innerText).find((text) => text.includes('ummariz')); \
        if (line && window.seen.at(-1) !== line) window.seen.push(line); \
        }).observe(document, {subtree: true, childList: true, characterData: true}); return true; })()";
    front.page.eval::<bool>(watch).await?;
    let id = session(&front.page).await?;
    let messages = format!("{}/session/{id}/message", front.server.url);
    let last = until("a finished reply", async || {
        let messages: Value = reqwest::get(&messages).await?.json().await?;
        let last = messages.as_array().and_then(|all| all.last());
        let reply = last.map(|last| last["info"].clone());
        Ok(reply
            .filter(|info| info["role"] == "assistant" && info["time"]["completed"].is_number()))
    })
    .await?;
    let body = json!({"providerID": last["providerID"], "modelID": last["modelID"]});
    let summed = reqwest::Client::new()
        .post(format!("{}/session/{id}/summarize", front.server.url))
        .json(&body);
    summed.send().await?.error_for_status()?;
    front
        .page
        .wait_for(
            "window.seen.at(-1) === 'The conversation was summarized'",
            PATIENCE,
        )
        .await?;
    let seen: Vec<String> = front.page.eval("window.seen").await?;
    ensure!(
        seen == [
            "Summarizing the conversation…",
            "The conversation was summarized"
        ],
        "{seen:?}"
    );
    front.page.assert_clean().await
}
