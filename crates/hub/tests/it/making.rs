//! Sessions in work trees of their own: what a person allows first, what a failure leaves, and what a repeated key stands for.

use std::fs;
use std::path::{Path, PathBuf};

use hub::command::{KeyedTree, TreeStage};
use hub::git::Repository;
use reqwest::Method;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};

use crate::git::git;
use crate::lab::{Lab, SOON, launcher, send};
use crate::worktrees::{begin, commit};

/// A hub whose instance is a folder with a repository.
struct Scene {
    lab: Lab,
    folder: PathBuf,
    instance: String,
}

impl Scene {
    async fn new() -> Self {
        let fake = FakeServer::start(FakeOptions::default()).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let launcher = launcher(&fake, home.path());
        let lab = Lab::at(home, fake, hub::HubOptions::new(launcher)).await;
        let folder = lab.home.path().canonicalize().unwrap().join("own");
        fs::create_dir(&folder).unwrap();
        begin(&folder);
        let body = json!({"folder": folder, "trust": true});
        let added = send(lab.request(Method::POST, "/api/instances").json(&body)).await;
        let instance = added.good()["id"].as_str().unwrap().to_owned();
        lab.connected(&instance).await;
        Self {
            lab,
            folder,
            instance,
        }
    }

    async fn post(&self, path: &str, body: Value) -> crate::lab::Answer {
        let path = format!("/api/instances/{}/worktrees{path}", self.instance);
        send(self.lab.request(Method::POST, &path).json(&body)).await
    }

    async fn get(&self, path: &str) -> crate::lab::Answer {
        let path = format!("/api/instances/{}/worktrees{path}", self.instance);
        self.lab.get(&path).await
    }

    /// Begins a work tree under an idempotency key.
    async fn keyed(&self, key: &str, body: &Value) -> crate::lab::Answer {
        let path = format!("/api/instances/{}/worktrees", self.instance);
        let request = self.lab.request(Method::POST, &path);
        send(request.header("Idempotency-Key", key).json(body)).await
    }

    /// The same after a restart of the hub.
    async fn restarted(self) -> Self {
        let Lab {
            fake,
            hub,
            cancel,
            serving,
            data,
            home,
            ..
        } = self.lab;
        cancel.cancel();
        let served = tokio::time::timeout(SOON, serving).await.unwrap();
        served.unwrap().unwrap();
        hub.shutdown().await;
        drop((hub, data));
        let launcher = launcher(&fake, home.path());
        let lab = Lab::at(home, fake, hub::HubOptions::new(launcher)).await;
        lab.connected(&self.instance).await;
        Self { lab, ..self }
    }

    fn trees(&self) -> usize {
        let beside = self.folder.with_file_name("own-worktrees");
        fs::read_dir(beside).map_or(0, Iterator::count)
    }

    async fn ended(&self, job: &str) -> Value {
        let look = async {
            let mut again = tokio::time::interval(std::time::Duration::from_millis(20));
            loop {
                again.tick().await;
                let job = self.get(&format!("/making/{job}")).await.good();
                if job["stage"] == "done" || job["stage"] == "failed" {
                    return job;
                }
            }
        };
        tokio::time::timeout(SOON, look).await.unwrap()
    }
}

