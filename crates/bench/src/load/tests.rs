//! The load, read by the same client that the hub reads servers with: what is measured must be what OpenCode says.

use std::collections::BTreeMap;
use std::time::Duration;

use opencode::sse::Parser;
use opencode::wire::{self, Event, PartKind, SessionStatus};
use opencode::{Client, Credentials, Http};
use tokio::time::timeout;

use super::*;

const DEADLINE: Duration = Duration::from_secs(20);

async fn client(load: &Load, login: Option<Credentials>) -> Client {
    let url = load.urls[0].parse().unwrap();
    Client::new(Http::new().unwrap(), url, login).unwrap()
}

/// Events of a stream until one is so.
async fn heard(
    client: &Client,
    load: &Load,
    pace: Pace,
    so: impl Fn(&[Event]) -> bool,
) -> Vec<Event> {
    let mut stream = client.global_events(DEADLINE).await.unwrap();
    load.pace(pace).await.unwrap();
    let mut parser = Parser::default();
    let mut events = Vec::new();
    let reading = async {
        while !so(&events) {
            let chunk = stream.next_chunk().await.unwrap().unwrap();
            parser.feed(&chunk, |frame| {
                events.push(wire::decode(frame.data).unwrap().event);
            });
        }
    };
    timeout(DEADLINE, reading).await.unwrap();
    events
}

fn turns_ended(events: &[Event], count: usize) -> bool {
    let ended = events
        .iter()
        .filter(|event| matches!(event, Event::SessionIdle { .. }));
    ended.count() >= count
}

#[tokio::test]
async fn every_event_is_one_that_a_hub_knows_and_none_is_missing() {
    let options = Options {
        sessions: 2,
        words: 20,
        ..Options::default()
    };
    let load = Load::start(options).await.unwrap();
    let client = client(&load, None).await;
    let pace = Pace {
        speaking: 2,
        rate: 400.0,
        batch: Some(Duration::from_millis(10)),
    };
    let events = heard(&client, &load, pace, |events| turns_ended(events, 20)).await;
    assert_eq!(events[0], Event::ServerConnected);
    let mut twins: BTreeMap<String, u64> = BTreeMap::new();
    let mut words: BTreeMap<u32, u32> = BTreeMap::new();
    let (mut durable, mut largest) = (0, 0);
    for event in &events {
        match event {
            Event::Unknown { kind } | Event::Malformed { kind, .. } => panic!("{kind}"),
            Event::Sync(sync) => {
                let next = twins.entry(sync.aggregate_id.clone()).or_default();
                assert_eq!(sync.seq, *next);
                *next += 1;
            }
            Event::PartDelta(delta) => each(delta.delta.to_string().as_bytes(), |token| {
                let next = words.entry(token.slot).or_default();
                assert_eq!(token.number, *next);
                *next += 1;
            }),
            Event::MessageUpdated(_) | Event::SessionUpdated(_) => durable += 1,
            Event::PartUpdated { part, .. } => {
                durable += 1;
                largest = largest.max(part.raw.get().len());
            }
            _ => {}
        }
    }
    // Listening ends somewhere: the last event may be heard without its twin.
    let twins: u64 = twins.values().sum();
    assert!(durable - twins <= 1, "{durable} {twins}");
    assert_eq!(words.len(), 2);
    assert!(largest > 49_000, "{largest}");
    let sent = load.counts.words.load(std::sync::atomic::Ordering::Relaxed);
    assert!(u64::from(words.values().sum::<u32>()) <= sent);
}

#[tokio::test]
async fn what_is_read_is_what_was_said() {
    let options = Options {
        history: 250,
        words: 30,
        ..Options::default()
    };
    let load = Load::start(options).await.unwrap();
    let client = client(&load, None).await;
    let pace = Pace {
        speaking: 1,
        rate: 400.0,
        batch: None,
    };
    let events = heard(&client, &load, pace, |events| turns_ended(events, 2)).await;
    load.with(World::finish).await.unwrap();
    let sessions = client.sessions(Some(10)).await.unwrap();
    assert_eq!((sessions.value.len(), sessions.malformed), (1, 0));
    let id = &sessions.value[0].id;
    let mut pages = vec![client.messages(id, Some(100), None).await.unwrap()];
    while let Some(next) = pages.last().and_then(|page| page.next.clone()) {
        pages.push(client.messages(id, Some(100), Some(&next)).await.unwrap());
    }
    assert!(pages.iter().all(|page| page.malformed == 0));
    let read: BTreeMap<_, _> = pages
        .iter()
        .flat_map(|page| &page.messages)
        .flat_map(|message| &message.parts)
        .map(|part| (part.id.clone(), part))
        .collect();
    assert!(pages.iter().map(|page| page.messages.len()).sum::<usize>() > 250);
    let mut closed = 0;
    for event in &events {
        let Event::PartUpdated { part, .. } = event else {
            continue;
        };
        if let PartKind::Text {
            text, end: Some(_), ..
        } = &part.kind
        {
            closed += 1;
            let PartKind::Text { text: same, .. } = &read[&part.id].kind else {
                panic!("{} is read as something else", part.id);
            };
            assert_eq!(text, same);
        }
    }
    assert!(closed >= 4, "{closed}");
    let statuses = client.status().await.unwrap().value;
    assert!(
        statuses
            .values()
            .all(|status| *status != SessionStatus::Busy)
    );
}

#[tokio::test]
async fn a_password_is_asked_for() {
    let options = Options {
        password: Some("secret".to_owned()),
        ..Options::default()
    };
    let load = Load::start(options).await.unwrap();
    assert!(client(&load, None).await.health().await.is_err());
    let login = Credentials {
        username: "opencode".to_owned(),
        password: "secret".to_owned(),
    };
    let health = client(&load, Some(login)).await.health().await.unwrap();
    assert!(health.healthy);
}

#[tokio::test]
async fn a_recording_is_played_again_with_other_ids() {
    let said = |id: &str, session: &str| {
        format!(
            r#"data: {{"directory":"/p","payload":{{"id":"{id}","type":"session.idle","properties":{{"sessionID":"{session}"}}}}}}"#
        )
    };
    let event = said(
        "evt_2079d1abd001miMyWb9Uh1WamC",
        "ses_df862e543ffelYfhMO0r7Tmp6V",
    );
    let options = Options {
        recording: Some(Recording::new(format!("{event}\n\n").as_bytes()).unwrap()),
        ..Options::default()
    };
    let load = Load::start(options).await.unwrap();
    let client = client(&load, None).await;
    let pace = Pace {
        speaking: 1,
        rate: 200.0,
        batch: None,
    };
    let events = heard(&client, &load, pace, |events| turns_ended(events, 3)).await;
    let sessions: Vec<_> = events
        .iter()
        .filter_map(|event| match event {
            Event::SessionIdle { session_id } => Some(session_id.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(
        sessions[..3],
        ["0000", "0001", "0002"].map(|run| format!("ses_df862e543ffelYfhMO0r7T{run}"))
    );
}
