//! The prompt: what is attached, completed, queued, recalled and chosen, by keys, paste and taps on the real OpenCode.

use std::fs;

use anyhow::{Context, Result, ensure};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use testkit::chromium::{Chromium, Page, Viewport};
use testkit::real::RealServer;

use crate::bench::{
    AWAY, Bench, Drovers, Front, LAST_TEXT, PATIENCE, elsewhere, page, prompt, session, until,
};

/// What is loaded once the page stands is there.
const LOADED: &str =
    "document.documentElement.dataset.composing !== undefined && document.querySelector('#model')";

pub(crate) const TEXT: &str = "document.querySelector('#text').value";

const SUGGESTED: &str = "[...document.querySelectorAll('#completions:not([hidden]) .name')].map(one => one.textContent).join(' ')";

pub(crate) const AT_REST: &str = "!document.querySelector('[data-k=composer][data-running]')";

/// A picture of 2 × 3 pixels.
pub(crate) const PNG: &str = "iVBORw0KGgoAAAANSUhEUgAAAAIAAAADCAIAAAA2iEnWAAAAEElEQVR4nGM4IScHRAwoFABEDQYZFCZhYwAAAABJRU5ErkJggg==";

pub(crate) async fn loaded(page: &Page) -> Result<()> {
    page.wait_for(LOADED, PATIENCE).await
}

/// What a server has of the last message of a person.
async fn last_said(server: &RealServer, session: &str) -> Result<Vec<Value>> {
    let url = format!("{}/session/{session}/message", server.url);
    let messages: Value = reqwest::get(url).await?.json().await?;
    let all = messages.as_array().context("messages")?;
    let last = all.iter().rfind(|one| one["info"]["role"] == "user");
    let parts = last.context("a prompt")?["parts"].as_array();
    Ok(parts.context("parts")?.clone())
}

/// Pastes files and a text, as a person does. The browser has no clipboard of its own here.
pub(crate) async fn paste(page: &Page, file: Option<(&str, &str)>, text: &str) -> Result<()> {
    let (name, content) = file.unwrap_or(("", ""));
    let script = format!(
        "(() => {{
            const data = new DataTransfer();
            const bytes = Uint8Array.from(atob({content}), c => c.charCodeAt(0));
            if ({name} !== '') data.items.add(new File([bytes], {name}));
            if ({text} !== '') data.setData('text/plain', {text});
            const field = document.querySelector('#text');
            field.focus();
            const event = new ClipboardEvent('paste', {{clipboardData: data, bubbles: true, cancelable: true}});
            return field.dispatchEvent(event);
        }})()",
        name = json!(name),
        content = json!(content),
        text = json!(text),
    );
    page.eval::<bool>(&script).await?;
    Ok(())
}

pub(crate) async fn attached(page: &Page, names: &str) -> Result<()> {
    let shown =
        "[...document.querySelectorAll('#attached li .what')].map(one => one.textContent).join()";
    page.wait_for(&format!("{shown} === '{names}'"), PATIENCE)
        .await
}

