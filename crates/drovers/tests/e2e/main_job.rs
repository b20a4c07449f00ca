//! The main job, from the start page on: see, allow, reject, answer, prompt, stop. By another engine, and as people see the page who
//! force its colours, take no motion, or enlarge it.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::de::DeserializeOwned;
use serde_json::json;
use testkit::chromium::{Page, Viewport};
use testkit::real::RealServer;
use testkit::webkit::WebKit;

use crate::bench::{Bench, Drovers, LAST_TEXT, PATIENCE, created, run, until};
use crate::consent::A_WHILE;

/// A page of any browser, as a person uses it.
trait Hands {
    async fn goto(&self, url: &str) -> Result<()>;
    async fn eval<T: DeserializeOwned>(&self, expression: &str) -> Result<T>;
    async fn wait_for(&self, condition: &str) -> Result<()>;
    async fn click(&self, selector: &str) -> Result<()>;
    async fn press(&self, key: &str) -> Result<()>;
    async fn write(&self, text: &str) -> Result<()>;
}

impl Hands for Page {
    async fn goto(&self, url: &str) -> Result<()> {
        Self::goto(self, url).await
    }
    async fn eval<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        Self::eval(self, expression).await
    }
    async fn wait_for(&self, condition: &str) -> Result<()> {
        Self::wait_for(self, condition, PATIENCE).await
    }
    async fn click(&self, selector: &str) -> Result<()> {
        Self::click(self, selector).await
    }
    async fn press(&self, key: &str) -> Result<()> {
        Self::press(self, key).await
    }
    async fn write(&self, text: &str) -> Result<()> {
        Self::write(self, text).await
    }
}

impl Hands for WebKit {
    async fn goto(&self, url: &str) -> Result<()> {
        Self::goto(self, url).await
    }
    async fn eval<T: DeserializeOwned>(&self, expression: &str) -> Result<T> {
        Self::eval(self, expression).await
    }
    async fn wait_for(&self, condition: &str) -> Result<()> {
        Self::wait_for(self, condition, PATIENCE).await
    }
    async fn click(&self, selector: &str) -> Result<()> {
        Self::click(self, selector).await
    }
    async fn press(&self, key: &str) -> Result<()> {
        Self::press(self, key).await
    }
    async fn write(&self, text: &str) -> Result<()> {
        Self::write(self, text).await
    }
}

const PROMPT_FOCUSED: &str = "document.activeElement.id === 'text'";
const CARD: &str = "document.querySelector('[data-k=asks] .card')";
const ONCE: &str = "[data-k=asks] button[value=once]";
const AT_REST: &str = "!document.querySelector('[data-k=composer][data-running]')";

/// Brings a card into sight and reads it to its end, as a wheel or a finger does.
const READ: &str = "(card => {
    (card.querySelector('.ask') ?? card).scrollIntoView({ block: 'nearest' });
    for (const box of card.querySelectorAll('.whole, .ask')) box.scrollTop = box.scrollHeight;
    return true;
})(document.querySelector('[data-k=asks] .card'))";

/// Somebody at a page of a hub.
struct Person<'a, P> {
    page: &'a P,
    server: &'a RealServer,
    hub: &'a Drovers,
}

