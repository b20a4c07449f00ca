//! What the browser itself counts of a page: tasks, script, layout, bytes, memory, blocks and frames.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use anyhow::{Context, Result};
use chromiumoxide::cdp::browser_protocol::emulation::SetCpuThrottlingRateParams;
use chromiumoxide::cdp::browser_protocol::network::{
    ClearBrowserCacheParams, EventLoadingFinished, EventWebSocketCreated,
    EventWebSocketFrameReceived,
};
use chromiumoxide::cdp::browser_protocol::page::AddScriptToEvaluateOnNewDocumentParams;
use chromiumoxide::cdp::browser_protocol::performance::{EnableParams, GetMetricsParams};
use chromiumoxide::cdp::js_protocol::heap_profiler::CollectGarbageParams;
use futures_util::StreamExt;
use serde::Deserialize;
use tokio::task::JoinHandle;

use super::Screen;
use crate::chromium::{Chromium, Page};

/// Runs in the page before anything of its own. It notes blocks, and when a text is to be seen: after the frame that shows
/// it, so with what it takes to draw. It asks for frames only while it counts them or waits for a text: sixty of them in a
/// second are work that the page itself has not.
const PROBE: &str = r"(() => {
    const seen = { frames: 0, gap: 0, blocks: [], shown: null, awaited: null, caughtUp: null, counting: false };
    globalThis.measured = seen;
    new PerformanceObserver(list => {
        for (const { startTime, duration } of list.getEntries()) seen.blocks.push([startTime, duration]);
    }).observe({ type: 'longtask', buffered: true });
    const last = () => { const all = document.querySelectorAll(MESSAGE); return all[all.length - 1]; };
    const inView = element => {
        const { top, bottom, height } = element.getBoundingClientRect();
        return height > 0 && top < innerHeight && bottom > 0;
    };
    const painted = then => {
        const after = new MessageChannel();
        after.port1.onmessage = () => then(performance.now());
        after.port2.postMessage(null);
    };
    let before = 0;
    let running = false;
    const frame = now => {
        if (seen.counting) {
            if (before > 0) {
                seen.frames += 1;
                seen.gap = Math.max(seen.gap, now - before);
            }
            before = now;
        }
        if (seen.shown === null) {
            const element = last();
            if (element && inView(element)) { seen.shown = -1; painted(at => { seen.shown = at; }); }
        }
        if (seen.awaited !== null && last()?.textContent.includes(seen.awaited)) {
            seen.awaited = null;
            painted(at => { seen.caughtUp = performance.timeOrigin + at; });
        }
        running = seen.counting || seen.shown === null || seen.awaited !== null;
        if (running) requestAnimationFrame(frame);
    };
    seen.run = changes => {
        Object.assign(seen, changes);
        before = 0;
        if (!running) requestAnimationFrame(frame);
        running = true;
        return true;
    };
    seen.run();
})()";

/// A page that is being measured.
pub struct Metered {
    /// The page.
    pub page: Page,
    traffic: Arc<Traffic>,
    counting: JoinHandle<()>,
}

#[derive(Debug, Default)]
struct Traffic {
    bytes: AtomicU64,
    requests: AtomicU64,
}

/// What the probe noted since it was last cleared.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Noted {
    /// Frames while they were counted.
    pub frames: f64,
    /// The longest time between two frames, in milliseconds.
    pub gap: f64,
    /// The longest main-thread block, in milliseconds; zero if none lasted 50.
    pub longest_block: f64,
    /// When the last message was first in view, in milliseconds after navigation began.
    pub shown: Option<f64>,
    /// When the page first showed something, in the same measure.
    pub first_content: Option<f64>,
}

/// Counters at one moment. Times are in seconds since the page began.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counters {
    /// The moment.
    pub at: f64,
    /// Main thread, in all.
    pub busy: f64,
    /// Of that, what the processor worked: unlike the rest it does not grow with what else the machine does.
    pub cpu: f64,
    /// Of that, script.
    pub script: f64,
    /// Of that, style and layout.
    pub layout: f64,
    /// Bytes received.
    pub bytes: f64,
    /// Requests made, sockets among them.
    pub requests: f64,
    /// Nodes of the document, and those kept by script.
    pub nodes: f64,
    /// Bytes of the script heap.
    pub heap: f64,
}

