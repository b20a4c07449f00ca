//! What other tools than a shell ask leave for is shown whole as well.

use anyhow::Result;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};
use testkit::chromium::{Chromium, Page, Viewport};

use super::{Asked, NOTE, SOON, press_card, ready};
use crate::bench::{Bench, Drovers, page, until};

const ALLOW: &str = "[data-k=asks] button[value=once]";
const CARD: &str = "document.querySelector('[data-k=asks] .card').innerText";
const NO_CARD: &str = "!document.querySelector('[data-k=asks] .card')";

#[tokio::test(flavor = "multi_thread")]
async fn a_folder_elsewhere_and_an_address_are_shown_whole() -> Result<()> {
    let url = "http://127.0.0.1:9/a/long/path?with=a&query=%20#and-more";
    let fetch = json!({ "url": url, "format": "text" });
    for (script, shown) in [
        ("read /etc/hostname ;; say read".to_owned(), "/etc"),
        (format!("tool webfetch {fetch} ;; say fetched"), url),
    ] {
        let mut asked = Asked::open(&[&script], Viewport::DESKTOP).await?;
        let page = &asked.page;
        ready(page, ALLOW).await?;
        let card: String = page.eval(CARD).await?;
        assert!(card.contains(shown), "{shown}: {card}");
        press_card(page, ALLOW).await?;
        page.wait_for(NO_CARD, SOON).await?;
        assert_eq!(asked.replies().await?, ["once"]);
        asked.page.assert_clean().await?;
    }
    Ok(())
}

/// A scripted server with a run that goes on, and a page that looks at its session.
struct Scripted {
    fake: FakeServer,
    page: Page,
    session: String,
    message: String,
    _drovers: Drovers,
    _browser: Chromium,
    _bench: Bench,
}

impl Scripted {
    async fn open(script: &str) -> Result<Self> {
        let bench = Bench::new().await?;
        let fake = FakeServer::start(FakeOptions::default()).await?;
        let session = fake.seed_session("scripted")?;
        let mut command = bench.drovers();
        command.args(["--attach", &fake.url]);
        let drovers = Drovers::of(command).await?;
        let instance = drovers
            .instance(|instance| instance["status"] == "connected")
            .await?;
        let path = drovers.path_of(&instance, &session).await?;
        let browser = Chromium::start().await?;
        let page = page(&browser, &drovers, &path).await?;
        page.eval::<bool>(NOTE).await?;
        let prompt = json!({ "parts": [{ "type": "text", "text": script }] });
        let url = format!("{}/session/{session}", fake.url);
        let client = reqwest::Client::new();
        let sent = client.post(format!("{url}/prompt_async")).json(&prompt);
        sent.send().await?.error_for_status()?;
        let message = until("an answer that is under way", async || {
            let messages: Value = reqwest::get(format!("{url}/message")).await?.json().await?;
            let id = &messages[1]["info"]["id"];
            Ok(id.as_str().map(str::to_owned))
        })
        .await?;
        Ok(Self {
            fake,
            page,
            session,
            message,
            _drovers: drovers,
            _browser: browser,
            _bench: bench,
        })
    }

    fn tell(&self, kind: &str, properties: &Value) {
        let told = json!({
            "directory": "/scripted/project",
            "payload": { "id": "evt_1", "type": kind, "properties": properties },
        });
        self.fake.emit_raw(&told.to_string());
    }

    async fn waiting(&self) -> Result<Value> {
        let waiting = reqwest::get(format!("{}/permission", self.fake.url)).await?;
        Ok(waiting.json().await?)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tool_of_an_mcp_server_is_shown_with_every_argument() -> Result<()> {
    let mut scripted = Scripted::open("stall 600").await?;
    let input = json!({
        "repository": "me/shop", "labels": ["bug", "<b>bold</b>"],
        "body": { "text": "first line\nsecond line", "draft": false, "count": 12 },
    });
    let (session, message) = (&scripted.session, &scripted.message);
    let part = json!({
        "id": "prt_mcp", "sessionID": session, "messageID": message, "type": "tool", "callID": "call_mcp",
        "tool": "tracker_create_issue",
        "state": { "status": "running", "input": input, "time": { "start": 1 } },
    });
    scripted.tell("message.part.updated", &json!({ "part": part }));
    scripted.tell(
        "permission.asked",
        &json!({
            "id": "per_mcp", "sessionID": session, "permission": "tracker_create_issue", "patterns": ["*"],
            "metadata": {}, "always": ["*"], "tool": { "messageID": message, "callID": "call_mcp" },
        }),
    );
    ready(&scripted.page, ALLOW).await?;
    let card: String = scripted.page.eval(CARD).await?;
    for shown in [
        "tracker_create_issue",
        "me/shop",
        "bug",
        "<b>bold</b>",
        "first line",
        "second line",
        "draft",
        "false",
        "12",
    ] {
        assert!(card.contains(shown), "{shown}: {card}");
    }
    scripted.page.assert_clean().await
}

/// Holds what the page answers until it is let go, and notes how that is received.
const HOLD: &str = "(() => {
    window.statuses = [];
    const real = window.fetch;
    const held = new Promise(go => { window.letGo = () => { go(); return true; }; });
    window.fetch = async (url, init) => {
        const answers = String(url).includes('/permissions/');
        if (answers) await held;
        const answer = await real(url, init);
        if (answers) statuses.push(answer.status);
        return answer;
    };
    return true;
})()";

#[tokio::test(flavor = "multi_thread")]
async fn what_changed_after_it_was_read_is_not_allowed_and_shown_anew() -> Result<()> {
    let mut scripted = Scripted::open("permission echo needs-permission ;; say allowed").await?;
    let page = &scripted.page;
    ready(page, ALLOW).await?;
    page.eval::<bool>(HOLD).await?;
    press_card(page, ALLOW).await?;
    let mut request = scripted.waiting().await?[0].clone();
    request["patterns"] = json!(["rm -rf everything"]);
    request["metadata"]["command"] = json!("rm -rf everything");
    let part = json!({
        "id": "prt_changed", "sessionID": scripted.session, "messageID": request["tool"]["messageID"], "type": "tool",
        "callID": request["tool"]["callID"], "tool": "bash",
        "state": { "status": "running", "input": request["metadata"], "time": { "start": 1 } },
    });
    scripted.tell("message.part.updated", &json!({ "part": part }));
    scripted.tell("permission.asked", &request);
    let hub = "fetch('/api/instances').then(all => all.json()).then(all =>
        fetch(`/api/instances/${all[0].id}/permissions`)).then(all => all.json()).then(all =>
        JSON.stringify(all).includes('rm -rf everything'))";
    until("the changed request", async || {
        Ok(page.eval::<bool>(hub).await?.then_some(()))
    })
    .await?;
    page.eval::<bool>("letGo()").await?;
    page.wait_for("statuses.length === 1", SOON).await?;
    let statuses: Vec<u16> = page.eval("statuses").await?;
    assert_eq!(statuses, [409], "what was read is not what would run");
    let shown = format!("{CARD}.includes('rm -rf everything')");
    page.wait_for(&shown, SOON).await?;
    ready(page, ALLOW).await?;
    let waiting = scripted.waiting().await?;
    assert_eq!(
        waiting.as_array().map(Vec::len),
        Some(1),
        "nothing was allowed"
    );
    scripted.page.assert_clean_but(&["status of 409"]).await
}
