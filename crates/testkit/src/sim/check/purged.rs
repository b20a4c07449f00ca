//! Whether the journal lets go of what was deleted.

use std::collections::BTreeSet;
use std::sync::Arc;

use hub::record::journal::memory::Disk;
use hub::record::log::Said;
use opencode::wire::{Event, decode};

use super::super::core::{Invariant, lock};
use super::super::hub::instance;
use super::super::server::Server;
use super::{Found, wrong};

/// No text of a session is on the disk that its server told this life of the hub to be deleted.
pub(in super::super) fn purged(servers: &[Arc<Server>], disk: &Disk) -> Found {
    let mut deleted = BTreeSet::new();
    for server in servers {
        let inner = lock(&server.inner);
        let told = inner.taken.iter().filter_map(|frame| {
            let told = frame.data.contains("session.deleted");
            match decode(told.then_some(&*frame.data)?).ok()?.event {
                Event::SessionDeleted { session_id, .. } => Some(session_id),
                _ => None,
            }
        });
        deleted.extend(told.map(|session| (instance(server.index), session)));
    }
    if deleted.is_empty() {
        return Ok(());
    }
    for record in disk.records() {
        let (Some(session), Said::Upstream(text)) = (&record.session, &record.said) else {
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
