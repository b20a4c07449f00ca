//! Names, colours and places that people give instances.

use super::*;
use crate::state::{Colour, Label};
use crate::view::TabRow;

fn label(name: &str, colour: Option<Colour>, order: Option<u32>) -> Event {
    Event::Labelled(Label {
        name: name.into(),
        colour,
        order,
    })
}

fn tabs(bench: &Bench) -> std::sync::Arc<Vec<TabRow>> {
    let drawn = view_delta(&bench.state, &Viewport::default(), Rev(0));
    drawn.tabs.unwrap()
}

#[test]
fn a_label_changes_what_is_shown_and_the_same_one_nothing() {
    let mut bench = Bench::new();
    let names = |bench: &Bench| -> Vec<String> {
        tabs(bench).iter().map(|tab| tab.name.to_string()).collect()
    };
    assert_eq!(names(&bench), ["a", "b"]);
    let before = bench.state.rev;
    bench.at("a", label("zoo", Some(Colour::Teal), None));
    assert_eq!(names(&bench), ["b", "zoo"]);
    assert_eq!(tabs(&bench)[1].colour, Some(Colour::Teal));
    assert!(bench.state.rev > before && bench.state.instances_rev == bench.state.rev);
    bench.at("a", label("zoo", Some(Colour::Teal), Some(1)));
    assert_eq!(names(&bench), ["zoo", "b"]);
    let same = bench.state.rev;
    bench.at("a", label("zoo", Some(Colour::Teal), Some(1)));
    bench.at("unknown", label("x", None, None));
    assert_eq!(bench.state.rev, same);
}
