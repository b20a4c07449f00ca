//! Processes that end, come back, share a database, or are of another kind.

use opencode::client2::{Error, NewPrompt, Tag, Watermark};
use opencode::wire2::{self, Delivery, Event, InboxId, InterruptReason, RunChange, SessionId};
use opencode::{ClientError, Http};
use scripted::opencode2::Options;

use super::service::tag;
use super::{Frames, Stage, client_of};
use crate::client::PAGE;
use crate::server::Server as Other;

#[tokio::test]
async fn a_service_that_ends_comes_back_elsewhere_with_the_same_sessions() {
    let mut stage = Stage::with(Options {
        password: Some("one".to_owned()),
        ..Options::default()
    })
    .await;
    let session = stage.session().await.id;
    stage.prompt(&session, "msg_1", "bash sleep 60").await;
    stage
        .frames
        .until(|event| {
            matches!(
                event,
                Event::Session {
                    change: wire2::SessionEvent::Run(RunChange::Started),
                    ..
                }
            )
        })
        .await;
    stage.server.stop().await;
    let ended = stage.frames.end(&session).await;
    assert_eq!(ended, RunChange::Interrupted(InterruptReason::Shutdown));
    assert_eq!(stage.frames.next().await, None, "the stream ends");
    let (pid, port) = (stage.server.pid(), stage.server.port());
    let server = stage
        .server
        .restart(0, Some("two".to_owned()))
        .await
        .unwrap();
    assert!(server.pid() != pid && server.port() != port);
    let old = client_of(&server, Some("one")).info().await;
    assert_eq!(tag(old), Tag::Unauthorized);
    let client = client_of(&server, Some("two"));
    assert_eq!(client.session(&session).await.unwrap().id, session);
    assert!(client.active().await.unwrap().is_empty());
}

#[tokio::test]
async fn another_process_on_the_database_is_found_by_the_watermark() {
    let mut stage = Stage::new().await;
    let session = stage.session().await.id;
    stage.turn(&session, "msg_1", "say a").await;
    let before = stage.client.watermark(&session).await.unwrap();
    let beside = stage
        .server
        .beside(Options {
            rate: 0.0,
            ..Options::default()
        })
        .await
        .unwrap();
    let client = client_of(&beside, None);
    let mut frames = Frames::open(&client).await;
    let id = InboxId::parse("msg_2").unwrap();
    client
        .prompt(&session, &NewPrompt::of(&id, "say b", Delivery::Queue))
        .await
        .unwrap();
    frames.end(&session).await;
    let after = stage.client.watermark(&session).await.unwrap();
    assert!(
        before != after,
        "the stream of the first process says nothing of it"
    );
    assert!(stage.client.active().await.unwrap().is_empty());
    stage.client.rename(&session, "mark").await.unwrap();
    let next = stage.frames.next().await.unwrap();
    assert!(next.contains("session.renamed"), "{next}");
}

#[tokio::test]
async fn a_reader_that_is_too_slow_gets_what_was_accepted_and_then_the_end() {
    let stage = Stage::new().await;
    let mut slow = Frames::open(&stage.client).await;
    let large = format!(
        r#"{{"id":"e","type":"new.kind","data":{{"text":"{}"}}}}"#,
        "x".repeat(4000)
    );
    for _ in 0..40 {
        for _ in 0..500 {
            stage.server.emit_raw(&large);
        }
        tokio::task::yield_now().await;
    }
    let mut count = 0;
    while slow.next().await.is_some() {
        count += 1;
    }
    assert!((4096..20_000).contains(&count), "{count}");
}

#[tokio::test]
async fn a_service_without_a_log_proves_nothing() {
    let other = Other::saying("404 Not Found", "").await;
    let client =
        opencode::client2::Client::new(Http::new().unwrap(), other.url.clone(), None).unwrap();
    let session = SessionId::parse("s").unwrap();
    assert_eq!(
        client.watermark(&session).await.unwrap(),
        Watermark::Unknown
    );
    let page = Other::saying(PAGE, "<html>").await;
    let client =
        opencode::client2::Client::new(Http::new().unwrap(), page.url.clone(), None).unwrap();
    assert_eq!(
        client.watermark(&session).await.unwrap(),
        Watermark::Unknown
    );
    let listed = client.session(&session).await.unwrap_err();
    assert!(matches!(listed, Error::NoRoute { .. }));
    let cut = Other::saying(
        "200 OK\nContent-Type: text/event-stream",
        "data: {\"type\":\"x\",\"data\":{}}\n\n",
    )
    .await;
    let client =
        opencode::client2::Client::new(Http::new().unwrap(), cut.url.clone(), None).unwrap();
    let error = client.watermark(&session).await.unwrap_err();
    assert!(
        matches!(error, Error::Client(ClientError::Reset { .. })),
        "{error:?}"
    );
}
