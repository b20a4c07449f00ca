//! Callers that leave at any point, and hubs that are killed there: registry, engine and journal agree all the same.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;

use model::ids::InstanceId;
use proptest::prelude::*;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::*;
use crate::record::journal::memory::Disk;
use crate::registry::Login;
use crate::secret::Secret;

/// What is asked of a hub.
#[derive(Clone, Copy, Debug)]
enum Ask {
    Add(usize),
    NewLogin(usize),
    Remove(usize),
    Journal(usize, bool),
}

/// Something that is asked, and after how many looks at it its caller leaves.
type Step = (Ask, usize);

fn step() -> impl Strategy<Value = Step> {
    let ask = prop_oneof![
        3 => (0..3_usize).prop_map(Ask::Add),
        1 => (0..3_usize).prop_map(Ask::NewLogin),
        3 => (0..3_usize).prop_map(Ask::Remove),
        1 => (0..3_usize, any::<bool>()).prop_map(|(at, kept)| Ask::Journal(at, kept)),
    ];
    (ask, prop_oneof![4 => 0..6_usize, 1 => Just(usize::MAX)])
}

/// Looks at some work so often, and leaves. `None` if it was not done by then.
async fn leave_after<T>(looks: usize, work: impl Future<Output = T>) -> Option<T> {
    let mut work = pin!(work);
    for look in 0..looks {
        if let std::task::Poll::Ready(done) = futures_util::poll!(&mut work) {
            return Some(done);
        }
        // Whoever stays lets others work meanwhile.
        if look > 8 {
            sleep(Duration::from_millis(1)).await;
        }
        yield_now().await;
    }
    None
}

/// A hub over servers, of which it knows some.
struct Lab {
    dir: tempfile::TempDir,
    disk: Disk,
    servers: Vec<FakeServer>,
    hub: Hub,
}

impl Lab {
    async fn new() -> Self {
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(FakeServer::start(FakeOptions::default()).await.unwrap());
        }
        let (dir, disk) = (tempfile::tempdir().unwrap(), Disk::new());
        let hub = start(&dir, &disk).await;
        Self {
            dir,
            disk,
            servers,
            hub,
        }
    }

    fn add(&self, at: usize, login: Option<Login>) -> NewInstance {
        let url = self.servers[at].url.clone();
        NewInstance::Url { url, login }
    }

    /// The instance of a server, if the hub knows it.
    fn known(&self, at: usize) -> Option<InstanceId> {
        let registry = self.hub.registry();
        let url = &self.servers[at].url;
        let of_it = |instance: &&crate::registry::Instance| match &instance.origin {
            crate::registry::Origin::Url(server) => {
                server.url.as_url().as_str().trim_end_matches('/') == url
            }
            crate::registry::Origin::Folder(_) => false,
        };
        registry
            .instances()
            .iter()
            .find(of_it)
            .map(|one| one.id.clone())
    }

    async fn ask(&self, (ask, looks): Step) {
        let hub = self.hub.clone();
        match ask {
            Ask::Add(at) => {
                leave_after(looks, hub.add(self.add(at, None), None)).await;
            }
            Ask::NewLogin(at) => {
                let login = Login {
                    username: "u".into(),
                    password: Secret::new(format!("p{looks}")),
                };
                leave_after(looks, hub.add(self.add(at, Some(login)), None)).await;
            }
            Ask::Remove(at) => {
                if let Some(id) = self.known(at) {
                    leave_after(looks, hub.remove(&id)).await;
                }
            }
            Ask::Journal(at, kept) => {
                if let Some(id) = self.known(at) {
                    leave_after(looks, hub.set_journal(&id, kept)).await;
                }
            }
        }
    }
}

async fn start(dir: &tempfile::TempDir, disk: &Disk) -> Hub {
    let launcher = Launcher::new(GuardCommand::new("false", ["never"]), None);
    let options = HubOptions {
        journal: Keep::In(Arc::new(disk.clone()), Retention::default()),
        ..HubOptions::new(launcher)
    };
    let data = DataDir::open(&dir.path().join("data")).unwrap();
    Hub::start(&data, options).await.unwrap()
}

