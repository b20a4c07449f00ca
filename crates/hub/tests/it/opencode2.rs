//! Commands to a scripted OpenCode 2 service: by the ports themselves, and by the hub's API.

use std::time::Duration;

use hub::clock::Clock;
use hub::command::port::{
    Delivery, Lookups, NewCommand, NewContent, NewMessage, NewPart, NewSession, NewShell,
    PermissionReply, Server as _, ServerError, SessionFound, Sessions,
};
use hub::command::{Change, ChangeTime, ModelChoice};
use hub::instances::LinkedService;
use model::ids::{MessageId, SessionId};
use opencode::client2::Client;
use opencode::wire2::{self, MessageKind};
use opencode::{Credentials, Http};
use scripted::opencode2::{Options, Server};
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use crate::lab::{Lab, PASSWORD, send};

const PATIENCE: Duration = Duration::from_secs(20);
const FOLDER: &str = "/scripted/project";

/// A scripted service behind the ports.
struct Stage {
    _server: Server,
    service: LinkedService,
}

async fn scripted() -> Server {
    let options = Options {
        rate: 0.0,
        retry: Duration::from_millis(1),
        password: Some(PASSWORD.to_owned()),
        ..Options::default()
    };
    Server::start(options).await.unwrap()
}

impl Stage {
    async fn new() -> Self {
        let server = scripted().await;
        let login = Some(Credentials::password(PASSWORD));
        let client = Client::new(Http::new().unwrap(), server.url().parse().unwrap(), login);
        let service = LinkedService {
            client: client.unwrap(),
            directory: Some(FOLDER.into()),
            clock: Clock::system(),
        };
        Self {
            _server: server,
            service,
        }
    }

    async fn session(&self) -> SessionId {
        let made = self.service.create(&NewSession::default()).await.unwrap();
        SessionId::from(&*made.id)
    }

    async fn prompt(&self, session: &SessionId, id: &str, text: &str) {
        let message = message(id, text, Delivery::Queue);
        self.service.prompt(session, &message).await.unwrap();
    }

    /// Sends a prompt, and waits for the end of its run.
    async fn turn(&self, session: &SessionId, id: &str, text: &str) {
        self.prompt(session, id, text).await;
        self.rests(session).await;
    }

    /// Waits until nothing is delivered or runs any more.
    async fn rests(&self, session: &SessionId) {
        let id = wire2::SessionId::parse(session.as_str()).unwrap();
        eventually("it rests", async || {
            let waits = self.service.client.inbox(&id).await.unwrap().value;
            let runs = self.service.client.active().await.unwrap();
            (waits.is_empty() && !runs.contains(&id)).then_some(())
        })
        .await;
    }

    /// Id of the permission that waits.
    async fn permission(&self) -> String {
        eventually("a permission waits", async || {
            let waiting = self.service.client.permissions(FOLDER).await.unwrap();
            let first = waiting.value.first()?;
            Some(first.id.as_str().to_owned())
        })
        .await
    }

    async fn form(&self) -> String {
        eventually("a form waits", async || {
            let waiting = self.service.client.forms(FOLDER).await.unwrap();
            Some(waiting.value.first()?.id.as_str().to_owned())
        })
        .await
    }

    /// The texts of a session's prompts, in order.
    async fn prompts(&self, session: &SessionId) -> Vec<String> {
        let id = wire2::SessionId::parse(session.as_str()).unwrap();
        let page = self.service.client.messages(&id, None).await.unwrap();
        let oldest_first = page.items.into_iter().rev();
        let texts = oldest_first.filter_map(|one| match one.kind {
            MessageKind::User(prompt) => Some(prompt.text),
            _ => None,
        });
        texts.collect()
    }
}

pub(super) async fn eventually<T>(what: &str, ask: impl AsyncFn() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(answer) = ask().await {
            return answer;
        }
        assert!(Instant::now() < end, "in time: {what}");
        sleep(Duration::from_millis(10)).await;
    }
}

fn message(id: &str, text: &str, delivery: Delivery) -> NewMessage {
    let content = NewContent::Text(text.to_owned());
    NewMessage {
        id: id.into(),
        parts: vec![NewPart { id: None, content }],
        delivery,
        ..NewMessage::default()
    }
}

fn raw(found: &SessionFound) -> Value {
    serde_json::from_str(found.raw.get()).unwrap()
}

