//! Writes the page for made-up states into a folder, to look at without a hub: `cargo run -p page --example gallery DIR`.

#[path = "../src/sample.rs"]
mod sample;

use std::error::Error;
use std::path::PathBuf;
use std::{env, fs};

use model::state::Rev;
use model::time::Timestamp;
use model::view::{Look, look};
use page::{Context, Notice, Renderer, assets};

fn main() -> Result<(), Box<dyn Error>> {
    let dir = PathBuf::from(env::args_os().nth(1).ok_or("give a folder to write to")?);
    for asset in assets() {
        let path = dir.join(asset.path.trim_start_matches('/'));
        fs::create_dir_all(path.parent().unwrap_or(&dir))?;
        fs::write(path, asset.bytes)?;
    }
    let now = Timestamp(sample::NOW);
    let recent = ["/home/me/drovers".into(), "/home/me/notes".into()];
    let notices = [Notice {
        text: "The journal cannot be written: the disk is full. Live views go on.".into(),
    }];
    let (state, endings) = (sample::state(), sample::endings::endings());
    let crowd = sample::crowd(30);
    let crowds = sample::CROWD_LOOKS.map(|(name, instance, session)| {
        (
            &crowd,
            name.to_owned(),
            instance,
            session.map(str::to_owned),
        )
    });
    let looks = sample::LOOKS.map(|(name, instance, session)| {
        (
            &state,
            name.to_owned(),
            instance,
            session.map(str::to_owned),
        )
    });
    let ends = sample::endings::ENDINGS.map(|name| {
        let (instance, session) = (sample::endings::INSTANCE, format!("ses_{name}"));
        (
            &endings,
            format!("end_{name}"),
            Some(instance),
            Some(session),
        )
    });
    for (state, name, instance, session) in looks.into_iter().chain(crowds).chain(ends) {
        let looked = Look {
            instance: instance.map(Into::into),
            session: session.as_deref().map(Into::into),
            from: None,
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
        };
        let html = Renderer::new().document(&look(state, &looked, Rev(0)), &context);
        fs::write(dir.join(format!("{name}.html")), html)?;
    }
    Ok(())
}
