//! What viewers are sent when something changed.

use std::collections::BTreeMap;

use model::event::Event;
use model::state::{PartKind, Rev, State, ToolState};
use model::time::Timestamp;
use model::view::{MessageRow, Viewport, delta};
use proptest::prelude::*;

use super::front;
use crate::sample::{self, World};
use crate::{Context, Op, Renderer};

#[test]
fn an_unchanged_state_needs_no_patch() {
    let state = sample::state();
    let at = front("i1", "ses_parse");
    let renderer = Renderer::new();
    let context = Context {
        epoch: "e",
        version: "v",
        now: Timestamp(0),
        recent: &[],
        notices: &[],
        found: &[],
        settings: &crate::Settings::default(),
        inspect: false,
        adds: true,
        lacks: &[],
        drafted: None,
    };
    renderer.document(&delta(&state, &at, Rev(0)), &context);
    // Everything is looked at once more, by a viewer who has it.
    let mut all = delta(&state, &at, Rev(0));
    all.log.as_mut().unwrap().anew = false;
    assert_eq!(
        renderer
            .patch(&all, state.rev)
            .iter()
            .filter(|op| !is_order(op))
            .count(),
        0
    );
    assert_eq!(
        renderer.patch(&delta(&state, &at, state.rev), state.rev),
        []
    );
}

fn is_order(op: &Op) -> bool {
    matches!(op, Op::Order { .. })
}

#[test]
fn a_word_more_is_a_short_patch() {
    let mut state = sample::state();
    let at = front("i1", "ses_parse");
    let renderer = Renderer::new();
    let before = state.rev;
    renderer.patch(&delta(&state, &at, Rev(0)), Rev(0));
    World {
        state: &mut state,
        at: sample::NOW,
    }
    .delta("de");
    let ops = renderer.patch(&delta(&state, &at, before), before);
    let [
        Op::Splice {
            key: Some(key),
            text,
            gone: 0,
            ..
        },
    ] = &ops[..]
    else {
        panic!("{ops:?}")
    };
    assert_eq!((&**key, &**text), ("b:prt_33:2", "de"));
}

#[test]
fn what_comes_ends_with_a_whole_word() {
    let mut state = sample::state();
    let at = front("i1", "ses_parse");
    let renderer = Renderer::new();
    let mut told = |text: &str| {
        let before = state.rev;
        let since = renderer.patch(&delta(&state, &at, Rev(0)), Rev(0));
        assert!(!since.is_empty());
        World {
            state: &mut state,
            at: sample::NOW,
        }
        .delta(text);
        renderer.patch(&delta(&state, &at, before), before)
    };
    told("\n\n```rust\nlet one7");
    // The line gets its colours, and the next one ends as it did: with a 7.
    let ops = told(" = 1;\nlet two7");
    let splices: Vec<&str> = ops
        .iter()
        .filter_map(|op| match op {
            Op::Splice { text, .. } => Some(&**text),
            _ => None,
        })
        .collect();
    assert!(
        matches!(splices[..], [text] if text.ends_with("\nlet two7")),
        "{ops:?}"
    );
}

#[test]
fn elements_that_are_sent_say_their_keys_themselves() {
    let state = sample::state();
    let mut count = 0;
    for (_, instance, session) in sample::LOOKS {
        let at = Viewport {
            instance: instance.map(Into::into),
            session: session.map(Into::into),
            ..Viewport::default()
        };
        for op in Renderer::new().patch(&delta(&state, &at, Rev(0)), Rev(0)) {
            let Op::Fragment { key, html } = op else {
                continue;
            };
            let tag = html.split('>').next().unwrap();
            assert!(tag.contains(&format!(" data-k=\"{key}\"")), "{key}: {tag}");
            count += 1;
        }
    }
    assert!(count > 50, "{count}");
}

/// What a viewer is sent that has seen everything but the last change.
fn last_patch(change: impl FnOnce(&mut World<'_>)) -> Vec<Op> {
    let mut state = sample::state();
    let at = front("i1", "ses_parse");
    let renderer = Renderer::new();
    let running = |world: &mut World<'_>| {
        let output = "line\n".repeat(500);
        world.part(sample::part(
            "msg_3",
            "prt_35",
            bash(ToolState::Running {
                output: output.as_str().into(),
            }),
        ));
    };
    running(&mut World {
        state: &mut state,
        at: sample::NOW,
    });
    let before = state.rev;
    renderer.patch(&delta(&state, &at, Rev(0)), Rev(0));
    change(&mut World {
        state: &mut state,
        at: sample::NOW,
    });
    renderer.patch(&delta(&state, &at, before), before)
}

