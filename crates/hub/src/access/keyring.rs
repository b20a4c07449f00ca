//! Who may come in: pages that entered by a link, tokens that were made for scripts, and the user's own command line.
//!
//! Of each secret only its digest is kept, in `access.json` (mode 0600) of the data directory; the command line's is new
//! at each start and lies in the file `token` beside it. A credential that is revoked, or whose time is over, ends what
//! was opened with it: see [`Admitted::ended`].

mod stored;

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard};

use model::time::Timestamp;
use tokio_util::sync::CancellationToken;

use super::caller::{Caller, Powers, Role};
use super::key::{Digest, Key};
use crate::clock::Clock;
use crate::datadir::{DataDir, write_private};
use crate::limits;

/// What is kept of credentials.
const FILE: &str = "access.json";
/// The command line's key.
const TOKEN: &str = "token";

/// Everyone who may come in. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Keyring(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    file: PathBuf,
    clock: Clock,
    held: Mutex<Held>,
    /// Held while the file is written, so that the newest is written last.
    disk: Mutex<()>,
}

#[derive(Debug)]
struct Held {
    credentials: Vec<Credential>,
    links: Vec<Link>,
}

/// What a credential is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The user's own command line.
    CommandLine,
    /// A page that entered by a link.
    Page {
        /// Its id: four hexadecimal digits.
        id: String,
        /// The browser, as far as it says.
        browser: String,
    },
    /// A token made for a script.
    Token {
        /// Its name; no two have the same.
        name: String,
        /// What it was made for.
        roles: Vec<Role>,
    },
}

#[derive(Clone, Debug)]
struct Credential {
    kind: Kind,
    digest: Digest,
    /// Of a page's proof.
    proof: Option<Digest>,
    made: Timestamp,
    expires: Option<Timestamp>,
    used: Option<Timestamp>,
    /// The use that the disk knows.
    used_on_disk: Option<Timestamp>,
    caller: Caller,
    ended: CancellationToken,
}

/// A link that is good once.
#[derive(Debug)]
struct Link {
    digest: Digest,
    expires: Timestamp,
}

/// What a request shows to be let in.
#[derive(Clone, Copy, Debug)]
pub enum Shown<'a> {
    /// `Authorization: Bearer …`.
    Bearer(&'a str),
    /// The page's cookie.
    Cookie {
        /// Its value.
        key: &'a str,
        /// The page's proof, which its script alone has.
        proof: Option<&'a str>,
    },
}

/// What a page gets that entered. A browser sends its cookies to every port of a host, so that a server on another port sees
/// the first; the second lies where no page of another port reads it. The cookie alone may watch and nothing more.
#[derive(Clone, Debug)]
pub struct Entered {
    /// The value of its cookie.
    pub cookie: Key,
    /// What its script shows with each command.
    pub proof: Key,
}

/// Somebody who was let in.
#[derive(Clone, Debug)]
pub struct Admitted {
    /// Who.
    pub caller: Caller,
    /// Cancelled once the credential is good no more: whatever it opened ends.
    pub ended: CancellationToken,
    /// True if a page showed its cookie without its proof: it may watch alone.
    pub unproven: bool,
    /// True if the browser is to be given its cookie again, as its time was extended.
    pub renewed: bool,
    /// True if its use should be written to the disk.
    pub store: bool,
}

/// A token to be made.
#[derive(Clone, Debug)]
pub struct NewToken {
    /// Its name.
    pub name: String,
    /// What it is for.
    pub roles: Vec<Role>,
    /// When it ends, if it does by itself.
    pub expires: Option<Timestamp>,
}

/// A credential as it is listed: never with its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// What it is.
    pub kind: Kind,
    /// When it was made.
    pub made: Timestamp,
    /// When it ends by itself.
    pub expires: Option<Timestamp>,
    /// When it was used last.
    pub used: Option<Timestamp>,
}

/// Why a credential cannot be made or kept. Every message names the next step.
#[derive(Debug, thiserror::Error)]
pub enum KeyringError {
    /// The disk refuses.
    #[error("{path} cannot be written: {source}. Check its permissions and the space on its disk")]
    Disk {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The name cannot be one.
    #[error(
        "a token's name is 1 to {} letters, digits, `.`, `_` and `-`",
        limits::TOKEN_NAME
    )]
    Name,
    /// It has no role.
    #[error("a token needs a role: `watch`, `answer`, `drive` or `admin`")]
    NoRole,
    /// It would have ended before it began.
    #[error("the token would have ended already")]
    Over,
    /// There is one of this name.
    #[error("there is a token `{0}` already. Revoke it first, or choose another name")]
    Taken(String),
    /// There are as many as there may be.
    #[error(
        "{} tokens are known, and no more are kept. Revoke one first",
        limits::TOKENS
    )]
    Full,
}

