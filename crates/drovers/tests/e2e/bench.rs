//! What every test needs: a scripted model, real servers, the binary, and a page that looks at it.

use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use scripted::model::{Model, ModelOptions};
use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::chromium::Chromium;
use testkit::chromium::Page;
use testkit::real::{RealOptions, RealServer};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};
use tokio::time::timeout;

/// How long anything may take that has no deadline of its own, on a machine with other work.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// What Chromium reports when the hub is down: one list for all tests, as the error depends on the moment at which a socket ends.
pub(crate) const AWAY: [&str; 4] = [
    "WebSocket",
    "ERR_CONNECTION",
    "ERR_EMPTY_RESPONSE",
    "ERR_SOCKET_NOT_CONNECTED",
];

/// A model, a home for servers, and room for data.
pub(crate) struct Bench {
    pub(crate) model: Model,
    /// Before the folder that it is in.
    _ending: Ending,
    pub(crate) dir: TempDir,
}

/// Ends what a test that failed may have left: a server that outlives its hub.
struct Ending(PathBuf);

impl Drop for Ending {
    fn drop(&mut self) {
        let left = std::fs::read_dir(self.0.join("kept"));
        if left.is_ok_and(|mut entries| entries.next().is_some()) {
            let down = std::process::Command::new(env!("CARGO_BIN_EXE_drovers"))
                .args(["down", "--end-turns", "--data-dir"])
                .arg(&self.0)
                .stdin(Stdio::null())
                .output();
            drop(down);
        }
    }
}

impl Bench {
    pub(crate) async fn new() -> Result<Self> {
        let options = ModelOptions {
            rate: 30.0,
            ..ModelOptions::default()
        };
        let dir = TempDir::new()?;
        Ok(Self {
            model: Model::start(options).await?,
            _ending: Ending(dir.path().join("data")),
            dir,
        })
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    /// A server in a folder of its own; all share one home, and so one database.
    pub(crate) async fn server(&self, folder: &str) -> Result<RealServer> {
        RealServer::start(self.options(folder)).await
    }

    /// A server in a folder, and a browser that starts beside it: each takes seconds.
    pub(crate) async fn server_and_browser(&self, folder: &str) -> Result<(RealServer, Chromium)> {
        tokio::try_join!(self.server(folder), Chromium::start())
    }

    /// A real OpenCode in a folder.
    pub(crate) fn options(&self, folder: &str) -> RealOptions {
        RealOptions {
            home: self.path("home"),
            folder: self.path(folder),
            password: None,
            model_url: self.model.base_url(),
            port: None,
        }
    }

    /// The binary, to be told what to show.
    pub(crate) fn drovers(&self) -> Command {
        self.drovers_at("127.0.0.1:0")
    }

    /// The binary, listening at a given address.
    pub(crate) fn drovers_at(&self, address: &str) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_drovers"));
        command
            .args(["--no-open", "--no-auth", "--listen", address, "--data-dir"])
            .arg(self.path("data"))
            .current_dir(self.dir.path());
        command
    }

    /// The binary, in the home of the bench, with a real OpenCode of its own in a folder; what it logs goes to a file.
    pub(crate) async fn drovers_in(&self, folder: &str, log: &Path) -> Result<Command> {
        self.owning(self.drovers(), folder, log).await
    }

    /// The same, for a command of the binary that says where it listens.
    pub(crate) async fn owning(
        &self,
        mut command: Command,
        folder: &str,
        log: &Path,
    ) -> Result<Command> {
        let binary = tokio::task::spawn_blocking(testkit::real::binary).await??;
        testkit::real::isolate(&mut command, &self.options(folder)).await?;
        command
            .arg("-vv")
            .arg("--trust")
            .arg("--opencode")
            .arg(binary)
            .arg(self.path(folder))
            .stderr(std::fs::File::create(log)?);
        Ok(command)
    }
}

