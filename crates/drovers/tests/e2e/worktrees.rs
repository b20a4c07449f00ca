//! Sessions in work trees of their own, from the key to the way back, and sessions that get into each other's way: a real OpenCode in a
//! real repository.

use std::fs;
use std::path::PathBuf;

use anyhow::{Context, Result, ensure};
use serde_json::{Value, json};
use testkit::chromium::{Chromium, Page, Viewport};

use crate::bench::{Bench, Drovers, LAST_TEXT, PATIENCE, git, page, repository, until};
use crate::consent::{A_WHILE, pause};

/// A repository with one commit of these files, and the hub's own OpenCode in it.
struct Scene {
    bench: Bench,
    folder: PathBuf,
    drovers: Drovers,
    instance: String,
}

impl Scene {
    async fn new(files: &[(&str, &str)]) -> Result<Self> {
        let bench = Bench::new().await?;
        let folder = bench.path("proj");
        fs::create_dir_all(&folder)?;
        let folder = folder.canonicalize()?;
        repository(&folder, files)?;
        let (drovers, instance) = Drovers::in_folder(&bench).await?;
        Ok(Self {
            bench,
            folder,
            drovers,
            instance,
        })
    }

    fn tree(&self, name: &str) -> PathBuf {
        self.folder.with_file_name("proj-worktrees").join(name)
    }

    async fn post(&self, path: &str, body: &Value) -> Result<Value> {
        let url = format!("{}/api/instances/{}{path}", self.drovers.url, self.instance);
        let sent = reqwest::Client::new().post(url).json(body).send().await?;
        let (status, text) = (sent.status(), sent.text().await?);
        ensure!(status.is_success(), "{path}: {status} {text}");
        Ok(serde_json::from_str(&text).unwrap_or_default())
    }

    /// A session in a folder that runs a prompt.
    async fn session(&self, title: &str, text: &str) -> Result<String> {
        let made = self.post("/sessions", &json!({ "title": title })).await?;
        let id = made["id"].as_str().context("an id")?.to_owned();
        self.post(&format!("/sessions/{id}/prompt"), &json!({ "text": text }))
            .await?;
        Ok(id)
    }

    async fn command(&self, args: &[&str]) -> Result<(bool, String, String)> {
        let mut command = tokio::process::Command::new(env!("CARGO_BIN_EXE_drovers"));
        command
            .args(args)
            .env("DROVERS_DATA_DIR", self.bench.path("data"));
        let done = tokio::time::timeout(PATIENCE, command.output()).await??;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        Ok((done.status.success(), text(done.stdout), text(done.stderr)))
    }
}

/// Presses a key outside of any field, and waits until the page shows what it did.
async fn press(page: &Page, keys: &[&str], shows: &str) -> Result<()> {
    page.eval::<bool>("(document.activeElement.blur(), true)")
        .await?;
    pause(page, A_WHILE).await?;
    for key in keys {
        page.press(key).await?;
    }
    page.wait_for(shows, PATIENCE).await
}