#[tokio::test]
async fn a_session_is_made_once_by_its_id() {
    let stage = Stage::new().await;
    let new = NewSession {
        id: Some("ses_mine".into()),
        title: Some("first".to_owned()),
        ..NewSession::default()
    };
    let elsewhere = stage.service.at("/elsewhere");
    let made = elsewhere.create(&new).await.unwrap();
    let again = elsewhere.create(&new).await.unwrap();
    assert_eq!((&*made.id, &*again.id), ("ses_mine", "ses_mine"));
    assert_eq!(&*made.directory, "/elsewhere");
    assert_eq!(elsewhere.newest(10).await.unwrap().len(), 1);
    let id = SessionId::from("ses_mine");
    let child = NewSession {
        parent: Some("ses_mine".to_owned()),
        ..NewSession::default()
    };
    let child = stage.service.create(&child).await.unwrap();
    assert_eq!(&*child.directory, "/elsewhere");

    let change = |title: Option<&str>, archived| Change {
        title: title.map(str::to_owned),
        time: Some(ChangeTime { archived }),
    };
    let second = change(Some("second"), None);
    let renamed = stage.service.change(&id, &second).await.unwrap();
    assert_eq!(raw(&renamed)["title"], "second");
    let archived = stage.service.change(&id, &change(None, Some(5))).await;
    assert!(raw(&archived.unwrap())["time"]["archived"].is_number());
    let back = stage.service.change(&id, &change(None, Some(0))).await;
    assert!(!raw(&back.unwrap())["time"]["archived"].is_number());

    stage.service.delete(&id).await.unwrap();
    for gone in ["ses_mine", &*child.id, "no such id"] {
        let read = stage.service.session(&SessionId::from(gone)).await;
        assert!(matches!(read, Err(ServerError::NotFound(_))), "{gone}");
    }
}

#[tokio::test]
async fn a_prompt_is_one_message_however_often_it_is_sent() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    assert!(!stage.service.has_message(&session, "msg_1").await.unwrap());
    stage.turn(&session, "msg_1", "say hello").await;
    assert!(stage.service.has_message(&session, "msg_1").await.unwrap());
    stage.turn(&session, "msg_1", "say hello").await;
    assert_eq!(stage.prompts(&session).await, ["say hello"]);

    let page = stage.service.messages(&session, None, None).await.unwrap();
    assert_eq!(page.malformed, 0);
    let ids: Vec<_> = page
        .messages
        .iter()
        .map(|(info, _)| info.id.as_str())
        .collect();
    assert_eq!(ids[0], "msg_1");
    assert!(ids.len() > 1, "{ids:?}");

    let missing = SessionId::from("ses_none");
    assert!(!stage.service.has_message(&missing, "msg_1").await.unwrap());
    let sent = message("msg_2", "say hi", Delivery::Queue);
    let refused = stage.service.prompt(&missing, &sent).await;
    assert!(matches!(refused, Err(ServerError::NotFound(_))));
    // The id of another session's prompt.
    let other = stage.session().await;
    let taken = message("msg_1", "say hi", Delivery::Queue);
    let refused = stage.service.prompt(&other, &taken).await.unwrap_err();
    assert!(refused.is_refusal(), "{refused:?}");
}

#[tokio::test]
async fn a_busy_session_has_an_inbox_that_a_stop_parks() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.prompt(&session, "msg_1", "bash sleep 500").await;
    let id = wire2::SessionId::parse(session.as_str()).unwrap();
    eventually("the command runs", async || {
        let page = stage.service.client.messages(&id, None).await.unwrap();
        let steps = page.items.iter();
        let mut steps = steps.filter(|one| matches!(one.kind, MessageKind::Assistant(_)));
        steps.next().map(drop)
    })
    .await;
    stage.prompt(&session, "msg_2", "say later").await;
    let steer = message("msg_3", "say soon", Delivery::Steer);
    stage.service.prompt(&session, &steer).await.unwrap();
    let inbox = stage.service.client.inbox(&id).await.unwrap().value;
    let waiting: Vec<_> = inbox
        .iter()
        .map(|one| (one.id.as_str(), one.item.delivery.as_str()))
        .collect();
    assert_eq!(waiting, [("msg_2", "queue"), ("msg_3", "steer")]);
    assert!(stage.service.has_message(&session, "msg_2").await.unwrap());

    stage.service.abort(&session).await.unwrap();
    let left = stage.service.client.inbox(&id).await.unwrap().value;
    assert_eq!(left.len(), 2, "what waits stays");
    stage.service.abort(&session).await.unwrap();

    // What is not delivered is taken back; a message is not deleted.
    let delete = async |message: &str| {
        let message = MessageId::from(message);
        stage.service.delete_message(&session, &message).await
    };
    delete("msg_2").await.unwrap();
    delete("msg_3").await.unwrap();
    let left = stage.service.client.inbox(&id).await.unwrap();
    assert!(left.value.is_empty());
    assert!(matches!(
        delete("msg_1").await,
        Err(ServerError::Rejected(_))
    ));
    assert!(matches!(
        delete("msg_9").await,
        Err(ServerError::NotFound(_))
    ));
}

