//! A simulated server behind the hub's own port to servers.
//!
//! What `hub::ingest` does with a real server's answers is done here with simulated ones, by the same functions.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use futures_util::future::{try_join, try_join3};
use hub::ingest::ClockSample;
use hub::ingest::assemble::{self, FolderAnswers};
use hub::ingest::dialect::{self, Dialect};
use hub::ingest::upstream::{Connection, EventBytes, Rest, Upstream, UpstreamError};
use hub::limits;
use model::event::{MessagesRead, ReadPage, Snapshot};
use model::ids::SessionId;
use model::state::{AgentInfo, Catalog, ModelInfo, ModelRef, SessionInfo};
use model::time::Timestamp;
use opencode::client::Tolerant;
use opencode::wire;
use rand::Rng;
use tokio::time::{Instant, timeout};

use super::core::{Invariant, lock};
use super::exchange::{self, Broken};
use super::pipe::End;
use super::server::{self, Inner, Server};
use super::store::Store;

/// What panics say that are part of a story.
pub(super) const SIMULATED: &str = "simulated:";

/// A server as a supervisor reaches it.
#[derive(Clone)]
pub(super) struct Port(pub Arc<Server>);

/// An event stream, as the hub holds it.
pub(super) struct Stream {
    server: Arc<Server>,
    connection: Arc<server::Connection>,
}

/// A server's state, read beside one stream.
#[derive(Clone)]
pub(super) struct Reader {
    server: Arc<Server>,
    connection: Option<Arc<server::Connection>>,
    /// The clock sample of the last reply.
    dated: Arc<Mutex<Option<ClockSample>>>,
}

/// Fails as a fault of the hub would, if that is to happen.
fn fail_if_it_is_to(server: &Server, kind: &'static str, beside_stream: bool) {
    let fails = {
        let inner = &mut *lock(&server.inner);
        std::mem::take(&mut inner.panics)
            || (beside_stream && std::mem::take(&mut inner.read_panics))
    };
    if fails {
        server.core.fault(kind, format_args!("s{}", server.index));
        panic!("{SIMULATED} {kind}");
    }
}

fn missing() -> UpstreamError {
    Broken::NotFound.into()
}

impl Upstream for Port {
    type Stream = Stream;
    type Rest = Reader;

    async fn connect(&self) -> Result<Connection<Stream, Reader>, UpstreamError> {
        let server = &self.0;
        let wrong = lock(&server.inner).pace.begins(Instant::now());
        server
            .core
            .trace(format_args!("s{} is connected to", server.index));
        server.core.check(
            Invariant::Pace,
            wrong.map(|wrong| format!("s{}: {wrong}", server.index)),
        );
        let probing = Reader {
            server: server.clone(),
            connection: None,
            dated: Arc::default(),
        };
        let answer = timeout(limits::FIRST_ANSWER, probing.exchange(|_, _| ())).await;
        let answer = answer.unwrap_or_else(|_| Err(Broken::Timeout.into()));
        if let Err(error) = answer {
            lock(&server.inner).pace.failed(Instant::now());
            return Err(error);
        }
        let connection = server.open();
        lock(&server.inner).pace.opened();
        let stream = Stream {
            server: server.clone(),
            connection: connection.clone(),
        };
        let rest = Reader {
            server: server.clone(),
            connection: Some(connection),
            dated: Arc::default(),
        };
        rest.exchange(|_, _| ()).await?;
        Ok(Connection {
            dialect: Dialect::V1,
            version: Some("1.18.33".into()),
            stream,
            rest,
        })
    }

    async fn is_healthy(&self) -> bool {
        let reader = Reader {
            server: self.0.clone(),
            connection: None,
            dated: Arc::default(),
        };
        let healthy = reader.exchange(|_, _| ()).await.is_ok();
        self.0
            .core
            .trace(format_args!("s{} healthy: {healthy}", self.0.index));
        if healthy {
            lock(&self.0.inner).pace.may_try();
        }
        healthy
    }

    async fn release(&self) {}
}

