//! The running hub, asked over its own API: what `ls`, `tail`, `send`, `check`, `open` and a second `drovers` stand on.
//!
//! The client finds the hub by its data directory and has no state. A refusal of the hub becomes a [`Fault`] with the hub's message.

mod access;
mod acts;
mod folders;
mod found;
mod log;
mod push;
mod reports;
mod restart;
mod review;
mod shapes;
mod worktrees;

use std::path::Path;

use hub::access::{Key, Keyring};
use hub::datadir::DataDir;
use opencode::json::sanitize;
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::RawValue;
use url::Url;

use crate::fault::{Exit, Fault};
use crate::limits;

use access::LinkPath;
pub(crate) use access::{AccessFacts, AccessList, MintedToken, NewPairing, NewToken, Paired};
pub(crate) use acts::{
    AskedQuestion, Choices, Fork, OneCondition, OneQuestion, Parallel, ParallelChoice, ParallelRun,
    ParallelStart, QuestionAnswer, SessionChange, StopOutcomes,
};
pub(crate) use folders::{FolderLevel, InstanceChange, ListedFolder};
pub(crate) use found::{Discovered, Found, Terminal};
pub(crate) use log::{Entry, Follow, Item, LogQuery, NOW};
pub(crate) use push::{NewTarget, Recipient};
pub(crate) use reports::{
    Comparison, Difference, Process, SearchAnswer, SearchHit, SearchProgress, SinceReport,
    SinceSession, UsageReport, Used,
};
pub(crate) use review::{Query, Review};
pub(crate) use shapes::{
    Answer, Asking, Health, Instance, JournalHealth, Link, ModelChoice, NewInstance, NewSession,
    Piece, Prompt, Prompted, Resumed, Session, SessionMessage, Waiting,
};
use shapes::{Problem, ResumeSelection, SessionPath};
pub(crate) use worktrees::{MakingTree, NewTree, Tree, TreeAct, TreeDone};

/// A token to show the hub instead of the one in its data directory.
const TOKEN: &str = "DROVERS_TOKEN";

/// Next step if no hub is running.
const START_ONE: &str = "Start one with `drovers`";

/// Result of adding an instance.
pub(crate) enum Added {
    /// The instance was added.
    Instance(Box<Instance>),
    /// The folder is not trusted yet; holds the hub's explanation.
    Untrusted(String),
}

/// A running hub. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: Url,
    /// Token that the client presents to the hub.
    key: Option<Key>,
}

impl Api {
    /// The hub of a data directory.
    ///
    /// # Errors
    /// None runs there.
    pub(crate) fn of(data_dir: &Path) -> Result<Self, Fault> {
        let running = DataDir::running(data_dir).ok_or_else(|| {
            Fault::no_hub(format!(
                "no hub is running with the data directory {}. {START_ONE}",
                data_dir.display()
            ))
        })?;
        let given = std::env::var(TOKEN).ok().filter(|token| !token.is_empty());
        let key = given.map(Key::shown);
        Self::at(running.url, key.or_else(|| Keyring::command_line(data_dir)))
    }

