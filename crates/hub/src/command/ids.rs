//! Ids in OpenCode's format. For OpenCode 1 they sort among those made by the server; OpenCode 2's have no order.
//!
//! For OpenCode 1, after the prefix come the low 48 bits of `milliseconds × 4096 + counter` in hex, then 14 random
//! letters and digits (OpenCode 1.18).

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use model::ids::InstanceId;
use model::time::Timestamp;
use rand::Rng;
use rand::distr::Alphanumeric;
use rand::rngs::StdRng;

use super::port::IdForm;

const RANDOM: usize = 14;

/// Letters and digits of an id without an order.
const OPAQUE: usize = 26;

/// Generates ids that increase for each instance (until the time wraps, every 2.2 years).
///
/// OpenCode considers a prompt answered if its id is lower than that of an answer, and unanswered
/// if its id is above all answers. The ids therefore use the server's clock, and each instance has
/// its own sequence.
#[derive(Debug)]
pub(super) struct Ids(Mutex<LastId>);

#[derive(Debug)]
struct LastId {
    last: BTreeMap<InstanceId, u64>,
    random: StdRng,
}

impl Ids {
    /// A generator whose letters come from `random`.
    pub(super) fn new(random: StdRng) -> Self {
        Self(Mutex::new(LastId {
            last: BTreeMap::new(),
            random,
        }))
    }

    /// A new message id.
    pub(super) fn message(&self, form: IdForm, of: &InstanceId, now: Timestamp) -> String {
        match form {
            IdForm::Sorted => self.next("msg", of, now),
            IdForm::Opaque => self.opaque("msg"),
        }
    }

    /// A new part id.
    pub(super) fn part(&self, of: &InstanceId, now: Timestamp) -> String {
        self.next("prt", of, now)
    }

    /// The mark of a session to be created, or of a fork: the server chooses the session's id.
    pub(super) fn mark(&self, of: &InstanceId, now: Timestamp) -> String {
        self.next("new", of, now)
    }

    /// The id of a session to be created, or its mark if the server chooses the id.
    pub(super) fn session(&self, form: IdForm, of: &InstanceId, now: Timestamp) -> String {
        match form.names_sessions() {
            true => self.opaque("ses"),
            false => self.mark(of, now),
        }
    }

    /// An id of a prompt that waits in a queue of the hub.
    pub(super) fn queued(&self, of: &InstanceId, now: Timestamp) -> String {
        self.next("que", of, now)
    }

    /// `now` is the time by the clock of the instance's server.
    fn next(&self, prefix: &str, of: &InstanceId, now: Timestamp) -> String {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let time = u64::try_from(now.0).unwrap_or(0) << 12;
        let known = made.last.entry(of.clone()).or_default();
        *known = time.max(*known) + 1;
        let last = *known;
        let random = letters(&mut made.random, RANDOM);
        format!("{prefix}_{:012x}{random}", last & 0xffff_ffff_ffff)
    }

    /// An id that says nothing.
    fn opaque(&self, prefix: &str) -> String {
        let mut made = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        format!("{prefix}_{}", letters(&mut made.random, OPAQUE))
    }
}

fn letters(random: &mut StdRng, many: usize) -> String {
    let all = random.sample_iter(Alphanumeric).take(many);
    all.map(char::from).collect()
}

#[cfg(test)]
mod tests {
    use rand::SeedableRng;

    use super::*;

    #[test]
    fn ids_have_opencodes_form_and_order() {
        let ids = Ids::new(StdRng::seed_from_u64(1));
        let of = InstanceId::new("i1");
        let now = Timestamp(1_758_000_000_000);
        let made = [
            ids.message(IdForm::Sorted, &of, now),
            ids.message(IdForm::Sorted, &of, now),
            ids.message(IdForm::Sorted, &of, Timestamp(now.0 - 5)),
            ids.message(IdForm::Sorted, &of, Timestamp(now.0 + 1)),
        ];
        // 1758000000000 × 4096 + 1, of which the low 48 bits.
        assert!(made[0].starts_with("msg_950f72c00001"), "{}", made[0]);
        assert!(made.is_sorted());
        assert!(made.iter().all(|id| id.len() == 4 + 12 + RANDOM));
        assert!(ids.part(&of, now).starts_with("prt_"));
        // A server whose clock is ahead does not affect the ids of other servers.
        let ahead = Timestamp(now.0 + 7_200_000);
        let theirs = ids.message(IdForm::Sorted, &InstanceId::new("i2"), ahead);
        assert!(ids.message(IdForm::Sorted, &of, Timestamp(now.0 + 2)) < theirs);
    }

    #[test]
    fn ids_of_the_second_version_are_opaque_and_name_sessions() {
        let ids = Ids::new(StdRng::seed_from_u64(1));
        let (of, now) = (InstanceId::new("i1"), Timestamp(1_758_000_000_000));
        let message = ids.message(IdForm::Opaque, &of, now);
        assert!(message.starts_with("msg_") && message.len() == 4 + OPAQUE);
        assert_ne!(message, ids.message(IdForm::Opaque, &of, now));
        let session = ids.session(IdForm::Opaque, &of, now);
        assert!(super::super::session::is_an_id(&session), "{session}");
        assert!(
            ids.session(IdForm::Sorted, &of, now)
                .starts_with("new_950f72c00001")
        );
    }
}
