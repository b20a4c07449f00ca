//! What waiting and pressing have in common in all browsers.

use std::time::Duration;

use anyhow::{Context, Result, bail};
use serde::de::DeserializeOwned;
use tokio::time::{Instant, timeout};

/// How long a click waits for its element to be drawn, also where the page replaces it meanwhile.
const SEEN: Duration = Duration::from_secs(5);

/// Waits until the element `SELECTOR` has been at one place for 40 ms, with nothing above its middle, as a person who aims does: a
/// press on a row that moves would reach its neighbour. Rows that come and go by themselves take no press for 400 ms after that. After
/// two seconds it is pressed all the same, since a control may be under its own label. The value tells whether it came to rest.
const AT_REST: &str = "(async () => {
    const end = performance.now() + 2000;
    const rows = '[data-k=tree-list] > li, [data-k=overview-list] > li, .tabs li, .strip li';
    let [before, since] = ['', 0];
    while (performance.now() < end) {
        const element = document.querySelector(SELECTOR);
        if (!element) return false;
        element.scrollIntoViewIfNeeded();
        const { x, y, width, height } = element.getBoundingClientRect();
        const place = [x, y, width, height].join();
        const above = document.elementFromPoint(x + width / 2, y + height / 2);
        if (place !== before) since = performance.now();
        const still = performance.now() - since >= (element.closest(rows) ? 440 : 40);
        if (place === before && still && above && (element.contains(above) || above.contains(element) && above.closest('a, button, label'))) return true;
        before = place;
        await new Promise(later => setTimeout(later, 40));
    }
    return false;
})()";

/// A page that a browser's driver acts on.
pub(crate) trait Driven {
    /// The value of a JavaScript expression; promises are waited for.
    async fn value<T: DeserializeOwned>(&self, expression: &str) -> Result<T>;

    /// True if a JavaScript expression is truthy, or becomes so within a moment. It may throw meanwhile, and the page may reload.
    async fn is_met(&self, condition: &str) -> bool;

    /// Presses and releases the mouse on the first element that matches.
    async fn press_mouse(&self, selector: &str) -> Result<()>;
}

/// Waits until a JavaScript expression is truthy. It may throw meanwhile, and the page may reload.
pub(crate) async fn wait_for(
    page: &impl Driven,
    condition: &str,
    deadline: Duration,
) -> Result<()> {
    let looking = async { while !page.is_met(condition).await {} };
    if timeout(deadline, looking).await.is_ok() {
        return Ok(());
    }
    let shown: String = page
        .value("location.href + '\\n' + document.body.innerText")
        .await
        .unwrap_or_else(|error| error.to_string());
    bail!("still not so after {deadline:?}: {condition}\nThe page shows:\n{shown}")
}

/// Clicks the middle of the first element that matches and is drawn, once it rests. Where the page replaces it meanwhile, the element
/// in its place.
pub(crate) async fn click(page: &impl Driven, selector: &str) -> Result<()> {
    let quoted = serde_json::to_string(selector)?;
    let drawn = format!("document.querySelector({quoted})?.getClientRects().length > 0");
    let end = Instant::now() + SEEN;
    loop {
        let left = end.saturating_duration_since(Instant::now());
        wait_for(page, &drawn, left)
            .await
            .with_context(|| format!("nothing that is drawn matches {selector}"))?;
        // A press that failed reached nothing: the place of the element is looked up before the mouse moves.
        let pressed = async {
            page.value::<bool>(&AT_REST.replace("SELECTOR", &quoted))
                .await?;
            page.press_mouse(selector).await
        };
        match pressed.await {
            Err(error) if Instant::now() >= end => {
                return Err(error.context(format!("cannot click {selector}")));
            }
            Err(_replaced) => {}
            clicked => return clicked,
        }
    }
}
