//! How pages come in: by a single-use link, by the password, or by a passkey.

use std::sync::Arc;
use std::time::Duration;

use super::held::powers;
use super::{Credential, CredentialKind, Held, Keyring, KeyringError, Link, PageLogin, later};
use crate::access::caller::{Caller, Power, Role};
use crate::access::key::{Digest, Key};
use crate::limits;

impl Keyring {
    /// The key of a single-use link for one page that may do everything, valid for [`limits::LINK_LIFE`].
    pub fn link(&self) -> Key {
        self.new_link(vec![Role::Admin], None, limits::LINK_LIFE)
    }

    /// The key of a single-use link for a device with these roles, valid for [`limits::PAIRING_LIFE`]. The device ends with
    /// the caller that paired it, unless that may do everything.
    ///
    /// # Errors No role is named, or one that the caller does not have.
    pub fn pair(&self, by: &Caller, mut roles: Vec<Role>) -> Result<Key, KeyringError> {
        roles.sort_unstable();
        roles.dedup();
        if roles.is_empty() {
            return Err(KeyringError::NoRole);
        }
        let is_admin = by.powers.has(Power::Admin);
        if !is_admin && !by.powers.includes(powers(&roles)) {
            return Err(KeyringError::Beyond);
        }
        let parent = (!is_admin).then(|| by.name.clone());
        Ok(self.new_link(roles, parent, limits::PAIRING_LIFE))
    }

    fn new_link(&self, roles: Vec<Role>, parent: Option<Arc<str>>, life: Duration) -> Key {
        let key = Key::random();
        let mut held = self.held();
        if held.links.len() >= limits::LINKS {
            held.links.remove(0);
        }
        held.links.push(Link {
            digest: key.digest(),
            expires: later(self.0.clock.now(), life),
            roles,
            parent,
        });
        key
    }

    /// Exchanges a link's key for the secrets of a page of `browser`, and the name of its caller. `None` if the link is
    /// unknown, expired or used.
    pub fn enter(&self, link: &str, browser: &str) -> Option<PageLogin> {
        let (digest, now) = (Digest::of(link), self.0.clock.now());
        let mut held = self.held();
        held.links.retain(|link| link.expires > now);
        let at = held.links.iter().position(|link| link.digest == digest)?;
        let link = held.links.remove(at);
        Some(self.let_in(&mut held, browser, link.roles, (link.parent, None)))
    }

    /// The secrets of a page of `browser` whose person gave the password. It may do everything.
    pub fn enter_by_password(&self, browser: &str) -> PageLogin {
        self.let_in(&mut self.held(), browser, vec![Role::Admin], (None, None))
    }

    /// Adds a page of these roles. It ends with its parent and with its passkey, if it has them.
    pub(super) fn let_in(
        &self,
        held: &mut Held,
        browser: &str,
        roles: Vec<Role>,
        (parent, passkey): (Option<Arc<str>>, Option<Arc<str>>),
    ) -> PageLogin {
        let now = self.0.clock.now();
        let (cookie, proof) = (Key::random(), Key::random());
        held.forget_oldest_page();
        let kind = CredentialKind::Page {
            id: held.free_id(),
            browser: browser.to_owned(),
            roles,
        };
        let expires = Some(later(now, limits::PAGE_LIFE));
        let page = Credential::new(kind, cookie.digest(), now, expires);
        let name = page.caller.name.clone();
        held.credentials.push(Credential {
            proof: Some(proof.digest()),
            parent,
            passkey,
            ..page
        });
        PageLogin {
            cookie,
            proof,
            name,
        }
    }
}