#[tokio::test]
async fn permissions_are_answered_once() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let once = [
        (PermissionReply::Reject, None),
        (PermissionReply::Reject, Some("not that")),
        (PermissionReply::Once, None),
        (PermissionReply::Always, None),
    ];
    for (at, (reply, text)) in once.into_iter().enumerate() {
        stage
            .prompt(&session, &format!("msg_{at}"), "permission rm x")
            .await;
        let id = stage.permission().await;
        let answer = || stage.service.reply_permission(&session, &id, reply, text);
        answer().await.unwrap();
        assert!(matches!(answer().await, Err(ServerError::NotFound(_))));
        stage.rests(&session).await;
    }
    stage.turn(&session, "msg_9", "permission rm x").await;
    let waiting = stage.service.client.permissions(FOLDER).await.unwrap();
    assert!(waiting.value.is_empty(), "it was allowed for good");
}

#[tokio::test]
async fn a_form_is_answered_as_a_question() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let given = |text: &str| vec![vec![text.to_owned()]];
    stage.prompt(&session, "msg_1", "question Which one?").await;
    let id = stage.form().await;
    // It is required.
    let nothing = stage.service.reply_question(&session, &id, &[vec![]]).await;
    assert!(
        matches!(nothing, Err(ServerError::Rejected(_))),
        "{nothing:?}"
    );
    let answer = given("Red");
    stage
        .service
        .reply_question(&session, &id, &answer)
        .await
        .unwrap();
    let second = stage.service.reply_question(&session, &id, &answer).await;
    assert!(matches!(second, Err(ServerError::NotFound(_))));
    stage.rests(&session).await;

    stage.prompt(&session, "msg_2", "question Which one?").await;
    let id = stage.form().await;
    stage.service.reject_question(&session, &id).await.unwrap();
    let second = stage.service.reject_question(&session, &id).await;
    assert!(matches!(second, Err(ServerError::NotFound(_))));
    stage.rests(&session).await;

    let fields = json!([
        { "key": "sure", "type": "boolean", "required": true },
        { "key": "why", "type": "string", "required": true, "when": [{ "key": "sure", "op": "eq", "value": false }] },
    ]);
    let form = json!({ "title": "t", "fields": fields });
    stage
        .prompt(&session, "msg_3", &format!("tool form {form}"))
        .await;
    let id = stage.form().await;
    let answers = [vec!["Yes".to_owned()], vec!["ignored".to_owned()]];
    stage
        .service
        .reply_question(&session, &id, &answers)
        .await
        .unwrap();
    stage.rests(&session).await;
}

#[tokio::test]
async fn a_history_is_copied_taken_back_and_compacted() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.turn(&session, "msg_1", "say a").await;
    stage.turn(&session, "msg_2", "say b").await;
    let second = MessageId::from("msg_2");
    let copied = stage.service.fork(&session, Some(&second)).await.unwrap();
    let copy = SessionId::from(&*copied.id);
    assert_eq!(stage.prompts(&copy).await, ["say a"]);
    let whole = stage.service.fork(&session, None).await.unwrap();
    let whole = SessionId::from(&*whole.id);
    assert_eq!(stage.prompts(&whole).await, ["say a", "say b"]);
    let none = MessageId::from("msg_none");
    let refused = stage.service.fork(&session, Some(&none)).await;
    assert!(matches!(refused, Err(ServerError::NotFound(_))));

    let row = async || {
        let id = wire2::SessionId::parse(session.as_str()).unwrap();
        stage.service.client.session(&id).await.unwrap()
    };
    stage.service.revert(&session, &second).await.unwrap();
    assert_eq!(row().await.revert.unwrap().message_id.as_str(), "msg_2");
    let changed = stage.service.changes(&session, None).await.unwrap();
    assert_eq!(changed[0].status, "modified");
    stage.service.unrevert(&session).await.unwrap();
    assert!(row().await.revert.is_none());
    stage.service.revert(&session, &second).await.unwrap();
    stage.turn(&session, "msg_3", "say c").await;
    assert!(row().await.revert.is_none());
    assert_eq!(stage.prompts(&session).await, ["say a", "say c"]);

    stage.service.compact(&session, None).await.unwrap();
    stage.rests(&session).await;
    let page = stage.service.messages(&session, None, None).await.unwrap();
    assert!(page.messages.iter().any(|(info, _)| info.summary));

    stage.prompt(&session, "msg_4", "bash sleep 500").await;
    let busy = stage
        .service
        .revert(&session, &MessageId::from("msg_1"))
        .await;
    assert!(matches!(busy, Err(ServerError::Running(_))));
    stage.service.abort(&session).await.unwrap();
}

