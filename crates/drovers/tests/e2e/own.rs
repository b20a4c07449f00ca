//! A folder of the person's own: the hub runs its server, keeps its secret, and leaves nothing behind.

use std::fs;

use anyhow::{Context, Result, ensure};
use futures_util::StreamExt;
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use testkit::chromium::Chromium;
use tokio::process::Command;
use tokio::time::timeout;

use crate::bench::{Bench, Drovers, LAST_TEXT, PATIENCE, page, prompt, until};
use crate::census::{self, Process};
use crate::consent::press_card;

/// A hub with a folder whose server is connected, the instance, and the server's processes.
async fn with_folder(bench: &Bench) -> Result<(Drovers, String, Vec<Process>)> {
    let (drovers, instance) = Drovers::in_folder(bench).await?;
    let mut processes = census::of_home(&bench.path("home"));
    processes.retain(Process::is_server);
    ensure!(!processes.is_empty(), "a server runs");
    Ok((drovers, instance, processes))
}

async fn nothing_is_left(bench: &Bench) -> Result<()> {
    until("an end of all processes", async || {
        let left = census::of_home(&bench.path("home"));
        Ok(left.is_empty().then_some(()))
    })
    .await
}

/// What a path answers; of a feed without end what comes until the text is in it.
async fn answer(drovers: &Drovers, path: &str, last: &str) -> Result<String> {
    let response = reqwest::get(format!("{}{path}", drovers.url)).await?;
    let mut told = format!("{:?}", response.headers());
    let mut body = response.error_for_status()?.bytes_stream();
    let read = async {
        while let Some(chunk) = body.next().await {
            told.push_str(&String::from_utf8_lossy(&chunk?));
            if !last.is_empty() && told.contains(last) {
                break;
            }
        }
        anyhow::Ok(())
    };
    timeout(PATIENCE, read).await.context(path.to_owned())??;
    Ok(told)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_streams_from_a_server_whose_password_nobody_sees() -> Result<()> {
    let bench = Bench::new().await?;
    let (mut drovers, instance, servers) = with_folder(&bench).await?;
    let secret = servers[0].variable("OPENCODE_SERVER_PASSWORD");
    let secret = secret.context("the server has a password")?.to_owned();
    assert!(secret.len() >= 32, "a long one");

    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    prompt(
        &page,
        "say a b c d e f g h ;; bash echo seen ;; say all good",
    )
    .await?;
    page.wait_for(&format!("{LAST_TEXT} === 'all good'"), PATIENCE)
        .await?;
    let session: String = page.eval("location.pathname.split('/s/')[1]").await?;

    for process in census::all() {
        let shown = process.arguments.join(" ");
        assert!(!shown.contains(&secret), "process {} shows it", process.id);
    }
    let here = format!("/api/instances/{instance}");
    for (path, last) in [
        ("/api/instances".to_owned(), ""),
        (here.clone(), ""),
        (format!("{here}/sessions"), ""),
        (format!("{here}/sessions/{session}/messages"), ""),
        ("/api/health".to_owned(), ""),
        ("/api/log".to_owned(), "message.part.delta"),
        (format!("/i/{instance}/s/{session}"), ""),
    ] {
        let told = answer(&drovers, &path, last).await?;
        assert!(!told.contains(&secret), "{path} tells it");
    }
    let document: String = page.eval("document.documentElement.outerHTML").await?;
    assert!(!document.contains(&secret));
    page.assert_clean().await?;

    drovers.signal(Signal::SIGTERM)?;
    assert_eq!(drovers.ended().await?, Some(0));
    let mut left = census::of_home(&bench.path("home"));
    left.retain(Process::is_server);
    assert!(left.is_empty(), "it ends after its servers: {left:?}");
    // The guard of a server reports the end of all that it guards, and then ends as well.
    nothing_is_left(&bench).await?;
    let log = fs::read_to_string(bench.path("log"))?;
    assert!(!log.is_empty() && !log.contains(&secret), "{log}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_hub_leaves_no_process() -> Result<()> {
    let bench = Bench::new().await?;
    let (mut drovers, _, _) = with_folder(&bench).await?;
    drovers.signal(Signal::SIGKILL)?;
    assert_eq!(drovers.ended().await?, None);
    nothing_is_left(&bench).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removed_instance_loses_its_tab_and_its_server() -> Result<()> {
    let bench = Bench::new().await?;
    let (drovers, instance, servers) = with_folder(&bench).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    prompt(&page, "echo 2000 rate=20").await?;
    page.wait_for(
        "document.querySelector('[data-k=tabs] button[data-ask*=\"is working\"]') && document.querySelector('article .text')",
        PATIENCE,
    )
    .await?;
    page.click("[data-k=tabs] button[data-do=remove]").await?;
    page.wait_for("document.querySelector('#confirm').open", PATIENCE)
        .await?;
    let words: String = page
        .eval("document.querySelector('#confirm').innerText")
        .await?;
    assert!(
        words.contains("proj") && words.contains("1 session"),
        "{words}"
    );
    press_card(&page, "#confirm button[value=yes]").await?;
    page.wait_for(
        "location.pathname === '/' && !document.querySelector('[data-k=tabs] li')",
        PATIENCE,
    )
    .await?;
    until("an end of the server", async || {
        let left = census::of_home(&bench.path("home"));
        let server = |process: &Process| servers.iter().any(|server| server.id == process.id);
        Ok((!left
            .iter()
            .any(|process| server(process) || process.is_server()))
        .then_some(()))
    })
    .await?;
    let instances = drovers.get("/api/instances").await?;
    assert_eq!(instances.as_array().map(Vec::len), Some(0));
    // The page may ask once more for what was in front of it, and be told that it is gone.
    page.assert_clean_but(&["status of 404"]).await
}

/// A hub whose servers outlive it, with a folder whose server is connected; and the instance.
pub(crate) async fn keeping(bench: &Bench) -> Result<(Drovers, String)> {
    let mut command = bench.drovers_in("proj", &bench.path("log")).await?;
    command.arg("--keep-servers");
    let drovers = Drovers::of(command).await?;
    let instance = drovers
        .instance(|instance| instance["status"] == "connected")
        .await?;
    Ok((drovers, instance))
}

/// The servers that run.
pub(crate) fn servers(bench: &Bench) -> Vec<Process> {
    let mut all = census::of_home(&bench.path("home"));
    all.retain(Process::is_server);
    all
}

/// A new session with a prompt.
async fn begun(drovers: &Drovers, sessions: &str, text: &str) -> Result<String> {
    let post = async |path: &str, body: Value| {
        let url = format!("{}{path}", drovers.url);
        let answer = reqwest::Client::new().post(url).json(&body).send().await?;
        anyhow::Ok(answer.error_for_status()?.json::<Value>().await?)
    };
    let made = post(sessions, json!({})).await?;
    let id = made["id"].as_str().context("an id")?.to_owned();
    post(&format!("{sessions}/{id}/prompt"), json!({ "text": text })).await?;
    Ok(id)
}

/// Waits until two sessions are in these states, and fails if one is interrupted.
async fn reach(
    drovers: &Drovers,
    sessions: &str,
    [one, other]: [&str; 2],
    wanted: [&str; 2],
) -> Result<()> {
    let state = async |session: &str| {
        let one = drovers.get(&format!("{sessions}/{session}")).await?;
        anyhow::Ok(one["mark"]["state"].as_str().unwrap_or_default().to_owned())
    };
    until(&format!("{wanted:?}"), async || {
        let now = [state(one).await?, state(other).await?];
        ensure!(!now.iter().any(|state| state == "interrupted"), "{now:?}");
        Ok((now == wanted).then_some(()))
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn turns_go_on_while_the_hub_is_killed_and_replaced() -> Result<()> {
    let bench = Bench::new().await?;
    let (mut drovers, instance) = keeping(&bench).await?;
    let sessions = format!("/api/instances/{instance}/sessions");
    // One turn ends while no hub is there; the other asks, and goes on waiting.
    let ends = begun(&drovers, &sessions, "echo 200 rate=40 ;; say over").await?;
    let asks = begun(&drovers, &sessions, "permission ;; say allowed").await?;
    let both = [ends.as_str(), asks.as_str()];
    reach(&drovers, &sessions, both, ["working", "needs_you"]).await?;
    let ids = |all: &[Process]| all.iter().map(|one| one.id).collect::<Vec<_>>();
    let before = ids(&servers(&bench));
    drovers.signal(Signal::SIGKILL)?;
    drovers.ended().await?;

    let (mut drovers, again) = keeping(&bench).await?;
    assert_eq!(again, instance);
    assert_eq!(ids(&servers(&bench)), before, "the same process");
    reach(&drovers, &sessions, both, ["to_review", "needs_you"]).await?;
    drovers.signal(Signal::SIGTERM)?;
    assert_eq!(drovers.ended().await?, Some(0));
    assert_eq!(ids(&servers(&bench)), before, "it goes on");

    // A hub that ends its servers ends what it found.
    let mut last = Drovers::of(bench.drovers_in("proj", &bench.path("log")).await?).await?;
    last.instance(|instance| instance["status"] == "connected")
        .await?;
    last.signal(Signal::SIGTERM)?;
    assert_eq!(last.ended().await?, Some(0));
    nothing_is_left(&bench).await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_output_of_a_server_is_shown_and_goes_on_after_its_end() -> Result<()> {
    let bench = Bench::new().await?;
    let (drovers, instance, servers) = with_folder(&bench).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press("g").await?;
    page.press("s").await?;
    let output = "document.querySelector('#process[open] pre')";
    page.wait_for(
        &format!(
            "{output}?.innerText.includes('listening on') && document.activeElement === {output}"
        ),
        PATIENCE,
    )
    .await?;
    let state = "document.querySelector('#process .state').innerText";
    let shown: String = page.eval(state).await?;
    ensure!(
        shown.contains("OpenCode 1.18")
            && shown.contains(" MB of memory")
            && shown.contains("process "),
        "{shown}"
    );
    let pid: i32 = shown
        .split("process ")
        .nth(1)
        .and_then(|rest| rest.split(' ').next())
        .context("a process id")?
        .parse()?;
    ensure!(
        servers
            .iter()
            .any(|server| i64::from(server.id) == i64::from(pid))
    );
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGKILL)?;
    page.wait_for(
        &format!("{state}.includes('ended by itself 1 time')"),
        PATIENCE,
    )
    .await?;
    page.wait_for(
        &format!("/started again[^]*listening on/.test({output}.innerText)"),
        PATIENCE,
    )
    .await?;
    // The same from a terminal.
    let mut command = Command::new(env!("CARGO_BIN_EXE_drovers"));
    command
        .args(["logs", &instance, "--data-dir"])
        .arg(bench.path("data"));
    let printed = command.output().await?;
    let lines = String::from_utf8_lossy(&printed.stdout);
    ensure!(lines.contains("listening on"), "{printed:?}");
    page.press("Escape").await?;
    page.wait_for("!document.querySelector('#process[open]')", PATIENCE)
        .await?;
    page.assert_clean().await
}
