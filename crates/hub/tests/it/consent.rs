//! Who allows what: the content is named, the run still goes on, and what was stopped stays stopped.

use std::sync::Arc;

use futures_util::FutureExt;
use futures_util::future::BoxFuture;
use hub::command::audit::{self, Audit, AuditError, Entry, Step};
use hub::command::notes::{self, Loaded, Noted, Notes, Store, StoreError};
use hub::command::{CommandError, Commands, GrantError, PermissionAnswer};
use model::state::Run;
use rand::SeedableRng;
use rand::rngs::StdRng;
use serde_json::{Value, json};
use tokio::sync::Semaphore;

use crate::lab::{Lab, ids};

/// Prompts a session, and waits for a request of it whose content is known.
async fn asked(lab: &Lab, session: &str, text: &str, list: &str) -> Value {
    lab.post(&format!("{session}/prompt"), json!({"text": text}))
        .await
        .good();
    first(lab, session, list).await
}

async fn first(lab: &Lab, session: &str, list: &str) -> Value {
    let instance = session.split("/sessions/").next().unwrap();
    let waiting = async || {
        let all = lab.get(&format!("{instance}/{list}")).await.good();
        let asked = all.get(0)?;
        let known = asked.get("hidden").is_none_or(Value::is_null);
        known.then(|| asked.clone())
    };
    lab.eventually("something is asked", waiting).await
}

fn path(session: &str, asked: &Value) -> String {
    let instance = session.split("/sessions/").next().unwrap();
    format!("{instance}/permissions/{}", asked["id"].as_str().unwrap())
}

async fn session(lab: &Lab) -> String {
    let instance = lab.instance().await;
    lab.session(&instance).await
}

async fn run_is(lab: &Lab, session: &str, so: impl Fn(&Run) -> bool) {
    let (instance, session) = ids(session);
    lab.until("the run is so", |state| {
        let session = state.session(&instance, &session);
        session.is_some_and(|session| so(&session.run))
    })
    .await;
}

fn entries(lab: &Lab) -> Vec<Entry> {
    audit::read(&lab.data.file(audit::FILE), 100).unwrap()
}

#[tokio::test]
async fn what_is_allowed_is_what_was_read() {
    let lab = Lab::new().await;
    let session = session(&lab).await;
    let asked = asked(&lab, &session, "permission ;; say allowed", "permissions").await;
    let command = asked["metadata"]["command"].as_str().unwrap();
    assert_eq!(asked["pieces"][0], json!({"command": command}));
    assert!(
        asked["directory"]
            .as_str()
            .is_some_and(|path| !path.is_empty())
    );
    assert_eq!(
        (&asked["way"], &asked["stopped"]),
        (&json!([]), &json!(false))
    );
    let path = path(&session, &asked);
    for reply in ["once", "always"] {
        lab.post(&path, json!({"reply": reply}))
            .await
            .problem(422, "content-not-named");
        let other = json!({"reply": reply, "fingerprint": "0123456789abcdef0123456789abcdef"});
        lab.post(&path, other).await.problem(409, "content-changed");
    }
    assert_eq!(
        lab.upstream("/permission").await.as_array().unwrap().len(),
        1
    );
    let once = json!({"reply": "once", "fingerprint": asked["fingerprint"]});
    assert_eq!(lab.post(&path, once).await.status, 204);
    run_is(&lab, &session, |run| *run == Run::Idle).await;
    let said: Vec<_> = entries(&lab)
        .into_iter()
        .map(|entry| (entry.answer.to_string(), entry.step))
        .collect();
    let denied = |answer: &str| (answer.to_owned(), Step::Denied);
    assert_eq!(
        said,
        [
            denied("once"),
            denied("once"),
            denied("always"),
            denied("always"),
            ("once".to_owned(), Step::Sending),
            ("once".to_owned(), Step::Taken),
        ]
    );
    let last = entries(&lab).pop().unwrap();
    assert_eq!(last.fingerprint.as_deref(), asked["fingerprint"].as_str());
    assert_eq!(last.about, format!("bash: {command}"));
    assert!(!last.by.is_empty());
}

