//! Reasons why a server is not connected: a kind, and a sentence with the next step.

use model::state::{Reason, ReasonKind};
use opencode::ClientError;
use opencode::client2;

use crate::workspace::binary;

/// The reason for a failed request. Addresses in it contain no user name and no password.
pub(crate) fn of(error: &ClientError) -> Reason {
    let kind = kind(error);
    let text = match next(kind, error) {
        Some(next) => format!("{error}. {next}"),
        None => error.to_string(),
    };
    Reason::new(kind, text)
}

/// The reason for a request that a service of OpenCode 2 refused.
pub(crate) fn of_service(error: &client2::Error) -> Reason {
    use client2::Tag;
    let kind = match error {
        client2::Error::Client(error) => return of(error),
        client2::Error::NoRoute { .. } => ReasonKind::BadAnswer,
        client2::Error::Refused(refusal) => match &refusal.tag {
            Tag::Unauthorized | Tag::Forbidden => ReasonKind::Unauthorized,
            _ if refusal.status >= 500 => ReasonKind::ServerError,
            _ => ReasonKind::BadAnswer,
        },
    };
    Reason::new(kind, error.to_string())
}

/// The reason why a server's state could not be read although its stream is open. A reason that the server is
/// unreachable keeps its kind.
pub(super) fn unreadable(reason: Reason) -> Reason {
    use ReasonKind as K;
    match reason.kind {
        K::Dns | K::Refused | K::Unreachable | K::Tls | K::Reset | K::Unauthorized => reason,
        _ => {
            let text = format!("the state of the server cannot be read: {reason}");
            Reason::new(K::StateUnreadable, text)
        }
    }
}

fn kind(error: &ClientError) -> ReasonKind {
    use {ClientError as E, ReasonKind as K};
    match error {
        E::BadAddress { .. } => K::BadAddress,
        E::Dns { .. } => K::Dns,
        E::Refused { .. } => K::Refused,
        E::Reset { .. } => K::Reset,
        E::Timeout { .. } => K::Timeout,
        E::Tls { .. } => K::Tls,
        E::Setup { .. } | E::Unreachable { .. } => K::Unreachable,
        E::Redirect { .. } => K::Redirect,
        E::Unauthorized { .. } | E::Forbidden { .. } => K::Unauthorized,
        E::Status { status, .. } if *status >= 500 => K::ServerError,
        E::NoStream { .. } | E::Empty { .. } => K::EmptyAnswer,
        E::ContentType { .. } => K::ContentType,
        E::NotOpenCode { .. } | E::NotFound { .. } => K::NotOpenCode,
        E::V2NotSpoken { .. } => K::OpenCode2,
        E::Status { .. } | E::Conflict { .. } | E::BadJson { .. } | E::TooLarge { .. } => {
            K::BadAnswer
        }
    }
}

fn next(kind: ReasonKind, error: &ClientError) -> Option<String> {
    use ReasonKind as K;
    let next = match kind {
        K::Dns => "Check the address, and that this machine is online",
        K::Refused => "Start it, or check the address",
        K::Unreachable => "Check the address and the network",
        K::Tls => {
            "Check that it speaks HTTPS and that this machine trusts its certificate; the address of a server without \
             TLS begins with http://"
        }
        K::Timeout => "The server may be starting or stuck. Restart it if this persists",
        K::Reset => "The server may have been stopped or restarted",
        K::ServerError | K::StateUnreadable => "Check the server's log, or restart the server",
        K::EmptyAnswer | K::ContentType | K::BadAnswer => {
            "Check the address: another program, such as a proxy, may answer there"
        }
        K::NotOpenCode => "`opencode serve` prints the address of one",
        K::OpenCode2 => binary::SERVE_V1,
        K::Unauthorized => {
            let (ClientError::Unauthorized { server, .. } | ClientError::Forbidden { server, .. }) =
                error
            else {
                return None;
            };
            return Some(format!(
                "Log in on its page, or with `DROVERS_PASSWORD=… drovers --attach {server}`"
            ));
        }
        K::BadAddress
        | K::NotStarted
        | K::Ended
        | K::Silent
        | K::Redirect
        | K::Flooded
        | K::HubFailed => {
            return None;
        }
    };
    Some(next.to_owned())
}
