//! Whole documents and patches, seen from outside.

#![allow(clippy::unwrap_used)]

use std::collections::BTreeMap;

use model::event::Event;
use model::state::{LinkStatus, PartKind, Reason, ReasonKind, Rev, Run, State, ToolState};
use model::time::Timestamp;
use model::view::{Look, look};
use proptest::prelude::*;

use crate::sample::{self, World};
use crate::{Context, Found, Op, Renderer, assets};

fn front(instance: &str, session: &str) -> Look {
    Look {
        instance: Some(instance.into()),
        session: Some(session.into()),
        from: None,
    }
}

fn document(state: &State, look_at: &Look) -> String {
    let recent = ["/home/me/drovers".into()];
    let context = Context {
        epoch: "e1",
        version: "0.1.0",
        now: Timestamp(sample::NOW),
        recent: &recent,
        notices: &[],
        found: &[],
    };
    Renderer::new().document(&look(state, look_at, Rev(0)), &context)
}

/// One tag a line, and no names that change with every change of script or style.
fn readable(html: &str) -> String {
    let mut html = html.replace("><", ">\n<");
    for asset in assets() {
        html = html.replace(asset.path, "/assets/…");
    }
    html
}

#[test]
fn documents_are_as_they_were() {
    let state = sample::state();
    for (name, instance, session) in sample::LOOKS {
        let at = Look {
            instance: instance.map(Into::into),
            session: session.map(Into::into),
            from: None,
        };
        insta::assert_snapshot!(name, readable(&document(&state, &at)));
    }
}

#[test]
fn nothing_inline_is_ever_written() {
    let state = sample::state();
    for (_, instance, session) in sample::LOOKS {
        let at = Look {
            instance: instance.map(Into::into),
            session: session.map(Into::into),
            from: None,
        };
        let html = document(&state, &at);
        for tag in html
            .split('<')
            .skip(1)
            .map(|rest| rest.split('>').next().unwrap())
        {
            assert!(!tag.contains(" style="), "{tag}");
            assert!(!tag.contains(" on"), "{tag}");
            assert!(!tag.starts_with("script") || tag.contains(" src="), "{tag}");
            assert!(!tag.starts_with("style"), "{tag}");
        }
    }
}

/// The sample with sessions that were interrupted, one of a server that cannot be heard.
fn interrupted() -> State {
    let mut state = sample::state();
    for (instance, session) in [("i1", "ses_failed"), ("i1", "ses_asks"), ("i2", "ses_docs")] {
        let instance = state.instances.get_mut(instance).unwrap();
        let session = instance.sessions.get_mut(session).unwrap();
        session.run = Run::Interrupted {
            at: Timestamp(sample::NOW),
        };
    }
    state
}

/// The element with this key, from its beginning to where it ends.
fn element<'a>(html: &'a str, key: &str, end: &str) -> &'a str {
    let at = html.find(&format!(" data-k=\"{key}\"")).unwrap();
    let begin = html[..at].rfind('<').unwrap();
    &html[begin..begin + html[begin..].find(end).unwrap() + end.len()]
}

#[test]
fn what_was_interrupted_can_go_on() {
    let state = interrupted();
    let home = document(&state, &Look::default());
    insta::assert_snapshot!(readable(element(&home, "interrupted", "</section>")));
    let session = document(&state, &front("i1", "ses_failed"));
    insta::assert_snapshot!(readable(element(&session, "after", "</p></div>")));
}

#[test]
fn a_server_that_refuses_the_login_asks_for_another() {
    let mut state = sample::state();
    let reason = Reason::new(ReasonKind::Unauthorized, "It refuses the password.");
    let mut world = World {
        state: &mut state,
        at: sample::NOW,
    };
    world.tell("i3", Event::Link(LinkStatus::Disconnected { reason }));
    let look = Look {
        instance: Some("i3".into()),
        ..Look::default()
    };
    let html = document(&state, &look);
    insta::assert_snapshot!(readable(element(&html, "login", "</form>")));
    let asks = |state: &State| document(state, &look).contains("data-k=\"login\"");
    assert!(!asks(&sample::state()));
    for (status, still) in [
        (LinkStatus::Connecting { attempt: 5 }, true),
        (LinkStatus::Connected, false),
        (LinkStatus::Connecting { attempt: 0 }, false),
    ] {
        let mut world = World {
            state: &mut state,
            at: sample::NOW,
        };
        world.tell("i3", Event::Link(status.clone()));
        assert_eq!(asks(&state), still, "{status:?}");
    }
}