/// The running binary; killed on drop.
pub(crate) struct Drovers {
    pub(crate) url: String,
    process: Child,
}

impl Drovers {
    /// Starts it with servers attached, and waits for the line that says where it listens.
    pub(crate) async fn start(bench: &Bench, servers: &[&RealServer]) -> Result<Self> {
        let mut command = bench.drovers();
        for server in servers {
            command.args(["--attach", &server.url]);
        }
        Self::of(command).await
    }

    /// Starts it with nothing to show. Told of nothing, it would look for servers on this machine by itself.
    pub(crate) async fn empty(bench: &Bench) -> Result<Self> {
        let mut command = bench.drovers();
        command.args(["--attach", "http://127.0.0.1:9"]);
        let drovers = Self::of(command).await?;
        let instance = drovers.instance(|_| true).await?;
        let url = format!("{}/api/instances/{instance}", drovers.url);
        let removed = reqwest::Client::new().delete(url).send().await?;
        removed.error_for_status()?;
        Ok(drovers)
    }

    /// Runs a command, and waits for the line that says where it listens.
    pub(crate) async fn of(mut command: Command) -> Result<Self> {
        // No server outlives a test; `--keep-servers` precedes this.
        let mut process = command
            .env("DROVERS_KEEP_SERVERS", "false")
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            .spawn()?;
        let mut lines = BufReader::new(process.stdout.take().context("piped")?).lines();
        let line = timeout(PATIENCE, lines.next_line())
            .await??
            .context("it ended before it listened")?;
        let url = line
            .strip_prefix("drovers listening on ")
            .with_context(|| format!("printed {line}"))?
            .to_owned();
        Ok(Self { url, process })
    }

    /// Starts it with a real OpenCode of its own in the folder `proj`. It, and the id of the instance once that is connected.
    pub(crate) async fn in_folder(bench: &Bench) -> Result<(Self, String)> {
        let command = bench.drovers_in("proj", &bench.path("log")).await?;
        Self::own(command).await
    }

    /// The same with a command that was made for it.
    pub(crate) async fn own(command: Command) -> Result<(Self, String)> {
        let drovers = Self::of(command).await?;
        let is_own = |one: &Value| one["folder"].is_string() && one["status"] == "connected";
        let instance = drovers.instance(is_own).await?;
        Ok((drovers, instance))
    }

    /// The id of the process.
    pub(crate) fn pid(&self) -> Result<u32> {
        self.process.id().context("it runs")
    }

    /// Sends a signal to the process itself.
    pub(crate) fn signal(&self, signal: Signal) -> Result<()> {
        Ok(kill(Pid::from_raw(self.pid()?.cast_signed()), signal)?)
    }

    /// Its exit code, once it has ended; none if a signal ended it.
    pub(crate) async fn ended(&mut self) -> Result<Option<i32>> {
        let ended = timeout(PATIENCE, self.process.wait()).await;
        Ok(ended.context("it does not end")??.code())
    }

    pub(crate) async fn get(&self, path: &str) -> Result<Value> {
        Ok(reqwest::get(format!("{}{path}", self.url))
            .await?
            .error_for_status()?
            .json()
            .await?)
    }

    /// Asks for something that needs no words.
    pub(crate) async fn post(&self, path: &str) -> Result<()> {
        let asked = reqwest::Client::new()
            .post(format!("{}{path}", self.url))
            .json(&json!({}));
        asked.send().await?.error_for_status()?;
        Ok(())
    }

    /// The instance of a server, once it is connected.
    pub(crate) async fn connected(&self, server: &RealServer) -> Result<String> {
        self.instance(|instance| {
            let url = instance["url"].as_str().unwrap_or_default();
            url.trim_end_matches('/') == server.url && instance["status"] == "connected"
        })
        .await
    }

