//! Prints which module of which crate imports which, with the places: `cargo run -p tidy --example graph -- hub`.
#![allow(clippy::print_stdout)]

use std::collections::BTreeMap;

fn main() -> anyhow::Result<()> {
    let only: Vec<String> = std::env::args().skip(1).collect();
    let mut edges: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for import in tidy::imports(&tidy::sources(&tidy::root())?) {
        let (file, line) = import.at;
        let places = edges.entry((import.krate, import.from, import.to));
        places
            .or_default()
            .push(format!("{}:{line}", file.display()));
    }
    for ((krate, from, to), places) in edges {
        if only.is_empty() || only.contains(&krate) {
            println!("{krate}: {from} -> {to}\n  {}", places.join("\n  "));
        }
    }
    Ok(())
}