impl<P: Hands> Person<'_, P> {
    /// Does all of it, in a session of this title.
    async fn does_the_main_job(&self, title: &str) -> Result<()> {
        let instance = self.hub.connected(self.server).await?;
        let session = created(self.server, &json!({ "title": title })).await?;
        self.hub.path_of(&instance, &session).await?;
        run(
            self.server,
            &session,
            "permission ;; say allowed by a click",
        )
        .await?;
        self.opens(title).await?;
        self.allows_by_a_click().await?;
        self.prompts_and_sees_it_stream().await?;
        self.allows_by_a_key().await?;
        self.rejects_with_a_reason().await?;
        self.answers_a_question().await?;
        self.stops().await
    }

    /// From the start page to the session, by its filter.
    async fn opens(&self, title: &str) -> Result<()> {
        let page = self.page;
        page.goto(&self.hub.url).await?;
        page.wait_for(&format!(
            "[...document.querySelectorAll('li.session .name')].some(name => name.innerText === '{title}')"
        ))
        .await?;
        page.press("/").await?;
        page.wait_for("document.activeElement.id === 'filter'")
            .await?;
        page.write(title).await?;
        page.press("Enter").await?;
        page.wait_for(&format!(
            "document.activeElement.querySelector('.name')?.innerText === '{title}'"
        ))
        .await?;
        self.nothing_sticks_out().await?;
        page.press("Enter").await?;
        page.wait_for("location.pathname.includes('/s/')").await
    }

    async fn nothing_sticks_out(&self) -> Result<()> {
        let wide = "document.documentElement.scrollWidth > innerWidth";
        ensure!(
            !self.page.eval::<bool>(wide).await?,
            "the page scrolls sideways"
        );
        Ok(())
    }

    /// Writes a prompt and sends it by Enter.
    async fn prompts(&self, text: &str) -> Result<()> {
        let page = self.page;
        page.wait_for(AT_REST).await?;
        // A prompt that was sent leaves the focus where it was.
        if !page.eval::<bool>(PROMPT_FOCUSED).await? {
            page.press("/").await?;
            page.wait_for(PROMPT_FOCUSED).await?;
        }
        page.write(text).await?;
        page.press("Enter").await
    }

    /// Waits for a card, reads it, and leaves the prompt for the keys of cards.
    async fn reads_the_card(&self) -> Result<()> {
        let page = self.page;
        page.wait_for(CARD).await?;
        if page.eval::<bool>(PROMPT_FOCUSED).await? {
            page.press("Escape").await?;
            page.wait_for(&format!("!({PROMPT_FOCUSED})")).await?;
        }
        until("a card that is read", async || {
            page.eval::<bool>(READ).await?;
            let ready = "Boolean(document.querySelector('[data-k=asks] .card[data-ready]:not([data-unread])'))";
            Ok(page.eval::<bool>(ready).await?.then_some(()))
        })
        .await?;
        self.nothing_sticks_out().await?;
        let passed = format!("new Promise(passed => setTimeout(() => passed(true), {A_WHILE}))");
        page.eval::<bool>(&passed).await?;
        Ok(())
    }

    async fn sees(&self, text: &str) -> Result<()> {
        self.page
            .wait_for(&format!("{LAST_TEXT} === '{text}'"))
            .await
    }

    async fn allows_by_a_click(&self) -> Result<()> {
        self.reads_the_card().await?;
        self.page.click(ONCE).await?;
        self.sees("allowed by a click").await
    }

    async fn prompts_and_sees_it_stream(&self) -> Result<()> {
        self.prompts("echo 60 rate=20").await?;
        let page = self.page;
        let shown =
            "document.querySelector('article[data-status=streaming] .text').textContent.length";
        page.wait_for(&format!("(window.before = {shown}) > 0"))
            .await?;
        page.wait_for(&format!("{shown} > window.before")).await?;
        // Its last line is in sight, less than a line from the end.
        let end = "(log => log.scrollHeight - log.clientHeight - log.scrollTop < 20)(document.querySelector('#log'))";
        page.wait_for(&format!("{AT_REST} && {end}")).await
    }

    async fn allows_by_a_key(&self) -> Result<()> {
        self.prompts("permission ;; say allowed by a key").await?;
        self.reads_the_card().await?;
        self.page
            .wait_for("document.querySelector('[data-k=asks] .card[data-marked]')")
            .await?;
        self.page.press("a").await?;
        self.sees("allowed by a key").await
    }

    async fn rejects_with_a_reason(&self) -> Result<()> {
        let page = self.page;
        self.prompts("permission ;; say after").await?;
        self.reads_the_card().await?;
        page.press("x").await?;
        page.wait_for("document.querySelector('#reject').open")
            .await?;
        page.write("use another way").await?;
        page.press("Enter").await?;
        page.wait_for(&format!(
            "!{CARD} && document.querySelector('#log').innerText.includes('use another way')"
        ))
        .await
    }

    /// A digit chooses, the same digit sends.
    async fn answers_a_question(&self) -> Result<()> {
        let page = self.page;
        let options =
            json!([{ "label": "Red", "description": "" }, { "label": "Blue", "description": "" }]);
        let questions = json!({ "questions": [{ "question": "Which?", "header": "Choice", "options": options }] });
        self.prompts(&format!("tool question {questions} ;; say it is blue"))
            .await?;
        self.reads_the_card().await?;
        page.press("2").await?;
        page.wait_for("document.querySelector('.asks .option:nth-of-type(2) input').checked")
            .await?;
        self.reads_the_card().await?;
        page.press("2").await?;
        self.sees("it is blue").await
    }

    async fn stops(&self) -> Result<()> {
        self.prompts("bash sleep 600").await?;
        self.page
            .wait_for("document.querySelector('[data-k=composer] .stop:enabled')")
            .await?;
        self.page.click("[data-k=composer] .stop").await?;
        self.page.wait_for(AT_REST).await?;
        self.nothing_sticks_out().await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn webkit_does_the_main_job() -> Result<()> {
    let bench = Bench::new().await?;
    let server = bench.server("proj").await?;
    let hub = Drovers::start(&bench, &[&server]).await?;
    let page = WebKit::start().await?;
    let person = Person {
        page: &page,
        server: &server,
        hub: &hub,
    };
    person.does_the_main_job("On WebKit").await?;
    page.assert_clean().await
}

/// A page as some people see it: a name, its window, and the media features that they set.
type Sight = (
    &'static str,
    Viewport,
    &'static [(&'static str, &'static str)],
);

/// At 200 and 400 % a window has half and a quarter of the points (WCAG 1.4.4 and 1.4.10: 1280 by 1024).
fn sights() -> [Sight; 4] {
    [
        (
            "forced colours",
            Viewport::DESKTOP,
            &[("forced-colors", "active")],
        ),
        (
            "reduced motion",
            Viewport::DESKTOP,
            &[("prefers-reduced-motion", "reduce")],
        ),
        (
            "200 percent",
            Viewport::DESKTOP.sized(640, 512).scaled(2.0),
            &[],
        ),
        (
            "400 percent",
            Viewport::DESKTOP.sized(320, 256).scaled(4.0),
            &[],
        ),
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn the_main_job_is_done_with_forced_colours_without_motion_and_enlarged() -> Result<()> {
    let bench = Bench::new().await?;
    let (server, browser) = bench.server_and_browser("proj").await?;
    let hub = Drovers::start(&bench, &[&server]).await?;
    for (name, viewport, features) in sights() {
        let mut page = browser.page().await?;
        page.viewport(viewport).await?;
        page.media(features).await?;
        let person = Person {
            page: &page,
            server: &server,
            hub: &hub,
        };
        let done = tokio::time::timeout(Duration::from_secs(240), person.does_the_main_job(name));
        let done = done.await;
        ensure!(done.is_ok(), "{name}: not done in time");
        done?.map_err(|error| error.context(name))?;
        page.assert_clean().await?;
    }
    Ok(())
}
