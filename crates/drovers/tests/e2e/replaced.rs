//! A hub that is replaced in the middle of turns, in order or by force: what its page and its API say in the end is what OpenCode says.

use std::collections::BTreeMap;

use anyhow::{Context, Result, ensure};
use futures_util::future::try_join_all;
use hub::datadir::Servers;
use model::ids::InstanceId;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use testkit::chromium::Chromium;
use tokio::process::Command;

use crate::bench::{
    AWAY, Bench, Drovers, LAST_TEXT, PATIENCE, page, plain, prompt, session, until,
};
use crate::consent::press_card;
use crate::own::{keeping, servers};

/// Sessions of the test with a kill; each has one turn that runs then and one that waits.
const SESSIONS: usize = 10;

/// The texts of all answers on the page.
const ANSWERS: &str = "[...document.querySelectorAll('article[data-role=assistant] .text')].map(text => text.textContent).join(' ')\
     .split(/\\s+/).join(' ').trim()";

/// A message: who wrote it, and its text.
type Said = (String, String);

/// Messages as the API of OpenCode or of the hub has them, by their ids, in order.
fn said(messages: &Value) -> Result<Vec<(String, Said)>> {
    let messages = messages.as_array().context("messages")?;
    let one = |message: &Value| {
        let info = &message["info"];
        let parts = message["parts"].as_array().into_iter().flatten();
        let texts = parts.filter(|part| part["type"] == "text");
        let text: String = texts.filter_map(|part| part["text"].as_str()).collect();
        let role = info["role"].as_str().unwrap_or_default().to_owned();
        let id = info["id"].as_str().unwrap_or_default().to_owned();
        (id, (role, text))
    };
    Ok(messages.iter().map(one).collect())
}

/// What OpenCode itself says of a session.
async fn truth(bench: &Bench, instance: &str, session: &str) -> Result<Vec<(String, Said)>> {
    let server = Servers::find(&bench.path("data"), &InstanceId::from(instance));
    let (url, login) = server.context("the address of the server")?;
    let login = login.context("its password")?;
    let url = url.join(&format!("session/{session}/message"))?;
    let request = reqwest::Client::new().get(url);
    let request = request.basic_auth(login.username, Some(login.password));
    said(&request.send().await?.error_for_status()?.json().await?)
}

/// What the hub says of it.
async fn shown(drovers: &Drovers, instance: &str, session: &str) -> Result<Vec<(String, Said)>> {
    let path = format!("/api/instances/{instance}/sessions/{session}/messages");
    said(&drovers.get(&path).await?)
}

/// The hub says of a session what OpenCode says, once it has read all of it.
async fn agrees(
    bench: &Bench,
    drovers: &Drovers,
    instance: &str,
    session: &str,
) -> Result<Vec<(String, Said)>> {
    let truth = truth(bench, instance, session).await?;
    until("the same as OpenCode says", async || {
        let shown = shown(drovers, instance, session).await?;
        Ok((shown == truth).then_some(()))
    })
    .await
    .with_context(|| format!("{truth:?}"))?;
    Ok(truth)
}

async fn post(drovers: &Drovers, path: &str, body: Value) -> Result<Value> {
    let url = format!("{}{path}", drovers.url);
    let answer = reqwest::Client::new().post(url).json(&body).send().await?;
    Ok(answer.error_for_status()?.json().await?)
}

