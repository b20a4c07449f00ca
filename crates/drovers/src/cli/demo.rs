//! `drovers demo`: a hub with scripted agents, for people without keys or OpenCode.
//!
//! A scripted model replies behind a real OpenCode if one is installed, else behind a scripted one. Everything is in a
//! temporary folder that is removed at the end; nothing leaves this machine and no data of the user is touched.

mod acts;
mod repository;
mod service;
mod stage;

use std::path::{Path, PathBuf};
use std::sync::Arc;

use clap::Args;
use hub::instances::NewInstance;
use hub::registry::{InstanceChange, Login};
use hub::secret::Secret;
use hub::workspace::binary;
use hub::{Hub, HubOptions};
use model::ids::InstanceId;
use rand::Rng;
use rand::distr::Alphanumeric;
use rustix::process::{Pid, Signal, kill_process};
use scripted::model::{DefaultReply, Model, ModelOptions};
use scripted::opencode::{FakeOptions, FakeServer};
use tokio::time::{sleep, timeout};

use super::Setting;
use super::up::StartOptions;
use crate::api::Api;
use crate::fault::Fault;
use crate::serving::{self, Notices, Serving};
use crate::{limits, out};
use acts::Place;
use stage::Stage;

/// Tokens a second: a pace that can be read along.
const RATE: f64 = 30.0;

/// Show live sessions of a scripted model: no keys, no network, nothing of yours is touched
///
/// Runs behind the OpenCode that is installed, else behind a built-in imitation. Everything is in a temporary folder,
/// which is removed at the end.
#[derive(Debug, Args)]
#[command(after_help = "Example:\n  drovers demo")]
pub(crate) struct DemoArgs {
    #[command(flatten)]
    how: StartOptions,
    /// Use the built-in imitation of OpenCode even if the real one is installed
    #[arg(long, conflicts_with = "opencode")]
    fake: bool,
    /// Use the built-in imitation of OpenCode 2, which is written from its contract (2.1.2): one service for all folders
    #[arg(long, conflicts_with_all = ["opencode", "fake"])]
    v2: bool,
}

/// Starts a hub in a temporary folder, and the scripted agents.
pub(crate) async fn run(args: DemoArgs, setting: &Setting) -> Result<(), Fault> {
    let how = args.how.completed(setting.configuration());
    let args = DemoArgs { how, ..args };
    let program = program(&args)?;
    let stage = Stage::build().map_err(|error| {
        Fault::cannot_start(format!(
            "cannot create a temporary folder: {error}. Set TMPDIR to another folder"
        ))
    })?;
    let model = match &program {
        Some(_) => Some(
            stage
                .model(ModelOptions {
                    rate: RATE,
                    voice: DefaultReply::Book(&acts::BOOK),
                    port: 0,
                })
                .await?,
        ),
        None => None,
    };
    let launcher = stage.launcher(serving::launcher(program)?);
    let reach = args.how.reach()?;
    let options = HubOptions {
        journal: args.how.keep(),
        offers_servers: false,
        ..HubOptions::new(launcher)
    };
    let notice = "This is a demo: the agents follow a script, and everything is deleted when the demo ends. Send them any prompt";
    let notices = Notices {
        always: vec![Arc::from(notice)],
        ..Notices::default()
    };
    let asks = args.how.asks();
    let serving = Serving::start(stage.data_dir()?, reach, options, notices, asks).await?;
    let play = Play {
        api: serving.api()?,
        hub: serving.hub().clone(),
        projects: stage.projects().to_vec(),
        how: args.how,
    };
    // Beside the hub, so that it can be asked to end at any time.
    let is_second = args.v2;
    let playing = tokio::spawn(async move {
        let played = match is_second {
            true => play.run_service().await,
            false => play.run(model).await,
        };
        if let Err(fault) = played {
            out::note(&fault.to_string());
        }
    });
    let ended = serving.until_asked_to_end().await;
    playing.abort();
    ended.map(drop)
}

fn program(args: &DemoArgs) -> Result<Option<PathBuf>, Fault> {
    match (&args.how.opencode, args.fake || args.v2) {
        (_, true) => Ok(None),
        (Some(named), false) => binary::find(Some(named)).map(Some).map_err(Fault::usage),
        (None, false) => Ok(binary::find(None).ok()),
    }
}

/// Script of the demo, and its temporary folders.
struct Play {
    api: Api,
    hub: Hub,
    projects: Vec<PathBuf>,
    how: StartOptions,
}

