//! Reviews over HTTP: the page, marks, comments, and what git does at a person's request.
//! Longer than 600 lines: one scene, and a test for each of these.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;

use futures_util::SinkExt;
use reqwest::Method;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::Message;

use crate::feeds::{Socket, frame, open};
use crate::git::git;
use crate::lab::{Answer, Lab, SOON, launcher, send};

/// A hub whose instance is a folder with a repository.
pub(crate) struct Scene {
    pub(crate) lab: Lab,
    pub(crate) folder: PathBuf,
    instance: String,
    session: String,
}

impl Scene {
    pub(crate) async fn new() -> Self {
        let fake = FakeServer::start(FakeOptions::default()).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let launcher = launcher(&fake, home.path());
        let lab = Lab::at(home, fake, hub::HubOptions::new(launcher)).await;
        let folder = lab.home.path().canonicalize().unwrap().join("own");
        fs::create_dir(&folder).unwrap();
        let body = json!({"folder": folder, "trust": true});
        let added = send(lab.request(Method::POST, "/api/instances").json(&body)).await;
        let instance = added.good()["id"].as_str().unwrap().to_owned();
        lab.connected(&instance).await;
        let path = format!("/api/instances/{instance}/sessions");
        let body = json!({"directory": folder});
        let made = send(lab.request(Method::POST, &path).json(&body))
            .await
            .good();
        let session = made["id"].as_str().unwrap().to_owned();
        Self {
            lab,
            folder,
            instance,
            session,
        }
    }

    pub(crate) fn repository(&self) {
        git(&self.folder, &["init", "--quiet", "--initial-branch=main"]);
        fs::write(self.folder.join("a b.rs"), "fn one() {}\nfn two() {}\n").unwrap();
        self.commit("first");
        fs::write(
            self.folder.join("a b.rs"),
            "fn one() {}\nfn 2() { \"<script>\" }\n",
        )
        .unwrap();
    }

    pub(crate) fn commit(&self, message: &str) {
        let who = ["-c", "user.name=A", "-c", "user.email=a@b"];
        git(&self.folder, &["add", "--all"]);
        git(
            &self.folder,
            &[&who[..], &["commit", "--quiet", "--message", message]].concat(),
        );
    }

