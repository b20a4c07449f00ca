//! The review of a file of 200,000 lines, half of which changed: until its first lines are here, and for each further part of it.

use std::fmt::Write as _;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, Result, ensure};
use tempfile::TempDir;
use tokio::time::Instant;

use crate::hub::Hub;
use crate::load::{Load, Options};
use crate::measure::median;
use crate::report::{Section, Table, number};
use crate::setup::Setup;

/// Rows that a part of a file has.
const PART: usize = 1000;

pub(super) async fn run(setup: &Setup) -> Result<Section> {
    let lines = setup.size(200_000, 4_000);
    let times = setup.size(3 * setup.rounds, 1);
    let setting = format!(
        "A git repository with one file of {lines} lines, every second of which is replaced, in a folder of the hub's own; {times} times, each after another edit, so that nothing is known before. The list is read first, as the page does; parts have {PART} rows. Milliseconds until the whole answer is here, medians."
    );
    let mut section = Section::new("Review", setting);
    let place = Place::make(lines)?;
    let options = Options {
        directory: Some(place.folder.to_string_lossy().into_owned()),
        ..Options::default()
    };
    let load = Load::start(options).await?;
    let opencode = place.announcing(&load.urls[0])?;
    let arguments = [
        "--trust".as_ref(),
        "--opencode".as_ref(),
        opencode.as_os_str(),
        place.folder.as_os_str(),
    ];
    let mut hub = Hub::start_with(&setup.hub, &arguments).await?;
    let instance = hub.connected(1).await?[0].id.clone();
    let fragment = format!("/fragment/review/{instance}");
    let [mut list, mut first, mut next, mut last] = [const { Vec::new() }; 4];
    for time in 0..times {
        place.edit(lines, time)?;
        let part = |from: usize| {
            format!(
                "{fragment}/file?of=uncommitted&path=large.rs&split=false&space=false&from={from}"
            )
        };
        list.push(timed(&hub, &format!("{fragment}?of=uncommitted"), "large.rs").await?);
        first.push(timed(&hub, &part(0), "class=\"r del\"").await?);
        next.push(timed(&hub, &part(PART), "class=\"r ").await?);
        last.push(timed(&hub, &part(lines - PART), "class=\"r ").await?);
    }
    let mut table = Table::new(["until", "median, ms", "most, ms"]);
    let rows = [
        ("the list of files", &list),
        ("the first lines", &first),
        ("the next lines", &next),
        ("lines near the end", &last),
    ];
    for (name, times) in rows {
        let most = times.iter().copied().fold(0.0, f64::max);
        table.row([
            name.to_owned(),
            number(median(times.iter().copied())),
            number(most),
        ]);
    }
    section.tables.push(table);
    section.figures = vec![
        setup.figure("review_list", median(list))?,
        setup.figure("review_first", median(first))?,
        setup.figure("review_next", median(next))?,
    ];
    Ok(section)
}

/// Milliseconds until an answer is here whole.
async fn timed(hub: &Hub, path: &str, holds: &str) -> Result<f64> {
    let begin = Instant::now();
    let answer = hub.text(path).await?;
    let millis = begin.elapsed().as_secs_f64() * 1e3;
    ensure!(
        answer.contains(holds),
        "{path}: {}",
        answer.chars().take(2000).collect::<String>()
    );
    Ok(millis)
}

/// A repository with a large file.
struct Place {
    folder: PathBuf,
    home: TempDir,
}

impl Place {
    fn make(lines: usize) -> Result<Self> {
        let home = tempfile::tempdir()?;
        let folder = home.path().canonicalize()?.join("large");
        fs::create_dir(&folder)?;
        let place = Self { folder, home };
        place.write(lines, |_| "compute")?;
        place.git(&["init", "--quiet", "--initial-branch=main"])?;
        place.git(&["add", "--all"])?;
        place.git(&["commit", "--quiet", "--message", "before"])?;
        Ok(place)
    }

    /// Replaces every second line, with another text each time.
    fn edit(&self, lines: usize, time: usize) -> Result<()> {
        let name = format!("calculate_{time}");
        self.write(lines, |at| if at % 2 == 0 { &name } else { "compute" })
    }

    fn write<'a>(&self, lines: usize, name: impl Fn(usize) -> &'a str) -> Result<()> {
        let mut text = String::new();
        for at in 0..lines {
            writeln!(
                text,
                "    let value_{at} = {}({at}, \"{}\");",
                name(at),
                at % 7
            )?;
        }
        Ok(fs::write(self.folder.join("large.rs"), text)?)
    }

    fn git(&self, arguments: &[&str]) -> Result<()> {
        let who = ["-c", "user.name=Bench", "-c", "user.email=bench@localhost"];
        let done = Command::new("git")
            .args(who)
            .args(arguments)
            .current_dir(&self.folder)
            .env("GIT_CONFIG_GLOBAL", "/dev/null")
            .env("GIT_CONFIG_NOSYSTEM", "1")
            .output()
            .context("git cannot be run")?;
        ensure!(done.status.success(), "git {arguments:?}: {done:?}");
        Ok(())
    }

    /// A program that stands in for OpenCode: it tells the address of a server that runs already.
    fn announcing(&self, url: &str) -> Result<PathBuf> {
        let path = self.home.path().join("opencode");
        let announce = format!("echo 'opencode server listening on {url}'");
        fs::write(&path, format!("#!/bin/sh\n{announce}\nexec sleep 100000\n"))?;
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755))?;
        Ok(path)
    }
}