/// Runs a command of the program on the hub of the bench.
async fn command(bench: &Bench, args: &[&str]) -> Result<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_drovers"));
    command.args(args).arg("--data-dir").arg(bench.path("data"));
    let done = command.output().await?;
    ensure!(done.status.success(), "{args:?}: {done:?}");
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_turn_goes_on_in_sight_while_the_hub_restarts() -> Result<()> {
    let bench = Bench::new().await?;
    let (drovers, instance) = keeping(&bench).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    prompt(&page, "echo 300 rate=30 ;; bash echo seen ;; say all over").await?;
    let session = session(&page).await?;
    page.wait_for(&format!("{ANSWERS}.length > 50"), PATIENCE)
        .await?;
    let before: String = page.eval(ANSWERS).await?;
    let (pid, server) = (drovers.pid()?, servers(&bench)[0].id);
    for _ in 0..2 {
        let restarted = command(&bench, &["restart", "--json"]).await?;
        let restarted: Value = serde_json::from_str(&restarted)?;
        assert_eq!(
            (&restarted["pid"], &restarted["servers"]),
            (&json!(pid), &json!(1))
        );
    }
    let over = format!(
        "{LAST_TEXT} === 'all over' && !document.querySelector('[data-k=composer][data-running]')"
    );
    page.wait_for(&over, PATIENCE).await?;
    assert_eq!(servers(&bench)[0].id, server, "the same process");
    let truth = agrees(&bench, &drovers, &instance, &session).await?;
    let prompts = truth.iter().filter(|(_, (role, _))| role == "user");
    assert_eq!(prompts.count(), 1, "{truth:?}");
    let answers = truth.iter().filter(|(_, (role, _))| role == "assistant");
    let texts: Vec<_> = answers
        .map(|(_, (_, text))| text.as_str())
        .filter(|text| !text.is_empty())
        .collect();
    let wanted = plain(&texts.join(" "));
    assert!(wanted.starts_with(&before), "{wanted} after {before}");
    let same = format!("{ANSWERS} === {}", Value::from(wanted));
    page.wait_for(&same, PATIENCE).await?;
    page.assert_clean_but(&AWAY).await
}

