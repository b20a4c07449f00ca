//! A hub that serves, a scripted OpenCode behind a password, and a client that looks at every answer for it.

use std::fs;
use std::future::Future;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use futures_util::StreamExt;
use hub::access::{Access, Keyring};
use hub::clock::Clock;
use hub::datadir::DataDir;
use hub::engine::{HistoryDepth, Watched};
use hub::http::{self, Options};
use hub::workspace::{GuardCommand, Launcher};
use hub::{Hub, HubOptions};
use model::State;
use model::ids::{InstanceId, SessionId};
use model::state::LinkStatus;
use reqwest::{Method, RequestBuilder, StatusCode};
use scripted::opencode::{FakeOptions, FakeServer};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::timeout;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

/// What must happen soon has this long on a busy machine.
pub(crate) const SOON: Duration = Duration::from_secs(20);

/// The scripted server's password, which no answer may hold.
pub(crate) const PASSWORD: &str = "pa55-of-the-server";

pub(crate) struct Lab {
    pub(crate) fake: FakeServer,
    pub(crate) hub: Hub,
    pub(crate) url: String,
    pub(crate) port: u16,
    pub(crate) client: reqwest::Client,
    pub(crate) cancel: CancellationToken,
    pub(crate) serving: JoinHandle<std::io::Result<()>>,
    pub(crate) data: DataDir,
    pub(crate) home: tempfile::TempDir,
}

/// An answer that was checked for secrets.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The JSON of a good answer.
    pub(crate) fn good(&self) -> Value {
        assert!(self.status.is_success(), "{self:?}");
        self.json()
    }

    /// A problem of this status and kind, whose detail says the next step.
    pub(crate) fn problem_kind(&self, status: u16, kind: &str) {
        assert_eq!(self.status, status, "{self:?}");
        let wanted = format!("urn:drovers:problem:{kind}");
        assert_eq!(self.json()["type"], wanted, "{self:?}");
    }

    /// A problem of this status and kind, with its next step.
    pub(crate) fn problem(&self, status: u16, kind: &str) -> Value {
        assert_eq!(self.status, status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json");
        let problem = self.json();
        assert_eq!(
            problem["type"],
            format!("urn:drovers:problem:{kind}"),
            "{problem}"
        );
        assert_eq!(problem["status"], status);
        for field in ["title", "detail", "next"] {
            assert!(
                problem[field].as_str().is_some_and(|text| !text.is_empty()),
                "{field}: {problem}"
            );
        }
        problem
    }
}

impl Lab {
    pub(crate) async fn new() -> Self {
        let fake = FakeServer::start(FakeOptions {
            password: Some(PASSWORD.into()),
            rate: 0.0,
            ..FakeOptions::default()
        });
        let launcher = Launcher::new(GuardCommand::new("/nowhere/guard", [""]), None);
        Self::with(fake.await.unwrap(), launcher).await
    }

    pub(crate) async fn with(fake: FakeServer, launcher: Launcher) -> Self {
        Self::with_options(fake, HubOptions::new(launcher)).await
    }

    pub(crate) async fn with_options(fake: FakeServer, options: HubOptions) -> Self {
        let home = tempfile::tempdir().unwrap();
        Self::at(home, fake, options).await
    }

    /// A hub after this one, on the same data and beside the same server.
    pub(crate) async fn restarted(self) -> Self {
        self.restarted_after(async |_| ()).await
    }

    /// The same, with what happens at the server while no hub runs.
    pub(crate) async fn restarted_after(self, meanwhile: impl AsyncFnOnce(&FakeServer)) -> Self {
        self.cancel.cancel();
        timeout(SOON, self.serving).await.unwrap().unwrap().unwrap();
        self.hub.shutdown().await;
        drop((self.hub, self.data));
        meanwhile(&self.fake).await;
        let launcher = Launcher::new(GuardCommand::new("/nowhere/guard", [""]), None);
        Self::at(self.home, self.fake, HubOptions::new(launcher)).await
    }

    /// A hub that lets in who shows a key of its ring.
    pub(crate) async fn guarded() -> (Self, Keyring) {
        let home = tempfile::tempdir().unwrap();
        let fake = FakeServer::start(FakeOptions {
            password: Some(PASSWORD.into()),
            rate: 0.0,
            ..FakeOptions::default()
        });
        Self::guarded_at(home, fake.await.unwrap(), None).await
    }

