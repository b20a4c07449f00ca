//! The list of event types, with what becomes of each.

/// What becomes of events of a type.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// They are decoded.
    Used,
    /// They are decoded, and stand in the log of a session alone: the numbers of a stream have holes where they are.
    Log,
    /// They say again what others say, and are passed over.
    Deprecated,
    /// Nothing of them is shown, and they are passed over.
    Unused,
}

/// Every type of the contract of 2.1.2, sorted. Beside them plugins send `rpc.…`, which are passed over.
pub const TYPES: &[(&str, Use)] = &[
    ("agent.updated", Use::Used),
    ("command.updated", Use::Used),
    ("config.updated", Use::Unused),
    ("credential.switched", Use::Unused),
    ("credential.updated", Use::Unused),
    ("filesystem.changed", Use::Unused),
    ("form.cancelled", Use::Used),
    ("form.created", Use::Used),
    ("form.replied", Use::Used),
    ("installation.update-available", Use::Unused),
    ("installation.updated", Use::Unused),
    ("integration.updated", Use::Unused),
    ("location.shutdown", Use::Used),
    ("mcp.resources.changed", Use::Unused),
    ("mcp.status.changed", Use::Used),
    ("model.updated", Use::Used),
    ("models-dev.refreshed", Use::Used),
    ("permission.asked", Use::Used),
    ("permission.replied", Use::Used),
    ("persistent-pty.added", Use::Unused),
    ("persistent-pty.removed", Use::Unused),
    ("plugin.updated", Use::Unused),
    ("project.updated", Use::Used),
    ("provider.updated", Use::Used),
    ("pty.created", Use::Unused),
    ("pty.deleted", Use::Unused),
    ("pty.exited", Use::Unused),
    ("pty.updated", Use::Unused),
    ("reference.updated", Use::Used),
    ("server.connected", Use::Used),
    ("session.agent.selected", Use::Used),
    ("session.archived", Use::Used),
    ("session.compaction.delta", Use::Used),
    ("session.compaction.ended", Use::Used),
    ("session.compaction.failed", Use::Used),
    ("session.compaction.started", Use::Used),
    ("session.created", Use::Used),
    ("session.deleted", Use::Used),
    ("session.execution.failed", Use::Used),
    ("session.execution.interrupted", Use::Used),
    ("session.execution.started", Use::Used),
    ("session.execution.succeeded", Use::Used),
    ("session.forked", Use::Used),
    ("session.idle", Use::Deprecated),
    ("session.inbox.cancelled", Use::Used),
    ("session.inbox.delivered", Use::Used),
    ("session.inbox.delivery.changed", Use::Used),
    ("session.inbox.enqueued", Use::Used),
    ("session.instructions.updated", Use::Used),
    ("session.message.content.updated", Use::Log),
    ("session.metadata.updated", Use::Used),
    ("session.model.selected", Use::Used),
    ("session.moved", Use::Used),
    ("session.permissions", Use::Used),
    ("session.reasoning.delta", Use::Used),
    ("session.reasoning.ended", Use::Used),
    ("session.reasoning.started", Use::Used),
    ("session.renamed", Use::Used),
    ("session.retry.scheduled", Use::Used),
    ("session.revert.cleared", Use::Used),
    ("session.revert.committed", Use::Used),
    ("session.revert.staged", Use::Used),
    ("session.shell.ended", Use::Used),
    ("session.shell.started", Use::Used),
    ("session.skill.activated", Use::Used),
    ("session.status", Use::Deprecated),
    ("session.step.ended", Use::Used),
    ("session.step.failed", Use::Used),
    ("session.step.started", Use::Used),
    ("session.step.streamed", Use::Used),
    ("session.synthetic", Use::Used),
    ("session.text.delta", Use::Used),
    ("session.text.ended", Use::Used),
    ("session.text.started", Use::Used),
    ("session.tool.called", Use::Used),
    ("session.tool.failed", Use::Used),
    ("session.tool.input.delta", Use::Used),
    ("session.tool.input.ended", Use::Used),
    ("session.tool.input.started", Use::Used),
    ("session.tool.progress", Use::Used),
    ("session.tool.success", Use::Used),
    ("session.unarchived", Use::Used),
    ("session.usage.recorded", Use::Log),
    ("session.usage.updated", Use::Used),
    ("session.viewed", Use::Used),
    ("shell.created", Use::Unused),
    ("shell.deleted", Use::Unused),
    ("shell.exited", Use::Unused),
    ("skill.updated", Use::Used),
    ("tui.command.execute", Use::Unused),
    ("tui.prompt.append", Use::Unused),
    ("tui.session.select", Use::Unused),
    ("tui.toast.show", Use::Unused),
    ("vcs.branch.updated", Use::Used),
    ("websearch.updated", Use::Unused),
    ("worktree.resolved", Use::Used),
    ("worktree.updated", Use::Unused),
];

/// The name as in the list and what becomes of it; `None` for a type that is not in it.
pub(super) fn find(kind: &str) -> Option<(&'static str, Use)> {
    let at = TYPES.binary_search_by(|(name, _)| (*name).cmp(kind)).ok()?;
    TYPES.get(at).copied()
}

/// True for an event of a plugin.
pub(super) fn is_of_plugin(kind: &str) -> bool {
    kind.starts_with("rpc.")
}
