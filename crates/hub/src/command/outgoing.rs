//! A prompt in OpenCode's format: a message, a command, or a shell command.

use std::sync::Arc;

use model::ids::SessionId;
use serde_json::{Value, json};
use tokio::time::{Instant, sleep};

use super::mention::{self, fields};
use super::outbox::Sending;
use super::port::{Server, ServerError};
use super::{CommandError, Prompt};
use crate::limits;
use crate::tasks::to_the_end;

/// The agent that runs a shell command where no other is known; every OpenCode has it.
const BUILD: &str = "build";

/// Data of a session that a prompt needs.
#[derive(Clone, Debug, Default)]
pub(super) struct About {
    /// The folder it works in.
    pub(super) directory: Arc<str>,
    /// The agent it last used.
    pub(super) agent: Option<Arc<str>>,
}

/// The route of OpenCode that accepts a prompt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Route {
    /// A message; OpenCode replies at once.
    Message,
    /// A command; OpenCode replies when the turn has ended.
    Command,
    /// A shell command; OpenCode replies when it has ended.
    Shell,
}

/// A prompt with its ids.
#[derive(Clone, Debug)]
pub(super) struct Outgoing {
    route: Route,
    message: Arc<str>,
    body: Value,
}

impl Outgoing {
    /// A prompt under these ids.
    ///
    /// # Errors
    /// A mention leads out of the session's folder.
    pub(super) fn of(
        prompt: &Prompt,
        sending: &Sending,
        about: &About,
    ) -> Result<Self, CommandError> {
        let mut body = json!({"messageID": sending.id});
        if let Some(agent) = &prompt.agent {
            body["agent"] = json!(agent);
        }
        let route = match (&prompt.command, prompt.shell) {
            (_, true) => shell(&mut body, prompt, about),
            (Some(command), false) => named(&mut body, prompt, command),
            (None, false) => {
                if let Some(model) = &prompt.model {
                    body["model"] = json!(model);
                }
                Route::Message
            }
        };
        if let Some(variant) = prompt.variant.as_ref().filter(|_| route != Route::Shell) {
            body["variant"] = json!(variant);
        }
        let text = (route == Route::Message && !prompt.text.is_empty())
            .then(|| fields([("type", "text"), ("text", &prompt.text)]));
        let named = mention::parts(&about.directory, prompt)?;
        let mut parts: Vec<_> = text
            .into_iter()
            .chain(prompt.parts.iter().cloned())
            .chain(named)
            .collect();
        for (part, id) in parts.iter_mut().zip(&sending.parts) {
            part.entry("id").or_insert_with(|| (**id).into());
        }
        if route == Route::Message || !parts.is_empty() {
            body["parts"] = json!(parts);
        }
        Ok(Self {
            route,
            message: sending.id.clone(),
            body,
        })
    }

    /// Sends the prompt, and waits until the server has its message.
    pub(super) async fn send<S: Server>(
        self,
        server: &S,
        session: &SessionId,
    ) -> Result<(), ServerError> {
        let Self {
            route,
            message,
            body,
        } = self;
        if route == Route::Message {
            return server.prompt(session, &body).await;
        }
        let (running, of) = (server.clone(), session.clone());
        // The request stays open until the run has ended, longer than the caller waits.
        let mut run = Box::pin(to_the_end(async move {
            match route {
                Route::Shell => running.shell(&of, &body).await,
                _ => running.command(&of, &body).await,
            }
        }));
        let end = Instant::now() + limits::COMMAND_BEGINS;
        loop {
            tokio::select! {
                biased;
                done = &mut run => return done.unwrap_or(Ok(())),
                () = sleep(limits::COMMAND_LOOK) => {}
            }
            if server.has_message(session, &message).await? || Instant::now() > end {
                return Ok(());
            }
        }
    }
}

fn shell(body: &mut Value, prompt: &Prompt, about: &About) -> Route {
    let agent = prompt.agent.as_deref().or(about.agent.as_deref());
    body["agent"] = json!(agent.unwrap_or(BUILD));
    body["command"] = json!(prompt.text);
    if let Some(model) = &prompt.model {
        body["model"] = json!(model);
    }
    Route::Shell
}

fn named(body: &mut Value, prompt: &Prompt, command: &str) -> Route {
    body["command"] = json!(command);
    body["arguments"] = json!(prompt.text);
    if let Some(model) = &prompt.model {
        body["model"] = json!(format!("{}/{}", model.provider_id, model.model_id));
    }
    Route::Command
}
