//! What keeps a server from being heard, as a kind and a sentence with the next step.

use model::state::{Reason, ReasonKind};
use opencode::ClientError;

use crate::workspace::binary;

/// The reason behind a failed request. Addresses in it carry no user and no password.
pub(crate) fn of(error: &ClientError) -> Reason {
    let kind = kind(error);
    let text = match next(kind, error) {
        Some(next) => format!("{error}. {next}"),
        None => error.to_string(),
    };
    Reason::new(kind, text)
}

/// The reason why a server's state could not be read, though its events were heard. What says that the server itself
/// cannot be reached any more keeps its kind.
pub(super) fn unreadable(reason: Reason) -> Reason {
    use ReasonKind as K;
    match reason.kind {
        K::Dns | K::Refused | K::Unreachable | K::Tls | K::Reset | K::Unauthorized => reason,
        _ => {
            let text = format!("its state cannot be read: {reason}");
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
        K::Timeout => "It may be starting, or stuck: restart it if it stays so",
        K::Reset => "It may have been stopped or restarted",
        K::ServerError | K::StateUnreadable => "Look at its log, or restart it",
        K::EmptyAnswer | K::ContentType | K::BadAnswer => {
            "Check the address: something else, such as a proxy, may answer in its place"
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
