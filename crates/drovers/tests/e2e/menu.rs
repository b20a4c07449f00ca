//! The menu of a session, by keys.

use anyhow::{Result, ensure};
use testkit::chromium::Page;

use crate::bench::PATIENCE;

/// The menu, while it is open.
pub(crate) const MENU_OPEN: &str = "document.querySelector('.menu:popover-open')";

/// The line of an open menu that has the focus.
pub(crate) const LINE: &str = "document.activeElement.matches('.menu:popover-open [role=menuitem]') && document.activeElement.innerText";

/// Opens the menu by its key, goes to the line that begins so by its letter, and presses Enter.
pub(crate) async fn choose(page: &Page, letter: &str, line: &str) -> Result<()> {
    page.press(".").await?;
    page.wait_for(&format!("({LINE}) === 'Rename'"), PATIENCE)
        .await?;
    for _ in 0..6 {
        if page.eval::<String>(LINE).await? == line {
            break;
        }
        page.press(letter).await?;
    }
    ensure!(page.eval::<String>(LINE).await? == line, "no line {line}");
    page.press("Enter").await?;
    page.wait_for(&format!("!{MENU_OPEN}"), PATIENCE).await
}