impl EventBytes for Stream {
    async fn next_chunk(&mut self) -> Result<Option<Bytes>, UpstreamError> {
        fail_if_it_is_to(&self.server, "supervisor panic", false);
        match self.connection.pipe.receive().await {
            Ok(chunk) => {
                self.server.taken(&self.connection, &chunk);
                Ok(Some(chunk.bytes))
            }
            Err(End::Finished) => Ok(None),
            Err(End::Reset) => Err(Broken::Reset.into()),
        }
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        self.connection.pipe.close();
        let (server, now) = (&self.server, Instant::now());
        server.core.trace(format_args!(
            "s{} stream #{} is closed",
            server.index, self.connection.id
        ));
        let lived = now - self.connection.since;
        if self.connection.life == server.life.load(Ordering::SeqCst) {
            lock(&server.inner).pace.closed(now, lived);
        }
    }
}

impl Reader {
    async fn exchange<T>(
        &self,
        read: impl FnOnce(&Inner, &Store) -> T,
    ) -> Result<T, UpstreamError> {
        let connection = self.connection.as_ref();
        let beside_stream = connection.is_some_and(|of| of.released.load(Ordering::SeqCst));
        fail_if_it_is_to(&self.server, "read panic", beside_stream);
        let asked = self.now();
        let read = exchange::read(&self.server, |inner, store| {
            (read(inner, store), self.server.time())
        });
        let (read, at) = read.await?;
        // `Date` is cut to the second.
        *lock(&self.dated) = Some(ClockSample {
            date: Timestamp(at.div_euclid(1000) * 1000),
            asked,
            answered: self.now(),
        });
        Ok(read)
    }

    /// Something between answers that there is no such session.
    fn lied_to(&self, session: &SessionId) -> Result<(), UpstreamError> {
        let lies = {
            let mut inner = lock(&self.server.inner);
            let faults = inner.rest_faults;
            let denied = inner.denied.remove(session.as_str());
            let lies = denied || inner.random.random_range(0..200) < faults;
            if lies {
                inner.refusable.denied(session.as_str());
            }
            lies
        };
        if !lies {
            return Ok(());
        }
        let about = format_args!("s{} of {session}", self.server.index);
        self.server.core.fault("REST spurious 404", about);
        Err(missing())
    }

    /// A list as it is given: sometimes it lacks a session that is there.
    fn lacking(&self, mut listed: Vec<wire::SessionInfo>) -> Vec<wire::SessionInfo> {
        let server = &self.server;
        let mut inner = lock(&server.inner);
        let faults = inner.rest_faults;
        if listed.is_empty() || !inner.forgets && inner.random.random_range(0..40) >= faults {
            return listed;
        }
        let mut at = inner.random.random_range(0..listed.len());
        if std::mem::take(&mut inner.forgets) {
            // One that waits for a person would be refused what it asks for.
            let asks = |info: &wire::SessionInfo| {
                let mut asked = inner.permissions.values();
                asked.any(|asked| asked.session_id == info.id)
            };
            at = listed.iter().position(asks).unwrap_or(at);
            inner.denied.insert(listed[at].id.clone());
        }
        // Later events lead back to it, and only its own server sends them.
        let home = lock(&server.store)
            .sessions
            .get(&listed[at].id)
            .map(|kept| kept.home);
        if home != Some(server.index) {
            return listed;
        }
        let lacks = listed.remove(at).id;
        inner.lost.insert(lacks.clone());
        inner.refusable.lacked(&lacks);
        let stream = self.connection.as_ref().map(|connection| connection.id);
        inner.lossy.extend(stream);
        drop(inner);
        let about = format_args!("s{} lacks {lacks}", server.index);
        server.core.fault("REST short list", about);
        listed
    }

    fn now(&self) -> Timestamp {
        self.server.core.clock().now()
    }

    /// What is asked of one folder, each at its own moment.
    async fn folder(&self, directory: Arc<str>) -> Result<Snapshot, UpstreamError> {
        let sessions = self.exchange(|_, store| {
            let mut all: Vec<_> = store
                .sessions
                .values()
                .filter(|kept| kept.info.directory == *directory)
                .map(|kept| kept.info.clone())
                .collect();
            all.sort_by_key(|info| std::cmp::Reverse(info.time.updated));
            all.truncate(limits::SESSIONS);
            all
        });
        let here = |store: &Store, id: &str| {
            let kept = store.sessions.get(id);
            kept.is_some_and(|kept| kept.info.directory == *directory)
        };
        let statuses = self.exchange(|inner, store| {
            let mut running = inner.running.clone();
            running.retain(|id, _| here(store, id));
            running
        });
        let permissions = self.exchange(|inner, store| {
            let all = inner.permissions.values();
            all.filter(|asked| here(store, &asked.session_id))
                .cloned()
                .collect()
        });
        let questions = self.exchange(|inner, store| {
            let all = inner.questions.values();
            all.filter(|asked| here(store, &asked.session_id))
                .cloned()
                .collect()
        });
        let (sessions, permissions, questions) =
            try_join3(sessions, permissions, questions).await?;
        let statuses = statuses.await?;
        let sessions = self.lacking(sessions);
        let answers = FolderAnswers {
            sessions: Tolerant {
                value: sessions,
                malformed: 0,
            },
            roots: None,
            statuses,
            permissions: Some(permissions),
            questions: Some(questions),
        };
        Ok(answers.snapshot(directory, self.now()))
    }
}

