//! Passkeys: registered by a page, for pages with the same roles.

use std::net::IpAddr;
use std::sync::Arc;

use model::time::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Credential, CredentialKind, Held, Keyring, KeyringError, PageLogin, later};
use crate::access::attempts::network;
use crate::access::caller::{Caller, Power, Role};
use crate::access::key::hex;
use crate::access::passkey::{
    Assertion, Attestation, Challenge, CredentialId, PasskeyError, PasskeyName, PublicKey, Purpose,
    UserHandle,
};
use crate::access::site::Site;
use crate::limits;

/// A passkey as it is stored.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Passkey {
    /// Eight hexadecimal digits.
    pub(super) id: Arc<str>,
    name: PasskeyName,
    /// Name of the site that it is bound to.
    site: Box<str>,
    credential: CredentialId,
    user: UserHandle,
    key: PublicKey,
    /// The highest number of signatures that the authenticator reported.
    counter: u32,
    may_be_copied: bool,
    /// The roles of its pages.
    roles: Vec<Role>,
    /// As [`Credential::parent`], of the page that registered it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) parent: Option<Arc<str>>,
    /// Id of the page that registered it.
    pub(super) by: Box<str>,
    /// As [`Credential::passkey`], of the page that registered it: it ends with the passkey that its page came in by, also after that
    /// page has logged out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) passkey: Option<Arc<str>>,
    made: Timestamp,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    used: Option<Timestamp>,
}

/// What a browser needs to make a passkey.
#[derive(Clone, Debug)]
pub struct NewPasskey {
    /// What the authenticator has to answer.
    pub challenge: Challenge,
    /// Whom it is for.
    pub user: UserHandle,
    /// Passkeys of the same site and roles: an authenticator that has one of them makes none.
    pub known: Vec<CredentialId>,
}

/// A passkey without its key, for lists.
#[derive(Clone, Debug)]
pub struct ListedPasskey {
    /// Its id.
    pub id: Arc<str>,
    /// Its name.
    pub name: PasskeyName,
    /// Name of the site that it is bound to.
    pub site: Box<str>,
    /// The roles of its pages.
    pub roles: Vec<Role>,
    /// Time of creation.
    pub made: Timestamp,
    /// Time of the last login.
    pub used: Option<Timestamp>,
    /// True if the caller that asks came in by it.
    pub is_own: bool,
}

impl From<&Passkey> for ListedPasskey {
    fn from(passkey: &Passkey) -> Self {
        Self {
            id: passkey.id.clone(),
            name: passkey.name.clone(),
            site: passkey.site.clone(),
            roles: passkey.roles.clone(),
            made: passkey.made,
            used: passkey.used,
            is_own: false,
        }
    }
}

impl Keyring {
    /// A challenge for a login at this site, valid for [`limits::CHALLENGE_LIFE`].
    pub fn begin_login(&self, site: &Site, from: Option<IpAddr>) -> Challenge {
        self.begin(site, Purpose::Login, from)
    }

    /// Lets a page of `browser` in whose passkey was verified, with the name of the passkey. It has the roles of the page that
    /// registered the passkey, and ends with the passkey.
    ///
    /// # Errors Anything is not as it was asked for. The challenge is used up anyway.
    pub fn enter_by_passkey(
        &self,
        site: &Site,
        shown: &Assertion,
        browser: &str,
    ) -> Result<(PageLogin, PasskeyName), PasskeyError> {
        let challenge = shown.challenge()?;
        let (purpose, known) = {
            let (now, mut held) = (self.0.clock.now(), self.held());
            held.end_what_is_over(now);
            let purpose = held.pending.take(challenge, site, now);
            (purpose?, held.passkey(site, &shown.id).cloned())
        };
        if purpose != Purpose::Login {
            return Err(PasskeyError::Challenge);
        }
        let known = known.ok_or(PasskeyError::Unknown)?;
        if known.user != shown.user {
            return Err(PasskeyError::Changed);
        }
        let counter = shown.verify(site, &known.key, known.may_be_copied)?;
        let (now, mut held) = (self.0.clock.now(), self.held());
        // It may have been revoked meanwhile, or used by another login.
        let mut all = held.passkeys.iter_mut();
        let passkey = all.find(|one| one.id == known.id);
        let passkey = passkey.ok_or(PasskeyError::Unknown)?;
        if (counter, passkey.counter) != (0, 0) && counter <= passkey.counter {
            return Err(PasskeyError::Counter);
        }
        passkey.counter = counter;
        passkey.used = Some(now);
        let (id, name) = (passkey.id.clone(), passkey.name.clone());
        let (roles, parent) = (passkey.roles.clone(), passkey.parent.clone());
        let entered = self.let_in(&mut held, browser, roles, (parent, Some(id)));
        Ok((entered, name))
    }

