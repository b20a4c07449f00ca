//! Implements the port to a service of OpenCode 2: one for all folders. Its stream and its state are those of all of them.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::future::{try_join, try_join3};
use futures_util::{StreamExt, stream};
use model::event::{MessagesRead, ReadPage, Snapshot};
use model::ids::SessionId;
use model::state::{Catalog, Copying, Reason, ReasonKind, SessionInfo, Watermark};
use opencode::client2::{self, ArchivedSessions, Body, Client, Error, SessionFilter, Tag};
use opencode::wire2::{self, Migration};

use crate::clock::Clock;
use crate::ingest::dialect::{self, Asked, ServiceState};
use crate::ingest::upstream::{Rest, UpstreamError};
use crate::ingest::{ClockSample, reason};
use crate::limits;

use super::linked::sampled;

/// A service that has connected.
#[derive(Clone, Debug)]
pub struct LinkedService {
    /// Client of the service.
    pub client: Client,
    /// The folder that requests are scoped to; a service has none of its own.
    pub directory: Option<Arc<str>>,
    /// The time of day.
    pub clock: Clock,
}

impl From<Error> for UpstreamError {
    fn from(error: Error) -> Self {
        let error = match error {
            Error::Client(error) => return error.into(),
            error => error,
        };
        let reason = reason::of_service(&error);
        match error.tag() {
            Some(Tag::SessionNotFound | Tag::MessageNotFound | Tag::LocationNotFound) => {
                Self::NotFound(reason)
            }
            _ => Self::Down(reason),
        }
    }
}

/// The number that a service sent; absent if it has none.
fn watermark(sent: client2::Watermark) -> Option<Watermark> {
    match sent {
        client2::Watermark::At(seq) => Some(Watermark::At(seq.0)),
        client2::Watermark::Empty => Some(Watermark::Empty),
        client2::Watermark::Unknown => None,
    }
}

/// The copy of version 1's sessions, unless it is done.
fn copying(migration: Migration) -> Option<Copying> {
    // Whole numbers that a float holds exactly.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
    let whole = |number: f64| (number.is_finite() && number >= 0.0).then(|| number.trunc() as u64);
    match migration {
        Migration::Required => Some(Copying::Due),
        Migration::Running { done, of, .. } => Some(Copying::Running {
            done: done.and_then(whole),
            of: of.and_then(whole),
        }),
        Migration::Failed { error } => {
            Some(Copying::Failed(Reason::new(ReasonKind::ServerError, error)))
        }
        Migration::Completed | Migration::Other(_) => None,
    }
}

/// A list of sessions, as far as it was read.
#[derive(Default)]
struct Listed {
    sessions: Vec<wire2::SessionInfo>,
    malformed: usize,
    cut: bool,
}

impl LinkedService {
    /// Reads a little of everything that a connection reads.
    pub(super) async fn answers(&self) -> Result<(), UpstreamError> {
        try_join3(
            self.client.info(),
            self.client.active(),
            self.client.sessions(&SessionFilter::default(), None),
        )
        .await?;
        Ok(())
    }

    fn id(session: &SessionId) -> Result<wire2::SessionId, UpstreamError> {
        dialect::service_session_id(session).ok_or_else(|| {
            let text = "a service of OpenCode 2 has no session of such an id";
            UpstreamError::NotFound(model::state::Reason::new(ReasonKind::BadAnswer, text))
        })
    }

    /// The sessions of a folder, or of all of them.
    async fn listed(&self, directory: Option<&str>) -> Result<ServiceState, UpstreamError> {
        let (mut listed, archived) = try_join(
            self.pages(directory, ArchivedSessions::Without),
            self.pages(directory, ArchivedSessions::Only),
        )
        .await?;
        listed.sessions.extend(archived.sessions);
        // A service may list both kinds, whatever it was asked.
        let mut known = std::collections::BTreeSet::new();
        listed
            .sessions
            .retain(|session| known.insert(session.id.as_str().to_owned()));
        Ok(ServiceState {
            sessions: listed.sessions,
            malformed: listed.malformed + archived.malformed,
            cut: listed.cut || archived.cut,
            active: Vec::new(),
            folders: BTreeMap::new(),
        })
    }

    /// The state of a folder, or of all of them.
    ///
    /// What runs is read after what waits: a run that began between the two would have a request and not run, and the hub rejects what is
    /// left of a run that has ended.
    async fn state(&self, only: Option<&Arc<str>>) -> Result<ServiceState, UpstreamError> {
        let waiting = async {
            let mut folders = self.loaded().await?;
            folders.retain(|folder| only.is_none_or(|only| only == folder));
            Ok(self.waiting(folders).await)
        };
        let (mut state, folders) = try_join(self.listed(only.map(|only| &**only)), waiting).await?;
        state.folders = folders;
        state.active = self.client.active().await?;
        Ok(state)
    }