impl Rest for Reader {
    fn dated(&self) -> Option<ClockSample> {
        *lock(&self.dated)
    }

    async fn snapshot(&self, seen: Vec<Arc<str>>) -> Result<Snapshot, UpstreamError> {
        let own: Arc<str> = self.server.directory.as_str().into();
        let read = |directory| self.folder(directory);
        let whole = assemble::server_state(own, seen, read).await?;
        if let Some(connection) = &self.connection {
            let asked = whole.asked.iter().map(ToString::to_string).collect();
            *lock(&connection.asked) = asked;
            connection.released.store(true, Ordering::SeqCst);
            self.server.core.trace(format_args!(
                "s{} state is read beside #{}",
                self.server.index, connection.id
            ));
        }
        Ok(whole)
    }

    async fn directory(&self, directory: Arc<str>) -> Result<Snapshot, UpstreamError> {
        let read = self.folder(directory.clone()).await?;
        if let Some(connection) = &self.connection {
            lock(&connection.asked).insert(directory.to_string());
        }
        Ok(read)
    }

    async fn catalog(&self) -> Result<Catalog, UpstreamError> {
        self.exchange(|_, _| ()).await?;
        let id = ModelRef {
            provider: "lab".into(),
            model: "m".into(),
        };
        Ok(Catalog {
            more_agents: 0,
            more_models: 0,
            agents: vec![AgentInfo {
                name: "build".into(),
                description: "Builds".into(),
            }],
            models: vec![ModelInfo {
                id: id.clone(),
                name: "Model".into(),
                context: 1000,
            }],
            default_model: Some(id),
        })
    }

    async fn messages(
        &self,
        session: SessionId,
        before: Option<Arc<str>>,
    ) -> Result<MessagesRead, UpstreamError> {
        let read = self.page_of(&session, before).await;
        if read.is_err() {
            let unread = &mut lock(&self.server.inner).refusable.unread;
            unread.insert(session.to_string());
        }
        read
    }

    async fn session(&self, session: SessionId) -> Result<SessionInfo, UpstreamError> {
        let info = self.exchange(|_, store| {
            let kept = store.sessions.get(session.as_str());
            kept.map(|kept| kept.info.clone())
        });
        let info = info.await?.ok_or_else(missing)?;
        self.lied_to(&session)?;
        Ok(dialect::session(info))
    }
}

impl Reader {
    /// A page of a session's messages, and with the newest one its to-do list.
    async fn page_of(
        &self,
        session: &SessionId,
        before: Option<Arc<str>>,
    ) -> Result<MessagesRead, UpstreamError> {
        let page = before.clone().map_or(ReadPage::Newest, ReadPage::Older);
        let read = async {
            let page = self
                .exchange(|_, store| {
                    let kept = store.sessions.get(session.as_str())?;
                    Some(kept.page(limits::MESSAGE_PAGE, before.as_deref()))
                })
                .await?;
            page.ok_or_else(missing)
        };
        let (messages, todos) = match &page {
            ReadPage::Older(_) => (read.await?, None),
            ReadPage::Newest => {
                let todos = async {
                    let list = self.exchange(|_, store| {
                        Some(store.sessions.get(session.as_str())?.todos.clone())
                    });
                    list.await?.ok_or_else(missing)
                };
                let (messages, todos) = try_join(read, todos).await?;
                (
                    messages,
                    Some(todos.map_or_else(no_todos, dialect::answer_todos)),
                )
            }
        };
        self.lied_to(session)?;
        let read = dialect::message_page(session, messages, page, todos, self.now());
        Ok(read)
    }
}

fn no_todos() -> model::state::Todos {
    model::state::Todos {
        items: Vec::new(),
        raw: model::json::Json::of(&serde_json::json!([])),
    }
}