    /// A hook of the repository, made of the lines of a shell.
    fn hook(&self, name: &str, lines: &str) {
        let path = self.folder.join(".git/hooks").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, format!("#!/bin/sh\n{lines}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        self.lab
            .get(
                &path
                    .replace("INSTANCE", &self.instance)
                    .replace("SESSION", &self.session),
            )
            .await
    }

    async fn ask(&self, method: Method, path: &str, body: Value) -> Answer {
        let path = path
            .replace("INSTANCE", &self.instance)
            .replace("SESSION", &self.session);
        send(self.lab.request(method, &path).json(&body)).await
    }
}

const API: &str = "/api/instances/INSTANCE/review";
const QUERY: &str = "of=uncommitted&session=SESSION&path=a%2520b.rs";

#[tokio::test]
async fn a_review_has_a_page_a_list_and_lines() {
    let scene = Scene::new().await;
    for path in ["/i/INSTANCE/s/SESSION/review", "/i/INSTANCE/review"] {
        let page = scene.get(path).await;
        assert_eq!(page.status, 200);
        assert!(
            page.text.contains("id=\"review\"") && page.text.contains("data-review"),
            "{path}"
        );
    }
    // Without git a session shows what its server recorded.
    let list = scene.get("/fragment/review/INSTANCE?session=SESSION").await;
    assert!(
        list.text.contains("data-scope=\"session\""),
        "{}",
        list.text
    );
    let list = scene
        .get("/fragment/review/INSTANCE?session=SESSION&of=uncommitted")
        .await;
    assert!(
        list.text.contains("in no git repository") && list.text.contains("git init"),
        "{}",
        list.text
    );
    scene
        .get(&format!("{API}?session=SESSION&of=uncommitted"))
        .await
        .problem_kind(404, "git");
    scene.repository();
    let list = scene.get("/fragment/review/INSTANCE?session=SESSION").await;
    for wanted in [
        "a b.rs",
        "on branch main",
        "the last commit",
        "data-path=\"a%20b.rs\"",
    ] {
        assert!(list.text.contains(wanted), "{wanted}: {}", list.text);
    }
    let file = scene
        .get(&format!("/fragment/review/INSTANCE/file?{QUERY}"))
        .await;
    assert!(
        file.text.contains("class=\"r del\"") && file.text.contains("data-n=\"2\""),
        "{}",
        file.text
    );
    assert!(!file.text.contains("<script>"), "{}", file.text);
    let split = scene
        .get(&format!(
            "/fragment/review/INSTANCE/file?{QUERY}&split=true"
        ))
        .await;
    assert!(split.text.contains("class=\"r pair\""));
    let json = scene.get(&format!("{API}?session=SESSION")).await.good();
    assert_eq!(json["files"][0]["path"], "a%20b.rs");
    assert_eq!(
        (&json["branch"], &json["of"]),
        (&json!("main"), &json!("uncommitted"))
    );
    let patch = scene.get(&format!("{API}/patch?{QUERY}")).await;
    assert!(
        patch.text.contains("-fn two() {}\n+fn 2()"),
        "{}",
        patch.text
    );
    let none = scene.get("/api/review/next").await.good();
    assert_eq!(none["path"], Value::Null);
}

#[tokio::test]
// Longer than 70 lines: one comment from its writing to its sending.
async fn comments_are_shared_kept_and_sent_as_one_prompt() {
    let scene = Scene::new().await;
    scene.repository();
    let comments = format!("{API}/comments?{QUERY}");
    let first = scene
        .ask(
            Method::POST,
            &comments,
            json!({"side": "new", "line": 2, "text": "Name it two."}),
        )
        .await
        .good();
    scene
        .ask(
            Method::POST,
            &comments,
            json!({"side": "file", "text": "Add a test."}),
        )
        .await
        .good();
    let gone = scene
        .ask(
            Method::POST,
            &comments,
            json!({"side": "new", "line": 9, "text": "x"}),
        )
        .await;
    gone.problem(422, "invalid-request");
    let file = format!("/fragment/review/INSTANCE/file?{QUERY}");
    let shown = scene.get(&file).await.text;
    assert!(
        shown.contains("Name it two.") && shown.contains("Add a test.") && shown.contains("Line 2"),
        "{shown}"
    );
    // The comment moves with its line, and says when that is gone.
    fs::write(
        scene.folder.join("a b.rs"),
        "// top\nfn one() {}\nfn 2() { \"<script>\" }\n",
    )
    .unwrap();
    assert!(scene.get(&file).await.text.contains("Line 3"));
    fs::write(scene.folder.join("a b.rs"), "fn one() {}\n").unwrap();
    assert!(scene.get(&file).await.text.contains("The line is gone"));
    fs::write(
        scene.folder.join("a b.rs"),
        "fn one() {}\nfn 2() { \"<script>\" }\n",
    )
    .unwrap();
    // Changed, deleted, brought back.
    let id = first["id"].as_str().unwrap();
    let one = format!("{API}/comments/{id}?{QUERY}");
    scene
        .ask(Method::PUT, &one, json!({"text": "Call it two."}))
        .await
        .good();
    let deleted = scene.ask(Method::DELETE, &one, json!({})).await.good();
    assert!(!scene.get(&file).await.text.contains("Call it two."));
    scene
        .ask(Method::PUT, &one, json!({"restore": deleted}))
        .await
        .good();
    // Sent once, whatever is sent again.
    let send_all = format!("{API}/send?of=uncommitted&session=SESSION");
    let path = send_all
        .replace("INSTANCE", &scene.instance)
        .replace("SESSION", &scene.session);
    let request = || {
        scene
            .lab
            .request(Method::POST, &path)
            .header("Idempotency-Key", "k")
    };
    let sent = send(request()).await;
    assert_eq!(sent.good()["comments"], 2);
    let nothing = send(request()).await;
    nothing.problem(422, "invalid-request");
    let messages = scene
        .lab
        .upstream(&format!("/session/{}/message", scene.session))
        .await;
    let text = messages[0]["parts"][0]["text"].as_str().unwrap();
    assert!(
        text.contains("have 2 comments")
            && text.contains("`a b.rs`, line 2")
            && text.contains("fn 2() { \"<script>\" }"),
        "{text}"
    );
    assert!(
        text.contains("Call it two.") && text.contains("Add a test."),
        "{text}"
    );
    let shown = scene.get(&file).await.text;
    assert!(
        !shown.contains("Not sent yet") && shown.contains("Call it two."),
        "{shown}"
    );
}

#[tokio::test]
async fn comments_on_files_that_left_the_list_are_shown_with_their_receiver() {
    let scene = Scene::new().await;
    scene.repository();
    let comments = format!("{API}/comments?{QUERY}");
    let body = json!({"side": "new", "line": 2, "text": "Name it <two>."});
    let comment = scene.ask(Method::POST, &comments, body).await.good();
    let list = "/fragment/review/INSTANCE?session=SESSION&of=uncommitted";
    let listed = scene.get(list).await.text;
    assert!(!listed.contains("Comments on files that are not listed"));
    assert!(listed.contains("Send 1 comment to "), "{listed}");
    assert!(listed.contains("data-do=\"review-accept\""));
    // The dialog of a commit names the branch and what it takes.
    git(&scene.folder, &["add", "--all"]);
    let staged = scene.get(list).await.text;
    let dialog = &staged[staged.find("id=\"commit\"").unwrap()..];
    for wanted in ["on branch main", "1 file is staged", "a b.rs"] {
        assert!(dialog.to_lowercase().contains(wanted), "{wanted}: {dialog}");
    }
    scene.commit("second");
    let listed = scene.get(list).await.text;
    for wanted in [
        "Comments on files that are not listed",
        "Name it &lt;two>.",
        "fn 2()",
        "Send 1 comment to ",
    ] {
        let found = listed.contains(wanted) || listed.contains(&wanted.replace('>', "&gt;"));
        assert!(found, "{wanted}: {listed}");
    }
    let id = comment["id"].as_str().unwrap();
    let one = format!("{API}/comments/{id}?{QUERY}");
    scene.ask(Method::DELETE, &one, json!({})).await.good();
    let listed = scene.get(list).await.text;
    assert!(!listed.contains("Comments on files that are not listed"));
    // Only the review of a session can be accepted.
    let folder = scene
        .get("/fragment/review/INSTANCE?of=uncommitted")
        .await
        .text;
    assert!(!folder.contains("review-accept"), "{folder}");
}

#[tokio::test]
async fn a_large_file_is_folded_with_its_size() {
    let scene = Scene::new().await;
    scene.repository();
    fs::write(scene.folder.join("big"), "x\n".repeat(20_000)).unwrap();
    let list = "/fragment/review/INSTANCE?session=SESSION&of=uncommitted";
    let listed = scene.get(list).await.text;
    let sections: Vec<&str> = listed.split("<section class=\"file\"").collect();
    assert!(!sections[1].contains("data-fold"), "{listed}");
    assert!(
        sections[2].contains("data-fold") && sections[2].contains("20000 lines"),
        "{listed}"
    );
}

#[tokio::test]
async fn a_viewed_file_says_when_it_changed() {
    let scene = Scene::new().await;
    scene.repository();
    let list = "/fragment/review/INSTANCE?of=uncommitted&session=SESSION";
    let mark = async |viewed: bool| {
        let marked = scene
            .ask(
                Method::PUT,
                &format!("{API}/viewed?{QUERY}"),
                json!({"viewed": viewed}),
            )
            .await;
        assert_eq!(marked.status, 204, "{marked:?}");
    };
    mark(true).await;
    assert!(scene.get(list).await.text.contains("data-viewed=\"yes\""));
    fs::write(scene.folder.join("a b.rs"), "other\n").unwrap();
    let text = scene.get(list).await.text;
    assert!(text.contains("changed since viewed") && !text.contains("data-viewed=\"yes\""));
    mark(false).await;
    assert!(scene.get(list).await.text.contains("data-viewed=\"no\""));
}

#[tokio::test]
async fn git_acts_over_http_with_its_own_words() {
    let scene = Scene::new().await;
    scene.repository();
    let act = async |body: Value| {
        scene
            .ask(Method::POST, &format!("{API}/git?session=SESSION"), body)
            .await
    };
    act(json!({"do": "stage", "path": "a%20b.rs"})).await.good();
    assert!(git(&scene.folder, &["diff", "--cached", "--name-only"]).contains("a b.rs"));
    act(json!({"do": "unstage", "path": "a%20b.rs"}))
        .await
        .good();
    let nothing = act(json!({"do": "commit", "message": "x"})).await;
    let problem = nothing.problem(422, "git");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("no changes added"),
        "{problem}"
    );
    act(json!({"do": "stage", "path": "../x"}))
        .await
        .problem_kind(404, "git");
}

