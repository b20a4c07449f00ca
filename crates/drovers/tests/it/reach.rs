//! A hub that other machines reach, as its command line has it: certificate, codes, password, and what is refused.

use std::os::unix::fs::PermissionsExt;

use reqwest::{Client, StatusCode};
use serde_json::{Value, json};
use tokio::io::AsyncWriteExt;

use crate::program::{Done, Home, Running, program};

/// The hub, and a client for its address outside, which trusts what the hub says of its certificate.
async fn open(home: &Home, more: &[&str]) -> (Running, Value, Client) {
    let args = [
        &[
            "up",
            "--no-open",
            "--listen",
            "127.0.0.2:0",
            "--attach",
            "http://127.0.0.1:9",
        ][..],
        more,
    ];
    let hub = Running::of(home.command(&args.concat())).await;
    let facts = home.run(&["access", "--json"]).await.json();
    let client = Client::builder()
        .tls_danger_accept_invalid_certs(true)
        .no_proxy()
        .build()
        .unwrap();
    (hub, facts, client)
}

/// The password is given as one line of standard input.
async fn set_password(home: &Home, password: &str, more: &[&str]) -> Done {
    let mut command = home.command(&[&["password", "set"][..], more].concat());
    command.stdin(std::process::Stdio::piped());
    command.stdout(std::process::Stdio::piped());
    command.stderr(std::process::Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(password.as_bytes()).await.unwrap();
    drop(input);
    Done::of(child.wait_with_output()).await
}

#[tokio::test]
async fn a_hub_on_loopback_says_that_nobody_else_reaches_it() {
    let home = Home::new();
    let _hub = home.start(&["--attach", "http://127.0.0.1:9"]).await;
    let said = home.run(&["access"]).await.ok();
    assert!(said.contains("other devices cannot reach it"), "{said}");
    home.run(&["pair"])
        .await
        .refused(1, &["own machine only", "--listen 0.0.0.0:7878"]);
    home.run(&["access", "--authority"])
        .await
        .refused(1, &["no authority of its own"]);
    assert!(!home.data_dir().join("tls.json").exists());
}

/// A listener of loopback that is named for others, with a name: TLS as on any other address.
#[tokio::test]
// Longer than 70 lines: one way in after the other, on one hub.
async fn a_phone_is_paired_and_revoked() {
    let home = Home::new();
    let certificate = home.path("own.crt");
    let key = home.path("own.key");
    let made = tokio::process::Command::new("openssl")
        .args(["req", "-x509", "-newkey", "ec", "-pkeyopt"])
        .args(["ec_paramgen_curve:prime256v1", "-nodes", "-days", "2"])
        .args(["-subj", "/CN=hub.example.org", "-keyout"])
        .arg(&key)
        .arg("-out")
        .arg(&certificate)
        .output()
        .await;
    if !made.is_ok_and(|made| made.status.success()) {
        return;
    }
    let (hub, facts, client) = open(
        &home,
        &[
            "--tls-cert",
            certificate.to_str().unwrap(),
            "--tls-key",
            key.to_str().unwrap(),
            "--name",
            "localhost",
        ],
    )
    .await;
    assert!(hub.url.starts_with("http://127.0.0.1:"), "{}", hub.url);
    assert_eq!(
        (&facts["tls"], &facts["authority"]),
        (&json!("own"), &Value::Null)
    );
    assert_eq!(facts["fingerprint"].as_str().unwrap().len(), 95);
    let url = facts["urls"][1].as_str().unwrap().to_owned();
    assert!(url.starts_with("https://127.0.0.2:"), "{url}");
    let pair = ["pair", "--role", "watch", "--json", "--at", &url];
    let paired = home.run(&pair).await.json();
    let (place, key) = paired["link"].as_str().unwrap().split_once('#').unwrap();
    assert_eq!(place, format!("{url}/enter"));
    let rows = paired["code"].as_array().unwrap();
    assert_eq!(rows.len(), rows[0].as_str().unwrap().len());
    let enter = async || {
        let request = client.post(place).json(&json!({"key": key}));
        request.send().await.unwrap()
    };
    let entered = enter().await;
    assert_eq!(entered.status(), StatusCode::OK);
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap().to_owned();
    assert!(cookie.starts_with("__Host-drovers_"), "{cookie}");
    assert_eq!(enter().await.status(), StatusCode::UNAUTHORIZED);
    let page = async |path: &str| {
        let request = client.get(format!("{url}{path}"));
        let answer = request.header("cookie", &cookie).send().await;
        answer.unwrap().status()
    };
    assert_eq!(page("/").await, StatusCode::OK);
    assert_eq!(page("/api/tokens").await, StatusCode::FORBIDDEN);
    let listed = home.run(&["token", "ls"]).await.ok();
    assert!(listed.contains(", watch; made "), "{listed}");
    let listed = home.run(&["token", "ls", "--json"]).await.json();
    let id = listed["pages"][0]["id"].as_str().unwrap();
    home.run(&["token", "revoke", "--page", id]).await.ok();
    assert_eq!(page("/").await, StatusCode::UNAUTHORIZED);
    // Plain HTTP is not spoken there, and other names are refused.
    let plain = client
        .get(url.replace("https", "http"))
        .send()
        .await
        .unwrap();
    assert_eq!(plain.status(), StatusCode::BAD_REQUEST);
    let other = client.get(&url).header("host", "evil.example").send().await;
    assert_eq!(other.unwrap().status(), StatusCode::FORBIDDEN);
    let audit = home.run(&["audit"]).await.ok();
    assert!(
        audit.contains("entered") && audit.contains("by link, from 127.0.0."),
        "{audit}"
    );
}

#[tokio::test]
async fn a_password_lets_in_until_it_is_removed() {
    let home = Home::new();
    let proxied = ["--behind-proxy", "127.0.0.1", "--name", "hub.example.org"];
    set_password(&home, "too short\n", &[])
        .await
        .refused(1, &["15 to 256"]);
    set_password(&home, "three words, two rivers\n", &[])
        .await
        .ok();
    let file = home.data_dir().join("password").metadata().unwrap();
    assert_eq!(file.permissions().mode() & 0o777, 0o600);
    assert_eq!(
        home.run(&["password", "status"]).await.ok(),
        "a password is set\n"
    );
    let (_hub, facts, client) = open(&home, &proxied).await;
    assert_eq!(facts["urls"], json!(["https://hub.example.org"]));
    assert_eq!(
        (&facts["tls"], &facts["password"]),
        (&json!("proxy"), &json!(true))
    );
    let url = format!("http://{}", facts["listens"].as_str().unwrap());
    let ask = async |path: &str, cookie: &str, body: Option<Value>| {
        let request = match body {
            Some(body) => client.post(format!("{url}{path}")).json(&body),
            None => client.get(format!("{url}{path}")),
        };
        let request = request
            .header("host", "hub.example.org")
            .header("x-forwarded-proto", "https")
            .header("cookie", cookie)
            .header("accept", "text/html");
        request.send().await.unwrap()
    };
    let login = async |password: &str| ask("/enter", "", Some(json!({"password": password}))).await;
    assert_eq!(
        login("three words").await.status(),
        StatusCode::UNAUTHORIZED
    );
    let entered = login("three words, two rivers").await;
    assert_eq!(entered.status(), StatusCode::OK);
    let cookie = entered.headers()["set-cookie"].to_str().unwrap().to_owned();
    let cookie = cookie.split(';').next().unwrap();
    assert_eq!(ask("/", cookie, None).await.status(), StatusCode::OK);
    set_password(&home, "four words, three rivers\n", &["--log-out"])
        .await
        .ok();
    assert_eq!(
        ask("/", cookie, None).await.status(),
        StatusCode::UNAUTHORIZED
    );
    let old = login("three words, two rivers").await;
    assert_eq!(old.status(), StatusCode::UNAUTHORIZED);
    home.run(&["password", "remove"]).await.ok();
    let gone = login("four words, three rivers").await;
    assert_eq!(gone.status(), StatusCode::UNAUTHORIZED);
    home.run(&["password", "remove"])
        .await
        .refused(1, &["no password"]);
    let stranger = ask("/", "", None).await.text().await.unwrap();
    assert!(!stranger.contains("<form"));
}

#[tokio::test]
async fn remote_says_what_lacks_and_sets_tailscale_up() {
    let home = Home::new();
    let said = home.run(&["remote"]).await.ok();
    assert!(said.contains("tailscale up"), "{said}");
    let folder = home.folder("bin");
    let script = "#!/bin/sh\necho \"$@\" >> \"$HOME/asked\"\n\
                  [ \"$1\" = status ] && echo '{\"Self\": {\"DNSName\": \"Box.tail1.ts.net.\"}}'\nexit 0\n";
    program(&folder.join("tailscale"), script);
    let remote = async |args: &[&str]| {
        let mut command = home.command(&[&["remote"][..], args].concat());
        command.env("PATH", format!("{}:/usr/bin:/bin", folder.display()));
        Done::of(command.output()).await
    };
    let said = remote(&[]).await.ok();
    let start =
        "drovers up --listen 127.0.0.1:7879 --behind-proxy 127.0.0.1 --name box.tail1.ts.net";
    assert!(said.contains(start), "{said}");
    assert!(
        said.contains("tailscale serve --bg http://127.0.0.1:7879"),
        "{said}"
    );
    let listen = [
        "up",
        "--no-open",
        "--attach",
        "http://127.0.0.1:9",
        "--listen",
    ];
    let rest = [
        "127.0.0.1:0",
        "--behind-proxy",
        "127.0.0.1",
        "--name",
        "box.tail1.ts.net",
    ];
    let _hub = Running::of(home.command(&[&listen[..], &rest].concat())).await;
    let done = remote(&["--json"]).await.json();
    assert_eq!(
        (&done["done"], &done["url"]),
        (&json!(true), &json!("https://box.tail1.ts.net"))
    );
    let facts = home.run(&["access", "--json"]).await.json();
    let asked = std::fs::read_to_string(home.path("asked")).unwrap();
    let serve = format!("serve --bg http://{}", facts["listens"].as_str().unwrap());
    assert!(asked.lines().any(|line| line == serve), "{asked}");
}
