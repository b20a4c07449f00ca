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
    shown_card(page, server, session, nth, script).await
}

/// The text of a tool's card once its turn has ended: its line, and all of it.
async fn shown_card(
    page: &Page,
    server: &RealServer,
    session: &str,
    nth: usize,
    script: &str,
) -> Result<(String, String)> {
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
        // Without ripgrep, which OpenCode cannot fetch here, these fail; the next test has it.
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

/// A language server that finds one fault in each file.
const LANGUAGE_SERVER: &str = r#"
let buffer = Buffer.alloc(0);
const send = (message) => {
  const body = JSON.stringify({ jsonrpc: "2.0", ...message });
  process.stdout.write(`Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`);
};
const range = { start: { line: 0, character: 0 }, end: { line: 0, character: 6 } };
const take = ({ id, method, params }) => {
  if (method === "initialize") send({ id, result: { capabilities: { textDocumentSync: 1 } } });
  else if (/^textDocument.did(Open|Change)$/.test(method)) {
    const diagnostics = [{ severity: 1, message: "wobble is <b>not</b> defined", range }];
    send({ method: "textDocument/publishDiagnostics", params: { uri: params.textDocument.uri, diagnostics } });
  } else if (id !== undefined && method) send({ id, result: null });
};
process.stdin.on("data", (bytes) => {
  buffer = Buffer.concat([buffer, bytes]);
  for (;;) {
    const head = buffer.indexOf("\r\n\r\n");
    const length = Number(/Content-Length: (\d+)/i.exec(buffer.toString("latin1", 0, Math.max(head, 0)))?.[1]);
    if (head < 0 || buffer.length < head + 4 + length) return;
    const message = buffer.toString("utf8", head + 4, head + 4 + length);
    buffer = buffer.subarray(head + 4 + length);
    take(JSON.parse(message));
  }
});
"#;

/// A server with ripgrep, a language server for `.toy` files, and a model that OpenCode gives patches to instead of edits.
async fn equipped(bench: &Bench, web: &str) -> Result<RealServer> {
    let mut server = server(bench, web).await?;
    let rg = tokio::task::spawn_blocking(testkit::ripgrep::binary).await??;
    let programs = bench.path("home/.xdg/cache/opencode/bin");
    fs::create_dir_all(&programs)?;
    fs::copy(rg, programs.join("rg"))?;
    let script = bench.path("language-server.js");
    fs::write(&script, LANGUAGE_SERVER)?;
    let config = bench.path("home").join("opencode.json");
    let mut settings: Value = serde_json::from_slice(&fs::read(&config)?)?;
    settings["lsp"] = json!({"lab": {"command": ["node", script], "extensions": [".toy"]}});
    let models = &mut settings["provider"]["scripted"]["models"];
    models["gpt-scripted"] = models["scripted-1"].clone();
    fs::write(&config, settings.to_string())?;
    server.restart().await?;
    Ok(server)
}

/// Answers the question of a session once it is asked.
async fn answer_when_asked(server: &RealServer, answer: &str) -> Result<()> {
    let id = until("a question", async || {
        let url = format!("{}/question", server.url);
        let asked: Value = reqwest::get(url).await?.json().await?;
        Ok(asked[0]["id"].as_str().map(str::to_owned))
    })
    .await?;
    let url = format!("{}/question/{id}/reply", server.url);
    let body = json!({"answers": [[answer]]});
    let replied = reqwest::Client::new().post(url).json(&body).send().await?;
    replied.error_for_status()?;
    Ok(())
}

/// OpenCode 1.18.33 has no `multiedit` and no `list`. It offers `websearch` for its own provider alone, or where a variable of its
/// environment turns it on, and then asks a service on the network; `apply_patch` in place of `edit` and `write` for some models;
/// and a tool `lsp` where a variable turns it on. What their cards show is tested where they are drawn; that OpenCode does not offer
/// them here is held, so that this test is looked at again when it does.
#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one session, and a call of each tool.
async fn tools_that_need_more_than_opencode_alone_show_what_they_find() -> Result<()> {
    let bench = Bench::new().await?;
    let web = web().await?;
    let server = equipped(&bench, &web).await?;
    let folder = bench.path("proj");
    fs::create_dir_all(folder.join("src"))?;
    fs::write(
        folder.join("src/sum.rs"),
        "fn sum(a: u32) -> u32 {\n    a\n}\n",
    )?;
    fs::write(folder.join("src/more.rs"), "fn more() {}\n")?;
    let drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    let session = created(&server, &json!({"title": "Tools"})).await?;
    let path = drovers.path_of(&instance, &session).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &path).await?;
    let steps: Vec<(&str, Vec<&str>, Vec<&str>)> = vec![
        (
            "grep fn sum",
            vec!["grep", "fn sum", "1 match"],
            vec!["sum.rs:", "fn sum(a: u32)"],
        ),
        (
            "grep nowhere_to_be_found",
            vec!["grep", "nothing found"],
            vec![],
        ),
        (
            "glob **/*.rs",
            vec!["glob", "**/*.rs", "2 files"],
            vec!["src/sum.rs", "src/more.rs"],
        ),
        ("glob **/*.nothing", vec!["glob", "nothing found"], vec![]),
        (
            "tool skill {\"name\": \"weigh\"}",
            vec!["skill", "weigh"],
            vec!["Put it on the scale."],
        ),
        (
            "write src/a.toy wobble()",
            vec!["write", "a.toy"],
            vec!["LSP errors", "wobble is <b>not</b> defined"],
        ),
        (
            "tool multiedit {\"filePath\": \"src/sum.rs\", \"edits\": []}",
            vec!["multiedit", "Failed"],
            vec!["unavailable tool"],
        ),
        (
            "tool list {\"path\": \"src\"}",
            vec!["list", "Failed"],
            vec!["unavailable tool"],
        ),
        (
            "tool websearch {\"query\": \"wobble\"}",
            vec!["websearch", "Failed"],
            vec!["unavailable tool"],
        ),
        (
            "tool apply_patch {\"patchText\": \"*** Begin Patch\"}",
            vec!["apply_patch", "Failed"],
            vec!["unavailable tool"],
        ),
    ];
    let mut wrong = Vec::new();
    let mut check = |script: &str, shown: &(String, String), in_line: &[&str], in_all: &[&str]| {
        let (line, all) = shown;
        for wanted in in_line.iter().filter(|wanted| !line.contains(**wanted)) {
            wrong.push(format!("{script}: the line lacks {wanted}: {line:?}"));
        }
        for wanted in in_all.iter().filter(|wanted| !all.contains(**wanted)) {
            wrong.push(format!("{script}: the card lacks {wanted}: {all:?}"));
        }
    };
    let mut nth = 0;
    for (script, in_line, in_all) in &steps {
        let shown = card(&page, &server, &session, nth, script).await?;
        check(script, &shown, in_line, in_all);
        nth += 1;
    }
    ensure!(
        page.eval::<bool>("[...document.querySelectorAll('#log .tool .bad')].some(line => line.innerText.includes('wobble is <b>not</b> defined'))").await?,
        "what a language server found stands out"
    );
    // My answer, and the steps of a subagent.
    let asks = "question Which colour?";
    let (shown, ()) = tokio::try_join!(
        card(&page, &server, &session, nth, asks),
        answer_when_asked(&server, "Blue")
    )?;
    check(asks, &shown, &["question"], &["Which colour?", "Blue"]);
    nth += 1;
    // A model of another name gets patches.
    let patch =
        "*** Begin Patch\\n*** Update File: src/sum.rs\\n@@\\n-    a\\n+    a + 1\\n*** End Patch";
    let patch = format!("tool apply_patch {{\"patchText\": \"{patch}\"}}");
    let text = json!([{ "type": "text", "text": patch }]);
    let model = json!({"providerID": "scripted", "modelID": "gpt-scripted"});
    let url = format!("{}/session/{session}/prompt_async", server.url);
    let body = json!({ "parts": text, "model": model });
    let sent = reqwest::Client::new().post(url).json(&body).send().await?;
    sent.error_for_status()?;
    let shown = shown_card(&page, &server, &session, nth, &patch).await?;
    check(&patch, &shown, &["apply_patch", "+1", "−1"], &["a + 1"]);
    let patched = fs::read_to_string(folder.join("src/sum.rs"))?;
    ensure!(patched.contains("    a + 1\n"), "{patched}");
    nth += 1;
    let task = "task { say child finished }";
    let shown = card(&page, &server, &session, nth, task).await?;
    check(task, &shown, &["Scripted subtask"], &["child finished"]);
    ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
    ensure!(
        !page
            .eval::<bool>("document.querySelector('#log .tool b:not(pre b, code b)') !== null")
            .await?
    );
    page.assert_clean().await
}
