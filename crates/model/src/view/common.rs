//! View rows shared by all viewers of the hub or of one instance: computed once for each change.
//!
//! Each of these goes over all sessions, so that with many viewers it would be most of the work.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use super::{AttentionRows, NeedRow, Overview, SessionRow, TabRow, attention, needs, rows, tree};
use crate::ids::InstanceId;
use crate::state::{Instance, Rev, State};

/// Rows, and the revision at which what they are made of last changed.
#[derive(Debug)]
struct At<T> {
    rev: Rev,
    rows: Arc<T>,
}

/// Rows that viewers share. They are made by the first viewer that needs them after a change; of one life of a state only.
#[derive(Debug, Default)]
pub struct Common(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    overview: Option<At<Overview>>,
    tabs: Option<At<Vec<TabRow>>>,
    attention: Option<At<AttentionRows>>,
    needs: Option<At<Vec<NeedRow>>>,
    trees: BTreeMap<InstanceId, At<Vec<SessionRow>>>,
    made: u64,
}

impl Common {
    /// Number of times that rows were computed.
    pub fn made(&self) -> u64 {
        self.with(|kept| kept.made)
    }

    /// `rev` is the revision at which anything that the overview shows last changed.
    pub(super) fn overview(&self, state: &State, rev: Rev) -> Arc<Overview> {
        self.with(|kept| {
            let made = &mut kept.made;
            shared(&mut kept.overview, rev, made, || super::overview(state))
        })
    }

    pub(super) fn tabs(&self, state: &State) -> Arc<Vec<TabRow>> {
        self.with(|kept| {
            let made = &mut kept.made;
            shared(&mut kept.tabs, state.rows_rev, made, || rows::tabs(state))
        })
    }

    /// `requests` is the revision at which requests last changed.
    pub(super) fn attention(&self, state: &State, requests: Rev) -> Arc<AttentionRows> {
        self.with(|kept| {
            let (rev, make) = (state.rows_rev.max(requests), || attention(state));
            shared(&mut kept.attention, rev, &mut kept.made, make)
        })
    }

    /// `rev` is the revision at which requests last changed.
    pub(super) fn needs(&self, state: &State, rev: Rev) -> Arc<Vec<NeedRow>> {
        self.with(|kept| shared(&mut kept.needs, rev, &mut kept.made, || needs(state)))
    }

    pub(super) fn tree(&self, state: &State, instance: &Instance) -> Arc<Vec<SessionRow>> {
        self.with(|kept| {
            if kept.trees.len() > state.instances.len() {
                kept.trees.retain(|id, _| state.instances.contains_key(id));
            }
            let (rev, id) = (instance.tree_rev.max(instance.rev), instance.id.clone());
            let mut known = kept.trees.remove(&id);
            let rows = shared(&mut known, rev, &mut kept.made, || tree(state, instance));
            kept.trees.extend(known.map(|known| (id, known)));
            rows
        })
    }

    fn with<T>(&self, look: impl FnOnce(&mut Kept) -> T) -> T {
        look(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Returns the cached rows of this revision, or computes them.
fn shared<T>(
    known: &mut Option<At<T>>,
    rev: Rev,
    made: &mut u64,
    make: impl FnOnce() -> T,
) -> Arc<T> {
    if let Some(known) = known.as_ref().filter(|known| known.rev == rev) {
        return known.rows.clone();
    }
    *made += 1;
    let rows = Arc::new(make());
    *known = Some(At {
        rev,
        rows: rows.clone(),
    });
    rows
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::event::{Addressed, Event};
    use crate::state::{LinkStatus, Origin, RunStatus, SessionInfo};
    use crate::time::Timestamp;
    use crate::view::{Viewport, delta, delta_with};

    fn fold(state: &mut State, event: Event) {
        let addressed = Addressed {
            instance: "a".into(),
            at: Timestamp(1),
            event,
        };
        let _nothing_is_read = crate::reduce(state, addressed);
    }

    #[test]
    fn rows_are_made_once_for_a_change_however_many_look_and_are_those_of_one_who_looks_alone() {
        let (mut state, common) = (State::default(), Common::default());
        let origin = Origin::Url("http://a/".into());
        let name = "a".into();
        fold(&mut state, Event::InstanceAdded { name, origin });
        fold(&mut state, Event::Link(LinkStatus::Connected));
        let front = Viewport {
            instance: Some("a".into()),
            ..Viewport::default()
        };
        for n in 0..20 {
            let info = SessionInfo::bare(format!("ses_{n}").as_str().into(), Timestamp(n));
            let (session, since) = (info.id.clone(), state.rev);
            fold(&mut state, Event::SessionCreated(info));
            let status = RunStatus::Busy;
            fold(&mut state, Event::Status { session, status });
            let before = common.made();
            for since in [Rev(0), since] {
                let alone = delta(&state, &front, since);
                for _ in 0..50 {
                    assert_eq!(delta_with(&state, &front, since, &common), alone);
                }
            }
            // Tabs, what needs a person, the tree; requests did not change but the first time.
            assert!(common.made() - before <= 4, "{}", common.made() - before);
        }
        fold(&mut state, Event::InstanceRemoved);
        assert_eq!(
            delta_with(&state, &front, Rev(0), &common),
            delta(&state, &front, Rev(0))
        );
    }
}
