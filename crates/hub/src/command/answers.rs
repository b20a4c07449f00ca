//! Records which answer to a permission or question came first, so that a later answer gets an
//! error that names the first one instead of a bare "not found".

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ids::InstanceId;
use model::state::{Answered, Outcome};
use model::time::Timestamp;
use serde::Serialize;

use crate::limits;

/// The client that answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    /// A page or program that uses this hub.
    Drovers,
    /// Another client of the same server.
    Other,
}

/// The first answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FirstAnswer {
    /// The client that gave the answer.
    pub who: Answerer,
    /// Time of the answer, as far as known.
    pub at: Timestamp,
    /// The outcome of the answer.
    pub outcome: Outcome,
}

impl fmt::Display for FirstAnswer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.outcome == Outcome::ExpiredRequest {
            return f.write_str(
                "the run that asked for it ended before anybody answered: nothing was allowed",
            );
        }
        let who = match self.who {
            Answerer::Drovers => "on another Drovers page",
            Answerer::Other => "by another client",
        };
        let what = match self.outcome {
            Outcome::Once => "allowed once",
            Outcome::Always => "always allowed",
            Outcome::Rejected => "rejected",
            Outcome::Answered => "answered",
            Outcome::ExpiredRequest | Outcome::Unknown => {
                "in a way that this version does not know"
            }
        };
        write!(f, "it was answered already {who}: {what}")
    }
}

/// An answer that was sent through this hub.
#[derive(Clone, Debug)]
struct OwnAnswer {
    instance: InstanceId,
    request: Arc<str>,
    key: Option<Arc<str>>,
    at: Timestamp,
    outcome: Outcome,
    /// True once the server acknowledged the answer; before that the answer may or may not have
    /// arrived.
    taken: bool,
}

/// The most recent answers sent by this hub, up to [`limits::ANSWERS`].
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<VecDeque<OwnAnswer>>);

/// An answer in flight.
#[derive(Clone, Debug)]
pub(super) struct Answering {
    pub(super) instance: InstanceId,
    pub(super) request: Arc<str>,
    pub(super) key: Option<Arc<str>>,
    pub(super) outcome: Outcome,
}

impl Answers {
    fn all(&self) -> MutexGuard<'_, VecDeque<OwnAnswer>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Records an answer that is about to be sent.
    pub(super) fn sending(&self, answer: &Answering, at: Timestamp) {
        let mut all = self.all();
        all.retain(|ours| !ours.is(answer) || ours.key != answer.key);
        all.push_back(OwnAnswer {
            instance: answer.instance.clone(),
            request: answer.request.clone(),
            key: answer.key.clone(),
            at,
            outcome: answer.outcome,
            taken: false,
        });
        if all.len() > limits::ANSWERS {
            all.pop_front();
        }
    }

    /// Records that the server acknowledged the answer.
    pub(super) fn taken(&self, answer: &Answering) {
        let mut all = self.all();
        let ours = all.iter_mut().rev();
        let mut ours = ours.filter(|ours| ours.is(answer) && ours.key == answer.key);
        if let Some(ours) = ours.next() {
            ours.taken = true;
        }
    }

    /// True if this exact answer was accepted: it was sent, and the outcome that the server
    /// reports, if any, is the same.
    pub(super) fn was(&self, answer: &Answering, reported: Option<&Answered>) -> bool {
        let all = self.all();
        let mut same = all
            .iter()
            .filter(|ours| ours.is(answer) && ours.key.is_some() && ours.key == answer.key);
        same.any(|ours| {
            ours.taken || reported.is_some_and(|reported| reported.outcome == ours.outcome)
        })
    }

    /// True if the idempotency key was used before for another answer to the same request.
    pub(super) fn is_reused(&self, answer: &Answering) -> bool {
        let all = self.all();
        let mut same = all
            .iter()
            .filter(|ours| ours.is(answer) && ours.key.is_some() && ours.key == answer.key);
        same.any(|ours| ours.outcome != answer.outcome)
    }

    /// The first answer to a request, as far as known.
    pub(super) fn first(
        &self,
        answer: &Answering,
        reported: Option<&Answered>,
    ) -> Option<FirstAnswer> {
        let all = self.all();
        let mut ours = all.iter().filter(|ours| ours.is(answer));
        let ours = ours.find(|ours| {
            ours.taken || reported.is_some_and(|reported| reported.outcome == ours.outcome)
        });
        match (ours, reported) {
            (Some(ours), _) => Some(FirstAnswer {
                who: Answerer::Drovers,
                at: ours.at,
                outcome: ours.outcome,
            }),
            (None, Some(reported)) => Some(FirstAnswer {
                who: Answerer::Other,
                at: reported.at,
                outcome: reported.outcome,
            }),
            (None, None) => None,
        }
    }
}

impl OwnAnswer {
    fn is(&self, answer: &Answering) -> bool {
        self.instance == answer.instance && self.request == answer.request
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(5);

    fn answering(key: Option<&str>, outcome: Outcome) -> Answering {
        Answering {
            instance: "i".into(),
            request: "per_1".into(),
            key: key.map(Into::into),
            outcome,
        }
    }

    fn answered(outcome: Outcome) -> Answered {
        Answered {
            request: "per_1".into(),
            session: None,
            at: Timestamp(7),
            outcome,
        }
    }

    #[test]
    fn the_same_answer_again_is_known_by_its_key() {
        let answers = Answers::default();
        let (mine, other) = (
            answering(Some("k"), Outcome::Once),
            answering(Some("l"), Outcome::Once),
        );
        answers.sending(&mine, NOW);
        assert!(!answers.was(&mine, None), "it may not have arrived");
        assert!(answers.was(&mine, Some(&answered(Outcome::Once))));
        assert!(!answers.was(&mine, Some(&answered(Outcome::Rejected))));
        answers.taken(&mine);
        assert!(answers.was(&mine, None));
        assert!(!answers.was(&other, None));
        let keyless = answering(None, Outcome::Once);
        assert!(!answers.was(&keyless, None));
    }

    #[test]
    fn who_was_first_is_told_from_what_is_known() {
        let answers = Answers::default();
        let late = answering(Some("late"), Outcome::Rejected);
        assert_eq!(answers.first(&late, None), None);
        let other = answers
            .first(&late, Some(&answered(Outcome::Always)))
            .unwrap();
        assert_eq!((other.who, other.at), (Answerer::Other, Timestamp(7)));
        let mine = answering(Some("k"), Outcome::Once);
        answers.sending(&mine, NOW);
        assert_eq!(answers.first(&late, None), None, "unclear");
        answers.taken(&mine);
        let first = answers
            .first(&late, Some(&answered(Outcome::Once)))
            .unwrap();
        assert_eq!(
            (first.who, first.at, first.outcome),
            (Answerer::Drovers, NOW, Outcome::Once)
        );
    }
}
