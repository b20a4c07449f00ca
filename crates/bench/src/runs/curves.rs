//! What cost depends on: the length of a session, sessions that nobody looks at, viewers, and the last two together.

use anyhow::Result;
use tokio::time::sleep;

use crate::load::Options;
use crate::measure::{Latency, median};
use crate::report::{Chart, Line, Section, Table, number};
use crate::setup::Setup;
use crate::stage::{Stage, speak};

/// Words per second of the session that is looked at.
const RATE: f64 = 100.0;

/// A point of a curve.
struct Point {
    at: usize,
    /// Microseconds of the hub's CPU for each event.
    cpu: f64,
    cores: f64,
    latency: Latency,
}

/// One curve.
struct Curve {
    name: &'static str,
    x: &'static str,
    title: &'static str,
    points: Vec<Point>,
}

// Longer than 70 lines: one measurement, curve after curve.
pub(super) async fn run(setup: &Setup) -> Result<Section> {
    let setting = format!(
        "One session of {RATE} words/s that is looked at, in short messages; each point a hub of its own, the median of {} windows of {} s.",
        setup.rounds,
        setup.seconds(6.0, 1.0).as_secs_f64()
    );
    let mut section = Section::new("Curves", setting);
    let lengths: &[usize] = if setup.short {
        &[10, 300]
    } else {
        &[100, 300, 1000, 3000, 10_000]
    };
    let idle: &[usize] = if setup.short {
        &[0, 200]
    } else {
        &[0, 50, 500, 1000, 2000, 5000]
    };
    let crowds: &[usize] = if setup.short {
        &[1, 20]
    } else {
        &[1, 3, 10, 30, 100, 300, 1000]
    };
    let products: &[(usize, usize)] = if setup.short {
        &[(1, 50), (10, 200)]
    } else {
        &[(1, 50), (3, 150), (10, 500), (30, 1500), (100, 5000)]
    };

    let mut by_length = Curve {
        name: "by-length",
        x: "messages before",
        title: "Cost by the length of the session",
        points: Vec::new(),
    };
    for history in lengths {
        let options = Options {
            history: *history,
            ..Options::default()
        };
        by_length.measure(setup, options, 1, *history).await?;
    }
    let mut by_idle = Curve {
        name: "by-idle-sessions",
        x: "idle sessions",
        title: "Cost by sessions that nobody looks at",
        points: Vec::new(),
    };
    for idle in idle {
        let options = Options {
            servers: 5,
            sessions: 1 + idle / 5,
            ..Options::default()
        };
        by_idle.measure(setup, options, 1, *idle).await?;
    }
    let mut by_viewers = Curve {
        name: "by-viewers",
        x: "viewers",
        title: "Cost by viewers of one session",
        points: Vec::new(),
    };
    for viewers in crowds {
        by_viewers
            .measure(setup, Options::default(), *viewers, *viewers)
            .await?;
    }
    let mut by_product = Curve {
        name: "by-product",
        x: "viewers × sessions",
        title: "Cost by viewers and sessions together",
        points: Vec::new(),
    };
    for (viewers, sessions) in products {
        let options = Options {
            servers: 5,
            sessions: 1 + sessions / 5,
            ..Options::default()
        };
        let at = viewers * sessions;
        by_product.measure(setup, options, *viewers, at).await?;
    }
    let viewers_of = |point: &Point| {
        let point_of = products.iter().find(|(v, s)| v * s == point.at);
        point_of.map_or(1, |(viewers, _)| *viewers) as f64
    };
    let per_viewer = |point: &Point| point.cpu / point.at as f64;
    section.figures = vec![
        setup.figure("grows_length", by_length.grows(|point| point.cpu))?,
        setup.figure("grows_sessions", by_idle.grows(|point| point.cpu))?,
        setup.figure("grows_viewers", by_viewers.grows(per_viewer))?,
        setup.figure(
            "grows_product",
            by_product.grows(|point| point.cpu / viewers_of(point)),
        )?,
    ];
    for curve in [by_length, by_idle, by_viewers, by_product] {
        section.tables.push(curve.table());
        section.charts.push(curve.chart());
    }
    Ok(section)
}

impl Curve {
    async fn measure(
        &mut self,
        setup: &Setup,
        options: Options,
        viewers: usize,
        at: usize,
    ) -> Result<()> {
        let stage = Stage::start(setup, options).await?;
        if !setup.short {
            stage.hub.indexed().await?;
        }
        let mut watching = stage.live(vec![0; viewers]).await?;
        speak(&stage.load, 1, RATE).await?;
        sleep(setup.settle()).await;
        let mut windows = Vec::new();
        for _ in 0..setup.rounds {
            windows.push(
                stage
                    .window(setup.seconds(6.0, 1.0), &mut [&mut watching])
                    .await?,
            );
        }
        let latencies: Vec<_> = windows
            .iter()
            .map(|window| Latency::of(&window.seen[0].seen.all))
            .collect();
        self.points.push(Point {
            at,
            cpu: median(windows.iter().map(|window| window.cpu_per_frame())),
            cores: median(windows.iter().map(|window| window.cores())),
            latency: Latency::median(&latencies),
        });
        Ok(())
    }

    /// The last point, of the first.
    fn grows(&self, figure: impl Fn(&Point) -> f64) -> f64 {
        match (self.points.first(), self.points.last()) {
            (Some(first), Some(last)) if figure(first) > 0.0 => figure(last) / figure(first),
            _ => 0.0,
        }
    }

    fn table(&self) -> Table {
        let mut table = Table::new([self.x, "µs per event", "cores", "p50 ms", "p99 ms"]);
        for point in &self.points {
            let figures = [point.cpu, point.cores, point.latency.p50, point.latency.p99];
            let [cpu, cores, p50, p99] = figures.map(number);
            table.row([point.at.to_string(), cpu, cores, p50, p99]);
        }
        table
    }

    fn chart(&self) -> Chart {
        let line = |name: &str, of: &dyn Fn(&Point) -> f64| Line {
            name: name.to_owned(),
            points: self
                .points
                .iter()
                .map(|point| (point.at as f64, of(point)))
                .collect(),
        };
        Chart {
            name: self.name,
            title: self.title.to_owned(),
            x: self.x,
            y: "µs, ms",
            lines: vec![
                line("CPU per event, µs", &|point| point.cpu),
                line("p50, ms", &|point| point.latency.p50),
                line("p99, ms", &|point| point.latency.p99),
            ],
        }
    }
}
