//! Implements the ports of commands with a server of either version.

use model::ids::{InstanceId, MessageId, SessionId};
use model::time::Timestamp;

use super::linked::either;
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

impl Server for LinkedRest {
    fn kind(&self) -> ServerKind {
        either!(self, linked => linked.kind())
    }

    async fn viewed(&self, session: &SessionId) -> Result<(), ServerError> {
        either!(self, linked => Server::viewed(linked, session).await)
    }

    fn ids(&self) -> IdForm {
        either!(self, linked => linked.ids())
    }

    fn at(&self, directory: &str) -> Self {
        match self {
            Self::Server(server) => Self::Server(server.at(directory)),
            Self::Service(service) => Self::Service(service.at(directory)),
        }
    }

    async fn session(&self, id: &SessionId) -> Result<SessionFound, ServerError> {
        either!(self, linked => Server::session(linked, id).await)
    }

    async fn has_message(&self, session: &SessionId, message: &str) -> Result<bool, ServerError> {
        either!(self, linked => Server::has_message(linked, session, message).await)
    }

    async fn prompt(&self, session: &SessionId, message: &NewMessage) -> Result<(), ServerError> {
        either!(self, linked => Server::prompt(linked, session, message).await)
    }

    async fn command(&self, session: &SessionId, command: &NewCommand) -> Result<(), ServerError> {
        either!(self, linked => Server::command(linked, session, command).await)
    }

    async fn shell(&self, session: &SessionId, shell: &NewShell) -> Result<(), ServerError> {
        either!(self, linked => Server::shell(linked, session, shell).await)
    }

    async fn reply_permission(
        &self,
        session: &SessionId,
        id: &str,
        reply: PermissionReply,
        message: Option<&str>,
    ) -> Result<(), ServerError> {
        either!(self, linked => Server::reply_permission(linked, session, id, reply, message).await)
    }

    async fn reply_question(
        &self,
        session: &SessionId,
        id: &str,
        answers: &[Vec<String>],
    ) -> Result<(), ServerError> {
        either!(self, linked => Server::reply_question(linked, session, id, answers).await)
    }

    async fn reject_question(&self, session: &SessionId, id: &str) -> Result<(), ServerError> {
        either!(self, linked => Server::reject_question(linked, session, id).await)
    }

    async fn abort(&self, session: &SessionId) -> Result<(), ServerError> {
        either!(self, linked => Server::abort(linked, session).await)
    }
}

impl Lookups for LinkedRest {
    async fn commands(&self) -> Result<Vec<CommandFound>, ServerError> {
        either!(self, linked => Lookups::commands(linked).await)
    }

    async fn agents(&self) -> Result<Vec<AgentFound>, ServerError> {
        either!(self, linked => Lookups::agents(linked).await)
    }

    async fn models(&self) -> Result<Vec<ModelOffer>, ServerError> {
        either!(self, linked => Lookups::models(linked).await)
    }

    async fn find_files(&self, query: &str, most: usize) -> Result<Vec<String>, ServerError> {
        either!(self, linked => Lookups::find_files(linked, query, most).await)
    }
}

impl Sessions for LinkedRest {
    async fn newest(&self, most: usize) -> Result<Vec<SessionFound>, ServerError> {
        either!(self, linked => Sessions::newest(linked, most).await)
    }

    async fn older(&self, before: Timestamp) -> Result<Option<OlderPage>, ServerError> {
        either!(self, linked => Sessions::older(linked, before).await)
    }

    async fn messages(
        &self,
        session: &SessionId,
        limit: Option<usize>,
        before: Option<&str>,
    ) -> Result<MessagePage, ServerError> {
        either!(self, linked => Sessions::messages(linked, session, limit, before).await)
    }

    async fn create(&self, new: &NewSession) -> Result<SessionFound, ServerError> {
        either!(self, linked => Sessions::create(linked, new).await)
    }

    async fn change(
        &self,
        session: &SessionId,
        change: &Change,
    ) -> Result<SessionFound, ServerError> {
        either!(self, linked => Sessions::change(linked, session, change).await)
    }

    async fn changes(
        &self,
        session: &SessionId,
        message: Option<&MessageId>,
    ) -> Result<Vec<ChangedFile>, ServerError> {
        either!(self, linked => Sessions::changes(linked, session, message).await)
    }

    async fn delete(&self, session: &SessionId) -> Result<(), ServerError> {
        either!(self, linked => Sessions::delete(linked, session).await)
    }

    async fn delete_message(
        &self,
        session: &SessionId,
        message: &MessageId,
    ) -> Result<(), ServerError> {
        either!(self, linked => Sessions::delete_message(linked, session, message).await)
    }

    async fn steer(&self, session: &SessionId, message: &MessageId) -> Result<(), ServerError> {
        either!(self, linked => Sessions::steer(linked, session, message).await)
    }

    async fn fork(
        &self,
        session: &SessionId,
        before: Option<&MessageId>,
    ) -> Result<SessionFound, ServerError> {
        either!(self, linked => Sessions::fork(linked, session, before).await)
    }

    async fn revert(
        &self,
        session: &SessionId,
        message: &MessageId,
    ) -> Result<SessionFound, ServerError> {
        either!(self, linked => Sessions::revert(linked, session, message).await)
    }

    async fn unrevert(&self, session: &SessionId) -> Result<SessionFound, ServerError> {
        either!(self, linked => Sessions::unrevert(linked, session).await)
    }

    async fn compact(
        &self,
        session: &SessionId,
        model: Option<&ModelChoice>,
    ) -> Result<(), ServerError> {
        either!(self, linked => Sessions::compact(linked, session, model).await)
    }
}
