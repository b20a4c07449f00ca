//! The client drives the scripted service through everything that it can do.

use opencode::client2::{
    ArchivedSessions, Error, Found, NewCommand, NewPrompt, NewSession, SessionFilter, StageRevert,
    Tag, Watermark,
};
use opencode::wire2::{
    self, AnswerValue, Decision, Delivery, Event, FormEvent, FormOwner, FormState, InboxId,
    InterruptReason, MessageKind, Migration, PermissionEvent, RunChange, Seq, SessionId,
};
use opencode::{ClientError, Http, SpokenDialect};
use scripted::opencode::{FakeOptions, FakeServer};
use scripted::opencode2::{Options, Probe, Server};

use super::{PATIENCE, Stage, client_of};
use crate::client::{JSON, PAGE};
use crate::server::Server as Other;

pub(super) fn tag<T: std::fmt::Debug>(result: Result<T, Error>) -> Tag {
    result.unwrap_err().tag().unwrap().clone()
}

#[tokio::test]
async fn each_version_is_told_apart() {
    let found = async |probe, page, password: Option<&str>| {
        let options = Options {
            probe,
            page,
            password: Some("hush".to_owned()),
            ..Options::default()
        };
        let server = Server::start(options).await.unwrap();
        client_of(&server, password).probe(PATIENCE).await.unwrap()
    };
    let hush = Some("hush");
    let Found::V2(info) = found(Probe::Info, true, hush).await else {
        panic!("another one");
    };
    assert_eq!(info.version, "2.1.2");
    assert!(matches!(
        found(Probe::Info, false, hush).await,
        Found::V2(_)
    ));
    let older = |version: &str| Found::Older {
        version: Some(version.to_owned()),
    };
    assert_eq!(found(Probe::Status, true, hush).await, older("2.0.6"));
    assert_eq!(
        found(Probe::Health, false, hush).await,
        older("0.0.0-beta-18155")
    );
    for password in [None, Some("wrong")] {
        let locked = found(Probe::Info, true, password).await;
        assert_eq!(locked, Found::Locked { v2: true });
    }
    let first = FakeServer::start(FakeOptions::default()).await.unwrap();
    let http = Http::new().unwrap();
    let of = |url: &str| {
        opencode::client2::Client::new(http.clone(), url.parse().unwrap(), None).unwrap()
    };
    assert!(matches!(
        of(&first.url).probe(PATIENCE).await.unwrap(),
        Found::V1 { .. }
    ));
    for (head, body) in [
        (PAGE, "<html>"),
        (JSON, "{}"),
        ("404 Not Found", ""),
        (JSON, r#"{"healthy":true}"#),
    ] {
        let other = Other::saying(head, body).await;
        let found = of(other.url.as_str()).probe(PATIENCE).await.unwrap();
        let wanted = match body.contains("healthy") {
            // The previews said no more.
            true => Found::Older { version: None },
            false => Found::Neither,
        };
        assert_eq!(found, wanted, "{body}");
    }
    drop(first);
    let gone = of("http://127.0.0.1:9").probe(PATIENCE).await.unwrap_err();
    assert!(
        matches!(gone, Error::Client(ClientError::Refused { .. })),
        "{gone:?}"
    );
}

#[tokio::test]
async fn the_first_versions_client_knows_it_as_another_one() {
    let server = Server::start(Options::default()).await.unwrap();
    let first =
        opencode::Client::new(Http::new().unwrap(), server.url().parse().unwrap(), None).unwrap();
    let found = first.probe(PATIENCE).await.unwrap();
    assert!(matches!(found, SpokenDialect::V2 { version: Some(version) } if version == "2.1.2"));
}

#[tokio::test]
async fn a_prompt_arrives_once_and_is_found_by_its_id() {
    let mut stage = Stage::new().await;
    let session = stage.session().await.id;
    let other = stage.session().await.id;
    let id = InboxId::parse("msg_1").unwrap();
    assert!(
        !stage
            .client
            .has_prompt(&session, &id.message())
            .await
            .unwrap()
    );
    let send = async |stage: &Stage, to: &SessionId, text: &str, resume| {
        let prompt = NewPrompt {
            resume,
            ..NewPrompt::of(&id, text, Delivery::Queue)
        };
        stage.client.prompt(to, &prompt).await
    };
    let first = send(&stage, &session, "say one", Some(false))
        .await
        .unwrap();
    assert!(
        stage
            .client
            .has_prompt(&session, &id.message())
            .await
            .unwrap(),
        "it waits"
    );
    let second = send(&stage, &session, "say two", None).await.unwrap();
    assert_eq!(first.raw, second.raw);
    assert_eq!(stage.frames.end(&session).await, RunChange::Succeeded);
    assert!(
        stage
            .client
            .has_prompt(&session, &id.message())
            .await
            .unwrap(),
        "it is delivered"
    );
    let third = send(&stage, &session, "say three", None).await.unwrap();
    assert_eq!(first.raw, third.raw);
    let conflict = send(&stage, &other, "x", None).await;
    assert!(conflict.as_ref().is_err_and(Error::is_final));
    assert_eq!(tag(conflict), Tag::Conflict);
    let body = stage.client.body(&session).await.unwrap();
    let prompts = body
        .messages
        .items
        .iter()
        .filter(|one| matches!(one.kind, MessageKind::User(_)));
    assert_eq!(prompts.count(), 1);
}

#[tokio::test]
async fn a_body_is_proven_by_its_watermarks() {
    let mut stage = Stage::new().await;
    let session = stage.session().await.id;
    assert_eq!(
        stage.client.watermark(&session).await.unwrap(),
        Watermark::At(Seq(0))
    );
    stage.turn(&session, "msg_1", "say hello").await;
    let body = stage.client.body(&session).await.unwrap();
    let Some(Watermark::At(seq)) = body.proven() else {
        panic!("{body:?}");
    };
    let last = stage.frames.seen.iter().rev();
    let mut last = last.filter_map(|frame| wire2::decode(frame).unwrap().durable);
    assert_eq!(last.next().unwrap().seq, seq, "the stream has come as far");
    assert!(body.messages.malformed == 0 && body.inbox.value.is_empty());
    // While a run writes, nothing is proven at one number, and the same place comes twice at most.
    let gone = SessionId::parse("ses_none").unwrap();
    assert_eq!(tag(stage.client.body(&gone).await), Tag::SessionNotFound);
}

#[tokio::test]
async fn a_log_is_a_watermark_and_a_replay_where_events_are_kept() {
    for persist in [false, true] {
        let mut stage = Stage::with(Options {
            persist,
            ..Options::default()
        })
        .await;
        let new = NewSession::default();
        let session = stage.client.create_session(&new).await.unwrap().id;
        stage.turn(&session, "msg_1", "say hello").await;
        let whole = stage.client.log(&session, None).await.unwrap();
        let Watermark::At(last) = whole.watermark else {
            panic!("{whole:?}");
        };
        let count = usize::try_from(last.0).unwrap() + 1;
        assert_eq!(whole.events.len(), if persist { count } else { 0 });
        let rest = stage
            .client
            .log(&session, Some(Seq(last.0 - 1)))
            .await
            .unwrap();
        assert_eq!(
            rest.events.len(),
            usize::from(persist),
            "this says whether events are kept"
        );
        assert!(!rest.cut);
        let places = whole
            .events
            .iter()
            .map(|event| wire2::decode(event).unwrap().durable.unwrap());
        let places: Vec<_> = places.map(|place| place.seq.0).collect();
        assert!(!persist || places == (0..=last.0).collect::<Vec<_>>());
        let live: Vec<_> = stage
            .frames
            .seen
            .iter()
            .filter_map(|frame| wire2::decode(frame).unwrap().durable)
            .map(|place| place.seq.0)
            .collect();
        assert_eq!(
            live.len(),
            count - 1,
            "the stream has one hole: the title's tokens"
        );
    }
}

#[tokio::test]
async fn sessions_and_messages_come_in_pages() {
    let stage = Stage::with(Options {
        legacy: vec!["old".to_owned(); 3],
        ..Options::default()
    })
    .await;
    let mut ids = Vec::new();
    for _ in 0..205 {
        ids.push(stage.session().await.id);
    }
    stage.client.set_archived(&ids[0], true).await.unwrap();
    while stage.client.migration().await.unwrap() != Migration::Completed {
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    let filter = SessionFilter::default();
    let first = stage.client.sessions(&filter, None).await.unwrap();
    let second = stage
        .client
        .sessions(&filter, first.next.as_deref())
        .await
        .unwrap();
    assert_eq!((first.items.len(), second.items.len()), (200, 8));
    assert_eq!((second.next, first.malformed), (None, 0));
    let archived = SessionFilter {
        archived: Some(ArchivedSessions::Only),
        roots: true,
        ..SessionFilter::default()
    };
    let found = stage.client.sessions(&archived, None).await.unwrap();
    assert_eq!(found.items[0].id, ids[0]);
    let wrong = stage.client.messages(&ids[1], Some("x")).await;
    assert_eq!(tag(wrong), Tag::InvalidCursor);
}

// Longer than 70 lines: each kind of answer, and what the second one gets.
#[tokio::test]
async fn permissions_and_forms_are_answered() {
    let mut stage = Stage::new().await;
    let session = stage.session().await.id;
    let directory = "/scripted/project";
    stage.prompt(&session, "msg_1", "permission").await;
    let asked = stage
        .frames
        .until(|event| matches!(event, Event::Permission(_)))
        .await;
    let Event::Permission(PermissionEvent::Asked(request)) = asked else {
        panic!("{asked:?}");
    };
    let listed = stage.client.permissions(directory).await.unwrap();
    assert_eq!(listed.value, [*request.clone()]);
    let reply = async |stage: &Stage| {
        let reply = stage
            .client
            .reply_permission(&session, &request.id, &Decision::Once, None);
        reply.await
    };
    reply(&stage).await.unwrap();
    assert_eq!(tag(reply(&stage).await), Tag::PermissionNotFound);
    stage.frames.end(&session).await;
    stage.prompt(&session, "msg_2", "question").await;
    let created = stage
        .frames
        .until(|event| matches!(event, Event::Form(_)))
        .await;
    let Event::Form(FormEvent::Created(form)) = created else {
        panic!("{created:?}");
    };
    let answer = |text: &str| {
        [(
            form.fields[0].key.clone(),
            AnswerValue::Text(text.to_owned()),
        )]
        .into()
    };
    let wrong = [("none".to_owned(), AnswerValue::Flag(true))].into();
    let refused = stage
        .client
        .reply_form(&form.owner, &form.id, &wrong, directory)
        .await;
    assert_eq!(tag(refused), Tag::FormInvalidAnswer);
    stage
        .client
        .reply_form(&form.owner, &form.id, &answer("Red"), directory)
        .await
        .unwrap();
    let again = stage
        .client
        .cancel_form(&form.owner, &form.id, None, directory)
        .await;
    assert_eq!(tag(again), Tag::FormAlreadySettled);
    let settled = stage.client.form(&form.owner, &form.id).await.unwrap();
    assert_eq!(settled.state, Some(FormState::Answered(answer("Red"))));
    stage.frames.end(&session).await;
    stage.prompt(&session, "msg_3", "question").await;
    let created = stage
        .frames
        .until(|event| matches!(event, Event::Form(FormEvent::Created(_))))
        .await;
    let Event::Form(FormEvent::Created(form)) = created else {
        panic!("{created:?}");
    };
    assert!(matches!(form.owner, FormOwner::Session(_)));
    stage
        .client
        .cancel_form(&form.owner, &form.id, Some("neither"), directory)
        .await
        .unwrap();
    assert_eq!(stage.frames.end(&session).await, RunChange::Succeeded);
    assert!(
        stage
            .client
            .forms(directory)
            .await
            .unwrap()
            .value
            .is_empty()
    );
}

// Longer than 70 lines: one history goes through all of it.
#[tokio::test]
async fn histories_are_forked_compacted_and_taken_back() {
    let mut stage = Stage::new().await;
    let session = stage.session().await.id;
    stage.turn(&session, "msg_1", "say a").await;
    stage.turn(&session, "msg_2", "say b").await;
    let fork = stage.client.fork(&session, None).await.unwrap();
    assert_eq!(fork.fork.unwrap().session_id, session);
    assert_eq!(fork.parent_id, None);
    let first = InboxId::parse("msg_2").unwrap().message();
    let part = stage.client.fork(&session, Some(&first)).await.unwrap();
    let copied = stage.client.messages(&part.id, None).await.unwrap();
    assert_eq!(copied.items.len(), 3);
    let stage_at = StageRevert {
        message_id: &first,
        files: true,
    };
    let revert = stage
        .client
        .stage_revert(&session, &stage_at)
        .await
        .unwrap();
    assert_eq!((revert.message_id, revert.files.len()), (first.clone(), 1));
    assert!(
        stage
            .client
            .session(&session)
            .await
            .unwrap()
            .revert
            .is_some()
    );
    assert_eq!(stage.client.changed_files(&session).await.unwrap().len(), 1);
    stage.client.clear_revert(&session).await.unwrap();
    stage
        .client
        .stage_revert(&session, &stage_at)
        .await
        .unwrap();
    stage.client.commit_revert(&session).await.unwrap();
    let left = stage.client.messages(&session, None).await.unwrap();
    assert_eq!(left.items.len(), 3);
    assert!(!stage.client.has_prompt(&session, &first).await.unwrap());
    stage.client.compact(&session, None).await.unwrap();
    stage.frames.end(&session).await;
    let with = stage.client.messages(&session, None).await.unwrap();
    assert!(with.items.iter().any(
        |one| matches!(&one.kind, MessageKind::Compaction(made) if made.status == "completed")
    ));
    stage.prompt(&session, "msg_3", "bash sleep 60").await;
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
    assert_eq!(
        stage.client.active().await.unwrap(),
        std::slice::from_ref(&session)
    );
    let busy = stage.client.stage_revert(&session, &stage_at).await;
    assert_eq!(tag(busy), Tag::SessionBusy);
    assert!(stage.client.interrupt(&session, false).await.unwrap());
    let ended = stage.frames.end(&session).await;
    assert_eq!(ended, RunChange::Interrupted(InterruptReason::User));
    assert!(!stage.client.interrupt(&session, false).await.unwrap());
}

#[tokio::test]
async fn rows_are_changed_and_seen() {
    let mut stage = Stage::new().await;
    let session = stage.session().await.id;
    stage.turn(&session, "msg_1", "say a").await;
    let row = stage.client.session(&session).await.unwrap();
    assert!(row.is_unread());
    stage
        .client
        .view(&session, row.time.idle.unwrap())
        .await
        .unwrap();
    stage.client.rename(&session, "new").await.unwrap();
    stage.client.set_archived(&session, true).await.unwrap();
    let row = stage.client.session(&session).await.unwrap();
    assert!(!row.is_unread() && row.time.archived.is_some());
    assert_eq!(row.title.as_deref(), Some("new"));
    let again = NewSession {
        id: Some(session.clone()),
        ..NewSession::default()
    };
    let same = stage.client.create_session(&again).await.unwrap();
    assert_eq!(
        same.title.as_deref(),
        Some("new"),
        "known ids give the session that is there"
    );
    stage
        .client
        .command(&session, &NewCommand::of("review", "all"))
        .await
        .unwrap();
    stage.frames.end(&session).await;
    let unknown = stage
        .client
        .command(&session, &NewCommand::of("none", "all"))
        .await;
    assert_eq!(tag(unknown), Tag::CommandNotFound);
    stage.client.delete_session(&session).await.unwrap();
    assert_eq!(
        tag(stage.client.session(&session).await),
        Tag::SessionNotFound
    );
    assert!(
        stage.client.loaded_folders().await.unwrap()[0]
            .directory
            .starts_with('/')
    );
    assert_eq!(
        stage.client.find_files("/w", "main").await.unwrap(),
        ["src/main.rs"]
    );
    assert_eq!(
        stage
            .client
            .catalog("agent", "/w")
            .await
            .unwrap()
            .value
            .len(),
        3
    );
    let none = stage.client.catalog("none", "/w").await.unwrap_err();
    assert!(matches!(none, Error::NoRoute { .. }) && none.is_final());
}
