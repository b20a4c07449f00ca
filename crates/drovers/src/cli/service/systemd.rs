//! The user unit of systemd.

use etcetera::BaseStrategy;

use super::{MARK, Plan, Program, words};
use crate::fault::Fault;

/// The name of the unit.
pub(in crate::cli) const UNIT: &str = "drovers.service";

/// The unit, and the commands of `systemctl`.
pub(super) fn plan(program: &Program) -> Result<Plan, Fault> {
    let dirs = etcetera::choose_base_strategy()
        .map_err(|_| Fault::failed("there is no home folder. Set HOME"))?;
    let folder = dirs.config_dir().join("systemd/user");
    Ok(Plan {
        file: folder.join(UNIT),
        links: vec![folder.join("default.target.wants").join(UNIT)],
        content: unit(program),
        install: vec![
            words(&["systemctl", "--user", "daemon-reload"]),
            words(&["systemctl", "--user", "enable", UNIT]),
            words(&["systemctl", "--user", "restart", UNIT]),
        ],
        replace: Vec::new(),
        remove: vec![
            words(&["systemctl", "--user", "disable", "--now", UNIT]),
            words(&["systemctl", "--user", "daemon-reload"]),
        ],
        status: words(&["systemctl", "--user", "is-active", "--quiet", UNIT]),
        says_no_quietly: true,
        advice: "`loginctl enable-linger` keeps it running while you are logged out; `journalctl --user -u drovers` shows its log; \
                 `drovers link` prints a link for your browser",
    })
}

/// The unit's text. Agents run below the hub, so that nothing is restricted that compilers, containers or editors need.
fn unit(program: &Program) -> String {
    let command = [&program.path].into_iter().chain(&program.args);
    let command: Vec<_> = command.map(|word| quoted(word, true)).collect();
    let search = quoted(&format!("PATH={}", program.search), false);
    format!(
        "# {MARK}: an update of Drovers may write it anew.
[Unit]
Description=Drovers: one live view over many coding agents
After=network.target
StartLimitIntervalSec=600
StartLimitBurst=5

[Service]
Type=exec
ExecStart={}
Environment={search}
Restart=on-failure
RestartSec=5
TimeoutStopSec=20
# Servers of the hub outlive it, so that their turns go on while it restarts: `drovers down` ends them. An agent that takes too much memory
# does not end the hub.
KillMode=process
OOMPolicy=continue
LimitNOFILE=16384
# What follows holds for agents as well: no program gains rights by sudo or a setuid bit.
NoNewPrivileges=yes
RestrictSUIDSGID=yes
RestrictRealtime=yes
LockPersonality=yes
SystemCallArchitectures=native

[Install]
WantedBy=default.target
",
        command.join(" ")
    )
}

/// A word as unit files quote it: `%` stands for a specifier, and in a command `$` for a variable.
fn quoted(word: &str, command: bool) -> String {
    let mut quoted = String::from("\"");
    for c in word.chars() {
        match c {
            '"' | '\\' => quoted.extend(['\\', c]),
            '%' => quoted.push_str("%%"),
            '$' if command => quoted.push_str("$$"),
            _ => quoted.push(c),
        }
    }
    quoted + "\""
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_of_a_unit_are_quoted() {
        assert_eq!(quoted("/opt/a b", true), "\"/opt/a b\"");
        assert_eq!(quoted("50%$x\"\\", true), "\"50%%$$x\\\"\\\\\"");
        assert_eq!(quoted("$x", false), "\"$x\"");
    }
}
