//! OpenCode processes of this user that we did not start: servers that listen here, and plain terminal clients.
//!
//! What is found is a guess by name, address and arguments; whether it speaks OpenCode is for the caller to ask over
//! HTTP. It never reads another process's environment (passwords are there), and never signals what it finds.

use std::collections::{BTreeMap, HashSet};
use std::ffi::OsStr;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::{Path, PathBuf};

use listeners::Protocol;
use sysinfo::{ProcessRefreshKind, ProcessesToUpdate, System, UpdateKind};
use url::Url;

const NAME: &str = "opencode";

/// Subcommands of OpenCode 1.18 that run no session of their own in this terminal: those that serve, those that show
/// another server's sessions, and those that do one thing and end. `run` and none at all are not among them.
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

/// A process, as far as it matters here.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its id.
    pub pid: u32,
    /// Its parent's.
    pub parent: Option<u32>,
    /// Its name, as the system cuts it.
    pub name: String,
    /// Its arguments, itself first.
    pub args: Vec<String>,
    /// Where it works, if we may know.
    pub cwd: Option<PathBuf>,
}

/// A process that listens on TCP.
#[derive(Debug, Clone, Copy)]
pub struct Listener {
    /// The process.
    pub pid: u32,
    /// Where it listens.
    pub address: SocketAddr,
}

/// What may be an OpenCode server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Where to ask it.
    pub url: Url,
    /// Its process.
    pub pid: u32,
    /// The folder it was started in, if we may know.
    pub cwd: Option<PathBuf>,
}

/// An OpenCode in a terminal that nobody can attach to: it does not listen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TerminalClient {
    /// Its process.
    pub pid: u32,
    /// The folder it was started in, where its sessions are.
    pub cwd: PathBuf,
}

/// What was found, each in the order of process ids.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// To be asked over HTTP.
    pub servers: Vec<Candidate>,
    /// To be listed as not live.
    pub terminals: Vec<TerminalClient>,
}

/// The system does not let us look.
#[derive(Debug, thiserror::Error)]
#[error("running OpenCode servers cannot be looked for: {0}. Name them with `--attach URL`")]
pub struct DiscoverError(String);

/// Looks at the machine. `ours` are the process ids of our own servers. Blocks for tens of milliseconds.
///
/// # Errors
/// The system does not let us.
pub fn look(ours: &HashSet<u32>) -> Result<Found, DiscoverError> {
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

/// Tells servers and terminal clients among the `processes` of this user. `ours`, and what they started, are left
/// out.
pub fn sort_out(processes: &[Process], listeners: &[Listener], ours: &HashSet<u32>) -> Found {
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
    // OpenCode runs its language servers with itself as their engine: a child of one is not a client.
    let terminals = terminals.filter(|process| {
        !below(process, &table, |pid, above| {
            pid != process.pid && is_opencode(above)
        })
    });
    Found {
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

/// Whether `test` holds for the process or one above it.
fn below(
    process: &Process,
    table: &BTreeMap<u32, &Process>,
    test: impl Fn(u32, &Process) -> bool,
) -> bool {
    let mut at = Some(process);
    // A table read while processes come and go could have a ring in it: no chain is longer than the table.
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

/// Generous: it is asked over HTTP next. Also OpenCode from its sources, run by `bun` or `node`.
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

/// Where a process can be asked on this machine, once for each port, over IPv4 if it listens there.
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

/// The loopback address that reaches `ip`, unless it is another interface's.
fn local(ip: IpAddr) -> Option<IpAddr> {
    match ip.to_canonical() {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED) => Some(Ipv4Addr::LOCALHOST.into()),
        IpAddr::V6(Ipv6Addr::UNSPECIFIED) => Some(Ipv6Addr::LOCALHOST.into()),
        ip => ip.is_loopback().then_some(ip),
    }
}

#[cfg(test)]
mod tests;
