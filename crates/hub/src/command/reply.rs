//! Answers to what waits for a person. The session's own folder is asked: elsewhere the request is not known.
//!
//! Answers to one request are sent one after the other; the server takes the first. A later one is told who was first,
//! and the same one again, by its key, is a success.
//!
//! A grant is sent only if it names the content that it grants, all of that can be shown, the run that asked still runs,
//! nobody stopped it, and the audit log has it. A refusal needs none of that.

use std::sync::Arc;

use model::State;
use model::ids::{InstanceId, PermissionId, QuestionId, SessionId};
use model::state::{Hidden, LinkStatus, Outcome, Permission, Run};
use opencode::ClientError;
use opencode::wire::PermissionReply;

use super::answers::Answering;
use super::audit::{About, Step, short};
use super::port::{Server, Servers};
use super::{CommandError, Commands, to_the_end};
use crate::limits;

/// A person's answer to a question.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Answer {
    /// For each thing asked the chosen labels, or words of one's own.
    Given(Vec<Vec<String>>),
    /// None: the turn ends.
    Rejected,
}

/// A person's answer to a permission request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PermissionAnswer {
    /// The answer.
    pub reply: PermissionReply,
    /// With a refusal: what the model should do instead. Without it its turn ends.
    pub message: Option<String>,
    /// Names the content that was read; an answer that allows needs it.
    pub fingerprint: Option<String>,
}

impl PermissionAnswer {
    /// Allows what has this fingerprint, this once.
    pub fn once(fingerprint: impl Into<String>) -> Self {
        Self {
            reply: PermissionReply::Once,
            message: None,
            fingerprint: Some(fingerprint.into()),
        }
    }

    /// Refuses, perhaps with what to do instead.
    pub fn reject(message: Option<String>) -> Self {
        Self {
            reply: PermissionReply::Reject,
            message,
            fingerprint: None,
        }
    }

    fn allows(&self) -> bool {
        !matches!(self.reply, PermissionReply::Reject)
    }
}

/// An answer to a request, as it is sent.
enum Said {
    Permission(PermissionId, PermissionAnswer),
    Question(QuestionId, Answer),
}

/// A request that waits.
struct Waiting {
    session: SessionId,
    /// How many answers it wants.
    asked: usize,
    /// In a line.
    about: String,
    fingerprint: Option<Arc<str>>,
    /// Why it cannot be allowed now.
    obstacle: Option<Obstacle>,
}

/// Why a request cannot be allowed, whatever its fingerprint.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Obstacle {
    Hidden(Hidden),
    Stopped,
    RunEnded,
    NotProven,
}

impl<S: Servers> Commands<S> {
    /// Answers a permission request in the name of `by`, and waits a moment for it to be gone. The same key again is the
    /// same answer.
    ///
    /// # Errors
    /// It may not be allowed, somebody was first, it does not wait (any more), or the server refuses.
    pub async fn reply_permission(
        &self,
        instance: &InstanceId,
        id: &PermissionId,
        answer: PermissionAnswer,
        key: Option<&str>,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        let said = Said::Permission(id.clone(), answer);
        self.answer(instance, said, key, by).await
    }

    /// Answers a question in the name of `by`, and waits a moment for it to be gone. The same key again is the same answer.
    ///
    /// # Errors
    /// Somebody was first, it does not wait (any more), the answers are not as many as the questions, or the server
    /// refuses.
    pub async fn reply_question(
        &self,
        instance: &InstanceId,
        id: &QuestionId,
        answer: Answer,
        key: Option<&str>,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        let said = Said::Question(id.clone(), answer);
        self.answer(instance, said, key, by).await
    }

    async fn answer(
        &self,
        instance: &InstanceId,
        said: Said,
        key: Option<&str>,
        by: &Arc<str>,
    ) -> Result<(), CommandError> {
        let key = super::prompt::checked(instance, said.id(), key)?.map(|key| key.key);
        let turn = self.turns.take(instance, said.id()).await;
        let answering = Answering {
            instance: instance.clone(),
            request: said.id().into(),
            key,
            outcome: said.outcome(),
        };
        let (commands, by) = (self.clone(), by.clone());
        to_the_end(async move {
            let _turn = turn;
            commands.send_answer(&said, &answering, by).await
        })
        .await
    }