/// The lines of the scene's file.
const FILE: &str = "/fragment/review/INSTANCE/file?of=uncommitted&session=SESSION&path=a%2520b.rs";

#[tokio::test]
async fn what_is_compared_once_is_never_shown_for_anything_else() {
    let scene = Scene::new().await;
    scene.repository();
    let whole = scene.get(FILE).await.text;
    assert_eq!(scene.get(FILE).await.text, whole);
    // Another content of the same length, and the first one again.
    let now = fs::read_to_string(scene.folder.join("a b.rs")).unwrap();
    fs::write(
        scene.folder.join("a b.rs"),
        now.replace("<script>", "<SCRIPT>"),
    )
    .unwrap();
    assert!(scene.get(FILE).await.text.contains("SCRIPT"));
    fs::write(scene.folder.join("a b.rs"), &now).unwrap();
    assert_eq!(scene.get(FILE).await.text, whole);
    // White space, the side before, and what git takes for a text are part of what was compared.
    fs::write(scene.folder.join("a b.rs"), "fn one()  {}\nfn two() {}\n").unwrap();
    assert!(scene.get(FILE).await.text.contains("r del"));
    let without = scene.get(&format!("{FILE}&space=true")).await.text;
    assert!(!without.contains("r del"), "{without}");
    fs::write(scene.folder.join(".gitattributes"), "*.rs -diff\n").unwrap();
    let binary = scene.get(FILE).await.text;
    assert!(binary.contains("A binary file"), "{binary}");
    fs::remove_file(scene.folder.join(".gitattributes")).unwrap();
    scene.commit("second");
    scene.get(FILE).await.problem_kind(404, "git");
    fs::write(scene.folder.join("a b.rs"), &now).unwrap();
    let other = scene.get(FILE).await.text;
    assert!(other.contains("r del") && other != whole, "{other}");
}

