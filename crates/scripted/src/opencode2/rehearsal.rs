//! A service without a socket, whose time is given to it: simulations ask it in the same process.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::http::Request;
use axum::response::Response;
use bytes::Bytes;
use serde_json::Value;
use tower::util::ServiceExt;

use super::shared::{Clock, Shared};
use super::store::Store;
use super::{FIRST_PID, Options, database, http, process};

/// A service that is asked in the same process.
#[derive(Clone)]
pub struct Rehearsal {
    options: Options,
    shared: Arc<Shared>,
    router: Router,
    clock: Clock,
}

/// What a service has, as nobody but a test can see it: all of it at one moment.
#[derive(Clone, Debug, Default)]
pub struct Truth {
    /// The sessions, by id.
    pub sessions: BTreeMap<String, SessionTruth>,
    /// Sessions that this process runs.
    pub running: Vec<String>,
    /// What waits in this process: ids of permissions and forms, each with its session.
    pub waiting: BTreeMap<String, String>,
    /// Folders whose services are up.
    pub folders: Vec<String>,
}

/// A session as a service has it.
#[derive(Clone, Debug, Default)]
pub struct SessionTruth {
    /// The row.
    pub info: Value,
    /// The transcript, oldest first.
    pub messages: Vec<Value>,
    /// What is not delivered.
    pub inbox: Vec<Value>,
    /// The number of the last event.
    pub last: Option<u64>,
}

impl Rehearsal {
    /// A service with a database of its own. `clock` tells milliseconds of the Unix epoch.
    #[must_use]
    pub fn new(options: Options, clock: Arc<dyn Fn() -> u64 + Send + Sync>) -> Self {
        let store = Arc::new(Mutex::new(database(&options)));
        Self::on(options, store, FIRST_PID, clock)
    }

    /// Another process on the same database.
    #[must_use]
    pub fn beside(&self) -> Self {
        let store = Arc::clone(&self.shared.store);
        let pid = self.shared.pid + 1;
        Self::on(self.options.clone(), store, pid, Arc::clone(&self.clock))
    }

    fn on(options: Options, store: Arc<Mutex<Store>>, pid: u32, clock: Clock) -> Self {
        let machine = process(&options, &store);
        let url = "http://127.0.0.1:1".to_owned();
        let shared = Shared::new(&options, machine, store, pid, url, Arc::clone(&clock));
        let shared = Arc::new(shared);
        Self {
            router: http::router(&shared),
            options,
            shared,
            clock,
        }
    }

    /// Plays what is due, until the process ends.
    pub async fn play(&self) {
        Arc::clone(&self.shared).play().await;
    }

    /// Answers a request.
    pub async fn answer<B>(&self, request: Request<B>) -> Response
    where
        B: HttpBody<Data = Bytes> + Send + 'static,
        B::Error: Into<axum::BoxError>,
    {
        let request = request.map(Body::new);
        let Ok(response) = self.router.clone().oneshot(request).await;
        response
    }

    /// Breaks off all open streams; new ones are welcome.
    pub fn cut_streams(&self) {
        self.shared.cut_streams();
    }

    /// Puts the services of a folder down.
    pub fn shut_folder(&self, directory: &str) {
        self.shared.with(|world| world.shut(directory));
    }

    /// Ends in order: runs are interrupted, which events say, and streams end.
    pub fn stop(&self) {
        self.shared.interrupt_all();
        self.shared.end_streams();
        self.shared.stop.cancel();
    }

    /// Dies without a word: every connection breaks, and steps stay open in the database.
    pub fn kill(&self) {
        self.shared.with(|world| world.machine.runs.clear());
        self.shared.cut_streams();
        self.shared.stop.cancel();
    }

    /// All that it has.
    #[must_use]
    pub fn truth(&self) -> Truth {
        self.shared.with(|world| {
            let sessions = world.store.sessions.iter().map(|(id, session)| {
                let truth = SessionTruth {
                    info: session.info.clone(),
                    messages: session.messages.clone(),
                    inbox: session.inbox.clone(),
                    last: session.last,
                };
                (id.clone(), truth)
            });
            let permissions = world.machine.permissions.iter().map(|one| {
                let id = one.body["id"].as_str().unwrap_or_default();
                (id.to_owned(), one.session.clone())
            });
            let forms = world.machine.forms.iter().filter(|form| form.is_pending());
            let forms = forms.map(|form| {
                let id = form.body["id"].as_str().unwrap_or_default();
                (id.to_owned(), form.owner.clone())
            });
            Truth {
                sessions: sessions.collect(),
                running: world.machine.runs.keys().cloned().collect(),
                waiting: permissions.chain(forms).collect(),
                folders: world.machine.folders.iter().cloned().collect(),
            }
        })
    }

    /// True once the process has ended.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.shared.stop.is_cancelled()
    }
}
