//! Search in the conversations of all instances: keeps the index, and answers queries.
//!
//! A task reads sessions that changed since they were indexed, newest first, page by page from their servers, one at a time and apart
//! from the live path. Then it reads on the lists of sessions that servers cut. What was read is noted, so that a hub that starts again goes on there. A session that runs is indexed again
//! when it rests. Deleted sessions and removed instances are not shown from that moment on, and leave the file soon after.

mod beyond;
mod look;
#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use jiff::tz::TimeZone;
use model::ids::InstanceId;
use model::time::Timestamp;
use search::{Index, IndexError, Indexed, Page, Query, QueryError, SessionKey, doc};
use serde::Serialize;
use tokio::sync::{OnceCell, Semaphore};
use tokio::task::spawn_blocking;
use tokio::time::{Instant, sleep};

use self::beyond::Beyond;
use self::look::{Due, Look, Places};
use super::port::{Server, ServerError, Servers, Sessions};
use super::{CommandError, Commands};
use crate::limits;

/// Name of the index in the data directory.
pub const FILE: &str = "search.sqlite";

/// The search of a hub. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Search(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    path: PathBuf,
    index: OnceCell<Index>,
    progress: Mutex<Progress>,
    /// Sessions that servers do not list, as far as they were read.
    beyond: Mutex<BTreeMap<InstanceId, Beyond>>,
    queries: Semaphore,
}

/// How much is indexed.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Progress {
    /// Sessions that are indexed as they are now.
    pub indexed: usize,
    /// Sessions that are not indexed yet.
    pub waiting: usize,
    /// Sessions that have changed since they were indexed, such as those that run.
    pub changed: usize,
    /// Sessions of instances that are not connected: what of them was indexed before can be found.
    pub away: usize,
    /// Sessions of instances that the journal leaves out: they are not indexed.
    pub left_out: usize,
    /// Instances with sessions that are older than those that their servers listed, and that are not all read yet.
    pub cut: usize,
    /// Why nothing is indexed at present.
    pub problem: Option<String>,
}

/// The answer to a query.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Findings {
    /// The hits, newest first.
    pub hits: Vec<Finding>,
    /// True if there may be more.
    pub more: bool,
    /// How much is indexed.
    pub progress: Progress,
}

/// A hit, with what the state knows of its session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The hit.
    pub hit: search::Hit,
    /// Name of the instance.
    pub instance: Arc<str>,
    /// Title of the session; empty while its server is not connected.
    pub title: String,
}

