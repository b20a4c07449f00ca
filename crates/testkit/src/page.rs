//! A page of the browser: navigates, reads, clicks, types, and records every error.

use std::path::Path;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use chromiumoxide::cdp::browser_protocol::emulation::{
    MediaFeature, SetDeviceMetricsOverrideParams, SetFocusEmulationEnabledParams,
    SetPageScaleFactorParams, SetTouchEmulationEnabledParams,
};
use chromiumoxide::cdp::browser_protocol::input::InsertTextParams;
use chromiumoxide::cdp::browser_protocol::log::{EventEntryAdded, LogEntryLevel};
use chromiumoxide::cdp::browser_protocol::network::EventLoadingFailed;
use chromiumoxide::cdp::browser_protocol::security::SetIgnoreCertificateErrorsParams;
use chromiumoxide::cdp::browser_protocol::target::SetAutoAttachParams;
use chromiumoxide::cdp::js_protocol::runtime::{
    ConsoleApiCalledType, EvaluateParams, EventConsoleApiCalled, EventExceptionThrown, RemoteObject,
};
use chromiumoxide::listeners::EventStream;
use chromiumoxide::page::ScreenshotParams;
use futures_util::{FutureExt, StreamExt};
use serde::de::DeserializeOwned;

use crate::waiting::{self, Driven};

/// How long one look at a condition stays inside the page.
const LOOK: Duration = Duration::from_millis(500);

/// A screen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Viewport {
    width: u32,
    height: u32,
    scale: f64,
    touch: bool,
}

impl Driven for Page {
    async fn value<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        self.eval(expression).await
    }

    async fn is_met(&self, condition: &str) -> bool {
        let look = format!(
            "new Promise(done => {{
                const end = performance.now() + {};
                const look = () => {{
                    let met = false;
                    try {{ met = Boolean({condition}); }} catch {{ }}
                    if (met || performance.now() > end) done(met); else setTimeout(look, 10);
                }};
                look();
            }})",
            LOOK.as_millis()
        );
        self.eval::<bool>(&look).await.unwrap_or(false)
    }

    async fn press_mouse(&self, selector: &str) -> Result<()> {
        self.page.find_element(selector).await?.click().await?;
        Ok(())
    }
}

/// The colours a person prefers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Scheme {
    /// Dark on light.
    Light,
    /// Light on dark.
    Dark,
}

/// An open page.
pub struct Page {
    page: chromiumoxide::Page,
    console: EventStream<EventConsoleApiCalled>,
    exceptions: EventStream<EventExceptionThrown>,
    log: EventStream<EventEntryAdded>,
    failed: EventStream<EventLoadingFailed>,
    problems: Vec<String>,
}

impl Viewport {
    /// A desktop's screen, 1280 by 800.
    pub const DESKTOP: Self = Self {
        width: 1280,
        height: 800,
        scale: 1.0,
        touch: false,
    };
    /// A phone's screen, 390 by 844 at three pixels a point, with touch.
    pub const PHONE: Self = Self {
        width: 390,
        height: 844,
        scale: 3.0,
        touch: true,
    };

    /// A screen of so many points.
    #[must_use]
    pub fn sized(self, width: u32, height: u32) -> Self {
        Self {
            width,
            height,
            ..self
        }
    }

    /// The same screen at another number of pixels a point.
    #[must_use]
    pub fn scaled(self, scale: f64) -> Self {
        Self { scale, ..self }
    }
}

impl Page {
    pub(crate) async fn new(page: chromiumoxide::Page) -> Result<Self> {
        page.enable_log().await?;
        page.enable_runtime().await?;
        // The browser's library has every worker wait for it at its start, and may miss one.
        let attach = SetAutoAttachParams {
            flatten: Some(true),
            ..SetAutoAttachParams::new(false, false)
        };
        page.execute(attach).await?;
        let made = Self {
            console: page.event_listener().await?,
            exceptions: page.event_listener().await?,
            log: page.event_listener().await?,
            failed: page.event_listener().await?,
            problems: Vec::new(),
            page,
        };
        made.pretend(true).await?;
        made.viewport(Viewport::DESKTOP).await?;
        Ok(made)
    }

