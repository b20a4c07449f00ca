//! The keyring: pages that entered by a link, tokens of scripts, passkeys, and the user's own command line.
//!
//! Only the digest of a secret is stored, in `access.json` (mode 0600) of the data directory; the command line's token
//! is generated at each start and stored in the file `token` next to it. Revocation or expiry of a credential ends
//! every connection that was opened with it: see [`Admitted::ended`].

mod held;
mod pairing;
mod passkeys;
mod stored;

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use model::time::Timestamp;
use tokio_util::sync::CancellationToken;

use super::caller::{Caller, Powers, Role};
use super::key::{Digest, Key};
use super::passkey::{PasskeyError, Pending};
use super::password::Password;
use crate::clock::Clock;
use crate::datadir::{DataDir, put_aside, write_private};
use crate::limits;
use passkeys::Passkey;
pub use passkeys::{ListedPasskey, NewPasskey};

/// File name of the stored credentials.
const FILE: &str = "access.json";
/// File name of the command line's key.
const TOKEN: &str = "token";

/// All valid credentials. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Keyring(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: PathBuf,
    clock: Clock,
    held: Mutex<Held>,
    /// Held while the file is written, so that the newest version is written last.
    disk: Mutex<()>,
}

#[derive(Debug)]
struct Held {
    credentials: Vec<Credential>,
    links: Vec<Link>,
    passkeys: Vec<Passkey>,
    pending: Pending,
}

/// The kind of a credential.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CredentialKind {
    /// The user's own command line.
    CommandLine,
    /// A page that entered by a link.
    Page {
        /// Its id: four hexadecimal digits.
        id: String,
        /// Name of the browser, as reported by it.
        browser: String,
        /// The roles of the page.
        roles: Vec<Role>,
    },
    /// A token of a script.
    Token {
        /// Name of the token; unique.
        name: String,
        /// The roles of the token.
        roles: Vec<Role>,
    },
}

#[derive(Clone, Debug)]
struct Credential {
    kind: CredentialKind,
    digest: Digest,
    /// Digest of a page's proof.
    proof: Option<Digest>,
    made: Timestamp,
    expires: Option<Timestamp>,
    used: Option<Timestamp>,
    /// Time of the last use as stored on disk.
    used_on_disk: Option<Timestamp>,
    /// Name of the caller that paired this page and may not do everything: the page ends with that caller.
    parent: Option<Arc<str>>,
    /// Id of the passkey that this page came in by: the page ends with it.
    passkey: Option<Arc<str>>,
    caller: Caller,
    ended: CancellationToken,
}

/// A single-use link.
#[derive(Debug)]
struct Link {
    digest: Digest,
    expires: Timestamp,
    /// The roles of the page that enters.
    roles: Vec<Role>,
    /// As [`Credential::parent`].
    parent: Option<Arc<str>>,
}

/// The credential that a request presents.
#[derive(Clone, Copy, Debug)]
pub enum Presented<'a> {
    /// `Authorization: Bearer …`.
    Bearer(&'a str),
    /// The page's cookie.
    Cookie {
        /// Its value.
        key: &'a str,
        /// The page's proof, which only its script has.
        proof: Option<&'a str>,
    },
}

/// The secrets of a page that entered. A browser sends cookies to every port of a host, so a server on another port can
/// see the cookie; the proof is stored where pages of other ports cannot read it. The cookie alone grants read access
/// only.
#[derive(Clone, Debug)]
pub struct PageLogin {
    /// The value of the cookie.
    pub cookie: Key,
    /// The proof that the page's script sends with each command.
    pub proof: Key,
    /// Name of the page in the audit log.
    pub name: Arc<str>,
}

/// An authenticated caller.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// The caller.
    pub caller: Caller,
    /// The powers that the caller has with its proof: what a page offers to do.
    pub whole: Powers,
    /// Cancelled once the credential is invalid: every connection opened with it ends.
    pub ended: CancellationToken,
    /// True if a page presented its cookie without its proof: only reading is allowed.
    pub unproven: bool,
    /// True if the browser must receive its cookie again, because its expiry was extended.
    pub renewed: bool,
    /// True if this use should be written to disk.
    pub store: bool,
}

/// The parameters of a new token.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Name of the token.
    pub name: String,
    /// The roles of the token.
    pub roles: Vec<Role>,
    /// Time of expiry, if it expires.
    pub expires: Option<Timestamp>,
}

/// A credential without its secret, for lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The kind of the credential.
    pub kind: CredentialKind,
    /// Name of the caller, as in the audit log.
    pub name: Arc<str>,
    /// Time of creation.
    pub made: Timestamp,
    /// Time of expiry.
    pub expires: Option<Timestamp>,
    /// Time of the last use.
    pub used: Option<Timestamp>,
}