#[test]
fn keys_name_one_element_each() {
    let html = document(&sample::state(), &front("i1", "ses_parse"));
    let mut keys: Vec<&str> = html
        .split(" data-k=\"")
        .skip(1)
        .map(|rest| rest.split('"').next().unwrap())
        .collect();
    let count = keys.len();
    keys.sort_unstable();
    keys.dedup();
    assert_eq!(keys.len(), count);
}

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
    };
    renderer.document(&look(&state, &at, Rev(0)), &context);
    // Everything is looked at once more, by a viewer who has it.
    let mut all = look(&state, &at, Rev(0));
    all.log.as_mut().unwrap().anew = false;
    assert_eq!(
        renderer
            .patch(&all, state.rev)
            .iter()
            .filter(|op| !is_order(op))
            .count(),
        0
    );
    assert_eq!(renderer.patch(&look(&state, &at, state.rev), state.rev), []);
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
    renderer.patch(&look(&state, &at, Rev(0)), Rev(0));
    World {
        state: &mut state,
        at: sample::NOW,
    }
    .delta("de");
    let ops = renderer.patch(&look(&state, &at, before), before);
    let [Op::Tail { key, tail, .. }] = &ops[..] else {
        panic!("{ops:?}")
    };
    assert_eq!(key, "b:prt_33:2");
    assert_eq!(tail.trim_end(), "de</p>");
}

#[test]
fn one_new_state_in_a_long_tree_sends_its_row_alone() {
    let mut state = sample::state();
    let at = front("i1", "ses_parse");
    let renderer = Renderer::new();
    let before = state.rev;
    renderer.patch(&look(&state, &at, Rev(0)), Rev(0));
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
        .patch(&look(&state, &at, before), before)
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
    let older = Look {
        from: Some("msg_1".into()),
        ..newest.clone()
    };
    let before = |html: &str| -> Op {
        Op::Fragment {
            key: "before".into(),
            html: html.into(),
        }
    };
    let mut seen = look(&state, &older, Rev(0));
    let log = seen.log.as_mut().unwrap();
    log.older = false;
    renderer.patch(&seen, Rev(0));
    state.rev.0 += 1;
    let had = state.rev;
    let all = renderer.patch(&look(&state, &newest, Rev(0)), Rev(0));
    let link = all.iter().find_map(|op| match op {
        Op::Fragment { key, html } if key == "before" => Some(html.to_string()),
        _ => None,
    });
    state.rev.0 += 1;
    let mut seen = look(&state, &older, Rev(0));
    seen.rev = state.rev;
    let html = link.unwrap();
    assert!(html.contains("Show older"));
    assert!(renderer.patch(&seen, had).contains(&before(&html)));
}

#[test]
fn what_is_too_large_for_the_socket_is_fetched_and_whole() {
    let mut state = sample::state();
    let at = front("i1", "ses_parse");
    let renderer = Renderer::new();
    let before = state.rev;
    renderer.patch(&look(&state, &at, Rev(0)), Rev(0));
    let long = "word ".repeat(20_000);
    World {
        state: &mut state,
        at: sample::NOW,
    }
    .part(sample::part("msg_3", "prt_40", sample::text(&long)));
    let ops = renderer.patch(&look(&state, &at, before), before);
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
            &look(&state, &at, Rev(0)),
            "p:prt_40",
            Some(state.rev),
            false,
        )
        .unwrap();
    assert!(html.contains(long.trim_end()));
    assert_eq!(
        renderer.fragment(&look(&state, &at, Rev(0)), "p:nothing", None, false),
        None
    );
}

#[test]
fn long_output_is_cut_until_asked_for() {
    let mut state = sample::state();
    let at = front("i1", "ses_parse");
    let output: String = (0..9_000).map(|n| format!("line {n}\n")).collect();
    let tool = sample::tool(
        "bash",
        r#"{"command":"seq"}"#,
        ToolState::Completed {
            output: output.as_str().into(),
        },
        None,
    );
    World {
        state: &mut state,
        at: sample::NOW,
    }
    .part(sample::part("msg_3", "prt_41", tool));
    let renderer = Renderer::new();
    let seen = look(&state, &at, Rev(0));
    let cut = renderer.fragment(&seen, "p:prt_41", None, false).unwrap();
    assert!(cut.contains("Show all") && !cut.contains("line 4500\n"));
    let whole = renderer.fragment(&seen, "p:prt_41", None, true).unwrap();
    assert!(!whole.contains("Show all") && whole.contains(&output));
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
            Op::Tail {
                key,
                keep,
                tail,
                length,
            } if key.starts_with("b:prt_33:") => {
                let block = self.blocks.get_mut(&key).unwrap();
                let start = block.find('>').unwrap() + 1;
                let inside: Vec<u16> = block[start..]
                    .strip_suffix("</div>")
                    .unwrap()
                    .encode_utf16()
                    .collect();
                assert_eq!(inside.len(), length);
                let kept = String::from_utf16(&inside[..keep]).unwrap();
                *block = format!("{}{kept}{tail}</div>", &block[..start]);
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
            let seen = look(state, &at, viewer.rev);
            let ops = renderer.patch(&seen, viewer.rev);
            let fetch = |key: &str| renderer.fragment(&look(state, &at, Rev(0)), key, Some(state.rev), false).unwrap();
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
            let whole = PartKind::Text { text: said.as_str().into(), synthetic: false, ended: true };
            World { state: &mut state, at: sample::NOW }.part(sample::part("msg_3", "prt_33", whole));
        }
        let fresh = Renderer::new().fragment(&look(&state, &at, Rev(0)), PART, None, false).unwrap();
        for viewer in &mut viewers {
            catch_up(viewer, &state);
            prop_assert_eq!(viewer.html(), fresh.as_str());
        }
    }
}

