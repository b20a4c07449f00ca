//! The demo on the built-in imitation of OpenCode 2: one service for all folders of the demo.

use hub::instances::NewInstance;
use hub::registry::Login;
use hub::secret::Secret;
use rand::Rng;
use rand::distr::Alphanumeric;
use scripted::model::DefaultReply;
use scripted::opencode2::{Options, Server};
use tokio::time::sleep;

use super::acts::{self, Place};
use super::{Play, RATE};
use crate::fault::Fault;
use crate::{limits, out};

impl Play {
    /// Plays on one service. Goes on until it is dropped.
    pub(super) async fn run_service(self) -> Result<(), Fault> {
        let password: String = rand::rng()
            .sample_iter(Alphanumeric)
            .take(32)
            .map(char::from)
            .collect();
        let folder = self.projects.first();
        let options = Options {
            directory: folder.map_or_else(String::new, |path| path.to_string_lossy().into_owned()),
            password: Some(password.clone()),
            rate: RATE,
            voice: DefaultReply::Book(&acts::BOOK),
            seed: rand::rng().random(),
            ..Options::default()
        };
        let service = Server::start(options).await.map_err(Fault::failed)?;
        let new = NewInstance::Url {
            url: service.url().to_owned(),
            login: Some(Login {
                username: hub::workspace::USERNAME.to_owned(),
                password: Secret::new(password.clone()),
            }),
        };
        let added = self.hub.add(new, Some("OpenCode 2")).await;
        let id = added.map_err(Fault::failed)?.id().clone();
        let places = self.projects.iter().map(|project| Place {
            instance: id.to_string(),
            directory: Some(project.to_string_lossy().into_owned()),
        });
        let places: Vec<_> = places.collect();
        self.live(std::slice::from_ref(&id)).await;
        acts::play(&self.api, &places).await?;
        // The service dies before the viewer's eyes, and its work can be continued.
        let dies = async {
            sleep(limits::DEMO_DEATH).await;
            service.kill().await;
            let port = service.port();
            match service.restart(port, Some(password)).await {
                Ok(again) => Some(again),
                Err(error) => {
                    let text = format!("the service of the demo did not come back: {error}");
                    out::note(&text);
                    None
                }
            }
        };
        let (shown, _again) = tokio::join!(self.go_on(), dies);
        shown
    }
}