#[tokio::test]
// Longer than 70 lines: one work tree from the consent to its removal.
async fn a_set_up_command_runs_by_its_exact_content_alone() {
    let scene = Scene::new().await;
    fs::create_dir(scene.folder.join(".drovers")).unwrap();
    let script = scene.folder.join(".drovers/setup.sh");
    fs::write(&script, "echo set up; touch ready\n").unwrap();
    commit(&scene.folder, "setup");
    // What is only in the folder, and not in the commit, does not count.
    fs::write(&script, "touch never\n").unwrap();
    let plan = scene.get("/plan").await.good();
    assert_eq!(plan["setup"]["content"], "echo set up; touch ready\n");
    assert_eq!(plan["setup"]["allowed"], false);
    let prompt = json!({"prompt": {"text": "Fix the login"}});
    let refused = scene.post("", prompt.clone()).await;
    let refused = refused.problem(409, "setup-not-allowed");
    assert!(refused["detail"].as_str().unwrap().contains("echo set up"));
    let beside = scene.folder.with_file_name("own-worktrees");
    assert!(!beside.exists(), "nothing is made before");
    let other = scene
        .post("", json!({"prompt": {"text": "x"}, "allow_setup": "0000"}))
        .await;
    other.problem(409, "setup-not-allowed");
    let allowed =
        json!({"prompt": {"text": "Fix the login"}, "allow_setup": plan["setup"]["fingerprint"]});
    let job = scene.post("", allowed).await.good();
    let job = scene.ended(job["id"].as_str().unwrap()).await;
    assert_eq!(
        (&job["stage"], &job["problem"]),
        (&json!("done"), &Value::Null),
        "{job}"
    );
    assert_eq!(
        (&job["branch"], &job["setup"]["exit"]),
        (&json!("fix-the-login"), &json!(0))
    );
    assert!(job["setup"]["output"].as_str().unwrap().contains("set up"));
    let tree = PathBuf::from(job["path"].as_str().unwrap());
    assert!(tree.join("ready").exists() && !tree.join("never").exists());
    let session = job["session"].as_str().unwrap();
    let path = format!("/api/instances/{}/sessions/{session}", scene.instance);
    assert_eq!(scene.lab.get(&path).await.good()["directory"], json!(tree));
    let draft = scene.lab.get(&format!("{path}/draft")).await.good();
    assert_eq!(draft["text"], "", "the prompt was sent");
    // The same text runs without a question; another one does not.
    let again = scene.post("", prompt.clone()).await.good();
    let again = scene.ended(again["id"].as_str().unwrap()).await;
    assert_eq!(
        (&again["stage"], &again["branch"]),
        (&json!("done"), &json!("fix-the-login-2"))
    );
    commit(&scene.folder, "another setup");
    scene
        .post("", prompt.clone())
        .await
        .problem(409, "setup-not-allowed");
    let skipped = json!({"prompt": {"text": "x"}, "skip_setup": true, "name": "skipped"});
    let skipped = scene.post("", skipped).await.good();
    let skipped = scene.ended(skipped["id"].as_str().unwrap()).await;
    assert_eq!(
        (&skipped["stage"], &skipped["setup"]),
        (&json!("done"), &Value::Null)
    );
    // A program that may work but not allow cannot allow it.
    let list = scene.get("").await.good();
    assert_eq!(list.as_array().unwrap().len(), 4);
    let listed = list.as_array().unwrap().iter();
    let mut listed = listed.filter(|one| one["branch"] == "fix-the-login");
    assert_eq!(listed.next().unwrap()["sessions"][0]["session"], session);
}

