//! The whole hub, simulated: a part of the seeds that `cargo run -p testkit -- sim` runs.

use testkit::{mutants, sim};

#[test]
fn two_hundred_seeds_keep_every_invariant() {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let summary = sim::run(sim::Options {
        from: 1,
        seeds: 200,
        jobs: cores,
        stop: false,
        progress: false,
    });
    let failures: Vec<_> = summary.failures.iter().map(sim::failure).collect();
    assert!(failures.is_empty(), "{failures:#?}");
    assert_eq!(summary.seeds, 200);
    // A run without events proves nothing.
    let stats = &summary.stats;
    assert!(stats.events > 50_000 && stats.batches > 5_000, "{stats:?}");
    assert!(stats.prompts > 2_000 && stats.answers > 50, "{stats:?}");
    assert!(stats.faults.len() > 12, "{:?}", stats.faults.keys());
}

#[test]
fn a_seed_determines_its_run() {
    for seed in [3, 17, 42, 54, 116] {
        let (once, again) = (sim::simulate(seed, false), sim::simulate(seed, false));
        assert_eq!(once.hash, again.hash, "seed {seed}");
        assert_eq!(once.last, again.last, "seed {seed}");
    }
    assert_ne!(sim::simulate(3, false).hash, sim::simulate(4, false).hash);
}

#[test]
fn every_mutant_can_still_be_made() {
    for mutant in mutants::MUTANTS {
        assert_eq!(mutants::found(mutant).unwrap(), 1, "{mutant:?}");
        assert_ne!(mutant.text, mutant.instead);
    }
    assert!(mutants::MUTANTS.len() >= 12);
    for (file, text) in mutants::woven().unwrap() {
        let whole = std::fs::read_to_string(testkit::workspace().join(file)).unwrap();
        assert!(
            text.len() > whole.len() && text.contains(mutants::SELECTED),
            "{file}"
        );
    }
}
