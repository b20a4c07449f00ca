//! What people get wrong, each with what happened and what to do.

use axum::Router;
use scripted::opencode::{FakeOptions, FakeServer};
use tokio::net::TcpListener;

use crate::program::{Home, Running, until};

#[tokio::test]
async fn a_bad_command_line_changes_nothing() {
    let home = Home::new();
    for (args, words) in [
        (
            &["/no/such/folder"][..],
            &["/no/such/folder does not exist", "create it first"][..],
        ),
        (
            &["lss"],
            &["the folder lss does not exist", "`drovers --help`"],
        ),
        (
            &["--attach", "http://me:hush@127.0.0.1:1"],
            &["must not contain", "DROVERS_PASSWORD"],
        ),
        (&["--attach", "127.0.0.1:1"], &["http://HOST:PORT"]),
        (&["--attach", "localhost:1"], &["begin with http://"]),
        (
            &["--listen", "everywhere"],
            &["not an address", "127.0.0.1:7878"],
        ),
        (&["--listen", "0.0.0.0:0", "--no-auth"], &["--no-auth"]),
        (&["--behind-proxy", "10.0.0.1"], &["--listen", "--name"]),
        (&["--tls-cert", "/nowhere"], &["--tls-key"]),
        (&["--name", "hub.example.org"], &["--listen"]),
        (&["--listen", "here"], &["127.0.0.1:7878"]),
        (
            &["--opencode", "/no/opencode", "/"],
            &["no program at /no/opencode", "--opencode"],
        ),
        (&["--stale-after", "5s"], &["at least 12 s"]),
        (&["--stale-after", "50s"], &["longer than", "--dead-after"]),
        (&["--dead-after", "soon"], &["25s or 2m"]),
        (&["--no-open", "ls"], &["drovers up"]),
        (&["send", "x", "y", "--model", "m"], &["PROVIDER/MODEL"]),
        (&["-v", "guard"], &["Usage"]),
    ] {
        let done = home.run(args).await;
        done.refused(2, words);
        assert!(!done.err.contains("hush"), "{done:?}");
        assert!(!home.data_dir().exists(), "{args:?}");
    }
}

#[tokio::test]
async fn a_data_directory_that_cannot_be_written_is_named() {
    let home = Home::new();
    std::fs::write(home.path("file"), "").unwrap();
    let below = home.path("file").join("data");
    let done = home
        .run(&[
            "--no-open",
            "--data-dir",
            below.to_str().unwrap(),
            "--listen",
            "127.0.0.1:0",
        ])
        .await;
    done.refused(4, &["cannot be written", "--data-dir"]);
}

#[tokio::test]
async fn without_a_hub_there_is_nobody_to_ask() {
    let home = Home::new();
    for args in [&["ls"][..], &["tail"], &["send", "x", "y"], &["check", "x"]] {
        home.run(args)
            .await
            .refused(3, &["no hub is running", "Start one with `drovers`"]);
    }
    assert!(!home.data_dir().exists());
}

#[tokio::test]
async fn what_is_no_opencode_is_refused_and_what_is_away_is_kept() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let other = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new()).await });
    let home = Home::new();
    let done = home.run(&["--no-open", "--attach", &other]).await;
    done.refused(2, &[&other, "is not OpenCode", "opencode serve"]);
    let hub = home.start(&["--attach", "http://127.0.0.1:9"]).await;
    let instances = hub
        .until(|instances| {
            instances
                .first()
                .is_some_and(|one| one["reason"].is_string())
        })
        .await;
    assert!(
        instances[0]["reason"]
            .as_str()
            .unwrap()
            .contains("nothing listens"),
        "{instances:?}"
    );
    let again = home
        .run(&["--no-open", "--attach", "http://127.0.0.1:9"])
        .await;
    assert!(
        again.err.contains("nothing listens at http://127.0.0.1:9")
            && again.err.contains("keeps retrying"),
        "{again:?}"
    );
    again.ok();
    home.run(&["--no-open", "--attach", "http://no-such-host.invalid"])
        .await
        .err
        .contains("no-such-host.invalid");
}

#[tokio::test]
async fn a_closed_door_says_how_to_get_in() {
    let options = FakeOptions {
        password: Some("right".to_owned()),
        ..FakeOptions::default()
    };
    let (home, fake) = (Home::new(), FakeServer::start(options).await.unwrap());
    let hub = home.start(&["--attach", &fake.url]).await;
    let without = home.run(&["--no-open", "--attach", &fake.url]).await;
    assert!(
        without.err.contains("asks for a password") && without.err.contains("DROVERS_PASSWORD=…"),
        "{without:?}"
    );
    let with = async |password| {
        let mut command = home.command(&["--no-open", "--attach", &fake.url]);
        crate::program::Done::of(command.env("DROVERS_PASSWORD", password).output()).await
    };
    let wrong = with("wrong").await;
    assert!(
        wrong.err.contains("refuses the password") && !wrong.err.contains("wrong"),
        "{wrong:?}"
    );
    with("right").await.ok();
    hub.connected().await;
}

#[tokio::test]
async fn a_missing_opencode_is_told_of_here_and_there() {
    let home = Home::new();
    let folder = home.folder("project");
    let hub = Running::of(home.command(&[
        "--no-open",
        "--listen",
        "127.0.0.1:0",
        "--trust",
        folder.to_str().unwrap(),
    ]))
    .await;
    let listed = until(async || {
        let listed = home.run(&["ls"]).await.ok();
        listed.contains("not installed").then_some(listed)
    })
    .await;
    assert!(listed.contains("npm install -g opencode-ai"), "{listed}");
    drop(hub);
}

#[tokio::test]
async fn unknown_and_ambiguous_ids_are_told_apart() {
    let (home, fake) = (
        Home::new(),
        FakeServer::start(FakeOptions::default()).await.unwrap(),
    );
    for title in ["Mend the roof", "Mend the door"] {
        fake.seed_session(title).unwrap();
    }
    let hub = home.start(&["--attach", &fake.url]).await;
    hub.connected().await;
    home.run(&["send", "ses_nope", "x"])
        .await
        .refused(1, &["no session `ses_nope`", "`drovers ls`"]);
    home.run(&["check", "nope"])
        .await
        .refused(1, &["no instance `nope`"]);
    home.run(&["tail", "nope"])
        .await
        .refused(1, &["no instance or session `nope`"]);
    home.run(&["send", "mend", "x"]).await.refused(
        1,
        &[
            "matches 2 sessions",
            "Mend the roof",
            "Mend the door",
            "ses_",
        ],
    );
    home.run(&["send", "mend the roof", " "])
        .await
        .refused(1, &["nothing to send"]);
    home.run(&["tail", "--no-follow", "--after", "zzz"])
        .await
        .refused(1, &["a cursor has the form"]);
}
