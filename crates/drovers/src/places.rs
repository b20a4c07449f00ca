//! Folders and servers as a command line names them: read before anything is started, so that a slip changes nothing.

use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use hub::registry::{Login, ServerUrl};
use hub::secret::Secret;
use hub::workspace::{Folder, FolderError, binary};
use opencode::client2::{self, Found};
use opencode::{Client, ClientError, Credentials, Http};
use tokio::time::timeout;

use crate::api::NewInstance;
use crate::fault::Fault;
use crate::{limits, out};

/// Environment variable with the password of attached servers.
const PASSWORD: &str = "DROVERS_PASSWORD";
const USERNAME: &str = "DROVERS_USERNAME";

/// Folders and servers that a command line names.
#[derive(Debug, Default)]
pub(crate) struct Places {
    pub(crate) folders: Vec<Folder>,
    pub(crate) servers: Vec<Attached>,
    /// Whether the background service of OpenCode 2 is meant.
    pub(crate) service: bool,
}

/// A server that runs already.
#[derive(Debug)]
pub(crate) struct Attached {
    url: ServerUrl,
    login: Option<Login>,
}

impl Places {
    /// Reads them.
    ///
    /// # Errors
    /// A folder does not exist, an address is none, or has credentials in it.
    pub(crate) fn read(folders: &[PathBuf], urls: &[String], service: bool) -> Result<Self, Fault> {
        let folders = folders.iter().map(|path| folder(path));
        let login = login_in_environment()?;
        let servers = urls.iter().map(|url| {
            let url = ServerUrl::parse(url).map_err(|error| refused(&error))?;
            Ok(Attached {
                url,
                login: login.clone(),
            })
        });
        Ok(Self {
            folders: folders.collect::<Result<_, _>>()?,
            servers: servers.collect::<Result<_, Fault>>()?,
            service,
        })
    }

    /// True if none was named.
    pub(crate) fn is_empty(&self) -> bool {
        self.folders.is_empty() && self.servers.is_empty() && !self.service
    }

    /// Asks each server who it is, and the person for a password where one is missing and a person is there.
    ///
    /// A server that is only unreachable, or rejects the login, is reported and stays: the hub retries.
    ///
    /// # Errors
    /// One address is not an OpenCode server.
    pub(crate) async fn ask(&mut self) -> Result<(), Fault> {
        for answer in join_all(self.servers.iter_mut().map(Attached::ask)).await {
            answer?;
        }
        Ok(())
    }

    /// In the format of the hub; `trust` if a person confirmed that the folders are trusted.
    pub(crate) fn instances(self, trust: bool) -> Vec<NewInstance> {
        let folders = self.folders.into_iter().map(|folder| NewInstance::Folder {
            folder: folder.as_str().to_owned(),
            trust,
        });
        let servers = self.servers.into_iter().map(|server| NewInstance::Url {
            url: server.url.to_string(),
            username: server.login.as_ref().map(|login| login.username.clone()),
            password: server
                .login
                .as_ref()
                .map(|login| login.password.reveal().to_owned()),
        });
        let service = self
            .service
            .then_some(NewInstance::Service { service: true });
        folders.chain(servers).chain(service).collect()
    }
}

impl Attached {
    async fn ask(&mut self) -> Result<(), Fault> {
        let mut answer = self.probe().await;
        if let Err(ClientError::Unauthorized { .. }) = answer
            && self.login.is_none()
            && let Some(password) = ask_password(&self.url).await
        {
            self.login = Some(login(None, password));
            answer = self.probe().await;
        }
        let Err(error) = answer else { return Ok(()) };
        match error {
            ClientError::NotOpenCode { .. } => Err(Fault::usage(format!(
                "{error}. `opencode serve` prints the address of one"
            ))),
            ClientError::V2NotSpoken { .. } => {
                Err(Fault::usage(format!("{error}. {}", binary::SERVE_V1)))
            }
            ClientError::Redirect { .. } | ClientError::BadAddress { .. } => {
                Err(Fault::usage(error))
            }
            ClientError::Unauthorized { .. } => {
                out::note(&format!(
                    "{error}. Give it in {PASSWORD} (and {USERNAME}, if it is not `opencode`): \
                     {PASSWORD}=… drovers --attach {}",
                    self.url
                ));
                Ok(())
            }
            _ => {
                out::note(&format!(
                    "{error}. The server is added and Drovers keeps retrying. Start it, or check the address"
                ));
                Ok(())
            }
        }
    }

