//! Cards of tool calls of the real OpenCode: what a person asks of each, closed in one line and open in full.

use std::fs;

use anyhow::{Context, Result, ensure};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use serde_json::{Value, json};
use testkit::chromium::{Chromium, Page};
use testkit::real::RealServer;

use crate::bench::{Bench, Drovers, PATIENCE, created, page, run, until};

/// A picture of one dark point.
const POINT: &[u8] = b"GIF89a\x01\0\x01\0\x80\0\0\0\0\0\xff\xff\xff!\xf9\x04\0\0\0\0\0,\0\0\0\0\x01\0\x01\0\0\x02\x02D\x01\0;";

/// The same, as JSON carries it.
const POINT_BASE64: &str = "R0lGODlhAQABAIAAAAAAAP///yH5BAAAAAAALAAAAAABAAEAAAICRAEAOw==";

/// A web page, and a server of tools that gives back a text, a picture and a resource.
async fn web() -> Result<String> {
    let page = || async {
        (
            [("content-type", "text/html")],
            "<title>A page</title><h1>Hello</h1><script>alert(1)</script>",
        )
    };
    let router = Router::new().route("/page", get(page)).route(
        "/mcp",
        post(mcp).get(async || StatusCode::METHOD_NOT_ALLOWED),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let address = listener.local_addr()?;
    tokio::spawn(async move { axum::serve(listener, router).await });
    Ok(format!("http://{address}"))
}

/// The Model Context Protocol, as far as OpenCode asks for it.
async fn mcp(Json(asked): Json<Value>) -> Response {
    let result = match asked["method"].as_str().unwrap_or_default() {
        "initialize" => json!({
            "protocolVersion": asked["params"]["protocolVersion"], "capabilities": {"tools": {}},
            "serverInfo": {"name": "lab", "version": "1"},
        }),
        "tools/list" => json!({"tools": [{
            "name": "look", "description": "Looks",
            "inputSchema": {"type": "object", "properties": {"place": {"type": "string"}, "times": {"type": "number"}}},
        }]}),
        "tools/call" => json!({"content": [
            {"type": "text", "text": "seen <b>it</b>"},
            {"type": "image", "mimeType": "image/gif", "data": POINT_BASE64},
            {"type": "resource", "resource": {"uri": "lab://notes", "mimeType": "text/plain", "text": "a note of the lab"}},
        ]}),
        method if method.starts_with("notifications/") => {
            return StatusCode::ACCEPTED.into_response();
        }
        _ => json!({}),
    };
    Json(json!({"jsonrpc": "2.0", "id": asked["id"], "result": result})).into_response()
}

/// A server that knows the tools of the web server, and a skill.
async fn server(bench: &Bench, web: &str) -> Result<RealServer> {
    let mut server = bench.server("proj").await?;
    let config = bench.path("home").join("opencode.json");
    let mut settings: Value = serde_json::from_slice(&fs::read(&config)?)?;
    settings["mcp"] =
        json!({"lab": {"type": "remote", "url": format!("{web}/mcp"), "enabled": true}});
    settings["permission"] = json!({"*": "allow"});
    fs::write(&config, settings.to_string())?;
    let skill = bench.path("home/.xdg/config/opencode/skill/weigh");
    fs::create_dir_all(&skill)?;
    fs::write(
        skill.join("SKILL.md"),
        "---\nname: weigh\ndescription: How to weigh things.\n---\nPut it on the scale.\n",
    )?;
    server.restart().await?;
    Ok(server)
}

/// Runs a prompt to its end, and returns the text of the last tool's card: its line, and all of it.
async fn card(
    page: &Page,
    server: &RealServer,
    session: &str,
    nth: usize,
    script: &str,
) -> Result<(String, String)> {
    run(server, session, script).await?;
    let card = format!("document.querySelectorAll('#log .tool')[{nth}]");
    page.wait_for(
        &format!("['completed', 'error'].includes({card}?.dataset.status)"),
        PATIENCE,
    )
    .await
    .with_context(|| script.to_owned())?;
    let line = page
        .eval(&format!("{card}.querySelector('summary').innerText"))
        .await?;
    page.eval::<bool>(&format!("({card}.open = true)")).await?;
    let all = page.eval(&format!("{card}.innerText")).await?;
    let url = format!("{}/session/status", server.url);
    until("the end of the turn", async || {
        let status: Value = reqwest::get(&url).await?.json().await?;
        Ok(status.get(session).is_none().then_some(()))
    })
    .await?;
    Ok((line, all))
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one session, and a call of each tool.
async fn each_tool_shows_what_a_person_asks_of_it() -> Result<()> {
    let bench = Bench::new().await?;
    let web = web().await?;
    let server = server(&bench, &web).await?;
    let folder = bench.path("proj");
    fs::create_dir_all(folder.join("src"))?;
    fs::write(
        folder.join("src/sum.rs"),
        "fn sum(a: u32) -> u32 {\n    a\n}\n",
    )?;
    fs::write(folder.join("point.gif"), POINT)?;
    fs::write(folder.join("paper.pdf"), "%PDF-1.4\n%%EOF\n")?;
    let drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    let session = created(&server, &json!({"title": "Tools"})).await?;
    let path = drovers.path_of(&instance, &session).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &path).await?;
    let at = folder.to_string_lossy().into_owned();
    let steps: Vec<(String, Vec<&str>, Vec<&str>)> = vec![
        (
            format!(
                "tool bash {{\"command\": \"seq 1 5000; exit 3\", \"description\": \"Counts\", \"workdir\": \"{at}/src\"}}"
            ),
            vec!["bash", "Exit code 3"],
            vec!["seq 1 5000", "/src", "5000", "output truncated"],
        ),
        (
            "read src/sum.rs".into(),
            vec!["read", "sum.rs"],
            vec!["fn sum(a: u32)"],
        ),
        (
            "write src/new.rs fn new() {}".into(),
            vec!["write", "new.rs"],
            vec!["fn new()"],
        ),
        (
            "edit src/sum.rs u32 => u64".into(),
            vec!["edit", "sum.rs"],
            vec![],
        ),
        (
            format!(
                "tool edit {{\"filePath\": \"{at}/src/sum.rs\", \"oldString\": \"    a\", \"newString\": \"    a + 1\"}}"
            ),
            vec!["edit", "sum.rs", "+1", "−1"],
            vec!["a + 1", "@@"],
        ),
        // These fail where OpenCode cannot fetch ripgrep: what they find is tested where it is drawn.
        ("grep sum".into(), vec!["grep", "sum"], vec!["pattern"]),
        (
            "glob **/*.rs".into(),
            vec!["glob", "**/*.rs"],
            vec!["pattern"],
        ),
        (
            format!("tool webfetch {{\"url\": \"{web}/page\", \"format\": \"text\"}}"),
            vec!["webfetch", "/page"],
            vec!["Hello"],
        ),
        (
            "todo +Measure, >Fix it, Prove it".into(),
            vec!["todo"],
            vec!["Measure", "Fix it", "Prove it"],
        ),
        (
            "tool skill {\"name\": \"weigh\"}".into(),
            vec!["skill", "weigh"],
            vec!["weigh"],
        ),
        (
            "tool lab_look {\"place\": \"the <b>yard</b>\", \"times\": 2}".into(),
            vec!["lab_look"],
            vec![
                "place",
                "the <b>yard</b>",
                "times",
                "2",
                "seen <b>it</b>",
                "a note of the lab",
            ],
        ),
        (
            format!("tool read {{\"filePath\": \"{at}/point.gif\"}}"),
            vec!["read", "point.gif"],
            vec![],
        ),
        (
            format!("tool read {{\"filePath\": \"{at}/paper.pdf\"}}"),
            vec!["read", "paper.pdf"],
            vec!["application/pdf"],
        ),
        (
            "tool nothing_like_that {\"a\": 1}".into(),
            vec!["nothing_like_that", "Failed"],
            vec!["unavailable tool"],
        ),
        (
            "tool read {\"filePath\": \"/nowhere/at/all\"}".into(),
            vec!["read"],
            vec![],
        ),
    ];
    let mut wrong = Vec::new();
    for (nth, (script, in_line, in_all)) in steps.iter().enumerate() {
        let (line, all) = card(&page, &server, &session, nth, script).await?;
        for wanted in in_line.iter().filter(|wanted| !line.contains(**wanted)) {
            wrong.push(format!("{script}: the line lacks {wanted}: {line:?}"));
        }
        for wanted in in_all.iter().filter(|wanted| !all.contains(**wanted)) {
            wrong.push(format!("{script}: the card lacks {wanted}: {all:?}"));
        }
    }
    if let Some(to) = std::env::var_os("PICTURES") {
        for (nth, place) in [
            "0",
            "document.querySelector('#log').scrollHeight / 2",
            "1e9",
        ]
        .into_iter()
        .enumerate()
        {
            page.eval::<bool>(&format!(
                "(document.querySelector('#log').scrollTop = {place}, true)"
            ))
            .await?;
            let picture = std::path::Path::new(&to).join(format!("tools-{nth}.png"));
            page.screenshot(&picture).await?;
        }
    }
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    // A picture is one of its message alone, and is shown whole by a press.
    let pictures: Vec<String> = page
        .eval("[...document.querySelectorAll('#log .tool img')].map(image => new URL(image.src).pathname)")
        .await?;
    ensure!(
        pictures.len() == 2 && pictures.iter().all(|one| one.starts_with("/api/")),
        "{pictures:?}"
    );
    ensure!(page.eval::<bool>("[...document.querySelectorAll('#log .tool img')].every(image => image.complete && image.naturalWidth === 1)").await?);
    // A paper can be stored, and is not opened in the page.
    let kept: String = page
        .eval("fetch(document.querySelector('#log .tool a[download]').href).then(answer => `${answer.headers.get('content-type')} ${answer.headers.get('content-disposition')}`)")
        .await?;
    ensure!(kept == "application/pdf attachment", "{kept}");
    // One list of what is to be done, not two.
    let lists: usize = page
        .eval("[...document.querySelectorAll('#log .tool')].filter(one => one.innerText.includes('Prove it'))[0].innerText.split('Prove it').length - 1")
        .await?;
    ensure!(lists == 1, "{lists} lists");
    ensure!(
        !page
            .eval::<bool>(
                "document.querySelector('#log .tool :is(b, script):not(pre b, code b)') !== null"
            )
            .await?
    );
    page.assert_clean().await
}
