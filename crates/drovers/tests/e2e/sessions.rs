//! What can be done with a session and a message on the page, by keys and by touch, on the real OpenCode.

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::chromium::{Page, Viewport};

use crate::bench::{Bench, Drovers, Front, LAST_TEXT, PATIENCE, created, prompt, session, until};
use crate::menu::{LINE, MENU_OPEN, choose};

const AT_REST: &str = "!document.querySelector('[data-k=composer][data-running]')";

/// A session as its server has it; none once it is gone.
async fn theirs(front: &Front, id: &str) -> Result<Option<Value>> {
    let answer = reqwest::get(format!("{}/session/{id}", front.server.url)).await?;
    if !answer.status().is_success() {
        return Ok(None);
    }
    Ok(Some(answer.json().await?))
}

async fn messages(front: &Front, id: &str) -> Result<Vec<Value>> {
    let url = format!("{}/session/{id}/message", front.server.url);
    Ok(reqwest::get(url).await?.json().await?)
}

/// A session with two turns in front of the page, and nothing focused.
async fn two_turns() -> Result<(Front, String)> {
    let front = Front::open().await?;
    prompt(&front.page, "say one").await?;
    let id = session(&front.page).await?;
    for (text, answer) in [("", "one"), ("say two", "two")] {
        if !text.is_empty() {
            prompt(&front.page, text).await?;
        }
        let page = &front.page;
        let answered = format!("{AT_REST} && {LAST_TEXT} === '{answer}'");
        page.wait_for(&answered, PATIENCE).await?;
    }
    front.page.press("Escape").await?;
    Ok((front, id))
}

fn row(id: &str) -> String {
    format!("document.querySelector('[data-k=\"s:{id}\"]')")
}

fn is_shown(id: &str) -> String {
    format!("({0} && {0}.checkVisibility())", row(id))
}