/// Why a query has no answer.
#[derive(Debug, thiserror::Error)]
pub enum SearchError {
    /// The query cannot be read.
    #[error(transparent)]
    Query(#[from] QueryError),
    /// The index cannot be read.
    #[error(transparent)]
    Index(#[from] IndexError),
    /// The hub ends.
    #[error("the hub is ending")]
    Ended,
}

impl Search {
    /// The search with this file, which is opened when it is used first.
    pub fn new(path: PathBuf) -> Self {
        Self(Arc::new(Inner {
            path,
            index: OnceCell::new(),
            progress: Mutex::default(),
            beyond: Mutex::default(),
            queries: Semaphore::new(limits::SEARCHES),
        }))
    }

    /// How much is indexed.
    pub fn progress(&self) -> Progress {
        let progress = self.0.progress.lock();
        progress.unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn note(&self, act: impl FnOnce(&mut Progress)) {
        act(&mut self
            .0
            .progress
            .lock()
            .unwrap_or_else(PoisonError::into_inner));
    }

    /// The index, and how far each session is in it.
    async fn sessions(&self) -> Result<(Index, BTreeMap<SessionKey, Indexed>), SearchError> {
        let index = self.index().await?.clone();
        let of = index.clone();
        Ok((index, blocking(move || of.sessions()).await?))
    }

    async fn index(&self) -> Result<&Index, SearchError> {
        let open = || async {
            let path = self.0.path.clone();
            blocking(move || Index::open(&path)).await
        };
        self.0.index.get_or_try_init(open).await
    }
}

/// Does what blocks on the disk.
async fn blocking<T: Send + 'static>(
    act: impl FnOnce() -> Result<T, IndexError> + Send + 'static,
) -> Result<T, SearchError> {
    let done = spawn_blocking(act).await.map_err(|_| SearchError::Ended)?;
    Ok(done?)
}

/// The index as its task knows it.
struct Keeping<'a> {
    search: &'a Search,
    index: Index,
    known: BTreeMap<SessionKey, Indexed>,
    /// Sessions that ran since they were indexed.
    ran: BTreeSet<SessionKey>,
    /// Sessions that could not be read, and when they are read again.
    failed: BTreeMap<SessionKey, Instant>,
    /// When running sessions were read last.
    read: BTreeMap<SessionKey, Instant>,
}

impl<S: Servers> Commands<S>
where
    S::Server: Sessions,
{
    /// Answers a query: the newest hits first, `most` at most.
    ///
    /// # Errors
    /// The query cannot be read, or the index cannot.
    pub async fn find(
        &self,
        search: &Search,
        text: &str,
        most: usize,
    ) -> Result<Findings, SearchError> {
        let query = Query::parse(text, &TimeZone::system())?;
        let progress = search.progress();
        if query.is_empty() {
            return Ok(Findings {
                hits: Vec::new(),
                more: false,
                progress,
            });
        }
        let permit = search.0.queries.acquire().await;
        let index = search.index().await?.clone();
        let places = self
            .engine
            .read(|state| search.beyond(|beyond| Places::of(state, &query.places, beyond)));
        let found = blocking(move || Ok((index.find(&query, most, &places)?, places)));
        let (found, places) = found.await?;
        drop(permit);
        let hits = found.hits.into_iter();
        Ok(Findings {
            hits: hits.map(|hit| places.finding(hit)).collect(),
            more: found.more,
            progress,
        })
    }

    /// Keeps the index, for as long as the engine runs.
    pub async fn keep_index(&self, search: &Search) {
        sleep(limits::SEARCH_BEGINS).await;
        let (index, known) = loop {
            match search.sessions().await {
                Ok(opened) => break opened,
                Err(error) => {
                    tracing::warn!(%error, "conversations cannot be searched");
                    search.note(|progress| progress.problem = Some(error.to_string()));
                }
            }
            sleep(limits::SEARCH_AGAIN).await;
        };
        let mut keeping = Keeping {
            search,
            index,
            known,
            ran: BTreeSet::new(),
            failed: BTreeMap::new(),
            read: BTreeMap::new(),
        };
        while !self.engine.has_ended() {
            if self.index_due(&mut keeping).await {
                continue;
            }
            // All that is listed is indexed: then what is beyond the lists.
            let pause = match self.list_on(search).await {
                true => limits::SEARCH_PACE,
                false => limits::SEARCH_EVERY,
            };
            sleep(pause).await;
        }
    }

    /// Indexes the sessions that are due most, with pauses. False if there are none.
    async fn index_due(&self, keeping: &mut Keeping<'_>) -> bool {
        let log = self.engine.log();
        let mut look = self
            .engine
            .read(|state| Look::of(state, |id| log.is_private(id)));
        keeping.search.beyond(|beyond| look.go_beyond(beyond));
        keeping.ran.extend(look.running());
        self.forget_gone(keeping, &look).await;
        let due = keeping.due(&look);
        for next in &due {
            if self.engine.has_ended() {
                break;
            }
            let began = Instant::now();
            self.index_one(keeping, next).await;
            sleep(pause_after(began.elapsed())).await;
        }
        !due.is_empty()
    }

    /// Indexes a session, and notes what became of it.
    async fn index_one(&self, keeping: &mut Keeping<'_>, next: &Due) {
        keeping.read.insert(next.key.clone(), Instant::now());
        match self.index_session(keeping, next).await {
            Ok(()) if !next.running => {
                keeping.ran.remove(&next.key);
                keeping.read.remove(&next.key);
            }
            Ok(()) => {}
            Err(CommandError::Upstream(ServerError::NotFound(_))) if next.directory.is_some() => {
                keeping.forget_beyond(&next.key);
            }
            Err(error) => {
                let (instance, session) = &next.key;
                tracing::debug!(%instance, %session, %error, "a session was not indexed");
                let again = Instant::now() + limits::SEARCH_AGAIN;
                keeping.failed.insert(next.key.clone(), again);
            }
        }
    }

    /// Reads the pages of a session that the index may not have.
    async fn index_session(
        &self,
        keeping: &mut Keeping<'_>,
        due: &Due,
    ) -> Result<(), CommandError> {
        let (instance, session) = &due.key;
        let server = match &due.directory {
            Some(directory) => self.server(instance).await?.at(directory),
            None => self.at_session(instance, session).await?,
        };
        let indexed = keeping.known.get(&due.key).cloned().unwrap_or_default();
        let whole_before = indexed.seen.is_some();
        // A read that was interrupted goes on with older pages: what came since is read next, as of a session that changed.
        let reached_at = match indexed.next {
            Some(_) => Timestamp(0),
            None => due.updated,
        };
        let (mut before, mut to) = (indexed.next, None);
        loop {
            let began = Instant::now();
            let limit = Some(limits::SEARCH_PAGE);
            let page = server.messages(session, limit, before.as_deref()).await?;
            let resumed = before.is_some() && to.is_none();
            let stored = span(&page.messages, resumed, page.before.is_none(), to);
            to = stored.from;
            let (index, key) = (keeping.index.clone(), due.key.clone());
            let changed = blocking(move || index.store(&key, &stored)).await;
            let changed = changed.map_err(unusable)?;
            before = page.before.filter(|_| !page.messages.is_empty());
            let done = before.is_none() || (whole_before && !changed);
            let reached = Indexed {
                // Until the last changed page is read, an interruption must not pass for the end.
                seen: done.then_some(reached_at),
                next: before.clone().filter(|_| !done),
            };
            keeping.note(&due.key, reached).await.map_err(unusable)?;
            if done {
                return Ok(());
            }
            sleep(pause_after(began.elapsed())).await;
        }
    }

    /// Deletes what is no longer known to the state, after asking its server.
    async fn forget_gone(&self, keeping: &mut Keeping<'_>, look: &Look) {
        let mut gone = Vec::new();
        for key in keeping.known.keys().filter(|key| look.lacks(key)) {
            let failed = keeping.failed.get(key);
            if failed.is_some_and(|again| *again > Instant::now()) {
                continue;
            }
            let deleted = look.is_removed(&key.0) || self.is_deleted(key).await;
            match deleted {
                true => gone.push(key.clone()),
                false => {
                    let again = Instant::now() + limits::SEARCH_AGAIN;
                    keeping.failed.insert(key.clone(), again);
                }
            }
        }
        if gone.is_empty() {
            return;
        }
        let (index, keys) = (keeping.index.clone(), gone.clone());
        match blocking(move || index.delete(&keys)).await {
            Ok(()) => gone.iter().for_each(|key| keeping.forget(key)),
            Err(error) => {
                tracing::warn!(%error, "deleted sessions stay in the search index for now")
            }
        }
    }

    async fn is_deleted(&self, (instance, session): &SessionKey) -> bool {
        let Some(server) = self.servers.server(instance) else {
            return false;
        };
        matches!(
            server.session(session).await,
            Err(ServerError::NotFound(..))
        )
    }
}

impl Keeping<'_> {
    /// The sessions that are due most, [`limits::SEARCH_BATCH`] at most: those that rest before those that run, the newest first.
    fn due(&mut self, look: &Look) -> Vec<Due> {
        let now = Instant::now();
        self.failed.retain(|_, again| *again > now);
        // One that is gone before it was ever indexed is in no index that would tell of its end.
        self.ran.retain(|key| !look.lacks(key));
        self.read.retain(|key, _| !look.lacks(key));
        let (mut indexed, mut waiting, mut changed, mut due) = (0, 0, 0, Vec::new());
        for session in &look.sessions {
            let seen = self.known.get(&session.key).and_then(|known| known.seen);
            if seen == Some(session.updated) && !self.ran.contains(&session.key) {
                indexed += 1;
                continue;
            }
            match seen {
                Some(_) => changed += 1,
                None => waiting += 1,
            }
            let lately = |at: &Instant| now.duration_since(*at) < limits::SEARCH_RUNNING;
            let rests_too_short =
                session.running && self.read.get(&session.key).is_some_and(lately);
            if rests_too_short || self.failed.contains_key(&session.key) {
                continue;
            }
            due.push(session);
        }
        due.sort_unstable_by_key(|one| one.order());
        due.truncate(limits::SEARCH_BATCH);
        let due = due.into_iter().cloned().collect();
        self.search.note(|progress| {
            *progress = Progress {
                indexed,
                waiting,
                changed,
                away: look.away,
                left_out: look.left_out,
                cut: look.cut,
                problem: None,
            };
        });
        due
    }