    async fn probe(&self) -> Result<(), ClientError> {
        let credentials = self.login.as_ref().map(|login| Credentials {
            username: login.username.clone(),
            password: login.password.reveal().to_owned(),
        });
        probe(self.url.as_url().clone(), credentials).await
    }
}

/// Checks that an OpenCode server at the address accepts our login.
///
/// # Errors
/// No server listens there, or it is another program, or it rejects the login.
pub(crate) async fn probe(
    url: url::Url,
    credentials: Option<Credentials>,
) -> Result<(), ClientError> {
    let http = Http::new()?;
    let client = Client::new(http.clone(), url.clone(), credentials.clone())?;
    let server = client.base().to_string();
    let late = |after: Duration| ClientError::Timeout {
        server: server.clone(),
        after,
    };
    let spoken = timeout(limits::PROBE, client.probe(limits::PROBE)).await;
    match spoken.map_err(|_| late(limits::PROBE))?? {
        opencode::SpokenDialect::V2 { version } => {
            let given = credentials.is_some();
            let service = client2::Client::new(http, url, credentials)?;
            let found = timeout(limits::PROBE, service.probe(limits::PROBE)).await;
            match found.map_err(|_| late(limits::PROBE))? {
                Ok(Found::V2(_)) => Ok(()),
                Ok(Found::Locked { .. }) => Err(ClientError::Unauthorized { server, given }),
                Err(client2::Error::Client(error)) => Err(error),
                Ok(_) | Err(_) => Err(ClientError::V2NotSpoken { server, version }),
            }
        }
        opencode::SpokenDialect::V1 { .. } | opencode::SpokenDialect::Sketch => Ok(()),
    }
}

fn folder(path: &Path) -> Result<Folder, Fault> {
    Folder::resolve(path).map_err(|error| {
        // A single word may have been meant otherwise.
        let word = matches!(error, FolderError::Missing(_)) && path.components().count() == 1;
        let also = if word {
            ". Run `drovers --help` for the commands"
        } else {
            ""
        };
        Fault::usage(format!("{error}{also}"))
    })
}

fn refused(error: &hub::registry::ServerUrlError) -> Fault {
    match error {
        hub::registry::ServerUrlError::Credentials => Fault::usage(format!(
            "the address after `--attach` must not contain a user name or password: everybody on this machine can \
             read command lines. Give them in {USERNAME} and {PASSWORD}"
        )),
        error => Fault::usage(format!("`--attach`: {error}")),
    }
}

fn login(username: Option<String>, password: String) -> Login {
    Login {
        username: username.unwrap_or_else(|| Credentials::DEFAULT_USERNAME.to_owned()),
        password: Secret::new(password),
    }
}

fn login_in_environment() -> Result<Option<Login>, Fault> {
    let read = |name: &str| match std::env::var(name) {
        Ok(value) => Ok(Some(value).filter(|value| !value.is_empty())),
        Err(std::env::VarError::NotPresent) => Ok(None),
        Err(std::env::VarError::NotUnicode(_)) => {
            Err(Fault::usage(format!("{name} is not valid UTF-8")))
        }
    };
    match (read(USERNAME)?, read(PASSWORD)?) {
        (username, Some(password)) => Ok(Some(login(username, password))),
        (Some(_), None) => Err(Fault::usage(format!(
            "{USERNAME} is set and {PASSWORD} is not. Set both, or neither"
        ))),
        (None, None) => Ok(None),
    }
}

/// Asks the person in front of the terminal. None if there is none, or they say nothing.
async fn ask_password(url: &ServerUrl) -> Option<String> {
    if !std::io::IsTerminal::is_terminal(&std::io::stdin()) {
        return None;
    }
    let question = format!("Password of the OpenCode server at {url}: ");
    let asked = tokio::task::spawn_blocking(move || rpassword::prompt_password(question)).await;
    asked.ok()?.ok().filter(|password| !password.is_empty())
}