    /// A challenge for a new passkey of the page that a caller is.
    ///
    /// # Errors The caller is no page, or there are too many passkeys.
    pub fn begin_passkey(
        &self,
        by: &Caller,
        site: &Site,
        name: PasskeyName,
        from: Option<IpAddr>,
    ) -> Result<NewPasskey, KeyringError> {
        let known = {
            let held = self.held();
            let page = held.page(by)?;
            held.has_room(page.roles)?;
            let like = |known: &&Passkey| {
                *known.site == *site.name()
                    && page.roles == &known.roles
                    && page.parent == &known.parent
            };
            let known = held.passkeys.iter().filter(like);
            known.map(|known| known.credential.clone()).collect()
        };
        let user = UserHandle::random();
        let purpose = Purpose::Registration {
            by: by.name.clone(),
            name,
            user,
        };
        Ok(NewPasskey {
            challenge: self.begin(site, purpose, from),
            user,
            known,
        })
    }

    /// Registers a passkey for the page that a caller is. Blocks on the disk.
    ///
    /// # Errors It is not what was asked for, there are too many, or it cannot be saved: it does not exist then.
    pub fn add_passkey(
        &self,
        by: &Caller,
        site: &Site,
        made: &Attestation,
    ) -> Result<ListedPasskey, KeyringError> {
        let (challenge, now) = (made.challenge()?, self.0.clock.now());
        let purpose = self.held().pending.take(challenge, site, now)?;
        let (name, user) = match purpose {
            Purpose::Registration {
                by: asked,
                name,
                user,
            } if asked == by.name => (name, user),
            _ => return Err(PasskeyError::Challenge.into()),
        };
        let registered = made.verify(site)?;
        let listed = {
            let mut held = self.held();
            let page = held.page(by)?;
            held.has_room(page.roles)?;
            let (id, roles, parent) = (page.id.into(), page.roles.clone(), page.parent.clone());
            let with = page.passkey.cloned();
            let same = |known: &Passkey| known.credential == registered.id;
            if held.passkeys.iter().any(same) {
                return Err(PasskeyError::Known.into());
            }
            let passkey = Passkey {
                id: held.free_passkey_id(),
                name,
                site: site.name().into(),
                credential: registered.id,
                user,
                key: registered.key,
                counter: registered.counter,
                may_be_copied: registered.may_be_copied,
                roles,
                parent,
                by: id,
                passkey: with,
                made: now,
                used: None,
            };
            let listed = ListedPasskey::from(&passkey);
            held.passkeys.push(passkey);
            listed
        };
        if let Err(error) = self.store() {
            self.held().revoke_passkey(&listed.id);
            return Err(error);
        }
        Ok(listed)
    }

    /// True if somebody may come in by a passkey of this site.
    pub fn has_passkey(&self, site: &Site) -> bool {
        let held = self.held();
        held.passkeys.iter().any(|one| *one.site == *site.name())
    }

