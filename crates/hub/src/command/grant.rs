//! What a grant needs: a request whose whole content was read, of a run that is known to go on and that nobody stopped.

use model::state::{Hidden, Instance, LinkStatus, Permission, Piece, Run};

use super::audit::AuditError;

/// Why a permission request is not allowed.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GrantError {
    /// An answer that allows has to name what it allows.
    #[error("an answer that allows has to name what was read: `fingerprint` is missing")]
    NotNamed,
    /// What would run is not what was read.
    #[error("what would run is not what was read: the request changed since")]
    ContentChanged,
    /// What it would run is not known yet.
    #[error("what it would run was not read yet, so that it cannot be allowed")]
    NotRead,
    /// It cannot be shown, so it cannot be allowed.
    #[error("this request cannot be allowed, as it cannot be shown whole: {}", why(*.0))]
    NotWhole(Hidden),
    /// A person stopped the session.
    #[error("this session was stopped: what it asks is refused until it is given a prompt")]
    Stopped,
    /// The run that asked is over.
    #[error("the run that asked for it ended: nothing was allowed")]
    RunEnded,
    /// Its server is silent, or what the session does was not read yet.
    #[error(
        "whether it still asks is not known: its server is silent, or was not asked what this session does"
    )]
    NotProven,
    /// A grant that is in no audit log is not sent.
    #[error("nothing was allowed: {0}")]
    NotAudited(#[from] AuditError),
}

/// Why a request cannot be shown whole, for a person.
fn why(hidden: Hidden) -> &'static str {
    match hidden {
        Hidden::Unread => "the arguments of its call were not read yet",
        Hidden::Unreadable => "it holds text that cannot be read",
        Hidden::TooLarge => "it is too large",
        Hidden::Nothing => "its server tells nothing of what would run",
    }
}

impl GrantError {
    /// True for what is only not known yet, after a start of the hub, say.
    pub(super) fn may_pass(&self) -> bool {
        matches!(self, Self::NotProven | Self::NotRead)
    }
}

/// Why a permission request cannot be allowed now, whatever its fingerprint.
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
            Hidden::Unread => Some(GrantError::NotRead),
            hidden => Some(GrantError::NotWhole(hidden)),
        },
        Some(Run::Idle | Run::Interrupted { .. }) => Some(GrantError::RunEnded),
        // What the session does was not read; or the session is not known, nor whether one above it was stopped.
        Some(_) | None => Some(GrantError::NotProven),
    }
}

/// What a request is about, before it is cut to a line.
pub(super) fn in_a_line(permission: &Permission) -> String {
    let first = permission.content.pieces.first().map(|piece| match piece {
        Piece::Command(command) => command.to_string(),
        Piece::Diff { path, .. } => path.as_deref().unwrap_or("a change").to_owned(),
        Piece::Field { name, value } => format!("{name} = {value}"),
    });
    let first = first.unwrap_or_else(|| permission.patterns.join(", "));
    format!("{}: {first}", permission.permission)
}
