//! The failure of a command: a message for people (what happened, why, and the next step), and an exit code for scripts.

use std::fmt;
use std::io;
use std::process::ExitCode;

/// The exit codes, as `--help` lists them.
pub(crate) const EXIT_CODES: &str = "\
Exit codes:
  0  done; also a hub that was asked to end (Ctrl-C, TERM, HUP)
  1  what was asked for failed: a refusal, a failed answer, an unknown id, an unreadable file
  2  the command line is wrong, or names a folder, an address or a program that cannot be used
  3  no hub is running (start one with `drovers`)
  4  the hub cannot start: its data directory or its address is not available
  5  a session needs you (`wait`)
  6  the timeout expired (`wait --timeout`)";

/// The kind of a failure, which is its exit code.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Exit {
    /// The command failed.
    Failed = 1,
    /// The command line is wrong.
    Usage = 2,
    /// No hub is running.
    NoHub = 3,
    /// The hub cannot start.
    CannotStart = 4,
    /// A request is pending, or a session needs a person.
    NeedsYou = 5,
    /// The timeout expired.
    TimedOut = 6,
}

/// The failure of a command.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// With a message for the person: the fact, its cause, and the next step.
    Failed {
        /// The kind.
        exit: Exit,
        /// One or more sentences: what happened, and the next step.
        message: String,
    },
    /// The reader of the output is gone, so there is nothing to print.
    OutputClosed,
}

impl Fault {
    /// The command failed.
    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self::with(Exit::Failed, message)
    }

    /// The command line is wrong.
    pub(crate) fn usage(message: impl fmt::Display) -> Self {
        Self::with(Exit::Usage, message)
    }

    /// No hub is running.
    pub(crate) fn no_hub(message: impl fmt::Display) -> Self {
        Self::with(Exit::NoHub, message)
    }

    /// The hub cannot start.
    pub(crate) fn cannot_start(message: impl fmt::Display) -> Self {
        Self::with(Exit::CannotStart, message)
    }

    /// A request is pending, or a session needs a person.
    pub(crate) fn needs_you(message: impl fmt::Display) -> Self {
        Self::with(Exit::NeedsYou, message)
    }

    /// The timeout expired.
    pub(crate) fn timed_out(message: impl fmt::Display) -> Self {
        Self::with(Exit::TimedOut, message)
    }

    /// The output cannot be written.
    pub(crate) fn output(error: &io::Error) -> Self {
        if error.kind() == io::ErrorKind::BrokenPipe {
            Self::OutputClosed
        } else {
            Self::failed(format!("cannot write the output: {error}"))
        }
    }

    /// The code to end with.
    pub(crate) fn code(&self) -> ExitCode {
        match self {
            Self::Failed { exit, .. } => ExitCode::from(*exit as u8),
            Self::OutputClosed => ExitCode::SUCCESS,
        }
    }

    fn with(exit: Exit, message: impl fmt::Display) -> Self {
        Self::Failed {
            exit,
            message: message.to_string(),
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Failed { message, .. } => f.write_str(message),
            Self::OutputClosed => Ok(()),
        }
    }
}
