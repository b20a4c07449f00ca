//! Measures what the page costs, on a desktop and on a phone, beside the goals.
//!
//! `cargo run --release -p testkit --example page_perf -- [OPTIONS]`; `DROVERS_BINARY` names a ready binary, else the
//! release binary is built.
//!
//! | option | |
//! |---|---|
//! | `--json` | JSON instead of a table |
//! | `--write FOLDER` | also write `page.md` there |
//! | `--only RUNS` | of `wire`, `open`, `plain`, `markdown`, `code`, `overview`, separated by commas |
//! | `--screen desktop` or `phone` | only that one |
//! | `--rounds N` | loads of the long session, 5 |
//! | `--messages N` | its messages, 2000 |
//! | `--heap MINUTES` | also follow replies for so long, reading the heap at each, as in `2,30` |
//! | `--traces FOLDER` | write a trace of each reply there, and list what took the time |
//! | `--source PORT` | the port of the scripted OpenCode, so that another hub can connect to it |
//! | `--url URL --message SELECTOR` | measure another page: `{session}` in its URL is the session |

use std::collections::HashMap;
use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use bench::report::{Goals, Origin};
use testkit::chromium::Chromium;
use testkit::perf::crowd::{self, Crowd};
use testkit::perf::runs::{self, KINDS, Kind, Target};
use testkit::perf::stage::{Hub, Source, binary};
use testkit::perf::{Figure, Screen, report, wire};

/// What matches a message of our own page.
const MESSAGE: &str = "#log article";

/// What matches the first row of the overview.
const FIRST_ROW: &str = "li.session:nth-child(2)";

/// What the figures are, at the head of their file.
const ABOUT: &str = "Headless Chromium, a desktop, and a phone with its processor throttled ×4. `open`: a session of 2,000 messages; \
`plain`: 6,000 tokens at 80/s; `markdown` and `code`: 3,000 tokens at 150/s; \
`overview`: 200 sessions, of which 20 think, write at 30 tokens/s and call tools. `busy` is the page by itself; `busy_with_probe` is beside \
a probe that asks for every frame, in which frames are counted: the two take turns of 2 s.";

#[tokio::main]
async fn main() -> Result<()> {
    let options = options(std::env::args().skip(1))?;
    let binary = match options.contains_key("url") {
        true => None,
        false => Some(tokio::task::spawn_blocking(binary).await??),
    };
    let goals = Goals::read()?;
    let figures = measure(&options, binary.as_deref()).await?;
    if let Some(folder) = options.get("write") {
        let binary = binary.context("--write is for Drovers' own page")?;
        write(Path::new(folder), &figures, &goals, &binary)?;
    }
    let text = if options.contains_key("json") {
        serde_json::to_string_pretty(&report::json(&figures, &goals))?
    } else {
        report::table(&figures, &goals)
    };
    #[allow(clippy::print_stdout)]
    {
        println!("{text}");
    }
    Ok(())
}

/// Writes the figures into a folder, with the program and the machine that were measured.
fn write(folder: &Path, figures: &[Figure], goals: &Goals, binary: &Path) -> Result<()> {
    let given: Vec<String> = std::env::args().skip(1).collect();
    let command = format!("page_perf {}", given.join(" "));
    let body = format!("{ABOUT}\n{}", report::table(figures, goals));
    let document = Origin::now(&command, binary)?.document("Page", &body);
    std::fs::create_dir_all(folder)?;
    Ok(std::fs::write(folder.join("page.md"), document)?)
}

