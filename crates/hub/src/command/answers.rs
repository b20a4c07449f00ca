//! Who answered a permission or question first: a later one is told, instead of a bare "not found".

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use model::ids::InstanceId;
use model::state::{Answered, Outcome};
use model::time::Timestamp;
use serde::Serialize;

use crate::limits;

/// Who answered.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Who {
    /// A page or program of this hub.
    Drovers,
    /// Another client of the same server.
    Other,
}

/// The first answer to a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// Who gave it.
    pub who: Who,
    /// When, as far as we know.
    pub at: Timestamp,
    /// What it was.
    pub outcome: Outcome,
}

impl fmt::Display for First {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.outcome == Outcome::Lapsed {
            return f.write_str(
                "the run that asked for it ended before anybody answered: nothing was allowed",
            );
        }
        let who = match self.who {
            Who::Drovers => "from another page of Drovers",
            Who::Other => "by another client of the server",
        };
        let what = match self.outcome {
            Outcome::Once => "allowed once",
            Outcome::Always => "always allowed",
            Outcome::Rejected => "rejected",
            Outcome::Answered => "answered",
            Outcome::Lapsed | Outcome::Unknown => "in a way that this version does not know",
        };
        write!(f, "it was answered already {who}: {what}")
    }
}

/// An answer that went through this hub.
#[derive(Clone, Debug)]
struct Ours {
    instance: InstanceId,
    request: Arc<str>,
    key: Option<Arc<str>>,
    at: Timestamp,
    outcome: Outcome,
    /// True once the server took it; before that it may or may not have arrived.
    taken: bool,
}

/// The newest answers of this hub, up to [`limits::ANSWERS`].
#[derive(Debug, Default)]
pub(super) struct Answers(Mutex<VecDeque<Ours>>);

/// One answer on its way.
#[derive(Clone, Debug)]
pub(super) struct Answering {
    pub(super) instance: InstanceId,
    pub(super) request: Arc<str>,
    pub(super) key: Option<Arc<str>>,
    pub(super) outcome: Outcome,
}

impl Answers {
    fn all(&self) -> MutexGuard<'_, VecDeque<Ours>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Notes an answer that is about to be sent.
    pub(super) fn sending(&self, answer: &Answering, at: Timestamp) {
        let mut all = self.all();
        all.retain(|ours| !ours.is(answer) || ours.key != answer.key);
        all.push_back(Ours {
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

    /// Notes that the server took it.
    pub(super) fn taken(&self, answer: &Answering) {
        let mut all = self.all();
        let ours = all.iter_mut().rev();
        let mut ours = ours.filter(|ours| ours.is(answer) && ours.key == answer.key);
        if let Some(ours) = ours.next() {
            ours.taken = true;
        }
    }

    /// Whether this very answer was taken. It was sent, and what the server told of, if it did, is what it says.
    pub(super) fn was(&self, answer: &Answering, heard: Option<&Answered>) -> bool {
        let all = self.all();
        let mut same = all
            .iter()
            .filter(|ours| ours.is(answer) && ours.key.is_some() && ours.key == answer.key);
        same.any(|ours| ours.taken || heard.is_some_and(|heard| heard.outcome == ours.outcome))
    }

    /// True if its key came with another answer to the same request before.
    pub(super) fn is_reused(&self, answer: &Answering) -> bool {
        let all = self.all();
        let mut same = all
            .iter()
            .filter(|ours| ours.is(answer) && ours.key.is_some() && ours.key == answer.key);
        same.any(|ours| ours.outcome != answer.outcome)
    }

    /// Who was first, as far as is known.
    pub(super) fn first(&self, answer: &Answering, heard: Option<&Answered>) -> Option<First> {
        let all = self.all();
        let mut ours = all.iter().filter(|ours| ours.is(answer));
        let ours = ours
            .find(|ours| ours.taken || heard.is_some_and(|heard| heard.outcome == ours.outcome));
        match (ours, heard) {
            (Some(ours), _) => Some(First {
                who: Who::Drovers,
                at: ours.at,
                outcome: ours.outcome,
            }),
            (None, Some(heard)) => Some(First {
                who: Who::Other,
                at: heard.at,
                outcome: heard.outcome,
            }),
            (None, None) => None,
        }
    }
}

impl Ours {
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

    fn heard(outcome: Outcome) -> Answered {
        Answered {
            request: "per_1".into(),
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
        assert!(answers.was(&mine, Some(&heard(Outcome::Once))));
        assert!(!answers.was(&mine, Some(&heard(Outcome::Rejected))));
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
        let other = answers.first(&late, Some(&heard(Outcome::Always))).unwrap();
        assert_eq!((other.who, other.at), (Who::Other, Timestamp(7)));
        let mine = answering(Some("k"), Outcome::Once);
        answers.sending(&mine, NOW);
        assert_eq!(answers.first(&late, None), None, "unclear");
        answers.taken(&mine);
        let first = answers.first(&late, Some(&heard(Outcome::Once))).unwrap();
        assert_eq!(
            (first.who, first.at, first.outcome),
            (Who::Drovers, NOW, Outcome::Once)
        );
    }
}
