//! What the client sends, as an independent client of the same contract was recorded to send it.

use opencode::client2::{
    ArchivedSessions, Client, NewCommand, NewFile, NewPrompt, NewSession, SessionFilter,
    StageRevert,
};
use opencode::wire2::{
    AnswerValue, Decision, Delivery, FormId, FormOwner, InboxId, Location, MessageId, PermissionId,
    Seq, SessionId, SessionInfo,
};
use opencode::{Credentials, Http, Raw};

use crate::client::JSON;
use crate::server::Server;

/// Method and target of each request, and its body.
async fn sent(act: impl AsyncFnOnce(&Client)) -> String {
    let server = Server::saying(JSON, "{}").await;
    let credentials = Some(Credentials::password("hush"));
    let client = Client::new(Http::new().unwrap(), server.url.clone(), credentials).unwrap();
    act(&client).await;
    let request = server.seen().remove(0);
    let (head, body) = request.split_once("\r\n\r\n").unwrap();
    let lower = head.to_ascii_lowercase();
    assert!(lower.contains("authorization: basic "), "{head}");
    assert!(
        lower.contains("accept: application/json") || lower.contains("accept: text/event-stream"),
        "{head}"
    );
    let target = head.lines().next().unwrap().trim_end_matches(" HTTP/1.1");
    format!("{target} {body}").trim_end().to_owned()
}

macro_rules! golden {
    ($($wanted:expr => |$client:ident| $call:expr;)+) => {$(
        let found = sent(async |$client: &Client| {
            // The reply is empty: only the request counts.
            let _failed = $call.await;
        });
        assert_eq!(found.await, $wanted);
    )+};
}

fn session() -> SessionId {
    SessionId::parse("ses_1").unwrap()
}

fn item() -> InboxId {
    InboxId::parse("msg_1").unwrap()
}

fn message() -> MessageId {
    MessageId::parse("msg_1").unwrap()
}

#[tokio::test]
async fn reads() {
    let filter = SessionFilter {
        roots: true,
        archived: Some(ArchivedSessions::Without),
        directory: None,
    };
    golden! {
        "GET /api/info" => |c| c.info();
        "GET /api/session?limit=200&parentID=null&archived=false" => |c| c.sessions(&filter, None);
        "GET /api/session?limit=200&cursor=abc" => |c| c.sessions(&filter, Some("abc"));
        "GET /api/session/active" => |c| c.active();
        "GET /api/session/ses_1/message?limit=100&order=desc" => |c| c.messages(&session(), None);
        "GET /api/session/ses_1/message?limit=100&cursor=abc" => |c| c.messages(&session(), Some("abc"));
        "GET /api/session/ses_1/message/msg_1" => |c| c.message(&session(), &message());
        "GET /api/session/ses_1/inbox" => |c| c.inbox(&session());
        "GET /api/debug/location" => |c| c.loaded_folders();
        "GET /api/permission/request?location%5Bdirectory%5D=%2Fw%2Fa+b" => |c| c.permissions("/w/a b");
        "GET /api/form?location%5Bdirectory%5D=%2Fw%2Fa" => |c| c.forms("/w/a");
        "GET /api/agent?location%5Bdirectory%5D=%2Fw%2Fa" => |c| c.catalog("agent", "/w/a");
        "GET /api/fs/find?location%5Bdirectory%5D=%2Fw%2Fa&query=x" => |c| c.find_files("/w/a", "x");
        "GET /api/event" => |c| c.events(super::PATIENCE);
        "GET /api/experimental/session/ses_1/log?after=7" => |c| c.log(&session(), Some(Seq(7)));
    }
}