impl Play {
    /// Plays on the real OpenCode if it is there in time, else on the scripted one. Goes on until it is dropped.
    async fn run(self, model: Option<Model>) -> Result<(), Fault> {
        if let Some(_model) = model {
            let ids = self.add_folders().await?;
            match timeout(limits::REAL_OPENCODE, self.begin(&ids)).await {
                Ok(Ok(())) => {
                    let (shown, ()) = tokio::join!(self.go_on(), self.kill_a_server(&ids));
                    return shown;
                }
                Ok(Err(fault)) => out::note(&fault.to_string()),
                Err(_late) => out::note(
                    "OpenCode was not ready in time; the demo uses the built-in simulation",
                ),
            }
            self.remove_all(ids).await?;
        }
        let mut fakes = Vec::new();
        let mut ids = Vec::new();
        for project in &self.projects {
            let (fake, id) = self.fake(project).await?;
            fakes.push(fake);
            ids.push(id);
        }
        self.begin(&ids).await?;
        // One server dies before the viewer's eyes, and its work can be continued.
        let dies = async {
            sleep(limits::DEMO_DEATH).await;
            if let Some(fake) = fakes.get(1)
                && let Err(error) = fake.restart().await
            {
                out::note(&format!(
                    "the server of the demo did not come back: {error}"
                ));
            }
        };
        let (shown, ()) = tokio::join!(self.go_on(), dies);
        shown
    }

    /// Removes instances without waiting for the end of their servers, which may take as long as a start. Their names are free at once.
    async fn remove_all(&self, ids: Vec<InstanceId>) -> Result<(), Fault> {
        for id in ids {
            let change = InstanceChange {
                name: Some(format!("{id} (OpenCode)")),
                ..InstanceChange::default()
            };
            self.hub.change(&id, change).await.map_err(Fault::failed)?;
            let hub = self.hub.clone();
            tokio::spawn(async move {
                if let Err(error) = hub.remove(&id).await {
                    tracing::debug!(%error, %id, "an instance of the demo stays");
                }
            });
        }
        Ok(())
    }

    /// Kills the server of one folder after a while. The hub starts it again, and its work can be continued.
    async fn kill_a_server(&self, ids: &[InstanceId]) {
        sleep(limits::DEMO_DEATH).await;
        let source = ids.get(1).and_then(|id| self.hub.source(id));
        let pid = source.and_then(|source| source.pid());
        let pid = pid.and_then(|pid| Pid::from_raw(i32::try_from(pid).ok()?));
        if let Some(pid) = pid
            && let Err(error) = kill_process(pid, Signal::KILL)
        {
            tracing::debug!(%error, "the server of the demo goes on");
        }
    }

    async fn add_folders(&self) -> Result<Vec<InstanceId>, Fault> {
        let mut ids = Vec::new();
        for project in &self.projects {
            self.hub.trust(project).map_err(Fault::failed)?;
            ids.push(self.add(NewInstance::Folder(project.clone())).await?);
        }
        Ok(ids)
    }

    async fn fake(&self, project: &Path) -> Result<(FakeServer, InstanceId), Fault> {
        let password: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(32)
            .map(char::from)
            .collect();
        let name = project.file_name().unwrap_or_default().to_string_lossy();
        let options = FakeOptions {
            directory: project.to_string_lossy().into_owned(),
            password: Some(password.clone()),
            rate: RATE,
            voice: DefaultReply::Book(&acts::BOOK),
            seed: rand::rng().random(),
            ..FakeOptions::default()
        };
        let fake = FakeServer::start(options).await.map_err(Fault::failed)?;
        let login = Login {
            username: "opencode".to_owned(),
            password: Secret::new(password),
        };
        let url = fake.url.clone();
        let new = NewInstance::Url {
            url,
            login: Some(login),
        };
        let added = self
            .hub
            .add(new, Some(&name))
            .await
            .map_err(Fault::failed)?;
        Ok((fake, added.id().clone()))
    }

    async fn add(&self, new: NewInstance) -> Result<InstanceId, Fault> {
        let added = self.hub.add(new, None).await.map_err(Fault::failed)?;
        Ok(added.id().clone())
    }

    /// Waits until instances are connected.
    async fn live(&self, ids: &[InstanceId]) {
        let live = |state: &model::State| {
            ids.iter().all(|id| {
                let instance = state.instances.get(id);
                instance.is_some_and(model::state::Instance::is_live)
            })
        };
        self.hub.engine().until(live).await;
    }

    async fn begin(&self, ids: &[InstanceId]) -> Result<(), Fault> {
        self.live(ids).await;
        let places = ids.iter().map(|id| Place {
            instance: id.to_string(),
            directory: None,
        });
        acts::play(&self.api, &places.collect::<Vec<_>>()).await
    }

    async fn go_on(&self) -> Result<(), Fault> {
        self.how.show(&self.api, "/").await;
        std::future::pending().await
    }
}
