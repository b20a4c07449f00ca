//! A service of OpenCode 2 that is attached: what the hub shows of it is what it says of itself.

use std::collections::BTreeSet;
use std::time::Duration;

use hub::clock::Clock;
use hub::engine::{HistoryDepth, Watched};
use hub::ingest::upstream::Rest;
use hub::instances::LinkedService;
use model::State;
use model::ids::{InstanceId, SessionId};
use model::state::{
    ErrorKind, LinkStatus, Message, MessageInfo, MessageStatus, Part, PartKind, ReasonKind, Role,
    Run, RunStatus, Session, ToolEnd, ToolState,
};
use model::view;
use opencode::client2::{Client, NewPrompt, NewSession};
use opencode::wire2::{
    self, AnswerValue, Decision, Delivery, FormId, FormOwner, InboxId, Location, PermissionId,
};
use opencode::{Credentials, Http};
use scripted::opencode2::{Options, Server};
use serde_json::json;

use crate::lab::{Lab, PASSWORD, ids};

/// A hub that has attached a service.
struct Stage {
    lab: Lab,
    server: Server,
    client: Client,
    instance: InstanceId,
}

/// A session that is looked at.
struct Looked {
    id: wire2::SessionId,
    at: (InstanceId, SessionId),
    _watched: Watched,
}

impl Stage {
    async fn new() -> Self {
        Self::at_rate(0.0).await
    }

    async fn at_rate(rate: f64) -> Self {
        Self::of(Options {
            rate,
            ..Options::default()
        })
        .await
    }

    async fn of(options: Options) -> Self {
        let options = Options {
            password: Some(PASSWORD.to_owned()),
            ..options
        };
        let server = Server::start(options).await.unwrap();
        let lab = Lab::new().await;
        let path = lab.instance_at(server.url()).await;
        let (instance, _) = ids(&format!("{path}/sessions/none"));
        let login = Credentials {
            username: "opencode".to_owned(),
            password: PASSWORD.to_owned(),
        };
        let url = server.url().parse().unwrap();
        let client = Client::new(Http::new().unwrap(), url, Some(login)).unwrap();
        Self {
            lab,
            server,
            client,
            instance,
        }
    }

    /// What the service says, read by a client of its own.
    fn rest(&self) -> LinkedService {
        LinkedService {
            client: self.client.clone(),
            directory: None,
            clock: Clock::system(),
        }
    }

    async fn session(&self) -> Looked {
        self.session_in(None).await
    }

    async fn session_in(&self, directory: Option<&str>) -> Looked {
        let new = NewSession {
            location: directory.map(|directory| Location {
                directory: directory.to_owned(),
                workspace_id: None,
            }),
            ..NewSession::default()
        };
        let made = self.client.create_session(&new).await.unwrap();
        self.look(made.id).await
    }

    async fn look(&self, id: wire2::SessionId) -> Looked {
        let at = (self.instance.clone(), SessionId::new(id.as_str()));
        let known = |state: &State| state.session(&at.0, &at.1).is_some();
        self.lab.until("the session is known", known).await;
        let watched = self.lab.watch(&at, HistoryDepth::Newest).await;
        Looked {
            id,
            at,
            _watched: watched,
        }
    }

    async fn prompt(&self, session: &Looked, id: &str, text: &str) {
        let id = InboxId::parse(id).unwrap();
        let prompt = NewPrompt::of(&id, text, Delivery::Queue);
        self.client.prompt(&session.id, &prompt).await.unwrap();
    }

    fn see<T>(&self, session: &Looked, see: impl FnOnce(&Session) -> T) -> T {
        let at = &session.at;
        self.lab
            .hub
            .engine()
            .read(|state| see(state.session(&at.0, &at.1).unwrap()))
    }

    /// Waits until a session is so.
    async fn until(&self, session: &Looked, what: &str, so: impl Fn(&Session) -> bool) {
        let at = &session.at;
        let holds = |state: &State| state.session(&at.0, &at.1).is_some_and(&so);
        if !self.lab.comes_true(holds).await {
            let found = self.see(session, |one| {
                let read = one.loaded().map(|loaded| loaded.rereading.is_some());
                let ends = (one.end_unseen, one.reported_running);
                format!("{} {:?} {read:?} {ends:?}", one.runs, one.run)
            });
            panic!("in time: {what}, not {found}");
        }
    }