#[tokio::test]
async fn a_prompt_brings_its_agent_model_and_files() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let file = json!({
        "type": "file", "mime": "text/plain", "url": "data:text/plain;base64,aGk=", "filename": "hi.txt",
    });
    let mut sent = message("msg_1", "say hi", Delivery::Queue);
    sent.agent = Some("plan".to_owned());
    sent.model = Some(ModelChoice {
        provider_id: "scripted".to_owned(),
        model_id: "scripted-1".to_owned(),
    });
    sent.parts.push(NewPart {
        id: None,
        content: NewContent::Given(file.as_object().unwrap().clone()),
    });
    stage.service.prompt(&session, &sent).await.unwrap();
    stage.rests(&session).await;
    let id = wire2::SessionId::parse(session.as_str()).unwrap();
    let row = stage.service.client.session(&id).await.unwrap();
    assert_eq!(row.agent.as_deref(), Some("plan"));
    assert_eq!(row.model.unwrap().id, "scripted-1");
    let page = stage.service.client.messages(&id, None).await.unwrap();
    let files = page.items.iter().find_map(|one| match &one.kind {
        MessageKind::User(prompt) => Some(prompt.files.clone()),
        _ => None,
    });
    assert_eq!(files.unwrap()[0].name.as_deref(), Some("hi.txt"));

    let command = NewCommand {
        name: "review".to_owned(),
        arguments: "all".to_owned(),
        ..NewCommand::default()
    };
    stage.service.command(&session, &command).await.unwrap();
    stage.rests(&session).await;
    let unknown = NewCommand {
        name: "none".to_owned(),
        ..NewCommand::default()
    };
    let refused = stage.service.command(&session, &unknown).await;
    assert!(matches!(refused, Err(ServerError::Rejected(_))));
    let shell = NewShell {
        command: "ls".to_owned(),
        ..NewShell::default()
    };
    stage.service.shell(&session, &shell).await.unwrap();

    let agents = stage.service.agents().await.unwrap();
    assert!(
        agents
            .iter()
            .any(|one| one.name == "plan" && one.can_be_chosen)
    );
    let models = stage.service.models().await.unwrap();
    assert_eq!(
        (&*models[0].provider, models[0].context),
        ("Scripted", 200_000)
    );
    assert_eq!(stage.service.commands().await.unwrap()[0].name, "review");
    let found = stage.service.find_files("main", 5).await.unwrap();
    assert_eq!(found, ["src/main.rs"]);
}

/// A hub that has connected to a scripted service, with the path of the instance.
pub(super) async fn linked() -> (Lab, Server, String) {
    let (lab, server) = (Lab::new().await, scripted().await);
    let instance = lab.instance_at(server.url()).await;
    (lab, server, instance)
}

