//! Writes the page for made-up states into a folder, to look at without a hub: `cargo run -p page --example gallery DIR [LANGUAGE]`.

#[path = "../src/sample.rs"]
mod sample;

#[path = "../src/sample/review.rs"]
mod review;

use std::error::Error;
use std::path::{Path, PathBuf};
use std::{env, fs};

use model::state::{Rev, State};
use model::time::Timestamp;
use model::view::{Viewport, delta};
use page::{Context, Language, Notice, Renderer, assets, speak};

/// Writes the script, the style and the icons of the page.
fn write_assets(dir: &Path) -> Result<(), Box<dyn Error>> {
    for asset in assets() {
        let path = dir.join(asset.path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap_or(dir))?;
        fs::write(path, asset.bytes)?;
    }
    Ok(())
}

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(env::args_os().nth(1).ok_or("give a folder to write to")?);
    write_assets(&dir)?;
    let language = env::args().nth(2);
    let language = language.as_deref().and_then(Language::of_tag);
    let language = language.unwrap_or_default();
    let now = Timestamp(sample::NOW);
    let recent = ["/home/me/drovers".into(), "/home/me/notes".into()];
    let notices = [Notice {
        text: "The journal cannot be written: the disk is full. Live views go on.".into(),
    }];
    let (state, endings) = (sample::state(), sample::endings::endings());
    let crowd = sample::crowd(30);
    let acts = sample::acts::acts();
    let boards = [
        ("overview", None, None),
        ("peek", Some("i1"), Some("ses_parse")),
    ];
    let reviews = [("review", Some(review::REVIEW.0), Some(review::REVIEW.1))];
    let views = [
        named(&state, &sample::LOOKS),
        named(&crowd, &sample::CROWD_LOOKS),
        named(&acts, &sample::acts::ACTS_LOOKS),
        named(&acts, &boards),
        named(&state, &reviews),
    ];
    fragments(&dir, language)?;
    let ends = sample::endings::ENDINGS.map(|name| {
        let (instance, session) = (sample::endings::INSTANCE, format!("ses_{name}"));
        (
            &endings,
            format!("end_{name}"),
            Some(instance),
            Some(session),
        )
    });
    for (state, name, instance, session) in views.into_iter().flatten().chain(ends) {
        let looked = Viewport {
            instance: instance.map(Into::into),
            session: session.as_deref().map(Into::into),
            overview: matches!(name.as_str(), "overview" | "peek"),
            review: name == "review",
            ..Viewport::default()
        };
        let notices = if instance.is_none() {
            &notices[..]
        } else {
            &[]
        };
        let context = Context {
            epoch: "gallery",
            version: "0.1.0",
            now,
            recent: &recent,
            notices,
            found: &[],
            settings: &page::Settings::default(),
            inspect: false,
            adds: true,
            lacks: &[],
            drafted: None,
        };
        let html = speak(language, || {
            Renderer::new().document(&delta(state, &looked, Rev(0)), &context)
        });
        fs::write(dir.join(format!("{name}.html")), html)?;
    }
    Ok(())
}

/// Writes what the review and the search fetch, as files of their folders.
fn fragments(dir: &Path, language: Language) -> Result<(), Box<dyn Error>> {
    let of = format!("fragment/review/{}", review::REVIEW.0);
    let drawn = speak(language, || {
        [
            (of.clone(), review::list()),
            (format!("{of}/file"), review::lines("src/width.rs", false)),
            ("fragment/search".to_owned(), review::search(None)),
        ]
    });
    for (folder, html) in drawn {
        fs::create_dir_all(dir.join(&folder))?;
        fs::write(dir.join(folder).join("index.html"), html)?;
    }
    Ok(())
}

/// A view of a state: its name, and the instance and the session in front.
type View<'a> = (&'a State, String, Option<&'static str>, Option<String>);

fn named<'a>(
    state: &'a State,
    looks: &[(&'static str, Option<&'static str>, Option<&'static str>)],
) -> Vec<View<'a>> {
    looks
        .iter()
        .map(|(name, instance, session)| {
            (
                state,
                (*name).to_owned(),
                *instance,
                session.map(str::to_owned),
            )
        })
        .collect()
}