#[tokio::test]
async fn a_refusal_names_nothing() {
    let lab = Lab::new().await;
    let session = session(&lab).await;
    let asked = asked(&lab, &session, "permission ;; say allowed", "permissions").await;
    let path = path(&session, &asked);
    let answered = lab.post(&path, json!({"reply": "reject"})).await;
    assert_eq!(answered.status, 204);
    let steps: Vec<_> = entries(&lab).iter().map(|entry| entry.step).collect();
    assert_eq!(steps, [Step::Sending, Step::Taken]);
}

#[tokio::test]
async fn nothing_is_allowed_that_cannot_be_noted_and_everything_can_be_refused() {
    let lab = Lab::new().await;
    let session = session(&lab).await;
    let asked = asked(&lab, &session, "permission ;; say allowed", "permissions").await;
    std::fs::create_dir(lab.data.file(audit::FILE)).unwrap();
    let path = path(&session, &asked);
    let once = json!({"reply": "once", "fingerprint": asked["fingerprint"]});
    lab.post(&path, once).await.problem(507, "not-audited");
    assert_eq!(
        lab.upstream("/permission").await.as_array().unwrap().len(),
        1
    );
    let rejected = lab.post(&path, json!({"reply": "reject"})).await;
    assert_eq!(rejected.status, 204);
}

#[tokio::test]
async fn a_stop_refuses_what_waits_and_it_cannot_be_allowed_afterwards() {
    for (text, list) in [
        ("permission ;; say allowed", "permissions"),
        ("question Which? ;; say told", "questions"),
        ("task { permission ;; say allowed }", "permissions"),
    ] {
        let lab = Lab::new().await;
        let session = session(&lab).await;
        let asked = asked(&lab, &session, text, list).await;
        assert_eq!(
            lab.post(&format!("{session}/abort"), json!({}))
                .await
                .status,
            204
        );
        run_is(&lab, &session, |run| *run == Run::Idle).await;
        assert_eq!(
            lab.upstream(&format!("/{}", &list[..list.len() - 1])).await,
            json!([]),
            "{text}"
        );
        let (answer, kind) = match list {
            "permissions" => (
                json!({"reply": "once", "fingerprint": asked["fingerprint"]}),
                list,
            ),
            _ => (json!({"answers": [["yes"]]}), list),
        };
        let instance = session.split("/sessions/").next().unwrap();
        let late = format!("{instance}/{kind}/{}", asked["id"].as_str().unwrap());
        lab.post(&late, answer)
            .await
            .problem(409, "answered-already");
        let allowed = entries(&lab)
            .iter()
            .any(|entry| entry.answer != "rejected".into());
        assert!(!allowed, "{text}: {:?}", entries(&lab));
    }
}

#[tokio::test]
async fn what_a_stopped_session_asks_later_is_refused_until_a_prompt() {
    let lab = Lab::new().await;
    let session = session(&lab).await;
    let (instance, id) = ids(&session);
    lab.post(
        &format!("{session}/prompt"),
        json!({"text": "stall 0.3 ;; permission ;; say on"}),
    )
    .await
    .good();
    run_is(&lab, &session, Run::is_running).await;
    // The server did not hear of the stop: its run goes on, and asks.
    lab.hub.engine().stopped(instance, id).await;
    run_is(&lab, &session, |run| *run == Run::Idle).await;
    assert_eq!(lab.upstream("/permission").await, json!([]));
    let refused = entries(&lab);
    assert!(!refused.is_empty());
    assert!(refused.iter().all(|entry| &*entry.answer == "rejected"));
    assert!(refused[0].by.contains("stopped"), "{refused:?}");
    // A prompt lets it ask again.
    let asked = asked(&lab, &session, "permission ;; say allowed", "permissions").await;
    assert_eq!(asked["stopped"], false);
    let once = json!({"reply": "once", "fingerprint": asked["fingerprint"]});
    assert_eq!(lab.post(&path(&session, &asked), once).await.status, 204);
}

