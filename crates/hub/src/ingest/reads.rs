//! REST reads beside an open stream, a few at a time.
//!
//! Each read reports its own outcome. Dropping this value cancels all reads, which the engine learns from the end of
//! the stream.

use std::sync::Arc;

use model::Event;
use model::event::MessagesRead;
use model::ids::SessionId;
use model::state::Copying;
use model::time::Timestamp;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::upstream::{OlderSessions, Rest, UpstreamError};
use crate::engine::{Feeder, Inbound, SupervisorCommand};
use crate::limits;

pub(super) struct Reads<R> {
    rest: R,
    feeder: Feeder,
    turns: Arc<Semaphore>,
    running: JoinSet<()>,
    /// Notified when the lists that were read are outdated without an event.
    outdated: Arc<Notify>,
}

impl<R: Rest> Reads<R> {
    pub(super) fn new(rest: R, feeder: Feeder) -> Self {
        Self {
            rest,
            feeder,
            turns: Arc::new(Semaphore::new(limits::READS_AT_ONCE)),
            running: JoinSet::new(),
            outdated: Arc::new(Notify::new()),
        }
    }

    /// Starts the read for a command.
    pub(super) fn ask(&mut self, ask: SupervisorCommand) {
        let (rest, feeder, turns) = (self.rest.clone(), self.feeder.clone(), self.turns.clone());
        self.running.spawn(async move {
            // The semaphore is never closed; without a permit there is nothing to do.
            let Ok(_turn) = turns.acquire().await else {
                return;
            };
            match ask {
                SupervisorCommand::Messages(session) => {
                    messages(&rest, &feeder, session, None).await
                }
                SupervisorCommand::Older(session, cursor) => {
                    messages(&rest, &feeder, session, Some(cursor)).await
                }
                SupervisorCommand::Trim(session) => trim(&rest, &feeder, session).await,
                SupervisorCommand::Session(id) => session(&rest, &feeder, id).await,
                SupervisorCommand::Verify(id) => verify(&rest, &feeder, id).await,
                SupervisorCommand::Watermark(id) => watermark(&rest, &feeder, id).await,
                SupervisorCommand::OlderSessions(directory, before) => {
                    older_sessions(&rest, &feeder, directory, before).await
                }
                SupervisorCommand::Directory(_)
                | SupervisorCommand::Reconnect
                | SupervisorCommand::Nudge
                | SupervisorCommand::Stop => {}
            }
        });
    }

    /// Starts reading a folder, with a few retries.
    pub(super) fn directory(&mut self, directory: Arc<str>) {
        let (rest, feeder, turns) = (self.rest.clone(), self.feeder.clone(), self.turns.clone());
        self.running.spawn(async move {
            for _ in 0..limits::DIRECTORY_TRIES {
                let read = match turns.acquire().await {
                    Ok(_turn) => read_directory(&rest, &feeder, &directory).await,
                    Err(_closed) => return,
                };
                if read {
                    return branch(&rest, &feeder, directory).await;
                }
                sleep(limits::DIRECTORY_AGAIN).await;
            }
            let unread = Event::DirectoryUnread(directory);
            feeder.tell(vec![Inbound::ours(unread)]).await;
        });
    }

    /// Begins reading which branches are checked out in folders.
    pub(super) fn branches(&mut self, directories: Vec<Arc<str>>) {
        let (rest, feeder, turns) = (self.rest.clone(), self.feeder.clone(), self.turns.clone());
        self.running.spawn(async move {
            for directory in directories {
                let Ok(_turn) = turns.acquire().await else {
                    return;
                };
                branch(&rest, &feeder, directory).await;
            }
        });
    }

