//! The journal as people meet it: over restarts and failures of the hub, with a scripted OpenCode behind it.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use hub::HubOptions;
use hub::datadir::DataDir;
use hub::record::journal::block;
use hub::record::journal::sqlite::{FILE, SqliteFile};
use hub::record::journal::store::Medium;
use hub::record::log::Payload;
use hub::workspace::{GuardCommand, Launcher};
use model::state::Run;
use model::text::Segment;
use reqwest::Method;
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::json;
use tokio::time::timeout;

use crate::feeds::{Events, mark, marked};
use crate::lab::{Lab, PASSWORD, SOON, ids, send};

/// A hub after this one, which had no time to end: what is dropped ends at once, and closes nothing.
async fn killed(lab: Lab) -> Lab {
    let (home, fake) = left_by(lab).await;
    Lab::at(home, fake, options()).await
}

/// What a hub leaves that ends without a word: its home, and the server.
async fn left_by(lab: Lab) -> (tempfile::TempDir, FakeServer) {
    let Lab {
        fake,
        hub,
        serving,
        data,
        home,
        ..
    } = lab;
    serving.abort();
    let _cut = serving.await;
    drop((hub, data));
    (home, fake)
}

fn options() -> HubOptions {
    HubOptions::new(Launcher::new(
        GuardCommand::new("/nowhere/guard", [""]),
        None,
    ))
}

/// Everything in the data directory, as one text.
fn disk(lab: &Lab) -> String {
    let mut all = Vec::new();
    for entry in fs::read_dir(lab.data.path()).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap();
        if name.starts_with(FILE) {
            all.extend(fs::read(&path).unwrap());
        }
    }
    String::from_utf8_lossy(&all).into_owned()
}

async fn replay(lab: &Lab, after: &str) -> Vec<crate::feeds::Event> {
    let after = if after.is_empty() {
        String::new()
    } else {
        format!("&after={after}")
    };
    Events::open(lab, &format!("?follow=false{after}"), None)
        .await
        .all()
        .await
}

