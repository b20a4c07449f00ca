//! The conditions of a grant: the whole content of the request is loaded, its run is confirmed to
//! be running, and nobody stopped the session.

use model::state::{Instance, LinkStatus, Permission, Piece, Run, Unshowable};

use super::audit::AuditError;

/// The reason why a permission request cannot be allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// An answer that allows a request must name its content.
    #[error("an answer that allows a request must name its content: `fingerprint` is missing")]
    NotNamed,
    /// The content of the request differs from the fingerprint.
    #[error("the request changed after it was read")]
    ContentChanged,
    /// The content of the request is not loaded yet.
    #[error("the content of this request is not loaded yet, so it cannot be allowed")]
    NotRead,
    /// The request cannot be shown in full, so it cannot be allowed.
    #[error("this request cannot be allowed because it cannot be shown in full: {}", why(*.0))]
    NotWhole(Unshowable),
    /// A person stopped the session.
    #[error("this session was stopped: its requests are refused until it receives a prompt")]
    Stopped,
    /// The run that made the request is over.
    #[error("the run that made this request has ended: nothing was allowed")]
    RunEnded,
    /// The server is silent, or the state of the session is not loaded.
    #[error(
        "the state of this request is not confirmed: its server is silent, or the state of the session is not loaded"
    )]
    NotProven,
    /// A grant that cannot be written to the audit log is not sent.
    #[error("nothing was allowed: {0}")]
    NotAudited(#[from] AuditError),
}

/// The reason why a request cannot be shown in full, as text for people.
fn why(hidden: Unshowable) -> &'static str {
    match hidden {
        Unshowable::Unread => "the arguments of its tool call are not loaded yet",
        Unshowable::Unreadable => "it contains text that cannot be displayed",
        Unshowable::TooLarge => "it is too large",
        Unshowable::Nothing => "its server does not report what would run",
    }
}

impl GrantError {
    /// True if the obstacle is temporary, such as after a start of the hub.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::NotProven | Self::NotRead)
    }
}

/// The reason why a permission request cannot be allowed now, independent of the fingerprint.
pub(super) fn obstacle(instance: &Instance, waiting: &Permission) -> Option<GrantError> {
    if instance.is_stopped(&waiting.session) {
        return Some(GrantError::Stopped);
    }
    if instance.link.status != LinkStatus::Connected {
        return Some(GrantError::NotProven);
    }
    let session = instance.sessions.get(&waiting.session);
    match session.map(|session| &session.run) {
        Some(run) if run.is_running() => match waiting.content.hidden? {
            Unshowable::Unread => Some(GrantError::NotRead),
            hidden => Some(GrantError::NotWhole(hidden)),
        },
        Some(Run::Idle | Run::Interrupted { .. }) => Some(GrantError::RunEnded),
        // The state of the session is not loaded; or the session is unknown, and with it whether an
        // ancestor was stopped.
        Some(_) | None => Some(GrantError::NotProven),
    }
}

/// Summary of a request, before truncation to one line.
pub(super) fn in_a_line(permission: &Permission) -> String {
    let first = permission.content.pieces.first().map(|piece| match piece {
        Piece::Command(command) => command.to_string(),
        Piece::Diff { path, .. } => path.as_deref().unwrap_or("a change").to_owned(),
        Piece::Field { name, value } => format!("{name} = {value}"),
    });
    let first = first.unwrap_or_else(|| permission.patterns.join(", "));
    format!("{}: {first}", permission.permission)
}
