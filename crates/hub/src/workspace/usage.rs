//! What a process uses of this machine.

use sysinfo::{Pid, ProcessRefreshKind, ProcessesToUpdate, System};

/// What a process uses, without its children.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ProcessUsage {
    /// Time of its start, in seconds since 1970.
    pub started: u64,
    /// Bytes of memory that are its own or shared.
    pub memory: u64,
    /// Milliseconds of CPU time since its start.
    pub cpu: u64,
}

/// What a process uses. `None` if it is gone, or if the system does not tell. Blocks.
pub fn usage(pid: u32) -> Option<ProcessUsage> {
    let pid = Pid::from_u32(pid);
    let mut system = System::new().ok()?;
    let what = ProcessRefreshKind::nothing()
        .with_memory()
        .with_cpu()
        .without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::Some(&[pid]), true, what);
    let process = system.process(pid)?;
    Some(ProcessUsage {
        started: process.start_time(),
        memory: process.memory(),
        cpu: process.accumulated_cpu_time(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_uses_memory_and_a_process_that_is_gone_nothing() {
        let own = usage(std::process::id()).expect("this process");
        assert!(
            own.memory > 1 << 20 && own.started > 1_600_000_000,
            "{own:?}"
        );
        assert_eq!(usage(u32::MAX >> 1), None);
    }
}
