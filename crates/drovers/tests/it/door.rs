//! Who may come in, as the command line has it; and that nothing which it starts is given a way in.

use std::os::unix::fs::PermissionsExt;

use reqwest::Method;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::Value;

use crate::program::{Done, Home, Running, program, until};

#[tokio::test]
async fn a_token_is_made_used_listed_and_revoked() {
    let (home, fake) = (
        Home::new(),
        FakeServer::start(FakeOptions::default()).await.unwrap(),
    );
    let hub = home.start(&["--attach", &fake.url]).await;
    hub.connected().await;
    let made = ["token", "add", "ci", "--role", "watch", "--expires", "30d"];
    let secret = home.run(&made).await.ok().trim().to_owned();
    assert!(secret.starts_with("drovers_"), "{secret}");
    home.run(&made)
        .await
        .refused(1, &["`ci`", "Revoke it first"]);
    let ask = async |token: &str| {
        let answer = hub.request_by(token, Method::GET, "instances").send().await;
        answer.unwrap().status().as_u16()
    };
    assert_eq!((ask(&secret).await, ask("").await), (200, 401));
    let with_token = async |args: &[&str]| {
        let mut command = home.command(args);
        Done::of(command.env("DROVERS_TOKEN", &secret).output()).await
    };
    with_token(&["ls"]).await.ok();
    let more = ["token", "add", "more", "--role", "admin"];
    with_token(&more)
        .await
        .refused(1, &["token ci", "`admin`", "drovers token add"]);
    let listed = home.run(&["token", "ls"]).await.ok();
    assert!(listed.starts_with("token ci: watch; made "), "{listed}");
    let listed = home.run(&["token", "ls", "--json"]).await.json();
    assert!(listed["tokens"][0]["used"].is_string() && !listed.to_string().contains(&secret));
    home.run(&["token", "revoke", "ci"]).await.ok();
    home.run(&["token", "revoke", "ci"])
        .await
        .refused(1, &["no such token"]);
    assert_eq!(ask(&secret).await, 401);
    with_token(&["ls"])
        .await
        .refused(1, &["key", "drovers token add"]);
    for args in [
        &["token", "add", "x"][..],
        &["token", "add", "x", "--role", "root"],
        &["token", "add", "x", "--role", "watch", "--expires", "soon"],
        &["token", "revoke"],
    ] {
        assert_eq!(home.run(args).await.code, Some(2), "{args:?}");
    }
}

#[tokio::test]
async fn a_link_lets_a_page_in_which_can_be_sent_away() {
    let (home, fake) = (
        Home::new(),
        FakeServer::start(FakeOptions::default()).await.unwrap(),
    );
    let hub = home.start(&["--attach", &fake.url]).await;
    let link = home.run(&["link"]).await.ok();
    let (place, key) = link.trim().split_once('#').unwrap();
    assert_eq!(place, format!("{}/enter", hub.url));
    let client = reqwest::Client::new();
    let enter = client.post(place).json(&serde_json::json!({"key": key}));
    let entered = enter.send().await.unwrap();
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().to_owned();
    let (cookie, _) = cookie.split_once(';').unwrap();
    let page = async || {
        let request = client.get(&hub.url).header("cookie", cookie);
        request.send().await.unwrap().status().as_u16()
    };
    assert_eq!(page().await, 200);
    let listed: Value = home.run(&["token", "ls", "--json"]).await.json();
    let id = listed["pages"][0]["id"].as_str().unwrap();
    home.run(&["token", "revoke", "--page", id]).await.ok();
    assert_eq!(page().await, 401);
}

#[tokio::test]
async fn a_link_by_a_forwarded_port_lets_a_page_in_there() {
    let home = Home::new();
    let hub = home.start(&["--attach", "http://127.0.0.1:9"]).await;
    let to = hub.url.trim_start_matches("http://").to_owned();
    let forward = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = forward.local_addr().unwrap().port().to_string();
    tokio::spawn(async move {
        while let Ok((mut near, _)) = forward.accept().await {
            let mut far = tokio::net::TcpStream::connect(&to).await.unwrap();
            tokio::spawn(async move { tokio::io::copy_bidirectional(&mut near, &mut far).await });
        }
    });
    let at = format!("http://localhost:{port}");
    let by_port = home.run(&["link", "--port", &port]).await.ok();
    assert!(by_port.starts_with(&format!("http://127.0.0.1:{port}/enter#")));
    let by_address = home.run(&["link", "--at", &at]).await.ok();
    let (place, key) = by_address.trim().split_once('#').unwrap();
    assert_eq!(place, format!("{at}/enter"));
    let client = reqwest::Client::new();
    let enter = client
        .post(place)
        .header("origin", &at)
        .json(&serde_json::json!({"key": key}));
    let entered = enter.send().await.unwrap();
    assert_eq!(entered.status(), 200);
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().to_owned();
    let (cookie, _) = cookie.split_once(';').unwrap();
    assert!(cookie.starts_with(&format!("drovers_{port}=")), "{cookie}");
    let page = client.get(&at).header("cookie", cookie).send().await;
    assert_eq!(page.unwrap().status(), 200);
    for refused in ["http://example.com:9000", "https://localhost:9000", "9000"] {
        home.run(&["link", "--at", refused])
            .await
            .refused(2, &["--at", "http://localhost:9000"]);
    }
}

