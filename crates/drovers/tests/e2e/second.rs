//! The page on a service of OpenCode 2: scripted, spoken from its contract.

mod acts;
mod folders;
mod forms;

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result};
use scripted::opencode2::{Options, Server};
use serde_json::{Value, json};
use testkit::chromium::{Chromium, Page};

use crate::bench::{AWAY, Bench, Drovers, LAST_TEXT, PATIENCE, page, prompt, session};
use crate::consent::press_card;

const AT_REST: &str = "!document.querySelector('[data-k=composer][data-running]')";

/// A service that asks for a password, and a page with it in front.
struct Front {
    page: Page,
    drovers: Drovers,
    service: Server,
    instance: String,
    browser: Chromium,
    // Held only to live as long as the rest.
    _bench: Bench,
}

fn options(password: &str) -> Options {
    Options {
        password: Some(password.to_owned()),
        rate: 30.0,
        ..Options::default()
    }
}

impl Front {
    async fn open() -> Result<Self> {
        let bench = Bench::new().await?;
        let service = Server::start(options("hush")).await?;
        let mut command = bench.drovers();
        command
            .args(["--attach", service.url()])
            .env("DROVERS_PASSWORD", "hush");
        let drovers = Drovers::of(command).await?;
        let instance = drovers
            .instance(|instance| instance["status"] == "connected")
            .await?;
        let browser = Chromium::start().await?;
        let page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
        Ok(Self {
            page,
            drovers,
            service,
            instance,
            browser,
            _bench: bench,
        })
    }

    /// Asks the service itself, beside the hub.
    async fn ask(&self, method: reqwest::Method, path: &str, body: Value) -> Result<Value> {
        let url = format!("{}/api/{path}", self.service.url().trim_end_matches('/'));
        let mut request = reqwest::Client::new().request(method, url);
        request = request.basic_auth("opencode", Some("hush"));
        if !body.is_null() {
            request = request.json(&body);
        }
        let answer = request.send().await?.error_for_status()?.text().await?;
        Ok(serde_json::from_str(&answer).unwrap_or_default())
    }

    /// A session of a folder that another client begins with a prompt. Gives its id.
    async fn begun(&self, title: &str, directory: &str, text: &str) -> Result<String> {
        let new = json!({"title": title, "location": {"directory": directory}});
        let made = self.ask(reqwest::Method::POST, "session", new).await?;
        let id = made["data"]["id"].as_str().context("an id")?.to_owned();
        let path = format!("session/{id}/prompt");
        self.ask(reqwest::Method::POST, &path, json!({"text": text}))
            .await?;
        self.drovers.path_of(&self.instance, &id).await?;
        Ok(id)
    }

    /// A session as the service has it.
    async fn theirs(&self, id: &str) -> Result<Value> {
        let path = format!("session/{id}");
        let row = self.ask(reqwest::Method::GET, &path, Value::Null).await?;
        Ok(row["data"].clone())
    }

