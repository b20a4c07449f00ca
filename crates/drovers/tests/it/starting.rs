//! How a hub starts, and what a second one does.

use std::net::TcpListener;

use scripted::opencode::{FakeOptions, FakeServer};

use crate::program::{Home, Running};

#[tokio::test]
async fn one_line_tells_where_it_listens_and_there_it_answers() {
    let (home, fake) = (
        Home::new(),
        FakeServer::start(FakeOptions::default()).await.unwrap(),
    );
    let hub = home.start(&["--attach", &fake.url]).await;
    assert!(hub.url.starts_with("http://127.0.0.1:"), "{}", hub.url);
    hub.connected().await;
    assert_eq!(hub.get("health").await["status"], "ok");
}

#[tokio::test]
async fn a_taken_port_gives_way_to_the_next_unless_it_was_asked_for() {
    let home = Home::new();
    let folder = home.folder("project");
    // Whoever has it: it is taken now.
    let _taken = TcpListener::bind("127.0.0.1:7878");
    let hub = Running::of(home.command(&["--no-open", "--trust", folder.to_str().unwrap()])).await;
    let port: u16 = hub.url.rsplit(':').next().unwrap().parse().unwrap();
    assert!((7879..7978).contains(&port), "{port}");
    let other = Home::new();
    let taken = format!("127.0.0.1:{port}");
    other
        .run(&["--no-open", "--listen", &taken])
        .await
        .refused(4, &[&taken, "is already in use", "--listen"]);
}

#[tokio::test]
async fn a_second_one_hands_over_to_the_first() {
    let (home, fake) = (
        Home::new(),
        FakeServer::start(FakeOptions::default()).await.unwrap(),
    );
    let one = home.folder("one");
    let hub = home.start(&[one.to_str().unwrap()]).await;
    let second = home.run(&["--no-open", "--attach", &fake.url]).await;
    let said = second.ok();
    let mut lines = said.lines();
    assert_eq!(
        lines.next(),
        Some(&*format!("drovers listening on {}", hub.url))
    );
    let link = lines.next().unwrap();
    assert!(
        link.starts_with(&format!("open {}/enter#drovers_", hub.url)),
        "{link}"
    );
    assert!(link.contains("/i/") && lines.next().is_none(), "{said}");
    let instances = hub.until(|instances| instances.len() == 2).await;
    assert!(
        instances
            .iter()
            .any(|instance| instance["folder"] == one.to_str().unwrap())
    );
    assert!(
        instances
            .iter()
            .any(|instance| instance["url"] == format!("{}/", fake.url))
    );
}

#[tokio::test]
async fn a_password_comes_from_the_environment_and_goes_nowhere_else() {
    let options = FakeOptions {
        password: Some("hush-hush".to_owned()),
        ..FakeOptions::default()
    };
    let (home, fake) = (Home::new(), FakeServer::start(options).await.unwrap());
    let mut command = home.command(&[
        "--no-open",
        "--listen",
        "127.0.0.1:0",
        "--attach",
        &fake.url,
    ]);
    command.env("DROVERS_PASSWORD", "hush-hush");
    let hub = Running::of(command).await;
    hub.connected().await;
    assert!(!hub.get("instances").await.to_string().contains("hush"));
    let cmdline = std::fs::read_to_string(format!("/proc/{}/cmdline", hub.pid())).unwrap();
    assert!(!cmdline.contains("hush"));
}
