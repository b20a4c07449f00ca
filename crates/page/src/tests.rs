//! What is drawn, seen from outside.

#![allow(clippy::unwrap_used)]

mod drawn;
#[path = "../build/exports.rs"]
mod exports;
mod modules;
mod offered;
mod patches;
mod spoken;

use model::event::Event;
use model::ids::InstanceId;
use model::state::{
    Failure, LinkStatus, Origin, Permission, PermissionRequest, Piece, Reason, ReasonKind, Rev,
    Run, State, ToolState,
};
use model::time::Timestamp;
use model::view::{Viewport, delta};

use crate::sample::{self, World};
use crate::{Context, FoundServer, Renderer, assets};

fn front(instance: &str, session: &str) -> Viewport {
    Viewport {
        instance: Some(instance.into()),
        session: Some(session.into()),
        ..Viewport::default()
    }
}

fn document(state: &State, look_at: &Viewport) -> String {
    let recent = ["/home/me/drovers".into()];
    let context = Context {
        epoch: "e1",
        version: "0.1.0",
        now: Timestamp(sample::NOW),
        recent: &recent,
        notices: &[],
        found: &[],
        settings: &crate::Settings::default(),
        inspect: false,
        adds: true,
        lacks: &[],
        drafted: None,
    };
    Renderer::new().document(&delta(state, look_at, Rev(0)), &context)
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
        let at = Viewport {
            instance: instance.map(Into::into),
            session: session.map(Into::into),
            overview: instance.is_none(),
            ..Viewport::default()
        };
        insta::assert_snapshot!(name, readable(&document(&state, &at)));
    }
}

/// What the page says of a session: its row, its title, its conversation, and what stands below it.
fn told(html: &str, session: &str) -> String {
    let row = element(html, &format!("s:{session}"), "</li>");
    let title = element(html, "head", "</h1>");
    let said = &html[html.find(" data-k=\"before\"").unwrap()..];
    let said = &said[said.find('>').unwrap() + 1..];
    let end = said.find("data-k=\"after\"").unwrap();
    let end = end
        + said[end..]
            .find("</section>")
            .or(said[end..].find("</main>"))
            .unwrap();
    readable(&[row, title, &said[..end]].join("\n"))
}

#[test]
fn every_way_in_which_a_turn_can_end_is_told() {
    let state = sample::endings::endings();
    for name in sample::endings::ENDINGS {
        let session = format!("ses_{name}");
        let html = document(&state, &front(sample::endings::INSTANCE, &session));
        assert!(!html.contains("<script>alert"), "{name}");
        insta::assert_snapshot!(format!("end_{name}"), told(&html, &session));
    }
}

/// The shape that an element shows first.
fn shape_in(element: &str) -> Option<&str> {
    let (_, mark) = element.split_once("class=\"mark ")?;
    mark.split_once('>')?.1.split('<').next()
}

#[test]
fn a_session_has_one_mark_in_its_row_its_tab_and_its_title() {
    let all = [sample::state(), sample::endings::endings(), interrupted()];
    for state in &all {
        for instance in state.instances.values() {
            for session in instance.sessions.keys() {
                let html = document(state, &front(instance.id.as_str(), session.as_str()));
                let row = shape_in(element(&html, &format!("s:{session}"), "</li>")).unwrap();
                let tab = shape_in(element(&html, &format!("x:{session}"), "</li>"));
                // What is idle has no mark before its title.
                let title = shape_in(element(&html, "head", "</h1>")).unwrap_or("○");
                assert_eq!((tab, title), (Some(row), row), "{session}");
            }
        }
    }
}

#[test]
fn what_waits_for_a_look_is_counted_where_nothing_is_asked() {
    let line = |state: &State| {
        let html = document(state, &Viewport::default());
        let line = element(&html, "calm", "</p>");
        line.split('>')
            .nth(1)
            .unwrap()
            .trim_end_matches("</p")
            .to_owned()
    };
    let mut state = sample::endings::endings();
    // What holds an agent up is on cards.
    assert_eq!(line(&state), "");
    let instance = InstanceId::from(sample::endings::INSTANCE);
    let instance = state.instances.get_mut(&instance).unwrap();
    let all: Vec<_> = instance.sessions.keys().cloned().collect();
    instance
        .snoozes
        .extend(all.into_iter().map(|id| (id, Timestamp(i64::MAX))));
    assert_eq!(
        line(&state),
        "No requests are waiting. 1 interrupted, 8 failed, 3 to review, 1 working."
    );
    for session in state
        .instances
        .get_mut(&InstanceId::from(sample::endings::INSTANCE))
        .unwrap()
        .sessions
        .values_mut()
    {
        session.unreviewed = None;
        session.run = Run::Idle;
    }
    assert_eq!(line(&state), "Nothing needs you.");
    assert_eq!(line(&sample::state()), "");
}