/// Waits until this is in the journal's file.
async fn stored(lab: &Lab, text: &str) {
    let file = SqliteFile::new(lab.data.file(FILE));
    let waiting = async {
        loop {
            let blocks = file.reader().unwrap().newest(1 << 30).unwrap();
            let mut records = blocks
                .iter()
                .flat_map(|(_, packed)| block::unpack(&packed.data).unwrap());
            let has = |record: block::Record| matches!(&record.payload, Payload::Upstream(stored) if stored.contains(text));
            if records.any(has) {
                return;
            }
            tokio::task::yield_now().await;
        }
    };
    timeout(SOON, waiting).await.expect("it is stored in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_restart_of_the_hub_is_no_gap() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    lab.fake.emit_raw(&mark(1));
    let mut events = Events::open(&lab, "", None).await;
    let seen = events.until_mark(1).await;
    drop(events);
    let lab = lab.restarted().await;
    // What is said before it is heard is lost.
    lab.connected(instance.rsplit('/').next().unwrap()).await;
    lab.fake.emit_raw(&mark(2));
    let mut events = Events::open(&lab, &format!("?after={}", seen[0].id), None).await;
    let again = events.until_mark(2).await;
    assert_eq!(again[..seen.len() - 1], seen[1..]);
    assert!(again.iter().all(|event| event.name.is_empty()), "{again:?}");
    let number = |event: &crate::feeds::Event| event.id.rsplit_once('-').unwrap().1.parse();
    let numbers: Vec<u64> = again.iter().map(|event| number(event).unwrap()).collect();
    assert_eq!(numbers, (2..).take(numbers.len()).collect::<Vec<_>>());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_killed_hub_is_one_gap_and_nothing_twice() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    lab.fake.emit_raw(&mark(1));
    let mut events = Events::open(&lab, "", None).await;
    let seen = events.until_mark(1).await;
    stored(&lab, "\"mark\":1").await;
    let last = seen.last().unwrap().id.clone();
    let lab = killed(lab).await;
    // What is said before it is heard is lost.
    lab.connected(instance.rsplit('/').next().unwrap()).await;
    lab.fake.emit_raw(&mark(2));
    let mut events = Events::open(&lab, &format!("?after={last}"), None).await;
    let gap = loop {
        let event = events.next().await.unwrap();
        if event.name == "gap" {
            break event;
        }
        assert_eq!(marked(&event), None, "nothing is told twice");
    };
    assert!(gap.data["resume"].as_str().unwrap().ends_with("-0"));
    let after = events.until_mark(2).await;
    assert!(after.iter().all(|event| event.name.is_empty()));
    let whole = replay(&lab, &seen[0].id).await;
    assert_eq!(whole[..seen.len() - 1], seen[1..]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_text_that_was_open_is_shown_again_with_its_gap() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    let sent = lab
        .post(
            &format!("{session}/prompt"),
            json!({"text": "say the beginning of a text ;; stall 4 ;; say and its end"}),
        )
        .await;
    let message = sent.good()["messageID"].as_str().unwrap().to_owned();
    let (id, ses) = ids(&session);
    let heard = |state: &model::State| {
        let session = state.session(&id, &ses);
        session.and_then(|session| {
            let open = session.open.values().next()?;
            Some(open.segments().to_vec())
        })
    };
    let beginning = Segment::Known("the beginning of a text ".into());
    let whole = |state: &model::State| heard(state).is_some_and(|text| text == [beginning.clone()]);
    lab.until("a text is open", whole).await;
    stored(&lab, "\"delta\":\"text \"").await;
    let lab = killed(lab).await;
    lab.connected(id.as_str()).await;
    let back = |state: &model::State| {
        heard(state).is_some_and(|text| text == [beginning.clone(), Segment::Gap])
    };
    lab.until("what was heard of it is back, with its gap", back)
        .await;
    lab.get(&format!("{session}/messages")).await.good();
    lab.idle_after(&session, &message).await;
    lab.until("its closing update replaces it", |state| {
        heard(state).is_none()
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_ran_when_the_hub_ended_is_judged() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    lab.post(
        &format!("{session}/prompt"),
        json!({"text": "say the beginning of a text ;; stall 600"}),
    )
    .await
    .good();
    let (id, ses) = ids(&session);
    lab.until("it runs", |state| {
        state.session(&id, &ses).unwrap().run.is_running()
    })
    .await;
    stored(&lab, "\"delta\":\"text \"").await;
    let lab = killed(lab).await;
    lab.until("it still runs", |state| {
        let session = state.session(&id, &ses);
        session.is_some_and(|session| session.run.is_running())
    })
    .await;
    let (home, fake) = left_by(lab).await;
    fake.restart().await.unwrap();
    let lab = Lab::at(home, fake, options()).await;
    lab.until("it is interrupted", |state| {
        let session = state.session(&id, &ses);
        session.is_some_and(|session| matches!(session.run, Run::Interrupted { .. }))
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_password_is_ever_stored() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let session = lab.session(&instance).await;
    lab.turn(&session, "say words-to-find").await;
    stored(&lab, "words-to-find").await;
    // A server that refuses us, and one that is not there, say why.
    let bad = json!({"url": format!("{}/", lab.fake.url.replace("127.0.0.1", "localhost")), "password": "wr0ng-pa55"});
    lab.post("/api/instances", bad).await.good();
    lab.until("it is refused", |state| {
        let mut all = state.instances.values();
        all.any(|instance| matches!(instance.link.status, model::state::LinkStatus::Error { .. }))
    })
    .await;
    let events = replay(&lab, "").await;
    let told: String = events.iter().map(|event| event.data.to_string()).collect();
    assert!(told.contains("words-to-find") && told.contains("\"reason\""));
    let basic = "b3BlbmNvZGU6"; // `opencode:` in base64
    for secret in [PASSWORD, "wr0ng-pa55", basic] {
        assert!(!told.contains(secret));
    }
    for entry in fs::read_dir(lab.data.path()).unwrap() {
        let entry = entry.unwrap();
        assert_eq!(entry.metadata().unwrap().permissions().mode() & 0o077, 0);
    }
    assert_eq!(mode(lab.data.path()), 0o700);
}

fn mode(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode() & 0o777
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_deleted_or_removed_is_purged() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let (gone, kept) = (lab.session(&instance).await, lab.session(&instance).await);
    lab.turn(&gone, "say text-that-goes").await;
    lab.turn(&kept, "say text-that-stays").await;
    stored(&lab, "text-that-stays").await;
    assert!(lab.delete(&gone).await.status.is_success());
    let (id, ses) = ids(&gone);
    lab.until("it is gone", |state| state.session(&id, &ses).is_none())
        .await;
    let lab = lab.restarted().await;
    let told = |events: &[crate::feeds::Event]| -> String {
        events.iter().map(|event| event.data.to_string()).collect()
    };
    let events = replay(&lab, "").await;
    assert!(
        events
            .iter()
            .any(|event| event.name == "redacted" && event.data["count"].as_u64() > Some(1))
    );
    let text = told(&events);
    assert!(text.contains("text-that-stays") && !text.contains("text-that-goes"));
    assert!(text.contains("session.deleted"));
    assert!(lab.delete(&instance).await.status.is_success());
    let lab = lab.restarted().await;
    let events = replay(&lab, "").await;
    assert!(!told(&events).contains("text-that-stays"));
    let redacted: u64 = events
        .iter()
        .filter_map(|event| event.data["count"].as_u64())
        .sum();
    assert!(redacted > 10, "{redacted}");
    assert!(!disk(&lab).contains("text-that"));
}

#[tokio::test(flavor = "multi_thread")]
async fn an_instance_can_be_left_out_of_the_journal() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let change = lab
        .request(Method::PATCH, &instance)
        .json(&json!({"journal": false}));
    assert_eq!(send(change).await.good()["journal"], false);
    lab.fake.emit_raw(&mark(7));
    let mut events = Events::open(&lab, "", None).await;
    while marked(&events.next().await.unwrap()) != Some(7) {}
    drop(events);
    let lab = lab.restarted().await;
    assert_eq!(lab.get(&instance).await.good()["journal"], false);
    let events = replay(&lab, "").await;
    assert!(events.iter().all(|event| marked(event) != Some(7)));
    assert!(events.iter().any(|event| event.name == "redacted"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_journal_that_cannot_be_had_is_told_and_harms_nothing() {
    let home = tempfile::tempdir().unwrap();
    let data = DataDir::open(&home.path().join("data")).unwrap();
    let file = data.file(FILE);
    fs::create_dir(&file).unwrap();
    drop(data);
    let fake = FakeServer::start(FakeOptions {
        password: Some(PASSWORD.into()),
        ..FakeOptions::default()
    });
    let lab = Lab::at(home, fake.await.unwrap(), options()).await;
    lab.instance().await;
    let health = lab.get("/api/health").await.good();
    assert_eq!(health["journal"]["status"], "failed", "{health}");
    assert!(health["journal"]["since"].is_string());
    let notices: Vec<&str> = health["notices"]
        .as_array()
        .unwrap()
        .iter()
        .map(|n| n.as_str().unwrap())
        .collect();
    assert!(
        notices
            .iter()
            .any(|notice| notice.starts_with("The journal has stopped")),
        "{notices:?}"
    );
    assert!(lab.get("/").await.text.contains("The journal has stopped"));
    lab.fake.emit_raw(&mark(1));
    let mut events = Events::open(&lab, "", None).await;
    while marked(&events.next().await.unwrap()) != Some(1) {}
}
