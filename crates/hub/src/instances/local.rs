//! Whether a server runs on this machine: only then are its folders the ones that are here.

use std::collections::{BTreeMap, HashSet};
use std::sync::{Mutex, PoisonError};

use model::ids::InstanceId;
use model::state::Origin;
use tokio::time::Instant;
use url::{Host, Url};

use super::Hub;
use crate::limits;
use crate::workspace::discover;

/// What was found out, and when.
#[derive(Debug, Default)]
pub(super) struct Known(Mutex<BTreeMap<InstanceId, (Instant, bool)>>);

impl Hub {
    /// True if the server of an instance is a process of this user on this machine. A forwarded port is none.
    pub async fn is_local(&self, instance: &InstanceId) -> bool {
        let origin = self.engine().read(|state| {
            let instance = state.instances.get(instance)?;
            Some(instance.origin.clone())
        });
        let url = match origin {
            Some(Origin::Folder(_) | Origin::Service(_)) => return true,
            Some(Origin::Url(url)) => url,
            None => return false,
        };
        let lock = || {
            self.0
                .local
                .0
                .lock()
                .unwrap_or_else(PoisonError::into_inner)
        };
        let known = lock().get(instance).copied();
        if let Some((at, local)) = known
            && at.elapsed() < limits::LOCAL_KNOWN
        {
            return local;
        }
        let look = move || listens_here(&url);
        let local = tokio::task::spawn_blocking(look).await.unwrap_or(false);
        let mut all = lock();
        all.retain(|_, (at, _)| at.elapsed() < limits::LOCAL_KNOWN);
        all.insert(instance.clone(), (Instant::now(), local));
        local
    }
}

/// True if an OpenCode of this user listens at this address of this machine.
fn listens_here(url: &str) -> bool {
    let Ok(url) = Url::parse(url) else {
        return false;
    };
    let loopback = match url.host() {
        Some(Host::Ipv4(ip)) => ip.is_loopback(),
        Some(Host::Ipv6(ip)) => ip.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    let port = url.port_or_known_default();
    // A server of this very process, such as that of the demo.
    let own = || port.is_some_and(|port| discover::listens(std::process::id(), port));
    let found = || discover::look(&HashSet::new());
    let of_user = || {
        found().is_ok_and(|found| {
            let mut servers = found.servers.iter();
            servers.any(|server| server.url.port_or_known_default() == port)
        })
    };
    loopback && (own() || of_user())
}
