//! Sessions beyond those that servers list: their lists are read on for the search, page by page, and apart from the state, which
//! would grow by sessions that nobody looks at.
//!
//! What was read is in memory. A hub that starts again reads the lists anew, and of what the index has already no message.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use model::State;
use model::ids::{InstanceId, SessionId};
use model::state::SessionInfo;
use model::time::Timestamp;
use tokio::time::Instant;

use crate::command::port::{Server, ServerError, Servers, Sessions};
use crate::command::{CommandError, Commands};
use crate::limits;

use super::Search;

/// A session that no list of its server names.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BeyondSession {
    /// Its title.
    pub(super) title: Arc<str>,
    /// Its folder.
    pub(super) directory: Arc<str>,
    /// When it last changed, by its server's clock.
    pub(super) updated: Timestamp,
}

/// How far the list of a folder was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Reach {
    /// Where the list of the state ended when reading began.
    from: Timestamp,
    /// The next page has the sessions before this time; `None` at the end of the list.
    next: Option<Timestamp>,
}

/// The sessions of one instance beyond its lists.
#[derive(Clone, Debug, Default)]
pub(super) struct Beyond {
    /// The sessions that were read.
    pub(super) sessions: BTreeMap<SessionId, BeyondSession>,
    folders: BTreeMap<Arc<str>, Reach>,
    /// When a list that could not be read is read again.
    again: Option<Instant>,
    /// True if its server cannot read lists on.
    unable: bool,
}

/// A page to be read.
#[derive(Clone, Debug, PartialEq, Eq)]
struct NextPage {
    instance: InstanceId,
    directory: Arc<str>,
    from: Timestamp,
    before: Timestamp,
}

impl Beyond {
    /// The page of these cut lists that is read next.
    fn next(&self, older: &BTreeMap<Arc<str>, Timestamp>) -> Option<(Arc<str>, Reach)> {
        // What a person had listed to its end is in the state.
        let mut cut = older.iter().filter(|(_, at)| at.0 > i64::MIN);
        cut.find_map(|(directory, at)| {
            let known = self.folders.get(directory);
            // Where the state's list ends earlier than before, sessions left it.
            let reach = match known.filter(|known| known.from >= *at) {
                Some(known) => *known,
                None => Reach {
                    from: *at,
                    next: Some(*at),
                },
            };
            reach.next.map(|_| (directory.clone(), reach))
        })
    }

    /// True if more of these cut lists can be read, or nothing of them.
    pub(super) fn lacks(&self, older: &BTreeMap<Arc<str>, Timestamp>) -> bool {
        self.next(older).is_some()
    }

    /// True if its sessions are not known because its server cannot read lists on.
    pub(super) fn is_unable(&self) -> bool {
        self.unable
    }
}

impl Search {
    /// Looks at what is beyond the lists.
    pub(super) fn beyond<T>(&self, look: impl FnOnce(&mut BTreeMap<InstanceId, Beyond>) -> T) -> T {
        let mut all = self.0.beyond.lock().unwrap_or_else(PoisonError::into_inner);
        look(&mut all)
    }

    /// The page that is read next.
    fn next_page(
        &self,
        state: &State,
        is_private: impl Fn(&InstanceId) -> bool,
    ) -> Option<NextPage> {
        self.beyond(|all| {
            all.retain(|id, _| state.instances.contains_key(id));
            let many: usize = all.values().map(|one| one.sessions.len()).sum();
            if many >= limits::SEARCH_BEYOND {
                return None;
            }
            let now = Instant::now();
            state.instances.values().find_map(|instance| {
                if !instance.is_live() || is_private(&instance.id) {
                    return None;
                }
                let beyond = all.entry(instance.id.clone()).or_default();
                if beyond.unable || beyond.again.is_some_and(|again| again > now) {
                    return None;
                }
                let (directory, reach) = beyond.next(&instance.older)?;
                Some(NextPage {
                    instance: instance.id.clone(),
                    directory,
                    from: reach.from,
                    before: reach.next?,
                })
            })
        })
    }

    /// Takes a page.
    fn page_read(&self, page: &NextPage, sessions: Vec<SessionInfo>, next: Option<Timestamp>) {
        self.beyond(|all| {
            let beyond = all.entry(page.instance.clone()).or_default();
            let reach = Reach {
                from: page.from,
                next,
            };
            beyond.folders.insert(page.directory.clone(), reach);
            let read = sessions.into_iter().map(|info| {
                let session = BeyondSession {
                    title: info.title().into(),
                    directory: info.directory,
                    updated: info.updated,
                };
                (info.id, session)
            });
            beyond.sessions.extend(read);
        });
    }
}

impl<S: Servers> Commands<S>
where
    S::Server: Sessions,
{
    /// Reads the next page of a list that was cut. False if there is none.
    pub(super) async fn list_on(&self, search: &Search) -> bool {
        let log = self.engine.log();
        let next = |state: &State| search.next_page(state, |id| log.is_private(id));
        let Some(page) = self.engine.read(next) else {
            return false;
        };
        match self.older_page(&page).await {
            Ok(Some((sessions, next))) => search.page_read(&page, sessions, next),
            Ok(None) | Err(CommandError::Upstream(ServerError::NotFound(_))) => {
                search.beyond(|all| all.entry(page.instance).or_default().unable = true);
            }
            Err(error) => {
                let instance = &page.instance;
                tracing::debug!(%instance, %error, "a list of older sessions was not read");
                let again = Some(Instant::now() + limits::SEARCH_AGAIN);
                search.beyond(|all| all.entry(page.instance).or_default().again = again);
            }
        }
        true
    }

    async fn older_page(
        &self,
        page: &NextPage,
    ) -> Result<Option<(Vec<SessionInfo>, Option<Timestamp>)>, CommandError> {
        let server = self.server(&page.instance).await?.at(&page.directory);
        Ok(server.older(page.before).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_to_its_end_and_again_where_sessions_left_it() {
        let folder: Arc<str> = "/p".into();
        let cut = |at| BTreeMap::from([(folder.clone(), Timestamp(at))]);
        let mut beyond = Beyond::default();
        let next = |beyond: &Beyond, at| beyond.next(&cut(at)).and_then(|(_, reach)| reach.next);
        assert_eq!(next(&beyond, 100), Some(Timestamp(100)));
        // What a person had listed to its end has nothing beyond.
        assert_eq!(next(&beyond, i64::MIN), None);
        let mut reached = |from, next: Option<i64>| {
            let (from, next) = (Timestamp(from), next.map(Timestamp));
            beyond.folders.insert(folder.clone(), Reach { from, next });
            beyond.clone()
        };
        let read = reached(100, Some(50));
        assert_eq!(next(&read, 100), Some(Timestamp(50)));
        // A person listed a page meanwhile, whose sessions the state has as well.
        assert_eq!(next(&read, 70), Some(Timestamp(50)));
        let whole = reached(100, None);
        assert_eq!(next(&whole, 100), None);
        assert!(!whole.lacks(&cut(100)) && whole.lacks(&cut(130)));
        assert_eq!(next(&whole, 130), Some(Timestamp(130)));
    }
}
