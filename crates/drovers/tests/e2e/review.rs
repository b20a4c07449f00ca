//! A review from the prompt to the agent's next turn: what changed, a comment, the prompt that it makes, staged lines, done.

use std::fs;
use std::path::Path;
use std::process::Command;

use anyhow::{Result, ensure};
use testkit::chromium::{Chromium, Page, Viewport};

use crate::bench::{Bench, Drovers, LAST_TEXT, PATIENCE, page, prompt, until};
use crate::consent::{A_WHILE, pause};

fn git(folder: &Path, args: &[&str]) -> Result<String> {
    let done = Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
        .args(args)
        .current_dir(folder)
        .output()?;
    ensure!(done.status.success(), "git {args:?}: {done:?}");
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Presses a key and waits until the page shows what it did.
async fn press(page: &Page, key: &str, shows: &str) -> Result<()> {
    pause(page, A_WHILE).await?;
    page.press(key).await?;
    page.wait_for(shows, PATIENCE).await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one walk from the changes to the commit.
async fn changes_are_reviewed_commented_sent_back_and_committed() -> Result<()> {
    let bench = Bench::new().await?;
    let folder = bench.path("proj");
    fs::create_dir_all(&folder)?;
    git(&folder, &["init", "--quiet", "--initial-branch=main"])?;
    fs::write(
        folder.join("sum.rs"),
        "fn sum(a: u32, b: u32) -> u32 {\n    a - b\n}\n",
    )?;
    fs::write(folder.join("other.txt"), "one\n")?;
    git(&folder, &["add", "--all"])?;
    git(&folder, &["commit", "--quiet", "--message", "first"])?;

    let command = bench.drovers_in("proj", &bench.path("log")).await?;
    let drovers = Drovers::of(command).await?;
    let instance = drovers
        .instance(|instance| instance["folder"].is_string() && instance["status"] == "connected")
        .await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    prompt(
        &page,
        "bash sed -i 's/a - b/a + b/' sum.rs && echo '<b>two</b>' >> other.txt ;; say changed it",
    )
    .await?;
    page.wait_for(&format!("{LAST_TEXT} === 'changed it'"), PATIENCE)
        .await?;
    let session: String = page.eval("location.pathname.split('/s/')[1]").await?;

    // `d` opens the review; it names folder, branch and base.
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    press(
        &page,
        "d",
        "document.querySelectorAll('#review .file').length === 2",
    )
    .await?;
    page.wait_for(
        "document.querySelectorAll('#review .r.add').length === 2",
        PATIENCE,
    )
    .await?;
    let scope = "(document.querySelector('#review [name=scope]').value = 'uncommitted', document.querySelector('#review [name=scope]').dispatchEvent(new Event('change', {bubbles: true})))";
    page.eval::<bool>(scope).await?;
    page.wait_for("document.querySelector('#review .review').dataset.scope === 'uncommitted' && document.querySelectorAll('#review .r.add').length === 2", PATIENCE).await?;
    let head: String = page
        .eval("document.querySelector('.review-head').innerText")
        .await?;
    ensure!(
        head.contains("proj")
            && head.contains("on branch main")
            && head.contains("the last commit"),
        "{head}"
    );
    ensure!(
        page.eval::<bool>("document.querySelector('#review .r.add b') !== null")
            .await?,
        "words are marked"
    );
    ensure!(
        !page
            .eval::<bool>("document.querySelector('#review code b b') !== null")
            .await?
    );

    // Hunk by hunk, then a comment on the line that came.
    press(
        &page,
        "n",
        "document.querySelector('#review .r.add[data-at]')?.innerText.includes('<b>two</b>')",
    )
    .await?;
    press(
        &page,
        "n",
        "document.querySelector('#review .r[data-at]')?.innerText.includes('a - b')",
    )
    .await?;
    press(
        &page,
        "j",
        "document.querySelector('#review .r.add[data-at]')?.innerText.includes('a + b')",
    )
    .await?;
    press(
        &page,
        "c",
        "document.activeElement?.matches('#review form.comment textarea')",
    )
    .await?;
    page.fill("#review form.comment textarea", "say and a test of it")
        .await?;
    page.click("#review form.comment button.main").await?;
    page.wait_for("document.querySelector('#review aside.comment[data-state=draft]')?.innerText.includes('and a test')", PATIENCE).await?;
    press(&page, "|", "document.querySelectorAll('#review .r.pair').length >= 4 && document.querySelector('#review aside.comment')").await?;
    press(&page, "|", "!document.querySelector('#review .r.pair')").await?;
    page.viewport(Viewport::PHONE).await?;
    ensure!(
        page.eval::<bool>("document.documentElement.scrollWidth <= innerWidth")
            .await?,
        "it fits a phone"
    );
    page.viewport(Viewport::DESKTOP).await?;

    // One line staged by the keyboard is what git says is staged.
    press(&page, "n", "document.querySelector('#review [data-at]')").await?;
    press(
        &page,
        "p",
        "document.querySelector('#review .r.add[data-at]')?.innerText.includes('two')",
    )
    .await?;
    press(
        &page,
        "s",
        "document.querySelector('#review .file[data-staged]')",
    )
    .await?;
    let staged = git(&folder, &["diff", "--cached", "--name-only"])?;
    assert_eq!(staged, "other.txt\n");

    // The comment goes to the agent, as one prompt with file, line and code.
    press(
        &page,
        "R",
        &format!("location.pathname === '/i/{instance}/s/{session}'"),
    )
    .await?;
    page.wait_for(
        "/sum\\.rs`?, line 2/.test(document.querySelector('#log').innerText)",
        PATIENCE,
    )
    .await?;
    until("an end of the turn", async || {
        let path = format!("/api/instances/{instance}/sessions/{session}");
        let session = drovers.get(&path).await?;
        Ok((session["status"]["type"] == "idle" || session["status"] == "idle").then_some(()))
    })
    .await?;
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    press(
        &page,
        "d",
        "document.querySelector('#review aside.comment[data-state=answered]')",
    )
    .await?;
    press(&page, "]", "document.querySelector('#hint:not([hidden])')").await?;
    press(
        &page,
        "e",
        "document.querySelector('#undos')?.innerText.includes('Accepted')",
    )
    .await?;
    page.assert_clean().await
}
