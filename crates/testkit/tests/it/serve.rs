//! The scripted OpenCode 2 as a process of its own, as other people's clients meet it.

use std::io::{BufRead, BufReader};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use opencode::client2::{Client, NewPrompt, NewSession, SessionFilter, Watermark};
use opencode::sse::Parser;
use opencode::wire2::{self, Delivery, Event, FirstLine, InboxId, RunChange, Seq, SessionEvent};
use opencode::{Credentials, Http, Url};
use tokio::time::timeout;

const PATIENCE: Duration = Duration::from_secs(20);

/// Ends with the test, whatever becomes of it.
struct Served(Child);

impl Drop for Served {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

fn serve(arguments: &[&str]) -> (Served, Url) {
    let mut child = Command::new(env!("CARGO_BIN_EXE_testkit"))
        .arg("serve-v2")
        .args(arguments)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let output = child.stdout.take().unwrap();
    let served = Served(child);
    let mut line = String::new();
    BufReader::new(output).read_line(&mut line).unwrap();
    let Some(FirstLine::V2(url)) = FirstLine::read(&line) else {
        panic!("{line}");
    };
    (served, url)
}

#[tokio::test]
async fn a_client_finds_a_service_sends_a_prompt_and_replays_from_a_cursor() {
    let (served, url) = serve(&["--password", "hush", "--seed", "7", "--keep-events"]);
    let http = Http::new().unwrap();
    let stranger = Client::new(http.clone(), url.clone(), None).unwrap();
    assert!(stranger.info().await.is_err());
    let client = Client::new(http, url, Some(Credentials::password("hush"))).unwrap();
    let info = client.info().await.unwrap();
    assert_eq!((info.pid, info.version.as_str()), (served.0.id(), "2.1.2"));
    let session = client
        .create_session(&NewSession::default())
        .await
        .unwrap()
        .id;
    let listed = client
        .sessions(&SessionFilter::default(), None)
        .await
        .unwrap();
    assert_eq!(listed.items[0].id, session);

    let mut stream = client.events(PATIENCE).await.unwrap();
    let id = InboxId::parse("msg_1").unwrap();
    let prompt = NewPrompt::of(&id, "say hello ;; bash echo hi", Delivery::Queue);
    client.prompt(&session, &prompt).await.unwrap();
    let (mut parser, mut live, mut ended) = (Parser::default(), Vec::new(), false);
    while !ended {
        let chunk = timeout(PATIENCE, stream.next_chunk())
            .await
            .unwrap()
            .unwrap()
            .unwrap();
        parser.feed(&chunk, |frame| {
            let incoming = wire2::decode(frame.data).unwrap();
            live.extend(incoming.durable.map(|place| place.seq));
            let run = |change: &SessionEvent| *change == SessionEvent::Run(RunChange::Succeeded);
            ended |= matches!(&incoming.event, Event::Session { change, .. } if run(change));
        });
    }
    let body = client.body(&session).await.unwrap();
    assert_eq!(body.proven(), live.last().copied().map(Watermark::At));
    let log = client.log(&session, Some(Seq(2))).await.unwrap();
    let places = log
        .events
        .iter()
        .map(|event| wire2::decode(event).unwrap().durable.unwrap().seq);
    let places: Vec<_> = places.collect();
    assert_eq!(places.first(), Some(&Seq(3)));
    assert!(
        places.windows(2).all(|pair| pair[1] == pair[0].next()),
        "no hole in a log"
    );
    assert!(
        live.iter()
            .filter(|seq| **seq > Seq(2))
            .all(|seq| places.contains(seq))
    );
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let (_served, url) = serve(&[]);
    let port = url.port().unwrap().to_string();
    let second = Command::new(env!("CARGO_BIN_EXE_testkit"))
        .args(["serve-v2", "--port", &port])
        .output()
        .unwrap();
    assert!(!second.status.success());
    assert!(String::from_utf8_lossy(&second.stderr).contains(&port));
}

#[test]
fn an_independent_client_is_driven_through_every_call() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("service.json");
    let registration = file.to_str().unwrap();
    let python = testkit::wheel::python().unwrap();
    let arguments = [
        "--password",
        "hush",
        "--keep-events",
        "--registration",
        registration,
    ];
    let (_served, _) = serve(&arguments);
    let script = testkit::workspace().join("crates/testkit/wheel/drive.py");
    let driven = Command::new(python)
        .arg(script)
        .args([registration, "hush"])
        .output()
        .unwrap();
    let (output, errors) = (
        String::from_utf8_lossy(&driven.stdout),
        String::from_utf8_lossy(&driven.stderr),
    );
    assert!(driven.status.success(), "{output}{errors}");
    let types: usize = output.split(' ').next().unwrap().parse().unwrap();
    assert!(types > 40, "{output}");
}