#[tokio::test]
async fn the_api_prompts_a_service_once_and_shows_its_reply() {
    let (lab, _server, instance) = linked().await;
    let shown = lab.get(&instance).await.good();
    let can = shown["capabilities"].as_array().unwrap();
    let can = |what| can.contains(&json!(what));
    assert!(can("inbox") && can("fork") && !can("delete_message") && !can("todo"));

    let make = || async {
        let request = lab
            .request(reqwest::Method::POST, &format!("{instance}/sessions"))
            .header("Idempotency-Key", "one")
            .json(&json!({"title": "t"}));
        send(request).await.good()["id"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let id = make().await;
    assert_eq!(id, make().await);
    let session = format!("{instance}/sessions/{id}");

    let prompt = || async {
        let request = lab
            .request(reqwest::Method::POST, &format!("{session}/prompt"))
            .header("Idempotency-Key", "two")
            .json(&json!({"text": "say hello there"}));
        send(request).await.good()["messageID"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let message = prompt().await;
    assert_eq!(message, prompt().await);
    lab.idle_after(&session, &message).await;
    let messages = lab.get(&format!("{session}/messages")).await.good();
    let roles: Vec<_> = messages
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["info"]["role"])
        .collect();
    assert_eq!(
        roles.iter().filter(|role| **role == "user").count(),
        1,
        "{messages}"
    );
    assert!(messages.to_string().contains("hello there"), "{messages}");

    let dropped = lab.delete(&format!("{session}/messages/{message}")).await;
    assert!(dropped.status.is_client_error(), "{dropped:?}");
    let model = json!({"model": {"providerID": "p", "modelID": "m"}});
    let refused = lab.post(&format!("{session}/compact"), model).await;
    let problem = refused.problem(409, "not-offered");
    let text = problem["detail"].as_str().unwrap();
    assert!(text.starts_with("OpenCode 2 cannot compact"), "{text}");
}

#[tokio::test]
async fn a_command_that_was_not_sent_can_be_sent_again() {
    let (lab, server, instance) = linked().await;
    let session = lab.session(&instance).await;
    let command = || {
        let request = lab.request(reqwest::Method::POST, &format!("{session}/prompt"));
        let request = request.header("Idempotency-Key", "one");
        send(request.json(&json!({"text": "all", "command": "review"})))
    };
    server.refuse(Some(503));
    let refused = command().await;
    assert!(!refused.status.is_success(), "{refused:?}");
    server.refuse(None);
    command().await.good();
    // It was sent under this key.
    command().await.good();
    let reviewed = async || {
        let messages = lab.get(&format!("{session}/messages")).await.good();
        messages
            .to_string()
            .contains("Reviewed: all")
            .then_some(messages)
    };
    let messages = lab.eventually("it is reviewed", reviewed).await;
    let prompts = messages.as_array().unwrap().iter();
    let prompts = prompts.filter(|one| one["info"]["role"] == "user");
    assert_eq!(prompts.count(), 1, "{messages}");
}

#[tokio::test]
async fn the_api_allows_what_a_service_asks_and_stops_its_run() {
    let (lab, _server, instance) = linked().await;
    let session = lab.session(&instance).await;
    let prompt = json!({"text": "permission rm x ;; say done"});
    let sent = lab.post(&format!("{session}/prompt"), prompt).await.good();
    let asked = lab
        .eventually("a permission waits", async || {
            let waiting = lab.get(&format!("{instance}/permissions")).await.good();
            waiting.as_array().unwrap().first().cloned()
        })
        .await;
    let id = asked["id"].as_str().unwrap();
    let reply = json!({"reply": "once", "fingerprint": asked["fingerprint"]});
    let replied = lab
        .post(&format!("{instance}/permissions/{id}"), reply)
        .await;
    assert!(replied.status.is_success(), "{replied:?}");
    lab.idle_after(&session, sent["messageID"].as_str().unwrap())
        .await;
    let waiting = lab.get(&format!("{instance}/permissions")).await.good();
    assert_eq!(waiting, json!([]));

    let prompt = json!({"text": "question Which one?"});
    lab.post(&format!("{session}/prompt"), prompt).await.good();
    let asked = lab
        .eventually("a question waits", async || {
            let waiting = lab.get(&format!("{instance}/questions")).await.good();
            waiting.as_array().unwrap().first().cloned()
        })
        .await;
    let id = asked["id"].as_str().unwrap();
    let answers = json!({"answers": [["Red"]]});
    let replied = lab
        .post(&format!("{instance}/questions/{id}"), answers)
        .await;
    assert!(replied.status.is_success(), "{replied:?}");

    let idle = async || (lab.get(&session).await.good()["status"]["type"] == "idle").then_some(());
    lab.eventually("the turn ends", idle).await;
    let prompt = json!({"text": "bash sleep 500"});
    lab.post(&format!("{session}/prompt"), prompt).await.good();
    let busy = async || (lab.get(&session).await.good()["status"]["type"] == "busy").then_some(());
    lab.eventually("it runs", busy).await;
    let stopped = lab.post(&format!("{session}/abort"), json!({})).await;
    assert!(stopped.status.is_success(), "{stopped:?}");
    lab.eventually("it is stopped", idle).await;
}
