//! Why a command ends badly: what happened, why, and what to do next; and the exit code that says it to scripts.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// The exit codes, as `--help` tells them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done; also a hub that was asked to end (Ctrl-C, TERM, HUP)
  1  what was asked for failed: a refusal, a failed answer, an unknown id, an unreadable file
  2  the command line is wrong, or names a folder, an address or a program that cannot be used
  3  no hub is running (start one with `drovers`)
  4  the hub cannot start: its data directory or its address cannot be had";

/// The kind of a failure, which is its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// What was asked for failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// There is no hub to ask.
    NoHub = 3,
    /// There can be no hub.
    CannotStart = 4,
}

/// A command's bad end.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// With words for the person: the fact, its cause, and the next step.
    Told {
        /// The kind.
        exit: Exit,
        /// One or more sentences.
        message: String,
    },
    /// Whoever read our output has gone: nothing to say, and nobody to say it to.
    OutputClosed,
}

impl Fault {
    /// What was asked for failed.
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self::told(Exit::Failed, message)
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::told(Exit::Usage, message)
    }

    /// There is no hub to ask.
    pub(crate) fn no_hub(message: impl fmt::Display) -> Self {
        Self::told(Exit::NoHub, message)
    }

    /// There can be no hub.
    pub(crate) fn cannot_start(message: impl fmt::Display) -> Self {
        Self::told(Exit::CannotStart, message)
    }

    /// Our own output cannot be written.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::failed(format!("the output cannot be written: {error}"))
        }
    }

    /// The code to end with.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Told { exit, .. } => ExitCode::from(*exit as u8),
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }

    fn told(exit: Exit, message: impl fmt::Display) -> Self {
        Self::Told {
            exit,
            message: message.to_string(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Told { message, .. } => f.write_str(message),
            Self::OutputClosed => Ok(()),
        }
    }
}