    /// Waits until so many runs of a session have come to their end.
    async fn idle(&self, session: &Looked, runs: u64) {
        let over = |session: &Session| {
            let loaded = session.loaded();
            let read = loaded.is_some_and(|loaded| loaded.rereading.is_none());
            session.runs == runs && session.run == Run::Idle && read
        };
        self.until(session, "the run ends", over).await;
    }

    /// Waits until the state of a session is what the service says of it. A read may be ahead of the stream for a moment.
    async fn same(&self, session: &Looked) {
        let read = self.rest().messages(session.at.1.clone(), None).await;
        let read = read.unwrap().messages;
        let row = self.rest().session(session.at.1.clone()).await.unwrap();
        let caught_up = |here: &Session| here.info == row && content(here) == read;
        let at = &session.at;
        let holds = |state: &State| state.session(&at.0, &at.1).is_some_and(caught_up);
        if self.lab.comes_true(holds).await {
            return;
        }
        let (here, info) = self.see(session, |session| (content(session), session.info.clone()));
        all_same(&here, &read);
        assert_eq!(info, row);
    }

    /// Waits for a request for permission of a session.
    async fn permission(&self, session: &Looked) -> PermissionId {
        let found = async || {
            self.lab.hub.engine().read(|state| {
                let all = state.instances[&self.instance].permissions.values();
                let mut all = all.filter(|one| one.session == session.at.1);
                all.next().map(|one| one.id.as_str().to_owned())
            })
        };
        let id = self.lab.eventually("it asks for permission", found).await;
        PermissionId::parse(&id).unwrap()
    }

    fn waiting(&self) -> usize {
        self.lab.hub.engine().read(|state| {
            let instance = &state.instances[&self.instance];
            instance.permissions.len() + instance.questions.len()
        })
    }
}

/// The cached messages of a session, with their parts.
fn content(session: &Session) -> Vec<(MessageInfo, Vec<Part>)> {
    let messages = session.loaded().unwrap().in_order();
    let whole = |message: &Message| (message.info.clone(), message.in_order().cloned().collect());
    messages.map(whole).collect()
}

/// Equal, message by message.
fn all_same<T: PartialEq + std::fmt::Debug>(here: &[T], there: &[T]) {
    for (here, there) in here.iter().zip(there) {
        assert_eq!(here, there);
    }
    assert_eq!(here.len(), there.len(), "{here:#?}\n{there:#?}");
}