const OPEN_NEW: &str = "document.querySelector('#worktree[open] textarea')";
const OPEN_LIST: &str = "document.querySelector('#worktrees[open] .tree-of')";

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one work tree from the key to its removal and back.
async fn a_session_gets_a_work_tree_of_its_own_and_its_branch_comes_back() -> Result<()> {
    let scene = Scene::new(&[
        ("a.txt", "one\n"),
        (".gitignore", ".env\n"),
        (".worktreeinclude", ".env\n"),
        (
            ".drovers/setup.sh",
            "echo installing '<b>'; cp .env ready; sleep 1\n",
        ),
    ])
    .await?;
    fs::write(scene.folder.join(".env"), "KEY=1\n")?;
    let browser = Chromium::start().await?;
    let path = format!("/i/{}", scene.instance);
    let mut page = page(&browser, &scene.drovers, &path).await?;
    press(&page, &["W"], OPEN_NEW).await?;
    let dialog: String = page
        .eval("document.querySelector('#worktree').innerText")
        .await?;
    for shown in [
        "main",
        "proj-worktrees",
        "1 ignored file",
        "echo installing '<b>'",
        ".drovers/setup.sh",
    ] {
        ensure!(dialog.contains(shown), "{shown}: {dialog}");
    }
    page.fill(
        "#worktree textarea",
        "bash cat .env ready > made && git branch --show-current >> made ;; say made it",
    )
    .await?;
    // Nothing is chosen for a person: without a choice the form is not sent.
    page.click("#worktree button.main").await?;
    ensure!(page.eval::<bool>("document.querySelector('#worktree form:invalid') !== null && document.querySelector('#worktree .making').hidden").await?);
    page.fill("#worktree [name=name]", "fix the login").await?;
    page.click("#worktree [value=run]").await?;
    page.click("#worktree textarea").await?;
    page.press("Control+Enter").await?;
    page.wait_for("document.querySelector('#worktree .problem:not([hidden])')?.innerText.includes('cannot be the name of a branch')", PATIENCE).await?;
    page.fill("#worktree [name=name]", "fix-login").await?;
    page.press("Enter").await?;
    page.wait_for("document.querySelector('#worktree [data-output]:not([hidden])')?.innerText.includes(\"installing <b>\")", PATIENCE).await?;
    page.wait_for(
        &format!("location.pathname.includes('/s/') && {LAST_TEXT} === 'made it'"),
        PATIENCE,
    )
    .await?;
    page.wait_for(
        "document.querySelector('[data-k=composer]')?.dataset.running === undefined && !/Working/.test(document.querySelector('.tree li .word')?.innerText ?? '')",
        PATIENCE,
    )
    .await?;
    let tree = scene.tree("fix-login");
    assert_eq!(
        fs::read_to_string(tree.join("made"))?,
        "KEY=1\nKEY=1\nfix-login\n"
    );
    assert_eq!(fs::read_to_string(scene.folder.join("a.txt"))?, "one\n");
    ensure!(
        !scene.folder.join("made").exists(),
        "the folder itself is untouched"
    );

    // The list has its branch, what is not committed, and its session; nothing is merged or removed that would be lost.
    press(&page, &["g", "w"], OPEN_LIST).await?;
    let row = "[...document.querySelectorAll('#worktrees .tree-of')].find(row => row.dataset.branch === 'fix-login')";
    let text: String = page.eval(&format!("{row}.innerText")).await?;
    ensure!(
        text.contains("2 files are not committed")
            && text.contains("same as main")
            && text.contains("made, ready"),
        "{text}"
    );
    ensure!(
        page.eval::<bool>(&format!("{row}.querySelectorAll('.within a').length === 1"))
            .await?
    );
    page.click("#worktrees [data-branch='fix-login'] [data-act=remove]")
        .await?;
    page.wait_for("document.querySelector('#confirm[open]')?.innerText.includes('2 files that are not committed')", PATIENCE).await?;
    pause(&page, A_WHILE).await?;
    page.click("#confirm button[value=no]").await?;
    page.wait_for("!document.querySelector('#confirm[open]')", PATIENCE)
        .await?;
    ensure!(tree.exists());
    page.press("Escape").await?;
    page.wait_for("!document.querySelector('dialog[open]')", PATIENCE)
        .await?;
    git(&tree, &["add", "--all"])?;
    git(&tree, &["commit", "--quiet", "--message", "made"])?;

    // Another branch can be chosen, for which the merge is tried at once; what it did not take is said.
    git(&scene.folder, &["branch", "release"])?;
    git(&scene.folder, &["branch", "taken", "fix-login"])?;
    press(&page, &["g", "w"], OPEN_LIST).await?;
    let into = "document.querySelector('#worktrees [data-branch=\"fix-login\"] [name=into]')";
    assert_eq!(page.eval::<String>(&format!("{into}.value")).await?, "main");
    let choose = |branch: &str| {
        format!(
            "({into}.value = '{branch}', {into}.dispatchEvent(new Event('change', {{ bubbles: true }})))"
        )
    };
    page.eval::<bool>(&choose("release")).await?;
    page.wait_for("document.querySelector('#worktrees [data-branch=\"fix-login\"] .tried:not([hidden])')?.innerText === 'Nothing conflicts: 1 commit would go to release.'", PATIENCE).await?;
    page.eval::<bool>(&choose("taken")).await?;
    page.wait_for("document.querySelector('#worktrees [data-branch=\"fix-login\"] .problem:not([hidden])')?.innerText.includes('taken has all commits of fix-login already')", PATIENCE).await?;
    page.eval::<bool>(&choose("release")).await?;
    page.click("#worktrees [data-branch='fix-login'] [data-act=merge]")
        .await?;
    page.wait_for("document.querySelector('#confirm[open]')?.innerText.includes('Bring 1 commit of fix-login to release?')", PATIENCE).await?;
    pause(&page, A_WHILE).await?;
    page.click("#confirm button[value=yes]").await?;
    page.wait_for(
        "document.querySelector('#undos')?.innerText.includes('fix-login is in release now')",
        PATIENCE,
    )
    .await?;
    ensure!(git(&scene.folder, &["ls-tree", "--name-only", "release"])?.contains("made"));
    ensure!(!scene.folder.join("made").exists());

    // Merged after the dry run, into the branch that it began at.
    press(&page, &["g", "w"], OPEN_LIST).await?;
    page.click("#worktrees [data-branch='fix-login'] [data-act=merge]")
        .await?;
    page.wait_for("document.querySelector('#confirm[open]')?.innerText.includes('Nothing conflicts. Bring 1 commit of fix-login to main?')", PATIENCE).await?;
    pause(&page, A_WHILE).await?;
    page.click("#confirm button[value=yes]").await?;
    page.wait_for(
        "document.querySelector('#undos')?.innerText.includes('fix-login is in main now')",
        PATIENCE,
    )
    .await?;
    ensure!(scene.folder.join("made").exists());

    // Removed, with its session archived; the undo brings both back.
    press(&page, &["g", "w"], OPEN_LIST).await?;
    page.click("#worktrees [data-branch='fix-login'] [data-act=remove]")
        .await?;
    page.wait_for(
        "document.querySelector('#undos')?.innerText.includes('Removed fix-login')",
        PATIENCE,
    )
    .await?;
    ensure!(!tree.exists());
    assert_eq!(git(&scene.folder, &["branch", "--list", "fix-login"])?, "");
    page.click("#undos li:last-child button").await?;
    page.wait_for(
        "document.querySelector('#undos')?.innerText.includes('fix-login is back')",
        PATIENCE,
    )
    .await?;
    ensure!(tree.join("made").exists());
    page.viewport(Viewport::PHONE).await?;
    press(&page, &["g", "w"], OPEN_LIST).await?;
    ensure!(page.eval::<bool>("document.documentElement.scrollWidth <= innerWidth && document.querySelector('#worktrees').scrollWidth <= innerWidth").await?);
    // What was refused on purpose: a name that none can have, and a removal that would lose something.
    page.assert_clean_but(&["status of 422", "status of 409"])
        .await
}

