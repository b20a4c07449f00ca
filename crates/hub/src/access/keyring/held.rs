//! What a keyring holds: credentials with their uses and ends.

use std::collections::BTreeSet;
use std::sync::Arc;

use model::time::Timestamp;
use tokio_util::sync::CancellationToken;

use super::passkeys::Passkey;
use super::{Admitted, Credential, CredentialKind, Held, Presented, is_page, later, millis};
use crate::access::caller::{Caller, Powers, Role};
use crate::access::key::{Digest, hex};
use crate::limits;

impl Credential {
    pub(super) fn new(
        kind: CredentialKind,
        digest: Digest,
        made: Timestamp,
        expires: Option<Timestamp>,
    ) -> Self {
        let caller = match &kind {
            CredentialKind::CommandLine => Caller::command_line(),
            CredentialKind::Page { id, browser, roles } => Caller {
                name: format!("page {id} ({browser})").into(),
                powers: powers(roles),
            },
            CredentialKind::Token { name, roles } => Caller {
                name: format!("token {name}").into(),
                powers: powers(roles),
            },
        };
        Self {
            kind,
            digest,
            proof: None,
            made,
            expires,
            used: None,
            used_on_disk: None,
            parent: None,
            passkey: None,
            caller,
            ended: CancellationToken::new(),
        }
    }

    /// True if the presented credential matches. A page's cookie is not valid as a token, nor the reverse.
    pub(super) fn fits(&self, shown: Presented<'_>) -> bool {
        matches!(shown, Presented::Cookie { .. })
            == matches!(self.kind, CredentialKind::Page { .. })
    }

    pub(super) fn is_good(&self, now: Timestamp) -> bool {
        !self.ended.is_cancelled() && self.expires.is_none_or(|expires| expires > now)
    }

    pub(super) fn token(&self) -> Option<&str> {
        match &self.kind {
            CredentialKind::Token { name, .. } => Some(name),
            _ => None,
        }
    }

    pub(super) fn page(&self) -> Option<&str> {
        match &self.kind {
            CredentialKind::Page { id, .. } => Some(id),
            _ => None,
        }
    }

    /// Records a use, which extends the expiry of a page.
    pub(super) fn used(&mut self, now: Timestamp, proof: Option<Digest>) -> Admitted {
        self.used = Some(now);
        let longest = later(now, limits::PAGE_LIFE);
        let due = |expires: Timestamp| longest.since(expires) >= millis(limits::PAGE_RENEWED);
        let is_page = matches!(self.kind, CredentialKind::Page { .. });
        let renewed = is_page && self.expires.is_some_and(due);
        if renewed {
            self.expires = Some(longest);
        }
        let kept = self.kind != CredentialKind::CommandLine;
        let known = self.used_on_disk.unwrap_or_default();
        let store = renewed || kept && now.since(known) >= millis(limits::USED_EVERY);
        if store {
            self.used_on_disk = Some(now);
        }
        let unproven = is_page && (proof.is_none() || self.proof != proof);
        let mut caller = self.caller.clone();
        let whole = caller.powers;
        if unproven {
            caller.powers = Role::Watch.powers();
        }
        Admitted {
            caller,
            whole,
            unproven,
            ended: self.ended.clone(),
            renewed,
            store,
        }
    }
}

impl Held {
    /// Ends the selected credentials, and what they paired. Returns true if there were any.
    pub(super) fn end(&mut self, which: impl Fn(&CredentialKind) -> bool) -> bool {
        let gone = self
            .credentials
            .extract_if(.., |credential| which(&credential.kind));
        let gone = gone.map(|credential| credential.ended.cancel()).count();
        self.end_orphans();
        gone > 0
    }

    /// Ends the selected credentials, what they paired, and the passkeys that any of them registered: whoever is not trusted
    /// any more may not come back by such a one. Returns true if there were any.
    pub(super) fn revoke(&mut self, which: impl Fn(&CredentialKind) -> bool) -> bool {
        let gone = self
            .credentials
            .extract_if(.., |credential| which(&credential.kind));
        let gone: Vec<_> = gone.collect();
        let known = !gone.is_empty();
        self.end_with_passkeys(gone);
        known
    }

    /// The same for a passkey and the pages that came in by it.
    pub(super) fn revoke_passkey(&mut self, id: &str) -> bool {
        let before = self.passkeys.len();
        self.passkeys.retain(|passkey| &*passkey.id != id);
        let gone = self.take_orphans();
        self.end_with_passkeys(gone);
        self.passkeys.len() < before
    }