fn bash(state: ToolState) -> PartKind {
    sample::tool("bash", r#"{"command":"seq"}"#, state, None)
}

#[test]
fn a_tool_that_ends_does_not_send_its_output_again() {
    let ops = last_patch(|world| {
        let output = "line\n".repeat(500) + "end\n";
        let state = ToolState::Completed {
            output: output.as_str().into(),
        };
        world.part(sample::part("msg_3", "prt_35", bash(state)));
    });
    let tag = ops.iter().any(
        |op| matches!(op, Op::Tag { tag } if tag.contains("\"p:prt_35\"") && tag.contains("completed")),
    );
    let end = ops
        .iter()
        .any(|op| matches!(op, Op::Splice { text, gone: 0, .. } if text == "end\n"));
    assert!(tag && end, "{ops:?}");
    assert!(ops.iter().map(Op::bytes).sum::<usize>() < 1_000, "{ops:?}");
}

#[test]
fn lists_that_are_extended_tell_what_comes_and_goes() {
    let ops = last_patch(|world| {
        world.part(sample::part("msg_3", "prt_36", sample::text("more")));
        world.tell(
            "i1",
            Event::PartRemoved {
                session: "ses_parse".into(),
                message: "msg_3".into(),
                part: "prt_35".into(),
            },
        );
    });
    let extended = Op::Extend {
        key: "ps:msg_3".to_owned(),
        come: vec!["p:prt_36".to_owned()],
        gone: vec!["p:prt_35".to_owned()],
    };
    assert!(ops.contains(&extended), "{ops:?}");
    assert!(!ops.iter().any(is_order), "{ops:?}");
}

#[test]
fn a_session_that_comes_to_rest_does_not_send_the_models_again() {
    let ops = last_patch(|world| {
        let status = model::state::RunStatus::Idle;
        let session = "ses_parse".into();
        world.tell("i1", Event::Status { session, status });
    });
    let is_tag = |op: &Op| matches!(op, Op::Tag { tag } if tag.contains("\"composer\""));
    assert!(ops.iter().any(is_tag), "{ops:?}");
    let keys = ops.iter().filter_map(|op| match op {
        Op::Fragment { key, .. } => Some(&**key),
        _ => None,
    });
    let composer: Vec<&str> = keys.filter(|key| key.starts_with("composer")).collect();
    assert_eq!(composer, ["composer:buttons"]);
}

#[test]
fn one_new_state_in_a_long_tree_sends_its_row_alone() {
    let mut state = sample::state();
    let at = front("i1", "ses_parse");
    let renderer = Renderer::new();
    let before = state.rev;
    renderer.patch(&delta(&state, &at, Rev(0)), Rev(0));
    let event = Event::Reviewed {
        session: "ses_failed".into(),
    };
    World {
        state: &mut state,
        at: sample::NOW,
    }
    .tell("i1", event);
    let event = Event::Status {
        session: "ses_deep".into(),
        status: model::state::RunStatus::Busy,
    };
    World {
        state: &mut state,
        at: sample::NOW,
    }
    .tell("i1", event);
    let keys: Vec<String> = renderer
        .patch(&delta(&state, &at, before), before)
        .into_iter()
        .filter_map(|op| match op {
            Op::Fragment { key, .. } => Some(key),
            _ => None,
        })
        .collect();
    assert!(keys.contains(&"s:ses_deep".to_owned()), "{keys:?}");
    assert!(
        !keys.iter().any(|key| key == "tree" || key == "s:ses_asks"),
        "{keys:?}"
    );
}

#[test]
fn windows_of_one_conversation_are_drawn_apart() {
    let mut state = sample::state();
    let renderer = Renderer::new();
    let newest = front("i1", "ses_parse");
    let older = Viewport {
        from: Some("msg_1".into()),
        ..newest.clone()
    };
    let before = |html: &str| -> Op {
        Op::Fragment {
            key: "before".into(),
            html: html.into(),
        }
    };
    let mut seen = delta(&state, &older, Rev(0));
    let log = seen.log.as_mut().unwrap();
    log.older = false;
    renderer.patch(&seen, Rev(0));
    state.rev.0 += 1;
    let had = state.rev;
    let all = renderer.patch(&delta(&state, &newest, Rev(0)), Rev(0));
    let link = all.iter().find_map(|op| match op {
        Op::Fragment { key, html } if key == "before" => Some(html.to_string()),
        _ => None,
    });
    state.rev.0 += 1;
    let mut seen = delta(&state, &older, Rev(0));
    seen.rev = state.rev;
    let html = link.unwrap();
    assert!(html.contains("Show older"));
    assert!(renderer.patch(&seen, had).contains(&before(&html)));
}

#[test]
fn a_message_that_comes_back_into_the_window_is_sent_whole() {
    let state = sample::state();
    let renderer = Renderer::new();
    let at = front("i1", "ses_parse");
    let all = delta(&state, &at, Rev(0));
    let log = all.log.as_ref().unwrap();
    let back = log.messages.iter().find(|row| row.order.len() > 1).unwrap();
    let order = log.order.clone().unwrap();
    renderer.patch(&all, Rev(0));
    // It leaves the window, and the viewer lets go of it.
    let mut gone = all.clone();
    gone.rev.0 += 1;
    let log = gone.log.as_mut().unwrap();
    log.messages.clear();
    log.anew = false;
    let without = |id: &&model::ids::MessageId| **id != back.info.id;
    log.order = Some(order.iter().filter(without).cloned().collect());
    renderer.patch(&gone, all.rev);
    // It comes back as it was, with all of its parts read anew, or with its head changed alone.
    for parts in [back.parts.clone(), Vec::new()] {
        let mut next = gone.clone();
        next.rev.0 += 1;
        let log = next.log.as_mut().unwrap();
        log.order = Some(order.clone());
        log.messages = vec![MessageRow {
            parts: parts.clone(),
            ..back.clone()
        }];
        let ops = renderer.patch(&next, gone.rev);
        let sent = |key: &str| {
            ops.iter()
                .any(|op| matches!(op, Op::Fragment { key: of, .. } if of == key))
        };
        assert!(sent(&format!("m:{}", back.info.id)), "{ops:?}");
        for part in &parts {
            assert!(sent(&format!("p:{}", part.id)), "{}: {ops:?}", part.id);
        }
        // Parts that are not sent are fetched by their names.
        let names: Vec<_> = back.order.iter().map(|part| format!("p:{part}")).collect();
        let named = ops.iter().any(|op| matches!(op, Op::Order { key, children } if *key == format!("ps:{}", back.info.id) && *children == names));
        assert!(named, "{ops:?}");
    }
}

#[test]
fn what_is_too_large_for_the_socket_is_fetched_and_whole() {
    let mut state = sample::state();
    let at = front("i1", "ses_parse");
    let renderer = Renderer::new();
    let before = state.rev;
    renderer.patch(&delta(&state, &at, Rev(0)), Rev(0));
    let long = "word ".repeat(20_000);
    World {
        state: &mut state,
        at: sample::NOW,
    }
    .part(sample::part("msg_3", "prt_40", sample::text(&long)));
    let ops = renderer.patch(&delta(&state, &at, before), before);
    let url = ops.iter().find_map(|op| match op {
        Op::Fetch { key, url } if key == "p:prt_40" => Some(url.as_str()),
        _ => None,
    });
    assert_eq!(
        url,
        Some(format!("/fragment/i/i1/s/ses_parse?key=p:prt_40&at={}", state.rev.0).as_str())
    );
    let html = renderer
        .fragment(
            &delta(&state, &at, Rev(0)),
            "p:prt_40",
            Some(state.rev),
            false,
        )
        .unwrap();
    assert!(html.contains(long.trim_end()));
    assert_eq!(
        renderer.fragment(&delta(&state, &at, Rev(0)), "p:nothing", None, false),
        None
    );
}

/// What a page has of one part, changed by nothing but operations.
#[derive(Default)]
struct Viewer {
    rev: Rev,
    open: String,
    blocks: BTreeMap<String, String>,
    order: Vec<String>,
    close: String,
}

const PART: &str = "p:prt_33";

impl Viewer {
    fn take(&mut self, op: Op, fetch: &dyn Fn(&str) -> String) {
        match op {
            Op::Fetch { key, .. } => {
                let html = fetch(&key);
                self.take(
                    Op::Fragment {
                        key,
                        html: html.into(),
                    },
                    fetch,
                );
            }
            Op::Fragment { key, html } if key == PART => self.adopt(&html),
            Op::Fragment { key, html } if key.starts_with("b:prt_33:") => {
                self.blocks.insert(key, html.to_string());
            }
            Op::Order { key, children } if key == PART => self.order = children,
            Op::Extend { key, come, gone } if key == PART => {
                self.order.retain(|key| !gone.contains(key));
                self.order.extend(come);
            }
            Op::Tag { tag } if tag.contains(&format!(" data-k=\"{PART}\"")) => self.open = tag,
            Op::Splice {
                key: Some(key),
                length,
                end,
                text,
                gone,
            } if key.starts_with("b:prt_33:") => {
                let block = self.blocks.get_mut(&key).unwrap();
                let start = block.find('>').unwrap() + 1;
                let inside: Vec<u16> = block[start..]
                    .strip_suffix("</div>")
                    .unwrap()
                    .encode_utf16()
                    .collect();
                assert_eq!(inside.len(), length);
                let [begin, end] = [&inside[..length - end - gone], &inside[length - end..]]
                    .map(|kept| String::from_utf16(kept).unwrap());
                *block = format!("{}{begin}{text}{end}</div>", &block[..start]);
            }
            _ => {}
        }
    }

    /// Takes a whole part apart: no text can hold a start tag with a key.
    fn adopt(&mut self, html: &str) {
        let body = html.strip_suffix("</div>").unwrap();
        self.close = "</div>".to_owned();
        let mut pieces = body.split("<div data-k=\"b:");
        self.open = pieces.next().unwrap().to_owned();
        self.blocks.clear();
        self.order.clear();
        for piece in pieces {
            let key = format!("b:{}", piece.split('"').next().unwrap());
            self.order.push(key.clone());
            self.blocks.insert(key, format!("<div data-k=\"b:{piece}"));
        }
    }

    fn html(&self) -> String {
        let blocks: String = self
            .order
            .iter()
            .map(|key| self.blocks[key].as_str())
            .collect();
        format!("{}{blocks}{}", self.open, self.close)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    #[test]
    fn patches_rebuild_exactly_what_is_drawn_whole(
        steps in prop::collection::vec(
            (prop::sample::select(vec!["a ", "é🧑‍🚀", "\n", "\n\n", "- x\n", "```rust\n", "let a = 1;\n", "```\n", "| a |\n|---|\n", "**b", "&<>\"'\u{a0}", "# h\n", "> q\n"]), 0_u8..8),
            1..60,
        ),
        ends in any::<bool>(),
    ) {
        let mut state = sample::state();
        let at = front("i1", "ses_parse");
        let renderer = Renderer::new();
        let mut viewers = [Viewer::default(), Viewer::default(), Viewer::default()];
        let catch_up = |viewer: &mut Viewer, state: &State| {
            let seen = delta(state, &at, viewer.rev);
            let ops = renderer.patch(&seen, viewer.rev);
            let fetch = |key: &str| renderer.fragment(&delta(state, &at, Rev(0)), key, Some(state.rev), false).unwrap();
            ops.into_iter().for_each(|op| viewer.take(op, &fetch));
            viewer.rev = seen.rev;
        };
        let mut said = String::new();
        for (word, who) in &steps {
            said.push_str(word);
            let mut world = World { state: &mut state, at: sample::NOW };
            if *who == 7 { world.tell("i1", Event::StreamLost) } else { world.delta(word) }
            for (nth, viewer) in viewers.iter_mut().enumerate() {
                if who & (1 << nth) != 0 { catch_up(viewer, &state) }
            }
        }
        if ends {
            let whole = PartKind::Text { text: said.as_str().into(), synthetic: false, ignored: false, ended: true };
            World { state: &mut state, at: sample::NOW }.part(sample::part("msg_3", "prt_33", whole));
        }
        let fresh = Renderer::new().fragment(&delta(&state, &at, Rev(0)), PART, None, false).unwrap();
        for viewer in &mut viewers {
            catch_up(viewer, &state);
            prop_assert_eq!(viewer.html(), fresh.as_str());
        }
    }
}