async fn measure(options: &HashMap<String, String>, binary: Option<&Path>) -> Result<Vec<Figure>> {
    let source = Source::start(number(options, "source", 0)?).await?;
    let sessions = Sessions::make(&source, options)?;
    let mut figures = Vec::new();
    let (target, _hub) = match binary {
        None => (target(&options["url"], options), None),
        Some(binary) => {
            let hub = Hub::start(binary, source.url()).await?;
            if wants(options, "wire") {
                figures.extend(wire::figures(&hub, &sessions.hundred).await?);
            }
            (target(&hub.sessions(), options), Some(hub))
        }
    };
    let browser = Chromium::start().await?;
    if wants(options, "overview") && !options.contains_key("url") {
        figures.extend(overviews(options, &browser).await?);
    }
    for (screen, replies) in &sessions.replies {
        if wants(options, "open") {
            let rounds = number(options, "rounds", 5)?;
            figures.extend(runs::open(&browser, &target, &sessions.long, *screen, rounds).await?);
        }
        for (kind, session) in replies {
            let follow = runs::follow(&browser, &target, &source, session, *screen, *kind);
            figures.extend(follow.await?);
        }
    }
    if let Some(minutes) = options.get("heap") {
        let minutes = minutes
            .split(',')
            .map(str::parse)
            .collect::<Result<Vec<f64>, _>>()?;
        for (screen, _) in &sessions.replies {
            let heap = runs::heap(
                &browser,
                &target,
                &source,
                &sessions.heap,
                *screen,
                &minutes,
            );
            figures.extend(heap.await?);
        }
    }
    Ok(figures)
}

/// The overview has a source and a hub of its own, as each shows all sessions.
async fn overviews(options: &HashMap<String, String>, browser: &Chromium) -> Result<Vec<Figure>> {
    let source = Source::start(0).await?;
    let crowd = Crowd::make(&source)?;
    let binary = tokio::task::spawn_blocking(binary).await??;
    let hub = Hub::start(&binary, source.url()).await?;
    let target = Target {
        url: hub.url.clone(),
        message: FIRST_ROW.to_owned(),
        traces: options.get("traces").map(PathBuf::from),
    };
    let mut figures = Vec::new();
    for screen in screens(options)? {
        figures.extend(crowd::overview(browser, &target, &source, &crowd, screen).await?);
    }
    Ok(figures)
}

/// Whether a run was asked for.
fn wants(options: &HashMap<String, String>, run: &str) -> bool {
    options
        .get("only")
        .is_none_or(|only| only.split(',').any(|one| one == run))
}

/// Sessions are made before anyone looks, as their server tells nobody of them.
struct Sessions {
    long: String,
    hundred: String,
    heap: String,
    /// Each reply is followed in a long session of its own.
    replies: Vec<(Screen, Vec<(Kind, String)>)>,
}

impl Sessions {
    fn make(source: &Source, options: &HashMap<String, String>) -> Result<Self> {
        let messages = number(options, "messages", 2000)?;
        let replies = |screen: Screen| {
            let kinds = KINDS.into_iter().filter(|kind| wants(options, kind.name));
            let made = kinds.map(|kind| Ok((kind, source.session(kind.name, messages)?)));
            Ok((screen, made.collect::<Result<_>>()?))
        };
        Ok(Self {
            long: source.session("A long session", messages)?,
            hundred: source.session("A hundred messages", 100)?,
            heap: source.session("Replies for a long time", 200)?,
            replies: screens(options)?
                .into_iter()
                .map(replies)
                .collect::<Result<_>>()?,
        })
    }
}

fn target(url: &str, options: &HashMap<String, String>) -> Target {
    let message = options.get("message").map_or(MESSAGE, String::as_str);
    Target {
        url: url.to_owned(),
        message: message.to_owned(),
        traces: options.get("traces").map(PathBuf::from),
    }
}

fn screens(options: &HashMap<String, String>) -> Result<Vec<Screen>> {
    let Some(wanted) = options.get("screen") else {
        return Ok(Screen::ALL.to_vec());
    };
    let found = Screen::ALL
        .into_iter()
        .find(|screen| screen.name() == wanted);
    Ok(vec![found.with_context(|| format!("no screen {wanted}"))?])
}

fn number<T: std::str::FromStr>(
    options: &HashMap<String, String>,
    name: &str,
    default: T,
) -> Result<T> {
    let Some(given) = options.get(name) else {
        return Ok(default);
    };
    given
        .parse()
        .ok()
        .with_context(|| format!("--{name} {given}: no number"))
}

fn options(arguments: impl Iterator<Item = String>) -> Result<HashMap<String, String>> {
    let mut options = HashMap::new();
    let mut arguments = arguments.peekable();
    while let Some(argument) = arguments.next() {
        let Some(name) = argument.strip_prefix("--") else {
            bail!("{argument}: options begin with --");
        };
        let value = arguments.next_if(|next| !next.starts_with("--"));
        options.insert(name.to_owned(), value.unwrap_or_default());
    }
    Ok(options)
}
