//! A review from the prompt to the agent's next turn: what changed, a comment, the prompt that it makes, staged lines, done.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use testkit::chromium::{Chromium, Page, Viewport};

use crate::bench::{Bench, Drovers, LAST_TEXT, PATIENCE, git, page, prompt, repository, until};
use crate::consent::{A_WHILE, pause};

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
    let sum = "fn sum(a: u32, b: u32) -> u32 {\n    a - b\n}\n";
    repository(&folder, &[("sum.rs", sum), ("other.txt", "one\n")])?;
    let (drovers, instance) = Drovers::in_folder(&bench).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    prompt(
        &page,
        "bash sed -i 's/a - b/a + b/' sum.rs && printf '<b>two</b>\\nthree\\nfour\\n' >> other.txt ;; say changed it",
    )
    .await?;
    page.wait_for(&format!("{LAST_TEXT} === 'changed it'"), PATIENCE)
        .await?;
    let session: String = page.eval("location.pathname.split('/s/')[1]").await?;

    // What the session changed is what its server recorded of its prompts.
    let changed = format!("/api/instances/{instance}/review?of=session&session={session}");
    until("the changes of the session", async || {
        let changed = drovers.get(&changed).await?;
        let files = changed["files"].as_array().map_or(0, Vec::len);
        Ok((files == 2).then_some(()))
    })
    .await?;

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
        "document.querySelectorAll('#review .r.add').length === 4",
        PATIENCE,
    )
    .await?;
    let scope = "(document.querySelector('#review [name=scope]').value = 'uncommitted', document.querySelector('#review [name=scope]').dispatchEvent(new Event('change', {bubbles: true})))";
    page.eval::<bool>(scope).await?;
    page.wait_for("document.querySelector('#review .review').dataset.scope === 'uncommitted' && document.querySelectorAll('#review .r.add').length === 4", PATIENCE).await?;
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

    // Lines staged by the keyboard, and no others of the hunk, are what git says is staged.
    press(&page, "n", "document.querySelector('#review [data-at]')").await?;
    press(
        &page,
        "p",
        "document.querySelector('#review .r.add[data-at]')?.innerText.includes('two')",
    )
    .await?;
    press(
        &page,
        "J",
        "document.querySelectorAll('#review .r.add[data-at]').length === 2",
    )
    .await?;
    press(
        &page,
        "s",
        "document.querySelector('#review .file[data-staged]')",
    )
    .await?;
    assert_eq!(
        git(&folder, &["diff", "--cached", "--name-only"])?,
        "other.txt\n"
    );
    assert_eq!(
        git(&folder, &["show", ":other.txt"])?,
        "one\n<b>two</b>\nthree\n"
    );

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

/// A page on the review of what is not committed in a folder of the hub's own, as its first session sees it.
async fn on_review(page: &Page, drovers: &Drovers, instance: &str, session: &str) -> Result<()> {
    let url = format!(
        "{}/i/{instance}/s/{session}/review?of=uncommitted",
        drovers.url
    );
    page.goto(&url).await?;
    page.wait_for(
        "document.querySelector('#review .file [data-loaded]')",
        PATIENCE,
    )
    .await
}

/// A hook of a repository, made of lines of a shell.
fn hook(folder: &Path, name: &str, lines: &str) -> Result<()> {
    let path = folder.join(".git/hooks").join(name);
    fs::create_dir_all(path.parent().context("a folder")?)?;
    program(&path, lines)
}

fn program(path: &Path, lines: &str) -> Result<()> {
    fs::write(path, format!("#!/bin/sh\n{lines}\n"))?;
    Ok(fs::set_permissions(
        path,
        fs::Permissions::from_mode(0o755),
    )?)
}