impl Keyring {
    /// Reads who may come in, and gives the command line a new key. Blocks on the disk.
    ///
    /// A file that makes no sense is put aside as `access.json.broken`: nobody of it is let in.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn open(dir: &DataDir, clock: Clock) -> Result<Self, KeyringError> {
        let file = dir.file(FILE);
        let disk = |path: &Path, source| KeyringError::Disk {
            path: path.to_owned(),
            source,
        };
        let mut credentials = match fs::read(&file) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Vec::new(),
            read => match stored::read(&read.map_err(|error| disk(&file, error))?) {
                Some(credentials) => credentials,
                None => {
                    let aside = dir.file(&format!("{FILE}.broken"));
                    fs::rename(&file, &aside).map_err(|error| disk(&file, error))?;
                    tracing::warn!(
                        "who may come in could not be read and was put aside as {}: pages and tokens are to be let in anew",
                        aside.display()
                    );
                    Vec::new()
                }
            },
        };
        let key = Key::random();
        let token = dir.file(TOKEN);
        write_private(&token, key.reveal().as_bytes()).map_err(|error| disk(&token, error))?;
        let (kind, now) = (Kind::CommandLine, clock.now());
        credentials.push(Credential::new(kind, key.digest(), now, None));
        Ok(Self(Arc::new(Inner {
            file,
            clock,
            held: Mutex::new(Held {
                credentials,
                links: Vec::new(),
            }),
            disk: Mutex::default(),
        })))
    }

    /// The command line's key, as the hub at the data directory `path` wrote it. Blocks on the disk.
    pub fn command_line(path: &Path) -> Option<Key> {
        fs::read_to_string(path.join(TOKEN)).ok().map(Key::shown)
    }

    /// Who shows this, if anyone that is let in does.
    pub fn admit(&self, shown: Shown<'_>) -> Option<Admitted> {
        let digest = match shown {
            Shown::Bearer(text) | Shown::Cookie { key: text, .. } => Digest::of(text),
        };
        let proof = match shown {
            Shown::Cookie { proof, .. } => proof.map(Digest::of),
            Shown::Bearer(_) => None,
        };
        let now = self.0.clock.now();
        let mut held = self.held();
        let mut found = None;
        // Every one is compared, so that the time it takes tells nothing of where one is.
        for credential in &mut held.credentials {
            let same = credential.digest == digest;
            if same && credential.fits(shown) && credential.is_good(now) {
                found = Some(credential);
            }
        }
        Some(found?.used(now, proof))
    }

    /// A link's key: it lets one page in, once, within [`limits::LINK_LIFE`].
    pub fn link(&self) -> Key {
        let key = Key::random();
        let mut held = self.held();
        if held.links.len() >= limits::LINKS {
            held.links.remove(0);
        }
        held.links.push(Link {
            digest: key.digest(),
            expires: later(self.0.clock.now(), limits::LINK_LIFE),
        });
        key
    }

    /// Takes a link's key for a page's own two, which `browser` gets. None if the link is none, or was good before.
    pub fn enter(&self, link: &str, browser: &str) -> Option<Entered> {
        let (digest, now) = (Digest::of(link), self.0.clock.now());
        let mut held = self.held();
        held.links.retain(|link| link.expires > now);
        let at = held.links.iter().position(|link| link.digest == digest)?;
        held.links.remove(at);
        let (cookie, proof) = (Key::random(), Key::random());
        held.forget_oldest_page();
        let kind = Kind::Page {
            id: held.free_id(),
            browser: browser.to_owned(),
        };
        let expires = Some(later(now, limits::PAGE_LIFE));
        let page = Credential::new(kind, cookie.digest(), now, expires);
        held.credentials.push(Credential {
            proof: Some(proof.digest()),
            ..page
        });
        Some(Entered { cookie, proof })
    }

    /// Makes a token. Its key is given once, here. Blocks on the disk.
    ///
    /// # Errors
    /// The name or the roles make no sense, there are too many, or it cannot be kept: there is no token then.
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
            let kind = Kind::Token {
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

    /// Ends a token, and everything that was opened with it. False if there is none of this name. Blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses: it is ended all the same, and would be good again after a restart.
    pub fn revoke_token(&self, name: &str) -> Result<bool, KeyringError> {
        self.revoke(|kind| is_token(kind, name))
    }

    /// Sends a page away. False if there is none with this id. Blocks on the disk.
    ///
    /// # Errors
    /// As for [`Keyring::revoke_token`].
    pub fn revoke_page(&self, id: &str) -> Result<bool, KeyringError> {
        self.revoke(|kind| matches!(kind, Kind::Page { id: known, .. } if known == id))
    }

    /// Pages and tokens, in the order in which they were made.
    pub fn list(&self) -> Vec<Listed> {
        let now = self.0.clock.now();
        let held = self.held();
        let listed = held.credentials.iter().filter(|one| one.is_good(now));
        listed
            .filter(|one| one.kind != Kind::CommandLine)
            .map(|one| Listed {
                kind: one.kind.clone(),
                made: one.made,
                expires: one.expires,
                used: one.used,
            })
            .collect()
    }

    /// Ends what was opened by those whose time is over.
    pub fn expire(&self) {
        self.held().end_what_is_over(self.0.clock.now());
    }

    /// Writes who may come in. Blocks on the disk.
    ///
    /// # Errors
    /// The disk refuses.
    pub fn store(&self) -> Result<(), KeyringError> {
        let _turn = self.0.disk.lock().unwrap_or_else(|bad| bad.into_inner());
        let disk = |source| KeyringError::Disk {
            path: self.0.file.clone(),
            source,
        };
        let bytes = stored::write(&self.held().credentials).map_err(|bad| disk(bad.into()))?;
        write_private(&self.0.file, &bytes).map_err(disk)
    }

    fn revoke(&self, which: impl Fn(&Kind) -> bool) -> Result<bool, KeyringError> {
        let known = self.held().end(which);
        if known {
            self.store()?;
        }
        Ok(known)
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.held.lock().unwrap_or_else(|bad| bad.into_inner())
    }
}