/// The reason why a credential cannot be created or saved. Every message names the next step.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The file cannot be written.
    #[error("{path} cannot be written: {source}. Check its permissions and the space on its disk")]
    Disk {
        /// Path of the file.
        path: PathBuf,
        /// The error of the operating system.
        source: io::Error,
    },
    /// The name is not valid.
    #[error(
        "a token's name is 1 to {} letters, digits, `.`, `_` and `-`",
        limits::TOKEN_NAME
    )]
    Name,
    /// The token has no role.
    #[error("a token needs a role: `watch`, `answer`, `drive` or `admin`")]
    NoRole,
    /// A caller grants more than it has.
    #[error("you can give a device only roles that you have yourself")]
    Beyond,
    /// The expiry is in the past.
    #[error("the expiry of the token is in the past")]
    Over,
    /// A token of this name exists.
    #[error("a token `{0}` already exists. Revoke it first, or choose another name")]
    Taken(String),
    /// The number of tokens is at its limit.
    #[error(
        "there are already {} tokens, which is the limit. Revoke one first",
        limits::TOKENS
    )]
    Full,
    /// The number of passkeys is at its limit.
    #[error(
        "there are already {} passkeys, or {} of pages without the role admin, which is the limit. Revoke one first",
        limits::PASSKEYS,
        limits::PASSKEYS_OF_OTHERS
    )]
    FullOfPasskeys,
    /// Only a browser has passkeys.
    #[error("only a page that is logged in can register a passkey. Do it in its settings")]
    NoPage,
    /// The passkey is not what was asked for.
    #[error(transparent)]
    Passkey(#[from] PasskeyError),
}