    /// Starts reading agents and models, with retries until there are any: a person may be configuring them at the
    /// moment. Only prompts need them, so a failure does not affect the link.
    pub(super) fn catalog(&mut self) {
        let (rest, feeder) = (self.rest.clone(), self.feeder.clone());
        self.running.spawn(async move {
            loop {
                match rest.catalog().await {
                    Ok(catalog) => {
                        let usable = !catalog.models.is_empty();
                        feeder
                            .tell(vec![Inbound::ours(Event::Catalog(catalog))])
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

    /// Follows a copy of an earlier version's sessions to its end, if the server makes one. What it copied has no events.
    pub(super) fn copying(&mut self) {
        let (rest, feeder) = (self.rest.clone(), self.feeder.clone());
        let outdated = Arc::clone(&self.outdated);
        self.running.spawn(async move {
            let mut before = None;
            loop {
                let copying = match rest.copying().await {
                    Ok(copying) => copying,
                    Err(error) => {
                        tracing::debug!(%error, "the copy of sessions could not be read");
                        sleep(limits::COPYING_AGAIN).await;
                        continue;
                    }
                };
                if copying != before || copying.is_none() {
                    let event = Event::Copying(copying.clone());
                    feeder.tell(vec![Inbound::ours(event)]).await;
                }
                match (&copying, before.is_some()) {
                    (Some(Copying::Due | Copying::Running { .. }), _) => {}
                    (None, true) => return outdated.notify_one(),
                    (None | Some(Copying::Failed(_)), _) => return,
                }
                before = copying;
                sleep(limits::COPYING_AGAIN).await;
            }
        });
    }

    /// Notified when the lists that were read are outdated without an event.
    pub(super) fn outdated(&self) -> Arc<Notify> {
        Arc::clone(&self.outdated)
    }

    /// Removes a read that ended; waits forever when none runs.
    ///
    /// # Panics If the read panicked: its result is never reported, so the supervisor must restart.
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
        feeder.tell(vec![Inbound::ours(started)]).await;
    }
    let event = match rest.messages(session.clone(), before).await {
        Ok(read) => Event::MessagesRead(read),
        Err(UpstreamError::NotFound(_)) => Event::SessionNotFound(session),
        Err(UpstreamError::Down(reason)) => Event::ReadFailed {
            session,
            reason: reason.text,
        },
    };
    feeder.tell(vec![Inbound::ours(event)]).await;
}

/// A cursor is opaque: the cursor of a message is found by reading the page that begins with it.
async fn trim<R: Rest>(rest: &R, feeder: &Feeder, session: SessionId) {
    match rest.messages(session.clone(), None).await {
        Ok(MessagesRead {
            messages,
            older: Some(older),
            ..
        }) => {
            let oldest = messages.into_iter().map(|(info, _)| info.order_key());
            if let Some((.., begins)) = oldest.min() {
                let trimmed = Event::BodyTrimmed {
                    session,
                    begins,
                    older,
                };
                feeder.tell(vec![Inbound::ours(trimmed)]).await;
            }
        }
        Ok(_) => {}
        Err(error) => tracing::debug!(%error, %session, "older messages are still kept"),
    }
}

/// Reads the branch of a folder, also that none is checked out any more. It is shown beside sessions and nothing else, so that a
/// failure says nothing of the link.
async fn branch<R: Rest>(rest: &R, feeder: &Feeder, directory: Arc<str>) {
    match rest.branch(directory.clone()).await {
        Ok(branch) => {
            let event = Event::Branch { directory, branch };
            feeder.tell(vec![Inbound::ours(event)]).await;
        }
        Err(error) => {
            tracing::debug!(%error, %directory, "the branch of a folder could not be read")
        }
    }
}

async fn read_directory<R: Rest>(rest: &R, feeder: &Feeder, directory: &Arc<str>) -> bool {
    let started = Event::DirectoryReadStarted(directory.clone());
    feeder.tell(vec![Inbound::ours(started)]).await;
    match rest.directory(directory.clone()).await {
        Ok(snapshot) => {
            let read = Event::DirectoryRead {
                directory: directory.clone(),
                snapshot,
            };
            feeder.tell(vec![Inbound::ours(read)]).await;
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
            feeder.tell(vec![Inbound::ours(read)]).await;
        }
        Ok(None) => tracing::debug!(%directory, "a server that does not tell older sessions"),
        Err(error) => tracing::warn!(%error, %directory, "older sessions could not be read"),
    }
}

async fn session<R: Rest>(rest: &R, feeder: &Feeder, id: SessionId) {
    match rest.session(id.clone()).await {
        Ok(info) => {
            let read = Event::SessionRead(info);
            feeder.tell(vec![Inbound::ours(read)]).await;
        }
        Err(UpstreamError::NotFound(_)) => {
            feeder
                .tell(vec![Inbound::ours(Event::SessionNotFound(id.clone()))])
                .await
        }
        Err(error) => tracing::warn!(%error, session = %id, "a session could not be read"),
    }
    feeder.session_unread(id).await;
}

/// Reports up to which number a server has written something in a session, if it tells.
async fn watermark<R: Rest>(rest: &R, feeder: &Feeder, session: SessionId) {
    match rest.watermark(session.clone()).await {
        Ok(Some(upto)) => {
            let read = Event::Watermark { session, upto };
            feeder.tell(vec![Inbound::ours(read)]).await;
        }
        Ok(None) => {}
        Err(error) => tracing::debug!(%error, %session, "what was written there is not proven"),
    }
}

/// Reports that a session does not exist, where its server says so. Of one that exists nothing is reported: it may be one of thousands
/// that no list names.
async fn verify<R: Rest>(rest: &R, feeder: &Feeder, id: SessionId) {
    match rest.session(id.clone()).await {
        Err(UpstreamError::NotFound(_)) => {
            feeder
                .tell(vec![Inbound::ours(Event::SessionNotFound(id))])
                .await;
        }
        Ok(_) => {}
        Err(error) => {
            tracing::debug!(%error, session = %id, "whether a session exists is not known")
        }
    }
}