#[tokio::test]
async fn a_request_that_its_server_does_not_have_goes_when_it_is_answered() {
    let lab = Lab::new().await;
    let session = session(&lab).await;
    lab.post(&format!("{session}/prompt"), json!({"text": "stall 600"}))
        .await
        .good();
    run_is(&lab, &session, Run::is_running).await;
    let (_, id) = ids(&session);
    let told = json!({"directory": directory(&lab, &session).await, "payload": {
        "id": "evt_1", "type": "permission.asked", "properties": {
            "id": "per_ghost", "sessionID": id, "permission": "bash", "patterns": ["ls"],
            "metadata": {"command": "ls"}, "always": [],
        },
    }});
    lab.fake.emit_raw(&told.to_string());
    let asked = first(&lab, &session, "permissions").await;
    let once = json!({"reply": "once", "fingerprint": asked["fingerprint"]});
    lab.post(&path(&session, &asked), once)
        .await
        .problem(404, "nothing-waits");
    let (instance, _) = ids(&session);
    lab.until("it is gone", |state| {
        state.instances[&instance].permissions.is_empty()
    })
    .await;
    let last = entries(&lab).pop().unwrap();
    assert_eq!(last.step, Step::Failed);
}

async fn directory(lab: &Lab, session: &str) -> Value {
    lab.get(session).await.good()["directory"].clone()
}

#[tokio::test]
async fn a_request_ends_with_a_run_that_another_client_stops() {
    let lab = Lab::new().await;
    let session = session(&lab).await;
    let asked = asked(&lab, &session, "permission ;; say allowed", "permissions").await;
    let (_, id) = ids(&session);
    let stop = lab
        .client
        .post(format!("{}/session/{id}/abort", lab.fake.url));
    let stop = stop.basic_auth("opencode", Some(crate::lab::PASSWORD));
    assert!(stop.send().await.unwrap().status().is_success());
    run_is(&lab, &session, |run| *run == Run::Idle).await;
    // The server would keep it, as OpenCode does, and run it once it was allowed: it is told that it is refused.
    let refused = async || (lab.upstream("/permission").await == json!([])).then_some(());
    lab.eventually("it is refused at the server", refused).await;
    let once = json!({"reply": "once", "fingerprint": asked["fingerprint"]});
    let late = lab.post(&path(&session, &asked), once.clone()).await;
    let problem = late.problem(409, "answered-already");
    assert!(
        problem["detail"]
            .as_str()
            .unwrap()
            .contains("nothing was allowed"),
        "{problem}"
    );
    // Nor does it come back with a new link.
    let (instance, _) = ids(&session);
    lab.fake.cut_streams();
    lab.until("the link broke", |state| {
        !state.instances[&instance].is_live()
    })
    .await;
    lab.hub.reconnect(&instance).await;
    lab.connected(instance.as_str()).await;
    assert_eq!(
        lab.get(&format!("/api/instances/{instance}/permissions"))
            .await
            .good(),
        json!([])
    );
    lab.post(&path(&session, &asked), once)
        .await
        .problem(409, "answered-already");
}

/// An audit log on a disk that takes its time: each entry waits until it is let through.
#[derive(Clone, Debug)]
struct Slow {
    come: Arc<Semaphore>,
    through: Arc<Semaphore>,
    kept: audit::Memory,
}

impl Audit for Slow {
    fn add(&self, entry: Entry) -> BoxFuture<'static, Result<(), AuditError>> {
        let slow = self.clone();
        async move {
            slow.come.add_permits(1);
            slow.through.acquire().await.unwrap().forget();
            slow.kept.add(entry).await
        }
        .boxed()
    }

    fn newest(&self, limit: usize) -> BoxFuture<'static, Result<Vec<Entry>, AuditError>> {
        self.kept.newest(limit)
    }
}

