//! Simulated servers behind the hub's port for commands: they take prompts and answers, as OpenCode does.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use hub::command::port;
use hub::command::port::{
    IdForm, NewCommand, NewContent, NewMessage, NewPart, NewShell, PermissionReply, ServerError,
    ServerKind, SessionFound,
};
use hub::ingest::dialect;
use model::ids::{InstanceId, SessionId};
use serde_json::{Value, json};

use super::core::{Invariant, lock};
use super::exchange::{self, Broken};
use super::hub::instance;
use super::server::{Inner, Server};
use super::store::Store;
use super::turn::{self, Turn};

/// The servers of one run of the hub's process.
#[derive(Clone)]
pub(super) struct Commanded {
    servers: Arc<[Arc<Server>]>,
    ended: Arc<AtomicBool>,
}

/// One of them.
#[derive(Clone)]
pub(super) struct Line {
    server: Arc<Server>,
    ended: Arc<AtomicBool>,
}

impl Commanded {
    /// The servers, as a hub commands them until it ends.
    pub(super) fn new(servers: Vec<Arc<Server>>, ended: Arc<AtomicBool>) -> Self {
        let servers = servers.into();
        Self { servers, ended }
    }
}

impl port::Servers for Commanded {
    type Server = Line;

    fn server(&self, of: &InstanceId) -> Option<Line> {
        let mut servers = self.servers.iter();
        let server = servers.find(|server| instance(server.index) == *of)?;
        Some(Line {
            server: server.clone(),
            ended: self.ended.clone(),
        })
    }
}

impl Line {
    /// An exchange of a process that may end before, in which case there is none, or meanwhile, in which case nobody gets
    /// the answer.
    async fn exchange<T>(
        &self,
        act: impl FnOnce(&Server) -> Result<T, Broken>,
    ) -> Result<T, ServerError> {
        let ended = || self.ended.load(Ordering::SeqCst);
        if ended() {
            return Err(Broken::Reset.into());
        }
        let answer = exchange::exchange(&self.server, act).await;
        if ended() {
            return Err(Broken::Reset.into());
        }
        Ok(answer??)
    }

    async fn read<T>(
        &self,
        read: impl FnOnce(&Inner, &Store) -> Result<T, Broken>,
    ) -> Result<T, ServerError> {
        self.exchange(|server| {
            let store = lock(&server.store);
            let inner = lock(&server.inner);
            read(&inner, &store)
        })
        .await
    }

    /// Answers what waits. The first answer counts.
    async fn answer(&self, id: &str, kind: &str, about: Value) -> Result<(), ServerError> {
        self.exchange(|server| {
            let session = {
                let inner = lock(&server.inner);
                let permission = inner.permissions.get(id).map(|asked| &asked.session_id);
                let question = inner.questions.get(id).map(|asked| &asked.session_id);
                permission.or(question).cloned()
            };
            let session = session.ok_or(Broken::NotFound)?;
            if about["reply"] == "reject" || kind == "question.rejected" {
                refused(server, &session, id);
            }
            let directory = directory(server, &session).unwrap_or_default();
            let mut about = about;
            about["sessionID"] = json!(session);
            about["requestID"] = json!(id);
            server.emit(&directory, kind, &about);
            Ok(())
        })
        .await
    }
}

impl port::Server for Line {
    fn kind(&self) -> ServerKind {
        ServerKind::V1
    }

    fn ids(&self) -> IdForm {
        IdForm::Sorted
    }

    fn at(&self, _directory: &str) -> Self {
        self.clone()
    }

    async fn session(&self, id: &SessionId) -> Result<SessionFound, ServerError> {
        self.read(|_, store| {
            let kept = store.sessions.get(id.as_str());
            let info = &kept.ok_or(Broken::NotFound)?.info;
            Ok(SessionFound {
                id: info.id.as_str().into(),
                directory: info.directory.as_str().into(),
                raw: dialect::json(info.raw.clone()),
            })
        })
        .await
    }

    async fn has_message(&self, session: &SessionId, message: &str) -> Result<bool, ServerError> {
        self.read(|_, store| {
            let kept = store.sessions.get(session.as_str());
            Ok(kept.is_some_and(|kept| kept.messages.keys().any(|(_, id)| id == message)))
        })
        .await
    }

