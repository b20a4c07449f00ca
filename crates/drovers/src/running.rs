//! The process of the hub that uses a data directory.
//!
//! A process id alone may be another process's by now. Before anything is signalled, the process is shown to have the lock of the data
//! directory open, and on Linux it is held by a handle that stays its own.

use std::fs;
use std::io;
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hub::datadir::{DataDir, Runtime};
use rustix::process::{Pid, Signal};
use tokio::time::{Instant, sleep};

use crate::fault::Fault;
use crate::limits;

/// The file that a hub has open while it runs.
const LOCK: &str = "lock";

/// The process of a hub.
#[derive(Debug)]
pub(crate) struct HubProcess {
    /// What it says of itself.
    pub(crate) runtime: Runtime,
    pid: Pid,
    data_dir: PathBuf,
    /// Stays that of this process; `None` where the system has no such handles.
    handle: Option<OwnedFd>,
}

impl HubProcess {
    /// The process of the hub of a data directory, if one runs. A process that is just ending has the lock and no open files for a moment:
    /// it is waited for.
    ///
    /// # Errors
    /// A hub runs, and its process is not known: it runs in another container, for example.
    pub(crate) async fn of(data_dir: &Path) -> Result<Option<Self>, Fault> {
        let deadline = Instant::now() + limits::HUB_ENDING;
        loop {
            match Self::look(data_dir) {
                Err(_unclear) if Instant::now() < deadline => sleep(limits::LOOK_AGAIN).await,
                found => return found,
            }
        }
    }

    fn look(data_dir: &Path) -> Result<Option<Self>, Fault> {
        let Some(runtime) = DataDir::running(data_dir) else {
            return Ok(None);
        };
        let unclear = || {
            Fault::failed(format!(
                "the hub at {} runs, and process {} is not it: it may run in a container. End it where it was started",
                runtime.url, runtime.pid
            ))
        };
        let pid = i32::try_from(runtime.pid).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(unclear)?;
        let handle = handle(pid).map_err(|_| unclear())?;
        if !has_open(pid, &data_dir.join(LOCK)) {
            // It may have ended meanwhile, which is no failure.
            return match DataDir::running(data_dir) {
                Some(_) => Err(unclear()),
                None => Ok(None),
            };
        }
        Ok(Some(Self {
            runtime,
            pid,
            data_dir: data_dir.to_owned(),
            handle,
        }))
    }

    /// Sends the process a signal. One that has ended needs none.
    pub(crate) fn signal(&self, signal: Signal) {
        #[cfg(target_os = "linux")]
        if let Some(handle) = &self.handle {
            let _ended = rustix::process::pidfd_send_signal(handle, signal);
            return;
        }
        if self.handle.is_none() && self.is_still_the_hub() {
            let _ended = rustix::process::kill_process(self.pid, signal);
        }
    }

    /// True if the data directory is locked and its hub is this process: the last proof where the system has no handles of processes.
    fn is_still_the_hub(&self) -> bool {
        let named = DataDir::running(&self.data_dir).is_some_and(|now| now.pid == self.runtime.pid);
        named && has_open(self.pid, &self.data_dir.join(LOCK))
    }

    /// The file or folder of the process in `/proc`, where there is one.
    pub(crate) fn proc(&self, name: &str) -> PathBuf {
        of_proc(self.pid, name)
    }

    /// True if the process has ended, whatever program it was by then. One that only waits to be reaped has. False where the system does not
    /// tell.
    pub(crate) fn is_gone(&self) -> bool {
        if !Path::new("/proc/self/stat").exists() {
            return false;
        }
        let stat = fs::read_to_string(self.proc("stat")).unwrap_or_default();
        let state = stat.rsplit_once(')').map(|(_, rest)| rest.trim_start());
        state.is_none_or(|state| state.starts_with(['Z', 'X']))
    }

    /// Waits until the process has ended. False if it has not within the timeout.
    pub(crate) async fn has_gone(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        while !self.is_gone() {
            if Instant::now() > deadline {
                return false;
            }
            sleep(limits::LOOK_AGAIN).await;
        }
        true
    }

    /// Waits until the data directory is free. False if it is not within the timeout.
    pub(crate) async fn ended(&self, timeout: Duration) -> bool {
        let deadline = Instant::now() + timeout;
        while DataDir::running(&self.data_dir).is_some() {
            if Instant::now() > deadline {
                return false;
            }
            sleep(limits::LOOK_AGAIN).await;
        }
        true
    }
}

fn of_proc(pid: Pid, name: &str) -> PathBuf {
    PathBuf::from(format!("/proc/{}/{name}", pid.as_raw_nonzero()))
}

#[cfg(target_os = "linux")]
fn handle(pid: Pid) -> io::Result<Option<OwnedFd>> {
    use rustix::process::{PidfdFlags, pidfd_open};
    match pidfd_open(pid, PidfdFlags::empty()) {
        Ok(handle) => Ok(Some(handle)),
        // Kernels before 5.3, and sandboxes.
        Err(rustix::io::Errno::NOSYS | rustix::io::Errno::PERM) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

#[cfg(not(target_os = "linux"))]
fn handle(_pid: Pid) -> io::Result<Option<OwnedFd>> {
    Ok(None)
}

/// True if a process has a file open. True where the system does not tell.
fn has_open(pid: Pid, path: &Path) -> bool {
    if !Path::new("/proc/self/fd").exists() {
        return true;
    }
    let Ok(file) = fs::metadata(path) else {
        return false;
    };
    let open = fs::read_dir(of_proc(pid, "fd")).into_iter().flatten();
    open.flatten().any(|entry| {
        let found = fs::metadata(entry.path());
        found.is_ok_and(|found| (found.dev(), found.ino()) == (file.dev(), file.ino()))
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use url::Url;

    use super::*;

    #[tokio::test]
    async fn a_hub_is_the_process_that_has_the_lock_open() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("data");
        assert!(HubProcess::of(&path).await.unwrap().is_none());
        let mut held = DataDir::open(&path).unwrap();
        let url = Url::parse("http://127.0.0.1:1").unwrap();
        held.publish_runtime(&url).unwrap();
        let found = HubProcess::of(&path).await.unwrap().unwrap();
        assert_eq!(found.runtime.pid, std::process::id());

        // Another process than that of the file has the lock.
        let runtime = path.join("runtime.json");
        let text = fs::read_to_string(&runtime).unwrap();
        let own = format!("\"pid\":{}", std::process::id());
        assert!(text.contains(&own), "{text}");
        let mut child = std::process::Command::new("sleep")
            .arg("60")
            .spawn()
            .unwrap();
        let other = format!("\"pid\":{}", child.id());
        fs::write(&runtime, text.replace(&own, &other)).unwrap();
        if cfg!(target_os = "linux") {
            let refused = HubProcess::of(&path).await.unwrap_err().to_string();
            assert!(refused.contains("is not it"), "{refused}");
        }
        child.kill().unwrap();
        child.wait().unwrap();
        drop(held);
        assert!(HubProcess::of(&path).await.unwrap().is_none());
    }
}
