//! Measurements of the hub in the text format of Prometheus.
//!
//! Labels have values of closed lists only: no name, title, path or address is in them, and the number of series does not depend on
//! what servers send.

use std::collections::BTreeMap;
use std::fmt::Write;

use axum::extract::State;
use axum::http::header::CONTENT_TYPE;
use axum::response::IntoResponse;
use model::state::{LinkStatus, Run};

use super::app::{App, VERSION};
use crate::record::journal::Status;

/// Media type of the format.
const TEXT: &str = "text/plain; version=0.0.4; charset=utf-8";

/// The states of a link, as the API names them.
const LINKS: [&str; 5] = ["connecting", "connected", "stale", "error", "disconnected"];

/// What a session does.
const RUNS: [&str; 5] = ["unknown", "idle", "busy", "retrying", "interrupted"];

/// Measurements for Prometheus: requires the role `watch`, such as by a token. No label has a name, a title or a path.
#[utoipa::path(
    get, path = "/metrics", tag = "hub",
    responses((status = 200, content_type = "text/plain", body = String))
)]
pub(super) async fn read(State(app): State<App>) -> impl IntoResponse {
    ([(CONTENT_TYPE, TEXT)], text(&app).await)
}

async fn text(app: &App) -> String {
    let mut page = Page::default();
    page.of_hub(app).await;
    page.of_state(app);
    page.of_process();
    page.0
}

/// The text so far.
#[derive(Default)]
struct Page(String);

impl Page {
    /// Begins a metric.
    fn metric(&mut self, name: &str, kind: &str, help: &str) {
        let _never = writeln!(
            self.0,
            "# HELP drovers_{name} {help}\n# TYPE drovers_{name} {kind}"
        );
    }

    /// A value of the metric, with a label.
    fn value(&mut self, name: &str, label: Option<(&str, &str)>, value: f64) {
        let _never = match label {
            Some((label, of)) => writeln!(self.0, "drovers_{name}{{{label}=\"{of}\"}} {value}"),
            None => writeln!(self.0, "drovers_{name} {value}"),
        };
    }

    /// A metric of one value.
    fn one(&mut self, name: &str, kind: &str, help: &str, value: f64) {
        self.metric(name, kind, help);
        self.value(name, None, value);
    }

    /// A gauge with a value for each of a closed list.
    fn each(&mut self, name: &str, help: &str, label: &str, counts: &BTreeMap<&str, u32>) {
        self.metric(name, "gauge", help);
        for (of, count) in counts {
            self.value(name, Some((label, of)), f64::from(*count));
        }
    }

    async fn of_hub(&mut self, app: &App) {
        let (hub, engine) = (app.hub(), app.hub().engine());
        self.metric("build_info", "gauge", "Version of the hub.");
        self.value("build_info", Some(("version", VERSION)), 1.0);
        let uptime = engine.now().since(app.started()) / 1000;
        self.one(
            "uptime_seconds",
            "gauge",
            "Time since the hub began to serve.",
            float(uptime),
        );
        let ready = flag(hub.is_ready().await);
        self.one(
            "ready",
            "gauge",
            "1 if the hub is ready, as /api/health/ready.",
            ready,
        );
        let down = hub
            .tasks()
            .watch()
            .borrow()
            .values()
            .filter(|task| !task.runs)
            .count();
        self.one(
            "tasks_down",
            "gauge",
            "Tasks that failed and are restarted.",
            float(down as u64),
        );
        let viewers = app.viewers() as u64;
        self.one(
            "viewers",
            "gauge",
            "Connected pages and readers of the log.",
            float(viewers),
        );
        let ok = matches!(*engine.journal().status().borrow(), Status::Ok { .. });
        self.one("journal_ok", "gauge", "1 if events are stored.", flag(ok));
        let entries = engine.log().end().seq;
        let help = "Entries of the log in its epoch; begins again with an epoch.";
        self.one("log_entries_total", "counter", help, float(entries));
    }

    fn of_state(&mut self, app: &App) {
        let counts = app.hub().engine().read(Counts::of);
        self.one(
            "revision",
            "gauge",
            "Changes of the state since the hub started.",
            float(counts.rev),
        );
        self.each(
            "instances",
            "Instances by the state of their link.",
            "link",
            &counts.links,
        );
        self.each(
            "sessions",
            "Known sessions by what they do.",
            "run",
            &counts.runs,
        );
        self.each(
            "requests",
            "Requests that wait for a person.",
            "kind",
            &counts.requests,
        );
        let help = "Prompts that wait in queues.";
        self.one("queued_prompts", "gauge", help, float(counts.queued));
    }

    /// What the system reports of this process, where it does.
    fn of_process(&mut self) {
        if let Some(bytes) = resident_bytes() {
            self.one(
                "resident_memory_bytes",
                "gauge",
                "Memory of the process.",
                float(bytes),
            );
        }
        if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
            self.one(
                "open_files",
                "gauge",
                "Open files of the process.",
                float(files.count() as u64),
            );
        }
    }
}

/// Numbers of the state.
struct Counts {
    rev: u64,
    links: BTreeMap<&'static str, u32>,
    runs: BTreeMap<&'static str, u32>,
    requests: BTreeMap<&'static str, u32>,
    queued: u64,
}

impl Counts {
    fn of(state: &model::State) -> Self {
        let mut counts = Self {
            rev: state.rev.0,
            links: LINKS.map(|link| (link, 0)).into(),
            runs: RUNS.map(|run| (run, 0)).into(),
            requests: [("permission", 0), ("question", 0)].into(),
            queued: 0,
        };
        for instance in state.instances.values() {
            *counts.links.entry(link(&instance.link.status)).or_default() += 1;
            let sessions = instance.sessions.values();
            for session in sessions.filter(|one| state.shows(&instance.id, &one.info.id)) {
                *counts.runs.entry(run(&session.run)).or_default() += 1;
            }
            let waiting = [
                ("permission", instance.permissions.len()),
                ("question", instance.questions.len()),
            ];
            for (kind, number) in waiting {
                *counts.requests.entry(kind).or_default() +=
                    u32::try_from(number).unwrap_or(u32::MAX);
            }
            let queues = instance.queues.values();
            counts.queued += queues
                .map(|(_, queue)| queue.items.len() as u64)
                .sum::<u64>();
        }
        counts
    }
}

fn link(status: &LinkStatus) -> &'static str {
    match status {
        LinkStatus::Connecting { .. } => "connecting",
        LinkStatus::Connected => "connected",
        LinkStatus::Stale => "stale",
        LinkStatus::Error { .. } => "error",
        LinkStatus::Disconnected { .. } => "disconnected",
    }
}

fn run(run: &Run) -> &'static str {
    match run {
        Run::Unknown => "unknown",
        Run::Idle => "idle",
        Run::Busy { .. } => "busy",
        Run::Retry { .. } => "retrying",
        Run::Interrupted { .. } => "interrupted",
    }
}

fn flag(on: bool) -> f64 {
    f64::from(u8::from(on))
}

/// The format has floating-point numbers only; those above 2^53 lose their last digits.
#[allow(clippy::cast_precision_loss)]
fn float(number: u64) -> f64 {
    number as f64
}

/// Resident memory by `/proc/self/status`; `None` on other systems.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kib * 1024)
}
