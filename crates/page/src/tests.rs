//! What is drawn, seen from outside.

#![allow(clippy::unwrap_used)]

mod drawn;
mod patches;

use model::event::Event;
use model::ids::InstanceId;
use model::state::{LinkStatus, Reason, ReasonKind, Rev, Run, State, ToolState};
use model::time::Timestamp;
use model::view::{Look, look};

use crate::sample::{self, World};
use crate::{Context, Found, Renderer, assets};

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
        let html = document(state, &Look::default());
        let line = element(&html, "calm", "</p>");
        line.split('>')
            .nth(1)
            .unwrap()
            .trim_end_matches("</p")
            .to_owned()
    };
    let mut state = sample::endings::endings();
    assert_eq!(
        line(&state),
        "No request waits. 1 interrupted, 8 failed, 3 to review, 1 working."
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
    let [script, style, icon, enter] = assets() else {
        panic!("four files")
    };
    // The shell may weigh 40 KB, compressed and with everything in it; a third of the script is left of it by brotli.
    assert!(script.bytes.len() < 44_000, "{} bytes", script.bytes.len());
    assert!(enter.bytes.len() < 1_000, "{} bytes", enter.bytes.len());
    for asset in [script, style, icon, enter] {
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
    assert!(renderer.bytes() <= crate::limits::CACHE_BYTES);
    assert!(renderer.bytes() > crate::limits::CACHE_BYTES / 8);
}

#[test]
fn what_runs_on_this_machine_is_offered_where_nothing_is_in_front() {
    let found = [
        Found::Server {
            url: "http://127.0.0.1:4096/".into(),
            folder: Some("/home/me/<b>".into()),
        },
        Found::Unusable {
            why: "it is OpenCode <2>".into(),
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
    assert!(home.contains("<p class=\"quiet\">it is OpenCode &lt;2&gt;</p>"));
    assert_eq!(home.matches("data-server=").count(), 1);
    assert!(
        home.contains("recorded but not live")
            && home.contains("<code>drovers open /home/me/app</code>")
    );
}
