//! Measures the time for hostile texts: `cargo test --release -p page --lib ten_thousand -- --ignored --nocapture`.
#![allow(clippy::print_stdout, clippy::unwrap_used)]

use std::cmp::Reverse;
use std::time::Duration;

use super::hostile::{Dice, block};
use super::lex::LANGUAGES;
use super::{Memo, open, whole};

/// CPU time of this thread: other programs of this machine do not count.
fn busy() -> Duration {
    let schedstat = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
    let nanoseconds = schedstat
        .split(' ')
        .next()
        .and_then(|first| first.parse().ok());
    Duration::from_nanos(nanoseconds.unwrap())
}

/// Bound of the time of a drawing, for any text.
const BOUND: Duration = Duration::from_millis(50);
/// A drawing that takes longer is repeated: caches are shared with other programs.
const AGAIN: Duration = Duration::from_millis(10);

/// The drawings that took longest, the longest first.
#[derive(Default)]
struct Slowest(Vec<(Duration, String)>);

impl Slowest {
    /// Times a drawing.
    fn time<T>(&mut self, name: impl Fn() -> String, draw: impl Fn() -> T) -> T {
        let start = busy();
        let drawn = draw();
        let mut took = busy() - start;
        for _ in 0..4 {
            if took > AGAIN {
                let start = busy();
                draw();
                took = took.min(busy() - start);
            }
        }
        if self.0.len() < 10 || self.0.last().is_some_and(|last| took > last.0) {
            self.0.push((took, name()));
            self.0.sort_by_key(|timed| Reverse(timed.0));
            self.0.truncate(10);
        }
        drawn
    }

    /// Draws a text at once, and as it grows.
    fn both(&mut self, name: &str, text: &str, dice: &mut Dice) {
        self.time(
            || format!("{name}, {} bytes at once", text.len()),
            || whole(text),
        );
        let mut memo = Memo::default();
        let mut cuts: Vec<usize> = (0..3).map(|_| dice.below(text.len() + 1)).collect();
        cuts.push(text.len());
        cuts.retain(|cut| text.is_char_boundary(*cut));
        cuts.sort_unstable();
        for cut in cuts {
            let name = || format!("{name}, {cut} of {} bytes", text.len());
            (_, memo) = self.time(name, || open(&[&text[..cut]], Some(&memo)));
        }
    }

    fn tell(&self, of: &str) {
        println!("{of}");
        for (took, name) in &self.0 {
            println!("{:8.2} ms  {name}", took.as_secs_f64() * 1e3);
        }
        assert!(self.0[0].0 < BOUND, "{of}: {:?}", self.0[0]);
    }
}

#[test]
#[ignore = "takes minutes, and means something in release only"]
fn ten_thousand_hostile_blocks_of_every_language() {
    let mut slowest = Slowest::default();
    for seed in 0..10_000 {
        let mut dice = Dice::new(seed);
        let bytes = match dice.below(200) {
            0 => 40_000,
            1..10 => 4000,
            10..40 => 1000,
            _ => 200,
        };
        let code = block(&mut dice, bytes);
        for language in LANGUAGES {
            let name = language.names[0];
            let text = format!("```{name}\n{code}\n```\n");
            slowest.both(&format!("{name} {seed}"), &text, &mut dice);
        }
    }
    slowest.tell("code");
}

#[test]
#[ignore = "takes minutes, and means something in release only"]
fn ten_thousand_hostile_texts() {
    let mut slowest = Slowest::default();
    for seed in 0..10_000 {
        let mut dice = Dice::new(seed);
        let bytes = match dice.below(100) {
            0..3 => 250_000,
            3..20 => 30_000,
            _ => 2000,
        };
        let text = block(&mut dice, bytes);
        slowest.both(&format!("text {seed}"), &text, &mut dice);
    }
    slowest.tell("texts");
}