    async fn prompt(&self, session: &SessionId, message: &NewMessage) -> Result<(), ServerError> {
        let parts: Vec<Value> = message.parts.iter().map(part).collect();
        let body = json!({"messageID": message.id, "parts": parts});
        self.exchange(|server| take(server, session.as_str(), &body))
            .await
    }

    async fn command(&self, _session: &SessionId, _new: &NewCommand) -> Result<(), ServerError> {
        // A simulated server has no commands.
        Err(Broken::NotFound.into())
    }

    async fn shell(&self, _session: &SessionId, _new: &NewShell) -> Result<(), ServerError> {
        Err(Broken::NotFound.into())
    }

    async fn reply_permission(
        &self,
        _session: &SessionId,
        id: &str,
        reply: PermissionReply,
        _message: Option<&str>,
    ) -> Result<(), ServerError> {
        let about = json!({"reply": reply});
        self.answer(id, "permission.replied", about).await
    }

    async fn reply_question(
        &self,
        _session: &SessionId,
        id: &str,
        answers: &[Vec<String>],
    ) -> Result<(), ServerError> {
        let about = json!({"answers": answers});
        self.answer(id, "question.replied", about).await
    }

    async fn reject_question(&self, _session: &SessionId, id: &str) -> Result<(), ServerError> {
        self.answer(id, "question.rejected", json!({})).await
    }

    async fn abort(&self, session: &SessionId) -> Result<(), ServerError> {
        self.exchange(|server| {
            if !lock(&server.store).sessions.contains_key(session.as_str()) {
                return Err(Broken::NotFound);
            }
            turn::abort(server, session.as_str());
            Ok(())
        })
        .await
    }
}

/// The hub refuses a request, which it may do for few reasons.
fn refused(server: &Server, session: &str, request: &str) {
    let wrong = {
        let store = lock(&server.store);
        lock(&server.inner).must_wait(&store, session, request)
    };
    let wrong = wrong.map(|why| format!("s{}: {request} is refused: {why}", server.index));
    server.core.check(Invariant::Stopped, wrong);
}

/// A part in OpenCode's format. The simulation sends texts alone.
fn part(part: &NewPart) -> Value {
    let mut fields = match &part.content {
        NewContent::Text(text) => json!({"type": "text", "text": text}),
        NewContent::Given(fields) => json!(fields),
        NewContent::File { url, .. } => json!({"type": "file", "url": url}),
        NewContent::Agent { name, .. } => json!({"type": "agent", "name": name}),
    };
    fields["id"] = json!(part.id);
    fields
}

/// A session's folder.
fn directory(server: &Server, session: &str) -> Option<String> {
    let store = lock(&server.store);
    let kept = store.sessions.get(session)?;
    Some(kept.info.directory.clone())
}

/// Takes a prompt. A message that is there stays what and where it is, and so does each part: one with another id is
/// added to it. What comes while a turn is under way is kept, and no turn of its own follows.
fn take(server: &Server, session: &str, body: &Value) -> Result<(), Broken> {
    let directory = directory(server, session).ok_or(Broken::NotFound)?;
    let id = body["messageID"].as_str().unwrap_or_default();
    let known = {
        let store = lock(&server.store);
        let messages = store.sessions.get(session).map(|kept| &kept.messages);
        messages.is_some_and(|messages| messages.keys().any(|(_, known)| known == id))
    };
    server.core.trace(format_args!(
        "s{} takes {id}{}",
        server.index,
        if known { " again" } else { "" }
    ));
    if !known {
        turn::touch(server, session, None);
        let info = json!({
            "id": id, "role": "user", "sessionID": session, "agent": "build",
            "time": {"created": server.time()}, "model": {"providerID": "lab", "modelID": "m"},
        });
        let about = json!({"sessionID": session, "info": info});
        server.emit(&directory, "message.updated", &about);
    }
    for part in body["parts"].as_array().into_iter().flatten() {
        let mut part = part.clone();
        part["messageID"] = json!(id);
        part["sessionID"] = json!(session);
        let about = json!({"sessionID": session, "part": part, "time": server.time()});
        server.emit(&directory, "message.part.updated", &about);
    }
    let mut inner = lock(&server.inner);
    if !known && !inner.turns.contains_key(session) {
        let turn = Turn::on(&directory, id, &mut inner.random);
        inner.turns.insert(session.to_owned(), turn);
    }
    Ok(())
}
