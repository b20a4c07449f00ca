//! Folders in which sessions are made: a server of the hub's runs what is configured there, so a person has to trust them.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use hub::access::{Key, NewToken, Role};
use reqwest::Method;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};

use crate::lab::{Answer, Lab, launcher, send};

/// A hub that runs a server in the folder `own`, and a token for each of two roles.
struct Scene {
    lab: Lab,
    sessions: String,
    admin: Key,
    drive: Key,
}

impl Scene {
    async fn new() -> Self {
        let fake = FakeServer::start(FakeOptions::default()).await.unwrap();
        let home = tempfile::tempdir().unwrap();
        let launcher = launcher(&fake, home.path());
        let (lab, keyring) = Lab::guarded_with(home, fake, launcher, None).await;
        let [admin, drive] = [Role::Admin, Role::Drive].map(|role| {
            let new = NewToken {
                name: role.to_string(),
                roles: vec![role],
                expires: None,
            };
            keyring.add(new).unwrap()
        });
        let mut scene = Self {
            lab,
            sessions: String::new(),
            admin,
            drive,
        };
        let own = json!({"folder": scene.folder("own"), "trust": true});
        let added = scene.post("/api/instances", &scene.admin, own, None).await;
        let id = added.good()["id"].as_str().unwrap().to_owned();
        scene.lab.connected(&id).await;
        scene.sessions = format!("/api/instances/{id}/sessions");
        scene
    }

    /// A folder, under its one name.
    fn folder(&self, name: &str) -> PathBuf {
        let path = self.lab.home.path().join(name);
        fs::create_dir_all(&path).unwrap();
        path.canonicalize().unwrap()
    }

    async fn post(&self, path: &str, by: &Key, body: Value, key: Option<&str>) -> Answer {
        let request = self.lab.request(Method::POST, path).json(&body);
        let request = request.bearer_auth(by.reveal());
        send(match key {
            Some(key) => request.header("Idempotency-Key", key),
            None => request,
        })
        .await
    }

    async fn make(&self, by: &Key, directory: &Path) -> Answer {
        let body = json!({"directory": directory});
        self.post(&self.sessions, by, body, None).await
    }

    /// The folders of the sessions that the server has.
    async fn worked_in(&self) -> Vec<Value> {
        let sessions = self.lab.upstream("/session").await;
        let sessions = sessions.as_array().unwrap().iter();
        sessions
            .map(|session| session["directory"].clone())
            .collect()
    }
}

#[tokio::test]
async fn no_session_is_made_in_a_folder_that_nobody_trusts() {
    let scene = Scene::new().await;
    let (evil, own) = (scene.folder("evil"), scene.folder("own"));
    fs::create_dir_all(evil.join(".opencode/plugin")).unwrap();
    let link = own.join("link");
    symlink(&evil, &link).unwrap();
    let ways = [
        evil.clone(),
        link,
        own.join("../evil"),
        scene.folder("own/below"),
        own.parent().unwrap().to_owned(),
    ];
    for directory in &ways {
        for by in [&scene.drive, &scene.admin] {
            let problem = scene.make(by, directory).await;
            problem.problem(409, "untrusted-folder");
        }
    }
    let problem = scene.make(&scene.drive, &evil).await.json();
    let detail = problem["detail"].as_str().unwrap();
    assert!(detail.contains("evil/.opencode/plugin"), "{detail}");
    assert_eq!(scene.worked_in().await, [] as [Value; 0]);
    // Its own folder, however it is written, is told by its one name.
    let made = scene.make(&scene.drive, &own.join("../own/.")).await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(scene.worked_in().await, [json!(own)]);
}

#[tokio::test]
async fn a_key_that_comes_again_is_no_way_around_it() {
    let scene = Scene::new().await;
    let evil = scene.folder("evil");
    let make = async |trust: bool| {
        let mut body = json!({"directory": evil});
        if trust {
            body["trust"] = json!(true);
        }
        scene
            .post(&scene.sessions, &scene.admin, body, Some("k"))
            .await
    };
    make(false).await.problem(409, "untrusted-folder");
    // Whether the first try made one is looked for in that folder: the server would be asked, and refuse.
    scene.lab.fake.refuse(Some(500));
    make(false).await.problem(409, "untrusted-folder");
    scene.lab.fake.refuse(None);
    let made = make(true).await.good();
    assert_eq!(make(false).await.good()["id"], made["id"]);
    assert_eq!(scene.worked_in().await, [json!(evil)]);
}

