//! A permission is granted only by an act that can mean nothing else, on a request whose whole content is in sight.
//!
//! Every test notes what its page sends, and asserts on that: what was not to be sent is looked for after something that
//! was.

mod answers;
mod composing;
mod guarded;
mod kinds;
mod meant;
mod property;
mod shown;

use anyhow::Result;
use serde::Deserialize;
use serde_json::Value;
use testkit::chromium::{Chromium, Page, Viewport};
use testkit::real::RealServer;

use crate::bench::{Bench, Drovers, PATIENCE, Stage, elsewhere, page, until};

/// Notes every answer that the page sends.
pub(crate) const NOTE: &str = "(() => {
    window.sent = [];
    const real = window.fetch;
    window.fetch = (url, init) => {
        if (init?.method === 'POST') sent.push({ url: String(url), body: JSON.parse(init.body) });
        return real(url, init);
    };
    return true;
})()";

/// An answer that the page sent.
#[derive(Debug, Deserialize)]
pub(crate) struct Sent {
    pub(crate) url: String,
    pub(crate) body: Value,
}

/// A server with requests that wait, and a page that looks at one of them.
pub(crate) struct Asked {
    pub(crate) page: Page,
    pub(crate) server: RealServer,
    pub(crate) drovers: Drovers,
    pub(crate) instance: String,
    pub(crate) sessions: Vec<String>,
    // Held only to live as long as the rest.
    _browser: Chromium,
    _bench: Bench,
}

impl Asked {
    /// Runs each script in a session of its own, until as many requests wait, and looks at the first session.
    pub(crate) async fn open(scripts: &[&str], viewport: Viewport) -> Result<Self> {
        let Stage {
            bench,
            server,
            drovers,
            instance,
            browser,
        } = Stage::begin().await?;
        let mut sessions = Vec::new();
        for (nth, script) in scripts.iter().enumerate() {
            // Equal requests would be one card.
            let own = format!("permission echo needs-permission {nth} ;;");
            let script = script.replacen("permission ;;", &own, usize::from(nth > 0));
            sessions.push(elsewhere(&server, &script).await?);
        }
        let path = drovers.path_of(&instance, &sessions[0]).await?;
        let page = page(&browser, &drovers, &path).await?;
        page.viewport(viewport).await?;
        page.eval::<bool>(NOTE).await?;
        let all = format!(
            "document.querySelectorAll('[data-k=needs] .card:not(.still)').length === {}",
            scripts.len()
        );
        page.wait_for(&all, PATIENCE).await?;
        Ok(Self {
            page,
            server,
            drovers,
            instance,
            sessions,
            _browser: browser,
            _bench: bench,
        })
    }

    /// What the page sent, with all that it has begun to send.
    pub(crate) async fn sent(&self) -> Result<Vec<Sent>> {
        let all = "navigator.locks.request('drovers-outbox', () => null).then(() => sent)";
        self.page.eval(all).await
    }

    /// What the page answered to permissions, in order.
    pub(crate) async fn replies(&self) -> Result<Vec<String>> {
        let sent = self.sent().await?;
        let to_permissions = sent.iter().filter(|one| one.url.contains("/permissions/"));
        Ok(to_permissions
            .map(|one| one.body["reply"].as_str().unwrap_or_default().to_owned())
            .collect())
    }

    /// What the last tool of a session gave, as its server has it.
    pub(crate) async fn tool(&self, session: &str) -> Result<Value> {
        let url = format!("{}/session/{session}/message", self.server.url);
        let messages: Value = reqwest::get(url).await?.json().await?;
        let parts = messages.as_array().into_iter().flatten();
        let parts = parts.flat_map(|message| message["parts"].as_array().into_iter().flatten());
        let mut tools = parts.filter(|part| part["type"] == "tool");
        Ok(tools
            .next_back()
            .map_or(Value::Null, |part| part["state"].clone()))
    }
}

/// Lets time pass as a person does between two acts: it is what the page measures, and nothing is waited for.
pub(crate) async fn pause(page: &Page, ms: u64) -> Result<()> {
    let passed = format!("new Promise(passed => setTimeout(() => passed(true), {ms}))");
    page.eval::<bool>(&passed).await?;
    Ok(())
}

/// How long a page may take for what it does by itself.
pub(crate) const SOON: std::time::Duration = std::time::Duration::from_secs(30);

/// As long as a card stands before it takes input, and a key before one that allows.
pub(crate) const A_WHILE: u64 = 450;

/// Waits until a control is on a card that takes input, and did in the newest frames.
pub(crate) async fn ready(page: &Page, control: &str) -> Result<()> {
    let stands = format!(
        "new Promise(look => requestAnimationFrame(() => requestAnimationFrame(() =>
            look(Boolean(document.querySelector(\"{control}\")?.closest('[data-ready]'))))))"
    );
    until("a card that takes input", async || {
        Ok(page.eval::<bool>(&stands).await?.then_some(()))
    })
    .await
}

/// Rejects the request that keys answer, with a reason. The card has to take keys already.
pub(crate) async fn reject_by_key(page: &Page, reason: &str) -> Result<()> {
    page.press("x").await?;
    page.wait_for("document.querySelector('#reject').open", PATIENCE)
        .await?;
    page.write(reason).await?;
    page.press("Enter").await
}

/// Clicks a control of a card, once that takes input.
pub(crate) async fn press_card(page: &Page, control: &str) -> Result<()> {
    // All of the request has to be in sight, and then the control.
    let into_view = format!(
        "((control) => [control?.closest('.card')?.querySelector('.ask'), control].forEach(one => one?.scrollIntoView({{ block: 'nearest' }})) ?? true)(document.querySelector(\"{control}\"))"
    );
    ready(page, control).await?;
    page.eval::<bool>(&into_view).await?;
    ready(page, control).await?;
    // Where the control is: a press that scrolled first would move the card, which takes none then.
    page.clicks(page.spot(control).await?, 1).await
}