    async fn pages(
        &self,
        directory: Option<&str>,
        archived: ArchivedSessions,
    ) -> Result<Listed, UpstreamError> {
        let filter = SessionFilter {
            roots: false,
            archived: Some(archived),
            directory: directory.map(str::to_owned),
        };
        let mut listed = Listed::default();
        let mut cursor: Option<String> = None;
        loop {
            let page = self.client.sessions(&filter, cursor.as_deref()).await?;
            let got = page.items.len() + page.malformed;
            listed.sessions.extend(page.items);
            listed.malformed += page.malformed;
            // A full last page has a cursor as well, and the page behind it is empty.
            match page.next.filter(|_| got > 0) {
                None => return Ok(listed),
                Some(_) if listed.sessions.len() + listed.malformed >= limits::SERVICE_SESSIONS => {
                    listed.cut = true;
                    return Ok(listed);
                }
                next => cursor = next,
            }
        }
    }

    /// The folders whose services are up. Only there something can wait, and reading another one would start its services.
    async fn loaded(&self) -> Result<Vec<Arc<str>>, UpstreamError> {
        let folders = self.client.loaded_folders().await?;
        let folders = folders.into_iter().map(|folder| folder.directory.into());
        let folders = folders.filter(|folder: &Arc<str>| folder.len() <= limits::PATH_BYTES);
        Ok(folders.take(limits::SERVICE_FOLDERS).collect())
    }

    /// What waits in these folders; `None` where that cannot be read.
    async fn waiting(&self, folders: Vec<Arc<str>>) -> BTreeMap<Arc<str>, Option<Asked>> {
        let reads = folders.into_iter().map(|folder| async move {
            let read = try_join(self.client.permissions(&folder), self.client.forms(&folder));
            let read = read.await.inspect_err(|error| {
                tracing::warn!(%error, directory = %folder, "OpenCode cannot list what waits in a folder");
            });
            let asked = read.ok().map(|(permissions, forms)| Asked { permissions, forms });
            (folder, asked)
        });
        stream::iter(reads)
            .buffered(limits::READS_AT_ONCE)
            .collect()
            .await
    }

    /// Inbox and newest messages, read again while something is written.
    async fn body(&self, id: &wire2::SessionId) -> Result<Body, UpstreamError> {
        let mut body = self.client.body(id).await?;
        for _ in 1..limits::BODY_TRIES {
            if body.proven().is_some() || body.before == client2::Watermark::Unknown {
                break;
            }
            body = self.client.body(id).await?;
        }
        Ok(body)
    }
}

impl Rest for LinkedService {
    fn dated(&self) -> Option<ClockSample> {
        sampled(&self.client.dated()?, &self.clock)
    }

    async fn snapshot(&self, _seen: Vec<Arc<str>>) -> Result<Snapshot, UpstreamError> {
        Ok(self.state(None).await?.snapshot(None, self.clock.now()))
    }

    async fn directory(&self, directory: Arc<str>) -> Result<Snapshot, UpstreamError> {
        let state = self.state(Some(&directory)).await?;
        Ok(state.snapshot(Some(&directory), self.clock.now()))
    }

    /// The stream has it, and nothing else that is read here: a failure changes nothing of what is known.
    async fn branch(&self, _directory: Arc<str>) -> Result<Option<Arc<str>>, UpstreamError> {
        let text = "the branches of a service of OpenCode 2 come on its stream";
        Err(UpstreamError::down(ReasonKind::BadAnswer, text))
    }

    /// The choices of a folder that is up. Each folder has its own; one stands for all. Where none is up, those of the service's own folder,
    /// in which a first session is created: without choices nobody could send a prompt.
    async fn catalog(&self) -> Result<Catalog, UpstreamError> {
        let loaded = self.loaded().await?;
        let directory = loaded.first().map_or("", |directory| &**directory);
        let (agents, models) = try_join(
            self.client.catalog("agent", directory),
            self.client.catalog("model", directory),
        )
        .await?;
        Ok(dialect::service_catalog(&agents.value, &models.value))
    }

    async fn messages(
        &self,
        session: SessionId,
        before: Option<Arc<str>>,
    ) -> Result<MessagesRead, UpstreamError> {
        let id = Self::id(&session)?;
        Ok(match before {
            None => {
                let body = self.body(&id).await?;
                let proven = body.proven().and_then(watermark);
                let Body {
                    inbox, messages, ..
                } = body;
                let read = dialect::service_messages(&id, messages, &inbox.value, ReadPage::Newest);
                MessagesRead { proven, ..read }
            }
            Some(before) => {
                let messages = self.client.messages(&id, Some(&before)).await?;
                dialect::service_messages(&id, messages, &[], ReadPage::Older(before))
            }
        })
    }

    async fn watermark(&self, session: SessionId) -> Result<Option<Watermark>, UpstreamError> {
        let sent = self.client.watermark(&Self::id(&session)?).await?;
        Ok(watermark(sent))
    }

    async fn copying(&self) -> Result<Option<Copying>, UpstreamError> {
        match self.client.migration().await {
            Ok(migration) => Ok(copying(migration)),
            Err(Error::NoRoute { .. }) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    async fn session(&self, session: SessionId) -> Result<SessionInfo, UpstreamError> {
        let read = self.client.session(&Self::id(&session)?).await?;
        let read = dialect::service_session(&read);
        read.filter(|info| info.id == session).ok_or_else(|| {
            let text = "its server answers with another one, or with one that cannot be taken";
            UpstreamError::down(ReasonKind::BadAnswer, text)
        })
    }
}