    async fn note(&mut self, key: &SessionKey, indexed: Indexed) -> Result<(), SearchError> {
        let (index, noted, reached) = (self.index.clone(), key.clone(), indexed.clone());
        blocking(move || index.note(&noted, &reached)).await?;
        self.known.insert(key.clone(), indexed);
        Ok(())
    }

    fn forget_beyond(&self, (instance, session): &SessionKey) {
        self.search.beyond(|all| {
            let beyond = all.get_mut(instance);
            beyond.and_then(|beyond| beyond.sessions.remove(session))
        });
    }

    fn forget(&mut self, key: &SessionKey) {
        self.forget_beyond(key);
        self.known.remove(key);
        self.ran.remove(key);
        self.failed.remove(key);
        self.read.remove(key);
    }
}

/// The pause after some work of indexing, by how long that took.
fn pause_after(work: Duration) -> Duration {
    (work * limits::SEARCH_REST).min(limits::SEARCH_PACE)
}

/// A page of messages as the index stores it. Of a page that a read was resumed with nothing newer is known.
fn span(
    messages: &[(model::state::MessageInfo, Vec<model::state::Part>)],
    resumed: bool,
    oldest: bool,
    to: Option<Timestamp>,
) -> Page {
    let first = messages.first().map(|(message, _)| message.created);
    let last = messages.last().map(|(message, _)| message.created);
    let docs = messages
        .iter()
        .flat_map(|(message, parts)| doc::of_message(message, parts));
    Page {
        docs: docs.collect(),
        from: first.filter(|_| !oldest),
        to: if resumed { last } else { to },
    }
}

fn unusable(error: SearchError) -> CommandError {
    CommandError::NotRead(error.to_string().into())
}
