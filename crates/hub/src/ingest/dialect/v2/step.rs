//! Steps of the model: each is a message of its own.

use std::collections::BTreeMap;
use std::mem;

use model::Event;
use model::ids::PartId;
use model::state::{MessageInfo, Place, RunStatus};
use model::text::Delta;
use opencode::DeltaText;
use opencode::wire2::{
    self, AssistantChange, CallId, ModelRef, StepEnd, TextChange, TextKind, ToolChange,
};

use super::super::bounds;
use super::super::pieces2::{Called, Home, session_id, time};
use super::super::rest2::{self, with_json};
use super::memory::{self, Step};
use super::{Head, V2, doubted};

/// A text grew.
pub(super) fn delta(home: &Home, part: PartId, grown: DeltaText) -> Event {
    let (lead_low, body, trail_high) = grown.into_parts();
    Event::PartDelta {
        session: home.session.clone(),
        message: home.message.clone(),
        part,
        delta: Delta {
            lead_low,
            body,
            trail_high,
        },
    }
}

impl V2 {
    pub(super) fn assistant(
        &mut self,
        session: &wire2::SessionId,
        message: &wire2::MessageId,
        change: AssistantChange,
        head: &Head<'_>,
    ) -> Vec<Event> {
        let home = Home::new(session, message.as_str());
        match change {
            AssistantChange::Started { agent, model } => {
                self.step_started(&home, &agent, model.as_ref(), head)
            }
            AssistantChange::Text {
                kind,
                ordinal,
                change,
            } => self.text(session, &home, (kind, ordinal.0), change, head),
            AssistantChange::Tool { call, change } => {
                self.tool(session, &home, &call, change, head)
            }
            AssistantChange::Streamed => Vec::new(),
            AssistantChange::Ended(end) => self.step_ended(session, &home, end, None, head),
            AssistantChange::Failed { error, end } => {
                self.step_ended(session, &home, end, Some(&error), head)
            }
            AssistantChange::Retry(retry) => {
                self.memory.of(session.as_str()).retries = true;
                vec![Event::Status {
                    session: session_id(session),
                    status: bounds::status(RunStatus::Retry {
                        attempt: u32::try_from(retry.attempt).unwrap_or(u32::MAX),
                        message: retry.error.message.into(),
                        next: retry.at.map(time).unwrap_or_default(),
                    }),
                }]
            }
        }
    }

    /// A step began, or begins again after a failure. Others of the session that are open have ended.
    fn step_started(
        &mut self,
        home: &Home,
        agent: &str,
        model: Option<&ModelRef>,
        head: &Head<'_>,
    ) -> Vec<Event> {
        let known = self.memory.of(home.session.as_str());
        let mut events = Vec::new();
        if mem::take(&mut known.retries) {
            events.push(Event::Status {
                session: home.session.clone(),
                status: RunStatus::Busy,
            });
        }
        let again = known.steps.remove(&home.message);
        for left in mem::take(&mut known.steps).into_values() {
            events.push(Event::Message(with_json(MessageInfo {
                completed: Some(head.at),
                ..left.info
            })));
        }
        let step = match again {
            Some(step) => Step {
                info: MessageInfo {
                    completed: None,
                    failure: None,
                    finish: None,
                    ..step.info
                },
                ..step
            },
            None => Step {
                info: MessageInfo {
                    tie: known.tie(head.at),
                    parent: known.prompt.clone(),
                    ..rest2::step(home, agent, model, head.at)
                },
                calls: BTreeMap::new(),
                thoughts: BTreeMap::new(),
            },
        };
        events.push(Event::Message(with_json(step.info.clone())));
        known.steps.insert(home.message.clone(), step);
        events
    }

    fn step_ended(
        &mut self,
        session: &wire2::SessionId,
        home: &Home,
        end: StepEnd,
        error: Option<&wire2::Failure>,
        head: &Head<'_>,
    ) -> Vec<Event> {
        let known = self.memory.of(session.as_str());
        let Some(step) = known.steps.remove(&home.message) else {
            return vec![doubted(session)];
        };
        vec![Event::Message(with_json(MessageInfo {
            completed: Some(head.at),
            failure: error.map(rest2::failure),
            finish: end.finish.as_deref().map(bounds::words),
            cost: end.cost,
            tokens: rest2::tokens(end.tokens),
            ..step.info
        }))]
    }

    fn text(
        &mut self,
        session: &wire2::SessionId,
        home: &Home,
        (kind, ordinal): (TextKind, u32),
        change: TextChange,
        head: &Head<'_>,
    ) -> Vec<Event> {
        if let TextChange::Delta(grown) = change {
            return vec![delta(home, home.text_id(kind, ordinal), grown)];
        }
        let known = self.memory.of(session.as_str());
        let step = known.steps.get_mut(&home.message);
        let unknown = step.is_none().then(|| doubted(session));
        let (text, ended) = match change {
            TextChange::Ended(text) => (text, true),
            TextChange::Started | TextChange::Delta(_) => (String::new(), false),
        };
        let part = match (kind, step) {
            (TextKind::Text, _) => home.text(ordinal, &text, ended, Place::Last),
            (TextKind::Reasoning, step) => {
                let begun = step.and_then(|step| {
                    if !ended {
                        memory::note(&mut step.thoughts, ordinal, head.at);
                    }
                    step.thoughts.get(&ordinal).copied()
                });
                let times = (begun, ended.then_some(head.at));
                home.reasoning(ordinal, &text, times, Place::Last)
            }
        };
        [Event::Part(part)].into_iter().chain(unknown).collect()
    }

    fn tool(
        &mut self,
        session: &wire2::SessionId,
        home: &Home,
        call: &CallId,
        change: ToolChange,
        head: &Head<'_>,
    ) -> Vec<Event> {
        let known = self.memory.of(session.as_str());
        let step = known.steps.get_mut(&home.message);
        let Some(step) = step else {
            return match change {
                ToolChange::InputDelta(_) => Vec::new(),
                _ => vec![doubted(session)],
            };
        };
        if let ToolChange::InputStarted { name } = &change {
            let called = Called::new(call.as_str(), name);
            let part = home.tool(&called, Place::Last);
            memory::note(&mut step.calls, call.as_str().into(), called);
            return vec![Event::Part(part)];
        }
        let Some(called) = step.calls.get_mut(call.as_str()) else {
            return vec![doubted(session)];
        };
        match change {
            ToolChange::InputStarted { .. }
            | ToolChange::InputDelta(_)
            | ToolChange::InputEnded(_) => return Vec::new(),
            ToolChange::Called { input, .. } => called.runs(&input, Some(head.at)),
            ToolChange::Progress(metadata) => called.says(Some(&metadata)),
            ToolChange::Succeeded { content, metadata } => {
                called.succeeds(&content, metadata.as_ref(), Some(head.at));
            }
            ToolChange::Failed {
                error,
                content,
                metadata,
            } => called.fails(&error, &content, metadata.as_ref(), Some(head.at)),
        }
        vec![Event::Part(home.tool(called, Place::Last))]
    }
}