/// Without models nobody could send the first prompt.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_without_sessions_offers_its_models() {
    let stage = Stage::new().await;
    let offered = |state: &State| {
        let catalog = state.instances[&stage.instance].catalog.as_ref();
        catalog.is_some_and(|catalog| !catalog.models.is_empty())
    };
    stage.lab.until("models", offered).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_attached_with_the_sessions_of_all_folders() {
    let stage = Stage::new().await;
    let one = stage.session_in(Some("/scripted/one")).await;
    let two = stage.session_in(Some("/scripted/two")).await;
    let directory = |session: &Session| session.info.directory.clone();
    assert_eq!(&*stage.see(&one, directory), "/scripted/one");
    assert_eq!(&*stage.see(&two, directory), "/scripted/two");
    let version = stage.lab.hub.engine().read(|state| {
        let instance = &state.instances[&stage.instance];
        instance.version.clone()
    });
    assert_eq!(version.as_deref(), Some("2.1.2"));
    stage.client.rename(&one.id, "Another name").await.unwrap();
    stage
        .until(&one, "the title is followed", |session| {
            &*session.info.title == "Another name"
        })
        .await;
    stage.same(&one).await;
    stage.client.set_archived(&two.id, true).await.unwrap();
    stage
        .until(&two, "it is archived", |session| {
            session.info.archived.is_some()
        })
        .await;
    stage.same(&two).await;
    // A connection that is made anew finds the same.
    let rows = || {
        stage.lab.hub.engine().read(|state| {
            let sessions = state.instances[&stage.instance].sessions.values();
            sessions.map(|one| one.info.clone()).collect::<Vec<_>>()
        })
    };
    let before = rows();
    let snapshot = stage.rest().snapshot(Vec::new()).await.unwrap();
    assert_eq!(snapshot.sessions.len(), 2);
    assert_eq!(snapshot.listed.len(), snapshot.asked.len());
    for row in &snapshot.sessions {
        assert!(before.contains(row), "{row:?}");
    }
    stage.client.delete_session(&two.id).await.unwrap();
    let gone = |state: &State| state.session(&two.at.0, &two.at.1).is_none();
    stage.lab.until("it is gone", gone).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_conversation_is_what_the_service_says() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    let script = "reason 20 ;; say hello there ;; bash echo hi ;; say done";
    stage.prompt(&session, "msg_1", script).await;
    stage.idle(&session, 1).await;
    stage.same(&session).await;
    stage.see(&session, |session| {
        let messages = session.loaded().unwrap().in_order();
        let roles: Vec<_> = messages.map(|one| one.info.role).collect();
        assert_eq!(roles, [Role::User, Role::Assistant, Role::Assistant]);
        assert!(session.open.is_empty() && session.failure.is_none());
        assert!(session.unreviewed.is_some() && session.info.cost > 0.0);
        let step = session.loaded().unwrap().in_order().nth(1).unwrap();
        let kinds: Vec<_> = step.in_order().map(|part| &part.kind).collect();
        let [
            PartKind::Reasoning { .. },
            PartKind::Text { text, .. },
            PartKind::Tool(tool),
        ] = &kinds[..]
        else {
            panic!("{kinds:?}");
        };
        assert_eq!((&**text, &*tool.name), ("hello there ", "bash"));
        let ToolState::Completed { output } = &tool.state else {
            panic!("{tool:?}");
        };
        assert_eq!(&**output, "hi\n");
        assert_eq!(step.info.parent.as_ref().unwrap().as_str(), "msg_1");
    });
    let path = format!(
        "/api/instances/{}/sessions/{}/messages",
        session.at.0, session.at.1
    );
    let told = stage.lab.get(&path).await.good();
    assert_eq!(told[1]["parts"][1]["text"], "hello there ");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_waits_is_shown_and_goes_with_its_answer() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.prompt(&session, "msg_1", "permission").await;
    let request = stage.permission(&session).await;
    // Its content is whole once the call that asks was read.
    let shown = async || {
        stage.lab.hub.engine().read(|state| {
            let mut all = state.instances[&stage.instance].permissions.values();
            all.next()
                .filter(|asked| asked.content.is_whole())
                .map(|asked| asked.permission.to_string())
        })
    };
    let permission = stage.lab.eventually("the request is whole", shown).await;
    assert_eq!(permission, "bash");
    let (decision, client) = (Decision::Once, &stage.client);
    let answered = client.reply_permission(&session.id, &request, &decision, None);
    answered.await.unwrap();
    stage.idle(&session, 1).await;
    assert_eq!(stage.waiting(), 0);
    stage.same(&session).await;

    stage.prompt(&session, "msg_2", "question Which one?").await;
    let asked = async || {
        stage.lab.hub.engine().read(|state| {
            let mut all = state.instances[&stage.instance].questions.values();
            all.next().cloned()
        })
    };
    let question = stage.lab.eventually("it asks", asked).await;
    assert!(!question.items.is_empty() && question.tool.is_some());
    let item = &question.items[0];
    assert!(item.custom && !item.options.is_empty(), "{item:?}");
    let owner = FormOwner::Session(session.id.clone());
    let form = FormId::parse(question.id.as_str()).unwrap();
    let chosen = AnswerValue::Text(item.options[0].label.to_string());
    let answer = [("q0".to_owned(), chosen)].into();
    client.reply_form(&owner, &form, &answer, "").await.unwrap();
    stage.idle(&session, 2).await;
    assert_eq!(stage.waiting(), 0);
    stage.same(&session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_subagent_is_a_session_below_its_call() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.prompt(&session, "msg_1", "task { say below }").await;
    stage.idle(&session, 1).await;
    stage.same(&session).await;
    let child = stage.see(&session, |session| {
        let mut parts = session.loaded().unwrap().in_order();
        let tool = parts.find_map(|message| {
            message.in_order().find_map(|part| match &part.kind {
                PartKind::Tool(tool) => Some(tool.clone()),
                _ => None,
            })
        });
        let tool = tool.unwrap();
        assert_eq!(&*tool.name, "task");
        tool.child.unwrap()
    });
    let child = stage
        .look(wire2::SessionId::parse(child.as_str()).unwrap())
        .await;
    stage.see(&child, |below| {
        assert_eq!(below.info.parent.as_ref(), Some(&session.at.1));
    });
    stage.same(&child).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_of_a_run_that_was_interrupted() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage.prompt(&session, "msg_1", "permission").await;
    stage.permission(&session).await;
    // The service says nothing of the request that it drops.
    stage.client.interrupt(&session.id, false).await.unwrap();
    stage.idle(&session, 1).await;
    assert_eq!(stage.waiting(), 0);
    stage.same(&session).await;
    stage.see(&session, |session| {
        let last = session.loaded().unwrap().last_assistant().unwrap();
        let failure = last.info.failure.as_ref().unwrap();
        assert_eq!(failure.kind, ErrorKind::Aborted);
        assert_eq!(
            session.message_status(&last.info, true),
            MessageStatus::Aborted
        );
        assert!(session.failure.is_none());
        let ends = last.in_order().filter_map(|part| match &part.kind {
            PartKind::Tool(tool) => tool.end.clone(),
            _ => None,
        });
        assert_eq!(ends.collect::<Vec<_>>(), [ToolEnd::Stopped]);
    });
    // One that is dropped while the link is down is gone as well.
    stage.prompt(&session, "msg_2", "permission").await;
    stage.permission(&session).await;
    stage.server.refuse(Some(503));
    stage.server.cut_streams();
    let lost =
        |state: &State| state.instances[&stage.instance].link.status != LinkStatus::Connected;
    stage.lab.until("the link is lost", lost).await;
    stage.server.refuse(None);
    stage.client.interrupt(&session.id, false).await.unwrap();
    stage.lab.connected(stage.instance.as_str()).await;
    stage
        .until(&session, "nothing runs", |one| one.run == Run::Idle)
        .await;
    assert_eq!(stage.waiting(), 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cut_in_the_middle_of_a_text_is_made_good() {
    let stage = Stage::at_rate(40.0).await;
    let session = stage.session().await;
    stage
        .prompt(
            &session,
            "msg_1",
            "reason 10 ;; echo 150 ;; bash echo hi ;; say done",
        )
        .await;
    let grows = |session: &Session| session.open.values().any(|text| text.bytes() > 20);
    stage.until(&session, "a text grows", grows).await;
    stage.server.cut_streams();
    let lost =
        |state: &State| state.instances[&stage.instance].link.status != LinkStatus::Connected;
    stage.lab.until("the link is lost", lost).await;
    stage.lab.connected(stage.instance.as_str()).await;
    stage
        .until(&session, "it is known to run", |one| one.run.is_running())
        .await;
    stage
        .until(&session, "it ends", |one| one.run == Run::Idle)
        .await;
    let read = |session: &Session| {
        session
            .loaded()
            .is_some_and(|loaded| loaded.rereading.is_none())
    };
    stage
        .until(&session, "its conversation is here", read)
        .await;
    let whole = async || {
        let read = stage
            .rest()
            .messages(session.at.1.clone(), None)
            .await
            .unwrap();
        let here = stage.see(&session, |session| {
            let messages = session.loaded().unwrap().in_order();
            let parts = messages.flat_map(|message| message.in_order().cloned());
            parts
                .map(|part| (part.id.clone(), part.kind.text().map(str::to_owned)))
                .collect::<Vec<_>>()
        });
        let there = read.messages.into_iter().flat_map(|(_, parts)| parts);
        let there = there.map(|part| (part.id.clone(), part.kind.text().map(str::to_owned)));
        (here == there.collect::<Vec<_>>()).then_some(())
    };
    stage.lab.eventually("it is whole", whole).await;
    stage.see(&session, |session| assert!(session.open.is_empty()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_prompt_that_waits_is_shown_as_one() {
    let stage = Stage::at_rate(40.0).await;
    let session = stage.session().await;
    stage.prompt(&session, "msg_1", "echo 60").await;
    let runs = |session: &Session| session.open.values().any(|text| text.bytes() > 0);
    stage.until(&session, "it runs", runs).await;
    stage.prompt(&session, "msg_2", "say second").await;
    let waits = |session: &Session| {
        let loaded = session.loaded().unwrap();
        let last = loaded.in_order().next_back().unwrap();
        last.info.id.as_str() == "msg_2" && last.info.role == Role::User
    };
    stage.until(&session, "it waits", waits).await;
    stage.same_ids(&session).await;
    let answered = |session: &Session| {
        let last = session.loaded().and_then(|loaded| loaded.last_assistant());
        let asked = last.and_then(|last| last.info.parent.clone());
        session.run == Run::Idle && asked.is_some_and(|asked| asked.as_str() == "msg_2")
    };
    stage.until(&session, "it is answered", answered).await;
    stage.same(&session).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_model_that_refuses_is_asked_again_and_fails_in_the_end() {
    let stage = Stage::new().await;
    let session = stage.session().await;
    stage
        .prompt(&session, "msg_1", "error 429 times=1 msg=slow ;; say hello")
        .await;
    let retries = |session: &Session| matches!(session.run, Run::Retry { .. });
    stage
        .until(&session, "it waits for the model", retries)
        .await;
    stage.idle(&session, 1).await;
    stage.same(&session).await;
    stage
        .prompt(&session, "msg_2", "error 401 msg=nobody")
        .await;
    stage.idle(&session, 2).await;
    stage.same(&session).await;
    stage.see(&session, |session| {
        let failure = session.failure.as_ref().unwrap();
        assert_eq!(&*failure.name, "ProviderAuthError");
        assert_eq!(&*failure.message, "nobody");
    });
    let snapshot = stage.rest().snapshot(Vec::new()).await.unwrap();
    assert!(
        !snapshot
            .statuses
            .values()
            .any(|run| *run != RunStatus::Idle)
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_a_service_copies_without_events_are_read_at_the_end_of_the_copy() {
    let legacy = ["first", "second", "third"];
    let stage = Stage::of(Options {
        legacy: legacy.map(str::to_owned).to_vec(),
        migration: Duration::from_millis(1500),
        ..Options::default()
    })
    .await;
    let copies = |state: &State| {
        let told = view::notices(state);
        told.iter().any(|one| one.contains("copies the sessions"))
    };
    stage.lab.until("the copy is shown", copies).await;
    let all = |state: &State| {
        let instance = &state.instances[&stage.instance];
        let titles = instance.sessions.values().map(|one| &*one.info.title);
        let titles: BTreeSet<_> = titles.collect();
        instance.copying.is_none() && titles == BTreeSet::from(legacy)
    };
    stage.lab.until("all that was copied", all).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_asks_for_another_password_says_so() {
    let stage = Stage::new().await;
    let wrong = json!({"url": format!("{}/", stage.server.url().replace("127.0.0.1", "localhost")), "password": "wrong"});
    let lab = Lab::new().await;
    let added = lab.post("/api/instances", wrong).await.good();
    let id = InstanceId::from(added["id"].as_str().unwrap());
    let refused = |state: &State| {
        let reason = state.instances[&id].link.status.reason();
        reason.is_some_and(|reason| reason.kind == ReasonKind::Unauthorized)
    };
    lab.until("the password is refused", refused).await;
}

impl Stage {
    /// The messages are those of the service, in the same order.
    async fn same_ids(&self, session: &Looked) {
        let read = self.rest().messages(session.at.1.clone(), None).await;
        let there = read.unwrap().messages.into_iter();
        let there: Vec<_> = there.map(|(info, _)| info.id).collect();
        let here: Vec<_> = self.see(session, |session| {
            let messages = session.loaded().unwrap().in_order();
            messages.map(|message| message.info.id.clone()).collect()
        });
        assert_eq!(here, there);
    }
}

/// What waited in a service waits no longer in another one with an empty store.
#[tokio::test(flavor = "multi_thread")]
async fn nothing_waits_of_a_service_that_was_replaced() {
    let stage = Stage::new().await;
    let session = stage.session_in(Some("/scripted/elsewhere")).await;
    stage.prompt(&session, "msg_1", "permission").await;
    stage.permission(&session).await;
    stage.server.kill().await;
    let fresh = Options {
        password: Some(PASSWORD.to_owned()),
        port: stage.server.port(),
        seed: 1,
        ..Options::default()
    };
    let _fresh = Server::start(fresh).await.unwrap();
    let gone = |state: &State| {
        let instance = &state.instances[&stage.instance];
        instance.permissions.is_empty() && instance.sessions.is_empty()
    };
    stage.lab.until("nothing of it is left", gone).await;
}