#[tokio::test(flavor = "multi_thread")]
async fn files_are_attached_seen_removed_and_sent() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &front.page;
    loaded(page).await?;
    paste(page, Some(("shot.png", PNG)), "").await?;
    attached(page, "shot.png").await?;
    page.wait_for(
        "document.querySelector('#attached canvas')?.width > 0",
        PATIENCE,
    )
    .await?;
    // By the button, whose chooser the browser asks a person with.
    let notes = front.server.folder().join("notes.txt");
    fs::write(&notes, "some notes")?;
    page.click("[data-do=attach]:not([data-camera])").await?;
    page.wait_for("document.querySelector('#files')", PATIENCE)
        .await?;
    page.choose_file("#files", &notes).await?;
    attached(page, "shot.png,notes.txt").await?;
    // What no model reads is refused with the reason.
    paste(page, Some(("a.zip", "UEsDBP8=")), "").await?;
    page.wait_for(
        "document.querySelector('#prompt > .problem').textContent.includes('a.zip is neither')",
        PATIENCE,
    )
    .await?;
    attached(page, "shot.png,notes.txt").await?;
    page.click("#attached li:nth-child(2) button").await?;
    attached(page, "shot.png").await?;
    // They outlast the page, as the text of a draft does.
    let url: String = page.eval("location.href").await?;
    page.goto(&url).await?;
    loaded(page).await?;
    attached(page, "shot.png").await?;
    // What the browser has lost is named.
    page.eval::<bool>(
        "new Promise(done => { const act = indexedDB.deleteDatabase('drovers-attachments'); act.onsuccess = act.onerror = () => done(true); })",
    )
    .await?;
    page.goto(&url).await?;
    loaded(page).await?;
    page.wait_for(
        "document.querySelector('#prompt > .problem').textContent.includes('Attach shot.png again')",
        PATIENCE,
    )
    .await?;
    paste(page, Some(("shot.png", PNG)), "").await?;
    attached(page, "shot.png").await?;
    prompt(page, "say seen").await?;
    let id = session(page).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'seen'"), PATIENCE)
        .await?;
    attached(page, "").await?;
    page.wait_for(
        "document.querySelector('.turn.user img')?.naturalWidth === 2",
        PATIENCE,
    )
    .await?;
    let parts = last_said(&front.server, &id).await?;
    let file = parts.iter().find(|part| part["type"] == "file");
    let file = file.context("the file arrived")?;
    assert_eq!(file["filename"], "shot.png");
    assert_eq!(file["url"], format!("data:image/png;base64,{PNG}"));
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_paste_is_a_chip_that_opens_and_is_sent_as_its_text() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &front.page;
    loaded(page).await?;
    page.fill("#text", "say ").await?;
    let long = "line\n".repeat(40);
    paste(page, None, &long).await?;
    page.wait_for(&format!("{TEXT} === 'say [Pasted 41 lines]'"), PATIENCE)
        .await?;
    attached(page, "Pasted 41 lines").await?;
    page.click("#attached button:not(.icon)").await?;
    page.wait_for(&format!("{TEXT}.includes('line\\nline')"), PATIENCE)
        .await?;
    attached(page, "").await?;
    page.fill("#text", "say ").await?;
    paste(page, None, &"word ".repeat(500)).await?;
    attached(page, "Pasted 1 line").await?;
    // It outlasts a reload.
    page.eval::<bool>("location.reload() ?? true").await?;
    loaded(page).await?;
    attached(page, "Pasted 1 line").await?;
    page.eval::<bool>("document.querySelector('#text').focus() ?? true")
        .await?;
    // A key that takes a piece of its token hides it, and the undo of that brings all of it back.
    page.press("End").await?;
    page.press("Backspace").await?;
    attached(page, "").await?;
    page.press("Control+z").await?;
    attached(page, "Pasted 1 line").await?;
    page.press("Enter").await?;
    let id = session(page).await?;
    until("the whole text", async || {
        let parts = last_said(&front.server, &id).await.unwrap_or_default();
        let text = parts.first().and_then(|part| part["text"].as_str());
        let whole = format!("say {}", "word ".repeat(500));
        Ok(text
            .is_some_and(|text| text.trim() == whole.trim())
            .then_some(()))
    })
    .await?;
    front.page.assert_clean().await
}

