//! A prompt and what becomes of it, to its end: for `send --wait` and `check`.
//!
//! The log tells when to look, REST tells what is true. It listens before it speaks, so nothing can fall between.

use std::collections::BTreeSet;
use std::pin::pin;

use opencode::wire::{Event, SessionStatus};
use rand::Rng;
use rand::distr::Alphanumeric;
use tokio::time::{Instant, MissedTickBehavior, interval_at};

use crate::api::{Api, Entry, Follow, Item, LogQuery, NOW, Prompt, Prompted, SessionMessage};
use crate::fault::{Exit, Fault};
use crate::{describe, limits, out};

/// Outcome of a turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// With this text.
    Answered(String),
    /// Without an answer, for this reason.
    Failed(String),
}

/// A turn under way.
pub(crate) struct Turn {
    follow: Follow,
    watch: Watch,
    /// The message that the prompt became.
    pub(crate) prompted: Prompted,
}

struct Watch {
    api: Api,
    instance: String,
    session: String,
    message: String,
    /// The session and those below it: what they ask for holds the turn up.
    family: BTreeSet<String>,
    /// True once an event of this turn arrived: before that the session shows the outcome of the previous turn.
    begun: bool,
}

impl Turn {
    /// Listens, then sends the prompt.
    ///
    /// # Errors
    /// The hub or the server refuses.
    pub(crate) async fn begin(
        api: &Api,
        instance: &str,
        session: &str,
        prompt: &Prompt,
    ) -> Result<Self, Fault> {
        let query = LogQuery {
            instance: Some(instance.to_owned()),
            after: Some(NOW.to_owned()),
            follow: true,
            ..LogQuery::default()
        };
        let follow = Follow::open(api.clone(), query).await?;
        let prompted = send(api, instance, session, prompt).await?;
        let watch = Watch {
            api: api.clone(),
            instance: instance.to_owned(),
            session: session.to_owned(),
            message: prompted.message.clone(),
            family: BTreeSet::from([session.to_owned()]),
            begun: false,
        };
        Ok(Self {
            follow,
            watch,
            prompted,
        })
    }

    /// Waits for the end, and shows every event of the turn's sessions on the way.
    ///
    /// # Errors
    /// The hub is gone, or what shows an event fails.
    pub(crate) async fn end(
        &mut self,
        mut show: impl FnMut(&Entry, &Event) -> Result<(), Fault>,
    ) -> Result<Outcome, Fault> {
        let mut look_again =
            interval_at(Instant::now() + limits::LOOK_AT_TURN, limits::LOOK_AT_TURN);
        look_again.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            let mut next = pin!(self.follow.next());
            let item = loop {
                tokio::select! {
                    item = &mut next => break item?,
                    _ = look_again.tick() => if let Some(outcome) = self.watch.look_at_session().await? {
                        return Ok(outcome);
                    },
                }
            };
            let ended = match item {
                Some(Item::Event(entry)) => match describe::read(&entry.event) {
                    Some(event) => {
                        if self.watch.concerns(&event) {
                            show(&entry, &event)?;
                        }
                        self.watch.receive(&event).await?
                    }
                    None => None,
                },
                Some(Item::Hub(_) | Item::Redacted { .. }) => None,
                Some(Item::Gap(_)) | None => self.watch.look_at_session().await?,
            };
            if let Some(outcome) = ended {
                return Ok(outcome);
            }
        }
    }
}

/// Sends a prompt, once more if the answer is lost: under one key it is one prompt.
///
/// # Errors
/// The hub or the server refuses.
pub(crate) async fn send(
    api: &Api,
    instance: &str,
    session: &str,
    prompt: &Prompt,
) -> Result<Prompted, Fault> {
    let key: String = rand::rng()
        .sample_iter(Alphanumeric)
        .take(24)
        .map(char::from)
        .collect();
    match api.prompt(instance, session, prompt, &key).await {
        Err(Fault::Failed {
            exit: Exit::NoHub, ..
        }) => api.prompt(instance, session, prompt, &key).await,
        answer => answer,
    }
}

impl Watch {
    fn concerns(&mut self, event: &Event) -> bool {
        if let Event::SessionCreated(info) = event
            && info
                .parent_id
                .as_ref()
                .is_some_and(|parent| self.family.contains(parent))
        {
            self.family.insert(info.id.clone());
        }
        session_of(event).is_some_and(|session| self.family.contains(session))
    }

