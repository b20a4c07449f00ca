//! `drovers allow`, `reject` and `audit`: what was read is what is allowed, by a person at a terminal or a token made for it.

use std::process::Stdio;

use reqwest::Method;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use crate::program::{Done, Home, Running, until};

struct Scene {
    home: Home,
    hub: Running,
    fake: FakeServer,
    instance: String,
}

impl Scene {
    /// A session that asks for permission.
    async fn asking() -> (Self, Value) {
        let home = Home::new();
        let fake = FakeServer::start(FakeOptions::default()).await.unwrap();
        let hub = home.start(&["--attach", &fake.url]).await;
        let instance = hub.connected().await;
        let scene = Self {
            home,
            hub,
            fake,
            instance,
        };
        let sessions = format!("instances/{}/sessions", scene.instance);
        let made = scene.hub.request(Method::POST, &sessions).json(&json!({}));
        let made: Value = made.send().await.unwrap().json().await.unwrap();
        let prompt = format!("{sessions}/{}/prompt", made["id"].as_str().unwrap());
        let text = json!({"text": "permission ;; say done"});
        let sent = scene.hub.request(Method::POST, &prompt).json(&text);
        assert!(sent.send().await.unwrap().status().is_success());
        let asked = until(async || {
            let all = scene.waiting().await;
            all.into_iter().find(|asked| asked["hidden"].is_null())
        });
        let asked = asked.await;
        (scene, asked)
    }

    async fn waiting(&self) -> Vec<Value> {
        let all = format!("instances/{}/permissions", self.instance);
        self.hub.get(&all).await.as_array().unwrap().clone()
    }

    /// Runs a command at a terminal, where a person types this.
    async fn typed(&self, args: &str, types: &str) -> Done {
        let program = env!("CARGO_BIN_EXE_drovers");
        let data = self.home.data_dir();
        let line = format!("{program} --data-dir {} {args}", data.display());
        let mut command = Command::new("script");
        command
            .args(["-qefc", &line, "/dev/null"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true);
        let mut child = command.spawn().unwrap();
        let mut keys = child.stdin.take().unwrap();
        keys.write_all(types.as_bytes()).await.unwrap();
        let done = Done::of(child.wait_with_output()).await;
        drop(keys);
        done
    }
}

/// Libraries that lack a part say so on standard error, which here is the terminal as well.
#[tokio::test]
async fn commands_at_a_terminal_say_nothing_but_their_own_words() {
    let (scene, _) = Scene::asking().await;
    for args in ["ls", "journal", "-v ls"] {
        let said = scene.typed(args, "").await.out;
        for word in ["tracing-subscriber", "crate feature", "panicked"] {
            assert!(!said.contains(word), "{args}: {said}");
        }
        assert!(!said.trim().is_empty(), "{args}");
    }
}

#[tokio::test]
async fn a_person_at_a_terminal_reads_and_allows() {
    let (scene, asked) = Scene::asking().await;
    let refused = scene.typed("allow", "n\n").await;
    assert_eq!(refused.code, Some(1));
    assert!(refused.out.contains("echo needs-permission"), "{refused:?}");
    assert!(refused.out.contains("nothing was allowed"), "{refused:?}");
    assert_eq!(scene.waiting().await.len(), 1);
    let enter = scene.typed("allow", "\n").await;
    assert_eq!(enter.code, Some(1), "Enter alone allows nothing");
    let allowed = scene.typed("allow", "y\n").await.ok();
    assert!(
        allowed.contains("allowed once: bash: echo needs-permission"),
        "{allowed}"
    );
    assert!(scene.waiting().await.is_empty());
    let entries = scene.home.run(&["audit", "--json"]).await.ok();
    let last: Value = serde_json::from_str(entries.lines().last().unwrap()).unwrap();
    assert_eq!(
        (&last["answer"], &last["step"]),
        (&json!("once"), &json!("taken"))
    );
    assert_eq!(last["fingerprint"], asked["fingerprint"]);
    assert!(last["by"].as_str().unwrap().contains("terminal-"), "{last}");
    let listed = scene.home.run(&["token", "ls", "--json"]).await.json();
    assert_eq!(
        listed["tokens"],
        json!([]),
        "the token for the answer is gone"
    );
}

#[tokio::test]
async fn a_script_needs_a_token_made_for_it_and_the_fingerprint() {
    let (scene, asked) = Scene::asking().await;
    let fingerprint = asked["fingerprint"].as_str().unwrap().to_owned();
    scene
        .home
        .run(&["allow"])
        .await
        .refused(2, &["there is no terminal", "--fingerprint"]);
    let named = ["allow", "--fingerprint", &fingerprint];
    scene.home.run(&named).await.refused(1, &["answer"]);
    scene.home.run(&["reject"]).await.refused(1, &["answer"]);
    let made = ["token", "add", "ci", "--role", "answer"];
    let token = scene.home.run(&made).await.ok().trim().to_owned();
    let with = async |args: &[&str]| {
        let mut command = scene.home.command(args);
        Done::of(command.env("DROVERS_TOKEN", &token).output()).await
    };
    let other = "0".repeat(32);
    let other = ["allow", "--fingerprint", &other];
    with(&other)
        .await
        .refused(1, &["changed after it was read"]);
    assert_eq!(scene.waiting().await.len(), 1);
    with(&named).await.ok();
    assert!(scene.waiting().await.is_empty());
    let told = scene.home.run(&["audit", "-n", "1"]).await.ok();
    for word in [
        "once",
        "taken",
        "token ci",
        "echo needs-permission",
        &fingerprint[..8],
    ] {
        assert!(told.contains(word), "{word}: {told}");
    }
}

#[tokio::test]
async fn a_rejection_tells_the_agent_why() {
    let (scene, _) = Scene::asking().await;
    scene
        .typed("reject --message use-ls-instead", "")
        .await
        .ok();
    assert!(scene.waiting().await.is_empty());
    let told = until(async || {
        let sessions = format!("{}/session", scene.fake.url);
        let sessions: Value = reqwest::get(sessions).await.ok()?.json().await.ok()?;
        let session = sessions[0]["id"].as_str()?.to_owned();
        let messages = format!("{}/session/{session}/message", scene.fake.url);
        let messages = reqwest::get(messages).await.ok()?.text().await.ok()?;
        messages.contains("use-ls-instead").then_some(())
    });
    told.await;
}

#[tokio::test]
async fn nothing_answered_is_told_as_that() {
    let home = Home::new();
    let told = home.run(&["audit"]).await.ok();
    assert!(
        told.contains("nothing was allowed or rejected yet"),
        "{told}"
    );
}
