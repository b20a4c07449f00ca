//! Reviews over HTTP: the page, marks, comments, and what git does at a person's request.

use std::fs;
use std::path::PathBuf;

use reqwest::Method;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};

use crate::git::git;
use crate::lab::{Answer, Lab, launcher, send};

/// A hub whose instance is a folder with a repository.
struct Scene {
    lab: Lab,
    folder: PathBuf,
    instance: String,
    session: String,
}

impl Scene {
    async fn new() -> Self {
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

    fn repository(&self) {
        git(&self.folder, &["init", "--quiet", "--initial-branch=main"]);
        fs::write(self.folder.join("a b.rs"), "fn one() {}\nfn two() {}\n").unwrap();
        git(&self.folder, &["add", "--all"]);
        git(
            &self.folder,
            &[
                "-c",
                "user.name=A",
                "-c",
                "user.email=a@b",
                "commit",
                "--quiet",
                "--message",
                "first",
            ],
        );
        fs::write(
            self.folder.join("a b.rs"),
            "fn one() {}\nfn 2() { \"<script>\" }\n",
        )
        .unwrap();
    }

    async fn get(&self, path: &str) -> Answer {
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