    /// The path of a session on the page, once the hub knows of it.
    pub(crate) async fn path_of(&self, instance: &str, session: &str) -> Result<String> {
        until("the session", async || {
            let path = format!("/api/instances/{instance}/sessions/{session}");
            Ok(self.get(&path).await.ok())
        })
        .await?;
        Ok(format!("/i/{instance}/s/{session}"))
    }

    /// The first instance that is so, once there is one.
    pub(crate) async fn instance(&self, so: impl Fn(&Value) -> bool) -> Result<String> {
        let found = until("an instance", async || {
            let instances = self.get("/api/instances").await?;
            let mut all = instances.as_array().into_iter().flatten();
            Ok(all.find(|instance| so(instance)).cloned())
        });
        Ok(found.await?["id"].as_str().context("an id")?.to_owned())
    }
}

/// Runs git in a folder, as somebody who may commit.
pub(crate) fn git(folder: &Path, args: &[&str]) -> Result<String> {
    let done = std::process::Command::new("git")
        .args(["-c", "user.name=A", "-c", "user.email=a@example.org"])
        .args(args)
        .current_dir(folder)
        .output()?;
    ensure!(done.status.success(), "git {args:?}: {done:?}");
    Ok(String::from_utf8_lossy(&done.stdout).into_owned())
}

/// Makes a repository with one commit of these files. Who works in it may commit.
pub(crate) fn repository(folder: &Path, files: &[(&str, &str)]) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    git(folder, &["init", "--quiet", "--initial-branch=main"])?;
    git(folder, &["config", "user.name", "Ann"])?;
    git(folder, &["config", "user.email", "ann@example.org"])?;
    for (name, text) in files {
        let path = folder.join(name);
        std::fs::create_dir_all(path.parent().context("a folder")?)?;
        std::fs::write(path, text)?;
    }
    if !files.is_empty() {
        git(folder, &["add", "--all"])?;
        git(folder, &["commit", "--quiet", "--message", "first"])?;
    }
    Ok(())
}

/// Waits until an expression of a page gives these texts.
pub(crate) async fn listed(page: &Page, expression: &str, wanted: &[&str]) -> Result<()> {
    let wanted = serde_json::to_string(wanted)?;
    let quoted = serde_json::to_string(&wanted)?;
    let same = format!("JSON.stringify({expression}) === {quoted}");
    if let Err(error) = page.wait_for(&same, PATIENCE).await {
        let seen: Vec<String> = page.eval(expression).await?;
        return Err(error.context(format!("{seen:?} instead of {wanted}")));
    }
    Ok(())
}

/// Looks again and again until there is something.
pub(crate) async fn until<T>(what: &str, look: impl AsyncFn() -> Result<Option<T>>) -> Result<T> {
    let find = async {
        let mut again = tokio::time::interval(Duration::from_millis(50));
        loop {
            again.tick().await;
            if let Some(found) = look().await? {
                return Ok(found);
            }
        }
    };
    timeout(PATIENCE, find)
        .await
        .with_context(|| format!("still without {what} after {PATIENCE:?}"))?
}

/// What most tests begin with: one server, the binary attached to it and connected, and a browser.
pub(crate) struct Stage {
    pub(crate) bench: Bench,
    pub(crate) server: RealServer,
    pub(crate) drovers: Drovers,
    /// The id of the server's instance.
    pub(crate) instance: String,
    pub(crate) browser: Chromium,
}

impl Stage {
    pub(crate) async fn begin() -> Result<Self> {
        let bench = Bench::new().await?;
        let (server, browser) = bench.server_and_browser("proj").await?;
        let drovers = Drovers::start(&bench, &[&server]).await?;
        let instance = drovers.connected(&server).await?;
        Ok(Self {
            bench,
            server,
            drovers,
            instance,
            browser,
        })
    }
}

/// The usual beginning, and a page with its instance in front.
pub(crate) struct Front {
    pub(crate) page: Page,
    pub(crate) drovers: Drovers,
    pub(crate) server: RealServer,
    // Held only to live as long as the rest.
    _browser: Chromium,
    _bench: Bench,
}

