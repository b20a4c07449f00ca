//! What the task of the index remembers.

use model::Event;
use model::event::{Addressed, Snapshot};
use model::ids::SessionId;
use model::reduce;
use model::state::{LinkStatus, Origin, RunStatus, SessionInfo, State};

use super::*;

fn fold(state: &mut State, event: Event) {
    let (instance, at) = (InstanceId::new("i"), Timestamp(1));
    reduce(
        state,
        Addressed {
            instance,
            at,
            event,
        },
    );
}

#[tokio::test]
async fn nothing_is_remembered_of_sessions_that_are_gone_before_they_were_indexed() {
    let mut state = State::default();
    let origin = Origin::Url("http://server/".into());
    let name = "server".into();
    fold(&mut state, Event::InstanceAdded { name, origin });
    fold(&mut state, Event::Snapshot(Snapshot::default()));
    fold(&mut state, Event::Link(LinkStatus::Connected));
    let folder = tempfile::tempdir().unwrap();
    let search = Search::new(folder.path().join(FILE));
    let mut keeping = Keeping {
        search: &search,
        index: search.index().await.unwrap().clone(),
        known: BTreeMap::new(),
        ran: BTreeSet::new(),
        failed: BTreeMap::new(),
        read: BTreeMap::new(),
    };
    for nth in 0..10 {
        let session = SessionId::new(format!("ses_{nth}"));
        let info = SessionInfo::bare(session.clone(), Timestamp(1));
        fold(&mut state, Event::SessionCreated(info));
        let status = RunStatus::Busy;
        let runs = Event::Status {
            session: session.clone(),
            status,
        };
        fold(&mut state, runs);
        let look = Look::of(&state, |_| false);
        keeping.ran.extend(look.running());
        let due = keeping.due(&look);
        assert_eq!((due.len(), keeping.ran.len()), (1, 1));
        for one in due {
            keeping.read.insert(one.key, Instant::now());
        }
        fold(&mut state, Event::SessionDeleted(session));
    }
    assert!(keeping.due(&Look::of(&state, |_| false)).is_empty());
    assert!(keeping.ran.is_empty() && keeping.read.is_empty());
}