/// Presses a button of the dialog that commits.
async fn commits(page: &Page, value: &str) -> Result<()> {
    page.click(&format!("#commit button[value={value}]")).await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: from the agent's message over hooks to the pull request.
async fn a_commit_goes_through_its_hooks_to_a_pull_request() -> Result<()> {
    let bench = Bench::new().await?;
    let folder = bench.path("proj");
    repository(&folder, &[("sum.rs", "a - b\n")])?;
    fs::write(folder.join("sum.rs"), "a + b\n")?;
    let remote = bench.path("remote.git");
    let at = remote.to_string_lossy().into_owned();
    git(&folder, &["init", "--quiet", "--bare", &at])?;
    git(&folder, &["remote", "add", "origin", &at])?;
    // A stand-in of GitHub's program, which notes how it was called.
    let tools = bench.path("tools");
    fs::create_dir_all(&tools)?;
    program(
        &tools.join("gh"),
        "echo \"$@\" > gh-was-called; echo https://example.org/pull/7",
    )?;
    let mut command = bench.drovers_in("proj", &bench.path("log")).await?;
    let path = std::env::var("PATH")?;
    command.env("PATH", format!("{}:{path}", tools.display()));
    let (drovers, instance) = Drovers::own(command).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    prompt(&page, "say hello").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'hello'"), PATIENCE)
        .await?;
    let session: String = page.eval("location.pathname.split('/s/')[1]").await?;
    on_review(&page, &drovers, &instance, &session).await?;
    page.eval::<bool>("(document.querySelector('#review').focus(), true)")
        .await?;
    // Nothing is staged that nobody chose, nor in passing.
    let hint = "document.querySelector('#hint:not([hidden])')?.innerText";
    press(&page, "s", &format!("{hint}?.includes('Choose a file')")).await?;
    press(
        &page,
        "N",
        "document.querySelector('#review .file[data-at]')",
    )
    .await?;
    page.press("s").await?;
    page.wait_for(&format!("{hint}?.includes('just before')"), PATIENCE)
        .await?;
    assert_eq!(git(&folder, &["diff", "--cached", "--name-only"])?, "");
    press(
        &page,
        "s",
        "document.querySelector('#review .file[data-staged]')",
    )
    .await?;

    // The agent is asked for a message; the scripted one answers what its prompt says, which is none of its language.
    press(&page, "m", "document.querySelector('#commit').open").await?;
    commits(&page, "suggest").await?;
    page.wait_for(
        "document.querySelector('#commit textarea').value.length > 0",
        PATIENCE,
    )
    .await?;
    page.fill("#commit textarea", "").await?;
    page.fill("#commit textarea", "Add what is to be added")
        .await?;

    // A hook speaks while it runs, and refuses.
    hook(
        &folder,
        "pre-commit",
        "echo looking at the sum; while [ ! -e ../go ]; do sleep 0.05; done; echo 'no <b>test</b> of it'; exit 1",
    )?;
    commits(&page, "commit").await?;
    let printed = "document.querySelector('#commit .printed:not([hidden])')?.innerText";
    page.wait_for(&format!("{printed} === 'looking at the sum'"), PATIENCE)
        .await?;
    fs::write(bench.path("go"), "")?;
    let problem = "document.querySelector('#commit .problem:not([hidden], .quiet)')?.innerText";
    page.wait_for(
        &format!("{problem}?.includes('no <b>test</b> of it')"),
        PATIENCE,
    )
    .await?;
    assert_eq!(git(&folder, &["rev-list", "--count", "HEAD"])?.trim(), "1");

    // The same message passes a hook that agrees.
    hook(&folder, "pre-commit", "echo fine")?;
    commits(&page, "commit").await?;
    page.wait_for("!document.querySelector('#commit')?.open && document.querySelector('#undos')?.innerText.includes('fine')", PATIENCE).await?;
    assert_eq!(
        git(&folder, &["log", "-1", "--format=%s by %an"])?.trim(),
        "Add what is to be added by Ann"
    );
    page.wait_for("document.querySelector('#review .empty')", PATIENCE)
        .await?;

    // Amended, put on a branch of its own, pushed, and proposed.
    press(&page, "m", "document.querySelector('#commit').open").await?;
    page.fill("#commit textarea", "Add the sum").await?;
    page.click("#commit input[name=amend]").await?;
    commits(&page, "commit").await?;
    page.wait_for("!document.querySelector('#commit')?.open", PATIENCE)
        .await?;
    assert_eq!(git(&folder, &["rev-list", "--count", "HEAD"])?.trim(), "2");
    assert_eq!(
        git(&folder, &["log", "-1", "--format=%s"])?.trim(),
        "Add the sum"
    );
    // Enter in the field of the branch begins it, and commits nothing; a message that waits is there again.
    press(&page, "m", "document.querySelector('#commit').open").await?;
    page.fill("#commit textarea", "For later").await?;
    page.press("Escape").await?;
    page.wait_for("!document.querySelector('#commit').open", PATIENCE)
        .await?;
    press(
        &page,
        "r",
        "document.querySelector('#commit textarea')?.value === ''",
    )
    .await?;
    press(
        &page,
        "m",
        "document.querySelector('#commit').open && document.querySelector('#commit textarea').value === 'For later'",
    )
    .await?;
    page.fill("#commit input[name=branch]", "topic/sum").await?;
    page.press("Enter").await?;
    page.wait_for(
        "document.querySelector('.review-head').innerText.includes('topic/sum')",
        PATIENCE,
    )
    .await?;
    press(&page, "m", "document.querySelector('#commit').open").await?;
    commits(&page, "push").await?;
    until("a branch at the remote", async || {
        let pushed = git(&remote, &["log", "-1", "--format=%s", "topic/sum"]);
        Ok(pushed
            .is_ok_and(|subject| subject.trim() == "Add the sum")
            .then_some(()))
    })
    .await?;
    page.wait_for("!document.querySelector('#commit')?.open", PATIENCE)
        .await?;
    press(&page, "m", "document.querySelector('#commit').open").await?;
    commits(&page, "pull_request").await?;
    page.wait_for(
        "document.querySelector('#undos')?.innerText.includes('https://example.org/pull/7')",
        PATIENCE,
    )
    .await?;
    let called = fs::read_to_string(folder.join("gh-was-called"))?;
    assert_eq!(called.trim(), "pr create --fill");
    page.assert_clean().await
}

/// Taps on what is there and has the size of a finger, unless it is a line.
async fn tap(page: &Page, selector: &str) -> Result<()> {
    page.wait_for(&format!("document.querySelector(\"{selector}\")"), PATIENCE)
        .await?;
    let place = format!("document.querySelector(\"{selector}\").getBoundingClientRect()");
    let fits = format!(
        "{place}.top >= 0 && {place}.bottom <= innerHeight && ({place}.height >= 44 || {place}.width > 200)"
    );
    page.wait_for(&fits, PATIENCE).await?;
    page.tap(page.spot(selector).await?).await
}

#[tokio::test(flavor = "multi_thread")]
async fn on_a_phone_lines_are_chosen_staged_and_commented_by_taps() -> Result<()> {
    let bench = Bench::new().await?;
    let folder = bench.path("proj");
    repository(&folder, &[("sum.rs", "a - b\n")])?;
    fs::write(folder.join("sum.rs"), "a + b\n")?;
    let (drovers, instance) = Drovers::in_folder(&bench).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    prompt(&page, "say hello").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'hello'"), PATIENCE)
        .await?;
    let session: String = page.eval("location.pathname.split('/s/')[1]").await?;
    page.viewport(Viewport::PHONE).await?;
    on_review(&page, &drovers, &instance, &session).await?;
    let hint = "document.querySelector('#hint:not([hidden])')?.innerText";
    tap(&page, "#review [data-do=review-stage]").await?;
    page.wait_for(&format!("{hint}?.includes('Choose a file')"), PATIENCE)
        .await?;
    tap(&page, "#review .r.add code").await?;
    page.wait_for(
        "document.querySelector('#review .r.add[data-at]')",
        PATIENCE,
    )
    .await?;
    tap(&page, "#review [data-do=review-comment]").await?;
    page.wait_for(
        "document.activeElement?.matches('#review form.comment textarea')",
        PATIENCE,
    )
    .await?;
    page.write("why?").await?;
    tap(&page, "#review form.comment button.main").await?;
    page.wait_for(
        "document.querySelector('#review aside.comment')?.innerText.includes('why?')",
        PATIENCE,
    )
    .await?;
    tap(&page, "#review .file > header .path").await?;
    page.wait_for("document.querySelector('#review .file[data-at]')", PATIENCE)
        .await?;
    tap(&page, "#review [data-do=review-stage]").await?;
    page.wait_for(
        "document.querySelector('#review .file[data-staged]')",
        PATIENCE,
    )
    .await?;
    tap(&page, "#review [data-do=review-unstage]").await?;
    page.wait_for(
        "!document.querySelector('#review .file[data-staged]')",
        PATIENCE,
    )
    .await?;
    tap(&page, "#review [data-do=review-discard]").await?;
    // A press that comes before anybody can have read the question is none.
    page.wait_for("document.querySelector('#confirm').open", PATIENCE)
        .await?;
    pause(&page, A_WHILE).await?;
    tap(&page, "#confirm button[value=yes]").await?;
    page.wait_for("document.querySelector('#review .empty')", PATIENCE)
        .await?;
    assert_eq!(fs::read_to_string(folder.join("sum.rs"))?, "a - b\n");
    tap(&page, "#review [data-do=review-next]").await?;
    page.wait_for(&format!("{hint}?.includes('No other session')"), PATIENCE)
        .await?;
    // Esc leads back to the session: nothing else is open.
    let to = format!("location.pathname === '/i/{instance}/s/{session}'");
    press(&page, "Escape", &to).await?;
    page.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: two devices, and each kind of mark.
async fn marks_and_comments_of_another_device_come_by_themselves() -> Result<()> {
    let bench = Bench::new().await?;
    let folder = bench.path("proj");
    repository(&folder, &[])?;
    for name in ["a.txt", "b.txt"] {
        fs::write(folder.join(name), "new\n")?;
    }
    let (drovers, instance) = Drovers::in_folder(&bench).await?;
    // A browser for each: of one, the page behind is hidden.
    let (browser, phone) = (Chromium::start().await?, Chromium::start().await?);
    let path = format!("/i/{instance}");
    let (mut one, mut other) = (
        page(&browser, &drovers, &path).await?,
        page(&phone, &drovers, &path).await?,
    );
    prompt(&one, "say hello").await?;
    one.wait_for(&format!("{LAST_TEXT} === 'hello'"), PATIENCE)
        .await?;
    let session: String = one.eval("location.pathname.split('/s/')[1]").await?;
    on_review(&other, &drovers, &instance, &session).await?;
    on_review(&one, &drovers, &instance, &session).await?;
    // Lines that are long on their way come while the list is drawn anew.
    one.eval::<bool>("(window.realFetch = fetch, window.fetch = async (...of) => { const answer = await realFetch(...of); if (String(of[0]).includes('/file?')) await new Promise(done => setTimeout(done, 400)); return answer; }, true)").await?;
    let first = "document.querySelector('#review .file[data-path=\"a.txt\"]')";
    one.click("#review .file[data-path='a.txt'] [data-do=review-viewed]")
        .await?;
    other
        .wait_for(
            &format!("{first}.dataset.viewed === 'yes' && {first}.hasAttribute('data-fold') && document.querySelector('.viewed-count').innerText === '1'"),
            PATIENCE,
        )
        .await?;
    let writes = "document.activeElement?.matches('#review form.comment textarea')";
    one.click("#review .file[data-path='b.txt'] [data-do=comment-file]")
        .await?;
    one.wait_for(writes, PATIENCE).await?;
    one.fill("#review form.comment textarea", "Why this file?")
        .await?;
    one.click("#review form.comment button.main").await?;
    one.wait_for(
        "document.querySelector('#review aside.comment')?.innerText.includes('Why this file?')",
        PATIENCE,
    )
    .await?;
    let comment = "[...document.querySelectorAll('#review aside.comment')].some(one => one.innerText.includes('Why this file?'))";
    other.wait_for(comment, PATIENCE).await?;
    other
        .wait_for(
            "document.querySelector('[data-do=review-send]').innerText.startsWith('Send 1 comment to ')",
            PATIENCE,
        )
        .await?;
    // What is written on one device stays while the other one deletes.
    other
        .click("#review .file[data-path='b.txt'] [data-do=comment-file]")
        .await?;
    other.wait_for(writes, PATIENCE).await?;
    other
        .fill("#review form.comment textarea", "half a thought")
        .await?;
    one.click("#review aside.comment [data-do=comment-delete]")
        .await?;
    one.wait_for(&format!("!{comment}"), PATIENCE).await?;
    other
        .wait_for(
            "document.querySelector('[data-do=review-send]').innerText === 'Back to the agent'",
            PATIENCE,
        )
        .await?;
    ensure!(
        other
            .eval::<bool>(
                "document.querySelector('#review form.comment textarea').value === 'half a thought'"
            )
            .await?
    );
    // What was written and not saved is there again, after the page was left as well.
    other.press("Escape").await?;
    other
        .wait_for("!document.querySelector('#review form.comment')", PATIENCE)
        .await?;
    on_review(&other, &drovers, &instance, &session).await?;
    other
        .click("#review .file[data-path='b.txt'] [data-do=comment-file]")
        .await?;
    other
        .wait_for(
            "document.querySelector('#review form.comment textarea')?.value === 'half a thought'",
            PATIENCE,
        )
        .await?;
    other.click("#review [data-do=comment-cancel]").await?;
    other.wait_for(&format!("!{comment}"), PATIENCE).await?;
    one.assert_clean().await?;
    other.assert_clean().await
}

/// The list of changes comes late, and counts that it was drawn.
const LATE_LIST: &str =
    "(window.lists = 0, window.realFetch = fetch, window.fetch = async (...of) => {
    const answer = await realFetch(...of);
    if (String(of[0]).startsWith(document.querySelector('#review').dataset.url + '?')) {
        await new Promise(done => setTimeout(done, 1500));
        setTimeout(() => { lists += 1; }, 200);
    }
    return answer;
}, true)";