#[tokio::test]
// Longer than 70 lines: one work tree, from the failure to its removal and back.
async fn a_set_up_command_that_fails_leaves_the_prompt_as_a_draft() {
    let scene = Scene::new().await;
    fs::create_dir(scene.folder.join(".drovers")).unwrap();
    fs::write(
        scene.folder.join(".drovers/setup.sh"),
        "echo '\u{1b}[31mno\u{1b}[0m'; exit 7\n",
    )
    .unwrap();
    commit(&scene.folder, "setup");
    let plan = scene.get("/plan").await.good();
    let body = json!({"prompt": {"text": "Do it"}, "allow_setup": plan["setup"]["fingerprint"]});
    let job = scene.post("", body).await.good();
    let job = scene.ended(job["id"].as_str().unwrap()).await;
    assert_eq!(job["problem"], "The set-up command failed with exit code 7");
    assert_eq!(job["setup"]["output"], "no\n");
    let session = job["session"].as_str().unwrap();
    let path = format!("/api/instances/{}/sessions/{session}", scene.instance);
    let draft = scene.lab.get(&format!("{path}/draft")).await.good();
    assert_eq!(draft["text"], "Do it");
    // The way back: merged, removed with what would be lost, restored.
    let tree = job["path"].as_str().unwrap();
    fs::write(Path::new(tree).join("b.txt"), "b").unwrap();
    let check = scene
        .post("/act", json!({"do": "check", "path": tree}))
        .await
        .good();
    assert_eq!(check["uncommitted"], json!(["b.txt"]));
    let refused = scene
        .post("/act", json!({"do": "remove", "path": tree}))
        .await;
    refused.problem_kind(409, "git");
    assert!(refused.text.contains("b.txt"));
    // A page in another language gets our own sentences in it, with git's words and names as they are.
    let of = format!("/api/instances/{}/worktrees", scene.instance);
    let act = json!({"do": "remove", "path": tree});
    let asked = scene.lab.request(Method::POST, &format!("{of}/act"));
    let german = send(asked.json(&act).header("accept-language", "de")).await;
    assert!(
        german
            .text
            .contains("hat 1 Datei, die nicht committet ist (b.txt)"),
        "{german:?}"
    );
    let path = format!("{of}/making/{}", job["id"].as_str().unwrap());
    let asked = scene.lab.request(Method::GET, &path);
    let german = send(asked.header("accept-language", "de")).await.good();
    assert_eq!(
        german["problem"],
        "Der Einrichtungsbefehl ist mit Exit-Code 7 fehlgeschlagen"
    );
    let removed = scene
        .post("/act", json!({"do": "remove", "path": tree, "force": true}))
        .await
        .good();
    assert_eq!(removed["archived"][0]["session"], session);
    assert!(!Path::new(tree).exists());
    let restored =
        json!({"do": "restore", "kept": removed["kept"], "sessions": removed["archived"]});
    // Also from the page of its session, whose folder is gone.
    let act = format!("/act?session={session}");
    let restored = scene.post(&act, restored).await.good();
    assert_eq!(restored["path"], tree);
    assert_eq!(
        fs::read_to_string(Path::new(tree).join("b.txt")).unwrap(),
        "b"
    );
    scene
        .post("/act", json!({"do": "remove", "path": "/"}))
        .await
        .problem_kind(404, "git");
}

#[tokio::test]
async fn configuration_above_a_new_work_tree_needs_trust() {
    let scene = Scene::new().await;
    let above = scene.folder.with_file_name("opencode.json");
    fs::write(&above, "{}").unwrap();
    let body = json!({"prompt": {"text": "x"}});
    let refused = scene.post("", body).await.problem(409, "untrusted-folder");
    assert!(
        refused["detail"]
            .as_str()
            .unwrap()
            .contains("opencode.json")
    );
    let job = scene
        .post("", json!({"prompt": {"text": "x"}, "trust": true}))
        .await
        .good();
    let job = scene.ended(job["id"].as_str().unwrap()).await;
    assert_eq!(job["stage"], "done", "{job}");
}

#[tokio::test]
async fn a_repeated_key_makes_no_second_work_tree_also_after_a_restart() {
    let scene = Scene::new().await;
    let body = json!({"prompt": {"text": "Fix the login"}});
    let (one, two) = tokio::join!(scene.keyed("k", &body), scene.keyed("k", &body));
    let (one, two) = (one.good(), two.good());
    assert_eq!(one["id"], two["id"]);
    let done = scene.ended(one["id"].as_str().unwrap()).await;
    assert_eq!(done["stage"], "done", "{done}");
    let scene = scene.restarted().await;
    let again = scene.keyed("k", &body).await.good();
    for same in ["id", "stage", "branch", "path", "base", "session"] {
        assert_eq!(again[same], done[same], "{same}");
    }
    assert_eq!(scene.trees(), 1);
    let other = json!({"prompt": {"text": "Something else"}});
    let refused = scene.keyed("k", &other).await;
    refused.problem(422, "key-reused");
    // What was refused has bound no key.
    let bad = json!({"prompt": {"text": "x"}, "name": "a..b"});
    scene.keyed("bad", &bad).await.problem_kind(422, "git");
    let good = json!({"prompt": {"text": "x"}, "name": "a-b"});
    let good = scene.keyed("bad", &good).await.good();
    scene.ended(good["id"].as_str().unwrap()).await;
    assert_eq!(scene.trees(), 2);
}