/// A front whose server has a command of the user's own, and files.
pub(crate) async fn with_command() -> Result<(Bench, RealServer, Drovers, String)> {
    let bench = Bench::new().await?;
    let commands = bench.path("home/.xdg/config/opencode/command");
    fs::create_dir_all(&commands)?;
    let greet = "---\ndescription: Greets somebody\n---\nsay hello $ARGUMENTS\n";
    fs::write(commands.join("greet.md"), greet)?;
    let server = bench.server("proj").await?;
    fs::create_dir_all(server.folder().join("src"))?;
    fs::write(server.folder().join("src/main.rs"), "fn main() {}\n")?;
    fs::write(server.folder().join("manual.md"), "# Manual\n")?;
    let drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    Ok((bench, server, drovers, instance))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_command_is_completed_and_run() -> Result<()> {
    let (_bench, _server, drovers, instance) = with_command().await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    loaded(&page).await?;
    page.click("#text").await?;
    for key in ["/", "g", "r"] {
        page.press(key).await?;
    }
    page.wait_for(&format!("{SUGGESTED} === '/greet'"), PATIENCE)
        .await?;
    let shown: String = page
        .eval("document.querySelector('#completions li').innerText")
        .await?;
    ensure!(
        shown.contains("Greets somebody") && shown.contains("$ARGUMENTS"),
        "{shown}"
    );
    let combobox = "(field => field.role === 'combobox' && field.ariaExpanded === 'true' \
        && document.getElementById(field.getAttribute('aria-activedescendant')).ariaSelected === 'true')(document.querySelector('#text'))";
    assert!(page.eval::<bool>(combobox).await?);
    page.press("Enter").await?;
    assert_eq!(page.eval::<String>(TEXT).await?, "/greet ");
    page.write("Ada").await?;
    page.press("Enter").await?;
    session(&page).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'hello Ada'"), PATIENCE)
        .await?;
    // What is no command is a prompt like any other.
    page.fill("#text", "/tmp is full").await?;
    page.press("Escape").await?;
    page.click("#prompt .send").await?;
    page.wait_for(
        "document.querySelector('#log').innerText.includes('You said: /tmp is full')",
        PATIENCE,
    )
    .await?;
    page.wait_for(AT_REST, PATIENCE).await?;
    page.fill("#text", "!echo from-the-shell").await?;
    page.press("Enter").await?;
    page.wait_for(
        "document.querySelector('.tool')?.textContent.includes('echo from-the-shell')",
        PATIENCE,
    )
    .await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn files_and_agents_are_named_by_keys_and_by_taps() -> Result<()> {
    let (_bench, server, drovers, instance) = with_command().await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    loaded(&page).await?;
    page.click("#text").await?;
    page.write("say read @ma").await?;
    page.wait_for(&format!("{SUGGESTED}.includes('@manual.md')"), PATIENCE)
        .await?;
    // Escape closes the list and nothing else, until something else is written.
    page.press("Escape").await?;
    page.wait_for(&format!("{SUGGESTED} === ''"), PATIENCE)
        .await?;
    assert!(
        page.eval::<bool>("document.activeElement.id === 'text'")
            .await?
    );
    page.write("in").await?;
    page.wait_for(&format!("{SUGGESTED}.startsWith('@src/main.rs')"), PATIENCE)
        .await?;
    page.press("ArrowDown").await?;
    page.press("ArrowUp").await?;
    page.press("Tab").await?;
    assert_eq!(page.eval::<String>(TEXT).await?, "say read @src/main.rs ");
    // An input method has its own keys.
    page.write("@expl").await?;
    page.wait_for(&format!("{SUGGESTED}.startsWith('@explore')"), PATIENCE)
        .await?;
    page.compose("か").await?;
    page.press("Enter").await?;
    assert!(!page.eval::<String>(TEXT).await?.contains("@explore "));
    page.write("か").await?;
    page.fill("#text", "say read @src/main.rs @expl").await?;
    page.viewport(Viewport::PHONE).await?;
    page.wait_for(&format!("{SUGGESTED}.startsWith('@explore')"), PATIENCE)
        .await?;
    page.tap(page.spot("#completions li").await?).await?;
    page.wait_for(
        &format!("{TEXT} === 'say read @src/main.rs @explore '"),
        PATIENCE,
    )
    .await?;
    page.click("#prompt .send").await?;
    let id = session(&page).await?;
    page.wait_for(&format!("{LAST_TEXT}.startsWith('read')"), PATIENCE)
        .await?;
    let parts = last_said(&server, &id).await?;
    let path = server.folder().join("src/main.rs");
    let url = format!("file://{}", path.display());
    ensure!(parts.iter().any(|part| part["url"] == url), "{parts:?}");
    ensure!(
        parts
            .iter()
            .any(|part| part["type"] == "agent" && part["name"] == "explore"),
        "{parts:?}"
    );
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn arrow_up_brings_back_the_prompts_of_the_session() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &front.page;
    loaded(page).await?;
    prompt(page, "say one\n\nand more").await?;
    session(page).await?;
    page.wait_for(
        &format!("{LAST_TEXT}.startsWith('one') && {AT_REST}"),
        PATIENCE,
    )
    .await?;
    prompt(page, "say two").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'two' && {AT_REST}"), PATIENCE)
        .await?;
    page.click("#text").await?;
    let shows = async |text: &str| {
        page.wait_for(&format!("{TEXT} === {}", json!(text)), PATIENCE)
            .await
    };
    page.press("ArrowUp").await?;
    shows("say two").await?;
    page.press("ArrowUp").await?;
    shows("say one\n\nand more").await?;
    page.press("ArrowUp").await?;
    shows("say one\n\nand more").await?;
    page.press("ArrowDown").await?;
    shows("say two").await?;
    page.press("ArrowDown").await?;
    shows("").await?;
    // What is being written is not replaced.
    page.write("mine").await?;
    page.press("ArrowUp").await?;
    shows("mine").await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_goes_on_on_another_device_and_is_never_overwritten() -> Result<()> {
    let bench = Bench::new().await?;
    let server = bench.server("proj").await?;
    let drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    let id = elsewhere(&server, "say hello").await?;
    let path = drovers.path_of(&instance, &id).await?;
    let (desk, pocket) = (Chromium::start().await?, Chromium::start().await?);
    let mut desktop = page(&desk, &drovers, &path).await?;
    loaded(&desktop).await?;
    desktop.click("#text").await?;
    desktop.write("begun here").await?;
    let draft = format!("/api/instances/{instance}/sessions/{id}/draft");
    let kept = async |text: &str| {
        until("the draft", async || {
            let draft = drovers.get(&draft).await?;
            Ok((draft["text"] == text).then_some(()))
        })
        .await
    };
    kept("begun here").await?;
    let mut phone = page(&pocket, &drovers, &path).await?;
    phone.viewport(Viewport::PHONE).await?;
    loaded(&phone).await?;
    phone
        .wait_for(&format!("{TEXT} === 'begun here'"), PATIENCE)
        .await?;
    phone.click("#text").await?;
    phone.write(", ended there").await?;
    kept("begun here, ended there").await?;
    // The desktop comes back to it, and has the newer one.
    desktop
        .eval::<bool>("dispatchEvent(new Event('focus'))")
        .await?;
    desktop
        .wait_for(&format!("{TEXT} === 'begun here, ended there'"), PATIENCE)
        .await?;
    // What is written on it meanwhile stays.
    phone.write(" and on").await?;
    kept("begun here, ended there and on").await?;
    desktop.fill("#text", "something else").await?;
    desktop
        .eval::<bool>("dispatchEvent(new Event('focus'))")
        .await?;
    kept("something else").await?;
    assert_eq!(desktop.eval::<String>(TEXT).await?, "something else");
    desktop.press("Enter").await?;
    kept("").await?;
    phone.assert_clean().await?;
    desktop.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_draft_that_was_sent_while_the_hub_was_away_waits_on_no_other_device() -> Result<()> {
    let bench = Bench::new().await?;
    let server = bench.server("proj").await?;
    let mut drovers = Drovers::start(&bench, &[&server]).await?;
    let instance = drovers.connected(&server).await?;
    let path = format!("/i/{instance}");
    let draft = format!("/api/instances/{instance}/sessions/new/draft");
    let browser = Chromium::start().await?;
    // Once it stays open, and once it is opened anew before the hub is back.
    for reloads in [false, true] {
        let mut phone = page(&browser, &drovers, &path).await?;
        loaded(&phone).await?;
        phone.click("#text").await?;
        phone.write("say sent once").await?;
        until("the draft", async || {
            let draft = drovers.get(&draft).await?;
            Ok((draft["text"] == "say sent once").then_some(()))
        })
        .await?;
        drovers.signal(Signal::SIGKILL)?;
        drovers.ended().await?;
        phone.press("Enter").await?;
        phone
            .wait_for(
                "Object.keys(localStorage).some(key => key.startsWith('unwritten:'))",
                PATIENCE,
            )
            .await?;
        let address = drovers.url.strip_prefix("http://").context("an address")?;
        let again = Drovers::of(bench.drovers_at(address)).await?;
        if reloads {
            phone.goto(&format!("{}/", again.url)).await?;
        }
        let cleared = until("the hub's draft to be empty", async || {
            let draft = again.get(&draft).await?;
            Ok((draft["text"] == "").then_some(()))
        });
        cleared.await?;
        phone.assert_clean_but(&AWAY).await?;
        drovers = again;
        drovers.connected(&server).await?;
    }
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_is_found_chosen_and_remembered_for_its_session() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &front.page;
    loaded(page).await?;
    page.click("#model").await?;
    page.wait_for(
        "document.querySelectorAll('#picker .pick').length >= 3",
        PATIENCE,
    )
    .await?;
    let shown: String = page
        .eval("document.querySelector('#picker').innerText")
        .await?;
    ensure!(
        shown.contains("200k") && shown.contains("$1 in, $2 out"),
        "{shown}"
    );
    page.write("small").await?;
    page.wait_for(
        "document.querySelectorAll('#picker .pick').length === 1",
        PATIENCE,
    )
    .await?;
    page.press("Enter").await?;
    let model = "document.querySelector('#model').value";
    page.wait_for(
        &format!("!document.querySelector('#picker') && {model} === 'scripted/scripted-small'"),
        PATIENCE,
    )
    .await?;
    prompt(page, "say by the small one").await?;
    let id = session(page).await?;
    page.wait_for(
        &format!("{LAST_TEXT} === 'by the small one' && {AT_REST}"),
        PATIENCE,
    )
    .await?;
    let url = format!("{}/session/{id}/message", front.server.url);
    let messages: Value = reqwest::get(url).await?.json().await?;
    assert_eq!(messages[1]["info"]["modelID"], "scripted-small");
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_favourite_model_comes_first_on_a_phone_and_outlasts_a_reload() -> Result<()> {
    let mut front = Front::open().await?;
    let page = &front.page;
    page.viewport(Viewport::PHONE).await?;
    loaded(page).await?;
    let model = "document.querySelector('#model').value";
    page.tap(page.spot("#model").await?).await?;
    let star = "#picker button[aria-label='Favourite: Scripted Tiny']";
    page.wait_for(&format!("document.querySelector(\"{star}\")"), PATIENCE)
        .await?;
    page.tap(page.spot(star).await?).await?;
    page.wait_for(
        "[...document.querySelectorAll('#picker .group')].some(one => one.textContent === 'Favourites')",
        PATIENCE,
    )
    .await?;
    page.tap(
        page.spot("#picker .pick[value='scripted/scripted-tiny']")
            .await?,
    )
    .await?;
    page.wait_for(&format!("{model} === 'scripted/scripted-tiny'"), PATIENCE)
        .await?;
    page.eval::<bool>("location.reload() ?? true").await?;
    loaded(page).await?;
    page.wait_for(&format!("{model} === 'scripted/scripted-tiny'"), PATIENCE)
        .await?;
    page.click("#agent").await?;
    page.wait_for(
        "document.querySelector('#picker .pick[value=plan]')",
        PATIENCE,
    )
    .await?;
    page.click("#picker .pick[value=plan]").await?;
    page.wait_for(
        "document.querySelector('#agent').value === 'plan'",
        PATIENCE,
    )
    .await?;
    front.page.assert_clean().await
}
