//! The guard's watch over its server: wait for the first of "the hub is gone" and "the server ended", then leave
//! nothing behind.
//!
//! It never restarts anything: what to do about a dead server is the hub's decision.

use std::ffi::OsString;
use std::io::{self, Read};
use std::os::unix::process::CommandExt;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, Receiver, Sender};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{SigSet, Signal as Name};
use rustix::process::{
    Pid, Signal, WaitOptions, WaitStatus, kill_process, kill_process_group, wait,
};

use super::kept::{self, Kept};
use super::{CANNOT_RUN, LEAD_FOR, this_program};
use crate::workspace::limits;

/// Starts the command and watches it to its end; gives its exit code as a shell would.
///
/// # Errors
/// The leader's process cannot be started. That the leader cannot *become* the command is its own exit code.
pub(super) fn watch(prefix: &[OsString], command: &[OsString], keeps: bool) -> io::Result<u8> {
    let signals = block_signals()?;
    adopt_orphans()?;
    let (sender, events) = mpsc::channel();
    let kept = keeps.then(|| Kept::start(&sender)).transpose()?;
    let piped = || match keeps {
        true => Stdio::piped(),
        false => Stdio::inherit(),
    };
    // Spawned from the main thread: the kernel binds the leader's life to that of the thread that spawned it.
    let mut child = Command::new(this_program()?)
        .arg0("drovers-guard")
        .args(prefix)
        .arg(LEAD_FOR)
        .arg(std::process::id().to_string())
        .arg("--")
        .args(command)
        .env_remove(kept::SECRET)
        .stdin(Stdio::null())
        .stdout(piped())
        .stderr(piped())
        .spawn()?;
    let leader = Pid::from_child(&child);
    let mut readers = Vec::new();
    if let (Some(kept), Some(out), Some(err)) = (&kept, child.stdout.take(), child.stderr.take()) {
        readers.push(kept.collect(kept::OUT, out));
        readers.push(kept.collect(kept::ERR, err));
    }
    listen(signals, !keeps, &sender);
    thread::spawn(move || reap(&sender));
    let code = Watch {
        leader,
        events,
        stops: false,
        code: None,
        childless: false,
    }
    .run();
    if let Some(kept) = kept {
        kept.ended(code, &readers);
    }
    Ok(code)
}

pub(super) enum Event {
    /// The server is to be ended: its hub is gone, or asked for it.
    Stop,
    Ended(Pid, u8),
    Childless,
}

struct Watch {
    leader: Pid,
    events: Receiver<Event>,
    /// True once the server is to be ended.
    stops: bool,
    /// The exit code of the leader, once it has ended.
    code: Option<u8>,
    /// True if the guard has no descendants.
    childless: bool,
}

impl Watch {
    fn run(mut self) -> u8 {
        self.until(None, |watch| watch.stops || watch.code.is_some());
        for (signal, timeouts) in [
            (Signal::TERM, limits::GRACE),
            (Signal::KILL, limits::KILL_WAIT),
        ] {
            if self.code.is_none() {
                self.signal_leader(signal);
                self.until(Some(timeouts), |watch| watch.code.is_some());
            }
        }
        self.end_leftovers();
        self.code.unwrap_or(CANNOT_RUN)
    }

    /// Ends the processes that outlived the leader. Children of a killed process become the guard's own only when it
    /// dies, hence the rounds.
    fn end_leftovers(&mut self) {
        self.signal_leftovers(Signal::TERM);
        self.until(Some(limits::LEFTOVER_GRACE), |watch| watch.childless);
        let give_up = Instant::now() + limits::KILL_WAIT;
        loop {
            self.signal_leftovers(Signal::KILL);
            if self.until(Some(limits::KILL_ROUND), |watch| watch.childless)
                || Instant::now() > give_up
            {
                return;
            }
        }
    }

    /// Processes events until `done` or the timeout; returns which.
    fn until(&mut self, timeouts: Option<Duration>, done: impl Fn(&Self) -> bool) -> bool {
        let deadline = timeouts.map(|timeouts| Instant::now() + timeouts);
        while !done(self) {
            let event = match deadline {
                None => self.events.recv().ok(),
                Some(deadline) => self
                    .events
                    .recv_timeout(deadline.saturating_duration_since(Instant::now()))
                    .ok(),
            };
            match event {
                Some(Event::Stop) => self.stops = true,
                Some(Event::Ended(pid, code)) if pid == self.leader => self.code = Some(code),
                Some(Event::Ended(..)) => {}
                Some(Event::Childless) => self.childless = true,
                None => return false,
            }
        }
        true
    }

