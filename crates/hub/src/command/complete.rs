//! Completions for a prompt (commands, files, agents), and the agents and models to choose from.

use model::ids::{InstanceId, SessionId};
use model::plain;
use serde::{Deserialize, Serialize};

use super::port::{AgentFound, CommandFound, Lookups, ModelOffer, Server as _, Servers};
use super::{CommandError, Commands};
use crate::limits;

/// The kind of a completion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum CompletionKind {
    /// The name of a command, behind a `/`.
    Command,
    /// A file, folder or agent, behind an `@`.
    Mention,
}

/// A completion.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct Completion {
    /// `command`, `file`, `folder` or `agent`.
    #[schema(value_type = String)]
    pub kind: &'static str,
    /// The name or path, without `/` or `@` before it.
    pub name: String,
    /// Description in one line; empty if unknown.
    pub detail: String,
    /// The arguments that a command takes; empty where it has none.
    pub hint: String,
}

/// Agents and models that a prompt can be sent with.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct Choices {
    /// Agents that a person can choose.
    pub agents: Vec<AgentChoice>,
    /// Models of every configured provider.
    pub models: Vec<ModelOffer>,
    /// How many models there are beyond [`limits::CATALOG`], which are not in the list.
    pub more_models: usize,
}

/// An agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, utoipa::ToSchema)]
pub struct AgentChoice {
    /// Its name.
    pub name: String,
    /// Description of its purpose.
    pub description: String,
}

impl<S: Servers> Commands<S>
where
    S::Server: Lookups,
{
    /// The completions of a query, best match first, [`limits::COMPLETIONS`] at most. Files are searched in the session's folder,
    /// or in the server's own folder without a session.
    ///
    /// # Errors
    /// The session or instance is not there, or the server does not answer.
    pub async fn completions(
        &self,
        instance: &InstanceId,
        session: Option<&SessionId>,
        kind: CompletionKind,
        query: &str,
    ) -> Result<Vec<Completion>, CommandError> {
        if query.chars().count() > limits::COMPLETION_QUERY_CHARS {
            return Ok(Vec::new());
        }
        let server = match session {
            Some(session) => self.at_session(instance, session).await?,
            None => self.server(instance).await?.at(""),
        };
        let mut found = match kind {
            CompletionKind::Command => {
                let commands = server.commands().await?;
                ranked(commands.into_iter().map(command), query)
            }
            CompletionKind::Mention => {
                let both = tokio::join!(
                    server.agents(),
                    server.find_files(query, limits::COMPLETIONS)
                );
                let agents = both.0?.into_iter();
                let agents = agents.filter(|agent| agent.can_be_mentioned).map(agent);
                let mut all = ranked(agents, query);
                all.extend(both.1?.into_iter().map(file));
                all
            }
        };
        found.retain(|one| one.name.len() <= limits::PATH_BYTES && one.name != "/");
        found.truncate(limits::COMPLETIONS);
        Ok(found)
    }

    /// Agents and models that a prompt can be sent with, as the server reports them now.
    ///
    /// # Errors
    /// The instance is not there, or its server does not answer.
    pub async fn choices(&self, instance: &InstanceId) -> Result<Choices, CommandError> {
        let server = self.server(instance).await?.at("");
        let (agents, models) = tokio::join!(server.agents(), server.models());
        let agents = agents?
            .into_iter()
            .filter(|agent| agent.can_be_chosen)
            .map(|agent| AgentChoice {
                description: words(&agent.description),
                name: agent.name,
            });
        let models = models?.into_iter().map(|model| ModelOffer {
            provider: words(&model.provider),
            name: words(&model.name),
            ..model
        });
        let mut models: Vec<_> = models.collect();
        let more_models = models.len().saturating_sub(limits::CATALOG);
        models.truncate(limits::CATALOG);
        Ok(Choices {
            agents: agents.take(limits::CATALOG).collect(),
            models,
            more_models,
        })
    }
}

fn words(text: &str) -> String {
    plain::line(text, limits::WORDS_CHARS)
}

fn command(command: CommandFound) -> Completion {
    Completion {
        kind: "command",
        name: command.name,
        detail: words(&command.description),
        hint: words(&command.hints.join(" ")),
    }
}

fn agent(agent: AgentFound) -> Completion {
    Completion {
        kind: "agent",
        detail: words(&agent.description),
        name: agent.name,
        hint: String::new(),
    }
}

fn file(path: String) -> Completion {
    Completion {
        kind: if path.ends_with('/') {
            "folder"
        } else {
            "file"
        },
        name: path,
        detail: String::new(),
        hint: String::new(),
    }
}

/// Filters by subsequence and ranks: prefix matches, then substring matches, then the others, each sorted by name.
fn ranked(all: impl Iterator<Item = Completion>, query: &str) -> Vec<Completion> {
    let query = query.to_lowercase();
    let rank = |name: &str| {
        let name = name.to_lowercase();
        let mut letters = name.chars();
        let in_order = query.chars().all(|wanted| letters.any(|c| c == wanted));
        match name.find(&query) {
            Some(0) => Some(0),
            Some(_) => Some(1),
            None => in_order.then_some(2),
        }
    };
    let mut found: Vec<_> = all
        .filter_map(|one| Some((rank(&one.name)?, one)))
        .collect();
    found.sort_by(|(a, one), (b, other)| (a, &one.name).cmp(&(b, &other.name)));
    found.into_iter().map(|(_, one)| one).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_best_come_first_and_those_without_the_letters_do_not() {
        let names = ["review", "prerev", "init", "rev-all", "r-e-v", "deploy"];
        let all = names.map(|name| Completion {
            name: name.to_owned(),
            ..file(String::new())
        });
        let found = ranked(all.into_iter(), "Rev");
        let found: Vec<_> = found.iter().map(|one| &*one.name).collect();
        assert_eq!(found, ["rev-all", "review", "prerev", "r-e-v"]);
    }
}
