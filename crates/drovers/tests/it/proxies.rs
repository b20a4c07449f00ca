//! The examples of `docs/proxies.md`, in front of a hub. Each runs where its program is installed.

use std::fs;
use std::net::TcpListener;
use std::path::Path;
use std::process::Stdio;

use reqwest::{Client, Method, StatusCode};
use serde_json::Value;
use tokio::process::{Child, Command};

use crate::program::{Home, Running, until};

const NAME: &str = "drovers.example.org";
const DOCUMENT: &str = include_str!("../../../../docs/proxies.md");

/// The example of a language in the document, before this hub and at this port.
fn example(language: &str, hub: &Running) -> String {
    let (_, rest) = DOCUMENT.split_once(&format!("```{language}\n")).unwrap();
    let (example, _) = rest.split_once("```").unwrap();
    let address = hub.url.strip_prefix("http://").unwrap();
    assert!(example.contains("127.0.0.1:7878"));
    example.replace("127.0.0.1:7878", address)
}

fn free_port() -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().port()
}

fn is_installed(program: &str) -> bool {
    let folders = ["/usr/sbin", "/usr/bin", "/usr/local/bin"];
    folders
        .iter()
        .any(|folder| Path::new(folder).join(program).exists())
}

fn spawn(program: &str, args: &[&str], home: &Home) -> Child {
    let mut command = Command::new(program);
    command
        .args(args)
        .env("PATH", "/usr/sbin:/usr/bin:/bin:/usr/local/bin")
        .env("HOME", home.folder("proxy"))
        .env("XDG_DATA_HOME", home.folder("proxy"))
        .env("XDG_CONFIG_HOME", home.folder("proxy"))
        .current_dir(home.folder("proxy"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .kill_on_drop(true);
    command.spawn().unwrap()
}

/// What a browser needs of the proxy at a port: requests, the own origin and no other, and a socket.
async fn serves(home: &Home, hub: &Running, port: u16) {
    let address = format!("127.0.0.1:{port}").parse().unwrap();
    let client = Client::builder()
        .resolve(NAME, address)
        .tls_danger_accept_invalid_certs(true)
        .no_proxy()
        .build()
        .unwrap();
    let url = |path: &str| format!("https://{NAME}:{port}{path}");
    until(async || {
        let answer = client.get(url("/api/health/ready")).send().await.ok()?;
        (answer.status() == StatusCode::OK).then_some(())
    })
    .await;
    assert_eq!(
        client.get(url("/")).send().await.unwrap().status(),
        StatusCode::UNAUTHORIZED
    );
    let token = fs::read_to_string(home.data_dir().join("token")).unwrap();
    let settings: Value = hub.get("settings").await;
    let put = async |origin: &str| {
        let request = client
            .request(Method::PUT, url("/api/settings"))
            .json(&settings);
        let request = request.bearer_auth(&token).header("origin", origin);
        request.send().await.unwrap().status()
    };
    assert!(put(&format!("https://{NAME}")).await.is_success());
    for other in ["https://evil.example", "http://drovers.example.org", "null"] {
        assert_eq!(put(other).await, StatusCode::FORBIDDEN, "{other}");
    }
    let socket = client
        .get(url("/api/live"))
        .bearer_auth(&token)
        .header("origin", format!("https://{NAME}"))
        .header("connection", "upgrade")
        .header("upgrade", "websocket")
        .header("sec-websocket-version", "13")
        .header("sec-websocket-key", "dGhlIHNhbXBsZSBub25jZQ==")
        .send();
    assert_eq!(
        socket.await.unwrap().status(),
        StatusCode::SWITCHING_PROTOCOLS
    );
}

#[tokio::test]
async fn nginx_serves_as_the_example_has_it() {
    if !is_installed("nginx") || !is_installed("openssl") {
        return;
    }
    let home = Home::new();
    let (hub, port) = (home.start(&[]).await, free_port());
    let folder = home.folder("proxy");
    let made = Command::new("openssl")
        .args([
            "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1", "-subj",
        ])
        .arg(format!("/CN={NAME}"))
        .args(["-keyout", "drovers.key", "-out", "drovers.crt"])
        .current_dir(&folder)
        .output();
    assert!(made.await.unwrap().status.success());
    let mut text =
        example("nginx", &hub).replace("listen 443 ssl", &format!("listen 127.0.0.1:{port} ssl"));
    if rustix::process::getuid().is_root() {
        // Only a root has to say so; others stay who they are.
        text.insert_str(0, "user root;\n");
    }
    fs::write(folder.join("nginx.conf"), format!("daemon off;\n{text}")).unwrap();
    let prefix = folder.to_str().unwrap().to_owned();
    let _nginx = spawn(
        "nginx",
        &["-e", "stderr", "-p", &prefix, "-c", "nginx.conf"],
        &home,
    );
    serves(&home, &hub, port).await;
}

#[tokio::test]
async fn caddy_serves_as_the_example_has_it() {
    if !is_installed("caddy") {
        return;
    }
    let home = Home::new();
    let (hub, port) = (home.start(&[]).await, free_port());
    let site = format!("https://{NAME}:{port} {{\n\ttls internal\n\tbind 127.0.0.1");
    let text = example("caddy", &hub).replacen(&format!("https://{NAME} {{"), &site, 1);
    let options = "{\n\tadmin off\n\tauto_https disable_redirects\n\tskip_install_trust\n}\n";
    let file = home.folder("proxy").join("Caddyfile");
    fs::write(&file, format!("{options}{text}")).unwrap();
    let args = [
        "run",
        "--adapter",
        "caddyfile",
        "--config",
        file.to_str().unwrap(),
    ];
    let _caddy = spawn("caddy", &args, &home);
    serves(&home, &hub, port).await;
}
