#![allow(clippy::unwrap_used)]

use super::*;

fn process(pid: u32, parent: u32, name: &str, args: &str) -> Process {
    Process {
        pid,
        parent: Some(parent),
        name: name.into(),
        args: args.split(' ').map(str::to_owned).collect(),
        cwd: Some(format!("/work/{pid}").into()),
    }
}

fn listeners(listeners: &[(u32, &str)]) -> Vec<Listener> {
    listeners
        .iter()
        .map(|(pid, address)| Listener {
            pid: *pid,
            address: address.parse().unwrap(),
        })
        .collect()
}

fn servers(found: &Discovery) -> Vec<(u32, String)> {
    found
        .servers
        .iter()
        .map(|server| (server.pid, server.url.to_string()))
        .collect()
}

fn terminals(found: &Discovery) -> Vec<u32> {
    found.terminals.iter().map(|client| client.pid).collect()
}

#[test]
fn servers_are_those_that_listen_on_this_machine() {
    let processes = [
        process(10, 1, "opencode", "/usr/bin/opencode serve --port 0"),
        process(11, 1, "node", "node /home/me/.npm/opencode web"),
        process(12, 1, "bun", "bun run packages/opencode/src/index.ts serve"),
        process(13, 1, "postgres", "postgres -D data"),
        process(14, 1, "opencode", "opencode --port 5004"),
        process(15, 1, "opencode", "opencode serve --hostname 192.0.2.1"),
    ];
    let listeners = listeners(&[
        (10, "127.0.0.1:5000"),
        (11, "0.0.0.0:5001"),
        (11, "[::]:5001"),
        (12, "[::]:5002"),
        (13, "127.0.0.1:5432"),
        (14, "[::1]:5004"),
        (14, "127.0.0.1:5104"),
        (15, "192.0.2.1:5005"),
        (99, "127.0.0.1:6000"),
    ]);
    let found = sort_out(&processes, &listeners, &HashSet::new());
    assert_eq!(
        servers(&found),
        [
            (10, "http://127.0.0.1:5000/".into()),
            (11, "http://127.0.0.1:5001/".into()),
            (12, "http://[::1]:5002/".into()),
            (14, "http://[::1]:5004/".into()),
            (14, "http://127.0.0.1:5104/".into()),
        ]
    );
    assert_eq!(found.servers[0].cwd.as_deref(), Some(Path::new("/work/10")));
    assert!(found.terminals.is_empty());
}

#[test]
fn terminal_clients_are_those_that_run_sessions_and_do_not_listen() {
    let processes = [
        process(20, 1, "node", "node /usr/bin/opencode"),
        process(21, 20, "opencode", "/usr/lib/opencode"),
        process(
            22,
            21,
            "opencode",
            "/usr/lib/opencode run /cache/language-server.js --stdio",
        ),
        process(23, 1, "opencode", "opencode --session ses_1"),
        process(24, 1, "opencode", "opencode run make"),
        process(25, 1, "opencode", "opencode attach http://127.0.0.1:5000"),
        process(26, 1, "opencode", "opencode serve"),
        process(27, 1, "opencode", "opencode --port 5004"),
        process(28, 1, "vim", "vim opencode.json"),
        process(29, 1, "opencode", "opencode --print-logs serve"),
        Process {
            cwd: None,
            ..process(30, 1, "opencode", "opencode")
        },
    ];
    let found = sort_out(
        &processes,
        &listeners(&[(27, "127.0.0.1:5004")]),
        &HashSet::new(),
    );
    assert_eq!(terminals(&found), [21, 23, 24]);
    assert_eq!(found.terminals[0].cwd, Path::new("/work/21"));
}

#[test]
fn our_own_and_what_they_started_are_left_out() {
    let processes = [
        process(40, 1, "node", "node /usr/bin/opencode serve"),
        process(41, 40, "opencode", "opencode serve"),
        process(42, 41, "sh", "sh -c opencode"),
        process(43, 42, "opencode", "opencode"),
    ];
    let listeners = listeners(&[(41, "127.0.0.1:5000")]);
    assert_eq!(
        sort_out(&processes, &listeners, &HashSet::from([40])),
        Discovery::default()
    );
    assert_eq!(
        servers(&sort_out(&processes, &listeners, &HashSet::new())).len(),
        1
    );
}

#[test]
fn a_ring_of_parents_ends() {
    let processes = [
        process(50, 51, "sh", "sh"),
        process(51, 50, "opencode", "opencode"),
    ];
    assert_eq!(
        terminals(&sort_out(&processes, &[], &HashSet::from([7]))),
        [51]
    );
}

#[test]
fn this_process_is_seen_with_its_folder() {
    let me = std::process::id();
    let seen = processes()
        .unwrap()
        .into_iter()
        .find(|process| process.pid == me)
        .unwrap();
    assert_eq!(seen.cwd, std::env::current_dir().ok());
    look(&HashSet::from([me])).unwrap();
}
