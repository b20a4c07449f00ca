//! Compares the state of a session with its server.
//!
//! The server is read twice, some time apart, where the first comparison finds differences: those that are only a matter of time are
//! different ones by then, or are gone.

use futures_util::future::try_join3;
use model::event::Event;
use model::ids::{InstanceId, SessionId};
use model::state::{Loaded, Watermark};
use model::time::Timestamp;
use model::view::{Difference, ServerSays, differences, lasting};
use tokio::time::{sleep, timeout};

use super::port::Servers;
use super::{CommandError, Commands, unknown};
use crate::engine::{HistoryDepth, Watched};
use crate::ingest::upstream::{Rest, UpstreamError};
use crate::limits;

/// The result of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub struct Verified {
    /// When the server was read last, by the hub's clock.
    pub at: Timestamp,
    /// Number of messages that were compared.
    pub messages: usize,
    /// The number up to which both are the same, where the server proves that.
    pub proven: Option<Watermark>,
    /// What differs; empty if the session is the same.
    pub differences: Vec<Difference>,
}

impl<S: Servers> Commands<S>
where
    S::Server: Rest,
{
    /// Compares a session with its server: its row, its status, its requests, and the newest page of its messages. A conversation that
    /// is not cached is read first.
    ///
    /// # Errors
    /// The session does not exist, or its server cannot be read.
    pub async fn verify(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<Verified, CommandError> {
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move { commands.verify_whole(&instance, &session).await })
            .await
    }

    async fn verify_whole(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<Verified, CommandError> {
        let _cached = self.cached(instance, session).await?;
        let (mut before, mut differences): (Option<Vec<Difference>>, _) = (None, Vec::new());
        let (mut messages, mut at, mut proven) = (0, self.engine.now(), None);
        for _time in 0..limits::VERIFY_TIMES {
            let says = self.server_says(instance, session).await?;
            (messages, at) = (says.messages.messages.len(), self.engine.now());
            proven = says.messages.proven;
            let found = self.differs(instance, session, &says)?;
            if found.is_empty() {
                break;
            }
            let lasts = before.map(|before| lasting(&before, found.clone()));
            if let Some(lasts) = lasts.filter(|lasts| !lasts.is_empty()) {
                differences = lasts;
                break;
            }
            before = Some(found);
            sleep(limits::VERIFY_AGAIN).await;
        }
        let compared = Event::Verified {
            session: session.clone(),
            same: differences.is_empty(),
            proven,
        };
        self.engine.own(instance.clone(), compared).await;
        Ok(Verified {
            at,
            messages,
            proven: proven.filter(|_| differences.is_empty()),
            differences,
        })
    }

    /// Reads a session again from its server, whatever the state has. Returns once the conversation is here.
    ///
    /// # Errors
    /// The session does not exist, or its server cannot be read.
    pub async fn use_servers(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<(), CommandError> {
        let (instance, session) = (instance.clone(), session.clone());
        self.to_the_end(|commands| async move {
            let _cached = commands.cached(&instance, &session).await?;
            // The row is part of no other read.
            let says = commands.server_says(&instance, &session).await?;
            let own = Event::Session(says.info);
            commands.engine.own(instance.clone(), own).await;
            let since = commands.engine.now();
            let engine = &commands.engine;
            engine.read_again(instance.clone(), session.clone()).await;
            let read = commands.engine.until(|state| {
                let session = state.session(&instance, &session);
                session.is_none_or(|session| session.verified.is_some_and(|at| at >= since))
            });
            let read = timeout(limits::VERIFY_HEAL, read).await;
            read.map_err(|_late| CommandError::NotRead(SLOW.into()))
        })
        .await
    }

    /// Keeps the conversation of a session cached for as long as the guard exists.
    async fn cached(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<Watched, CommandError> {
        self.at_session(instance, session).await?;
        let engine = &self.engine;
        let depth = HistoryDepth::Newest;
        let cached = engine.watch(instance.clone(), session.clone(), depth).await;
        let here = engine.until(|state| {
            let session = state.session(instance, session);
            session.is_none_or(|session| session.loaded().is_some_and(is_settled))
        });
        match timeout(limits::VERIFY_LOAD, here).await {
            Ok(()) => Ok(cached),
            Err(_late) => Err(CommandError::NotRead(SLOW.into())),
        }
    }

    async fn server_says(
        &self,
        instance: &InstanceId,
        session: &SessionId,
    ) -> Result<ServerSays, CommandError> {
        let server = self.at_session(instance, session).await?;
        let directory = self.engine.read(|state| {
            let known = state.session(instance, session);
            known.map(|known| known.info.directory.clone())
        });
        let directory = directory.ok_or_else(|| unknown(instance, session))?;
        let read = try_join3(
            Rest::session(&server, session.clone()),
            server.messages(session.clone(), None),
            server.directory(directory),
        );
        let (info, messages, folder) = read.await.map_err(|error| match error {
            UpstreamError::NotFound(_) => unknown(instance, session),
            UpstreamError::Down(reason) => CommandError::NotRead(reason.text),
        })?;
        Ok(ServerSays {
            info,
            messages,
            folder,
        })
    }

    fn differs(
        &self,
        instance: &InstanceId,
        session: &SessionId,
        says: &ServerSays,
    ) -> Result<Vec<Difference>, CommandError> {
        let found = self.engine.read(|state| {
            let instance = state.instances.get(instance)?;
            let session = instance.sessions.get(session)?;
            Some(differences(instance, session, says))
        });
        found.ok_or_else(|| unknown(instance, session))
    }
}

/// The reason for a read that takes too long.
const SLOW: &str = "its server did not return the conversation in time";

fn is_settled(loaded: &Loaded) -> bool {
    loaded.rereading.is_none()
}
