//! `drovers check --wire`: what is assumed of an OpenCode 2 service, checked on a scripted one.

use std::fs;
use std::time::Duration;

use scripted::opencode2::{Options, Server};

use crate::program::{Done, Home};

async fn scripted() -> Server {
    let options = Options {
        rate: 0.0,
        heartbeat: Duration::from_millis(200),
        password: Some("hush".to_owned()),
        ..Options::default()
    };
    Server::start(options).await.unwrap()
}

async fn check(home: &Home, server: &Server, more: &[&str]) -> Done {
    let arguments = [&["check", "--wire", server.url()], more].concat();
    let mut command = home.command(&arguments);
    command
        .env("OPENCODE_PASSWORD", "hush")
        .env("XDG_STATE_HOME", home.path("state"));
    Done::of(command.output()).await
}

#[tokio::test]
async fn the_list_is_gone_through_with_the_evidence() {
    let (home, server) = (Home::new(), scripted().await);
    let bare = check(&home, &server, &[]).await;
    assert_eq!(bare.code, Some(0), "{}{}", bare.out, bare.err);
    assert!(!bare.out.contains("hush"));
    let lines: Vec<_> = bare.out.lines().collect();
    assert_eq!(
        lines.len(),
        22,
        "a line for each, below that of the version: {}",
        bare.out
    );
    assert!(lines[0].contains("OpenCode 2.1.2"), "{}", bare.out);
    assert!(!bare.out.contains("does not hold"), "{}", bare.out);
    let of = |done: &Done, what: &str| {
        let line = done.out.lines().find(|line| line.contains(what));
        line.unwrap_or_else(|| panic!("{what}: {}", done.out))
            .to_owned()
    };
    assert!(of(&bare, "a stream begins at once").starts_with("holds "));
    assert!(of(&bare, "sent twice").starts_with("not checked "));

    let state = home.path("state/opencode");
    fs::create_dir_all(&state).unwrap();
    fs::write(
        state.join("service.json"),
        server.registration().to_string(),
    )
    .unwrap();
    let whole = check(&home, &server, &["--prompt", "--text", "say hello"]).await;
    assert_eq!(whole.code, Some(0), "{}{}", whole.out, whole.err);
    assert!(!whole.out.contains("hush"));
    for holds in [
        "service.json",
        "sent twice",
        "queued prompt is delivered",
        "HTTP/1.1",
    ] {
        assert!(of(&whole, holds).starts_with("holds "), "{}", whole.out);
    }
    // The session of its own is gone.
    let after = check(&home, &server, &[]).await;
    assert!(of(&after, "a log keeps").contains("there is no session"));
}

#[tokio::test]
async fn what_is_no_such_service_is_a_failure() {
    let home = Home::new();
    let server = scripted().await;
    let mut command = home.command(&["check", "--wire", server.url()]);
    command.env("OPENCODE_PASSWORD", "wrong");
    let done = Done::of(command.output()).await;
    assert_eq!(done.code, Some(1), "{}", done.out);
    assert!(
        done.err.contains("Set OPENCODE_PASSWORD") && !done.err.contains("wrong"),
        "{}",
        done.err
    );
}