    /// Outcome of the turn according to an event.
    async fn receive(&mut self, event: &Event) -> Result<Option<Outcome>, Fault> {
        match event {
            Event::PermissionAsked(asked) if self.family.contains(&asked.session_id) => {
                self.print_waiting(&asked.session_id, &describe::words(event));
                Ok(None)
            }
            Event::QuestionAsked(asked) if self.family.contains(&asked.session_id) => {
                self.print_waiting(&asked.session_id, &describe::words(event));
                Ok(None)
            }
            Event::SessionError { session_id, .. }
                if session_id.as_deref() == Some(&self.session) =>
            {
                self.begun = true;
                self.look_at_session().await
            }
            Event::MessageUpdated(info) if info.parent_id.as_deref() == Some(&self.message) => {
                let last = info.error.is_some()
                    || (info.completed.is_some() && info.finish.as_deref() != Some("tool-calls"));
                self.begun = true;
                if last {
                    self.look(false).await
                } else {
                    Ok(None)
                }
            }
            Event::SessionIdle { session_id } if *session_id == self.session => {
                self.look(true).await
            }
            Event::SessionStatus {
                session_id,
                status: SessionStatus::Idle,
            } if *session_id == self.session => self.look(true).await,
            Event::SessionDeleted { session_id, .. } if *session_id == self.session => {
                Ok(Some(Outcome::Failed("the session was deleted".to_owned())))
            }
            _ => Ok(None),
        }
    }

    fn print_waiting(&self, session: &str, what: &str) {
        out::note(&format!(
            "waiting for you: {what}. Answer at {}",
            self.api.page(&self.instance, Some(session))
        ));
    }

    /// For ends that no event tells of: the server died, or the connection to it.
    async fn look_at_session(&self) -> Result<Option<Outcome>, Fault> {
        let session = self.api.session(&self.instance, &self.session).await?;
        match session.status.kind.as_str() {
            "idle" => self.look(true).await,
            "interrupted" => Ok(Some(Outcome::Failed(
                "the server stopped before the answer was complete".to_owned(),
            ))),
            _ => Ok(None),
        }
    }

    /// Outcome of the turn, if it ended. `idle` is true if the session is idle.
    async fn look(&self, idle: bool) -> Result<Option<Outcome>, Fault> {
        let messages = self.api.messages(&self.instance, &self.session).await?;
        let answers = |message: &&SessionMessage| {
            message.info.role == "assistant"
                && message.info.parent.as_deref() == Some(&self.message)
        };
        let last = messages.iter().rev().find(answers);
        if !idle {
            // Failures and empty answers are reported once the session is idle: the hub knows how the turn ended then.
            let whole = last.filter(|last| last.info.finish.as_deref() == Some("stop"));
            return Ok(whole.and_then(answer));
        }
        if last.is_none() && !self.begun {
            return Ok(None);
        }
        let session = self.api.session(&self.instance, &self.session).await?;
        if session.mark.name == "failed" {
            return Ok(Some(Outcome::Failed(session.mark.sentence())));
        }
        Ok(last.and_then(|last| answer(last).or_else(|| outcome(last))))
    }
}

/// The text of an answer that is whole.
fn answer(last: &SessionMessage) -> Option<Outcome> {
    let well = last.info.error.is_none() && last.info.finish.as_deref() != Some("tool-calls");
    last.info.time.completed.filter(|_| well)?;
    let texts = last
        .parts
        .iter()
        .filter(|part| part.kind == "text" && !part.synthetic);
    let texts: Vec<&str> = texts.map(|part| part.text.trim_end()).collect();
    let text = texts.join("\n");
    (!text.is_empty()).then_some(Outcome::Answered(text))
}

/// Outcome of a turn without an answer.
fn outcome(last: &SessionMessage) -> Option<Outcome> {
    if last.info.error.is_some() {
        return Some(Outcome::Failed("the turn was stopped".to_owned()));
    }
    last.info.time.completed?;
    Some(Outcome::Failed(
        "the turn ended after a tool call, without an answer".to_owned(),
    ))
}

/// The session an event is about, where this matters to a turn.
fn session_of(event: &Event) -> Option<&str> {
    Some(match event {
        Event::SessionCreated(info) | Event::SessionUpdated(info) => &info.id,
        Event::SessionDeleted { session_id, .. }
        | Event::SessionIdle { session_id }
        | Event::SessionStatus { session_id, .. }
        | Event::SessionCompacted { session_id }
        | Event::SessionDiff { session_id, .. }
        | Event::MessageRemoved { session_id, .. }
        | Event::PartRemoved { session_id, .. }
        | Event::PermissionReplied { session_id, .. }
        | Event::QuestionReplied { session_id, .. }
        | Event::QuestionRejected { session_id, .. }
        | Event::TodoUpdated { session_id, .. } => session_id,
        Event::SessionError { session_id, .. } => return session_id.as_deref(),
        Event::MessageUpdated(info) => &info.session_id,
        Event::PartUpdated { part, .. } => &part.session_id,
        Event::PartDelta(delta) => &delta.session_id,
        Event::PermissionAsked(asked) => &asked.session_id,
        Event::QuestionAsked(asked) => &asked.session_id,
        _ => return None,
    })
}
