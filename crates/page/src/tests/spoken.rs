//! The page in other languages, and in none: every text of it comes from the catalogue.

use std::collections::HashSet;

use model::ids::InstanceId;
use model::state::{Rev, State};
use model::time::Timestamp;
use model::view::{Viewport, delta};

use super::{document, front, readable};
use crate::language::{Language, speak};
use crate::{Renderer, Settings, sample};

/// Everything that the gallery shows, by name.
fn screens() -> Vec<(String, String)> {
    let (state, acts, crowd) = (sample::state(), sample::acts::acts(), sample::crowd(30));
    let endings = sample::endings::endings();
    let mut all = Vec::new();
    let looks = [
        (&state, &sample::LOOKS[..]),
        (&acts, &sample::acts::ACTS_LOOKS[..]),
        (&crowd, &sample::CROWD_LOOKS[..]),
    ];
    for (state, looks) in looks {
        for (name, instance, session) in looks {
            let at = Viewport {
                instance: instance.map(Into::into),
                session: session.map(Into::into),
                overview: instance.is_none(),
                ..Viewport::default()
            };
            all.push(((*name).to_owned(), document(state, &at)));
        }
    }
    for name in sample::endings::ENDINGS {
        let session = format!("ses_{name}");
        let at = front(sample::endings::INSTANCE, &session);
        all.push((format!("end_{name}"), document(&endings, &at)));
    }
    let overview = Viewport {
        overview: true,
        ..Viewport::default()
    };
    all.push(("empty".to_owned(), document(&State::default(), &overview)));
    all.push(("overview".to_owned(), document(&acts, &overview)));
    let instances = [("i1".to_owned(), "drovers".to_owned())];
    let settings = crate::settings_dialog(&Settings::default(), &instances);
    all.push(("settings".to_owned(), settings));
    let first = InstanceId::from("i1");
    all.push((
        "parallel".to_owned(),
        crate::parallel_dialog(&state.instances[&first]),
    ));
    all.push((
        "compared".to_owned(),
        crate::comparison_dialog("i1", "s", 2, &[]),
    ));
    all.push((
        "locked".to_owned(),
        crate::locked(crate::Ways {
            password: true,
            passkey: true,
        }),
    ));
    all.extend(devices());
    all.extend(passkeys());
    all.push(("enter".to_owned(), crate::enter()));
    all.push(("offline".to_owned(), crate::offline()));
    all
}

/// Dialogs of devices.
fn devices() -> [(String, String); 3] {
    let roles = ["admin", "answer,drive", "answer", "drive", "watch"];
    let device = crate::DeviceRow {
        name: "drovers".to_owned(),
        url: "/api/pages/1".to_owned(),
        roles: vec!["watch"],
        made: "2026-11-30".to_owned(),
        used: None,
        expires: Some("2026-12-30".to_owned()),
        is_this: true,
    };
    let reach = crate::Reach {
        urls: vec!["https://10.0.0.7".to_owned(), "https://10.0.0.8".to_owned()],
        fingerprint: Some("00:11".to_owned()),
    };
    let closed = crate::Reach::default();
    [
        ("devices".to_owned(), crate::devices_dialog(&[device])),
        ("pair".to_owned(), crate::pair_dialog(&roles, &reach)),
        (
            "pair closed".to_owned(),
            crate::pair_dialog(&roles, &closed),
        ),
    ]
}

/// The dialog of passkeys, where there are some and where there are none.
fn passkeys() -> Vec<(String, String)> {
    let row = crate::PasskeyRow {
        name: "drovers".to_owned(),
        url: "/api/passkeys/1".to_owned(),
        site: "localhost".to_owned(),
        roles: vec!["watch"],
        made: "2026-11-30".to_owned(),
        used: None,
        is_this: true,
    };
    let used = crate::PasskeyRow {
        used: Some("2026-11-30".to_owned()),
        is_this: false,
        ..row.clone()
    };
    let places = [
        crate::PasskeyPlace::Here,
        crate::PasskeyPlace::Name,
        crate::PasskeyPlace::Localhost("http://localhost:7878".to_owned()),
        crate::PasskeyPlace::Nowhere,
    ];
    let rows = [row, used];
    let drawn = places
        .iter()
        .map(|place| crate::passkeys_dialog(&rows, place));
    drawn.map(|html| ("passkeys".to_owned(), html)).collect()
}

/// What the samples are made of: names, titles, texts of models and servers.
const DATA: &str = concat!(
    include_str!("../sample.rs"),
    include_str!("../sample/acts.rs"),
    include_str!("../sample/crowd.rs"),
    include_str!("../sample/endings.rs"),
);

/// Names that are the same in every language, and what a person types.
const NAMES: [&str; 16] = [
    "Drovers", "OpenCode", "English", "Deutsch", "drovers", "link", "open", "opencode", "auth",
    "login", "home", "me", "long", "Esc", "KB", "MB",
];

/// Attributes that a person reads or hears.
const READ: [&str; 5] = ["aria-label", "title", "placeholder", "alt", "data-ask"];

/// The texts and read attributes of HTML without what is in brackets, each with what stands around it.
fn bare(html: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut depth = 0_usize;
    let mut rest = html;
    while let Some(open) = rest.find('<') {
        let (text, tag) = rest.split_at(open);
        found.push(outside(text, &mut depth));
        let end = tag_end(tag);
        found.extend(read_attributes(&tag[..end]));
        rest = &tag[end..];
        if tag.starts_with("<script") || tag.starts_with("<pre") || tag.starts_with("<code") {
            let name = tag[1..].split([' ', '>']).next().unwrap_or_default();
            let close = format!("</{name}>");
            rest = rest.find(&close).map_or(rest, |at| &rest[at..]);
        }
    }
    assert_eq!(depth, 0, "brackets are closed");
    found.retain(|text| text.chars().any(char::is_alphabetic));
    found
}

