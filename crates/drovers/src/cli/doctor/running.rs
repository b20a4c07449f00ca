//! The hub that runs, and the port that it takes.

use std::io;
use std::net::TcpListener;
use std::path::Path;

use hub::access::{DEFAULT_PORT, Listen};
use hub::datadir::{DataDir, Runtime};
use hub::workspace::kept_servers;

use super::Finding;
use crate::api::Api;
use crate::limits;
use crate::serving::KEPT;

const CHECK: &str = "hub";

/// Asks the hub of a data directory for its health.
pub(super) async fn hub(data_dir: &Path) -> Vec<Finding> {
    let Some(runtime) = DataDir::running(data_dir) else {
        let text = match data_dir.join("runtime.json").exists() {
            true => "no hub is running: the last one was killed",
            false => "no hub is running",
        };
        let text = match kept_servers(&data_dir.join(KEPT)) {
            0 => text.to_owned(),
            left => format!(
                "{text}; OpenCode servers that keep running: {left}. `drovers up` takes them over, `drovers down` ends them"
            ),
        };
        return vec![Finding::note(CHECK, text)];
    };
    let mut findings = vec![version(&runtime)];
    findings.extend(health(data_dir).await);
    findings
}

fn version(runtime: &Runtime) -> Finding {
    let (own, its) = (env!("CARGO_PKG_VERSION"), &runtime.version);
    let place = format!("process {} at {}", runtime.pid, runtime.url);
    if its == own {
        return Finding::ok(CHECK, format!("version {its}, {place}"));
    }
    Finding::warning(
        CHECK,
        format!("the running hub is version {its} ({place}), this program is {own}"),
        "end the hub and start it again",
    )
}

async fn health(data_dir: &Path) -> Vec<Finding> {
    let asked = async {
        let api = Api::of(data_dir)?;
        let health = api.health().await?;
        Ok::<_, crate::fault::Fault>((health, api.instances().await?))
    };
    let answer = tokio::time::timeout(limits::PROBE, asked).await;
    let (health, instances) = match answer {
        Ok(Ok(answer)) => answer,
        Ok(Err(fault)) => return vec![Finding::of_message(CHECK, &fault.to_string())],
        Err(_late) => {
            let next = "end it and start it again; `drovers tail` shows whether it is busy";
            return vec![Finding::problem(CHECK, "the hub does not answer", next)];
        }
    };
    let problems = health.problems.iter();
    let mut findings: Vec<_> = problems
        .map(|problem| Finding::of_message(CHECK, problem))
        .collect();
    if health.journal.status == "failed" {
        let reason = health.journal.reason.unwrap_or_default();
        let text = format!("the journal failed: {reason}");
        findings.push(Finding::problem(
            "journal",
            text,
            "free space, then start the hub again",
        ));
    }
    for instance in &instances {
        let ahead = instance.clock_ahead.unsigned_abs();
        if u128::from(ahead) > limits::CLOCK_SKEW.as_millis() {
            findings.push(Finding::warning(
                "clock",
                format!(
                    "the clock of {} differs by {} s",
                    instance.name,
                    ahead / 1000
                ),
                "set both clocks: times are shown by this machine's",
            ));
        }
    }
    findings
}

/// Tries to listen where a hub would. The port is given back at once.
pub(super) async fn port(data_dir: &Path, listen: Option<Listen>) -> Finding {
    let listen = listen.unwrap_or_default();
    let address = listen.address(DEFAULT_PORT);
    if let Some(runtime) = DataDir::running(data_dir) {
        return Finding::ok("port", format!("the hub listens at {}", runtime.url));
    }
    match TcpListener::bind(address) {
        Ok(_listener) => Finding::ok("port", format!("{address} is free")),
        Err(error) if error.kind() == io::ErrorKind::AddrInUse => match listen.port() {
            None => Finding::note(
                "port",
                format!("{address} is taken by another program: the hub takes the next free port"),
            ),
            Some(_) => Finding::problem(
                "port",
                format!("{address} is taken by another program"),
                "choose another port with `--listen`, or `listen` in the configuration",
            ),
        },
        Err(error) => Finding::problem(
            "port",
            format!("{address} cannot be listened on: {error}"),
            "choose another address with `--listen`",
        ),
    }
}