    /// Goes to a page of the hub.
    async fn goto(&self, path: &str) -> Result<()> {
        self.page.goto(&format!("{}{path}", self.drovers.url)).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_is_answered_and_its_permission_and_question_are_as_well() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &mut front.page;
    prompt(page, "say hello there").await?;
    let first = session(page).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'hello there'"), PATIENCE)
        .await?;
    page.wait_for(AT_REST, PATIENCE).await?;

    prompt(page, "permission ;; say allowed").await?;
    press_card(page, "[data-k=asks] button[value=once]").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'allowed'"), PATIENCE)
        .await?;
    page.wait_for(AT_REST, PATIENCE).await?;

    prompt(page, "question Which colour? ;; say thanks").await?;
    page.wait_for(
        "document.querySelector('[data-k=asks] .card input')",
        PATIENCE,
    )
    .await?;
    press_card(page, "[data-k=asks] .card input").await?;
    press_card(page, "[data-k=asks] .card button.main").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'thanks'"), PATIENCE)
        .await?;
    assert_eq!(session(page).await?, first, "all of it is one session");
    let prompts: u32 = page
        .eval("document.querySelectorAll('article[data-role=user]').length")
        .await?;
    assert_eq!(prompts, 3);
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_stopped_and_what_it_asked_does_not_wait_any_more() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &mut front.page;
    prompt(page, "say working ;; permission ;; say allowed").await?;
    page.wait_for("document.querySelector('[data-k=asks] .card')", PATIENCE)
        .await?;
    page.click("[data-k=composer] .stop").await?;
    page.wait_for("!document.querySelector('[data-k=asks] .card')", PATIENCE)
        .await?;
    page.wait_for(AT_REST, PATIENCE).await?;

    prompt(page, "say on we go").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'on we go'"), PATIENCE)
        .await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_that_is_cut_in_a_text_heals() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &mut front.page;
    prompt(page, "echo 120 rate=30 ;; say the end").await?;
    page.wait_for(
        "document.querySelector('article[data-status=streaming] .text')",
        PATIENCE,
    )
    .await?;
    front.service.cut_streams();
    page.wait_for(&format!("{LAST_TEXT}.endsWith('the end')"), PATIENCE)
        .await?;
    page.wait_for(AT_REST, PATIENCE).await?;
    let whole = "!document.querySelector('#log').innerText.includes('some text is missing here')";
    page.wait_for(whole, PATIENCE).await?;
    page.assert_clean().await?;
    let path = format!("/api/instances/{}", front.instance);
    let version = front.drovers.get(&path).await?["version"].clone();
    assert!(
        version.as_str().is_some_and(|text| text.starts_with("2.")),
        "{version}"
    );
    Ok(())
}

/// Registers a service as that of the user whose state is in this folder. Its process is the test.
fn register(state: &Path, service: &Server) -> Result<()> {
    let mut registration = service.registration();
    registration["pid"] = std::process::id().into();
    let file = state.join("opencode/service.json");
    fs::create_dir_all(state.join("opencode"))?;
    fs::write(&file, registration.to_string())?;
    fs::set_permissions(&file, Permissions::from_mode(0o600))?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_service_of_the_user_is_found_and_found_again_with_another_port_and_password()
-> Result<()> {
    let bench = Bench::new().await?;
    let state = bench.path("state");
    let service = Server::start(options("hush")).await?;
    register(&state, &service)?;
    let mut command = bench.drovers();
    command.arg("--service").env("XDG_STATE_HOME", &state);
    let drovers = Drovers::of(command).await?;
    let is_service = |instance: &serde_json::Value| {
        instance["service"] == true && instance["status"] == "connected"
    };
    let instance = drovers.instance(is_service).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    prompt(&page, "say before").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'before'"), PATIENCE)
        .await?;
    page.wait_for(AT_REST, PATIENCE).await?;

    let service = service.restart(0, Some("other".to_owned())).await?;
    page.wait_for("!document.querySelector('[data-link=connected]')", PATIENCE)
        .await?;
    register(&state, &service)?;
    page.wait_for(
        "document.querySelector('[data-link=connected]')",
        Duration::from_secs(90),
    )
    .await?;
    assert_eq!(drovers.instance(is_service).await?, instance);
    prompt(&page, "say after").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'after'"), PATIENCE)
        .await?;
    page.assert_clean_but(&AWAY).await
}

/// A folder that is opened where the installed OpenCode is version 2: its service works in it.
#[tokio::test(flavor = "multi_thread")]
async fn a_folder_is_opened_in_the_service_where_version_2_is_installed() -> Result<()> {
    let bench = Bench::new().await?;
    let (state, folder) = (bench.path("state"), bench.path("shop"));
    fs::create_dir_all(&folder)?;
    let service = Server::start(options("hush")).await?;
    register(&state, &service)?;
    let opencode = bench.path("opencode");
    fs::write(
        &opencode,
        "#!/bin/sh\n[ \"$1\" = --version ] && echo 2.1.2\n",
    )?;
    fs::set_permissions(&opencode, Permissions::from_mode(0o755))?;
    let mut command = bench.drovers();
    command
        .arg("--opencode")
        .arg(&opencode)
        .args(["--trust", "shop"])
        .env("XDG_STATE_HOME", &state);
    let drovers = Drovers::of(command).await?;
    let instance = drovers
        .instance(|instance| instance["service"] == true && instance["status"] == "connected")
        .await?;
    let (browser, shop) = (Chromium::start().await?, folder.canonicalize()?);
    let shop = shop.to_str().context("UTF-8")?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}?folder={shop}")).await?;
    page.wait_for(
        &format!("document.querySelector('#place')?.value === '{shop}'"),
        PATIENCE,
    )
    .await?;
    prompt(&page, "say from the shop").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'from the shop'"), PATIENCE)
        .await?;
    let id = session(&page).await?;
    let path = format!("/api/instances/{instance}/sessions/{id}");
    let made = drovers.get(&path).await?;
    assert_eq!(
        made["info"]["directory"]
            .as_str()
            .or(made["directory"].as_str()),
        Some(shop)
    );
    page.assert_clean().await
}
