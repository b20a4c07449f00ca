//! Whether the journal lets go of what was deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use hub::record::journal::memory::MemoryDisk;
use hub::record::log::Payload;

use super::super::core::{Invariant, lock};
use super::super::hub::instance;
use super::super::server::Server;
use super::{Found, wrong};

/// No text of a session is on the disk that its server reported to this process as deleted.
pub(in super::super) fn purged(servers: &[Arc<Server>], disk: &MemoryDisk) -> Found {
    let mut deleted = BTreeSet::new();
    for server in servers {
        let reported = lock(&server.inner).deleted.clone();
        let reported = reported.into_iter();
        deleted.extend(reported.map(|session| (instance(server.index), session)));
    }
    if deleted.is_empty() {
        return Ok(());
    }
    for record in disk.records() {
        let (Some(session), Payload::Upstream(text)) = (&record.session, &record.payload) else {
            continue;
        };
        if deleted.contains(&(record.instance.clone(), session.to_string())) {
            return wrong(
                Invariant::Purged,
                format!("{session} was deleted, and the journal has {text}"),
            );
        }
    }
    Ok(())
}
