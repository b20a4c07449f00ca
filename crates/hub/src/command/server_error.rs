//! The error of a request to a server, independent of the kind of server.

/// The reason why a request to a server failed, by what a caller can do. Each text is a sentence for people, without credentials.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ServerError {
    /// The server does not know the session, message or request.
    #[error("{0}")]
    NotFound(String),
    /// The session is running, and the request needs an idle session.
    #[error("{0}")]
    Running(String),
    /// The server rejects the credentials, or denies access.
    #[error("{0}")]
    Denied(String),
    /// The server rejects the request for another reason.
    #[error("{0}")]
    Rejected(String),
    /// The server asks to send the request again later.
    #[error("{0}")]
    TryLater(String),
    /// No reply within the timeout.
    #[error("{0}")]
    Timeout(String),
    /// The server is unreachable, closed the connection, or sent an unusable reply.
    #[error("{0}")]
    Failed(String),
}

impl ServerError {
    /// True if the server rejected the request, so that it had no effect. After any other failure the request may have
    /// been executed.
    #[must_use]
    pub fn is_refusal(&self) -> bool {
        matches!(
            self,
            Self::NotFound(_) | Self::Running(_) | Self::Denied(_) | Self::Rejected(_)
        )
    }

    /// The error for a reply that arrived and cannot be used.
    pub(crate) fn invalid_reply(reason: &str) -> Self {
        Self::Failed(format!("the server's reply is invalid: {reason}"))
    }
}
