//! One server, the binary attached to it, and a page on that, with a proxy on each leg; and what a page shows of both.

use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use serde_json::Value;
use testkit::chromium::{Chromium, Page};
use testkit::proxy::Proxy;
use testkit::real::RealServer;

use crate::bench::{
    AWAY, Bench, Drovers, PATIENCE, answer, page_at, plain, prompt, session, until,
};

/// The page says that its own link is broken, and greys out all that it shows, and calls no server connected.
pub(crate) const OFFLINE: &str = "!document.querySelector('#offline').hidden && document.documentElement.dataset.offline !== undefined \
     && getComputedStyle(document.querySelector('#app')).filter.includes('grayscale') \
     && !document.querySelector('.link').innerText.includes('Connected')";

/// Both links are up.
pub(crate) const ONLINE: &str = "document.querySelector('#offline').hidden && document.documentElement.dataset.offline === undefined \
     && document.querySelector('[data-link=connected]')";

/// Something on the page says that something runs now.
pub(crate) const WORKING: &str = "[...document.querySelectorAll('nav .mark.work, .head .mark.work, .word.work, .working .if-live')]\
     .some(seen => seen.checkVisibility())";

/// Some text of a reply is on the page, and more is to come.
pub(crate) const GROWING: &str = "document.querySelector('article[data-role=assistant][data-status=streaming] .text')?.textContent.length > 40";

/// How soon a page is right once its link is.
pub(crate) const AT_ONCE: Duration = Duration::from_secs(1);

/// The usual beginning, with a proxy on each leg.
pub(crate) struct Legs {
    pub(crate) page: Page,
    /// Between the browser and the hub.
    pub(crate) lower: Proxy,
    pub(crate) drovers: Drovers,
    /// Between the hub and OpenCode.
    pub(crate) upper: Proxy,
    pub(crate) server: RealServer,
    pub(crate) instance: String,
    pub(crate) browser: Chromium,
    _bench: Bench,
}

impl Legs {
    pub(crate) async fn open() -> Result<Self> {
        Self::open_with(&[]).await
    }

    /// The same, with a hub that is told more.
    pub(crate) async fn open_with(told: &[&str]) -> Result<Self> {
        let bench = Bench::new().await?;
        let (server, browser) = bench.server_and_browser("proj").await?;
        let upper = Proxy::of(&server.url).await?;
        let mut command = bench.drovers();
        command.args(["--attach", &upper.url()]).args(told);
        let drovers = Drovers::of(command).await?;
        let instance = drovers
            .instance(|instance| instance["status"] == "connected")
            .await?;
        let lower = Proxy::of(&drovers.url).await?;
        let page = page_at(&browser, &format!("{}/i/{instance}", lower.url())).await?;
        page.eval::<bool>("window.sameDocument = true").await?;
        Ok(Self {
            page,
            lower,
            drovers,
            upper,
            server,
            instance,
            browser,
            _bench: bench,
        })
    }

    /// Prompts in the page, and waits until the reply grows there. Gives the session.
    pub(crate) async fn growing(&self, text: &str) -> Result<String> {
        prompt(&self.page, text).await?;
        let session = session(&self.page).await?;
        self.page.wait_for(GROWING, PATIENCE).await?;
        Ok(session)
    }

    /// Waits until the server itself says that a session's turn is over.
    pub(crate) async fn over(&self, session: &str) -> Result<()> {
        over(&self.server, session).await
    }

    /// What the page shows once it is right: the whole reply without a hole, ended, and nothing at work.
    pub(crate) async fn right(&self, session: &str) -> Result<String> {
        let truth = plain(&answer(&self.server, session).await?);
        Ok(right(&truth))
    }

    /// The page never loaded itself again, and complained of nothing but links that were broken on purpose.
    pub(crate) async fn assert_healed(&mut self) -> Result<()> {
        assert!(self.page.eval::<bool>("sameDocument === true").await?);
        self.page.assert_clean_but(&AWAY).await
    }
}

/// What a page shows once a reply ended as this, with nothing at work.
pub(crate) fn right(truth: &str) -> String {
    let last = "[...document.querySelectorAll('article[data-role=assistant]')].at(-1)";
    let text = crate::bench::LAST_TEXT;
    format!(
        "({ONLINE}) && {last}.dataset.status === 'complete' && !{last}.querySelector('.chip') \
         && {text} === {} && !{WORKING} && !document.querySelector('[data-k=composer][data-running]')",
        Value::from(truth)
    )
}

/// Waits until a server itself says that a session's turn is over.
pub(crate) async fn over(server: &RealServer, session: &str) -> Result<()> {
    until("an end of the turn", async || {
        let url = format!("{}/session/{session}/message", server.url);
        let messages: Value = reqwest::get(url).await?.json().await?;
        let last = messages.as_array().and_then(|messages| messages.last());
        let info = &last.context("no message")?["info"];
        let done = info["role"] == "assistant" && info["time"]["completed"].is_number();
        Ok(done.then_some(()))
    })
    .await
}

/// Waits on, where a fault has to last for so long.
pub(crate) async fn lasts(since: Instant, fault: Duration) {
    tokio::time::sleep_until((since + fault).into()).await;
}

/// Prints a figure, for whoever looks at the test's output.
#[allow(clippy::print_stderr)]
pub(crate) fn figure(what: &str, value: impl std::fmt::Debug) {
    eprintln!("figure: {what}: {value:?}");
}