    fn end_with_passkeys(&mut self, mut gone: Vec<Credential>) {
        while !gone.is_empty() {
            gone.iter().for_each(|credential| credential.ended.cancel());
            let ids: Vec<_> = gone.iter().filter_map(Credential::page).collect();
            self.passkeys.retain(|passkey| !ids.contains(&&*passkey.by));
            gone = self.take_orphans();
        }
    }

    pub(super) fn end_what_is_over(&mut self, now: Timestamp) {
        let over = self
            .credentials
            .extract_if(.., |credential| !credential.is_good(now));
        over.for_each(|credential| credential.ended.cancel());
        self.end_orphans();
    }

    /// Ends pages, links and passkeys whose parent is gone, and what those paired.
    fn end_orphans(&mut self) {
        loop {
            let gone = self.take_orphans();
            if gone.is_empty() {
                return;
            }
            gone.iter().for_each(|credential| credential.ended.cancel());
        }
    }

    /// Removes links, passkeys and pages whose parent is gone, and pages whose passkey is. The pages are to be ended; what they
    /// paired is found by the next call.
    fn take_orphans(&mut self) -> Vec<Credential> {
        let names: Vec<_> = self.names().collect();
        let orphan = |parent: &Option<Arc<str>>| {
            let parent = parent.as_ref();
            parent.is_some_and(|parent| !names.contains(parent))
        };
        self.links.retain(|link| !orphan(&link.parent));
        self.passkeys.retain(|passkey| !orphan(&passkey.parent));
        self.end_chains();
        let passkeys = &self.passkeys;
        let locked_out = |passkey: &Option<Arc<str>>| {
            let passkey = passkey.as_ref();
            passkey.is_some_and(|id| !passkeys.iter().any(|known| known.id == *id))
        };
        let gone = self.credentials.extract_if(.., |credential| {
            orphan(&credential.parent) || locked_out(&credential.passkey)
        });
        gone.collect()
    }

    /// Removes passkeys that were registered by a page of a passkey which is gone, and those after them.
    fn end_chains(&mut self) {
        loop {
            let known: BTreeSet<_> = self.passkeys.iter().map(|one| one.id.clone()).collect();
            let stays =
                |passkey: &Passkey| passkey.passkey.as_ref().is_none_or(|id| known.contains(id));
            self.passkeys.retain(stays);
            if self.passkeys.len() == known.len() {
                return;
            }
        }
    }

    fn names(&self) -> impl Iterator<Item = Arc<str>> {
        self.credentials.iter().map(|one| one.caller.name.clone())
    }

    /// True if whoever paired a page is still there, and whoever paired that.
    pub(super) fn has_parents(&self, at: usize, now: Timestamp) -> bool {
        let mut parent = self.credentials.get(at).and_then(|one| one.parent.clone());
        // Each step leads to an older credential.
        while let Some(name) = parent {
            let mut all = self.credentials.iter();
            match all.find(|one| one.caller.name == name && one.is_good(now)) {
                Some(found) => parent = found.parent.clone(),
                None => return false,
            }
        }
        true
    }

    /// Evicts the least recently used page to make room for a new one.
    pub(super) fn forget_oldest_page(&mut self) {
        let pages = self.credentials.iter().filter_map(|one| match &one.kind {
            CredentialKind::Page { id, .. } => Some((one.used.unwrap_or(one.made), id.clone())),
            _ => None,
        });
        let mut pages: Vec<_> = pages.collect();
        pages.sort();
        let many = (pages.len() + 1).saturating_sub(limits::PAGES);
        for (_, oldest) in pages.into_iter().take(many) {
            self.end(|kind| is_page(kind, &oldest));
        }
    }

    pub(super) fn free_id(&self) -> String {
        let taken = |id: &String| {
            // A passkey names the page that registered it, also after that one has logged out.
            self.credentials.iter().any(|one| is_page(&one.kind, id))
                || self.passkeys.iter().any(|passkey| *passkey.by == **id)
        };
        loop {
            let id = hex(&rand::random::<[u8; 2]>());
            if !taken(&id) {
                return id;
            }
        }
    }
}

/// The powers of all these roles.
pub(super) fn powers(roles: &[Role]) -> Powers {
    let roles = roles.iter();
    roles.fold(Powers::NONE, |powers, role| powers.and(role.powers()))
}
