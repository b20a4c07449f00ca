//! Implements the ports of commands with a server of either version.

use model::ids::{InstanceId, MessageId, SessionId};
use model::time::Timestamp;

use super::{Hub, LinkedRest};
use crate::command::port::{
    AgentFound, ChangedFile, CommandFound, IdForm, Lookups, MessagePage, NewCommand, NewMessage,
    NewSession, NewShell, OlderPage, PermissionReply, Server, ServerError, ServerKind, Servers,
    SessionFound, Sessions,
};
use crate::command::{Change, ModelChoice, ModelOffer};

impl Servers for Hub {
    type Server = LinkedRest;

    fn server(&self, instance: &InstanceId) -> Option<LinkedRest> {
        self.linked(instance)
    }
}

/// Asks whichever of both it is, by a port.
macro_rules! either {
    ($linked:expr, $port:ident :: $name:ident ( $($given:expr),* )) => {
        match $linked {
            LinkedRest::Server(server) => $port::$name(server $(, $given)*).await,
            LinkedRest::Service(service) => $port::$name(service $(, $given)*).await,
        }
    };
}

impl Server for LinkedRest {
    fn kind(&self) -> ServerKind {
        match self {
            Self::Server(server) => server.kind(),
            Self::Service(service) => service.kind(),
        }
    }

    async fn viewed(&self, session: &SessionId) -> Result<(), ServerError> {
        either!(self, Server::viewed(session))
    }

    fn ids(&self) -> IdForm {
        match self {
            Self::Server(server) => server.ids(),
            Self::Service(service) => service.ids(),
        }
    }

    fn at(&self, directory: &str) -> Self {
        match self {
            Self::Server(server) => Self::Server(server.at(directory)),
            Self::Service(service) => Self::Service(service.at(directory)),
        }
    }

    async fn session(&self, id: &SessionId) -> Result<SessionFound, ServerError> {
        either!(self, Server::session(id))
    }

    async fn has_message(&self, session: &SessionId, message: &str) -> Result<bool, ServerError> {
        either!(self, Server::has_message(session, message))
    }

    async fn prompt(&self, session: &SessionId, message: &NewMessage) -> Result<(), ServerError> {
        either!(self, Server::prompt(session, message))
    }

    async fn command(&self, session: &SessionId, command: &NewCommand) -> Result<(), ServerError> {
        either!(self, Server::command(session, command))
    }

    async fn shell(&self, session: &SessionId, shell: &NewShell) -> Result<(), ServerError> {
        either!(self, Server::shell(session, shell))
    }

    async fn reply_permission(
        &self,
        session: &SessionId,
        id: &str,
        reply: PermissionReply,
        message: Option<&str>,
    ) -> Result<(), ServerError> {
        either!(self, Server::reply_permission(session, id, reply, message))
    }

    async fn reply_question(
        &self,
        session: &SessionId,
        id: &str,
        answers: &[Vec<String>],
    ) -> Result<(), ServerError> {
        either!(self, Server::reply_question(session, id, answers))
    }

    async fn reject_question(&self, session: &SessionId, id: &str) -> Result<(), ServerError> {
        either!(self, Server::reject_question(session, id))
    }

    async fn abort(&self, session: &SessionId) -> Result<(), ServerError> {
        either!(self, Server::abort(session))
    }
}

impl Lookups for LinkedRest {
    async fn commands(&self) -> Result<Vec<CommandFound>, ServerError> {
        either!(self, Lookups::commands())
    }

    async fn agents(&self) -> Result<Vec<AgentFound>, ServerError> {
        either!(self, Lookups::agents())
    }

    async fn models(&self) -> Result<Vec<ModelOffer>, ServerError> {
        either!(self, Lookups::models())
    }

    async fn find_files(&self, query: &str, most: usize) -> Result<Vec<String>, ServerError> {
        either!(self, Lookups::find_files(query, most))
    }
}

impl Sessions for LinkedRest {
    async fn newest(&self, most: usize) -> Result<Vec<SessionFound>, ServerError> {
        either!(self, Sessions::newest(most))
    }

    async fn older(&self, before: Timestamp) -> Result<Option<OlderPage>, ServerError> {
        either!(self, Sessions::older(before))
    }

    async fn messages(
        &self,
        session: &SessionId,
        limit: Option<usize>,
        before: Option<&str>,
    ) -> Result<MessagePage, ServerError> {
        either!(self, Sessions::messages(session, limit, before))
    }

    async fn create(&self, new: &NewSession) -> Result<SessionFound, ServerError> {
        either!(self, Sessions::create(new))
    }

    async fn change(
        &self,
        session: &SessionId,
        change: &Change,
    ) -> Result<SessionFound, ServerError> {
        either!(self, Sessions::change(session, change))
    }

    async fn changes(
        &self,
        session: &SessionId,
        message: Option<&MessageId>,
    ) -> Result<Vec<ChangedFile>, ServerError> {
        either!(self, Sessions::changes(session, message))
    }

    async fn delete(&self, session: &SessionId) -> Result<(), ServerError> {
        either!(self, Sessions::delete(session))
    }

    async fn delete_message(
        &self,
        session: &SessionId,
        message: &MessageId,
    ) -> Result<(), ServerError> {
        either!(self, Sessions::delete_message(session, message))
    }

    async fn steer(&self, session: &SessionId, message: &MessageId) -> Result<(), ServerError> {
        either!(self, Sessions::steer(session, message))
    }

    async fn fork(
        &self,
        session: &SessionId,
        before: Option<&MessageId>,
    ) -> Result<SessionFound, ServerError> {
        either!(self, Sessions::fork(session, before))
    }

    async fn revert(
        &self,
        session: &SessionId,
        message: &MessageId,
    ) -> Result<SessionFound, ServerError> {
        either!(self, Sessions::revert(session, message))
    }

    async fn unrevert(&self, session: &SessionId) -> Result<SessionFound, ServerError> {
        either!(self, Sessions::unrevert(session))
    }

    async fn compact(
        &self,
        session: &SessionId,
        model: Option<&ModelChoice>,
    ) -> Result<(), ServerError> {
        either!(self, Sessions::compact(session, model))
    }
}