    async fn send_answer(
        &self,
        said: &Said,
        answer: &Answering,
        by: Arc<str>,
    ) -> Result<(), CommandError> {
        let instance = &answer.instance;
        self.link(instance).await?;
        if self.answers.is_reused(answer) {
            return Err(CommandError::KeyReused);
        }
        if said.allows() {
            // What it would run is being read, or whether it still runs.
            let known = |state: &State| {
                let waiting = said.waiting(state, instance);
                waiting.is_none_or(|waiting| !waiting.obstacle.is_some_and(Obstacle::may_pass))
            };
            self.until(limits::ECHO_WAIT, known).await;
        }
        let Some(waiting) = self.engine.read(|state| said.waiting(state, instance)) else {
            return self.too_late(said, answer);
        };
        let about = About {
            by,
            instance: instance.clone(),
            session: waiting.session.clone(),
            request: answer.request.clone(),
            about: waiting.about.clone(),
            fingerprint: waiting.fingerprint.clone(),
            outcome: answer.outcome,
        };
        if let Err(error) = said.check(&waiting) {
            self.audit(&about, Step::Denied, Some(error.to_string()))
                .await;
            return Err(error);
        }
        let server = self.at_session(instance, &waiting.session).await?;
        self.announce(said, &about).await?;
        // Reaching the server and the disk took a while: a person may have stopped it meanwhile.
        let still = self.engine.read(|state| said.waiting(state, instance));
        let checked = match &still {
            Some(waiting) => said.check(waiting),
            None => return self.too_late(said, answer),
        };
        if let Err(error) = checked {
            self.audit(&about, Step::Denied, Some(error.to_string()))
                .await;
            return Err(error);
        }
        self.answers.sending(answer, self.engine.now());
        let sent = said.send(&server).await;
        let (step, reason) = match &sent {
            Ok(()) => (Step::Taken, None),
            Err(error) => (Step::Failed, Some(error.to_string())),
        };
        self.audit(&about, step, reason).await;
        match sent {
            Ok(()) => {
                self.answers.taken(answer);
                self.gone(said, instance, &waiting.session).await;
                Ok(())
            }
            Err(ClientError::NotFound { .. }) => {
                // Whoever was first, the server tells of it in a moment.
                self.gone(said, instance, &waiting.session).await;
                self.too_late(said, answer)
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Has an answer that is about to be sent in the audit log. A grant is not sent without; a refusal is.
    async fn announce(&self, said: &Said, about: &About) -> Result<(), CommandError> {
        let entry = about.entry(self.engine.now(), Step::Sending, None);
        match self.audit.add(entry).await {
            Err(error) if said.allows() => Err(error.into()),
            Err(error) => {
                tracing::warn!(%error, "a refusal goes without its line");
                Ok(())
            }
            Ok(()) => Ok(()),
        }
    }

    pub(super) async fn audit(&self, about: &About, step: Step, reason: Option<String>) {
        let entry = about.entry(self.engine.now(), step, reason.as_deref().map(short));
        if let Err(error) = self.audit.add(entry).await {
            tracing::warn!(%error, "what became of an answer is not in the audit log");
        }
    }

    /// Waits until a request is gone that was answered, or that its server does not know. Where nothing is told of it, the
    /// requests of its folder are read again.
    async fn gone(&self, said: &Said, instance: &InstanceId, session: &SessionId) {
        let gone = |state: &State| said.waiting(state, instance).is_none();
        self.until(limits::ECHO_WAIT, gone).await;
        if self.engine.read(gone) {
            return;
        }
        self.engine
            .doubt_requests(instance.clone(), session.clone())
            .await;
        self.until(limits::ECHO_WAIT, gone).await;
    }

    /// What it means that a request does not wait: this very answer arrived before, or somebody was first.
    fn too_late(&self, said: &Said, answer: &Answering) -> Result<(), CommandError> {
        let heard = self.engine.read(|state| {
            let instance = state.instances.get(&answer.instance)?;
            instance.answered.find(&answer.request).cloned()
        });
        if self.answers.was(answer, heard.as_ref()) {
            return Ok(());
        }
        match self.answers.first(answer, heard.as_ref()) {
            Some(first) => Err(CommandError::Answered(first)),
            None => Err(said.unknown()),
        }
    }
}

impl Said {
    fn id(&self) -> &str {
        match self {
            Self::Permission(id, ..) => id.as_str(),
            Self::Question(id, _) => id.as_str(),
        }
    }

    fn outcome(&self) -> Outcome {
        match self {
            Self::Permission(_, answer) => match answer.reply {
                PermissionReply::Once => Outcome::Once,
                PermissionReply::Always => Outcome::Always,
                PermissionReply::Reject => Outcome::Rejected,
            },
            Self::Question(_, Answer::Rejected) => Outcome::Rejected,
            Self::Question(_, Answer::Given(_)) => Outcome::Answered,
        }
    }

    fn allows(&self) -> bool {
        matches!(self, Self::Permission(_, answer) if answer.allows())
    }

    fn waiting(&self, state: &State, instance: &InstanceId) -> Option<Waiting> {
        let instance = state.instances.get(instance)?;
        match self {
            Self::Permission(id, ..) => {
                let waiting = instance.permissions.get(id)?;
                Some(Waiting {
                    session: waiting.session.clone(),
                    asked: 1,
                    about: short(&in_a_line(waiting)),
                    fingerprint: Some(waiting.content.fingerprint.clone()),
                    obstacle: obstacle(instance, waiting),
                })
            }
            Self::Question(id, _) => {
                let waiting = instance.questions.get(id)?;
                let first = waiting.items.first().map(|item| &*item.question);
                let stopped = instance.is_stopped(&waiting.session);
                Some(Waiting {
                    session: waiting.session.clone(),
                    asked: waiting.items.len(),
                    about: short(first.unwrap_or_default()),
                    fingerprint: None,
                    obstacle: stopped.then_some(Obstacle::Stopped),
                })
            }
        }
    }

    fn check(&self, waiting: &Waiting) -> Result<(), CommandError> {
        match self {
            Self::Question(_, Answer::Rejected) => Ok(()),
            Self::Question(_, Answer::Given(answers)) => match waiting.obstacle {
                Some(obstacle) => Err(obstacle.into()),
                None if answers.len() != waiting.asked => Err(CommandError::Invalid(
                    "`answers` needs one list of answers for each question asked",
                )),
                None => Ok(()),
            },
            Self::Permission(_, answer) if !answer.allows() => Ok(()),
            Self::Permission(_, answer) => match (&answer.fingerprint, waiting.obstacle) {
                (_, Some(obstacle)) => Err(obstacle.into()),
                (None, None) => Err(CommandError::NotNamed),
                (Some(named), None) if waiting.fingerprint.as_deref() == Some(named) => Ok(()),
                (Some(_), None) => Err(CommandError::ContentChanged),
            },
        }
    }

    async fn send(&self, server: &impl Server) -> Result<(), ClientError> {
        match self {
            Self::Permission(id, answer) => {
                let message = answer.message.as_deref();
                server
                    .reply_permission(id.as_str(), answer.reply, message)
                    .await
            }
            Self::Question(id, Answer::Given(answers)) => {
                server.reply_question(id.as_str(), answers).await
            }
            Self::Question(id, Answer::Rejected) => server.reject_question(id.as_str()).await,
        }
    }

    fn unknown(&self) -> CommandError {
        match self {
            Self::Permission(id, ..) => CommandError::UnknownPermission(id.clone()),
            Self::Question(id, _) => CommandError::UnknownQuestion(id.clone()),
        }
    }
}

/// Why a permission request cannot be allowed now, if it cannot.
fn obstacle(instance: &model::state::Instance, waiting: &Permission) -> Option<Obstacle> {
    let session = instance.sessions.get(&waiting.session);
    let run = session.map(|session| &session.run);
    if instance.is_stopped(&waiting.session) {
        return Some(Obstacle::Stopped);
    }
    if instance.link.status != LinkStatus::Connected {
        return Some(Obstacle::NotProven);
    }
    match run {
        Some(run) if run.is_running() => waiting.content.hidden.map(Obstacle::Hidden),
        Some(Run::Idle | Run::Interrupted { .. }) => Some(Obstacle::RunEnded),
        // What it is doing was not read, or it is not known itself: nor whether one above it was stopped.
        Some(_) | None => Some(Obstacle::NotProven),
    }
}

impl Obstacle {
    /// True for what is only not known yet.
    fn may_pass(self) -> bool {
        matches!(self, Self::NotProven | Self::Hidden(Hidden::Unread))
    }
}

impl From<Obstacle> for CommandError {
    fn from(obstacle: Obstacle) -> Self {
        match obstacle {
            // After a start of the hub, say: it is read in a moment.
            Obstacle::Hidden(Hidden::Unread) => Self::NotRead,
            Obstacle::Hidden(why) => Self::NotWhole(why),
            Obstacle::Stopped => Self::Stopped,
            Obstacle::RunEnded => Self::RunEnded,
            Obstacle::NotProven => Self::NotProven,
        }
    }
}

/// What a request is about, before it is cut to a line.
fn in_a_line(permission: &Permission) -> String {
    use model::state::Piece;
    let first = permission.content.pieces.first().map(|piece| match piece {
        Piece::Command(command) => command.to_string(),
        Piece::Diff { path, .. } => path.as_deref().unwrap_or("a change").to_owned(),
        Piece::Field { name, value } => format!("{name} = {value}"),
    });
    let first = first.unwrap_or_else(|| permission.patterns.join(", "));
    format!("{}: {first}", permission.permission)
}