#[tokio::test]
async fn a_stop_counts_while_a_grant_is_on_its_way() {
    let lab = Lab::new().await;
    let session = session(&lab).await;
    let asked = asked(&lab, &session, "permission ;; say allowed", "permissions").await;
    let slow = Slow {
        come: Arc::new(Semaphore::new(0)),
        through: Arc::new(Semaphore::new(0)),
        kept: audit::Memory::default(),
    };
    let (engine, outbox) = (lab.hub.engine().clone(), lab.hub.outbox().clone());
    let random = StdRng::seed_from_u64(1);
    let commands = Commands::over(
        engine,
        lab.hub.clone(),
        outbox,
        Arc::new(slow.clone()),
        lab.hub.notes().clone(),
        random,
    );
    let (instance, id) = ids(&session);
    let granting = tokio::spawn({
        let (instance, permission) = (instance.clone(), asked["id"].as_str().unwrap().into());
        let answer = PermissionAnswer::once(asked["fingerprint"].as_str().unwrap());
        async move {
            let by = Arc::from("a person");
            commands
                .reply_permission(&instance, &permission, answer, None, &by)
                .await
        }
    });
    slow.come.acquire().await.unwrap().forget();
    lab.hub.engine().stopped(instance, id).await;
    slow.through.add_permits(9);
    let refused = granting.await.unwrap().unwrap_err();
    let late = matches!(
        refused,
        CommandError::Grant(GrantError::Stopped)
            | CommandError::Answered(_)
            | CommandError::UnknownPermission(_)
    );
    assert!(late, "{refused:?}");
    run_is(&lab, &session, |run| *run == Run::Idle).await;
    let kept = slow.kept.entries();
    assert!(
        kept.iter().all(|entry| entry.step != Step::Taken),
        "{kept:?}"
    );
    let messages = lab.get(&format!("{session}/messages")).await.good();
    let tools: Vec<_> = messages
        .as_array()
        .unwrap()
        .iter()
        .flat_map(|message| message["parts"].as_array().unwrap())
        .filter(|part| part["type"] == "tool")
        .map(|part| &part["state"])
        .collect();
    assert!(
        !tools.is_empty() && tools.iter().all(|state| state["status"] == "error"),
        "{tools:?}"
    );
}

#[tokio::test]
async fn the_same_key_with_another_answer_is_refused() {
    let lab = Lab::new().await;
    let session = session(&lab).await;
    let asked = asked(&lab, &session, "permission ;; say allowed", "permissions").await;
    let path = path(&session, &asked);
    let keyed = async |body: Value| {
        let request = lab.request(reqwest::Method::POST, &path);
        crate::lab::send(request.header("Idempotency-Key", "k").json(&body)).await
    };
    let once = json!({"reply": "once", "fingerprint": asked["fingerprint"]});
    assert_eq!(keyed(once.clone()).await.status, 204);
    keyed(json!({"reply": "reject"}))
        .await
        .problem(422, "key-reused");
    assert_eq!(keyed(once).await.status, 204);
}

/// A child of a session, prompted by another client of its server.
async fn child_asks(lab: &Lab, child: &str) {
    let (_, id) = ids(child);
    prompted_elsewhere(&lab.fake.url, id.as_str(), "permission ;; say on").await;
}

/// A prompt that another client gives to a session.
async fn prompted_elsewhere(server: &str, session: &str, script: &str) {
    let prompt = reqwest::Client::new().post(format!("{server}/session/{session}/prompt_async"));
    let parts = json!({"parts": [{"type": "text", "text": script}]});
    let prompt = prompt.basic_auth("opencode", Some(crate::lab::PASSWORD));
    let sent = prompt.json(&parts).send().await.unwrap();
    assert!(sent.status().is_success(), "{sent:?}");
}

#[tokio::test]
async fn what_a_person_stopped_stays_stopped_over_a_restart_of_the_hub() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let root = lab.session(&instance).await;
    let (id, root_id) = ids(&root);
    let child = json!({"title": "below", "parent": root_id});
    let made = lab.post(&format!("{instance}/sessions"), child).await;
    let made = made.good()["id"].as_str().unwrap().to_owned();
    let child = format!("{instance}/sessions/{made}");
    let stopped = lab.post(&format!("{root}/abort"), json!({})).await;
    assert_eq!(stopped.status, 204);

    let lab = lab.restarted().await;
    lab.connected(id.as_str()).await;
    child_asks(&lab, &child).await;
    let (_, child_id) = ids(&child);
    lab.until("its run has ended", |state| {
        let child = state.session(&id, &child_id);
        child.is_some_and(|child| child.ran_here && child.run == Run::Idle)
    })
    .await;
    let kept = entries(&lab);
    assert!(!kept.is_empty());
    assert!(
        kept.iter().all(|one| &*one.answer == "rejected"),
        "{kept:?}"
    );
    assert_eq!(lab.upstream("/permission").await, json!([]));

    // A prompt releases it, and that is kept as well.
    lab.turn(&root, "say on").await;
    let lab = lab.restarted().await;
    lab.connected(id.as_str()).await;
    child_asks(&lab, &child).await;
    let asked = first(&lab, &child, "permissions").await;
    assert_eq!(asked["stopped"], false);
}

