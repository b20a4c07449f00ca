//! Small line charts as SVG text.

use std::fmt::Write as _;

use serde::Serialize;

const WIDTH: f64 = 640.0;
const HEIGHT: f64 = 360.0;
const LEFT: f64 = 64.0;
const RIGHT: f64 = 150.0;
const TOP: f64 = 36.0;
const BOTTOM: f64 = 48.0;
const COLOURS: [&str; 5] = ["#2f6fde", "#d9822b", "#2e9e5b", "#b23b6f", "#6b6b6b"];

/// A chart. The x axis counts by powers of ten where its values do.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Chart {
    /// Its file's name, without an ending.
    pub(crate) name: &'static str,
    pub(crate) title: String,
    pub(crate) x: &'static str,
    pub(crate) y: &'static str,
    pub(crate) lines: Vec<Line>,
}

/// One line of it.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Chart {
    /// The chart as a file.
    // Longer than 70 lines: one picture, written from its top to its bottom.
    pub(crate) fn svg(&self) -> String {
        let points = || self.lines.iter().flat_map(|line| &line.points);
        let most_x = points().map(|point| point.0).fold(1.0, f64::max);
        let most_y = nice(
            points()
                .map(|point| point.1)
                .fold(f64::MIN_POSITIVE, f64::max),
        );
        let ticks = ticks(points().map(|point| point.0));
        let x = |value: f64| {
            let share = match ticks {
                Ticks::Even(_) => value / most_x,
                Ticks::Measured(_) => (value + 1.0).ln() / (most_x + 1.0).ln(),
            };
            LEFT + share * (WIDTH - LEFT - RIGHT)
        };
        let y = |value: f64| HEIGHT - BOTTOM - value / most_y * (HEIGHT - TOP - BOTTOM);
        let mut out = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="system-ui, sans-serif" font-size="12"><rect width="100%" height="100%" fill="#fff"/><text x="{LEFT}" y="20" font-size="14" font-weight="600">{}</text>"##,
            escape(&self.title)
        );
        for step in 0..=4 {
            let value = most_y * f64::from(step) / 4.0;
            let at = y(value);
            // A String takes every write.
            let _whole = write!(
                out,
                r##"<line x1="{LEFT}" x2="{}" y1="{at:.1}" y2="{at:.1}" stroke="#ddd"/><text x="{}" y="{:.1}" text-anchor="end">{}</text>"##,
                WIDTH - RIGHT,
                LEFT - 6.0,
                at + 4.0,
                number(value)
            );
        }
        let (Ticks::Even(labels) | Ticks::Measured(labels)) = &ticks;
        for &value in labels {
            let _whole = write!(
                out,
                r#"<text x="{:.1}" y="{}" text-anchor="middle">{}</text>"#,
                x(value),
                HEIGHT - BOTTOM + 18.0,
                number(value)
            );
        }
        let _whole = write!(
            out,
            r#"<text x="{}" y="{}" text-anchor="end">{}</text><text x="{LEFT}" y="{}" text-anchor="end">{}</text>"#,
            WIDTH - RIGHT,
            HEIGHT - 10.0,
            escape(self.x),
            TOP - 8.0,
            escape(self.y)
        );
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            let path: Vec<String> = line
                .points
                .iter()
                .map(|point| format!("{:.1},{:.1}", x(point.0), y(point.1)))
                .collect();
            let _whole = write!(
                out,
                r#"<polyline points="{}" fill="none" stroke="{colour}" stroke-width="2"/>"#,
                path.join(" ")
            );
            if let Some(last) = line.points.last() {
                let _whole = write!(
                    out,
                    r#"<text x="{:.1}" y="{:.1}" fill="{colour}">{}</text>"#,
                    x(last.0) + 8.0,
                    y(last.1) + 4.0,
                    escape(&line.name)
                );
            }
        }
        out + "</svg>\n"
    }
}

/// Where the axis from left to right has its numbers.
enum Ticks {
    /// At every value that was measured, as these are few and lie far apart: the axis is logarithmic.
    Measured(Vec<f64>),
    /// At even distances.
    Even(Vec<f64>),
}

/// Values that are written below a chart at most.
const LABELS: usize = 16;

fn ticks(values: impl Iterator<Item = f64>) -> Ticks {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    values.dedup();
    if values.len() <= LABELS {
        return Ticks::Measured(values);
    }
    let most = values.last().copied().unwrap_or_default();
    Ticks::Even((0..=4).map(|step| most * f64::from(step) / 4.0).collect())
}

/// The next round number.
fn nice(value: f64) -> f64 {
    let power = 10f64.powf(value.log10().floor());
    let steps = [1.0, 2.0, 4.0, 8.0, 10.0];
    let step = steps.into_iter().find(|step| step * power >= value);
    step.unwrap_or(10.0) * power
}

/// A number in three significant digits.
#[must_use]
pub fn number(value: f64) -> String {
    let decimals = match value.abs() {
        0.0 => 0,
        small if small < 0.01 => 5,
        small if small < 1.0 => 3,
        small if small < 10.0 => 2,
        small if small < 100.0 => 1,
        _ => 0,
    };
    let text = format!("{value:.decimals$}");
    match text.contains('.') {
        true => text.trim_end_matches('0').trim_end_matches('.').to_owned(),
        false => text,
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_short() {
        let texts = [0.0, 0.004_56, 0.25, 1.0, 2.345, 34.56, 12_345.6].map(number);
        assert_eq!(
            texts,
            ["0", "0.00456", "0.25", "1", "2.35", "34.6", "12346"]
        );
        assert_eq!([nice(3.0), nice(0.07), nice(99.0)], [4.0, 0.08, 100.0]);
    }

    #[test]
    fn every_line_is_drawn() {
        let line = |name: &str| Line {
            name: name.to_owned(),
            points: vec![(0.0, 1.0), (100.0, 2.0)],
        };
        let chart = Chart {
            name: "c",
            title: "a < b".to_owned(),
            x: "x",
            y: "y",
            lines: vec![line("one"), line("two")],
        };
        let svg = chart.svg();
        assert_eq!(svg.matches("<polyline").count(), 2);
        assert!(svg.contains("a &lt; b"));
    }
}