    /// Signals the leader and its group. Before the leader has created its session there is no such group. A process
    /// that is gone already is fine.
    fn signal_leader(&self, signal: Signal) {
        let _gone = kill_process(self.leader, signal);
        let _gone = kill_process_group(self.leader, signal);
    }

    /// Signals the rest of the group, and the orphans that the guard adopted. The leader itself is not signalled: its
    /// id may have been reused, while a group's id is reserved as long as it has members.
    fn signal_leftovers(&self, signal: Signal) {
        let _gone = kill_process_group(self.leader, signal);
        for child in children() {
            let _gone = kill_process(child, signal);
        }
    }
}

/// Keeps signals from ending the guard before its server. The leader inherits that, and undoes it for itself.
fn block_signals() -> io::Result<SigSet> {
    let signals: SigSet = [Name::SIGINT, Name::SIGHUP, Name::SIGQUIT, Name::SIGTERM]
        .into_iter()
        .collect();
    signals.thread_block()?;
    Ok(signals)
}

/// Makes the guard the parent of whatever the server's processes orphan, so that nothing escapes by starting a
/// session of its own, as OpenCode's tools do. Only Linux has it; elsewhere only the group is ended.
fn adopt_orphans() -> io::Result<()> {
    #[cfg(target_os = "linux")]
    rustix::process::set_child_subreaper(Some(rustix::process::getpid()))?;
    Ok(())
}

/// Reports the hub's end, where its pipe closes then. TERM asks for the same; the signals of a terminal are the hub's affair.
fn listen(signals: SigSet, has_pipe: bool, events: &Sender<Event>) {
    let pipe = events.clone();
    if has_pipe {
        thread::spawn(move || {
            let mut rest = [0; 64];
            let mut stdin = io::stdin().lock();
            while matches!(stdin.read(&mut rest), Ok(1..)) {}
            pipe.send(Event::Stop)
        });
    }
    let terminated = events.clone();
    thread::spawn(move || {
        while let Ok(signal) = signals.wait() {
            if signal == Name::SIGTERM && terminated.send(Event::Stop).is_err() {
                return;
            }
        }
    });
}

/// Reaps every child there is, own and inherited, until there is none.
fn reap(events: &Sender<Event>) {
    loop {
        let event = match wait(WaitOptions::empty()) {
            Ok(Some((pid, status))) => Event::Ended(pid, code(status)),
            Ok(None) | Err(rustix::io::Errno::INTR) => continue,
            Err(_no_children) => Event::Childless,
        };
        let last = matches!(event, Event::Childless);
        if events.send(event).is_err() || last {
            return;
        }
    }
}

/// A status as shells tell it: the exit code, or 128 and the number of the signal.
fn code(status: WaitStatus) -> u8 {
    let code = status
        .exit_status()
        .or_else(|| status.terminating_signal().map(|signal| 128 + signal));
    code.and_then(|code| u8::try_from(code).ok())
        .unwrap_or(CANNOT_RUN)
}

/// The guard's own children, from `/proc`. Without it (not Linux) there are none to know of.
fn children() -> Vec<Pid> {
    let me = rustix::process::getpid();
    let Ok(table) = std::fs::read_dir("/proc") else {
        return Vec::new();
    };
    table
        .flatten()
        .filter_map(|entry| {
            entry
                .file_name()
                .to_str()?
                .parse()
                .ok()
                .and_then(Pid::from_raw)
        })
        .filter(|pid| {
            let stat = std::fs::read_to_string(format!("/proc/{}/stat", pid.as_raw_nonzero()));
            stat.is_ok_and(|stat| parent(&stat) == Some(me))
        })
        .collect()
}

/// The parent in a line of `/proc/PID/stat`: `pid (name) state ppid …`, where the name may hold anything.
fn parent(stat: &str) -> Option<Pid> {
    let (_, rest) = stat.rsplit_once(')')?;
    rest.split_whitespace()
        .nth(1)?
        .parse()
        .ok()
        .and_then(Pid::from_raw)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parent_is_found_behind_any_name() {
        assert_eq!(parent("12 (sh) S 34 12 12 0"), Pid::from_raw(34));
        assert_eq!(parent("12 (a) b ) (c) S 34 12"), Pid::from_raw(34));
        assert_eq!(parent("12 (sh) S 0 0"), None);
        assert_eq!(parent("nonsense"), None);
    }
}