    /// The passkeys that a caller may see and change, in the order of creation: an administrator all, a page those that it
    /// registered and the one that it came in by.
    pub fn passkeys(&self, caller: &Caller) -> Vec<ListedPasskey> {
        let held = self.held();
        let of = held.page(caller).ok();
        let listed = held.passkeys.iter().filter_map(|passkey| {
            let is_own = of.is_some_and(|page| page.passkey == Some(&passkey.id));
            let registered = of.is_some_and(|page| *page.id == *passkey.by);
            let seen = is_own || registered || caller.powers.has(Power::Admin);
            seen.then(|| ListedPasskey {
                is_own,
                ..passkey.into()
            })
        });
        listed.collect()
    }

    /// Gives a passkey that the caller may change another name. `None` if there is none of this id. Blocks on the disk.
    ///
    /// # Errors The disk reports an error: it has the new name until the next start.
    pub fn rename_passkey(
        &self,
        caller: &Caller,
        id: &str,
        name: PasskeyName,
    ) -> Result<Option<ListedPasskey>, KeyringError> {
        let listed = self.passkeys(caller).into_iter();
        let Some(before) = listed.into_iter().find(|known| &*known.id == id) else {
            return Ok(None);
        };
        let mut held = self.held();
        if let Some(passkey) = held.passkeys.iter_mut().find(|one| &*one.id == id) {
            passkey.name = name;
        }
        drop(held);
        self.store()?;
        Ok(Some(before))
    }

    /// Revokes a passkey that the caller may change: every page that came in by it ends at once. `None` if there is none of this
    /// id. Blocks on the disk.
    ///
    /// # Errors As for [`Keyring::revoke_token`].
    pub fn revoke_passkey(
        &self,
        caller: &Caller,
        id: &str,
    ) -> Result<Option<ListedPasskey>, KeyringError> {
        let mut listed = self.passkeys(caller).into_iter();
        let Some(known) = listed.find(|known| &*known.id == id) else {
            return Ok(None);
        };
        self.held().revoke_passkey(id);
        self.store()?;
        Ok(Some(known))
    }

    fn begin(&self, site: &Site, purpose: Purpose, from: Option<IpAddr>) -> Challenge {
        let now = self.0.clock.now();
        let until = later(now, limits::CHALLENGE_LIFE);
        let mut held = self.held();
        held.pending
            .begin(site, purpose, from.map(network), (now, until))
    }
}

/// A page that registers or uses passkeys.
#[derive(Clone, Copy)]
pub(super) struct PageOf<'a> {
    pub(super) id: &'a str,
    roles: &'a Vec<Role>,
    parent: &'a Option<Arc<str>>,
    passkey: Option<&'a Arc<str>>,
}

impl Held {
    fn passkey(&self, site: &Site, id: &CredentialId) -> Option<&Passkey> {
        let mut all = self.passkeys.iter();
        all.find(|one| one.credential == *id && *one.site == *site.name())
    }

    /// The page that a caller is.
    pub(super) fn page(&self, caller: &Caller) -> Result<PageOf<'_>, KeyringError> {
        let mut all = self.credentials.iter();
        let found = all.find(|one| one.caller.name == caller.name);
        match found {
            Some(Credential {
                kind: CredentialKind::Page { id, roles, .. },
                parent,
                passkey,
                ..
            }) => Ok(PageOf {
                id,
                roles,
                parent,
                passkey: passkey.as_ref(),
            }),
            _ => Err(KeyringError::NoPage),
        }
    }

    /// Refuses one more passkey of a page with these roles.
    fn has_room(&self, roles: &[Role]) -> Result<(), KeyringError> {
        let is_other = |roles: &[Role]| !roles.contains(&Role::Admin);
        let others = self.passkeys.iter().filter(|one| is_other(&one.roles));
        let is_full = is_other(roles) && others.count() >= limits::PASSKEYS_OF_OTHERS;
        match self.passkeys.len() < limits::PASSKEYS && !is_full {
            true => Ok(()),
            false => Err(KeyringError::FullOfPasskeys),
        }
    }

    fn free_passkey_id(&self) -> Arc<str> {
        loop {
            let id: Arc<str> = hex(&rand::random::<[u8; 4]>()).into();
            if !self.passkeys.iter().any(|known| known.id == id) {
                return id;
            }
        }
    }
}
