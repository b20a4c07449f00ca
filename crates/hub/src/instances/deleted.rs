//! Sessions that were deleted while no hub ran, or whose deletion the journal had not noted when the hub was killed: the journal
//! holds their texts, and nothing tells of them.
//!
//! After the start each server is asked for every session that the journal holds texts of and that no list named. Its answer that it
//! does not know the session purges them, as a deletion would.

use std::collections::BTreeMap;

use futures_util::future::join_all;
use model::State;
use model::ids::{InstanceId, SessionId};
use model::state::LinkStatus;
use tokio::sync::watch;
use tokio::time::sleep;

use crate::engine::Handle;
use crate::limits;
use crate::record::journal::Status;

/// Looks for them, once the state has the instances; ends when every server was asked.
pub(super) async fn look(engine: Handle, mut begun: watch::Receiver<bool>) {
    let mut journal = engine.journal().status();
    let opened = journal
        .wait_for(|status| matches!(status, Status::Ok { .. } | Status::Off { .. }))
        .await
        .is_ok();
    let begun = begun.wait_for(|begun| *begun).await.is_ok();
    if !opened || !begun {
        // The hub ends.
        return;
    }
    let mut stored: BTreeMap<InstanceId, Vec<SessionId>> = BTreeMap::new();
    for (instance, session) in engine.journal().sessions().await {
        let of = stored.entry(instance).or_default();
        of.push(SessionId::from(&*session));
    }
    let all = stored.into_iter();
    join_all(all.map(|(instance, sessions)| ask(&engine, instance, sessions))).await;
}

/// Has a server asked for each of these sessions, while it is connected.
async fn ask(engine: &Handle, instance: InstanceId, sessions: Vec<SessionId>) {
    for session in sessions {
        engine
            .until(|state| is_removed(state, &instance) || is_listed(state, &instance))
            .await;
        if engine.read(|state| is_removed(state, &instance)) {
            return;
        }
        if engine.read(|state| state.session(&instance, &session).is_some()) {
            continue;
        }
        engine.doubt_session(instance.clone(), session).await;
        sleep(limits::JOURNAL_SESSION_ASKS).await;
    }
}

fn is_removed(state: &State, instance: &InstanceId) -> bool {
    !state.instances.contains_key(instance)
}

/// True once its sessions are listed, on a link that stands.
fn is_listed(state: &State, instance: &InstanceId) -> bool {
    let known = state.instances.get(instance);
    known.is_some_and(|known| known.listed && known.link.status == LinkStatus::Connected)
}