    /// The page as the browser's library knows it, for what is missing here.
    #[must_use]
    pub fn inner(&self) -> &chromiumoxide::Page {
        &self.page
    }

    /// Takes every certificate, as a person does who goes on after the warning.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn take_every_certificate(&self) -> Result<()> {
        let ignore = SetIgnoreCertificateErrorsParams::new(true);
        self.page.execute(ignore).await?;
        Ok(())
    }

    /// Goes to a URL and waits until it is loaded.
    ///
    /// # Errors
    /// When it cannot be loaded.
    pub async fn goto(&self, url: &str) -> Result<()> {
        self.page
            .goto(url)
            .await
            .with_context(|| format!("cannot open {url}"))?;
        Ok(())
    }

    /// The value of a JavaScript expression; promises are waited for.
    ///
    /// # Errors
    /// When it throws, or is not such a value.
    pub async fn eval<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        self.ask(expression, false).await
    }

    /// Evaluates an expression as if a person had just acted, and fails unless it is true.
    pub(crate) async fn gesture(&self, expression: &str) -> Result<()> {
        if !self.ask::<bool>(expression, true).await? {
            bail!("the browser refused {expression}");
        }
        Ok(())
    }

    async fn ask<T: DeserializeOwned>(&self, expression: &str, gesture: bool) -> Result<T> {
        let question = EvaluateParams::builder()
            .expression(expression)
            .user_gesture(gesture)
            .await_promise(true)
            .return_by_value(true)
            .build()
            .map_err(|error| anyhow!(error))?;
        let answer = self.page.execute(question).await?.result;
        if let Some(thrown) = answer.exception_details {
            bail!(
                "{expression} threw {}",
                thrown
                    .exception
                    .map_or(thrown.text, |thrown| described(&thrown))
            );
        }
        let value = answer.result.value.unwrap_or_default();
        serde_json::from_value(value).with_context(|| format!("{expression} is something else"))
    }

    /// Waits until a JavaScript expression is truthy. It may throw meanwhile, and the page may reload.
    ///
    /// # Errors
    /// When it is not by the deadline.
    pub async fn wait_for(&self, condition: &str, deadline: Duration) -> Result<()> {
        waiting::wait_for(self, condition, deadline).await
    }

    /// Clicks the middle of the first element that matches and is drawn. Where the page replaces it meanwhile, the element
    /// in its place.
    ///
    /// # Errors
    /// When there is none for five seconds, or it cannot be clicked.
    pub async fn click(&self, selector: &str) -> Result<()> {
        waiting::click(self, selector).await
    }

    /// Replaces the text of the first field that matches, as typing or pasting would.
    ///
    /// # Errors
    /// When there is none.
    pub async fn fill(&self, selector: &str, text: &str) -> Result<()> {
        let quoted = serde_json::to_string(selector)?;
        let select = format!(
            "(field => {{ field.focus(); field.select(); return true; }})(document.querySelector({quoted}))"
        );
        self.eval::<bool>(&select)
            .await
            .with_context(|| format!("cannot fill {selector}"))?;
        self.page.execute(InsertTextParams::new(text)).await?;
        Ok(())
    }

    /// Comes to the front as a tab does, hiding the others of its browser that do not pretend to be in front themselves.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn front(&self) -> Result<()> {
        self.page.bring_to_front().await?;
        Ok(())
    }

    /// Whether it pretends to be in front whatever other pages there are, as each does from its beginning.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn pretend(&self, front: bool) -> Result<()> {
        self.page
            .execute(SetFocusEmulationEnabledParams::new(front))
            .await?;
        Ok(())
    }

    /// Zooms in as two fingers do: the window shows so much less of the page.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn zoom(&self, factor: f64) -> Result<()> {
        self.page
            .execute(SetPageScaleFactorParams::new(factor))
            .await?;
        Ok(())
    }

    /// Becomes a screen of this size and kind.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn viewport(&self, viewport: Viewport) -> Result<()> {
        let Viewport {
            width,
            height,
            scale,
            touch,
        } = viewport;
        self.page
            .execute(SetDeviceMetricsOverrideParams::new(
                width, height, scale, touch,
            ))
            .await?;
        self.page
            .execute(SetTouchEmulationEnabledParams::new(touch))
            .await?;
        Ok(())
    }

    /// Prefers these colours.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn scheme(&self, scheme: Scheme) -> Result<()> {
        let value = match scheme {
            Scheme::Light => "light",
            Scheme::Dark => "dark",
        };
        self.media(&[("prefers-color-scheme", value)]).await
    }

    /// Has these media features, such as `("forced-colors", "active")`, and no others than the machine's.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn media(&self, features: &[(&str, &str)]) -> Result<()> {
        let features = features
            .iter()
            .map(|(name, value)| MediaFeature::new(*name, *value));
        self.page.emulate_media_features(features.collect()).await?;
        Ok(())
    }

    /// Takes a picture of what is on the screen, as PNG.
    ///
    /// # Errors
    /// When it cannot be taken or written.
    pub async fn screenshot(&self, file: &Path) -> Result<()> {
        let picture = self
            .page
            .screenshot(ScreenshotParams::builder().build())
            .await?;
        tokio::fs::write(file, picture)
            .await
            .with_context(|| format!("cannot write {}", file.display()))
    }

    /// Everything that went wrong so far: console errors, uncaught exceptions, refusals by the content
    /// security policy, and requests that failed.
    ///
    /// # Errors
    /// When the browser is gone.
    pub async fn problems(&mut self) -> Result<&[String]> {
        // Events come in order: after this answer everything before it is here.
        self.eval::<bool>("true").await?;
        while let Some(Some(call)) = self.console.next().now_or_never() {
            if matches!(
                call.r#type,
                ConsoleApiCalledType::Error | ConsoleApiCalledType::Assert
            ) {
                let words: Vec<String> = call.args.iter().map(described).collect();
                self.problems.push(format!("console: {}", words.join(" ")));
            }
        }
        while let Some(Some(thrown)) = self.exceptions.next().now_or_never() {
            let details = &thrown.exception_details;
            let what = details
                .exception
                .as_ref()
                .map_or_else(|| details.text.clone(), described);
            self.problems.push(format!("uncaught: {what}"));
        }
        while let Some(Some(entry)) = self.log.next().now_or_never() {
            if entry.entry.level == LogEntryLevel::Error {
                let at = entry.entry.url.as_deref().unwrap_or_default();
                self.problems.push(format!(
                    "{:?}: {} {at}",
                    entry.entry.source, entry.entry.text
                ));
            }
        }
        while let Some(Some(failed)) = self.failed.next().now_or_never() {
            if failed.canceled != Some(true) {
                self.problems.push(format!(
                    "request: {:?} {}",
                    failed.r#type, failed.error_text
                ));
            }
        }
        Ok(&self.problems)
    }

    /// Nothing went wrong so far.
    ///
    /// # Errors
    /// With all that did.
    pub async fn assert_clean(&mut self) -> Result<()> {
        self.assert_clean_but(&[]).await
    }

    /// Nothing went wrong so far but what says one of these words: what a browser reports of a server that is away.
    ///
    /// # Errors
    /// With all else that did.
    pub async fn assert_clean_but(&mut self, expected: &[&str]) -> Result<()> {
        let problems = self.problems().await?.iter();
        let others: Vec<&str> = problems
            .map(String::as_str)
            .filter(|problem| !expected.iter().any(|words| problem.contains(words)))
            .collect();
        if !others.is_empty() {
            bail!("the page has problems:\n{}", others.join("\n"));
        }
        Ok(())
    }
}

fn described(object: &RemoteObject) -> String {
    let value = object.value.as_ref().map(ToString::to_string);
    object.description.clone().or(value).unwrap_or_default()
}