impl Credential {
    fn new(kind: Kind, digest: Digest, made: Timestamp, expires: Option<Timestamp>) -> Self {
        let caller = match &kind {
            Kind::CommandLine => Caller::command_line(),
            Kind::Page { id, browser } => Caller {
                name: format!("page {id} ({browser})").into(),
                powers: Powers::ALL,
            },
            Kind::Token { name, roles } => Caller {
                name: format!("token {name}").into(),
                powers: roles
                    .iter()
                    .fold(Powers::NONE, |powers, role| powers.and(role.powers())),
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
            caller,
            ended: CancellationToken::new(),
        }
    }

    /// A page shows its cookie, and a program its token; neither is good as the other.
    fn fits(&self, shown: Shown<'_>) -> bool {
        matches!(shown, Shown::Cookie { .. }) == matches!(self.kind, Kind::Page { .. })
    }

    fn is_good(&self, now: Timestamp) -> bool {
        !self.ended.is_cancelled() && self.expires.is_none_or(|expires| expires > now)
    }

    fn token(&self) -> Option<&str> {
        match &self.kind {
            Kind::Token { name, .. } => Some(name),
            _ => None,
        }
    }

    /// Notes a use, which gives a page its whole time again.
    fn used(&mut self, now: Timestamp, proof: Option<Digest>) -> Admitted {
        self.used = Some(now);
        let whole = later(now, limits::PAGE_LIFE);
        let due = |expires: Timestamp| whole.since(expires) >= millis(limits::PAGE_RENEWED);
        let is_page = matches!(self.kind, Kind::Page { .. });
        let renewed = is_page && self.expires.is_some_and(due);
        if renewed {
            self.expires = Some(whole);
        }
        let kept = self.kind != Kind::CommandLine;
        let known = self.used_on_disk.unwrap_or_default();
        let store = renewed || kept && now.since(known) >= millis(limits::USED_EVERY);
        if store {
            self.used_on_disk = Some(now);
        }
        let unproven = is_page && (proof.is_none() || self.proof != proof);
        let mut caller = self.caller.clone();
        if unproven {
            caller.powers = Role::Watch.powers();
        }
        Admitted {
            caller,
            unproven,
            ended: self.ended.clone(),
            renewed,
            store,
        }
    }
}

impl Held {
    /// Ends some, and says whether there were any.
    fn end(&mut self, which: impl Fn(&Kind) -> bool) -> bool {
        let gone = self
            .credentials
            .extract_if(.., |credential| which(&credential.kind));
        gone.map(|credential| credential.ended.cancel()).count() > 0
    }

    fn end_what_is_over(&mut self, now: Timestamp) {
        let over = self
            .credentials
            .extract_if(.., |credential| !credential.is_good(now));
        over.for_each(|credential| credential.ended.cancel());
    }

    /// Makes room for one more page: the one that was used longest ago goes.
    fn forget_oldest_page(&mut self) {
        let pages = self.credentials.iter().filter_map(|one| match &one.kind {
            Kind::Page { id, .. } => Some((one.used.unwrap_or(one.made), id.clone())),
            _ => None,
        });
        let mut pages: Vec<_> = pages.collect();
        pages.sort();
        let many = (pages.len() + 1).saturating_sub(limits::PAGES);
        for (_, oldest) in pages.into_iter().take(many) {
            self.end(|kind| matches!(kind, Kind::Page { id, .. } if *id == oldest));
        }
    }

    fn free_id(&self) -> String {
        let taken = |id: &String| {
            let same =
                |one: &Credential| matches!(&one.kind, Kind::Page { id: known, .. } if known == id);
            self.credentials.iter().any(same)
        };
        loop {
            let id = super::key::hex(&rand::random::<[u8; 2]>());
            if !taken(&id) {
                return id;
            }
        }
    }
}

fn is_token(kind: &Kind, name: &str) -> bool {
    matches!(kind, Kind::Token { name: known, .. } if known == name)
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
