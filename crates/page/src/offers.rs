//! What the menus and keys of the page offer that not every server can do. What waits in a server's inbox is drawn with controls of its
//! own, and only there; shell lines and commands of a prompt are refused by the hub.
//!
//! A menu's line has the capability that it needs, and the tab of an instance what its server lacks. The client joins both.

use model::state::Capability;

/// Acts of the page, by the names that its client has for them, with what each needs of a server. What is not here is done by the hub
/// itself, or by what every server can do that takes commands.
pub(crate) const NEEDS: [(&str, Capability); 6] = [
    ("fork", Capability::Fork),
    ("fork-message", Capability::Fork),
    ("compact", Capability::Compact),
    ("revert", Capability::Revert),
    ("unrevert", Capability::Revert),
    ("worktree", Capability::Worktree),
];

/// What an act needs of a server.
pub(crate) fn needed(act: &str) -> Option<Capability> {
    let row = NEEDS.iter().find(|(name, _)| *name == act);
    row.map(|(_, needs)| *needs)
}

/// True if the page offers something that needs this.
pub(crate) fn is_offered(what: Capability) -> bool {
    NEEDS.iter().any(|(_, needs)| *needs == what)
}