#[tokio::test]
async fn prompts_and_what_becomes_of_them() {
    let (id, files) = (
        item(),
        [NewFile {
            uri: "data:image/png;base64,AA==".to_owned(),
            name: Some("a.png".to_owned()),
            mention: None,
        }],
    );
    let prompt = NewPrompt {
        files: &files,
        ..NewPrompt::of(&id, "hi", Delivery::Queue)
    };
    golden! {
        r#"POST /api/session/ses_1/prompt {"id":"msg_1","text":"hi","files":[{"uri":"data:image/png;base64,AA==","name":"a.png"}],"delivery":"queue"}"#
            => |c| c.prompt(&session(), &prompt);
        "POST /api/session/ses_1/interrupt" => |c| c.interrupt(&session(), false);
        "POST /api/session/ses_1/interrupt?resume=true" => |c| c.interrupt(&session(), true);
        r#"PATCH /api/session/ses_1/inbox/msg_1 {"delivery":"steer"}"#
            => |c| c.set_delivery(&session(), &item(), &Delivery::Steer);
        "DELETE /api/session/ses_1/inbox/msg_1" => |c| c.cancel(&session(), &item());
        "POST /api/session/ses_1/compact {}" => |c| c.compact(&session(), None);
    }
}

#[tokio::test]
async fn replies() {
    let (per, form) = (
        PermissionId::parse("per_1").unwrap(),
        FormId::parse("frm_1").unwrap(),
    );
    let owner = FormOwner::Session(session());
    let answer = [
        ("q0".to_owned(), AnswerValue::Text("Yes".to_owned())),
        (
            "q1".to_owned(),
            AnswerValue::Several(vec!["a".to_owned(), "b".to_owned()]),
        ),
    ]
    .into();
    golden! {
        r#"POST /api/session/ses_1/permission/per_1/reply {"decision":"once"}"#
            => |c| c.reply_permission(&session(), &per, &Decision::Once, None);
        r#"POST /api/session/ses_1/permission/per_1/reply {"decision":"reject","message":"no"}"#
            => |c| c.reply_permission(&session(), &per, &Decision::Reject, Some("no"));
        r#"POST /api/session/ses_1/form/frm_1/reply {"answer":{"q0":"Yes","q1":["a","b"]}}"#
            => |c| c.reply_form(&owner, &form, &answer, "/w");
        "DELETE /api/session/ses_1/form/frm_1" => |c| c.cancel_form(&owner, &form, None, "/w");
        "DELETE /api/session/global/form/frm_1?message=no"
            => |c| c.cancel_form(&FormOwner::Folder, &form, Some("no"), "/w");
    }
}

#[tokio::test]
async fn rows_and_histories() {
    let json = r#"{"id":"s","location":{"directory":"/"},"time":{"idle":1.0}}"#;
    let idle = SessionInfo::parse(Raw::parse(json).unwrap())
        .unwrap()
        .time
        .idle
        .unwrap();
    let new = NewSession {
        title: Some("t".to_owned()),
        location: Some(Location {
            directory: "/w/a b".to_owned(),
            workspace_id: None,
        }),
        ..NewSession::default()
    };
    let (first, from) = (message(), message());
    let stage = StageRevert {
        message_id: &from,
        files: true,
    };
    golden! {
        r#"POST /api/session {"title":"t","location":{"directory":"/w/a b"}}"# => |c| c.create_session(&new);
        r#"PATCH /api/session/ses_1 {"title":"t"}"# => |c| c.rename(&session(), "t");
        r#"PATCH /api/session/ses_1 {"archived":true}"# => |c| c.set_archived(&session(), true);
        r#"POST /api/session/ses_1/view {"idle":1.0}"# => |c| c.view(&session(), idle);
        r#"POST /api/session/ses_1/fork {"before":"msg_1"}"# => |c| c.fork(&session(), Some(&first));
        r#"POST /api/session/ses_1/revert/stage {"messageID":"msg_1","files":true}"#
            => |c| c.stage_revert(&session(), &stage);
        "DELETE /api/session/ses_1" => |c| c.delete_session(&session());
        r#"POST /api/session/ses_1/shell {"command":"ls"}"# => |c| c.shell(&session(), "ls");
        r#"POST /api/session/ses_1/command {"name":"x","text":"y"}"# => |c| c.command(&session(), &NewCommand::of("x", "y"));
    }
}
