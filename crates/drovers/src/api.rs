//! The running hub, asked over its own API: what `ls`, `tail`, `send`, `check`, `open` and a second `drovers` stand on.
//!
//! It finds the hub by its data directory and keeps nothing. What a hub refuses becomes a [`Fault`] in the hub's words.

mod log;
mod shapes;

use std::path::Path;

use hub::datadir::DataDir;
use opencode::json::sanitize;
use reqwest::{Method, RequestBuilder, Response};
use serde::Serialize;
use serde::de::DeserializeOwned;
use url::Url;

use crate::fault::Fault;
use crate::limits;

pub(crate) use log::{Entry, Follow, Item, LogQuery, NOW};
pub(crate) use shapes::{
    Answer, Asking, Discovered, Found, Instance, JournalHealth, Link, ModelChoice, NewInstance,
    NewSession, Piece, Prompt, Prompted, Resumed, Session, SessionMessage, Status, Terminal,
    Waiting,
};
use shapes::{Health, Place, Problem, Which};

/// What to do when there is no hub.
const START_ONE: &str = "Start one with `drovers`";

/// A running hub. Cheap to clone.
#[derive(Debug, Clone)]
pub(crate) struct Api {
    http: reqwest::Client,
    base: Url,
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
        Self::at(running.url)
    }

    /// The hub at an address.
    ///
    /// # Errors
    /// No HTTP client can be made.
    pub(crate) fn at(base: Url) -> Result<Self, Fault> {
        let http = opencode::Http::new().map_err(Fault::failed)?.into_replies();
        Ok(Self { http, base })
    }

    /// Where the hub is, for people: without a slash at the end.
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

    /// Where the hub is.
    pub(crate) fn address(&self) -> Url {
        self.base.clone()
    }

    /// What could be added.
    pub(crate) async fn discover(&self) -> Result<Discovered, Fault> {
        self.get(&["discover"], &[]).await
    }

    /// Every instance.
    pub(crate) async fn instances(&self) -> Result<Vec<Instance>, Fault> {
        self.get(&["instances"], &[]).await
    }

    /// One instance.
    pub(crate) async fn instance(&self, id: &str) -> Result<Instance, Fault> {
        self.get(&["instances", id], &[]).await
    }

    /// Adds an instance, or finds the one that is there.
    pub(crate) async fn add(&self, new: &NewInstance) -> Result<Instance, Fault> {
        self.post(&["instances"], new, None).await
    }

    /// The sessions of an instance.
    pub(crate) async fn sessions(&self, instance: &str) -> Result<Vec<Session>, Fault> {
        self.get(&["instances", instance, "sessions"], &[]).await
    }

    /// One session.
    pub(crate) async fn session(&self, instance: &str, session: &str) -> Result<Session, Fault> {
        self.get(&["instances", instance, "sessions", session], &[])
            .await
    }

    /// The place in the log after the newest event.
    async fn log_end(&self) -> Result<String, Fault> {
        let health: Health = self.get(&["health"], &[]).await?;
        Ok(health.log.end)
    }

    /// How the journal is.
    pub(crate) async fn journal(&self) -> Result<JournalHealth, Fault> {
        let health: Health = self.get(&["health"], &[]).await?;
        Ok(health.journal)
    }

    /// Sets whether what an instance says is stored.
    pub(crate) async fn set_journal(&self, instance: &str, kept: bool) -> Result<Instance, Fault> {
        let change = serde_json::json!({"journal": kept});
        let request = self.request(Method::PATCH, &["instances", instance]);
        self.answer(request.json(&change)).await
    }

    /// Makes a session.
    pub(crate) async fn create(&self, instance: &str, new: &NewSession) -> Result<Session, Fault> {
        self.post(&["instances", instance, "sessions"], new, None)
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

    /// What waits for leave in an instance.
    pub(crate) async fn permissions(&self, instance: &str) -> Result<Vec<Waiting>, Fault> {
        self.get(&["instances", instance, "permissions"], &[]).await
    }

    /// The same with all that a person has to know to allow it.
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
        let request = self.request(Method::POST, &path).json(answer);
        self.accepted(request.timeout(limits::ANSWER)).await?;
        Ok(())
    }

    /// What waits for an answer in an instance.
    pub(crate) async fn questions(&self, instance: &str) -> Result<Vec<Waiting>, Fault> {
        self.get(&["instances", instance, "questions"], &[]).await
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

    /// Lets an interrupted session go on, or all of them.
    pub(crate) async fn resume(&self, named: Option<(&str, &str)>) -> Result<Resumed, Fault> {
        let sessions = named.map(|(instance, session)| [Place { instance, session }]);
        self.post(&["continue"], &Which { sessions }, None).await
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

    fn request(&self, method: Method, path: &[&str]) -> RequestBuilder {
        let mut url = self.base.clone();
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().push("api").extend(path);
        }
        self.http.request(method, url)
    }

    async fn answer<T: DeserializeOwned>(&self, request: RequestBuilder) -> Result<T, Fault> {
        let response = self.accepted(request.timeout(limits::ANSWER)).await?;
        let text = response.text().await.map_err(|error| self.lost(&error))?;
        serde_json::from_str(&sanitize(&text)).map_err(|error| {
            Fault::failed(format!(
                "the hub at {} answered what this program does not understand ({error}). If it is of another version, \
                 restart it",
                self.url()
            ))
        })
    }

    async fn accepted(&self, request: RequestBuilder) -> Result<Response, Fault> {
        let response = request.send().await.map_err(|error| self.lost(&error))?;
        let status = response.status();
        if status.is_success() {
            return Ok(response);
        }
        let text = response.text().await.unwrap_or_default();
        Err(Fault::failed(
            match serde_json::from_str::<Problem>(&text) {
                Ok(problem) => problem.to_string(),
                Err(_) => format!(
                    "the hub at {} answered with status {}",
                    self.url(),
                    status.as_u16()
                ),
            },
        ))
    }

    fn lost(&self, error: &reqwest::Error) -> Fault {
        let url = self.url();
        if error.is_timeout() {
            Fault::failed(format!(
                "the hub at {url} did not answer within {} s. Try again, or restart it",
                limits::ANSWER.as_secs()
            ))
        } else {
            Fault::no_hub(format!(
                "the hub at {url} does not answer any more. {START_ONE}"
            ))
        }
    }
}
