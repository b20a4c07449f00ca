//! One prompt to several models and agents, side by side: from the dialog, compared, kept, undone; and by the command line.

use anyhow::{Result, ensure};
use serde_json::Value;
use testkit::chromium::Viewport;

use crate::bench::{Front, PATIENCE, Stage, page};
use crate::consent::{A_WHILE, pause};

/// The texts of all answers, one for each run.
const ANSWERS: &str =
    "[...document.querySelectorAll('.run .answer')].map(one => one.innerText.trim())";

/// Times at which sessions of a server were archived, oldest session first.
async fn archived(front: &Front) -> Result<Vec<bool>> {
    let mut all: Vec<Value> = Vec::new();
    for id in front.page.eval::<Vec<String>>(SESSIONS).await? {
        let url = format!("{}/session/{id}", front.server.url);
        all.push(reqwest::get(url).await?.json().await?);
    }
    let is = |session: &Value| {
        session["time"]["archived"]
            .as_f64()
            .is_some_and(|at| at > 0.0)
    };
    Ok(all.iter().map(is).collect())
}

/// Ids of the runs' sessions.
const SESSIONS: &str =
    "[...document.querySelectorAll('.run h3 a')].map(link => link.pathname.split('/s/')[1])";

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk from the prompt to the run that is kept.
async fn two_models_answer_side_by_side_and_one_is_kept() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &front.page;
    page.wait_for(
        "document.querySelector('#prompt [data-do=parallel]')",
        PATIENCE,
    )
    .await?;
    page.fill("#text", "bash true ;; say found it").await?;
    page.click("#prompt [data-do=parallel]").await?;
    page.wait_for(
        "document.querySelector('#parallel[open] [value=plan]')",
        PATIENCE,
    )
    .await?;
    let (text, agent): (String, bool) = page
        .eval("[document.querySelector('#parallel textarea').value, document.querySelector('#parallel [value=plan]').checked]")
        .await?;
    assert_eq!((&*text, agent), ("bash true ;; say found it", true));
    let start = "document.querySelector('#parallel button.main').textContent";
    page.eval::<bool>("(document.querySelectorAll('#parallel [name=model]').forEach(box => box.checked = false), true)")
        .await?;
    for model in ["scripted/scripted-small", "scripted/scripted-tiny"] {
        page.click(&format!("#parallel [value='{model}']")).await?;
    }
    page.wait_for(&format!("{start} === 'Start 2 runs'"), PATIENCE)
        .await?;
    page.click("#parallel button.main").await?;
    page.wait_for("location.pathname.includes('/parallel/par_')", PATIENCE)
        .await?;
    page.wait_for(
        &format!("{ANSWERS}.length === 2 && {ANSWERS}.every(one => one.includes('found it'))"),
        PATIENCE,
    )
    .await?;
    let head: String = page
        .eval("document.querySelector('.parallel-head').innerText")
        .await?;
    ensure!(
        head.contains("2 runs: bash true ;; say found it")
            && head.contains("All runs work in one folder")
            && head.contains("plan changes no files"),
        "{head}"
    );
    let names: Vec<String> = page
        .eval("[...document.querySelectorAll('.run h3 a')].map(link => link.textContent)")
        .await?;
    assert_eq!(names, ["Scripted Small · plan", "Scripted Tiny · plan"]);
    // Time, tokens and cost are there once a run ended.
    page.wait_for(
        "[...document.querySelectorAll('.run .facts')].every(one => /\\d+ s · .* tokens · \\$\\d/.test(one.innerText))",
        PATIENCE,
    )
    .await?;
    // Digits put the focus on a run, and K keeps it.
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    page.press("2").await?;
    page.wait_for(
        "document.activeElement.closest('.run')?.dataset.run === '2'",
        PATIENCE,
    )
    .await?;
    pause(page, A_WHILE).await?;
    page.press("K").await?;
    page.wait_for(
        "document.querySelector('.parallel-head').innerText.includes('Kept: Scripted Tiny · plan. The others are archived.')",
        PATIENCE,
    )
    .await?;
    assert_eq!(archived(&front).await?, [true, false]);
    page.click("#undos button").await?;
    page.wait_for(
        "document.querySelectorAll('.run [data-do=keep]').length === 2",
        PATIENCE,
    )
    .await?;
    assert_eq!(archived(&front).await?, [false, false]);
    // Enter opens the session of the run; its title leads back, and a reload shows the same.
    page.press("1").await?;
    page.wait_for(
        "document.activeElement.closest('.run')?.dataset.run === '1'",
        PATIENCE,
    )
    .await?;
    page.press("Enter").await?;
    page.wait_for(
        "location.pathname.includes('/s/') && document.querySelector('.head a[href*=\"/parallel/\"]')?.innerText === 'One of 2 runs: compare'",
        PATIENCE,
    )
    .await?;
    page.click(".head a[href*='/parallel/']").await?;
    page.wait_for(&format!("{ANSWERS}.length === 2"), PATIENCE)
        .await?;
    page.eval::<bool>("location.reload() ?? true").await?;
    page.wait_for(
        &format!("{ANSWERS}.length === 2 && {ANSWERS}.every(one => one.includes('found it'))"),
        PATIENCE,
    )
    .await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn runs_are_live_with_their_changed_files_and_one_at_a_time_on_a_phone() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &front.page;
    let instance: String = page
        .eval("document.documentElement.dataset.instance")
        .await?;
    let body = serde_json::json!({
        "prompt": { "text": "write notes.txt one\\ntwo ;; bash sleep 600" },
        "runs": [{ "agent": "build" }, { "agent": "build", "model": { "providerID": "scripted", "modelID": "scripted-small" } }],
    });
    let url = format!("{}/api/instances/{instance}/parallel", front.drovers.url);
    let started = reqwest::Client::new().post(url).json(&body).send().await?;
    let started: Value = started.error_for_status()?.json().await?;
    let path = format!("/i/{instance}/parallel/{}", started["id"].as_str().unwrap());
    page.viewport(Viewport::PHONE).await?;
    page.goto(&format!("{}{path}", front.drovers.url)).await?;
    let both = "[...document.querySelectorAll('.run')]";
    page.wait_for(
        &format!("{both}.length === 2 && {both}.every(run => /sleep 600.*\\d+ s/.test(run.querySelector('.doing').innerText))"),
        PATIENCE,
    )
    .await?;
    page.wait_for(
        &format!("{both}.some(run => /notes.txt\\s+.*\\+2 −0/.test(run.querySelector('.changed')?.textContent))"),
        PATIENCE,
    )
    .await?;
    let head: String = page
        .eval("document.querySelector('.parallel-head').innerText")
        .await?;
    ensure!(head.contains("write over each other"), "{head}");
    // One run is as wide as the screen, and a swipe leads to the next.
    page.wait_for(
        "(runs => runs.scrollWidth === 2 * runs.clientWidth && runs.clientWidth === innerWidth)(document.querySelector('.runs'))",
        PATIENCE,
    )
    .await?;
    let top = "document.querySelector('.run [data-do=keep]')";
    page.wait_for(
        &format!("{top}.getBoundingClientRect().height >= 44"),
        PATIENCE,
    )
    .await?;
    page.click(".run [data-do=keep]").await?;
    page.wait_for(
        "document.querySelector('.parallel-head').innerText.includes('The others are archived.')",
        PATIENCE,
    )
    .await?;
    assert_eq!(archived(&front).await?, [false, true]);
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_command_line_runs_in_parallel_and_waits() -> Result<()> {
    let stage = Stage::begin().await?;
    let Stage {
        bench,
        drovers,
        instance,
        browser,
        ..
    } = &stage;
    let run = async |args: &[&str]| {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_drovers"));
        command
            .args(args)
            .env("DROVERS_DATA_DIR", bench.path("data"));
        let done = tokio::time::timeout(PATIENCE, command.output()).await??;
        ensure!(done.status.success(), "{args:?}: {done:?}");
        Ok(String::from_utf8(done.stdout)?)
    };
    let models = [
        "--model",
        "scripted/scripted-1",
        "--model",
        "scripted/scripted-small",
    ];
    let begin = ["parallel", "--on", instance, "say by each"];
    let args: Vec<&str> = begin.into_iter().chain(models).collect();
    let waiting: Vec<&str> = args.iter().copied().chain(["--wait", "--json"]).collect();
    let told: Value = serde_json::from_str(&run(&waiting).await?)?;
    let runs = told["runs"].as_array().unwrap();
    assert_eq!(runs.len(), 2);
    for one in runs {
        assert_eq!(one["agent"], "plan");
        assert_eq!(
            (&one["outcome"], &one["text"]),
            (&"answered".into(), &"by each".into())
        );
    }
    let printed = run(&args).await?;
    ensure!(
        printed.lines().count() == 2 && printed.contains("scripted/scripted-small · plan: started"),
        "{printed}"
    );
    let id = told["id"].as_str().unwrap();
    let mut page = page(browser, drovers, &format!("/i/{instance}/parallel/{id}")).await?;
    page.wait_for(
        &format!("{ANSWERS}.length === 2 && {ANSWERS}.every(one => one.includes('by each'))"),
        PATIENCE,
    )
    .await?;
    page.assert_clean().await
}