#[tokio::test]
async fn a_work_tree_that_a_kill_cut_off_is_gone_on_with_by_the_same_key() {
    let scene = Scene::new().await;
    let id = model::ids::InstanceId::from(scene.instance.as_str());
    let prompt = hub::command::Prompt {
        text: "Fix the login".to_owned(),
        ..hub::command::Prompt::default()
    };
    let content = hub::instances::NewWorktree {
        prompt: Some(prompt),
        ..hub::instances::NewWorktree::default()
    };
    let head = git(&scene.folder, &["rev-parse", "HEAD"]);
    let cut_off = KeyedTree {
        stage: TreeStage::Making,
        commit: head.trim().to_owned(),
        branch: "cut-off".to_owned(),
        base: Some("main".to_owned()),
        session: None,
    };
    let commands = scene.lab.hub.commands();
    // One before git made it, one after.
    for (key, branch) in [("before", "cut-off"), ("after", "cut-off-2")] {
        let claim = commands.claim_tree(&id, key, &content).await.unwrap();
        let branch = branch.to_owned();
        let tree = KeyedTree {
            branch,
            ..cut_off.clone()
        };
        commands.store_tree(&claim.key, &tree).await.unwrap();
    }
    let repository = Repository::open(&scene.folder).await.unwrap();
    let plan = repository.plan_worktree("cut-off-2", true).await.unwrap();
    repository.add_worktree(&plan).await.unwrap();
    let body = json!({"prompt": {"text": "Fix the login"}});
    for (key, branch) in [("before", "cut-off"), ("after", "cut-off-2")] {
        let job = scene.keyed(key, &body).await.good();
        let job = scene.ended(job["id"].as_str().unwrap()).await;
        assert_eq!(
            (&job["stage"], &job["branch"]),
            (&json!("done"), &json!(branch)),
            "{job}"
        );
    }
    assert_eq!(scene.trees(), 2);
}

#[tokio::test]
async fn a_set_up_command_that_a_restart_cut_off_is_not_run_again() {
    let scene = Scene::new().await;
    fs::create_dir(scene.folder.join(".drovers")).unwrap();
    let script = "echo began >> runs; while [ ! -e go ]; do sleep 0.05; done\n";
    fs::write(scene.folder.join(".drovers/setup.sh"), script).unwrap();
    commit(&scene.folder, "setup");
    let plan = scene.get("/plan").await.good();
    let fingerprint = &plan["setup"]["fingerprint"];
    let body = json!({"prompt": {"text": "Do it"}, "allow_setup": fingerprint});
    let job = scene.keyed("k", &body).await.good();
    let runs = PathBuf::from(job["path"].as_str().unwrap()).join("runs");
    let began = async {
        let mut again = tokio::time::interval(std::time::Duration::from_millis(20));
        while !runs.exists() {
            again.tick().await;
        }
    };
    tokio::time::timeout(SOON, began).await.unwrap();
    let scene = scene.restarted().await;
    let again = scene.keyed("k", &body).await.good();
    assert_eq!(
        (&again["stage"], &again["id"]),
        (&json!("failed"), &job["id"])
    );
    let problem = again["problem"].as_str().unwrap();
    assert!(problem.contains("before the hub restarted"), "{problem}");
    let session = again["session"].as_str().unwrap();
    let path = format!("/api/instances/{}/sessions/{session}", scene.instance);
    let draft = scene.lab.get(&format!("{path}/draft")).await.good();
    assert_eq!(draft["text"], "Do it");
    assert_eq!(fs::read_to_string(runs).unwrap(), "began\n");
    assert_eq!(scene.trees(), 1);
}