#[test]
fn nothing_inline_is_ever_written() {
    let state = sample::state();
    for (_, instance, session) in sample::LOOKS {
        let at = Viewport {
            instance: instance.map(Into::into),
            session: session.map(Into::into),
            overview: instance.is_none(),
            ..Viewport::default()
        };
        let html = document(&state, &at);
        for tag in html
            .split('<')
            .skip(1)
            .map(|rest| rest.split('>').next().unwrap())
        {
            // Names of attributes alone: what stands between quotes is text.
            let names: String = tag.split('"').step_by(2).collect();
            assert!(!names.contains(" style="), "{tag}");
            assert!(!names.contains(" on"), "{tag}");
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
    let closed = if key.ends_with(':') { "" } else { "\"" };
    let at = html.find(&format!(" data-k=\"{key}{closed}")).unwrap();
    let begin = html[..at].rfind('<').unwrap();
    &html[begin..begin + html[begin..].find(end).unwrap() + end.len()]
}

#[test]
fn what_was_interrupted_can_go_on() {
    let state = interrupted();
    let home = document(&state, &Viewport::default());
    insta::assert_snapshot!(readable(element(&home, "needs", "</section>")));
    let session = document(&state, &front("i1", "ses_failed"));
    insta::assert_snapshot!(readable(element(&session, "after", "</p></div>")));
}

/// Every kind of card that asks nothing.
#[test]
fn every_state_that_needs_a_person_is_a_card() {
    let mut state = sample::endings::endings();
    let mut world = World {
        state: &mut state,
        at: sample::NOW,
    };
    world.instance(
        "dead",
        "api",
        Origin::Folder("/home/me/api".into()),
        LinkStatus::Connected,
    );
    world.instance(
        "shut",
        "docs",
        Origin::Url("http://docs/".into()),
        LinkStatus::Connected,
    );
    let down = |kind, text| LinkStatus::Disconnected {
        reason: Reason::new(kind, text),
    };
    world.tell(
        "dead",
        Event::Link(down(ReasonKind::NotStarted, "Its process ended.")),
    );
    world.tell(
        "shut",
        Event::Link(down(ReasonKind::Unauthorized, "It refuses the password.")),
    );
    let sessions = &mut state
        .instances
        .get_mut(sample::endings::INSTANCE)
        .unwrap()
        .sessions;
    sessions.get_mut("ses_provider_error").unwrap().failure =
        Some(Failure::failed("ProviderAuthError", ""));
    let silent = sessions.get_mut("ses_stopped").unwrap();
    silent.run = Run::Busy {
        since: Timestamp(sample::NOW - 200_000),
    };
    silent.activity.silent = Some(Timestamp(sample::NOW - 120_000));
    let home = document(&state, &Viewport::default());
    insta::assert_snapshot!(readable(element(&home, "needs", "</section>")));
}

/// The sample with the request of one session asked by two others as well, one of them with another scope.
#[test]
fn equal_requests_are_one_card_and_others_are_not() {
    let mut state = sample::state();
    let instance = state.instances.get_mut("i1").unwrap();
    let first = instance
        .permissions
        .values()
        .find(|one| one.content.is_whole())
        .unwrap()
        .clone();
    let asked = |id: &str, session: &str, always: &[&str]| {
        let request = PermissionRequest {
            id: id.into(),
            session: session.into(),
            always: always.iter().map(|&one| one.into()).collect(),
            ..(*first).clone()
        };
        let mut permission = Permission::new(request);
        permission.content = first.content.clone();
        permission
    };
    let same: Vec<&str> = first.always.iter().map(|one| &**one).collect();
    // What a model says of a command is no part of the command; a time limit is.
    let with = |id: &str, session: &str, name: &str| {
        let mut permission = asked(id, session, &same);
        let mut content = (*permission.content).clone();
        content.pieces.push(Piece::Field {
            name: name.into(),
            value: "\u{202e}Clear & rebuild".into(),
        });
        permission.content = content.into();
        permission
    };
    for permission in [
        asked("per_same", "ses_failed", &same),
        asked("per_wide", "ses_asks", &["*"]),
        with("per_told", "ses_asks", "description"),
        with("per_timed", "ses_asks", "timeout"),
    ] {
        instance
            .permissions
            .insert(permission.id.clone(), permission);
    }
    let home = document(&state, &Viewport::default());
    let needs = readable(element(&home, "needs", "</section>"));
    assert_eq!(needs.matches("data-group").count(), 1);
    for (id, alone) in [
        ("wide", true),
        ("timed", true),
        ("same", false),
        ("told", false),
    ] {
        let card = format!("data-k=\"n:per_{id}\"");
        assert_eq!(needs.contains(&card), alone, "{id}");
    }
    insta::assert_snapshot!(
        element(&needs, "q:", "</form>").replace(&first.content.fingerprint[..], "fingerprint")
    );
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
    let look = Viewport {
        instance: Some("i3".into()),
        ..Viewport::default()
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
    let seen = delta(&state, &at, Rev(0));
    let cut = renderer.fragment(&seen, "p:prt_41", None, false).unwrap();
    assert!(cut.contains("Show all") && !cut.contains("line 4500\n"));
    let whole = renderer.fragment(&seen, "p:prt_41", None, true).unwrap();
    assert!(!whole.contains("Show all") && whole.contains(&output));
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

/// WebKit does not draw again what such a rule hid, once the rule ends to hold.
#[test]
fn no_rule_looks_for_emptiness_inside_of_something() {
    let sheets = assets()
        .iter()
        .filter(|asset| asset.content_type.starts_with("text/css"));
    for sheet in sheets {
        let style = std::str::from_utf8(sheet.bytes).unwrap();
        for inside in style.split(":has(").skip(1) {
            let inside = inside.split(['{', ',']).next().unwrap();
            for absence in [":empty", "-child)"] {
                assert!(!inside.contains(absence), ":has({inside}");
            }
        }
    }
}

#[test]
fn colours_of_code_can_be_read() {
    let style = std::str::from_utf8(assets()[1].bytes).unwrap();
    let panel = token(style, "panel");
    // The colours of a terminal are in the sheet that loads when the page is idle.
    let later = std::str::from_utf8(assets()[7].bytes).unwrap();
    assert!(style.contains("\n.h-") && later.contains("\n.s-"));
    for rule in style
        .lines()
        .chain(later.lines())
        .filter(|line| line.starts_with(".h-") || line.starts_with(".s-"))
    {
        for colours in rule.split("light-dark(").skip(1) {
            let colours = colours.split(')').next().unwrap();
            for (colour, ground) in colours.split(", ").zip(&panel) {
                assert!(contrast(colour, ground) >= 4.5, "{rule}");
            }
        }
    }
}

#[test]
fn the_script_is_small_and_every_file_is_named_by_its_content() {
    let [script, _, _, enter, ..] = assets() else {
        panic!("script, style, icon, and the script of the door")
    };
    // The shell may weigh 40 KB, compressed and with everything in it; a third of the script is left of it by brotli.
    assert!(script.bytes.len() < 64_000, "{} bytes", script.bytes.len());
    assert!(enter.bytes.len() < 1_000, "{} bytes", enter.bytes.len());
    for asset in assets() {
        assert!(
            asset.path.starts_with("/assets/") && asset.path.contains(asset.etag.trim_matches('"'))
        );
    }
    for (name, at) in crate::assets::CHUNKS {
        let chunk = assets()[at];
        assert!(chunk.path.starts_with(&format!("/assets/{name}-")));
        // What is loaded on demand is small, each for itself, and runs on the one script of the page. What every page loads when
        // it is idle is one chunk.
        let most = if name == "beside" { 24_000 } else { 10_000 };
        assert!(
            chunk.bytes.len() < most,
            "{name}: {} bytes",
            chunk.bytes.len()
        );
        let text = std::str::from_utf8(chunk.bytes).unwrap();
        assert!(text.contains(script.path), "{name}");
    }
    let manifest: serde_json::Value = serde_json::from_slice(assets()[6].bytes).unwrap();
    for icon in manifest["icons"].as_array().unwrap() {
        let known = assets().iter().find(|asset| icon["src"] == asset.path);
        assert_eq!(known.unwrap().content_type, icon["type"]);
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
        renderer.patch(&delta(&state, &at, rev), rev);
        rev = state.rev;
    }
    assert!(renderer.bytes() <= crate::limits::CACHE_BYTES);
    assert!(renderer.bytes() > crate::limits::CACHE_BYTES / 8);
}

#[test]
fn what_runs_on_this_machine_is_offered_where_nothing_is_in_front() {
    let found = [
        FoundServer::Server {
            url: "http://127.0.0.1:4096/".into(),
            folder: Some("/home/me/<b>".into()),
        },
        FoundServer::Service,
        FoundServer::Unusable {
            why: "it is OpenCode <2>".into(),
        },
        FoundServer::Terminal {
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
        settings: &crate::Settings::default(),
        inspect: false,
        adds: true,
        lacks: &[],
        drafted: None,
    };
    let home = Renderer::new().document(
        &delta(&State::default(), &Viewport::default(), Rev(0)),
        &context,
    );
    assert!(home.contains("data-server=\"http://127.0.0.1:4096/\""));
    assert!(home.contains("/home/me/&lt;b&gt;"));
    assert!(home.contains("<p class=\"quiet\">it is OpenCode &lt;2&gt;</p>"));
    assert_eq!(home.matches("data-server=").count(), 1);
    assert_eq!(home.matches("data-service=").count(), 1);
    assert!(
        home.contains("recorded but not live")
            && home.contains("<code>drovers open /home/me/app</code>")
    );
}
