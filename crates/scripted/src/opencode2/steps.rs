//! Steps of the model: how they begin, fail, begin again and end.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::machine::World;
use super::run::{Act, Boundary, Next, Run};
use crate::limits;
use crate::script::{Failure, Statement};

/// Statuses after which a step is repeated.
const REPEATED: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// Input tokens of the instructions, before the prompt.
const INSTRUCTIONS: u64 = 2390;

/// Why a model may stop.
const FINISHES: [&str; 4] = ["stop", "length", "content-filter", "error"];

/// The tool of version 1's to-do lists. Version 2 has none, so a script's calls of it are left out.
const TO_DO_LIST: &str = "todowrite";

/// True of a step that does nothing but write a to-do list.
fn is_to_do_list(statements: &[Statement]) -> bool {
    match statements {
        [Statement::Call(calls)] => calls.iter().all(|call| call.name == TO_DO_LIST),
        _ => false,
    }
}

impl World<'_> {
    pub(super) fn next_step(&mut self, run: &mut Run) {
        let mut statements = run.script.step(run.step);
        run.step += 1;
        while is_to_do_list(&statements) {
            statements = run.script.step(run.step);
            run.step += 1;
        }
        run.attempt = 0;
        self.fresh(run);
        run.acts.push_back(Act::Attempt(statements));
    }

    /// A new message of the model.
    pub(super) fn fresh(&mut self, run: &mut Run) {
        run.message = Some(self.machine.id("msg"));
        run.ordinals = [0, 0];
        run.calls.clear();
        run.streamed = false;
        (run.output, run.reasoning) = (0, 0);
        run.input = INSTRUCTIONS + (run.prompt.len() / 4) as u64;
    }

    pub(super) fn attempt(&mut self, id: &str, run: &mut Run, statements: Vec<Statement>) -> Next {
        let message = run.message.clone().unwrap_or_default();
        let session = self.store.sessions.get(id);
        let agent = session.map_or("", |session| session.text("agent"));
        let agent = if agent.is_empty() { "build" } else { agent };
        let model = session.map_or(Value::Null, |session| session.info["model"].clone());
        let model = match model {
            Value::Null => super::shapes::model_ref(),
            model => model,
        };
        let data = json!({
            "assistantMessageID": message, "agent": agent, "model": model, "started": self.machine.now(),
        });
        self.commit(id, "session.step.started", data);
        let attempt = run.attempt;
        let failure = statements.iter().find_map(|statement| match statement {
            Statement::Error(failure) if failure.times.is_none_or(|times| attempt < times) => {
                Some(failure)
            }
            _ => None,
        });
        if let Some(failure) = failure {
            let failure = failure.clone();
            return self.refused(id, run, &failure, statements);
        }
        run.acts = plan(statements, self.machine.manner.rate).into();
        Next::Now
    }

    /// The model failed before it gave anything: the step waits and begins again, or it fails.
    pub(super) fn refused(
        &mut self,
        id: &str,
        run: &mut Run,
        failure: &Failure,
        again: Vec<Statement>,
    ) -> Next {
        let message = run.message.clone().unwrap_or_default();
        let error = json!({
            "type": error_type(failure.status), "message": failure.message, "status": failure.status,
        });
        if REPEATED.contains(&failure.status) && run.attempt < limits::ATTEMPTS {
            run.attempt += 1;
            let wait = self
                .machine
                .manner
                .retry
                .saturating_mul(1 << (run.attempt - 1));
            let data = json!({
                "assistantMessageID": message, "attempt": run.attempt, "at": self.machine.now() + wait, "error": error,
            });
            self.commit(id, "session.retry.scheduled", data);
            run.acts.push_front(Act::Attempt(again));
            return Next::After(wait);
        }
        self.commit(
            id,
            "session.step.failed",
            json!({ "assistantMessageID": message, "error": error }),
        );
        self.commit(id, "session.execution.failed", json!({ "error": error }));
        Next::Gone
    }

    pub(super) fn step_ended(&mut self, id: &str, run: &mut Run, finish: &str) {
        let data = json!({
            "assistantMessageID": run.message.take(), "finish": finish, "cost": run.cost(), "tokens": run.tokens(),
        });
        self.commit(id, "session.step.ended", data);
        self.usage(id);
        if finish == "tool-calls" {
            run.acts.push_back(Act::Deliver(Boundary::Steers));
            run.acts.push_back(Act::Step);
        } else {
            run.acts.push_back(Act::Deliver(run.last));
        }
    }

    /// The connection to the model broke after it gave something: the step fails, and a new one goes on.
    pub(super) fn broken(&mut self, id: &str, run: &mut Run, rest: Vec<Statement>) {
        self.close(id, run);
        let error =
            json!({ "type": "provider.transport", "message": "Connection reset by server" });
        let data = json!({ "assistantMessageID": run.message, "error": error });
        self.commit(id, "session.step.failed", data);
        let text =
            json!({ "text": "The reply broke off. Go on from there.", "description": "retry" });
        self.commit(id, "session.synthetic", text);
        self.fresh(run);
        run.acts = VecDeque::from([Act::Attempt(rest)]);
    }
}

/// What a step does.
fn plan(statements: Vec<Statement>, rate: f64) -> Vec<Act> {
    let mut acts = Vec::new();
    let mut finish = "stop".to_owned();
    let mut statements = statements.into_iter();
    while let Some(statement) = statements.next() {
        if let Some(flow) = statement.flow(rate) {
            acts.push(Act::Speak(flow, true));
            continue;
        }
        match statement {
            Statement::Stall(pause) => {
                acts.push(Act::Pause(u64::try_from(pause.as_millis()).unwrap_or(0)));
            }
            Statement::Finish(reason) if FINISHES.contains(&&*reason) => finish = reason,
            Statement::Finish(_) => finish = "unknown".to_owned(),
            Statement::Midfail => {
                acts.push(Act::Broken(statements.collect()));
                return acts;
            }
            Statement::Call(mut calls) => {
                calls.retain(|call| call.name != TO_DO_LIST);
                acts.push(Act::Close);
                let count = calls.len();
                acts.push(Act::Calls(calls));
                acts.push(Act::Streamed);
                acts.extend((0..count).map(Act::Tool));
                acts.push(Act::Ended("tool-calls".to_owned()));
                return acts;
            }
            _ => {}
        }
    }
    acts.extend([Act::Close, Act::Streamed, Act::Ended(finish)]);
    acts
}

fn error_type(status: u16) -> &'static str {
    match status {
        401 | 403 => "provider.auth",
        429 => "provider.rate-limit",
        402 => "provider.quota",
        400..=499 => "provider.invalid-request",
        _ => "provider.internal",
    }
}