    /// The hub at an address, which is shown this key.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub(crate) fn at(base: Url, key: Option<Key>) -> Result<Self, Fault> {
        let http = opencode::Http::new().map_err(Fault::failed)?.into_replies();
        Ok(Self { http, base, key })
    }

    /// The same hub for one answer of the person at the terminal: with a token that may answer and ends by itself in
    /// [`limits::TERMINAL_TOKEN`], unless [`TOKEN`] names another. Gives its name, to be revoked.
    ///
    /// A hub without authentication has no key, and needs none.
    pub(crate) async fn at_terminal(&self) -> (Self, Option<String>) {
        if std::env::var_os(TOKEN).is_some_and(|token| !token.is_empty()) {
            return (self.clone(), None);
        }
        let name = format!(
            "terminal-{}-{:08x}",
            std::process::id(),
            rand::random::<u32>()
        );
        let new = NewToken {
            name: name.clone(),
            roles: vec!["answer".to_owned()],
            expires_in: Some(limits::TERMINAL_TOKEN.as_secs()),
        };
        match self.add_token(&new).await {
            Ok(made) => {
                let key = Some(Key::shown(made.secret));
                (
                    Self {
                        key,
                        ..self.clone()
                    },
                    Some(name),
                )
            }
            Err(_) => (self.clone(), None),
        }
    }

    /// URL of the hub, for people: without a trailing slash.
    pub(crate) fn url(&self) -> &str {
        self.base.as_str().trim_end_matches('/')
    }

    /// The address of an instance's page, or of a session's: nothing in it is more than a name, whatever a server calls it.
    pub(crate) fn page(&self, instance: &str, session: Option<&str>) -> String {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(["i", instance]);
            segments.extend(session.into_iter().flat_map(|session| ["s", session]));
        }
        url.into()
    }

    /// The address of the page that compares a parallel run.
    pub(crate) fn page_of_parallel(&self, instance: &str, parallel: &str) -> String {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments
                .pop_if_empty()
                .extend(["i", instance, "parallel", parallel]);
        }
        url.into()
    }

    /// URL of the hub.
    pub(crate) fn address(&self) -> Url {
        self.base.clone()
    }

    /// Address that gives one browser access, once, and leads to a page.
    pub(crate) async fn link(&self, page: &str) -> Result<String, Fault> {
        self.link_at(&self.base, page).await
    }

    /// The same by another address that leads to the hub, such as that of a port which is forwarded to it.
    pub(crate) async fn link_at(&self, base: &Url, page: &str) -> Result<String, Fault> {
        let link: LinkPath = self.post(&["links"], &serde_json::json!({}), None).await?;
        let base = base.as_str().trim_end_matches('/');
        Ok(format!("{base}{}{page}", link.path))
    }

    /// Tokens and pages that have access.
    pub(crate) async fn tokens(&self) -> Result<AccessList, Fault> {
        self.get(&["tokens"], &[]).await
    }

    /// Makes a token.
    pub(crate) async fn add_token(&self, new: &NewToken) -> Result<MintedToken, Fault> {
        self.post(&["tokens"], new, None).await
    }

    /// Revokes a token.
    pub(crate) async fn revoke_token(&self, name: &str) -> Result<(), Fault> {
        self.delete(&["tokens", name]).await
    }

    /// Sends every page away.
    pub(crate) async fn send_all_away(&self) -> Result<(), Fault> {
        self.delete(&["pages"]).await
    }

    /// Makes a link for a device.
    pub(crate) async fn pair(&self, new: &NewPairing) -> Result<Paired, Fault> {
        self.post(&["pairings"], new, None).await
    }

    /// How the hub can be reached.
    pub(crate) async fn access(&self) -> Result<AccessFacts, Fault> {
        self.get(&["access"], &[]).await
    }

    /// Sends a page away.
    pub(crate) async fn send_away(&self, page: &str) -> Result<(), Fault> {
        self.delete(&["pages", page]).await
    }

    /// Revokes a passkey.
    pub(crate) async fn revoke_passkey(&self, id: &str) -> Result<(), Fault> {
        self.delete(&["passkeys", id]).await
    }

    /// OpenCode servers and folders that can be added.
    pub(crate) async fn discover(&self) -> Result<Discovered, Fault> {
        self.get(&["discover"], &[]).await
    }

    /// Every instance.
    pub(crate) async fn instances(&self) -> Result<Vec<Instance>, Fault> {
        self.get(&["instances"], &[]).await
    }

    /// Fetches one instance.
    pub(crate) async fn instance(&self, id: &str) -> Result<Instance, Fault> {
        self.get(&["instances", id], &[]).await
    }

    /// Adds an instance, or finds the one that is there.
    pub(crate) async fn add(&self, new: &NewInstance) -> Result<Added, Fault> {
        let request = self.request(Method::POST, &["instances"]).json(new);
        let response = request.timeout(limits::ANSWER).send().await;
        let response = response.map_err(|error| self.lost(&error))?;
        if response.status().is_success() {
            let added = self.read(response).await?;
            return Ok(Added::Instance(Box::new(added)));
        }
        let refused = self.refused(response).await;
        Ok(
            match refused.as_ref().ok().and_then(Problem::of_untrusted) {
                Some(why) => Added::Untrusted(why.to_owned()),
                None => return Err(self.fault(refused)),
            },
        )
    }

    /// The sessions of an instance.
    pub(crate) async fn sessions(&self, instance: &str) -> Result<Vec<Session>, Fault> {
        self.get(&["instances", instance, "sessions"], &[]).await
    }

    /// Has older sessions of an instance listed than those that are, a page of them.
    pub(crate) async fn older_sessions(&self, instance: &str) -> Result<Instance, Fault> {
        let path = ["instances", instance, "older-sessions"];
        self.post(&path, &serde_json::json!({}), None).await
    }

    /// Fetches one session.
    pub(crate) async fn session(&self, instance: &str, session: &str) -> Result<Session, Fault> {
        self.get(&["instances", instance, "sessions", session], &[])
            .await
    }

    /// The place in the log after the newest event.
    async fn log_end(&self) -> Result<String, Fault> {
        let health: Health = self.get(&["health"], &[]).await?;
        Ok(health.log.end)
    }

    /// Health of the hub.
    pub(crate) async fn health(&self) -> Result<Health, Fault> {
        self.get(&["health"], &[]).await
    }

    /// State of the journal.
    pub(crate) async fn journal(&self) -> Result<JournalHealth, Fault> {
        let health: Health = self.get(&["health"], &[]).await?;
        Ok(health.journal)
    }

    /// Makes a session.
    pub(crate) async fn create(&self, instance: &str, new: &NewSession) -> Result<Session, Fault> {
        self.post(&["instances", instance, "sessions"], new, None)
            .await
    }

    /// Changes a session.
    pub(crate) async fn change_session(
        &self,
        instance: &str,
        session: &str,
        change: &SessionChange,
    ) -> Result<Session, Fault> {
        let request = self.request(Method::PATCH, &["instances", instance, "sessions", session]);
        self.answer(request.json(change)).await
    }

    /// Deletes a session.
    pub(crate) async fn delete_session(&self, instance: &str, session: &str) -> Result<(), Fault> {
        self.delete(&["instances", instance, "sessions", session])
            .await
    }

    /// Copies a session. Sent once more if the answer is lost, under one key, it is one copy.
    pub(crate) async fn fork(
        &self,
        instance: &str,
        session: &str,
        fork: &Fork,
    ) -> Result<Session, Fault> {
        let key = format!("fork-{:032x}", rand::random::<u128>());
        let path = ["instances", instance, "sessions", session, "fork"];
        match self.post(&path, fork, Some(&key)).await {
            Err(Fault::Failed {
                exit: Exit::NoHub, ..
            }) => self.post(&path, fork, Some(&key)).await,
            made => made,
        }
    }

    /// Starts a parallel run. Sent once more if the answer is lost, under one key, it is one.
    pub(crate) async fn run_parallel(
        &self,
        instance: &str,
        start: &ParallelStart,
    ) -> Result<Parallel, Fault> {
        let key = format!("parallel-{:032x}", rand::random::<u128>());
        let path = ["instances", instance, "parallel"];
        match self.post(&path, start, Some(&key)).await {
            Err(Fault::Failed {
                exit: Exit::NoHub, ..
            }) => self.post(&path, start, Some(&key)).await,
            started => started,
        }
    }

    /// Agents and models that a prompt can be sent with.
    pub(crate) async fn choices(&self, instance: &str) -> Result<Choices, Fault> {
        self.get(&["instances", instance, "choices"], &[]).await
    }

    /// Has a session's context replaced by a summary.
    pub(crate) async fn compact(
        &self,
        instance: &str,
        session: &str,
        model: Option<&ModelChoice>,
    ) -> Result<(), Fault> {
        let path = ["instances", instance, "sessions", session, "compact"];
        let body = match model {
            Some(model) => serde_json::json!({"model": model}),
            None => serde_json::json!({}),
        };
        self.order(&path, &body).await
    }

    /// Stops a session and those below it.
    pub(crate) async fn stop(&self, instance: &str, session: &str) -> Result<(), Fault> {
        let path = ["instances", instance, "sessions", session, "abort"];
        self.order(&path, &serde_json::json!({})).await
    }

    /// Stops everything.
    pub(crate) async fn stop_all(&self) -> Result<StopOutcomes, Fault> {
        self.post(&["stop"], &serde_json::json!({}), None).await
    }

    /// The newest messages of a session as the hub's own JSON, oldest first.
    pub(crate) async fn transcript(
        &self,
        instance: &str,
        session: &str,
        limit: usize,
    ) -> Result<Box<RawValue>, Fault> {
        let limit = limit.to_string();
        self.get(
            &["instances", instance, "sessions", session, "messages"],
            &[("limit", &limit)],
        )
        .await
    }

    /// The newest messages of a session, oldest first.
    pub(crate) async fn messages(
        &self,
        instance: &str,
        session: &str,
    ) -> Result<Vec<SessionMessage>, Fault> {
        let limit = limits::MESSAGES.to_string();
        self.get(
            &["instances", instance, "sessions", session, "messages"],
            &[("limit", &limit)],
        )
        .await
    }

    /// Open permission requests of an instance.
    pub(crate) async fn permissions(&self, instance: &str) -> Result<Vec<Waiting>, Fault> {
        self.get(&["instances", instance, "permissions"], &[]).await
    }

    /// Open permission requests of an instance, with the complete content needed to allow them.
    pub(crate) async fn asking(&self, instance: &str) -> Result<Vec<Asking>, Fault> {
        self.get(&["instances", instance, "permissions"], &[]).await
    }

    /// Answers a permission request.
    pub(crate) async fn answer_permission(
        &self,
        instance: &str,
        id: &str,
        answer: &Answer,
    ) -> Result<(), Fault> {
        let path = ["instances", instance, "permissions", id];
        self.order(&path, answer).await
    }

    /// Open questions of an instance.
    pub(crate) async fn questions(&self, instance: &str) -> Result<Vec<Waiting>, Fault> {
        self.get(&["instances", instance, "questions"], &[]).await
    }

    /// Questions of an instance with what can be answered.
    pub(crate) async fn asked(&self, instance: &str) -> Result<Vec<AskedQuestion>, Fault> {
        self.get(&["instances", instance, "questions"], &[]).await
    }

    /// Answers a question, or rejects it.
    pub(crate) async fn answer_question(
        &self,
        instance: &str,
        id: &str,
        answer: &QuestionAnswer,
    ) -> Result<(), Fault> {
        self.order(&["instances", instance, "questions", id], answer)
            .await
    }

    /// Sends a prompt; sent once more under the same key it is the same prompt.
    pub(crate) async fn prompt(
        &self,
        instance: &str,
        session: &str,
        prompt: &Prompt,
        key: &str,
    ) -> Result<Prompted, Fault> {
        let path = ["instances", instance, "sessions", session, "prompt"];
        self.post(&path, prompt, Some(key)).await
    }

    /// Compares a session with its server.
    pub(crate) async fn verify(&self, instance: &str, session: &str) -> Result<Comparison, Fault> {
        let path = ["instances", instance, "sessions", session, "verify"];
        self.post(&path, &serde_json::json!({}), None).await
    }

    /// Reads a session again from its server.
    pub(crate) async fn reread(&self, instance: &str, session: &str) -> Result<(), Fault> {
        let path = ["instances", instance, "sessions", session, "reread"];
        self.order(&path, &serde_json::json!({})).await
    }

    /// The process of a server, and its output from a line of a run on.
    pub(crate) async fn process(
        &self,
        instance: &str,
        run: u64,
        from: u64,
    ) -> Result<Process, Fault> {
        let (run, from) = (run.to_string(), from.to_string());
        let query = [("run", run.as_str()), ("from", from.as_str())];
        self.get(&["instances", instance, "process"], &query).await
    }

    /// What happened since a time in Unix milliseconds.
    pub(crate) async fn since(&self, at: i64) -> Result<SinceReport, Fault> {
        self.get(&["since"], &[("at", &at.to_string())]).await
    }

    /// Searches all conversations.
    pub(crate) async fn search(&self, query: &str, most: usize) -> Result<SearchAnswer, Fault> {
        self.get(&["search"], &[("q", query), ("limit", &most.to_string())])
            .await
    }

    /// The usage of sessions.
    pub(crate) async fn usage(&self) -> Result<UsageReport, Fault> {
        self.get(&["usage"], &[]).await
    }

    /// Continues one interrupted session, or all of them.
    pub(crate) async fn resume(&self, named: Option<(&str, &str)>) -> Result<Resumed, Fault> {
        let sessions = named.map(|(instance, session)| [SessionPath { instance, session }]);
        self.post(&["continue"], &ResumeSelection { sessions }, None)
            .await
    }

    async fn get<T: DeserializeOwned>(
        &self,
        path: &[&str],
        query: &[(&str, &str)],
    ) -> Result<T, Fault> {
        self.answer(self.request(Method::GET, path).query(query))
            .await
    }

    async fn post<T: DeserializeOwned>(
        &self,
        path: &[&str],
        body: &(impl Serialize + Sync),
        key: Option<&str>,
    ) -> Result<T, Fault> {
        let mut request = self.request(Method::POST, path).json(body);
        if let Some(key) = key {
            request = request.header("idempotency-key", key);
        }
        self.answer(request).await
    }

    /// For requests whose reply says nothing beyond its status.
    async fn order(&self, path: &[&str], body: &(impl Serialize + Sync)) -> Result<(), Fault> {
        let request = self.request(Method::POST, path).json(body);
        self.accepted(request.timeout(limits::ANSWER))
            .await
            .map(drop)
    }

    async fn delete(&self, path: &[&str]) -> Result<(), Fault> {
        let request = self.request(Method::DELETE, path).timeout(limits::ANSWER);
        self.accepted(request).await.map(drop)
    }

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("api").extend(path);
        }
        let request = self.http.request(method, url);
        match &self.key {
            Some(key) => request.bearer_auth(key.reveal()),
            None => request,
        }
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Fault> {
        let response = self.accepted(request.timeout(limits::ANSWER)).await?;
        self.read(response).await
    }

    async fn read<T: DeserializeOwned>(&self, response: Response) -> Result<T, Fault> {
        let text = response.text().await.map_err(|error| self.lost(&error))?;
        serde_json::from_str(&sanitize(&text)).map_err(|error| {
            Fault::failed(format!(
                "the hub at {} sent an answer that this program does not understand ({error}). If the hub has another version, \
                 restart it",
                self.url()
            ))
        })
    }

    async fn accepted(&self, request: RequestBuilder) -> Result<Response, Fault> {
        let response = request.send().await.map_err(|error| self.lost(&error))?;
        if response.status().is_success() {
            return Ok(response);
        }
        Err(self.fault(self.refused(response).await))
    }

    /// The hub's explanation of a refusal; otherwise the status.
    async fn refused(&self, response: Response) -> Result<Problem, u16> {
        let status = response.status().as_u16();
        let text = response.text().await.unwrap_or_default();
        serde_json::from_str(&text).map_err(|_| status)
    }

    fn fault(&self, refused: Result<Problem, u16>) -> Fault {
        Fault::failed(match refused {
            Ok(problem) => problem.to_string(),
            Err(status) => format!("the hub at {} answered with status {status}", self.url()),
        })
    }

    fn lost(&self, error: &reqwest::Error) -> Fault {
        let url = self.url();
        if error.is_timeout() {
            Fault::failed(format!(
                "the hub at {url} did not answer within {} s. Try again, or restart it",
                limits::ANSWER.as_secs()
            ))
        } else {
            Fault::no_hub(format!("the hub at {url} stopped answering. {START_ONE}"))
        }
    }
}