async fn undo(page: &Page) -> Result<()> {
    page.wait_for(
        "document.querySelector('#undos li:last-child button')",
        PATIENCE,
    )
    .await?;
    page.click("#undos li:last-child button").await?;
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_renamed_and_its_menu_used_by_keys_alone() -> Result<()> {
    let (mut front, id) = two_turns().await?;
    let page = &front.page;
    page.press(".").await?;
    page.wait_for(&format!("({LINE}) === 'Rename'"), PATIENCE)
        .await?;
    for (key, line) in [
        ("ArrowUp", "Delete"),
        ("ArrowDown", "Rename"),
        ("End", "Delete"),
        ("Home", "Rename"),
        ("ArrowDown", "Fork"),
    ] {
        page.press(key).await?;
        let there = page.eval::<String>(LINE).await?;
        ensure!(there == line, "{key} leads to {there}");
    }
    page.press("Escape").await?;
    page.wait_for(&format!("!{MENU_OPEN}"), PATIENCE).await?;

    choose(page, "r", "Rename").await?;
    page.wait_for("document.activeElement.matches('#rename input')", PATIENCE)
        .await?;
    page.write("Mended").await?;
    page.press("Enter").await?;
    page.wait_for(
        "document.querySelector('h1').innerText.includes('Mended')",
        PATIENCE,
    )
    .await?;
    page.wait_for(
        "document.activeElement.matches('.head [data-do=session-menu]')",
        PATIENCE,
    )
    .await?;
    let theirs = theirs(&front, &id).await?.context("it is there")?;
    assert_eq!(theirs["title"], "Mended");

    // Left again, nothing changes.
    let page = &front.page;
    choose(page, "r", "Rename").await?;
    page.write("Not this").await?;
    page.press("Escape").await?;
    page.wait_for("!document.querySelector('#rename:popover-open')", PATIENCE)
        .await?;
    ensure!(
        page.eval::<bool>("document.querySelector('h1').innerText.includes('Mended')")
            .await?
    );
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_forked_and_compacted_by_keys() -> Result<()> {
    let (mut front, id) = two_turns().await?;
    choose(&front.page, "f", "Fork").await?;
    let elsewhere =
        format!("location.pathname.includes('/s/') && !location.pathname.endsWith('{id}')");
    front.page.wait_for(&elsewhere, PATIENCE).await?;
    let fork = session(&front.page).await?;
    front
        .page
        .wait_for(&format!("{LAST_TEXT} === 'two'"), PATIENCE)
        .await?;
    assert_eq!(messages(&front, &fork).await?.len(), 4);

    choose(&front.page, "c", "Compact").await?;
    until("a summary", async || {
        let messages = messages(&front, &fork).await?;
        let done =
            |one: &Value| one["info"]["summary"] == json!(true) && !one["info"]["finish"].is_null();
        Ok(messages.iter().any(done).then_some(()))
    })
    .await?;
    assert_eq!(
        messages(&front, &id).await?.len(),
        4,
        "the other stays as it is"
    );
    front
        .page
        .wait_for(
            "document.querySelector('#log').innerText.includes('Summary')",
            PATIENCE,
        )
        .await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_archived_or_deleted_comes_back_by_undo_and_goes_without() -> Result<()> {
    let (mut front, id) = two_turns().await?;
    let other = created(&front.server, &json!({"title": "Other"})).await?;
    front.page.wait_for(&is_shown(&other), PATIENCE).await?;
    let archived = async |front: &Front| -> Result<bool> {
        let at = theirs(front, &id).await?.context("it is there")?["time"]["archived"].clone();
        Ok(at.as_f64().is_some_and(|at| at != 0.0))
    };
    choose(&front.page, "a", "Archive").await?;
    front
        .page
        .wait_for(
            &format!("!{} && !location.pathname.includes('/s/')", row(&id)),
            PATIENCE,
        )
        .await?;
    ensure!(archived(&front).await?);
    undo(&front.page).await?;
    front.page.wait_for(&is_shown(&id), PATIENCE).await?;
    ensure!(!archived(&front).await?);

    // The menu of a row, by the key and by the pointer.
    let page = &front.page;
    page.press("Escape").await?;
    page.eval::<bool>(&format!(
        "({}.querySelector('a').focus(), true)",
        row(&other)
    ))
    .await?;
    choose(page, "d", "Delete").await?;
    page.wait_for(&format!("!{}", is_shown(&other)), PATIENCE)
        .await?;
    ensure!(theirs(&front, &other).await?.is_some(), "it can be undone");
    undo(&front.page).await?;
    front.page.wait_for(&is_shown(&other), PATIENCE).await?;

    let page = &front.page;
    page.point(page.spot(&format!("[data-k=\"s:{other}\"]")).await?)
        .await?;
    page.click(&format!("[data-k=\"s:{other}\"] .more")).await?;
    page.wait_for(MENU_OPEN, PATIENCE).await?;
    page.click("#session-menu [data-act=delete]").await?;
    page.wait_for(&format!("!{}", is_shown(&other)), PATIENCE)
        .await?;
    until("the end of it", async || {
        Ok(theirs(&front, &other).await?.is_none().then_some(()))
    })
    .await?;
    ensure!(theirs(&front, &id).await?.is_some());
    front
        .page
        .wait_for("document.querySelector('#undos').hidden", PATIENCE)
        .await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_deletion_whose_page_is_left_deletes_nothing() -> Result<()> {
    let (mut front, id) = two_turns().await?;
    choose(&front.page, "d", "Delete").await?;
    front
        .page
        .wait_for("!document.querySelector('#undos').hidden", PATIENCE)
        .await?;
    // What would send it goes with the page.
    front.page.goto(&front.drovers.url).await?;
    let row = format!("document.querySelector('.overview [data-k$=\"/{id}\"]')?.checkVisibility()");
    front.page.wait_for(&row, PATIENCE).await?;
    ensure!(theirs(&front, &id).await?.is_some());
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_are_forked_taken_back_and_brought_back() -> Result<()> {
    let (mut front, id) = two_turns().await?;
    let file = front.server.folder().join("made.txt");
    prompt(&front.page, &format!("write {} v1", file.display())).await?;
    let made = file.clone();
    until("the file", async || Ok(made.exists().then_some(()))).await?;
    front.page.wait_for(AT_REST, PATIENCE).await?;

    let page = &front.page;
    let nth = |role: &str, nth: usize| format!("article.{role}:nth-of-type({nth}) > .more");
    let open = async |page: &Page, button: &str, act: &str| -> Result<()> {
        page.point(page.spot(button).await?).await?;
        page.click(button).await?;
        page.wait_for(MENU_OPEN, PATIENCE).await?;
        page.click(&format!("#message-menu [data-act={act}]")).await
    };
    open(page, &nth("user", 5), "revert").await?;
    page.wait_for("document.querySelector('#confirm').open", PATIENCE)
        .await?;
    // A dialog takes no input before it was in sight for a moment.
    page.eval::<bool>("new Promise(still => setTimeout(() => still(true), 600))")
        .await?;
    page.click("#confirm button[value=yes]").await?;
    page.wait_for("document.querySelector('.turn.reverted')", PATIENCE)
        .await?;
    let gone = file.clone();
    until("the file to be gone", async || {
        Ok((!gone.exists()).then_some(()))
    })
    .await?;
    undo(page).await?;
    page.wait_for("!document.querySelector('.turn.reverted')", PATIENCE)
        .await?;
    let back = file.clone();
    until("the file", async || Ok(back.exists().then_some(()))).await?;

    // Before the second prompt, which is to be written anew; and after the first answer.
    let elsewhere =
        format!("location.pathname.includes('/s/') && !location.pathname.endsWith('{id}')");
    open(page, &nth("user", 3), "fork-message").await?;
    page.wait_for(&elsewhere, PATIENCE).await?;
    page.wait_for(
        "document.querySelector('#text').value === 'say two'",
        PATIENCE,
    )
    .await?;
    let fork = session(page).await?;
    assert_eq!(messages(&front, &fork).await?.len(), 2);
    let page = &front.page;
    page.eval::<bool>("(history.back(), true)").await?;
    page.wait_for(&format!("location.pathname.endsWith('{id}') && document.querySelectorAll('article.turn').length > 4"), PATIENCE)
        .await?;
    open(page, &nth("assistant", 4), "fork-message").await?;
    page.wait_for(&elsewhere, PATIENCE).await?;
    let fork = session(&front.page).await?;
    assert_eq!(messages(&front, &fork).await?.len(), 4);
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_long_press_opens_the_menu_on_a_phone() -> Result<()> {
    let (mut front, id) = two_turns().await?;
    let page = &front.page;
    page.viewport(Viewport::PHONE).await?;
    let title = page.spot(".head .title").await?;
    page.long_tap(title).await?;
    page.wait_for(MENU_OPEN, PATIENCE).await?;
    let small = "[...document.querySelectorAll('#session-menu [role=menuitem]:not([hidden])')]
        .filter(line => line.getBoundingClientRect().height < 44).length";
    assert_eq!(page.eval::<usize>(small).await?, 0);
    let inside = "(box => box.left >= 0 && box.right <= innerWidth && box.bottom <= innerHeight)
        (document.querySelector('#session-menu').getBoundingClientRect())";
    ensure!(page.eval::<bool>(inside).await?, "the menu sticks out");
    page.tap(page.spot("#session-menu [data-act=rename]").await?)
        .await?;
    page.wait_for("document.activeElement.matches('#rename input')", PATIENCE)
        .await?;
    page.write("By thumb").await?;
    page.press("Enter").await?;
    page.wait_for(
        "document.querySelector('h1').innerText.includes('By thumb')",
        PATIENCE,
    )
    .await?;

    // A row of the sheet, held for a moment: it opens its menu, and does not lead anywhere.
    page.tap(page.spot(".head [data-sheet=left]").await?)
        .await?;
    let place = format!("[data-k=\"s:{id}\"] a");
    page.wait_for(&format!("{}?.checkVisibility()", row(&id)), PATIENCE)
        .await?;
    page.long_tap(page.spot(&place).await?).await?;
    page.wait_for(MENU_OPEN, PATIENCE).await?;
    page.tap(page.spot("#session-menu [data-act=archive]").await?)
        .await?;
    let note = format!("!{} && document.querySelector('#undos button')", row(&id));
    page.wait_for(&note, PATIENCE).await?;
    page.tap(page.spot("#undos button").await?).await?;
    page.wait_for(&format!("!!{}", row(&id)), PATIENCE).await?;
    front.page.assert_clean().await
}

/// The command line on the real OpenCode: a folder, a prompt, what it becomes, and its end.
#[tokio::test(flavor = "multi_thread")]
async fn a_session_lives_from_new_to_rm_on_the_command_line() -> Result<()> {
    let bench = Bench::new().await?;
    let hub = bench.drovers_in("proj", &bench.path("log")).await?;
    let drovers = Drovers::of(hub).await?;
    drovers
        .instance(|instance| instance["status"] == "connected")
        .await?;
    let run = async |args: &[&str]| -> Result<String> {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_drovers"));
        command
            .args(args)
            .env("DROVERS_DATA_DIR", bench.path("data"));
        let done = tokio::time::timeout(PATIENCE, command.output()).await??;
        ensure!(done.status.success(), "{args:?}: {done:?}");
        Ok(String::from_utf8(done.stdout)?)
    };
    let folder = bench.path("proj").display().to_string();
    let new = [
        "new",
        &folder,
        "say begun",
        "--title",
        "Roof",
        "--model",
        "scripted/scripted-1",
    ];
    let answer = run(&[&new[..], &["--wait"]].concat()).await?;
    ensure!(answer == "begun\n", "{answer}");
    let shown = run(&["show", "roof"]).await?;
    ensure!(
        shown.contains("── You\n  say begun") && shown.contains("\n  begun"),
        "{shown}"
    );

    let fork = run(&["fork", "roof"]).await?;
    ensure!(fork.contains("Roof (fork #1)"), "{fork}");
    let fork = fork.split_whitespace().next().context("an id")?.to_owned();
    run(&["rename", &fork, "Second roof"]).await?;
    run(&["compact", "second"]).await?;
    run(&["wait", "second"]).await?;
    let shown = run(&["show", "second"]).await?;
    ensure!(shown.contains("compacted"), "{shown}");
    run(&["archive", "second"]).await?;
    ensure!(!run(&["ls", "--all"]).await?.contains("Second roof"));
    run(&["archive", "--undo", "second"]).await?;
    ensure!(run(&["ls", "--all"]).await?.contains("Second roof"));
    run(&["send", "second", "stall 600"]).await?;
    until("the run", async || {
        Ok(run(&["ls"]).await?.contains("Working").then_some(()))
    })
    .await?;
    let stopped = run(&["stop", "--all"]).await?;
    ensure!(stopped == "stopped: Second roof\n", "{stopped}");
    run(&["rm", "--yes", "second"]).await?;
    let left = run(&["ls", "--all"]).await?;
    ensure!(left.contains("Roof") && !left.contains("Second"), "{left}");
    Ok(())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_is_copied_and_exported_from_its_menu() -> Result<()> {
    let (mut front, id) = two_turns().await?;
    let page = &front.page;
    // A browser without a person lets nothing into the clipboard: what would be copied is kept by the page.
    page.eval::<bool>(
        "(navigator.clipboard.write = async ([item]) => {
            window.copied = await (await item.getType('text/plain')).text();
        }, true)",
    )
    .await?;
    let copied = async |page: &Page, what: &str| -> Result<String> {
        page.wait_for(
            &format!("(window.copied ?? '').includes('{what}')"),
            PATIENCE,
        )
        .await?;
        page.eval("(([text]) => { window.copied = ''; return text; })([window.copied])")
            .await
    };
    choose(page, "c", "Copy link").await?;
    let link = copied(page, "http").await?;
    let here: String = page.eval("location.href").await?;
    assert_eq!(link, here);
    choose(page, "c", "Copy as Markdown").await?;
    let markdown = copied(page, "say two").await?;
    ensure!(
        markdown.starts_with("# ") && markdown.contains("## You"),
        "{markdown}"
    );
    choose(page, "c", "Copy the command for a terminal").await?;
    assert_eq!(copied(page, "drovers").await?, format!("drovers open {id}"));

    page.press(".").await?;
    page.wait_for(MENU_OPEN, PATIENCE).await?;
    let exported = "(async () => {
        const [markdown, json] = [...document.querySelectorAll('#session-menu a[data-format]')];
        const read = async (link) => link.hasAttribute('download') && (await (await fetch(link.href)).text());
        const [text, whole] = [await read(markdown), JSON.parse(await read(json))];
        return [text.includes('say two'), whole.session.id, whole.messages.length];
    })()";
    let exported: (bool, String, usize) = page.eval(exported).await?;
    assert_eq!(exported, (true, id, 4));
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_row_of_the_overview_has_the_same_menu() -> Result<()> {
    let (mut front, id) = two_turns().await?;
    let page = &front.page;
    page.goto(&front.drovers.url).await?;
    let row = format!("document.querySelector('.overview [data-k$=\"/{id}\"]')");
    page.wait_for(&format!("{row}?.checkVisibility()"), PATIENCE)
        .await?;
    page.press("j").await?;
    page.wait_for(&format!("{row}.contains(document.activeElement)"), PATIENCE)
        .await?;
    choose(page, "d", "Delete").await?;
    page.wait_for(&format!("!{row}.checkVisibility()"), PATIENCE)
        .await?;
    undo(page).await?;
    page.wait_for(&format!("{row}?.checkVisibility()"), PATIENCE)
        .await?;
    page.press("j").await?;
    choose(page, "a", "Archive").await?;
    page.wait_for(&format!("!{row} && location.pathname === '/'"), PATIENCE)
        .await?;
    undo(page).await?;
    page.wait_for(&format!("{row}?.checkVisibility()"), PATIENCE)
        .await?;
    front.page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn the_focus_of_a_row_that_goes_is_on_its_neighbour_and_an_undo_gives_it_back() -> Result<()>
{
    let mut front = Front::open().await?;
    let page = &front.page;
    for title in ["One", "Two", "Three"] {
        let id = created(&front.server, &json!({ "title": title })).await?;
        page.wait_for(&is_shown(&id), PATIENCE).await?;
    }
    let focused = "document.activeElement.closest('.tree li')?.querySelector('.name').innerText";
    page.eval::<bool>(
        "([...document.querySelectorAll('.tree li > a')].find(link => link.innerText.includes('Two')).focus({ focusVisible: true }), true)",
    )
    .await?;
    choose(page, "a", "Archive").await?;
    page.wait_for(&format!("{focused} === 'One'"), PATIENCE)
        .await?;
    // The last row has nobody behind it.
    choose(page, "d", "Delete").await?;
    page.wait_for(&format!("{focused} === 'Three'"), PATIENCE)
        .await?;
    for left in [1, 0] {
        page.eval::<bool>("(document.querySelector('#undos button').focus(), true)")
            .await?;
        page.press("Enter").await?;
        page.wait_for(
            &format!(
                "document.querySelectorAll('#undos li').length === {left} && {focused} === 'Three'"
            ),
            PATIENCE,
        )
        .await?;
    }
    page.wait_for(
        "document.querySelectorAll('[data-k=tree-list] > li').length === 3",
        PATIENCE,
    )
    .await?;
    front.page.assert_clean().await
}