/// Waits until both turns of a session ended.
async fn ended(bench: &Bench, drovers: &Drovers, path: &str, number: usize) -> Result<()> {
    let state = async || {
        let queue = drovers.get(&format!("{path}/queue")).await?;
        let session = drovers.get(path).await?;
        let said = said(&drovers.get(&format!("{path}/messages")).await?)?;
        anyhow::Ok((queue, session, said))
    };
    let ends = until("an end of both turns", async || {
        let (queue, session, said) = state().await?;
        let waits = queue["prompts"]
            .as_array()
            .is_none_or(|all| !all.is_empty());
        let idle = session["status"]["type"] == "idle" && !waits;
        let last = said.last().map(|(_, (_, text))| text.trim());
        let is_last = last.is_some_and(|text| text.ends_with(&format!("second {number}")));
        Ok((idle && is_last).then_some(()))
    });
    let Err(error) = ends.await else {
        return Ok(());
    };
    let id = path.rsplit('/').next().unwrap_or_default();
    let log = std::fs::read_to_string(bench.path("log"))?;
    let log: Vec<_> = log.lines().filter(|line| line.contains(id)).collect();
    Err(error.context(format!("{number}: {:?}; {log:?}", state().await?)))
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: twenty turns from their beginning to what is left of them.
async fn a_kill_in_the_middle_of_twenty_turns_loses_and_doubles_nothing() -> Result<()> {
    let bench = Bench::new().await?;
    let (mut drovers, instance) = keeping(&bench).await?;
    let sessions = format!("/api/instances/{instance}/sessions");
    let (hub, all) = (&drovers, &sessions);
    let begun = (0..SESSIONS).map(|number| async move {
        let made = post(hub, all, json!({})).await?;
        let id = made["id"].as_str().context("an id")?.to_owned();
        let path = format!("{all}/{id}");
        let first =
            json!({"text": format!("echo {} rate=25 ;; say first {number}", 60 + 8 * number)});
        post(hub, &format!("{path}/prompt"), first).await?;
        let second = json!({"text": format!("echo 20 ;; say second {number}")});
        post(hub, &format!("{path}/queue"), second).await?;
        anyhow::Ok((id, number))
    });
    let ids: BTreeMap<String, usize> = try_join_all(begun).await?.into_iter().collect();
    assert_eq!(ids.len(), SESSIONS);
    until("an answer that grows", async || {
        let id = ids.keys().next().context("a session")?;
        let said = shown(&drovers, &instance, id).await?;
        let grows = said
            .iter()
            .any(|(_, (role, text))| role == "assistant" && text.len() > 20);
        Ok(grows.then_some(()))
    })
    .await?;
    let server = servers(&bench)[0].id;
    drovers.signal(Signal::SIGKILL)?;
    assert_eq!(drovers.ended().await?, None);

    let (drovers, again) = keeping(&bench).await?;
    assert_eq!(again, instance);
    assert_eq!(servers(&bench)[0].id, server, "the same process");
    for (id, number) in &ids {
        let path = format!("{sessions}/{id}");
        ended(&bench, &drovers, &path, *number).await?;
        let truth = agrees(&bench, &drovers, &instance, id).await?;
        let texts = |wanted: &str| -> Vec<&str> {
            let of = truth.iter().filter(|(_, (role, _))| role == wanted);
            of.map(|(_, (_, text))| text.as_str()).collect()
        };
        let prompts = texts("user");
        ensure!(
            prompts.len() == 2
                && prompts[0].ends_with(&format!("first {number}"))
                && prompts[1].ends_with(&format!("second {number}")),
            "{prompts:?}"
        );
        for last in ["first", "second"] {
            let wanted = format!("{last} {number}");
            let answers = texts("assistant");
            let ends = answers.iter().filter(|text| text.trim().ends_with(&wanted));
            let count = ends.count();
            ensure!(count == 1, "{wanted} is there {count} times: {answers:?}");
        }
    }
    command(&bench, &["down"]).await?;
    until("an end of the servers", async || {
        Ok(servers(&bench).is_empty().then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_person_restarts_a_server_after_a_confirmation_where_a_turn_runs() -> Result<()> {
    let bench = Bench::new().await?;
    let (drovers, instance) = Drovers::in_folder(&bench).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    prompt(&page, "echo 2000 rate=20").await?;
    page.wait_for(&format!("{ANSWERS}.length > 20"), PATIENCE)
        .await?;
    let server = servers(&bench)[0].id;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press(":").await?;
    page.wait_for("document.querySelector('#palette').open", PATIENCE)
        .await?;
    page.write("Restart the server").await?;
    page.wait_for(
        "document.querySelector('#found [aria-selected=true]')?.innerText.includes('Restart the server')",
        PATIENCE,
    )
    .await?;
    page.press("Enter").await?;
    page.wait_for("document.querySelector('#confirm').open", PATIENCE)
        .await?;
    let words: String = page
        .eval("document.querySelector('#confirm').innerText")
        .await?;
    assert!(words.contains("1 session works there"), "{words}");
    assert_eq!(servers(&bench)[0].id, server);
    press_card(&page, "#confirm button[value=yes]").await?;
    until("another server", async || {
        let now = servers(&bench);
        Ok((now.len() == 1 && now[0].id != server).then_some(()))
    })
    .await?;
    page.wait_for(
        "document.querySelector('[data-link=connected]') && document.querySelector('article[data-status=interrupted]')",
        PATIENCE,
    )
    .await?;
    // Nothing runs now: the dialog of the server restarts it at once.
    let server = servers(&bench)[0].id;
    page.press("g").await?;
    page.press("s").await?;
    let asked =
        "document.querySelector('#process[open] .quiet')?.innerText.includes('as a person asked')";
    page.wait_for(asked, PATIENCE).await?;
    page.click("#process .restarts").await?;
    until("another server", async || {
        let now = servers(&bench);
        Ok((now.len() == 1 && now[0].id != server).then_some(()))
    })
    .await?;
    page.wait_for(
        "/started again/.test(document.querySelector('#process pre').innerText)",
        PATIENCE,
    )
    .await?;
    page.press("Escape").await?;
    page.assert_clean_but(&["status of 409"]).await
}