/// What does not agree, once all that was begun has ended.
fn disagreement(hub: &Hub) -> Option<String> {
    let (listed, private, purging) = {
        let registry = hub.registry();
        let listed: BTreeSet<_> = registry
            .instances()
            .iter()
            .map(|one| one.id.clone())
            .collect();
        let private = registry.instances().iter().filter(|one| !one.journal);
        let private: BTreeSet<_> = private.map(|one| one.id.clone()).collect();
        (listed, private, registry.purging().to_vec())
    };
    let folded: BTreeSet<_> = hub
        .engine()
        .read(|state| state.instances.keys().cloned().collect());
    let supervised: BTreeSet<_> = hub.0.instances.known();
    let log = hub.engine().log();
    let withheld: BTreeSet<_> = listed
        .iter()
        .filter(|id| log.is_private(id))
        .cloned()
        .collect();
    let found = format!(
        "listed {listed:?}, in the state {folded:?}, supervised {supervised:?}, not to be stored {private:?}, not stored \
         {withheld:?}, to be purged {purging:?} and {:?}",
        log.next_purge()
    );
    let agree = listed == folded
        && listed == supervised
        && private == withheld
        && purging.is_empty()
        && log.next_purge().is_none();
    (!agree).then_some(found)
}

async fn agrees(hub: &Hub) -> Result<(), TestCaseError> {
    for _ in 0..2000 {
        if disagreement(hub).is_none() {
            return Ok(());
        }
        sleep(Duration::from_millis(5)).await;
    }
    Err(TestCaseError::fail(disagreement(hub).unwrap_or_default()))
}

async fn check(steps: Vec<Step>) -> Result<(), TestCaseError> {
    let lab = Lab::new().await;
    for step in steps {
        lab.ask(step).await;
    }
    agrees(&lab.hub).await?;
    // Every one of them can still be removed, also those whose adding had only begun when all agreed.
    for _ in 0..200 {
        for at in 0..3 {
            if let Some(id) = lab.known(at) {
                // Another removal of it may just have come to its end.
                let _known = lab.hub.remove(&id).await.unwrap();
            }
        }
        agrees(&lab.hub).await?;
        if lab.hub.engine().read(|state| state.instances.is_empty()) {
            return Ok(());
        }
    }
    Err(TestCaseError::fail("instances come back for ever"))
}

proptest! {
    #![proptest_config(ProptestConfig { max_shrink_iters: 40, ..ProptestConfig::with_cases(24) })]

    #[test]
    fn whoever_leaves_what_the_hub_knows_agrees(steps in proptest::collection::vec(step(), 1..12)) {
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(2)
            .enable_all()
            .build()
            .unwrap();
        runtime.block_on(check(steps))?;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_removal_goes_on_without_its_caller_and_a_second_one_waits_for_it() {
    let lab = Lab::new().await;
    let id = lab
        .hub
        .add(lab.add(0, None), None)
        .await
        .unwrap()
        .id()
        .clone();
    until(&lab.hub, |state| connected(state, 1)).await;
    assert!(leave_after(1, lab.hub.remove(&id)).await.is_none());
    // Gone already, or still going: it is never a ghost that nobody can remove.
    lab.hub.remove(&id).await.unwrap();
    until(&lab.hub, |state| state.instances.is_empty()).await;
    assert!(!lab.hub.remove(&id).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_killed_while_it_removes_leaves_the_purge_to_the_next() {
    let lab = Lab::new().await;
    let id = lab
        .hub
        .add(lab.add(0, None), None)
        .await
        .unwrap()
        .id()
        .clone();
    until(&lab.hub, |state| connected(state, 1)).await;
    let said = crate::record::log::Said::Upstream("a secret".into());
    let log = lab.hub.engine().log();
    log.append(&id, [(None, said)], model::time::Timestamp(0));
    let stored = |disk: &Disk| String::from_utf8_lossy(&disk.bytes()).contains("a secret");
    let is_stored = async {
        while !stored(&lab.disk) {
            sleep(Duration::from_millis(5)).await
        }
    };
    timeout(PATIENCE, is_stored).await.expect("it is stored");
    // The disk of the journal refuses: the purge cannot be noted in it before the kill.
    lab.disk
        .fail(Some(crate::record::journal::store::StoreError::Full(
            "no".into(),
        )));
    assert!(lab.hub.remove(&id).await.unwrap());
    let Lab {
        dir,
        disk,
        hub,
        servers,
    } = lab;
    let mut journal = hub.engine().journal().status();
    drop(hub);
    let ended = async { while journal.changed().await.is_ok() {} };
    timeout(PATIENCE, ended).await.expect("the journal ends");
    assert!(stored(&disk));
    disk.fail(None);
    let hub = start(&dir, &disk).await;
    agrees(&hub).await.unwrap();
    let purged = async {
        while stored(&disk) {
            sleep(Duration::from_millis(5)).await
        }
    };
    timeout(PATIENCE, purged).await.expect("it is purged");
    drop(servers);
}
