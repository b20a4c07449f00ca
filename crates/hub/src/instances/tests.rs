#![allow(clippy::unwrap_used)]
//! The hub against scripted servers over real sockets.

mod leaving;

use std::time::Duration;

use model::state::LinkStatus;
use scripted::opencode::{FakeOptions, FakeServer};
use tokio::time::timeout;

use super::*;
use crate::workspace::GuardCommand;

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) async fn hub(dir: &DataDir) -> Hub {
    let launcher = Launcher::new(GuardCommand::new("false", ["never"]), None);
    Hub::start(dir, HubOptions::new(launcher)).await.unwrap()
}

/// Waits until the state is as wanted.
pub(crate) async fn until(hub: &Hub, wanted: impl Fn(&model::State) -> bool) {
    let mut changes = hub.engine().changes();
    let reached = async {
        while !hub.engine().read(&wanted) {
            changes.changed().await.unwrap();
        }
    };
    timeout(PATIENCE, reached)
        .await
        .expect("the state becomes as wanted");
}

pub(crate) fn connected(state: &model::State, count: usize) -> bool {
    let live = |instance: &&model::state::Instance| instance.link.status == LinkStatus::Connected;
    state.instances.values().filter(live).count() == count
}

/// Resident memory in bytes, as the kernel counts it.
fn resident() -> usize {
    let statm = std::fs::read_to_string("/proc/self/statm").unwrap();
    let pages: usize = statm.split(' ').nth(1).unwrap().parse().unwrap();
    pages * 4096
}

async fn come_and_go(hub: &Hub, servers: &[FakeServer]) {
    let mut ids = Vec::new();
    for server in servers {
        let new = NewInstance::Url {
            url: server.url.clone(),
            login: None,
        };
        ids.push(hub.add(new, None).await.unwrap().id().clone());
    }
    until(hub, |state| connected(state, servers.len())).await;
    for id in &ids {
        assert!(hub.remove(id).await.unwrap());
    }
    until(hub, |state| {
        state.instances.is_empty() && state.owners.is_empty()
    })
    .await;
    for server in servers {
        let gone = async {
            while server.connections().open > 0 {
                tokio::task::yield_now().await;
            }
        };
        timeout(PATIENCE, gone)
            .await
            .expect("the server sees its stream closed");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hundred_instances_come_and_go_without_a_trace() {
    let dir = tempfile::tempdir().unwrap();
    let hub = hub(&DataDir::open(&dir.path().join("data")).unwrap()).await;
    let mut servers = Vec::new();
    for _ in 0..100 {
        servers.push(FakeServer::start(FakeOptions::default()).await.unwrap());
    }
    // The first rounds warm the allocator and the pools; what leaks does so in every round.
    let (mut rounds, mut grown) = (0, usize::MAX);
    while grown > 1 << 20 && rounds < 8 {
        let before = resident();
        come_and_go(&hub, &servers).await;
        grown = resident().saturating_sub(before);
        rounds += 1;
    }
    assert!(
        grown <= 1 << 20,
        "each round leaves more: now {grown} bytes"
    );
    assert_eq!(servers[0].connections().ever, rounds);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_dropped_leaves_nothing_that_runs() {
    let dir = tempfile::tempdir().unwrap();
    let hub = hub(&DataDir::open(&dir.path().join("data")).unwrap()).await;
    let server = FakeServer::start(FakeOptions::default()).await.unwrap();
    let new = NewInstance::Url {
        url: server.url.clone(),
        login: None,
    };
    hub.add(new, None).await.unwrap();
    until(&hub, |state| connected(state, 1)).await;
    let mut journal = hub.engine().journal().status();
    drop(hub);
    // The writer of the journal ends last, once nothing can say anything any more.
    let ended = async { while journal.changed().await.is_ok() {} };
    timeout(PATIENCE, ended).await.expect("the journal ends");
}