impl Keyring {
    /// Loads the credentials, and generates a new key for the command line. Blocks on the disk.
    ///
    /// An invalid file is moved aside as `access.json.broken-N`: none of its credentials is valid.
    ///
    /// # Errors The disk reports an error.
    pub fn open(dir: &DataDir, clock: Clock) -> Result<Self, KeyringError> {
        let file = dir.file(FILE);
        let disk = |path: &Path, source| KeyringError::Disk {
            path: path.to_owned(),
            source,
        };
        let (mut credentials, passkeys) = match fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Default::default(),
            read => match stored::read(&read.map_err(|error| disk(&file, error))?) {
                Some(known) => known,
                None => {
                    let aside = put_aside(&file, &[]).map_err(|error| disk(&file, error))?;
                    tracing::warn!(
                        "who may come in could not be read and was put aside as {}: pages and tokens are to be let in anew",
                        aside.display()
                    );
                    Default::default()
                }
            },
        };
        let key = Key::random();
        let token = dir.file(TOKEN);
        write_private(&token, key.reveal().as_bytes()).map_err(|error| disk(&token, error))?;
        let (kind, now) = (CredentialKind::CommandLine, clock.now());
        credentials.push(Credential::new(kind, key.digest(), now, None));
        Ok(Self(Arc::new(Inner {
            file,
            clock,
            held: Mutex::new(Held {
                credentials,
                links: Vec::new(),
                passkeys,
                pending: Pending::default(),
            }),
            disk: Mutex::default(),
        })))
    }

    /// The command line's key, as the hub wrote it to the data directory `path`. Blocks on the disk.
    pub fn command_line(path: &Path) -> Option<Key> {
        fs::read_to_string(path.join(TOKEN)).ok().map(Key::shown)
    }

    /// Authenticates a caller. `None` if the credential is not valid.
    pub fn admit(&self, shown: Presented<'_>) -> Option<Admitted> {
        let digest = match shown {
            Presented::Bearer(text) | Presented::Cookie { key: text, .. } => Digest::of(text),
        };
        let proof = match shown {
            Presented::Cookie { proof, .. } => proof.map(Digest::of),
            Presented::Bearer(_) => None,
        };
        let now = self.0.clock.now();
        let mut held = self.held();
        let mut found = None;
        // All credentials are compared, so that the timing does not reveal a position.
        for (at, credential) in held.credentials.iter().enumerate() {
            let same = credential.digest == digest;
            if same && credential.fits(shown) && credential.is_good(now) {
                found = Some(at);
            }
        }
        let found = found.filter(|at| held.has_parents(*at, now))?;
        Some(held.credentials.get_mut(found)?.used(now, proof))
    }

    /// Creates a token. Its key is returned only here. Blocks on the disk.
    ///
    /// # Errors The name or the roles are invalid, there are too many tokens, or the token cannot be saved: no token
    /// exists then.
    pub fn add(&self, new: NewToken) -> Result<Key, KeyringError> {
        let NewToken {
            name,
            mut roles,
            expires,
        } = new;
        let (key, now) = (Key::random(), self.0.clock.now());
        if !is_name(&name) {
            return Err(KeyringError::Name);
        }
        roles.sort_unstable();
        roles.dedup();
        if roles.is_empty() {
            return Err(KeyringError::NoRole);
        }
        if expires.is_some_and(|at| at <= now) {
            return Err(KeyringError::Over);
        }
        {
            let mut held = self.held();
            held.end_what_is_over(now);
            let tokens = held.credentials.iter().filter_map(Credential::token);
            if tokens.clone().any(|known| known == name) {
                return Err(KeyringError::Taken(name));
            }
            if tokens.count() >= limits::TOKENS {
                return Err(KeyringError::Full);
            }
            let kind = CredentialKind::Token {
                name: name.clone(),
                roles,
            };
            held.credentials
                .push(Credential::new(kind, key.digest(), now, expires));
        }
        if let Err(error) = self.store() {
            self.held().end(|kind| is_token(kind, &name));
            return Err(error);
        }
        Ok(key)
    }

    /// Revokes a token, and ends every connection opened with it. False if there is no token of this name. Blocks on
    /// the disk.
    ///
    /// # Errors The disk reports an error: the token is revoked anyway, but would be valid again after a restart.
    pub fn revoke_token(&self, name: &str) -> Result<bool, KeyringError> {
        self.revoke(|kind| is_token(kind, name))
    }

    /// Revokes a page, and the passkeys that it registered. False if there is none with this id. Blocks on the disk.
    ///
    /// # Errors As for [`Keyring::revoke_token`].
    pub fn revoke_page(&self, id: &str) -> Result<bool, KeyringError> {
        self.revoke(|kind| is_page(kind, id))
    }

    /// Logs the page out that a caller is: passkeys that it registered stay. False if it is none. Blocks on the disk.
    ///
    /// # Errors As for [`Keyring::revoke_token`].
    pub fn log_out(&self, caller: &Caller) -> Result<bool, KeyringError> {
        let known = {
            let mut held = self.held();
            let id = held.page(caller).map(|page| page.id.to_owned());
            id.is_ok_and(|id| held.end(|kind| is_page(kind, &id)))
        };
        if known {
            self.store()?;
        }
        Ok(known)
    }

    /// Revokes every page and every passkey. False if there is none. Blocks on the disk.
    ///
    /// # Errors As for [`Keyring::revoke_token`].
    pub fn revoke_pages(&self) -> Result<bool, KeyringError> {
        let passkeys = std::mem::take(&mut self.held().passkeys);
        let pages = self.revoke(|kind| matches!(kind, CredentialKind::Page { .. }))?;
        if !pages && !passkeys.is_empty() {
            self.store()?;
        }
        Ok(pages || !passkeys.is_empty())
    }

    /// The password of this hub, which is kept beside the credentials.
    pub fn password(&self) -> Password {
        Password::in_folder(self.0.file.parent().unwrap_or(Path::new("")))
    }

    /// Pages and tokens, in the order of creation.
    pub fn list(&self) -> Vec<Listed> {
        let now = self.0.clock.now();
        let held = self.held();
        let listed = held.credentials.iter().filter(|one| one.is_good(now));
        listed
            .filter(|one| one.kind != CredentialKind::CommandLine)
            .map(|one| Listed {
                kind: one.kind.clone(),
                name: one.caller.name.clone(),
                made: one.made,
                expires: one.expires,
                used: one.used,
            })
            .collect()
    }

    /// Names of the callers whose credentials are valid.
    pub fn callers(&self) -> BTreeSet<Arc<str>> {
        let now = self.0.clock.now();
        let held = self.held();
        let good = held.credentials.iter().filter(|one| one.is_good(now));
        good.map(|one| one.caller.name.clone()).collect()
    }

    /// Ends the connections of expired credentials.
    pub fn expire(&self) {
        self.held().end_what_is_over(self.0.clock.now());
    }

    /// Writes the credentials. Blocks on the disk.
    ///
    /// # Errors The disk reports an error.
    pub fn store(&self) -> Result<(), KeyringError> {
        let _turn = self.0.disk.lock().unwrap_or_else(|bad| bad.into_inner());
        let disk = |source| KeyringError::Disk {
            path: self.0.file.clone(),
            source,
        };
        let bytes = {
            let held = self.held();
            stored::write(&held.credentials, &held.passkeys)
        };
        let bytes = bytes.map_err(|bad| disk(bad.into()))?;
        write_private(&self.0.file, &bytes).map_err(disk)
    }

    fn revoke(&self, which: impl Fn(&CredentialKind) -> bool) -> Result<bool, KeyringError> {
        let known = self.held().revoke(which);
        if known {
            self.store()?;
        }
        Ok(known)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(|bad| bad.into_inner())
    }
}

fn is_token(kind: &CredentialKind, name: &str) -> bool {
    matches!(kind, CredentialKind::Token { name: known, .. } if known == name)
}

fn is_page(kind: &CredentialKind, id: &str) -> bool {
    matches!(kind, CredentialKind::Page { id: known, .. } if known == id)
}

fn is_name(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"._-".contains(&byte);
    (1..=limits::TOKEN_NAME).contains(&name.len()) && name.bytes().all(plain)
}

fn later(now: Timestamp, by: std::time::Duration) -> Timestamp {
    Timestamp(now.0.saturating_add_unsigned(millis(by)))
}

fn millis(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests;
