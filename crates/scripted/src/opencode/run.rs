//! Runs the prompts of a session: waits, paces, and drives the world through the phases of each turn.

use std::pin::Pin;

use super::shapes::{self, Usage};
use super::shared::Handle;
use super::tools::{self, Context, ToolOutcome};
use super::world::Status;
use crate::limits;
use crate::model::script;
use crate::pace::Paced;
use crate::script::{Channel, Failure, Flow, Statement, ToolCall};

/// Prompt tokens a real server spends on its instructions before the prompt.
const SYSTEM_TOKENS: u64 = 2390;

/// Statuses after which asking the model again makes sense.
const RETRYABLE: [u16; 6] = [408, 429, 500, 502, 503, 504];

/// Answers a session's waiting prompts in the background, unless that is under way already.
pub(super) fn start(shared: &Handle, session: &str) {
    let idle = shared.with(|world| {
        let session = world.sessions.get_mut(session)?;
        (!std::mem::replace(&mut session.running, true)).then_some(())
    });
    if idle.is_none() {
        return;
    }
    let stop = shared.begin_run(session);
    let (own, id) = (Handle::clone(shared), session.to_owned());
    let task = tokio::spawn(async move {
        tokio::select! {
            () = answer(&own, &id) => {}
            () = stop.cancelled() => own.with(|world| world.interrupt(&id)),
        }
        own.end_run(&id);
    });
    shared.attach_task(session, task.abort_handle());
}

/// Answers a subagent's prompt within its parent's run. Stopping it alone lets the parent go on.
/// Boxed, as a subagent may call a subagent.
pub(super) fn child<'a>(
    shared: &'a Handle,
    session: &'a str,
) -> Pin<Box<dyn Future<Output = ()> + Send + 'a>> {
    Box::pin(async move {
        let stop = shared.begin_run(session);
        tokio::select! {
            () = answer(shared, session) => {}
            () = stop.cancelled() => shared.with(|world| world.interrupt(session)),
        }
        shared.end_run(session);
    })
}

async fn answer(shared: &Handle, session: &str) {
    let mut answered = None;
    while let Some((user, text)) =
        shared.with(|world| world.next_prompt(session, answered.as_deref()))
    {
        turn(shared, session, &user, &text).await;
        answered = Some(user);
    }
}

async fn turn(shared: &Handle, session: &str, user: &str, text: &str) {
    let voice = shared.options.voice;
    let script = script(text, voice);
    for index in 0.. {
        let Some(message) = shared.with(|world| world.begin_step(session, user, index == 0, voice))
        else {
            return;
        };
        let step = Step {
            shared,
            session,
            user,
            message: &message,
            first: index == 0,
            usage: Usage {
                input: SYSTEM_TOKENS + (text.len() / 4) as u64,
                ..Usage::default()
            },
        };
        if step.run(&script.step(index)).await == Next::Stop {
            return;
        }
    }
}

/// Whether the turn goes on after a step.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Next {
    Go,
    Stop,
}

/// One assistant message being made.
struct Step<'a> {
    shared: &'a Handle,
    session: &'a str,
    user: &'a str,
    message: &'a str,
    first: bool,
    usage: Usage,
}

/// Why the model is asked again.
struct ContinueReason {
    message: String,
}

impl Step<'_> {
    async fn run(mut self, statements: &[Statement]) -> Next {
        for attempt in 1_u32.. {
            if let Some(failure) = due_failure(statements, attempt) {
                if !RETRYABLE.contains(&failure.status) {
                    self.refuse(failure);
                    return Next::Stop;
                }
                self.retry(attempt, failure.message.clone()).await;
                continue;
            }
            self.shared
                .with(|world| world.start_model(self.session, self.message));
            match self.say(statements).await {
                Ok(next) => return next,
                Err(again) => self.retry(attempt, again.message).await,
            }
        }
        Next::Stop
    }

    async fn say(&mut self, statements: &[Statement]) -> Result<Next, ContinueReason> {
        let mut finish = "stop";
        for statement in statements {
            if let Some(flow) = statement.flow(self.shared.options.rate) {
                self.say_flow(flow).await;
                continue;
            }
            match statement {
                Statement::Stall(pause) => tokio::time::sleep(*pause).await,
                Statement::Usage(tokens) => self.usage.input = *tokens,
                Statement::Finish(reason) => finish = reason,
                Statement::Midfail => {
                    self.shared.with(|world| world.abandon(self.session));
                    return Err(ContinueReason {
                        message: "Connection reset by server".into(),
                    });
                }
                Statement::Call(calls) => return Ok(self.call(calls).await),
                _ => {}
            }
        }
        self.finish(finish);
        Ok(Next::Stop)
    }

    async fn say_flow(&mut self, flow: Flow) {
        let channel = flow.channel;
        let mut paced = Paced::new(flow);
        while let Some(piece) = paced.next().await {
            self.shared
                .with(|world| world.say(self.session, self.message, channel, &piece));
        }
        match channel {
            Channel::Text => self.usage.output += paced.sent(),
            Channel::Reasoning => self.usage.reasoning += paced.sent(),
        }
    }

    async fn call(&self, calls: &[ToolCall]) -> Next {
        let context = Context {
            shared: self.shared,
            session: self.session,
            message: self.message,
        };
        let started: Vec<_> = calls
            .iter()
            .map(|call| tools::start(&context, call))
            .collect();
        self.shared.with(|world| world.close(self.session));
        let ends =
            futures_util::future::join_all(started.into_iter().map(|act| act.play(&context))).await;
        self.finish("tool-calls");
        if ends.contains(&ToolOutcome::Rejected) {
            Next::Stop
        } else {
            Next::Go
        }
    }

    fn finish(&self, reason: &str) {
        self.shared.with(|world| {
            world.close(self.session);
            if !self.first {
                world.tell_user_summary(self.session, self.user);
            }
            world.finish_step(self.session, self.message, reason, self.usage);
        });
    }

    fn refuse(&self, failure: &Failure) {
        let error = shapes::api_error(failure.status, &failure.message);
        self.shared
            .with(|world| world.fail(self.session, self.message, &error));
    }

    /// Tells of the wait, and waits: twice as long each time.
    async fn retry(&self, attempt: u32, message: String) {
        let wait = self
            .shared
            .options
            .retry
            .saturating_mul(1 << attempt.min(MOST_DOUBLINGS));
        self.shared.with(|world| {
            let next = world.now() + u64::try_from(wait.as_millis()).unwrap_or(u64::MAX / 2);
            world.set_status(
                self.session,
                Status::Retry {
                    attempt,
                    message,
                    next,
                },
            );
        });
        tokio::time::sleep(wait.min(limits::LONGEST_RETRY)).await;
        self.shared
            .with(|world| world.set_status(self.session, Status::Busy));
    }
}

/// The wait before asking again grows no further than this.
const MOST_DOUBLINGS: u32 = 5;
fn due_failure(statements: &[Statement], attempt: u32) -> Option<&Failure> {
    statements.iter().find_map(|statement| match statement {
        Statement::Error(failure) if failure.times.is_none_or(|times| attempt <= times) => {
            Some(failure)
        }
        _ => None,
    })
}