impl Front {
    pub(crate) async fn open() -> Result<Self> {
        let stage = Stage::begin().await?;
        let instance = format!("/i/{}", stage.instance);
        Ok(Self {
            page: page(&stage.browser, &stage.drovers, &instance).await?,
            drovers: stage.drovers,
            server: stage.server,
            _browser: stage.browser,
            _bench: stage.bench,
        })
    }
}

/// A page on a running hub.
pub(crate) async fn page(browser: &Chromium, drovers: &Drovers, path: &str) -> Result<Page> {
    page_at(browser, &format!("{}{path}", drovers.url)).await
}

/// A page at an address, of which something is connected.
pub(crate) async fn page_at(browser: &Chromium, url: &str) -> Result<Page> {
    let page = browser.page().await?;
    page.goto(url).await?;
    page.wait_for(
        "document.querySelector('[data-link=connected], [data-overview]')",
        PATIENCE,
    )
    .await?;
    Ok(page)
}

/// Writes a prompt and sends it as a person would.
pub(crate) async fn prompt(page: &Page, text: &str) -> Result<()> {
    page.fill("#text", text).await?;
    page.click("#prompt button[type=submit]").await?;
    Ok(())
}

/// The session that the page is on, once it is on one.
pub(crate) async fn session(page: &Page) -> Result<String> {
    page.wait_for("location.pathname.includes('/s/')", PATIENCE)
        .await?;
    page.eval("location.pathname.split('/s/')[1]").await
}

/// What a server says of a session's last answer.
pub(crate) async fn answer(server: &RealServer, session: &str) -> Result<String> {
    let url = format!("{}/session/{session}/message", server.url);
    let messages: Value = reqwest::get(url).await?.json().await?;
    let Some(last) = messages.as_array().and_then(|messages| messages.last()) else {
        bail!("no messages")
    };
    let texts = last["parts"]
        .as_array()
        .into_iter()
        .flatten()
        .filter(|part| part["type"] == "text");
    Ok(texts.filter_map(|part| part["text"].as_str()).collect())
}

/// A text as a page shows it: runs of white space are one space.
pub(crate) fn plain(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// Asks a server to run a prompt, as another client would.
pub(crate) async fn elsewhere(server: &RealServer, text: &str) -> Result<String> {
    let id = created(server, &json!({})).await?;
    run(server, &id, text).await?;
    Ok(id)
}

/// Asks a server to run a prompt in a session, as another client would.
pub(crate) async fn run(server: &RealServer, session: &str, text: &str) -> Result<()> {
    let body = json!({ "parts": [{ "type": "text", "text": text }] });
    let sent = reqwest::Client::new()
        .post(format!("{}/session/{session}/prompt_async", server.url))
        .json(&body)
        .send()
        .await?;
    sent.error_for_status()?;
    Ok(())
}

/// Makes a session, as another client would.
pub(crate) async fn created(server: &RealServer, session: &Value) -> Result<String> {
    let created = reqwest::Client::new()
        .post(format!("{}/session", server.url))
        .json(session)
        .send()
        .await?;
    let session: Value = created.error_for_status()?.json().await?;
    Ok(session["id"].as_str().context("an id")?.to_owned())
}

/// Makes a session that runs a prompt, and waits until the hub knows it: with none the start page is another one.
pub(crate) async fn named(
    drovers: &Drovers,
    server: &RealServer,
    title: &str,
    text: &str,
) -> Result<String> {
    let instance = drovers.connected(server).await?;
    let id = created(server, &json!({ "title": title })).await?;
    drovers.path_of(&instance, &id).await?;
    run(server, &id, text).await?;
    Ok(id)
}

/// The last answer on the page, as plain text.
pub(crate) const LAST_TEXT: &str = "[...document.querySelectorAll('article[data-role=assistant] .text')].at(-1).textContent.split(/\\s+/).join(' ').trim()";
