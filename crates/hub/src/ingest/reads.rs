//! Reading over REST beside an open stream, a few at once.
//!
//! Each read tells its own outcome. Dropping this ends them all, which the engine learns from the stream's end.

use std::sync::Arc;

use model::Event;
use model::event::MessagesRead;
use model::ids::SessionId;
use model::time::Timestamp;
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::upstream::{OlderSessions, Rest, UpstreamError};
use crate::engine::{Ask, Feeder, Heard};
use crate::limits;

pub(super) struct Reads<R> {
    rest: R,
    feeder: Feeder,
    turns: Arc<Semaphore>,
    running: JoinSet<()>,
}

impl<R: Rest> Reads<R> {
    pub(super) fn new(rest: R, feeder: Feeder) -> Self {
        Self {
            rest,
            feeder,
            turns: Arc::new(Semaphore::new(limits::READS_AT_ONCE)),
            running: JoinSet::new(),
        }
    }

    /// Begins what was asked for.
    pub(super) fn ask(&mut self, ask: Ask) {
        let (rest, feeder, turns) = (self.rest.clone(), self.feeder.clone(), self.turns.clone());
        self.running.spawn(async move {
            // The semaphore is never closed; without a turn there is nothing to do.
            let Ok(_turn) = turns.acquire().await else {
                return;
            };
            match ask {
                Ask::Messages(session) => messages(&rest, &feeder, session, None).await,
                Ask::Older(session, cursor) => {
                    messages(&rest, &feeder, session, Some(cursor)).await
                }
                Ask::Trim(session) => trim(&rest, &feeder, session).await,
                Ask::Session(id) => session(&rest, &feeder, id).await,
                Ask::OlderSessions(directory, before) => {
                    older_sessions(&rest, &feeder, directory, before).await
                }
                Ask::Directory(_) | Ask::Reconnect | Ask::Nudge | Ask::Stop => {}
            }
        });
    }

    /// Begins reading a folder, a few times if it fails.
    pub(super) fn directory(&mut self, directory: Arc<str>) {
        let (rest, feeder, turns) = (self.rest.clone(), self.feeder.clone(), self.turns.clone());
        self.running.spawn(async move {
            for _ in 0..limits::DIRECTORY_TRIES {
                let read = match turns.acquire().await {
                    Ok(_turn) => read_directory(&rest, &feeder, &directory).await,
                    Err(_closed) => return,
                };
                if read {
                    return;
                }
                sleep(limits::DIRECTORY_AGAIN).await;
            }
            let unread = Event::DirectoryUnread(directory);
            feeder.tell(vec![Heard::ours(unread)]).await;
        });
    }

    /// Begins reading agents and models, again and again until there are any: a person may be setting them up just
    /// now. They matter to a prompt only, so that a failure says nothing of the link.
    pub(super) fn catalog(&mut self) {
        let (rest, feeder) = (self.rest.clone(), self.feeder.clone());
        self.running.spawn(async move {
            loop {
                match rest.catalog().await {
                    Ok(catalog) => {
                        let usable = !catalog.models.is_empty();
                        feeder
                            .tell(vec![Heard::ours(Event::Catalog(catalog))])
                            .await;
                        if usable {
                            return;
                        }
                    }
                    Err(error) => tracing::warn!(%error, "agents and models could not be read"),
                }
                sleep(limits::CATALOG_AGAIN).await;
            }
        });
    }

    /// Clears away a read that ended; waits for ever when none runs.
    ///
    /// # Panics
    /// When the read did: what it was to tell is never told, so that its supervisor has to begin anew.
    pub(super) async fn reap(&mut self) {
        match self.running.join_next().await {
            Some(Err(error)) if error.is_panic() => std::panic::resume_unwind(error.into_panic()),
            Some(_) => {}
            None => std::future::pending().await,
        }
    }
}

async fn messages<R: Rest>(
    rest: &R,
    feeder: &Feeder,
    session: SessionId,
    before: Option<Arc<str>>,
) {
    if before.is_none() {
        let started = Event::ReadStarted {
            session: session.clone(),
        };
        feeder.tell(vec![Heard::ours(started)]).await;
    }
    let event = match rest.messages(session.clone(), before).await {
        Ok(read) => Event::MessagesRead(read),
        Err(UpstreamError::NotFound(_)) => Event::SessionNotFound(session),
        Err(UpstreamError::Down(reason)) => Event::ReadFailed {
            session,
            reason: reason.text,
        },
    };
    feeder.tell(vec![Heard::ours(event)]).await;
}

/// A cursor means nothing to us: that of a message is had by reading the page that it begins.
async fn trim<R: Rest>(rest: &R, feeder: &Feeder, session: SessionId) {
    match rest.messages(session.clone(), None).await {
        Ok(MessagesRead {
            messages,
            older: Some(older),
            ..
        }) => {
            let oldest = messages
                .into_iter()
                .map(|(info, _)| (info.created, info.id));
            if let Some((_, begins)) = oldest.min() {
                let trimmed = Event::BodyTrimmed {
                    session,
                    begins,
                    older,
                };
                feeder.tell(vec![Heard::ours(trimmed)]).await;
            }
        }
        Ok(_) => {}
        Err(error) => tracing::debug!(%error, %session, "older messages are still kept"),
    }
}

async fn read_directory<R: Rest>(rest: &R, feeder: &Feeder, directory: &Arc<str>) -> bool {
    let started = Event::DirectoryReadStarted(directory.clone());
    feeder.tell(vec![Heard::ours(started)]).await;
    match rest.directory(directory.clone()).await {
        Ok(snapshot) => {
            let read = Event::DirectoryRead {
                directory: directory.clone(),
                snapshot,
            };
            feeder.tell(vec![Heard::ours(read)]).await;
            true
        }
        Err(error) => {
            tracing::warn!(%error, %directory, "a folder's state could not be read");
            false
        }
    }
}

async fn older_sessions<R: Rest>(
    rest: &R,
    feeder: &Feeder,
    directory: Arc<str>,
    before: Timestamp,
) {
    match rest.older_sessions(directory.clone(), before).await {
        Ok(Some(OlderSessions { sessions, older })) => {
            let read = Event::OlderSessions {
                directory,
                sessions,
                older,
            };
            feeder.tell(vec![Heard::ours(read)]).await;
        }
        Ok(None) => tracing::debug!(%directory, "a server that does not tell older sessions"),
        Err(error) => tracing::warn!(%error, %directory, "older sessions could not be read"),
    }
}

async fn session<R: Rest>(rest: &R, feeder: &Feeder, id: SessionId) {
    match rest.session(id.clone()).await {
        Ok(info) => {
            let read = Event::SessionRead(info);
            feeder.tell(vec![Heard::ours(read)]).await;
        }
        Err(UpstreamError::NotFound(_)) => {
            feeder
                .tell(vec![Heard::ours(Event::SessionNotFound(id.clone()))])
                .await
        }
        Err(error) => tracing::warn!(%error, session = %id, "a session could not be read"),
    }
    feeder.session_unread(id).await;
}
