//! REST of what was last connected to: a server of version 1, or a service of version 2.

use std::sync::Arc;

use model::event::{MessagesRead, Snapshot};
use model::ids::SessionId;
use model::state::{Catalog, Copying, SessionInfo, Watermark};
use model::time::Timestamp;
use opencode::client::TimedReply;

use super::opencode_server::LinkedServer;
use super::opencode2_server::LinkedService;
use crate::clock::Clock;
use crate::ingest::ClockSample;
use crate::ingest::upstream::{OlderSessions, Rest, UpstreamError};

/// REST of a server of either version.
#[derive(Clone, Debug)]
pub enum LinkedRest {
    /// Version 1, or one that only sends events.
    Server(LinkedServer),
    /// Version 2.
    Service(LinkedService),
}

/// The clock sample of a reply.
pub(super) fn sampled(dated: &TimedReply, clock: &Clock) -> Option<ClockSample> {
    let now = clock.now();
    let ago = |moment: std::time::Instant| {
        let millis = i64::try_from(moment.elapsed().as_millis()).unwrap_or(i64::MAX);
        Timestamp(now.0.saturating_sub(millis))
    };
    Some(ClockSample {
        date: Timestamp(dated.seconds.saturating_mul(1000)),
        asked: ago(dated.asked),
        answered: ago(dated.answered),
    })
}

/// Asks whichever of both it is.
macro_rules! either {
    ($rest:expr, $linked:ident => $asked:expr) => {
        match $rest {
            LinkedRest::Server($linked) => $asked,
            LinkedRest::Service($linked) => $asked,
        }
    };
}

pub(super) use either;

impl Rest for LinkedRest {
    fn dated(&self) -> Option<ClockSample> {
        either!(self, linked => linked.dated())
    }

    async fn snapshot(&self, seen: Vec<Arc<str>>) -> Result<Snapshot, UpstreamError> {
        either!(self, linked => linked.snapshot(seen).await)
    }

    async fn directory(&self, directory: Arc<str>) -> Result<Snapshot, UpstreamError> {
        either!(self, linked => linked.directory(directory).await)
    }

    async fn older_sessions(
        &self,
        directory: Arc<str>,
        before: Timestamp,
    ) -> Result<Option<OlderSessions>, UpstreamError> {
        either!(self, linked => linked.older_sessions(directory, before).await)
    }

    async fn branch(&self, directory: Arc<str>) -> Result<Option<Arc<str>>, UpstreamError> {
        either!(self, linked => linked.branch(directory).await)
    }

    async fn catalog(&self) -> Result<Catalog, UpstreamError> {
        either!(self, linked => linked.catalog().await)
    }

    async fn messages(
        &self,
        session: SessionId,
        before: Option<Arc<str>>,
    ) -> Result<MessagesRead, UpstreamError> {
        either!(self, linked => linked.messages(session, before).await)
    }

    async fn watermark(&self, session: SessionId) -> Result<Option<Watermark>, UpstreamError> {
        either!(self, linked => linked.watermark(session).await)
    }

    async fn copying(&self) -> Result<Option<Copying>, UpstreamError> {
        either!(self, linked => linked.copying().await)
    }

    async fn session(&self, session: SessionId) -> Result<SessionInfo, UpstreamError> {
        either!(self, linked => linked.session(session).await)
    }
}