/// Texts of the clashes in the overview, by title of their row.
const CLASHES: &str = "[...document.querySelectorAll('.overview li')].filter(row => row.querySelector('.clash')).map(row => row.querySelector('.name').innerText + ': ' + row.querySelector('.clash').innerText.trim()).sort()";

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_change_one_file_are_told_on_both_rows() -> Result<()> {
    let scene = Scene::new(&[("a.txt", "one\n")]).await?;
    let path = scene.folder.join("notes.txt");
    let write = format!("write {} one ;; bash sleep 600", path.display());
    scene.session("One", &write).await?;
    let browser = Chromium::start().await?;
    let mut overview = page(&browser, &scene.drovers, "/").await?;
    overview
        .wait_for(
            "document.querySelector('.overview .doing code')?.innerText === 'sleep 600'",
            PATIENCE,
        )
        .await?;
    ensure!(
        overview
            .eval::<bool>("document.querySelector('.clash') === null")
            .await?
    );
    // The other names the same file in another way.
    scene
        .session("Two", "write ./notes.txt two ;; bash sleep 600")
        .await?;
    overview
        .wait_for(&format!("{CLASHES}.length === 2"), PATIENCE)
        .await?;
    let clashes: Vec<String> = overview.eval(CLASHES).await?;
    assert_eq!(
        clashes,
        [
            "One: Changes notes.txt as well as “Two”.",
            "Two: Changes notes.txt as well as “One”."
        ]
    );
    let (done, listed, _) = scene.command(&["ls"]).await?;
    ensure!(
        done && listed.contains("! Changes notes.txt as well as “Two”"),
        "{listed}"
    );
    let sessions = scene
        .drovers
        .get(&format!("/api/instances/{}/sessions", scene.instance))
        .await?;
    ensure!(
        sessions
            .as_array()
            .context("a list")?
            .iter()
            .all(|one| one["clashes"][0]["kind"] == "files")
    );
    overview
        .goto(&format!("{}/i/{}", scene.drovers.url, scene.instance))
        .await?;
    overview
        .wait_for(
            "document.querySelectorAll('.tree .clash').length === 2",
            PATIENCE,
        )
        .await?;
    overview.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
async fn branches_that_would_conflict_are_told_before_anybody_merges() -> Result<()> {
    let scene = Scene::new(&[("a.txt", "one\ntwo\nthree\n"), ("b.txt", "b\n")]).await?;
    let browser = Chromium::start().await?;
    let mut overview = page(&browser, &scene.drovers, "/").await?;
    for (title, change) in [("Left", "2"), ("Right", "II"), ("Other", "")] {
        let text = match change {
            "" => "edit b.txt b=>B ;; bash sleep 600".to_owned(),
            change => format!("edit a.txt two=>{change} ;; bash sleep 600"),
        };
        let text = format!("read a.txt ;; read b.txt ;; {text}");
        let body = json!({ "prompt": { "text": text }, "title": title, "name": title });
        scene.post("/worktrees", &body).await?;
    }
    // Without a session the start page was that of the instance: its tree has the marks as well.
    let marks = "document.querySelectorAll('.tree .clash').length === 2";
    overview.wait_for(marks, PATIENCE).await?;
    overview.goto(&scene.drovers.url).await?;
    overview
        .wait_for(&format!("{CLASHES}.length === 2"), PATIENCE)
        .await?;
    let clashes: Vec<String> = overview.eval(CLASHES).await?;
    assert_eq!(
        clashes,
        [
            "Left: Would conflict with “Right” in a.txt.",
            "Right: Would conflict with “Left” in a.txt."
        ]
    );
    assert_eq!(git(&scene.folder, &["status", "--porcelain"])?, "");
    overview.assert_clean().await
}

#[tokio::test(flavor = "multi_thread")]
// Longer than 70 lines: one work tree by all commands.
async fn the_command_line_makes_lists_merges_and_removes_work_trees() -> Result<()> {
    let scene = Scene::new(&[("a.txt", "one\n"), (".drovers/setup.sh", "echo set up\n")]).await?;
    let instance = scene.instance.as_str();
    let prompt = "bash echo two >> a.txt && git commit --quiet --all --message two ;; say done it";
    let new = [
        "new",
        "--on",
        instance,
        prompt,
        "--worktree",
        "--branch",
        "add-two",
        "--wait",
    ];
    let (done, _, said) = scene.command(&new).await?;
    ensure!(
        !done && said.contains("echo set up") && said.contains("--allow-setup"),
        "{said}"
    );
    let allowed: Vec<&str> = new.into_iter().chain(["--allow-setup"]).collect();
    let (done, answer, said) = scene.command(&allowed).await?;
    ensure!(done && answer.trim() == "done it", "{answer} {said}");
    ensure!(
        said.contains("set up\n") && said.contains("on branch add-two"),
        "{said}"
    );
    let (done, listed, _) = scene.command(&["worktree", "ls", instance]).await?;
    ensure!(
        done && listed.contains("add-two") && listed.contains("1 ahead of main, 0 behind"),
        "{listed}"
    );
    let merge = ["worktree", "merge", instance, "add-two"];
    let dry: Vec<&str> = merge.into_iter().chain(["--dry-run"]).collect();
    let (done, tried, _) = scene.command(&dry).await?;
    ensure!(done && tried.contains("nothing conflicts"), "{tried}");
    let (done, _, said) = scene
        .command(&["worktree", "rm", instance, "add-two"])
        .await?;
    ensure!(
        !done && said.contains("1 commit that is on no other branch"),
        "{said}"
    );
    let (done, merged, said) = scene.command(&merge).await?;
    ensure!(
        done && merged.contains("add-two is in main now"),
        "{merged} {said}"
    );
    assert_eq!(
        fs::read_to_string(scene.folder.join("a.txt"))?,
        "one\ntwo\n"
    );
    let (done, removed, said) = scene
        .command(&["worktree", "rm", instance, "add-two", "--json"])
        .await?;
    ensure!(done, "{said}");
    let removed: Value = serde_json::from_str(&removed)?;
    ensure!(!scene.tree("add-two").exists());
    let kept = removed["kept"].as_str().context("a name")?;
    let (done, restored, said) = scene
        .command(&["worktree", "restore", instance, kept])
        .await?;
    ensure!(
        done && restored.contains("add-two") && scene.tree("add-two").exists(),
        "{restored} {said}"
    );
    until("the session that came back", async || {
        let sessions = scene
            .drovers
            .get(&format!("/api/instances/{instance}/sessions"))
            .await?;
        let all = sessions.as_array().context("a list")?.iter();
        Ok(all
            .into_iter()
            .any(|one| one["directory"] == json!(scene.tree("add-two")))
            .then_some(()))
    })
    .await
}
