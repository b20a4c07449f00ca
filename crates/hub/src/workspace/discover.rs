//! Discovery of OpenCode processes of this user that the hub did not start: listening servers, and plain terminal
//! clients.
//!
//! The result is a guess by name, address and arguments; the caller verifies over HTTP whether it is OpenCode. Never
//! reads another process's environment (it may contain passwords), and never signals a process.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use listeners::Protocol;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};
use url::Url;

const NAME: &str = "opencode";

/// Subcommands of OpenCode 1.18 that run no session in their terminal: servers, clients of another server, and one-shot
/// commands. `run` and no subcommand are not among them.
const WITHOUT_SESSION: [&str; 22] = [
    "serve",
    "web",
    "acp",
    "attach",
    "completion",
    "mcp",
    "debug",
    "providers",
    "auth",
    "agent",
    "upgrade",
    "uninstall",
    "models",
    "stats",
    "export",
    "import",
    "github",
    "pr",
    "session",
    "plugin",
    "plug",
    "db",
];

/// The relevant fields of a process.
#[derive(Debug, Clone)]
pub struct Process {
    /// Process id.
    pub pid: u32,
    /// Process id of the parent.
    pub parent: Option<u32>,
    /// Name, as truncated by the system.
    pub name: String,
    /// Arguments, including the program.
    pub args: Vec<String>,
    /// Working folder, if it is readable.
    pub cwd: Option<PathBuf>,
}

/// A process that listens on TCP.
#[derive(Debug, Clone, Copy)]
pub struct Listener {
    /// Process id.
    pub pid: u32,
    /// The listening address.
    pub address: SocketAddr,
}

/// A possible OpenCode server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// URL to probe.
    pub url: Url,
    /// Process id.
    pub pid: u32,
    /// The folder it was started in, if it is readable.
    pub cwd: Option<PathBuf>,
}

/// An OpenCode in a terminal that cannot be attached to: it does not listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalClient {
    /// Process id.
    pub pid: u32,
    /// The folder it was started in, to which its sessions belong.
    pub cwd: PathBuf,
}

/// The discovered processes, in the order of process ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Discovery {
    /// Servers to probe over HTTP.
    pub servers: Vec<Candidate>,
    /// Terminal clients, listed as not live.
    pub terminals: Vec<TerminalClient>,
}

/// The process table cannot be read.
#[derive(Debug, thiserror::Error)]
#[error("running OpenCode servers cannot be discovered: {0}. Name them with `--attach URL`")]
pub struct DiscoverError(String);

/// Discovers processes. `ours` are the process ids of the hub's own servers. Blocks for tens of milliseconds.
///
/// # Errors The process table cannot be read.
pub fn look(ours: &HashSet<u32>) -> Result<Discovery, DiscoverError> {
    let listeners = listeners::get_all().map_err(|error| DiscoverError(error.to_string()))?;
    let listeners: Vec<_> = listeners
        .into_iter()
        .filter(|listener| listener.protocol == Protocol::TCP)
        .filter(|listener| listener.state == listeners::SocketState::Listen)
        .map(|listener| Listener {
            pid: listener.process.pid,
            address: listener.socket,
        })
        .collect();
    Ok(sort_out(&processes()?, &listeners, ours))
}

/// True if a process listens on this port. Blocks as [`look`] does.
pub fn listens(pid: u32, port: u16) -> bool {
    let all = listeners::get_all().unwrap_or_default();
    let mut of_process = all.into_iter().filter(|one| {
        one.process.pid == pid
            && one.protocol == Protocol::TCP
            && one.state == listeners::SocketState::Listen
    });
    of_process.any(|one| one.socket.port() == port)
}

/// The processes of this user.
fn processes() -> Result<Vec<Process>, DiscoverError> {
    let refused = |error: sysinfo::Error| DiscoverError(format!("{error:?}"));
    let mut system = System::new().map_err(refused)?;
    let once = UpdateKind::OnlyIfNotSet;
    let what = ProcessRefreshKind::nothing()
        .with_cmd(once)
        .with_cwd(once)
        .with_user(once)
        .without_tasks();
    system.refresh_processes_specifics(ProcessesToUpdate::All, true, what);
    let me = rustix::process::geteuid().as_raw();
    let mine = system
        .processes()
        .values()
        .filter(|process| process.thread_kind().is_none());
    Ok(mine
        .filter(|process| process.effective_user_id().is_some_and(|user| **user == me))
        .map(|process| Process {
            pid: process.pid().as_u32(),
            parent: process.parent().map(sysinfo::Pid::as_u32),
            name: text(process.name()),
            args: process.cmd().iter().map(|arg| text(arg)).collect(),
            cwd: process.cwd().map(Path::to_owned),
        })
        .collect())
}

