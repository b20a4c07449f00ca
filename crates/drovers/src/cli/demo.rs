//! `drovers demo`: a hub with something to see, for who has neither keys nor OpenCode.
//!
//! A scripted model speaks behind a real OpenCode where there is one, else behind a scripted one. Everything is in a
//! temporary folder that is gone afterwards; nothing leaves this machine and nothing of the user's is touched.

mod acts;
mod stage;

use std::path::PathBuf;
use std::sync::Arc;

use clap::Args;
use hub::instances::NewInstance;
use hub::registry::Login;
use hub::secret::Secret;
use hub::workspace::binary;
use hub::{Hub, HubOptions};
use model::ids::InstanceId;
use rand::Rng;
use rand::distr::Alphanumeric;
use scripted::model::{Model, ModelOptions, Voice};
use scripted::opencode::{FakeOptions, FakeServer};
use tokio::time::timeout;

use super::up::How;
use crate::api::Api;
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
    let options = HubOptions {
        journal: args.how.keep(),
        ..HubOptions::new(launcher)
    };
    let notice = "This is a demo: the agents follow a script, and all is gone once it ends. Say anything to them";
    let (notices, asks) = (vec![Arc::from(notice)], args.how.asks());
    let serving = Serving::start(stage.data_dir()?, listen, options, notices, asks).await?;
    let play = Play {
        api: serving.api()?,
        hub: serving.hub().clone(),
        project: stage.project().to_owned(),
        how: args.how,
    };
    // Beside the hub, so that it can be asked to end at any time.
    let playing = tokio::spawn(async move {
        if let Err(fault) = play.run(model).await {
            out::note(&fault.to_string());
        }
    });
    let ended = serving.until_asked_to_end().await;
    playing.abort();
    ended
}

fn program(args: &DemoArgs) -> Result<Option<PathBuf>, Fault> {
    match (&args.how.opencode, args.fake) {
        (_, true) => Ok(None),
        (Some(named), false) => binary::find(Some(named)).map(Some).map_err(Fault::usage),
        (None, false) => Ok(binary::find(None).ok()),
    }
}

/// What is played, and where.
struct Play {
    api: Api,
    hub: Hub,
    project: PathBuf,
    how: How,
}

impl Play {
    /// Plays on the real OpenCode if it is there in time, else on the scripted one. Goes on until it is dropped.
    async fn run(self, model: Option<Model>) -> Result<(), Fault> {
        if let Some(_model) = model {
            self.hub.trust(&self.project).map_err(Fault::failed)?;
            let id = self.add(NewInstance::Folder(self.project.clone())).await?;
            match timeout(limits::REAL_OPENCODE, self.begin(&id)).await {
                Ok(Ok(())) => return self.go_on(&id).await,
                Ok(Err(fault)) => out::note(&fault.to_string()),
                Err(_late) => out::note(
                    "OpenCode is not ready in time: the demo goes on with the built-in imitation",
                ),
            }
            let hub = self.hub.clone();
            // Its end may take as long as its start.
            tokio::spawn(async move { hub.remove(&id).await });
        }
        let password: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(32)
            .map(char::from)
            .collect();
        let options = FakeOptions {
            directory: self.project.to_string_lossy().into_owned(),
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
        let id = self
            .add(NewInstance::Url {
                url: fake.url.clone(),
                login: Some(login),
            })
            .await?;
        self.begin(&id).await?;
        self.go_on(&id).await
    }

    async fn add(&self, new: NewInstance) -> Result<InstanceId, Fault> {
        let added = self
            .hub
            .add(new, Some("demo"))
            .await
            .map_err(Fault::failed)?;
        Ok(added.id().clone())
    }

    async fn begin(&self, id: &InstanceId) -> Result<(), Fault> {
        let live = |state: &model::State| {
            state
                .instances
                .get(id)
                .is_some_and(model::state::Instance::is_live)
        };
        self.hub.engine().until(live).await;
        acts::play(&self.api, id.as_str()).await
    }

    async fn go_on(&self, id: &InstanceId) -> Result<(), Fault> {
        self.how.show(&self.api, &format!("/i/{id}")).await;
        std::future::pending().await
    }
}
