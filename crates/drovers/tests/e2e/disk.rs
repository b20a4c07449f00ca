//! The disk under the hub takes nothing more while a page is open: the page says so by itself, and what is live goes on.
//!
//! A limit on the size of its files stands for the full disk: anybody may set it for a process of their own while it
//! runs, and take it back, and it harms nothing else on the machine.

use std::time::Duration;

use anyhow::{Context, Result};
use rustix::process::{Pid, Resource, Rlimit, getrlimit, prlimit};
use testkit::chromium::Page;
use tokio::process::Command;

use crate::bench::{Bench, Drovers, LAST_TEXT, PATIENCE, elsewhere, page, prompt};

/// Soon, for something that the hub tells by itself.
const SOON: Duration = Duration::from_secs(10);

/// The page says it once; what else cannot be written has a notice of its own.
const STOPPED: &str = "[...document.querySelectorAll('[data-k=notices] .notice')] \
     .filter(notice => notice.innerText.includes('The journal has stopped')).length === 1";

const KEPT: &str =
    "document.querySelector('#outbox li .state')?.textContent.startsWith('Waiting for the hub')";

/// The disk, as a running hub finds it.
struct Disk {
    hub: Pid,
    was: Rlimit,
}

impl Disk {
    fn of(drovers: &Drovers) -> Result<Self> {
        let hub = Pid::from_raw(drovers.pid()?.cast_signed()).context("a process has an id")?;
        let was = getrlimit(Resource::Fsize);
        Ok(Self { hub, was })
    }

    fn set_full(&self, full: bool) -> Result<()> {
        let current = if full { Some(0) } else { self.was.current };
        let limit = Rlimit {
            current,
            ..self.was
        };
        prlimit(Some(self.hub), Resource::Fsize, limit)?;
        Ok(())
    }
}

/// The same command, but what it may not write fails, as on a full disk, instead of ending it with a signal.
fn surviving(command: &Command) -> Command {
    let command = command.as_std();
    let mut surviving = Command::new("sh");
    surviving
        .args(["-c", "trap '' XFSZ; exec \"$0\" \"$@\""])
        .arg(command.get_program())
        .args(command.get_args());
    surviving
}

#[tokio::test(flavor = "multi_thread")]
async fn an_open_page_says_that_the_disk_is_full_and_then_that_it_is_not() -> Result<()> {
    let bench = Bench::new().await?;
    let (server, browser) = bench.server_and_browser("proj").await?;
    let mut command = bench.drovers();
    command.args(["--attach", &server.url]);
    let drovers = Drovers::of(surviving(&command)).await?;
    let disk = Disk::of(&drovers)?;
    let instance = drovers.connected(&server).await?;
    let session = elsewhere(&server, "echo 3000 rate=30").await?;
    let path = drovers.path_of(&instance, &session).await?;
    let mut page = page(&browser, &drovers, &path).await?;
    page.eval::<bool>("window.sameDocument = true").await?;
    let grown = async |page: &Page| -> Result<()> {
        let had: usize = page.eval(&format!("{LAST_TEXT}.length")).await?;
        page.wait_for(&format!("{LAST_TEXT}.length > {had} + 200"), SOON)
            .await
    };
    page.wait_for(&format!("{LAST_TEXT}.length > 0"), PATIENCE)
        .await?;
    let told: bool = page
        .eval("Boolean(document.querySelector('[data-k=notices] .notice'))")
        .await?;
    assert!(!told, "there is room");

    disk.set_full(true)?;
    page.wait_for(STOPPED, SOON).await?;
    let health = drovers.get("/api/health").await?;
    assert_eq!(health["journal"]["status"], "failed", "{health:#}");
    grown(&page).await?;
    // What is sent has to be noted first.
    let other = elsewhere(&server, "say another").await?;
    let row = format!("[data-k=tree] a[href$='{other}']");
    page.wait_for(&format!("document.querySelector(\"{row}\")"), SOON)
        .await?;
    page.click(&row).await?;
    page.wait_for(&format!("{LAST_TEXT} === 'another'"), SOON)
        .await?;
    prompt(&page, "say there is room").await?;
    page.wait_for(KEPT, SOON).await?;
    assert!(page.eval::<bool>(STOPPED).await?, "the page says it once");

    disk.set_full(false)?;
    page.wait_for(
        "!document.querySelector('[data-k=notices] .notice')",
        PATIENCE,
    )
    .await?;
    let health = drovers.get("/api/health").await?;
    assert_eq!(health["journal"]["status"], "ok", "{health:#}");
    page.wait_for(&format!("{LAST_TEXT} === 'there is room'"), PATIENCE)
        .await?;
    page.wait_for("!document.querySelector('#outbox li')", SOON)
        .await?;
    page.click(&format!("[data-k=tree] a[href$='{session}']"))
        .await?;
    page.wait_for(&format!("{LAST_TEXT}.length > 0"), SOON)
        .await?;
    grown(&page).await?;
    assert!(page.eval::<bool>("window.sameDocument === true").await?);
    // What the browser itself notes of a prompt that could not be noted.
    page.assert_clean_but(&["status of 507"]).await
}
