//! Where the main thread's time goes, from the browser's own trace.

use std::collections::HashMap;
use std::path::Path;

use anyhow::{Context, Result, anyhow};
use chromiumoxide::cdp::browser_protocol::tracing::{
    EndParams, EventDataCollected, EventTracingComplete, StartParams, StartTransferMode,
    TraceConfig,
};
use chromiumoxide::listeners::EventStream;
use futures_util::StreamExt;
use serde_json::{Value, json};

/// What is recorded: every task, and the steps of drawing.
const CATEGORIES: [&str; 4] = [
    "toplevel",
    "devtools.timeline",
    "disabled-by-default-devtools.timeline",
    "blink.user_timing",
];

/// A trace being recorded.
pub struct Trace<'a> {
    page: &'a chromiumoxide::Page,
    collected: EventStream<EventDataCollected>,
    complete: EventStream<EventTracingComplete>,
}

impl<'a> Trace<'a> {
    /// Begins.
    ///
    /// # Errors
    /// When the browser is gone or records already.
    pub async fn start(page: &'a chromiumoxide::Page) -> Result<Self> {
        let trace = Self {
            collected: page.event_listener().await?,
            complete: page.event_listener().await?,
            page,
        };
        let config = TraceConfig {
            included_categories: Some(CATEGORIES.map(str::to_owned).to_vec()),
            ..TraceConfig::default()
        };
        let start = StartParams::builder()
            .trace_config(config)
            .transfer_mode(StartTransferMode::ReportEvents)
            .build();
        page.execute(start).await?;
        Ok(trace)
    }

    /// Ends it, writes it for the browser's own viewer, and gives milliseconds of processor time on the main thread by
    /// kind of work, what is inside of others counted there only.
    ///
    /// # Errors
    /// When the browser is gone or the file cannot be written.
    pub async fn stop(mut self, file: &Path) -> Result<Vec<(String, f64)>> {
        self.page.execute(EndParams::default()).await?;
        let mut events = Vec::new();
        loop {
            tokio::select! {
                biased;
                Some(batch) = self.collected.next() => events.extend(batch.value.iter().cloned()),
                done = self.complete.next() => {
                    done.context("the browser is gone")?;
                    break;
                }
            }
        }
        let shares = shares(&events)?;
        let text = serde_json::to_vec(&json!({ "traceEvents": events }))?;
        tokio::fs::write(file, text)
            .await
            .with_context(|| format!("cannot write {}", file.display()))?;
        Ok(shares)
    }
}

/// Own processor time by name, largest first, in milliseconds.
fn shares(events: &[Value]) -> Result<Vec<(String, f64)>> {
    let thread = main_thread(events).ok_or_else(|| anyhow!("the trace has no main thread"))?;
    let number = |event: &Value, name: &str| event[name].as_f64().unwrap_or(0.0);
    let mut complete: Vec<&Value> = events
        .iter()
        .filter(|event| event["ph"] == "X" && (&event["pid"], &event["tid"]) == thread)
        .collect();
    complete.sort_by(|a, b| {
        let by_start = number(a, "ts").total_cmp(&number(b, "ts"));
        by_start.then(number(b, "dur").total_cmp(&number(a, "dur")))
    });
    let mut own: HashMap<&str, f64> = HashMap::new();
    let mut open: Vec<(&str, f64)> = Vec::new();
    for event in complete {
        let (from, name) = (
            number(event, "ts"),
            event["name"].as_str().unwrap_or_default(),
        );
        while open.last().is_some_and(|(_, until)| *until <= from) {
            open.pop();
        }
        let took = number(event, "tdur") / 1000.0;
        if let Some((outer, _)) = open.last() {
            *own.entry(outer).or_default() -= took;
        }
        *own.entry(name).or_default() += took;
        open.push((name, from + number(event, "dur")));
    }
    let mut shares: Vec<(String, f64)> = own
        .into_iter()
        .map(|(name, took)| (name.to_owned(), took))
        .collect();
    shares.sort_by(|(_, a), (_, b)| b.total_cmp(a));
    Ok(shares)
}

/// Process and thread that did most of the drawing: there may be other pages.
fn main_thread(events: &[Value]) -> Option<(&Value, &Value)> {
    let mut layouts: HashMap<[i64; 2], (usize, &Value)> = HashMap::new();
    for event in events
        .iter()
        .filter(|event| event["name"] == "UpdateLayoutTree" || event["name"] == "Layout")
    {
        let thread = [&event["pid"], &event["tid"]].map(|id| id.as_i64().unwrap_or_default());
        layouts.entry(thread).or_insert((0, event)).0 += 1;
    }
    let (_, most) = layouts.into_values().max_by_key(|(count, _)| *count)?;
    Some((&most["pid"], &most["tid"]))
}
