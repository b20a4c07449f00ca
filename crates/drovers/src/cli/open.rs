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
/// Runs `opencode attach` on the server that the hub runs in the folder. What happens there is on the page as well.
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
    login: Option<Credentials>,
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
    let mut client = vec!["attach".to_owned(), url.to_string()];
    if let Some(folder) = &instance.folder {
        client.extend(["--dir".to_owned(), folder.clone()]);
    }
    if let Some(session) = session {
        // The program would read a folder that begins with a dash as an option.
        if session.starts_with('-') {
            return Err(Fault::failed(format!(
                "`{}` is not the id of a session that can be opened",
                out::one_line(&session)
            )));
        }
        client.extend(["--session".to_owned(), session]);
    }
    Ok(Client {
        program,
        args: client,
        login,
    })
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
        // In the environment, which other users cannot read; a command line they can.
        if let Some(login) = &self.login {
            command
                .env("OPENCODE_SERVER_USERNAME", &login.username)
                .env("OPENCODE_SERVER_PASSWORD", &login.password);
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
