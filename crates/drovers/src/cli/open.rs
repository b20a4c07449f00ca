//! `drovers open`: OpenCode's own terminal client, on a server that the hub sees.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clap::Args;
use hub::datadir::Servers;
use hub::workspace::{Folder, binary, own_variables};
use model::ids::InstanceId;
use opencode::Credentials;
use tokio::time::{Instant, sleep};

use super::Setting;
use crate::api::{Api, Instance, Link, NewInstance};
use crate::census::{self, Target};
use crate::fault::Fault;
use crate::{limits, out, trust};

/// Open a folder or a session in OpenCode's terminal client, live in Drovers too
///
/// Runs `opencode attach` on the server that the hub runs in the folder; with a service of OpenCode 2 `opencode --server`. What happens
/// there is on the page as well.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  drovers open ~/code/shop\n  drovers open \"Fix the login\"")]
pub(crate) struct OpenArgs {
    /// A folder, or the id or title of a session [default: the current folder]
    target: Option<String>,
    /// The OpenCode program to run [default: `opencode` in PATH]
    #[arg(long, value_name = "PATH")]
    opencode: Option<PathBuf>,
    /// Trust the folder: OpenCode runs what its configuration tells it to (asked once otherwise)
    #[arg(long)]
    trust: bool,
}

/// A terminal client, ready to run.
#[derive(Debug)]
pub(crate) struct Client {
    program: PathBuf,
    args: Vec<String>,
    /// Variables for the client alone: other users cannot read them, as they can a command line.
    login: Vec<(&'static str, String)>,
}

/// What a client opens on a server.
#[derive(Debug, Default)]
struct Opened {
    /// Its folder, where it is known.
    folder: Option<String>,
    session: Option<String>,
}

/// Finds the server, starting one if the folder has none.
pub(crate) async fn find(args: OpenArgs, setting: &Setting) -> Result<Client, Fault> {
    let named = args.opencode.clone();
    let named = named.or_else(|| setting.configuration().opencode());
    let program = binary::find(named.as_deref()).map_err(Fault::usage)?;
    let data_dir = setting.data_dir()?;
    let api = Api::of(&data_dir)?;
    let (instance, session) = target(&api, args.target.as_deref(), args.trust).await?;
    let instance = connected(&api, instance).await?;
    let found = Servers::find(&data_dir, &InstanceId::new(instance.id.as_str()));
    let (url, login) = found.ok_or_else(|| {
        Fault::failed(format!(
            "the address of the server of {} is no longer in {}. Reconnect the server at {}, then try again",
            out::one_line(&instance.name), data_dir.display(), api.page(&instance.id, None)
        ))
    })?;
    let second = instance.has_many_folders();
    let opened = opened(&api, &instance, session).await?;
    Ok(Client {
        program,
        args: match second {
            true => of_a_service(url.as_str(), opened),
            false => of_a_server(url.as_str(), opened),
        },
        login: login.map_or_else(Vec::new, |login| variables(login, second)),
    })
}

/// The folder and the session that the client is to open.
async fn opened(api: &Api, instance: &Instance, session: Option<String>) -> Result<Opened, Fault> {
    // The program would read a name that begins with a dash as an option.
    if let Some(session) = session.as_ref().filter(|session| session.starts_with('-')) {
        return Err(Fault::failed(format!(
            "`{}` is not the id of a session that can be opened",
            out::one_line(session)
        )));
    }
    let folder = match &session {
        Some(session) if instance.has_many_folders() => {
            Some(api.session(&instance.id, session).await?.directory.clone())
        }
        _ => instance.serves.clone().or_else(|| instance.folder.clone()),
    };
    let folder = folder.filter(|folder| Path::new(folder).is_absolute());
    Ok(Opened { folder, session })
}

/// Arguments of version 1.
fn of_a_server(url: &str, Opened { folder, session }: Opened) -> Vec<String> {
    let mut args = vec!["attach".to_owned(), url.to_owned()];
    args.extend(
        folder
            .into_iter()
            .flat_map(|folder| ["--dir".to_owned(), folder]),
    );
    args.extend(
        session
            .into_iter()
            .flat_map(|id| ["--session".to_owned(), id]),
    );
    args
}

/// Arguments of version 2, from its contract.
fn of_a_service(url: &str, Opened { folder, session }: Opened) -> Vec<String> {
    let mut args = vec!["--server".to_owned(), url.to_owned()];
    args.extend(session.into_iter().flat_map(|id| ["-s".to_owned(), id]));
    args.extend(folder);
    args
}

fn variables(login: Credentials, second: bool) -> Vec<(&'static str, String)> {
    match second {
        true => vec![("OPENCODE_PASSWORD", login.password)],
        false => vec![
            ("OPENCODE_SERVER_USERNAME", login.username),
            ("OPENCODE_SERVER_PASSWORD", login.password),
        ],
    }
}

impl Client {
    /// Becomes the client: this process is its process from then on. Returns only if it cannot.
    ///
    /// # Errors
    /// The program cannot be run.
    pub(crate) fn become_client(self) -> Result<(), Fault> {
        let mut command = Command::new(&self.program);
        command.args(&self.args);
        for name in own_variables() {
            command.env_remove(name);
        }
        for (name, value) in &self.login {
            command.env(name, value);
        }
        let error = command.exec();
        Err(Fault::failed(format!(
            "{} cannot be run: {error}. Name another with `--opencode PATH`",
            self.program.display()
        )))
    }
}

/// The instance that is meant, and the session if one is.
async fn target(
    api: &Api,
    target: Option<&str>,
    trust: bool,
) -> Result<(Instance, Option<String>), Fault> {
    let path = Path::new(target.unwrap_or("."));
    if target.is_none() || path.is_dir() {
        let folder = Folder::resolve(path).map_err(Fault::usage)?;
        let new = NewInstance::Folder {
            folder: folder.as_str().to_owned(),
            trust,
        };
        return Ok((trust::add(api, new).await?, None));
    }
    match census::thing(api, target.unwrap_or_default()).await? {
        Target::Instance(instance) => Ok((instance, None)),
        Target::Session(place) => Ok((
            api.instance(&place.instance).await?,
            Some(place.session.id.clone()),
        )),
    }
}

/// An instance once it is connected.
///
/// # Errors
/// The instance does not connect within [`limits::OPEN`], or cannot connect.
pub(super) async fn connected(api: &Api, mut instance: Instance) -> Result<Instance, Fault> {
    let deadline = Instant::now() + limits::OPEN;
    loop {
        let reason = match instance.status {
            Link::Connected | Link::Stale => return Ok(instance),
            Link::Connecting if Instant::now() < deadline => None,
            Link::Connecting => Some("it is still connecting"),
            Link::Error | Link::Disconnected => {
                Some(instance.reason.as_deref().unwrap_or("it is not connected"))
            }
        };
        if let Some(reason) = reason {
            return Err(Fault::failed(format!(
                "cannot use {}: {}. Fix the cause, reconnect the server at {}, then try again",
                out::one_line(&instance.name),
                out::one_line(reason),
                api.page(&instance.id, None)
            )));
        }
        sleep(limits::LOOK_AGAIN).await;
        instance = api.instance(&instance.id).await?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opened() -> Opened {
        Opened {
            folder: Some("/home/ann/shop".to_owned()),
            session: Some("ses_1".to_owned()),
        }
    }

    #[test]
    fn each_version_is_run_by_its_own_words() {
        let url = "http://127.0.0.1:4096/";
        assert_eq!(
            of_a_server(url, opened()),
            [
                "attach",
                url,
                "--dir",
                "/home/ann/shop",
                "--session",
                "ses_1"
            ]
        );
        assert_eq!(
            of_a_service(url, opened()),
            ["--server", url, "-s", "ses_1", "/home/ann/shop"]
        );
        assert_eq!(of_a_service(url, Opened::default()), ["--server", url]);
    }

    #[test]
    fn the_password_is_in_the_variable_of_its_version() {
        let names = |second| {
            let variables = variables(Credentials::password("hush"), second);
            variables
                .into_iter()
                .map(|(name, _)| name)
                .collect::<Vec<_>>()
        };
        assert_eq!(names(true), ["OPENCODE_PASSWORD"]);
        assert_eq!(
            names(false),
            ["OPENCODE_SERVER_USERNAME", "OPENCODE_SERVER_PASSWORD"]
        );
    }
}