#[tokio::test]
async fn only_an_admin_trusts_a_folder() {
    let scene = Scene::new().await;
    let folder = scene.folder("new");
    let trust = json!({"directory": folder, "trust": true});
    let post = async |by, body| scene.post(&scene.sessions, by, body, None).await;
    post(&scene.drive, trust.clone())
        .await
        .problem(403, "not-allowed");
    scene
        .make(&scene.drive, &folder)
        .await
        .problem(409, "untrusted-folder");
    post(&scene.admin, json!({"trust": true}))
        .await
        .problem(422, "invalid-request");
    assert_eq!(post(&scene.admin, trust).await.status, 201);
    // From now on it is trusted, for whoever may make a session.
    assert_eq!(scene.make(&scene.drive, &folder).await.status, 201);
}

#[tokio::test]
async fn a_server_that_runs_elsewhere_knows_its_own_folders() {
    let lab = Lab::new().await;
    let sessions = format!("{}/sessions", lab.instance().await);
    let there = json!({"directory": "/only/there"});
    assert_eq!(lab.post(&sessions, there).await.status, 201);
    let trust = json!({"directory": "/only/there", "trust": true});
    lab.post(&sessions, trust)
        .await
        .problem(422, "invalid-request");
}

#[tokio::test]
async fn an_admin_looks_for_a_folder_and_makes_one() {
    let scene = Scene::new().await;
    let shop = scene.folder("shop");
    fs::create_dir_all(shop.join(".git")).unwrap();
    fs::create_dir(shop.join("src")).unwrap();
    let home = shop.parent().unwrap();
    symlink(&shop, home.join("link")).unwrap();
    let get = async |by: &Key, query: &[(&str, &str)]| {
        let request = scene.lab.request(Method::GET, "/api/folders").query(query);
        send(request.bearer_auth(by.reveal())).await
    };
    let at = home.to_str().unwrap();
    // What is there is for those alone who may add it.
    get(&scene.drive, &[("path", at)])
        .await
        .problem(403, "not-allowed");
    let places = get(&scene.admin, &[]).await.good();
    let places = places["folders"].as_array().unwrap();
    let kinds: Vec<_> = places
        .iter()
        .filter_map(|one| one["place"].as_str())
        .collect();
    assert!(
        kinds.contains(&"recent") && kinds.ends_with(&["root"]),
        "{kinds:?}"
    );

    let listed = get(&scene.admin, &[("path", at), ("filter", "K")])
        .await
        .good();
    let link = json!({"name": "link", "path": home.join("link"), "git": true, "leads_to": shop});
    assert_eq!(listed["folders"], json!([link]));
    let link = home.join("link");
    let inside = get(&scene.admin, &[("path", link.to_str().unwrap())]).await;
    let inside = inside.good();
    assert_eq!(
        (&inside["folder"], &inside["git"]),
        (&json!(shop), &json!(true))
    );
    assert_eq!(inside["parent"], json!(home));
    assert_eq!(
        (&inside["folders"][0]["name"], &inside["hidden"]),
        (&json!("src"), &json!(1))
    );
    for path in [home.join("none").to_str().unwrap(), "relative", "../x"] {
        get(&scene.admin, &[("path", path)])
            .await
            .problem(422, "bad-folder");
    }

    let make = async |by: &Key, name: &str| {
        scene
            .post("/api/folders", by, json!({"path": at, "name": name}), None)
            .await
    };
    make(&scene.drive, "fresh")
        .await
        .problem(403, "not-allowed");
    let made = make(&scene.admin, "fresh").await;
    assert_eq!(made.status, 201, "{made:?}");
    assert_eq!(made.json()["folder"], json!(home.join("fresh")));
    assert!(home.join("fresh").is_dir());
    make(&scene.admin, "fresh")
        .await
        .problem(409, "folder-not-made");
    make(&scene.admin, "../out")
        .await
        .problem(422, "folder-not-made");
}