#[tokio::test]
async fn a_prompt_that_another_client_gives_while_no_hub_runs_releases_what_was_stopped() {
    let lab = Lab::new().await;
    let instance = lab.instance().await;
    let root = lab.session(&instance).await;
    let (id, root_id) = ids(&root);
    lab.turn(&root, "say before").await;
    let stopped = lab.post(&format!("{root}/abort"), json!({})).await;
    assert_eq!(stopped.status, 204);
    let lab = lab
        .restarted_after(async |fake| {
            prompted_elsewhere(&fake.url, root_id.as_str(), "say meanwhile ;; permission").await;
        })
        .await;
    lab.connected(id.as_str()).await;
    let asked = first(&lab, &root, "permissions").await;
    assert_eq!(asked["stopped"], false);
    let once = json!({"reply": "once", "fingerprint": asked["fingerprint"]});
    let answered = lab.post(&path(&root, &asked), once).await;
    assert_eq!(answered.status, 204, "{answered:?} {asked}");
}

/// Notes that take their time to be written, or cannot be.
#[derive(Clone, Debug)]
struct Gate {
    come: Arc<Semaphore>,
    through: Arc<Semaphore>,
    full: bool,
}

impl Gate {
    fn new(full: bool) -> Self {
        Self {
            come: Arc::new(Semaphore::new(0)),
            through: Arc::new(Semaphore::new(0)),
            full,
        }
    }
}

impl Store for Gate {
    fn load(&self) -> BoxFuture<'static, Loaded> {
        async { Loaded::default() }.boxed()
    }

    fn replace(&self, _: Noted) -> BoxFuture<'static, Result<(), StoreError>> {
        let gate = self.clone();
        async move {
            gate.come.add_permits(1);
            gate.through.acquire().await.unwrap().forget();
            let full = StoreError {
                path: notes::FILE.into(),
                reason: "the disk is full".to_owned(),
            };
            if gate.full { Err(full) } else { Ok(()) }
        }
        .boxed()
    }
}

#[tokio::test]
async fn a_stop_is_on_the_disk_before_the_server_is_told() {
    for full in [false, true] {
        let lab = Lab::new().await;
        let session = session(&lab).await;
        lab.post(&format!("{session}/prompt"), json!({"text": "stall 600"}))
            .await
            .good();
        run_is(&lab, &session, Run::is_running).await;
        let gate = Gate::new(full);
        let notes = Notes::new(Arc::new(gate.clone()));
        let commands = Commands::over(
            lab.hub.engine().clone(),
            lab.hub.clone(),
            lab.hub.outbox().clone(),
            Arc::new(audit::Memory::default()),
            notes.clone(),
            StdRng::seed_from_u64(1),
        );
        let (instance, id) = ids(&session);
        let stopping = tokio::spawn({
            let (instance, id) = (instance.clone(), id.clone());
            async move { commands.stop(&instance, &id, &Arc::from("a person")).await }
        });
        gate.come.acquire().await.unwrap().forget();
        // Nothing was sent: the server, which is asked, runs it still.
        let runs = lab.upstream("/session/status").await;
        assert_eq!(runs[id.as_str()]["type"], "busy", "{runs}");
        gate.through.add_permits(9);
        stopping.await.unwrap().unwrap();
        run_is(&lab, &session, |run| *run == Run::Idle).await;
        let told = notes.notice().borrow().clone();
        let told = told.is_some_and(|told| told.contains("Your stops cannot be saved"));
        assert_eq!(told, full);
    }
}