impl Metered {
    /// An empty page on a screen, whose messages are what matches a selector.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn open(browser: &Chromium, screen: Screen, message: &str) -> Result<Self> {
        let page = browser.page().await?;
        page.viewport(screen.viewport()).await?;
        let inner = page.inner();
        inner.execute(EnableParams::default()).await?;
        inner.execute(ClearBrowserCacheParams::default()).await?;
        inner
            .execute(SetCpuThrottlingRateParams::new(screen.slowdown()))
            .await?;
        let probe = PROBE.replace("MESSAGE", &serde_json::to_string(message)?);
        inner
            .execute(AddScriptToEvaluateOnNewDocumentParams::new(probe))
            .await?;
        let traffic = Arc::new(Traffic::default());
        let counting = count(inner, traffic.clone()).await?;
        Ok(Self {
            page,
            traffic,
            counting,
        })
    }

    /// The browser's counters now.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn counters(&self) -> Result<Counters> {
        let answer = self
            .page
            .inner()
            .execute(GetMetricsParams::default())
            .await?;
        let of = |name: &str| {
            let metric = answer
                .result
                .metrics
                .iter()
                .find(|metric| metric.name == name);
            metric
                .map(|metric| metric.value)
                .with_context(|| format!("the browser does not count {name}"))
        };
        Ok(Counters {
            at: of("Timestamp")?,
            busy: of("TaskDuration")?,
            cpu: of("ThreadTime")?,
            script: of("ScriptDuration")?,
            layout: of("LayoutDuration")? + of("RecalcStyleDuration")?,
            nodes: of("Nodes")?,
            heap: of("JSHeapUsedSize")?,
            bytes: exact(self.traffic.bytes.load(Ordering::Relaxed)),
            requests: exact(self.traffic.requests.load(Ordering::Relaxed)),
        })
    }

    /// The counters once everything that can go is gone from memory.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn swept(&self) -> Result<Counters> {
        for _ in 0..2 {
            self.page
                .inner()
                .execute(CollectGarbageParams::default())
                .await?;
        }
        self.counters().await
    }

    /// What the probe noted.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn noted(&self) -> Result<Noted> {
        self.page
            .eval(
                "(({ frames, gap, blocks, shown }) => ({
                    frames, gap, shown,
                    longestBlock: Math.max(0, ...blocks.map(([, duration]) => duration)),
                    firstContent: performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null,
                }))(measured)",
            )
            .await
    }

    /// Forgets frames and blocks.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn clear(&self) -> Result<()> {
        self.page
            .eval::<bool>("measured.run({ frames: 0, gap: 0, blocks: [] })")
            .await?;
        Ok(())
    }

    /// Begins or ends to count frames.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn count_frames(&self, counting: bool) -> Result<()> {
        self.page
            .eval::<bool>(&format!("measured.run({{ counting: {counting} }})"))
            .await?;
        Ok(())
    }

    /// Begins to look for a text in the last message.
    ///
    /// # Errors
    /// When the page is gone.
    pub async fn await_text(&self, text: &str) -> Result<()> {
        let text = serde_json::to_string(text)?;
        self.page
            .eval::<bool>(&format!(
                "measured.run({{ awaited: {text}, caughtUp: null }})"
            ))
            .await?;
        Ok(())
    }

    /// When the awaited text was to be seen, in milliseconds since 1970.
    ///
    /// # Errors
    /// When it is not by the deadline.
    pub async fn caught_up(&self, deadline: Duration) -> Result<f64> {
        self.page
            .wait_for("measured.caughtUp !== null", deadline)
            .await?;
        self.page.eval("measured.caughtUp").await
    }
}

impl Drop for Metered {
    fn drop(&mut self) {
        self.counting.abort();
    }
}

impl Counters {
    /// What came since an earlier moment, times as milliseconds per second.
    #[must_use]
    pub fn since(self, before: Self) -> Self {
        let seconds = self.at - before.at;
        let share = |now: f64, before: f64| (now - before) / seconds * 1000.0;
        Self {
            at: seconds,
            busy: share(self.busy, before.busy),
            cpu: share(self.cpu, before.cpu),
            script: share(self.script, before.script),
            layout: share(self.layout, before.layout),
            bytes: self.bytes - before.bytes,
            requests: self.requests - before.requests,
            ..self
        }
    }
}

async fn count(page: &chromiumoxide::Page, traffic: Arc<Traffic>) -> Result<JoinHandle<()>> {
    let mut loaded = page.event_listener::<EventLoadingFinished>().await?;
    let mut frames = page.event_listener::<EventWebSocketFrameReceived>().await?;
    let mut sockets = page.event_listener::<EventWebSocketCreated>().await?;
    Ok(tokio::spawn(async move {
        loop {
            let (bytes, requests) = tokio::select! {
                Some(done) = loaded.next() => (done.encoded_data_length, 1),
                Some(frame) = frames.next() => (exact(frame.response.payload_data.len() as u64), 0),
                Some(_) = sockets.next() => (0.0, 1),
                else => return,
            };
            // Never negative, and far below 2^53.
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)]
            traffic.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
            traffic.requests.fetch_add(requests, Ordering::Relaxed);
        }
    }))
}

/// A count that f64 holds exactly.
#[allow(clippy::cast_precision_loss)]
fn exact(count: u64) -> f64 {
    count as f64
}
