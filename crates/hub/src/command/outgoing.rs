//! A prompt with its ids, as it is sent: a message, a command, or a shell command.

use std::sync::Arc;

use model::ids::SessionId;
use tokio::time::{Instant, sleep};

use super::mention;
use super::outbox::Sending;
use super::port::{
    Capability, NewCommand, NewContent, NewMessage, NewPart, NewShell, Server, ServerError,
};
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

/// A prompt with its ids.
#[derive(Clone, Debug)]
pub(super) enum Outgoing {
    /// A message; the server replies at once.
    Message(NewMessage),
    /// A command; OpenCode 1 replies when the turn has ended.
    Command(NewCommand),
    /// A shell command; OpenCode 1 replies when it has ended.
    Shell(NewShell),
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
        let id = sending.id.clone();
        let (agent, model) = (prompt.agent.clone(), prompt.model.clone());
        if prompt.shell {
            let agent = agent.or_else(|| about.agent.as_deref().map(str::to_owned));
            return Ok(Self::Shell(NewShell {
                id,
                command: prompt.text.clone(),
                agent: agent.unwrap_or_else(|| BUILD.to_owned()),
                model,
            }));
        }
        let parts = parts(prompt, sending, about)?;
        let variant = prompt.variant.clone();
        let delivery = prompt.delivery.unwrap_or_default();
        Ok(match &prompt.command {
            Some(name) => Self::Command(NewCommand {
                id,
                name: name.clone(),
                arguments: prompt.text.clone(),
                parts,
                agent,
                model,
                variant,
                delivery,
            }),
            None => Self::Message(NewMessage {
                id,
                parts,
                agent,
                model,
                variant,
                delivery,
            }),
        })
    }

    /// Sends the prompt, and waits until the server has its message.
    pub(super) async fn send<S: Server>(
        self,
        server: &S,
        session: &SessionId,
    ) -> Result<(), ServerError> {
        let message = match &self {
            Self::Message(message) => return server.prompt(session, message).await,
            Self::Command(command) => command.id.clone(),
            Self::Shell(shell) => shell.id.clone(),
        };
        let (running, of) = (server.clone(), session.clone());
        // The request may stay open until the run has ended, longer than the caller waits.
        let mut run = Box::pin(to_the_end(async move {
            match self {
                Self::Message(message) => running.prompt(&of, &message).await,
                Self::Command(command) => running.command(&of, &command).await,
                Self::Shell(shell) => running.shell(&of, &shell).await,
            }
        }));
        let end = Instant::now() + limits::COMMAND_BEGINS;
        loop {
            tokio::select! {
                biased;
                done = &mut run => return done.unwrap_or(Ok(())),
                () = sleep(limits::COMMAND_LOOK) => {}
            }
            let named = server.ids().names_commands();
            if (named && server.has_message(session, &message).await?) || Instant::now() > end {
                return Ok(());
            }
        }
    }
}

impl Prompt {
    /// What a server has to be able to do for this prompt.
    pub(super) fn needs(&self) -> impl Iterator<Item = Capability> {
        [
            self.shell.then_some(Capability::Shell),
            self.command.is_some().then_some(Capability::Command),
            self.delivery.is_some().then_some(Capability::Inbox),
        ]
        .into_iter()
        .flatten()
    }
}

/// The parts of a prompt. The text of a command is its arguments.
fn parts(prompt: &Prompt, sending: &Sending, about: &About) -> Result<Vec<NewPart>, CommandError> {
    let is_text = prompt.command.is_none() && !prompt.text.is_empty();
    let text = is_text.then(|| NewContent::Text(prompt.text.clone()));
    let given = prompt.parts.iter().cloned().map(NewContent::Given);
    let named = mention::parts(&about.directory, prompt)?;
    let all = text.into_iter().chain(given).chain(named);
    let mut ids = sending.parts.iter().cloned();
    let part = |content| NewPart {
        id: ids.next(),
        content,
    };
    Ok(all.map(part).collect())
}