/// The relative luminance of WCAG 2.2.
fn luminance(hex: &str) -> f64 {
    let channel = |at: usize| {
        let value = f64::from(u8::from_str_radix(&hex[at..at + 2], 16).unwrap()) / 255.0;
        if value <= 0.04045 {
            value / 12.92
        } else {
            ((value + 0.055) / 1.055).powf(2.4)
        }
    };
    0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5)
}

fn contrast(a: &str, b: &str) -> f64 {
    let (a, b) = (luminance(a), luminance(b));
    (a.max(b) + 0.05) / (a.min(b) + 0.05)
}

/// The light and the dark value of a token in the style sheet.
fn token(style: &str, name: &str) -> [String; 2] {
    let value = style
        .split(&format!("--{name}: light-dark("))
        .nth(1)
        .unwrap()
        .split(')')
        .next()
        .unwrap();
    let mut both = value.split(", ").map(str::to_owned);
    [both.next().unwrap(), both.next().unwrap()]
}

#[test]
fn texts_can_be_read_on_what_they_stand_on() {
    let style = std::str::from_utf8(assets()[1].bytes).unwrap();
    let check = |text: &str, ground: &str, least: f64| {
        for (text_value, ground_value) in token(style, text).iter().zip(&token(style, ground)) {
            let got = contrast(text_value, ground_value);
            assert!(
                got >= least,
                "{text} {text_value} on {ground} {ground_value}: {got:.2}"
            );
        }
    };
    for text in ["ink", "muted", "need", "work", "done", "bad"] {
        for ground in ["bg", "panel", "raised"] {
            check(text, ground, 4.5);
        }
    }
    for text in ["ink", "muted", "need"] {
        check(text, "need-fill", 4.5);
    }
    for ground in ["came", "went"] {
        check("ink", ground, 4.5);
        check("muted", ground, 4.5);
    }
    for ground in ["bg", "panel", "raised"] {
        check("edge", ground, 3.0);
    }
}

#[test]
fn colours_of_code_can_be_read() {
    let style = std::str::from_utf8(assets()[1].bytes).unwrap();
    let panel = token(style, "panel");
    for rule in style
        .lines()
        .filter(|line| line.starts_with(".h-") && line.contains("light-dark("))
    {
        let colours = rule
            .split("light-dark(")
            .nth(1)
            .unwrap()
            .split(')')
            .next()
            .unwrap();
        for (colour, ground) in colours.split(", ").zip(&panel) {
            assert!(contrast(colour, ground) >= 4.5, "{rule}");
        }
    }
}

#[test]
fn the_script_is_small_and_every_file_is_named_by_its_content() {
    let [script, style, icon] = assets() else {
        panic!("three files")
    };
    assert!(script.bytes.len() < 40_000, "{} bytes", script.bytes.len());
    for asset in [script, style, icon] {
        assert!(
            asset.path.starts_with("/assets/") && asset.path.contains(asset.etag.trim_matches('"'))
        );
    }
}

#[test]
fn the_cache_stays_within_its_bound() {
    let mut state = sample::state();
    let at = front("i1", "ses_parse");
    let renderer = Renderer::new();
    let mut rev = Rev(0);
    for nth in 0..400 {
        let text = format!("{nth} {}", "word ".repeat(40_000));
        World {
            state: &mut state,
            at: sample::NOW,
        }
        .part(sample::part(
            "msg_3",
            &format!("prt_5{}", nth % 5),
            sample::text(&text),
        ));
        renderer.patch(&look(&state, &at, rev), rev);
        rev = state.rev;
    }
    assert!(renderer.cache_bytes() <= crate::limits::CACHE_BYTES);
    assert!(renderer.cache_bytes() > crate::limits::CACHE_BYTES / 8);
}

#[test]
fn what_runs_on_this_machine_is_offered_where_nothing_is_in_front() {
    let found = [
        Found::Server {
            url: "http://127.0.0.1:4096/".into(),
            folder: Some("/home/me/<b>".into()),
        },
        Found::Terminal {
            folder: "/home/me/app".into(),
            command: "drovers open /home/me/app".into(),
        },
    ];
    let context = Context {
        epoch: "e1",
        version: "0.1.0",
        now: Timestamp(sample::NOW),
        recent: &[],
        notices: &[],
        found: &found,
    };
    let home =
        Renderer::new().document(&look(&State::default(), &Look::default(), Rev(0)), &context);
    assert!(home.contains("data-server=\"http://127.0.0.1:4096/\""));
    assert!(home.contains("/home/me/&lt;b&gt;"));
    assert!(
        home.contains("recorded but not live")
            && home.contains("<code>drovers open /home/me/app</code>")
    );
}
