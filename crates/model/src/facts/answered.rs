//! Recently answered requests. A late answer receives the earlier answer and its time.

use std::collections::VecDeque;
use std::sync::Arc;

use serde::Serialize;

use super::{Permission, Question};
use crate::ids::{PermissionId, QuestionId, SessionId};
use crate::limits;
use crate::time::Timestamp;

/// Answer to a permission or a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Allowed this once.
    Once,
    /// Allowed from now on.
    Always,
    /// Rejected.
    Rejected,
    /// Answered, in words or by choice.
    Answered,
    /// Nobody answered: the run that asked ended before.
    ExpiredRequest,
    /// Something that this version does not know.
    Unknown,
}

/// A request by its kind and id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Request {
    /// A permission request.
    Permission(PermissionId),
    /// A question.
    Question(QuestionId),
}

impl Request {
    /// Id of the request.
    pub fn id(&self) -> &str {
        match self {
            Self::Permission(id) => id.as_str(),
            Self::Question(id) => id.as_str(),
        }
    }
}

/// A request whose run ended before anybody answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpiredRequest {
    /// The session that asked.
    pub session: SessionId,
    /// The request.
    pub request: Request,
}

impl From<&Permission> for ExpiredRequest {
    fn from(permission: &Permission) -> Self {
        Self {
            session: permission.session.clone(),
            request: Request::Permission(permission.id.clone()),
        }
    }
}

impl From<&Question> for ExpiredRequest {
    fn from(question: &Question) -> Self {
        Self {
            session: question.session.clone(),
            request: Request::Question(question.id.clone()),
        }
    }
}

/// A request that was answered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answered {
    /// Id of the request.
    pub request: Arc<str>,
    /// The session that asked, if the request was known.
    pub session: Option<SessionId>,
    /// Time at which the hub received the answer.
    pub at: Timestamp,
    /// The answer.
    pub outcome: Outcome,
}

/// The newest [`limits::ANSWERED`] of them; the oldest is forgotten first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AnsweredLately(VecDeque<Answered>);

impl AnsweredLately {
    /// The answers, oldest first.
    pub fn iter(&self) -> impl DoubleEndedIterator<Item = &Answered> {
        self.0.iter()
    }

    /// Answer to a request, if it is still stored.
    pub fn find(&self, request: &str) -> Option<&Answered> {
        self.0.iter().rev().find(|one| &*one.request == request)
    }

    /// True if a request ended with its run.
    pub fn has_lapsed(&self, request: &str) -> bool {
        let found = self.find(request);
        found.is_some_and(|answered| answered.outcome == Outcome::ExpiredRequest)
    }

    /// Remembers an answer; the first one to a request counts.
    pub(crate) fn note(&mut self, answered: Answered) {
        if self.find(&answered.request).is_some() {
            return;
        }
        self.0.push_back(answered);
        if self.0.len() > limits::ANSWERED {
            self.0.pop_front();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_answer_counts_and_the_oldest_is_forgotten() {
        let mut lately = AnsweredLately::default();
        let mut note = |n: usize, outcome| {
            let (request, at) = (n.to_string().into(), Timestamp(0));
            lately.note(Answered {
                request,
                session: None,
                at,
                outcome,
            });
        };
        note(0, Outcome::Once);
        note(0, Outcome::Rejected);
        for n in 1..limits::ANSWERED {
            note(n, Outcome::Always);
        }
        assert_eq!(lately.find("0").map(|one| one.outcome), Some(Outcome::Once));
        let (request, at) = ("new".into(), Timestamp(0));
        lately.note(Answered {
            request,
            session: None,
            at,
            outcome: Outcome::Once,
        });
        assert_eq!(lately.find("0"), None);
        assert!(lately.find("1").is_some() && lately.find("new").is_some());
    }
}
