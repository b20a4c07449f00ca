//! Callers that leave at any point, and hubs that are killed there: registry, engine and journal agree all the same.

use std::collections::BTreeSet;
use std::future::Future;
use std::pin::pin;

use model::ids::InstanceId;
use proptest::prelude::*;
use tokio::task::yield_now;
use tokio::time::sleep;

use super::*;
use crate::record::journal::memory::MemoryDisk;
use crate::registry::{InstanceChange, Login};
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
    disk: MemoryDisk,
    servers: Vec<FakeServer>,
    hub: Hub,
}

impl Lab {
    async fn new() -> Self {
        let mut servers = Vec::new();
        for _ in 0..3 {
            servers.push(FakeServer::start(FakeOptions::default()).await.unwrap());
        }
        let (dir, disk) = (tempfile::tempdir().unwrap(), MemoryDisk::new());
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
            crate::registry::Origin::Folder(_) | crate::registry::Origin::Service(_) => false,
        };
        registry
            .instances()
            .iter()
            .find(of_it)
            .map(|one| one.id.clone())
    }

    /// The instance of the first server, connected.
    async fn connect(&self) -> InstanceId {
        let added = self.hub.add(self.add(0, None), None).await.unwrap();
        until(&self.hub, |state| connected(state, 1)).await;
        added.id().clone()
    }

    /// A session of the first server.
    fn session(&self, title: &str) -> String {
        self.servers[0].seed_session(title).unwrap()
    }

    /// Stores a text of an instance, or of one of its sessions.
    async fn say(&self, instance: &InstanceId, session: Option<&str>, text: &str) {
        let said = crate::record::log::Payload::Upstream(text.into());
        let said = [(session.map(Into::into), said)];
        let log = self.hub.engine().log();
        log.append(instance, said, model::time::Timestamp(0));
        until_disk(&self.disk, |disk| is_stored(disk, text)).await;
    }

    /// From now on the journal's disk refuses: no purge can be noted in it.
    fn refuse_writes(&self) {
        let full = crate::record::journal::store::StoreError::Full("no".into());
        self.disk.fail(Some(full));
    }

    async fn delete(&self, session: &str) {
        delete(&self.servers[0], session).await;
    }

    /// Ends the hub without a word.
    async fn kill(self) -> Killed {
        let Self {
            dir,
            disk,
            servers,
            hub,
        } = self;
        let mut journal = hub.engine().journal().status();
        drop(hub);
        let ended = async { while journal.changed().await.is_ok() {} };
        timeout(PATIENCE, ended).await.expect("the journal ends");
        Killed { dir, disk, servers }
    }

    async fn until_purged(&self, text: &str) {
        until_disk(&self.disk, |disk| !is_stored(disk, text)).await;
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
                    let change = InstanceChange {
                        journal: Some(kept),
                        ..InstanceChange::default()
                    };
                    leave_after(looks, hub.change(&id, change)).await;
                }
            }
        }
    }
}

/// What a hub leaves that was killed.
struct Killed {
    dir: tempfile::TempDir,
    disk: MemoryDisk,
    servers: Vec<FakeServer>,
}

impl Killed {
    async fn delete(&self, session: &str) {
        delete(&self.servers[0], session).await;
    }

    /// The next hub, on a disk that works.
    async fn start(self) -> Lab {
        let Self { dir, disk, servers } = self;
        disk.fail(None);
        let hub = start(&dir, &disk).await;
        Lab {
            dir,
            disk,
            servers,
            hub,
        }
    }
}

async fn delete(server: &FakeServer, session: &str) {
    let http = opencode::Http::new().unwrap();
    let url = url::Url::parse(&server.url).unwrap();
    let client = opencode::Client::new(http, url, None).unwrap();
    client.delete_session(session).await.unwrap();
}

fn is_stored(disk: &MemoryDisk, text: &str) -> bool {
    String::from_utf8_lossy(&disk.bytes()).contains(text)
}

async fn until_disk(disk: &MemoryDisk, wanted: impl Fn(&MemoryDisk) -> bool) {
    let reached = async {
        while !wanted(disk) {
            sleep(Duration::from_millis(5)).await
        }
    };
    timeout(PATIENCE, reached)
        .await
        .expect("the disk becomes as wanted");
}

async fn start(dir: &tempfile::TempDir, disk: &MemoryDisk) -> Hub {
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
    let redacted: BTreeSet<_> = listed
        .iter()
        .filter(|id| log.is_private(id))
        .cloned()
        .collect();
    let found = format!(
        "listed {listed:?}, in the state {folded:?}, supervised {supervised:?}, not to be stored {private:?}, not stored \
         {redacted:?}, to be purged {purging:?} and {:?}",
        log.next_purge()
    );
    let agree = listed == folded
        && listed == supervised
        && private == redacted
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
    let id = lab.connect().await;
    assert!(leave_after(1, lab.hub.remove(&id)).await.is_none());
    // Gone already, or still going: it is never a ghost that nobody can remove.
    lab.hub.remove(&id).await.unwrap();
    until(&lab.hub, |state| state.instances.is_empty()).await;
    assert!(!lab.hub.remove(&id).await.unwrap());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hub_that_is_killed_while_it_removes_leaves_the_purge_to_the_next() {
    let lab = Lab::new().await;
    let id = lab.connect().await;
    lab.say(&id, None, SECRET).await;
    lab.refuse_writes();
    assert!(lab.hub.remove(&id).await.unwrap());
    let killed = lab.kill().await;
    assert!(is_stored(&killed.disk, SECRET));
    let lab = killed.start().await;
    agrees(&lab.hub).await.unwrap();
    lab.until_purged(SECRET).await;
}

/// A text that is to be purged.
const SECRET: &str = "a secret";

#[tokio::test(flavor = "multi_thread")]
async fn a_session_whose_deletion_the_journal_had_not_noted_is_purged_by_the_next_hub() {
    let lab = Lab::new().await;
    let (gone, stays) = (lab.session("gone"), lab.session("stays"));
    let id = lab.connect().await;
    lab.say(&id, Some(&gone), SECRET).await;
    lab.say(&id, Some(&stays), "no secret").await;
    lab.refuse_writes();
    lab.delete(&gone).await;
    let session = model::ids::SessionId::from(gone.as_str());
    until(&lab.hub, |state| state.session(&id, &session).is_none()).await;
    let killed = lab.kill().await;
    assert!(is_stored(&killed.disk, SECRET));
    let lab = killed.start().await;
    lab.until_purged(SECRET).await;
    assert!(is_stored(&lab.disk, "no secret"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_is_deleted_while_no_hub_runs_is_purged_by_the_next() {
    let lab = Lab::new().await;
    let gone = lab.session("gone");
    let id = lab.connect().await;
    lab.say(&id, Some(&gone), SECRET).await;
    let killed = lab.kill().await;
    killed.delete(&gone).await;
    assert!(is_stored(&killed.disk, SECRET));
    killed.start().await.until_purged(SECRET).await;
}
