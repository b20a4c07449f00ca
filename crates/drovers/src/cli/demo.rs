//! `drovers demo`: a hub with something to see, for who has neither keys nor OpenCode.
//!
//! A scripted model speaks behind a real OpenCode where there is one, else behind a scripted one. Everything is in a
//! temporary folder that is gone afterwards; nothing leaves this machine and nothing of the user's is touched.

mod acts;
mod stage;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use hub::hub::NewInstance;
use hub::registry::{Login, Secret};
use hub::workspace::binary;
use model::ids::InstanceId;
use rand::Rng;
use rand::distr::Alphanumeric;
use scripted::model::{Model, ModelOptions, Voice};
use scripted::opencode::{FakeOptions, FakeServer};
use tokio::time::timeout;

use super::up::How;
use crate::fault::Fault;
use crate::serving::{self, Serving};
use crate::{limits, out};
use stage::Stage;

/// Tokens a second: a pace that can be read along.
const RATE: f64 = 30.0;

/// Show live sessions of a scripted model: no keys, no network, nothing of yours is touched
///
/// Runs behind the OpenCode that is installed, else behind a built-in imitation. Everything is in a temporary folder,
/// which is removed at the end.
#[derive(Debug, Args)]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    how: How,
    /// Use the built-in imitation of OpenCode even if the real one is installed
    #[arg(long, conflicts_with = "opencode")]
    fake: bool,
}

/// Who plays OpenCode: alive as long as this is.
enum Cast {
    Real(#[allow(dead_code, reason = "it stops when dropped")] Model),
    Fake(#[allow(dead_code, reason = "it stops when dropped")] FakeServer),
}

/// Starts a hub on a stage, and the play.
pub(crate) async fn run(args: DemoArgs) -> Result<(), Fault> {
    let program = program(&args)?;
    let stage = Stage::build().map_err(|error| {
        Fault::cannot_start(format!(
            "no temporary folder can be made: {error}. Name another place for it in TMPDIR"
        ))
    })?;
    let model = match &program {
        Some(_) => Some(
            stage
                .model(ModelOptions {
                    rate: RATE,
                    voice: Voice::Friendly,
                    port: 0,
                })
                .await?,
        ),
        None => None,
    };
    let launcher = stage.launcher(serving::launcher(program)?);
    let listen = args.how.listen.unwrap_or_default();
    let notice = "This is a demo: the agents follow a script, and all is gone once it ends. Say anything to them";
    let serving =
        Serving::start(stage.data_dir()?, listen, launcher, vec![Arc::from(notice)]).await?;
    let _cast = match play(&serving, &stage, model, &args.how).await {
        Ok(cast) => Some(cast),
        Err(fault) => {
            out::note(&fault.to_string());
            None
        }
    };
    serving.until_asked_to_end().await
}

fn program(args: &DemoArgs) -> Result<Option<PathBuf>, Fault> {
    match (&args.how.opencode, args.fake) {
        (_, true) => Ok(None),
        (Some(named), false) => binary::find(Some(named)).map(Some).map_err(Fault::usage),
        (None, false) => Ok(binary::find(None).ok()),
    }
}

/// Plays on the real OpenCode if it is there in time, else on the scripted one.
async fn play(
    serving: &Serving,
    stage: &Stage,
    model: Option<Model>,
    how: &How,
) -> Result<Cast, Fault> {
    let api = serving.api()?;
    if let Some(model) = model {
        let id = add(serving, NewInstance::Folder(stage.project().to_owned())).await?;
        let played = async {
            connected(serving, &id).await;
            acts::play(&api, id.as_str()).await
        };
        match timeout(limits::REAL_OPENCODE, played).await {
            Ok(Ok(())) => {
                show(serving, how, &id);
                return Ok(Cast::Real(model));
            }
            Ok(Err(fault)) => out::note(&fault.to_string()),
            Err(_late) => out::note(
                "OpenCode is not ready in time: the demo goes on with the built-in imitation",
            ),
        }
        let hub = serving.hub().clone();
        // Its end may take as long as its start.
        tokio::spawn(async move { hub.remove(&id).await });
    }
    let (fake, id) = imitation(serving, stage).await?;
    acts::play(&api, id.as_str()).await?;
    show(serving, how, &id);
    Ok(Cast::Fake(fake))
}

async fn imitation(serving: &Serving, stage: &Stage) -> Result<(FakeServer, InstanceId), Fault> {
    let password: String = rand::rng()
        .sample_iter(Alphanumeric)
        .take(32)
        .map(char::from)
        .collect();
    let options = FakeOptions {
        directory: stage.project().to_string_lossy().into_owned(),
        password: Some(password.clone()),
        rate: RATE,
        voice: Voice::Friendly,
        ..FakeOptions::default()
    };
    let fake = FakeServer::start(options).await.map_err(Fault::failed)?;
    let login = Login {
        username: "opencode".to_owned(),
        password: Secret::new(password),
    };
    let id = add(
        serving,
        NewInstance::Url {
            url: fake.url.clone(),
            login: Some(login),
        },
    )
    .await?;
    Ok((fake, id))
}

fn show(serving: &Serving, how: &How, id: &InstanceId) {
    how.show(&format!("{}i/{id}", serving.url()));
}

async fn add(serving: &Serving, new: NewInstance) -> Result<InstanceId, Fault> {
    let added = serving
        .hub()
        .add(new, Some("demo"))
        .await
        .map_err(Fault::failed)?;
    Ok(added.id().clone())
}

async fn connected(serving: &Serving, id: &InstanceId) {
    let live = |state: &model::State| {
        state
            .instances
            .get(id)
            .is_some_and(model::state::Instance::is_live)
    };
    serving.hub().engine().until(live).await;
}