#[tokio::test]
async fn secrets_are_in_files_of_ones_own_and_nowhere_else() {
    let home = Home::new();
    let hub = home.start(&["--attach", "http://127.0.0.1:9"]).await;
    home.run(&["token", "add", "ci", "--role", "watch"])
        .await
        .ok();
    for name in ["token", "access.json", "instances.json", "runtime.json"] {
        let file = home.data_dir().join(name).metadata().unwrap();
        assert_eq!(file.permissions().mode() & 0o777, 0o600, "{name}");
    }
    let cmdline = std::fs::read(format!("/proc/{}/cmdline", hub.pid())).unwrap();
    assert!(!String::from_utf8_lossy(&cmdline).contains("drovers_"));
}

#[tokio::test]
async fn a_hub_without_a_door_says_so() {
    let home = Home::new();
    let mut command = home.command(&["up", "--no-open", "--no-auth", "--listen", "127.0.0.1:0"]);
    let log = std::fs::File::create(home.path("log")).unwrap();
    command.args(["--attach", "http://127.0.0.1:9"]).stderr(log);
    let hub = Running::of(command).await;
    let health = reqwest::get(format!("{}/api/health", hub.url))
        .await
        .unwrap();
    let health: Value = health.json().await.unwrap();
    assert!(health["notices"][0].as_str().unwrap().contains("--no-auth"));
    let page = reqwest::get(&hub.url).await.unwrap().text().await.unwrap();
    assert!(page.contains("started with --no-auth"));
    until(async || {
        let said = std::fs::read_to_string(home.path("log")).unwrap();
        said.contains("--no-auth: every program").then_some(())
    })
    .await;
    home.run(&["token", "add", "x", "--role", "watch"])
        .await
        .refused(1, &["--no-auth"]);
}

/// A variable for each thing that only this program may know.
const OWN: [&str; 4] = [
    "DROVERS_PASSWORD",
    "DROVERS_USERNAME",
    "DROVERS_TOKEN",
    "DROVERS_LATER",
];

#[tokio::test]
async fn servers_that_it_starts_are_given_no_way_in() {
    let home = Home::new();
    let folder = home.folder("project");
    let script = "#!/bin/sh\n[ \"$1\" = --version ] && echo 1.18.33 && exit\nenv > env.new && mv env.new env\n\
                  echo 'opencode server listening on http://127.0.0.1:9'\nexec sleep 1000\n";
    let opencode = program(&home.path("opencode"), script);
    let mut command = home.command(&["up", "--no-open", "--listen", "127.0.0.1:0", "--opencode"]);
    command
        .arg(opencode)
        .arg("--trust")
        .arg(&folder)
        .env("OTHER", "stays");
    for name in OWN {
        command.env(name, "hush-hush");
    }
    let _hub = Running::of(command).await;
    let env = until(async || std::fs::read_to_string(folder.join("env")).ok()).await;
    assert!(env.contains("OTHER=stays") && env.contains("OPENCODE_SERVER_PASSWORD="));
    assert!(
        !env.contains("DROVERS_") && !env.contains("hush-hush"),
        "{env}"
    );
    let files = std::fs::read_dir(&folder).unwrap();
    assert_eq!(files.count(), 1, "nothing is written to the folder");
    let processes = std::fs::read_dir("/proc").unwrap().filter_map(Result::ok);
    let told = processes.filter_map(|process| std::fs::read(process.path().join("cmdline")).ok());
    let token = std::fs::read_to_string(home.data_dir().join("token")).unwrap();
    for cmdline in told {
        assert!(!String::from_utf8_lossy(&cmdline).contains(&token));
    }
}

#[tokio::test]
async fn the_client_that_it_becomes_is_given_no_way_in() {
    let (home, fake) = (
        Home::new(),
        FakeServer::start(FakeOptions::default()).await.unwrap(),
    );
    let hub = home.start(&["--attach", &fake.url]).await;
    let instance = hub.connected().await;
    let client = program(&home.path("opencode"), "#!/bin/sh\nenv\n");
    let made = ["token", "add", "x", "--role", "admin"];
    let token = home.run(&made).await.ok();
    let mut command = home.command(&["open", &instance, "--opencode", client.to_str().unwrap()]);
    for name in OWN {
        command.env(name, "hush-hush");
    }
    command.env("DROVERS_TOKEN", token.trim());
    let env = Done::of(command.output()).await.ok();
    assert!(env.contains("HOME="));
    assert!(
        !env.contains("DROVERS_") && !env.contains("hush-hush"),
        "{env}"
    );
}

#[tokio::test]
async fn a_folder_is_trusted_once() {
    let home = Home::new();
    let folder = home.folder("project");
    std::fs::create_dir_all(folder.join(".opencode/plugin")).unwrap();
    let folder = folder.to_str().unwrap();
    let hub = home.start(&["--attach", "http://127.0.0.1:9"]).await;
    let words = [".opencode/plugin", "trusted", "--trust"];
    home.run(&["--no-open", folder]).await.refused(1, &words);
    let client = program(&home.path("opencode"), "#!/bin/sh\nenv\n");
    let open = ["open", folder, "--opencode", client.to_str().unwrap()];
    home.run(&open).await.refused(1, &words);
    assert_eq!(hub.get("instances").await.as_array().unwrap().len(), 1);
    home.run(&["--no-open", "--trust", folder]).await.ok();
    home.run(&["--no-open", folder]).await.ok();
    assert_eq!(hub.get("instances").await.as_array().unwrap().len(), 2);
    let trusted = home.data_dir().join("trusted.json").metadata().unwrap();
    assert_eq!(trusted.permissions().mode() & 0o777, 0o600);
}