#[tokio::test]
async fn parts_of_a_large_file_follow_each_other() {
    let scene = Scene::new().await;
    scene.repository();
    let lines = |word: &str| -> String { (0..5000).map(|at| format!("{word} {at}\n")).collect() };
    fs::write(scene.folder.join("a b.rs"), lines("before")).unwrap();
    scene.commit("large");
    fs::write(scene.folder.join("a b.rs"), lines("after")).unwrap();
    let (mut from, mut rows) = (0, 0);
    loop {
        let part = scene.get(&format!("{FILE}&from={from}")).await.text;
        rows += part.matches("<div class=\"r ").count();
        let Some((_, next)) = part.split_once("data-from=\"") else {
            break;
        };
        from = next.split('"').next().unwrap().parse().unwrap();
    }
    assert_eq!(rows, 10_000);
}

#[tokio::test]
// Longer than 70 lines: two viewers and each kind of mark.
async fn marks_reach_an_open_review_and_no_other_page() {
    let scene = Scene::new().await;
    scene.repository();
    let mut review = open(&scene.lab).await;
    let mut page = open(&scene.lab).await;
    let hello = frame(&mut review).await.unwrap();
    frame(&mut page).await;
    for (socket, reviews) in [(&mut review, true), (&mut page, false)] {
        let look = json!({
            "t": "look", "n": 1, "epoch": hello["epoch"], "rev": 0, "instance": scene.instance, "session": scene.session,
            "from": null, "review": reviews,
        });
        socket.send(Message::text(look.to_string())).await.unwrap();
    }
    let marks = async |socket: &mut Socket| loop {
        match frame(socket).await {
            Some(frame) if frame["t"] == "marks" => return frame,
            _ => {}
        }
    };
    let first = marks(&mut review).await;
    assert_eq!(
        (&first["folder"], &first["revision"]),
        (&Value::Null, &json!(0))
    );
    let viewed = format!("{API}/viewed?{QUERY}");
    let marked = scene
        .ask(Method::PUT, &viewed, json!({"viewed": true}))
        .await;
    assert_eq!(marked.status, 204);
    let one = marks(&mut review).await;
    let folder = scene.folder.to_string_lossy().into_owned();
    let expected = json!({"t": "marks", "revision": 1, "folder": folder, "path": "a%20b.rs", "comments": false});
    assert_eq!(one, expected);
    let state = scene.get(&format!("{API}/marks?{QUERY}")).await.good();
    assert_eq!(state, json!({"viewed": "yes", "comments": 0, "waiting": 0}));
    let body = json!({"side": "new", "line": 2, "text": "Name it two."});
    let comment = scene
        .ask(Method::POST, &format!("{API}/comments?{QUERY}"), body)
        .await;
    let id = comment.good()["id"].as_str().unwrap().to_owned();
    assert_eq!(marks(&mut review).await["comments"], true);
    let state = scene.get(&format!("{API}/marks?{QUERY}")).await.good();
    assert_eq!(state, json!({"viewed": "yes", "comments": 1, "waiting": 1}));
    let one = format!("{API}/comments/{id}?{QUERY}");
    scene.ask(Method::DELETE, &one, json!({})).await.good();
    assert_eq!(marks(&mut review).await["revision"], 3);
    // A list says at which change it was read; the other page was sent nothing.
    let list = scene
        .get("/fragment/review/INSTANCE?of=uncommitted&session=SESSION")
        .await
        .text;
    assert!(list.contains("data-marks=\"3\""), "{list}");
    loop {
        let Some(frame) = frame(&mut page).await else {
            continue;
        };
        assert_ne!(frame["t"], "marks");
        if frame["t"] == "beat" {
            return;
        }
    }
}