#[tokio::test(flavor = "multi_thread")]
async fn a_commit_that_is_being_written_stays_when_the_list_comes_anew() -> Result<()> {
    let bench = Bench::new().await?;
    let folder = bench.path("proj");
    repository(&folder, &[("a.txt", "one\n")])?;
    fs::write(folder.join("a.txt"), "one\ntwo\n")?;
    let (drovers, instance) = Drovers::in_folder(&bench).await?;
    let browser = Chromium::start().await?;
    let mut page = page(&browser, &drovers, &format!("/i/{instance}")).await?;
    prompt(&page, "say hello").await?;
    page.wait_for(&format!("{LAST_TEXT} === 'hello'"), PATIENCE)
        .await?;
    let session: String = page.eval("location.pathname.split('/s/')[1]").await?;
    on_review(&page, &drovers, &instance, &session).await?;
    page.eval::<bool>(LATE_LIST).await?;
    page.eval::<bool>("(document.querySelector('#review').focus(), true)")
        .await?;
    pause(&page, A_WHILE).await?;
    page.press("r").await?;
    page.press("m").await?;
    page.wait_for("document.querySelector('#commit:modal')", PATIENCE)
        .await?;
    page.fill("#commit textarea", "Say two").await?;
    page.wait_for("lists === 1", PATIENCE).await?;
    let stays = "document.querySelector('#commit:modal textarea') === document.activeElement
        && document.activeElement.value === 'Say two' && document.querySelectorAll('#commit').length === 1
        && document.querySelectorAll('#review .file').length === 1";
    page.wait_for(stays, PATIENCE).await?;
    page.assert_clean().await
}
