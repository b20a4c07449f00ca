//! The guard: a small process between the hub and an OpenCode server, which ends the server when the hub is gone.
//!
//! ```text
//! hub ──stdin pipe──▶ guard ──spawns──▶ leader (new session; becomes OpenCode by exec) ──▶ tools
//! ```
//!
//! The pipe is the proof of the hub's life: the kernel closes it however the hub ends. The guard then sends TERM to
//! the server's group and, after a grace, KILL; last it ends what the server left behind in other groups. If the
//! guard itself is killed, the kernel kills the leader (Linux), and the hub, which knows the group, the rest of it.
//!
//! With [`KEPT`] the server outlives the hub instead: see [`kept`].
//!
//! Synchronous: it runs before any runtime is built, in a process of its own. It never reads the server's output
//! (which goes straight to the hub's pipes), and never sees the password but as an inherited environment.

pub(super) mod kept;
mod watch;

use std::ffi::OsString;
use std::io::{self, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Command, ExitCode};

use nix::sys::signal::SigSet;
use rustix::process::{getppid, setsid};

/// The prefix of the leader's first line on stdout, followed by its process id, which is also its group's.
pub(super) const LEADER: &str = "drovers-guard: leader ";

/// Stands before `--` in the arguments of the second stage, followed by the guard's process id.
const LEAD_FOR: &str = "--lead-for";

/// Stands before `--` in the arguments of a guard whose server outlives the hub; its stdin is a listening socket then.
pub(super) const KEPT: &str = "--kept";

/// Exit code of a guard that could not start its server, as shells use it for "found, but cannot be executed".
const CANNOT_RUN: u8 = 126;

/// Exit code for missing arguments.
const USAGE: u8 = 2;

/// The body of the guard process: `GUARD… -- PROGRAM ARG…`, read from this process's own arguments.
///
/// Call it from `main`, before any other thread exists but the allocator's, which takes no signals. Its exit code is the
/// server's, or 128 and the number of the signal that ended the server.
pub fn run() -> ExitCode {
    let code = match Stage::parse(std::env::args_os().collect()) {
        Some(Stage::Watch {
            prefix,
            command,
            kept,
        }) => watch::watch(&prefix, &command, kept).unwrap_or_else(|error| {
            complain(&format!("cannot start the guarded process: {error}"));
            CANNOT_RUN
        }),
        Some(Stage::Lead { guard, command }) => {
            let error = lead(guard, &command);
            complain(&format!("cannot run {}: {error}", command[0].display()));
            CANNOT_RUN
        }
        None => {
            complain("this command is for Drovers itself: it takes `-- PROGRAM ARG…`");
            USAGE
        }
    };
    ExitCode::from(code)
}

/// The program of this process, even if its file was replaced since the start.
pub(super) fn this_program() -> io::Result<PathBuf> {
    if cfg!(target_os = "linux") {
        Ok(PathBuf::from("/proc/self/exe"))
    } else {
        std::env::current_exe()
    }
}

/// The two stages of the guard's program. A command is never empty.
#[derive(Debug, PartialEq)]
enum Stage {
    /// The guard: `prefix` are its own arguments, with which the second stage is started as well.
    Watch {
        prefix: Vec<OsString>,
        command: Vec<OsString>,
        /// True if the server outlives the hub.
        kept: bool,
    },
    /// The future server, a child of the process `guard`.
    Lead { guard: i32, command: Vec<OsString> },
}

impl Stage {
    fn parse(mut args: Vec<OsString>) -> Option<Self> {
        let dashes = args.iter().position(|arg| arg == "--")?;
        let command = args.split_off(dashes + 1);
        let mut prefix: Vec<OsString> = args.drain(1..dashes).collect();
        if command.is_empty() {
            return None;
        }
        match prefix.as_slice() {
            [.., flag, guard] if flag == LEAD_FOR => Some(Self::Lead {
                guard: guard.to_str()?.parse().ok()?,
                command,
            }),
            _ => {
                let kept = prefix.last().is_some_and(|last| last == KEPT);
                if kept {
                    prefix.pop();
                }
                Some(Self::Watch {
                    prefix,
                    command,
                    kept,
                })
            }
        }
    }
}

/// Becomes the server: bound to the guard's life, in a session of its own (without a terminal), after printing its id.
/// Returns only on failure.
fn lead(guard: i32, command: &[OsString]) -> io::Error {
    let ready = bind_to(guard).and_then(|()| {
        // Inherited from the guard, which blocks the signals that stop the server.
        SigSet::all().thread_unblock()?;
        let leader = setsid()?;
        let mut out = io::stdout().lock();
        writeln!(out, "{LEADER}{}", leader.as_raw_nonzero())?;
        out.flush()
    });
    match ready {
        Ok(()) => Command::new(&command[0]).args(&command[1..]).exec(),
        Err(error) => error,
    }
}

/// Has the kernel kill this process when its parent dies, and makes sure that the parent is still the guard: it
/// may have died before the kernel had the setting. The setting survives exec; only Linux has it.
fn bind_to(guard: i32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_parent_process_death_signal(Some(rustix::process::Signal::KILL))?;
    if getppid().is_some_and(|parent| parent.as_raw_nonzero().get() == guard) {
        Ok(())
    } else {
        Err(io::Error::other("its guard is gone"))
    }
}

/// Says on stderr what went wrong. If nobody reads it, nobody is left to tell.
fn complain(what: &str) {
    let _unread = writeln!(io::stderr(), "drovers guard: {what}");
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(args: &str) -> Option<Stage> {
        Stage::parse(args.split(' ').map(OsString::from).collect())
    }

    fn words(text: &str) -> Vec<OsString> {
        text.split(' ').map(OsString::from).collect()
    }

    #[test]
    fn both_stages_are_told_apart_by_what_stands_before_the_dashes() {
        assert_eq!(
            parse("drovers guard -- opencode serve --lead-for 3"),
            Some(Stage::Watch {
                prefix: words("guard"),
                command: words("opencode serve --lead-for 3"),
                kept: false,
            })
        );
        assert_eq!(
            parse("exe -- sh -- x"),
            Some(Stage::Watch {
                prefix: vec![],
                command: words("sh -- x"),
                kept: false,
            })
        );
        assert_eq!(
            parse("drovers guard --kept -- opencode serve"),
            Some(Stage::Watch {
                prefix: words("guard"),
                command: words("opencode serve"),
                kept: true,
            })
        );
        assert_eq!(
            parse("drovers guard --lead-for 77 -- opencode serve"),
            Some(Stage::Lead {
                guard: 77,
                command: words("opencode serve")
            })
        );
    }

    #[test]
    fn arguments_without_a_command_are_refused() {
        for args in [
            "drovers",
            "drovers guard",
            "drovers guard --",
            "drovers guard --lead-for x -- sh",
        ] {
            assert_eq!(parse(args), None, "{args}");
        }
    }
}
