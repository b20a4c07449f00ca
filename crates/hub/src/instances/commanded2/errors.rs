//! Errors of an OpenCode 2 service, by what a caller can do.

use opencode::client2::{Error, Tag};

use crate::command::port::ServerError;

/// An id that no object of the service can have.
pub(super) fn unknown(bad: impl std::fmt::Display) -> ServerError {
    ServerError::NotFound(bad.to_string())
}

/// Something that the service would not take.
pub(super) fn refused(bad: impl std::fmt::Display) -> ServerError {
    ServerError::Rejected(bad.to_string())
}

/// Something that OpenCode 2 has no request for.
pub(super) fn cannot(what: &str) -> ServerError {
    ServerError::Rejected(format!("OpenCode 2 cannot {what}"))
}

/// A failure before a command was sent: the command had no effect, whatever happened.
pub(super) fn unsent(error: ServerError) -> ServerError {
    match error.is_refusal() {
        true => error,
        false => ServerError::Rejected(error.to_string()),
    }
}

impl From<Error> for ServerError {
    fn from(error: Error) -> Self {
        let text = error.to_string();
        let is_final = error.is_final();
        let refusal = match error {
            Error::Client(error) => return error.into(),
            // The service is of another version: the request had no effect.
            Error::NoRoute { .. } => return Self::Rejected(text),
            Error::Refused(refusal) => refusal,
        };
        match (refusal.tag, refusal.status) {
            (
                Tag::SessionNotFound
                | Tag::MessageNotFound
                | Tag::PermissionNotFound
                | Tag::FormNotFound
                | Tag::FormAlreadySettled,
                _,
            ) => Self::NotFound(text),
            (Tag::SessionBusy, _) => Self::Running(text),
            (Tag::Unauthorized | Tag::Forbidden, _) => Self::Denied(text),
            (Tag::ServiceUnavailable, _) | (_, 408 | 429 | 503) => Self::TryLater(text),
            _ if is_final => Self::Rejected(text),
            _ => Self::Failed(text),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use opencode::client2::Refusal;

    use super::*;

    #[test]
    fn each_refusal_says_what_a_caller_can_do() {
        let of = |tag: Tag, status| {
            let refusal = Refusal {
                server: "s".to_owned(),
                status,
                tag,
                message: "no".to_owned(),
                reference: None,
            };
            ServerError::from(Error::Refused(Box::new(refusal)))
        };
        for tag in [
            Tag::SessionNotFound,
            Tag::MessageNotFound,
            Tag::PermissionNotFound,
            Tag::FormNotFound,
        ] {
            assert!(matches!(of(tag, 404), ServerError::NotFound(_)));
        }
        // The first answer counts, as it does with permissions.
        let settled = of(Tag::FormAlreadySettled, 409);
        assert!(matches!(settled, ServerError::NotFound(_)));
        assert!(matches!(of(Tag::SessionBusy, 409), ServerError::Running(_)));
        assert!(matches!(of(Tag::Unauthorized, 401), ServerError::Denied(_)));
        for tag in [Tag::Conflict, Tag::CommandNotFound, Tag::FormInvalidAnswer] {
            assert!(matches!(of(tag, 409), ServerError::Rejected(_)));
        }
        let later = of(Tag::ServiceUnavailable, 503);
        assert!(matches!(later, ServerError::TryLater(_)) && !later.is_refusal());
        let unclear = of(Tag::Unknown, 500);
        assert!(matches!(unclear, ServerError::Failed(_)) && !unclear.is_refusal());
    }
}