    /// The same in this home, at a port if one is named.
    pub(crate) async fn guarded_at(
        home: tempfile::TempDir,
        fake: FakeServer,
        port: Option<u16>,
    ) -> (Self, Keyring) {
        let launcher = Launcher::new(GuardCommand::new("/nowhere/guard", [""]), None);
        Self::guarded_with(home, fake, launcher, port).await
    }

    /// The same, with what starts its servers.
    pub(crate) async fn guarded_with(
        home: tempfile::TempDir,
        fake: FakeServer,
        launcher: Launcher,
        port: Option<u16>,
    ) -> (Self, Keyring) {
        let options = HubOptions::new(launcher);
        let mut made = None;
        let access = |data: &DataDir| {
            let keyring = Keyring::open(data, Clock::system()).unwrap();
            made = Some(keyring.clone());
            Access::Keys(keyring)
        };
        let lab = Self::of(home, fake, options, access, port).await;
        (lab, made.unwrap())
    }

    /// A hub with what another left in this home.
    pub(crate) async fn at(home: tempfile::TempDir, fake: FakeServer, options: HubOptions) -> Self {
        Self::of(home, fake, options, |_| Access::Anybody, None).await
    }

    async fn of(
        home: tempfile::TempDir,
        fake: FakeServer,
        options: HubOptions,
        access: impl FnOnce(&DataDir) -> Access,
        port: Option<u16>,
    ) -> Self {
        let data = DataDir::open(&home.path().join("data")).unwrap();
        let hub = Hub::start(&data, options).await.unwrap();
        let listener = TcpListener::bind(("127.0.0.1", port.unwrap_or(0)))
            .await
            .unwrap();
        let port = listener.local_addr().unwrap().port();
        let cancel = CancellationToken::new();
        let options = Options {
            access: access(&data),
            notices: vec!["a notice".into()],
            while_empty: None,
            restart: None,
        };
        let serving = tokio::spawn(http::serve(listener, hub.clone(), options, cancel.clone()));
        Self {
            fake,
            hub,
            url: format!("http://127.0.0.1:{port}"),
            port,
            client: reqwest::Client::new(),
            cancel,
            serving,
            data,
            home,
        }
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub(crate) async fn get(&self, path: &str) -> Answer {
        send(self.request(Method::GET, path)).await
    }

    pub(crate) async fn post(&self, path: &str, body: Value) -> Answer {
        send(self.request(Method::POST, path).json(&body)).await
    }

    pub(crate) async fn delete(&self, path: &str) -> Answer {
        send(self.request(Method::DELETE, path)).await
    }

    /// What the scripted server itself answers.
    pub(crate) async fn upstream(&self, path: &str) -> Value {
        let request = self.client.get(format!("{}{path}", self.fake.url));
        let answer = request
            .basic_auth("opencode", Some(PASSWORD))
            .send()
            .await
            .unwrap();
        answer.json().await.unwrap()
    }

    /// Adds the scripted server, and waits until it is connected. Gives the path of the instance.
    pub(crate) async fn instance(&self) -> String {
        self.instance_at(&self.fake.url).await
    }

    /// The same, with the server at this address.
    pub(crate) async fn instance_at(&self, url: &str) -> String {
        let login = json!({"url": url, "password": PASSWORD});
        let added = self.post("/api/instances", login).await;
        let id = added.good()["id"].as_str().unwrap().to_owned();
        self.connected(&id).await;
        format!("/api/instances/{id}")
    }

    pub(crate) async fn connected(&self, id: &str) {
        let id = InstanceId::from(id);
        self.until("the instance is connected", |state| {
            state
                .instances
                .get(&id)
                .is_some_and(|instance| instance.link.status == LinkStatus::Connected)
        })
        .await;
    }

    /// A new session of the instance at this path. Gives its path.
    pub(crate) async fn session(&self, instance: &str) -> String {
        let made = self
            .post(&format!("{instance}/sessions"), json!({"title": "t"}))
            .await
            .good();
        format!("{instance}/sessions/{}", made["id"].as_str().unwrap())
    }

    /// Prompts, and waits until the turn is over.
    pub(crate) async fn turn(&self, session: &str, text: &str) {
        let sent = self
            .post(&format!("{session}/prompt"), json!({"text": text}))
            .await;
        let message = sent.good()["messageID"].as_str().unwrap().to_owned();
        self.idle_after(session, &message).await;
    }

    /// Waits until the prompt that became this message was answered.
    pub(crate) async fn idle_after(&self, session: &str, message: &str) {
        let answered = async || {
            let status = self.get(session).await.good()["status"]["type"] == "idle";
            let messages = self.get(&format!("{session}/messages")).await.good();
            let done = |entry: &Value| {
                entry["info"]["parentID"] == message
                    && entry["info"]["time"]["completed"].is_number()
            };
            (status && messages.as_array().unwrap().iter().any(done)).then_some(())
        };
        self.eventually("the turn ends", answered).await;
    }

    /// Looks at a session, and waits until its conversation is here.
    pub(crate) async fn watch(&self, at: &(InstanceId, SessionId), reach: HistoryDepth) -> Watched {
        let engine = self.hub.engine();
        let watched = engine.watch(at.0.clone(), at.1.clone(), reach).await;
        let here = |state: &State| {
            let session = state.session(&at.0, &at.1);
            session.is_some_and(|session| session.loaded().is_some())
        };
        self.until("the conversation is here", here).await;
        watched
    }

    /// Waits until the state is so.
    pub(crate) async fn until(&self, what: &str, so: impl Fn(&State) -> bool) {
        assert!(self.comes_true(so).await, "in time: {what}");
    }

    /// True once the state is so, false if it does not become so in time.
    pub(crate) async fn comes_true(&self, so: impl Fn(&State) -> bool) -> bool {
        timeout(SOON, self.hub.engine().until(so)).await.is_ok()
    }

    /// Asks again after every change of the state until there is an answer.
    pub(crate) async fn eventually<T, F: Future<Output = Option<T>>>(
        &self,
        what: &str,
        ask: impl Fn() -> F,
    ) -> T {
        let mut changes = self.hub.engine().changes();
        let asking = async {
            loop {
                changes.borrow_and_update();
                if let Some(answer) = ask().await {
                    return answer;
                }
                changes.changed().await.unwrap();
            }
        };
        timeout(SOON, asking)
            .await
            .unwrap_or_else(|_| panic!("in time: {what}"))
    }
}

/// Starts what says that it is the scripted server, by a program in `dir`.
pub(crate) fn launcher(fake: &FakeServer, dir: &Path) -> Launcher {
    let opencode = dir.join("opencode");
    let script = format!(
        "#!/bin/sh\necho 'opencode server listening on {}'\nexec sleep 600\n",
        fake.url
    );
    fs::write(&opencode, script).unwrap();
    fs::set_permissions(&opencode, fs::Permissions::from_mode(0o755)).unwrap();
    let tests = std::env::current_exe().unwrap();
    let guard = tests
        .parent()
        .and_then(Path::parent)
        .unwrap()
        .join("examples/guard");
    let guard = GuardCommand::new(guard, std::iter::empty::<&str>());
    Launcher::new(guard, Some(opencode))
}

pub(crate) async fn send(request: RequestBuilder) -> Answer {
    let answer = timeout(SOON, request.send())
        .await
        .expect("an answer in time")
        .unwrap();
    let (status, headers) = (answer.status(), answer.headers().clone());
    let text = answer.text().await.unwrap();
    assert!(!text.contains(PASSWORD), "the password is in an answer");
    Answer {
        status,
        headers,
        text,
    }
}

/// The ids in the path of a session.
pub(crate) fn ids(session: &str) -> (InstanceId, SessionId) {
    let mut parts = session.split('/').skip(3);
    let instance = parts.next().unwrap().into();
    (instance, parts.nth(1).unwrap().into())
}

/// The code with which the hub closes a live feed, whatever it sends before.
pub(crate) async fn close_code<S>(feed: &mut WebSocketStream<S>) -> u16
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let closed = async {
        loop {
            match feed.next().await {
                Some(Ok(Message::Close(frame))) => return frame.unwrap().code,
                Some(Ok(_)) => {}
                end => panic!("{end:?}"),
            }
        }
    };
    timeout(SOON, closed).await.unwrap().into()
}