/// The end of a tag: a sign within an attribute ends none.
fn tag_end(tag: &str) -> usize {
    let mut quoted = false;
    for (at, c) in tag.char_indices() {
        match c {
            '"' => quoted = !quoted,
            '>' if !quoted => return at + 1,
            _ => {}
        }
    }
    tag.len()
}

fn read_attributes(tag: &str) -> Vec<String> {
    let mut found = Vec::new();
    for name in READ {
        if let Some((_, after)) = tag.split_once(&format!(" {name}=\"")) {
            let value = after.split('"').next().unwrap_or_default();
            found.push(outside(value, &mut 0));
        }
    }
    found
}

/// What is outside of all brackets.
fn outside(text: &str, depth: &mut usize) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '⟦' => *depth += 1,
            '⟧' => *depth = depth.saturating_sub(1),
            c if *depth == 0 => out.push(c),
            _ => {}
        }
    }
    out
}

/// The words of all literals of the samples.
fn data() -> HashSet<&'static str> {
    let mut words = HashSet::new();
    let mut rest = DATA;
    while let Some(open) = rest.find('"') {
        let (before, after) = rest.split_at(open);
        let after = &after[1..];
        let hashes = before.len() - before.trim_end_matches('#').len();
        let close = match before.trim_end_matches('#').ends_with('r') {
            true => after.find(&format!("\"{}", "#".repeat(hashes))),
            false => end_of_literal(after),
        };
        let (text, after) = after.split_at(close.unwrap());
        // A line end is written as a letter.
        let lines = text.split("\\n");
        words.extend(lines.flat_map(|line| line.split(|c: char| !c.is_alphabetic())));
        rest = &after[1..];
    }
    words
}

/// The place of the quote that ends a literal.
fn end_of_literal(text: &str) -> Option<usize> {
    let mut escaped = false;
    text.bytes().position(|byte| {
        let ends = byte == b'"' && !escaped;
        escaped = byte == b'\\' && !escaped;
        ends
    })
}

/// Words of a text that are no data and no name.
fn foreign(text: &str, data: &HashSet<&str>) -> Vec<String> {
    let text = text
        .replace("&amp;", "&")
        .replace("&lt;", "<")
        .replace("&gt;", ">")
        .replace("&quot;", "\"")
        .replace("&nbsp;", " ");
    let words = text.split(|c: char| !c.is_alphabetic());
    let words = words.filter(|word| word.chars().count() > 1 && word.is_ascii());
    words
        .filter(|word| !data.contains(word) && !NAMES.contains(word))
        // The last word of a line that is cut.
        .filter(|word| !text.contains(&format!("{word}…")))
        .map(str::to_owned)
        .collect()
}

#[test]
fn every_text_that_is_no_data_comes_from_the_catalogue() {
    let data = data();
    let mut found = Vec::new();
    for (name, html) in speak(Language::Pseudo, screens) {
        for text in bare(&html) {
            let words = foreign(&text, &data);
            if !words.is_empty() {
                found.push(format!("{name}: {text:?} has {words:?}"));
            }
        }
    }
    found.sort();
    found.dedup_by(|a, b| a.split_once(": ") == b.split_once(": "));
    assert!(found.is_empty(), "{}", found.join("\n"));
}

#[test]
fn the_page_is_as_it_was_in_german_and_chinese() {
    let acts = sample::acts::acts();
    let overview = Viewport {
        overview: true,
        ..Viewport::default()
    };
    for (language, tag) in [(Language::German, "de"), (Language::Chinese, "zh")] {
        speak(language, || {
            insta::assert_snapshot!(
                format!("{tag}_overview"),
                readable(&document(&acts, &overview))
            );
            let asks = document(&sample::state(), &front("i1", "ses_parse"));
            insta::assert_snapshot!(format!("{tag}_session"), readable(&asks));
            let settings = crate::settings_dialog(&Settings::default(), &[]);
            insta::assert_snapshot!(format!("{tag}_settings"), readable(&settings));
        });
    }
}

#[test]
fn a_viewer_gets_changes_in_the_language_of_its_document() {
    let mut state = sample::state();
    let at = front("i1", "ses_parse");
    let renderer = Renderer::new();
    let html = |language| {
        let context = crate::Context {
            epoch: "e",
            version: "0",
            now: Timestamp(sample::NOW),
            recent: &[],
            notices: &[],
            found: &[],
            settings: &Settings::default(),
            inspect: false,
            adds: true,
            lacks: &[],
            drafted: None,
        };
        speak(language, || {
            renderer.document(&delta(&state, &at, Rev(0)), &context)
        })
    };
    let documents = [Language::English, Language::German].map(|one| (one, html(one)));
    assert!(documents[1].1.contains("<html lang=\"de\" dir=\"ltr\""));
    let since = state.rev;
    let instance = InstanceId::from("i1");
    sample::World {
        state: &mut state,
        at: sample::NOW,
    }
    .tell(
        "i1",
        model::Event::Link(model::state::LinkStatus::Disconnected {
            reason: model::state::Reason::new(model::state::ReasonKind::Refused, "gone"),
        }),
    );
    assert!(state.instances.contains_key(&instance));
    for (language, document) in documents {
        let ops = speak(language, || {
            renderer.patch(&delta(&state, &at, since), since)
        });
        let drawn = format!("{ops:?}");
        assert!(!ops.is_empty() && !document.is_empty());
        assert_eq!(
            drawn.contains("Getrennt"),
            language == Language::German,
            "{drawn}"
        );
        assert_eq!(
            drawn.contains("Disconnected"),
            language == Language::English,
            "{drawn}"
        );
    }
}