/// Lets git act, and returns the events up to the end, and its data.
async fn acted(scene: &Scene, body: Value) -> (Vec<String>, String, Value) {
    let path = format!("{API}/git?session=SESSION")
        .replace("INSTANCE", &scene.instance)
        .replace("SESSION", &scene.session);
    let request = scene.lab.request(Method::POST, &path).json(&body);
    let answer = send(request.header("accept", "text/event-stream")).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let events = answer.text.split("\n\n").filter(|one| !one.is_empty());
    let mut printed = Vec::new();
    for event in events {
        let (kind, data) = event.split_once('\n').unwrap();
        let data: Value = serde_json::from_str(data.strip_prefix("data: ").unwrap()).unwrap();
        match kind.strip_prefix("event: ").unwrap() {
            "output" => printed.push(data["output"].as_str().unwrap().to_owned()),
            kind => return (printed, kind.to_owned(), data),
        }
    }
    panic!("no end: {}", answer.text)
}

#[tokio::test]
// Longer than 70 lines: from a hook that refuses to a branch that is pushed.
async fn what_hooks_print_is_sent_while_they_run_and_git_reports_the_end() {
    let scene = Scene::new().await;
    scene.repository();
    git(&scene.folder, &["config", "user.name", "Ann"]);
    git(&scene.folder, &["config", "user.email", "ann@example.org"]);
    acted(&scene, json!({"do": "stage", "path": "a%20b.rs"})).await;
    scene.hook("pre-commit", "echo checking; while [ ! -e go ]; do sleep 0.05; done; printf '\\033[1mbad\\033[0m <b>\\n'; exit 1");
    // The hook waits until its first line was seen.
    let path = format!("{API}/git?session=SESSION")
        .replace("INSTANCE", &scene.instance)
        .replace("SESSION", &scene.session);
    let request = scene.lab.request(Method::POST, &path);
    let request = request.json(&json!({"do": "commit", "message": "Rename two"}));
    let mut answer = request
        .header("accept", "text/event-stream")
        .send()
        .await
        .unwrap();
    let first = timeout(SOON, answer.chunk()).await;
    let first = String::from_utf8(first.unwrap().unwrap().unwrap().to_vec()).unwrap();
    assert_eq!(first, "event: output\ndata: {\"output\":\"checking\"}\n\n");
    fs::write(scene.folder.join("go"), "").unwrap();
    let rest = answer.text().await.unwrap();
    let (_, problem) = rest.rsplit_once("event: problem\ndata: ").unwrap();
    let problem: Value = serde_json::from_str(problem).unwrap();
    let detail = problem["detail"].as_str().unwrap();
    assert!(
        detail.starts_with("`git commit` failed: checking\n") && detail.contains("bad␛[0m <b>"),
        "{detail}"
    );
    assert_eq!(problem["status"], 422);
    fs::remove_file(scene.folder.join("go")).unwrap();
    // The same commit passes a hook that agrees; then it is amended with its message, and with another.
    scene.hook("pre-commit", "echo fine");
    let (_, kind, done) = acted(
        &scene,
        json!({"do": "commit", "message": "Rename two\n\nAs agreed."}),
    )
    .await;
    assert!(
        kind == "done" && done["output"].as_str().unwrap().contains("fine"),
        "{done}"
    );
    let log = || git(&scene.folder, &["log", "--format=%s|%b|%an", "-1"]);
    assert_eq!(log().trim(), "Rename two|As agreed.\n|Ann".trim());
    fs::write(scene.folder.join("new.rs"), "fn new() {}\n").unwrap();
    acted(&scene, json!({"do": "stage", "path": "new.rs"})).await;
    let (_, kind, _) = acted(
        &scene,
        json!({"do": "commit", "message": "", "amend": true}),
    )
    .await;
    assert_eq!(kind, "done");
    assert!(log().starts_with("Rename two|"));
    let (_, kind, _) = acted(
        &scene,
        json!({"do": "commit", "message": "Rename", "amend": true}),
    )
    .await;
    assert_eq!((&*kind, log().starts_with("Rename|")), ("done", true));
    assert_eq!(
        git(&scene.folder, &["rev-list", "--count", "HEAD"]).trim(),
        "2"
    );
    let (_, kind, problem) = acted(&scene, json!({"do": "commit", "message": " "})).await;
    assert!(
        kind == "problem" && problem["detail"] == "a commit needs a message",
        "{problem}"
    );
    // A branch, pushed to a remote whose hook speaks.
    let (_, kind, _) = acted(&scene, json!({"do": "branch", "name": "topic/x"})).await;
    assert_eq!(kind, "done");
    let remote = scene.lab.home.path().join("remote.git");
    git(
        &scene.folder,
        &["init", "--quiet", "--bare", remote.to_str().unwrap()],
    );
    git(
        &scene.folder,
        &["remote", "add", "origin", remote.to_str().unwrap()],
    );
    scene.hook("pre-push", "echo pushing >&2");
    let (_, kind, done) = acted(&scene, json!({"do": "push"})).await;
    let output = done["output"].as_str().unwrap();
    assert!(
        kind == "done" && output.contains("pushing") && output.contains("topic/x"),
        "{done}"
    );
    assert_eq!(
        git(&remote, &["log", "--format=%s", "-1", "topic/x"]).trim(),
        "Rename"
    );
    scene.hook("pre-push", "echo never >&2; exit 3");
    let (_, kind, problem) = acted(&scene, json!({"do": "push"})).await;
    assert!(
        kind == "problem" && problem["detail"].as_str().unwrap().contains("never"),
        "{problem}"
    );
}