fn text(text: &OsStr) -> String {
    text.to_string_lossy().into_owned()
}

/// Finds servers and terminal clients among the `processes` of this user. Omits `ours` and their descendants.
pub fn sort_out(processes: &[Process], listeners: &[Listener], ours: &HashSet<u32>) -> Discovery {
    let table: BTreeMap<u32, &Process> = processes
        .iter()
        .map(|process| (process.pid, process))
        .collect();
    let others = || {
        table
            .values()
            .filter(|process| !below(process, &table, |pid, _| ours.contains(&pid)))
    };

    let servers = others()
        .filter(|process| may_serve(process))
        .flat_map(|process| {
            addresses(process.pid, listeners)
                .into_iter()
                .filter_map(|address| {
                    let url = Url::parse(&format!("http://{address}")).ok()?;
                    Some(Candidate {
                        url,
                        pid: process.pid,
                        cwd: process.cwd.clone(),
                    })
                })
        });
    let listening: HashSet<u32> = listeners.iter().map(|listener| listener.pid).collect();
    let terminals =
        others().filter(|process| is_terminal_client(process) && !listening.contains(&process.pid));
    // OpenCode runs its language servers in a process of itself: such a child is not a client.
    let terminals = terminals.filter(|process| {
        !below(process, &table, |pid, above| {
            pid != process.pid && is_opencode(above)
        })
    });
    Discovery {
        servers: servers.collect(),
        terminals: terminals
            .filter_map(|process| {
                Some(TerminalClient {
                    pid: process.pid,
                    cwd: process.cwd.clone()?,
                })
            })
            .collect(),
    }
}

/// True if `test` holds for the process or an ancestor.
fn below(
    process: &Process,
    table: &BTreeMap<u32, &Process>,
    test: impl Fn(u32, &Process) -> bool,
) -> bool {
    let mut at = Some(process);
    // A table read while processes come and go could have a cycle: no chain is longer than the table.
    for _ in 0..=table.len() {
        let Some(process) = at else { return false };
        if test(process.pid, process) {
            return true;
        }
        at = process
            .parent
            .and_then(|parent| table.get(&parent).copied());
    }
    false
}

/// True if the process may be a server. Permissive, as it is probed over HTTP next; includes OpenCode from its sources,
/// run by `bun` or `node`.
fn may_serve(process: &Process) -> bool {
    process.name.contains(NAME) || process.args.iter().take(4).any(|arg| arg.contains(NAME))
}

fn is_opencode(process: &Process) -> bool {
    matches!(process.name.as_str(), NAME | ".opencode")
}

fn is_terminal_client(process: &Process) -> bool {
    let command = process.args.get(1).map(String::as_str);
    let serves = process.args.iter().skip(1).any(|arg| arg == "serve");
    is_opencode(process)
        && !serves
        && !command.is_some_and(|command| WITHOUT_SESSION.contains(&command))
}

/// Addresses of a process on this machine, one for each port, IPv4 preferred.
fn addresses(pid: u32, listeners: &[Listener]) -> Vec<SocketAddr> {
    let mut ports: BTreeMap<u16, IpAddr> = BTreeMap::new();
    for listener in listeners.iter().filter(|listener| listener.pid == pid) {
        let Some(ip) = local(listener.address.ip()) else {
            continue;
        };
        let known = ports.entry(listener.address.port()).or_insert(ip);
        *known = ip.min(*known);
    }
    ports
        .into_iter()
        .map(|(port, ip)| SocketAddr::new(ip, port))
        .collect()
}

/// The loopback address that reaches `ip`; `None` for another interface.
fn local(ip: IpAddr) -> Option<IpAddr> {
    match ip.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Some(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Some(Ipv6Addr::LOCALHOST.into()),
        ip => ip.is_loopback().then_some(ip),
    }
}

#[cfg(test)]
mod tests;
