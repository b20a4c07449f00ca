//! What is offered by capability: every act of the page with every capability.

use model::event::Event;
use model::state::{Capabilities, Capability, ServerKind, State};
use model::view::Viewport;

use super::{document, element};
use crate::offers::{NEEDS, is_offered, needed};
use crate::sample;

/// The sample, whose first instance has a server of this kind.
fn with(server: ServerKind) -> State {
    let mut state = sample::state();
    let mut world = sample::World {
        state: &mut state,
        at: sample::NOW,
    };
    world.tell("i1", Event::Server(server));
    state
}

fn lacking(missing: &[Capability]) -> ServerKind {
    ServerKind {
        product: "A server",
        can: Capabilities::all_but(missing),
    }
}

/// What a tab says that its server lacks.
fn lacks(html: &str) -> Vec<String> {
    let tab = element(html, "t:i1", "</li>");
    let told = tab.split_once("data-incapable=\"");
    let told = told.map_or("", |(_, rest)| rest.split('"').next().unwrap());
    told.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn each_act_is_offered_by_the_servers_that_can_do_it_and_by_no_other() {
    for what in Capability::ALL {
        let html = document(&with(lacking(&[what])), &Viewport::default());
        let lacks = lacks(&html);
        for (act, needs) in NEEDS {
            let is_lacking = lacks.iter().any(|one| *one == needs.name());
            assert_eq!(is_lacking, needs == what, "{act} without {}", what.name());
            let line = format!("data-act=\"{act}\"");
            let (_, line) = html
                .split_once(&line)
                .unwrap_or_else(|| panic!("no line {act}"));
            let tag = line.split('>').next().unwrap();
            assert!(tag.contains(&format!("data-needs=\"{}\"", needs.name())));
        }
        assert_eq!(
            lacks.len(),
            usize::from(is_offered(what)),
            "{}",
            what.name()
        );
    }
    assert_eq!(needed("archive"), None);
}

#[test]
fn what_waits_at_a_server_with_an_inbox_is_told_apart() {
    let look = super::front("i1", "ses_parse");
    let inbox = |server| document(&with(server), &look).contains(" data-inbox");
    assert!(inbox(ServerKind::V2) && !inbox(ServerKind::V1));
}

#[test]
fn a_server_that_only_sends_events_takes_no_prompt_and_says_so() {
    let look = super::front("i1", "ses_parse");
    let html = document(&with(ServerKind::EVENTS_ONLY), &look);
    let composer = element(&html, "composer", "</form>");
    assert!(composer.contains("data-blocked"), "{composer}");
    assert!(composer.contains("takes no prompts"), "{composer}");
}

#[test]
fn a_new_session_on_a_server_without_a_folder_of_its_own_names_one() {
    let look = Viewport {
        instance: Some("i1".into()),
        ..Viewport::default()
    };
    let place = |server| {
        let html = document(&with(server), &look);
        html.contains("id=\"place\"") && html.contains("<option value=\"/home/me/drovers\"")
    };
    assert!(place(ServerKind::V2) && !place(ServerKind::V1));
    let rows = document(&with(ServerKind::V2), &look);
    assert!(rows.contains("data-grouped") && rows.contains("data-directory=\"/home/me/drovers\""));
}
