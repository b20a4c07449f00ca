//! Challenges that wait for their answers: each is good once, soon, at the site that it was made for.

use std::net::IpAddr;
use std::sync::Arc;

use model::time::Timestamp;

use super::{Challenge, PasskeyError, PasskeyName, UserHandle};
use crate::access::site::Site;
use crate::limits;

/// What an answer is good for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(in crate::access) enum Purpose {
    /// Logging in.
    Login,
    /// A new passkey of a caller.
    Registration {
        /// Name of the caller.
        by: Arc<str>,
        /// Name of the passkey.
        name: PasskeyName,
        /// Whom the authenticator holds it for.
        user: UserHandle,
    },
}

/// All challenges that wait.
#[derive(Debug, Default)]
pub(in crate::access) struct Pending(Vec<Waiting>);

#[derive(Debug)]
struct Waiting {
    challenge: Challenge,
    site: Site,
    purpose: Purpose,
    /// The network that asked for it.
    from: Option<IpAddr>,
    expires: Timestamp,
}

impl Pending {
    /// A new challenge until this time. Where too many wait, the oldest of the same network becomes invalid, or else the
    /// oldest of all.
    pub(in crate::access) fn begin(
        &mut self,
        site: &Site,
        purpose: Purpose,
        from: Option<IpAddr>,
        (now, expires): (Timestamp, Timestamp),
    ) -> Challenge {
        self.0.retain(|waiting| waiting.expires > now);
        let own = self.0.iter().enumerate();
        let own = own.filter_map(|(at, waiting)| (waiting.from == from).then_some(at));
        let own: Vec<usize> = own.collect();
        match own[..] {
            [oldest, ..] if own.len() >= limits::CHALLENGES_OF_ONE => {
                self.0.remove(oldest);
            }
            _ if self.0.len() >= limits::CHALLENGES => {
                self.0.remove(0);
            }
            _ => {}
        }
        let challenge = Challenge::random();
        self.0.push(Waiting {
            challenge,
            site: site.clone(),
            purpose,
            from,
            expires,
        });
        challenge
    }

    /// Takes the challenge that is answered: it is good for nothing afterwards, whatever the answer is.
    ///
    /// # Errors It is unknown, over, or was made for another site.
    pub(in crate::access) fn take(
        &mut self,
        challenge: Challenge,
        site: &Site,
        now: Timestamp,
    ) -> Result<Purpose, PasskeyError> {
        let found = self.0.iter().position(|one| one.challenge == challenge);
        let waiting = self.0.remove(found.ok_or(PasskeyError::Challenge)?);
        match waiting.expires > now && waiting.site == *site {
            true => Ok(waiting.purpose),
            false => Err(PasskeyError::Challenge),
        }
    }
}
