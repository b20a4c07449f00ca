//! `drovers folder`: folders of the hub's machine, and how servers are started in them.

use std::path::{Path, PathBuf};
use std::str::FromStr;

use clap::builder::PossibleValuesParser;
use clap::{Args, Subcommand};
use hub::workspace::Folder;
use model::state::Colour;

use super::Setting;
use super::bytes::{Bytes, mebibytes};
use crate::api::{Api, FolderLevel, Instance, InstanceChange, ListedFolder};
use crate::fault::Fault;
use crate::out::{self, one_line};
use crate::{census, complete};

/// List and create folders on the machine of the hub, and set how OpenCode is started in one
///
/// The page shows the same when you open a folder. `drovers FOLDER` runs OpenCode in one.
#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  drovers folder ls ~/code\n  drovers folder new ~/code/shop\n  drovers folder set ~/code/shop --name Shop --colour teal --env ANTHROPIC_API_KEY"
)]
pub(crate) struct FolderArgs {
    #[command(subcommand)]
    what: FolderCommand,
}

#[derive(Debug, Subcommand)]
enum FolderCommand {
    /// List the folders in a folder; without one your home folder and recently used folders
    Ls {
        /// The folder
        path: Option<PathBuf>,
        /// Only names with this in them, in any case
        #[arg(
            long,
            value_name = "TEXT",
            default_value = "",
            hide_default_value = true
        )]
        filter: String,
        /// Also list folders whose name begins with a dot
        #[arg(long)]
        hidden: bool,
        /// Print one JSON object
        #[arg(long)]
        json: bool,
    },
    /// Create a new, empty folder and print its path
    New {
        /// The folder; the one above it must exist
        path: PathBuf,
    },
    /// Show name, colour, place, environment variables, arguments, program and limit of memory of a folder
    ///
    /// Values of variables are never shown.
    Show {
        /// The folder, or the name or id of its instance
        #[arg(add = complete::instances())]
        which: String,
        /// Print the instance as JSON
        #[arg(long)]
        json: bool,
    },
    /// Set name, colour and place of a folder, and how OpenCode is started there from its next start on
    Set(SetArgs),
}

/// What is set; everything else stays as it is.
#[derive(Debug, Args)]
struct SetArgs {
    /// The folder, or the name or id of its instance
    #[arg(add = complete::instances())]
    which: String,
    /// Another name
    #[arg(long)]
    name: Option<String>,
    /// A colour, or `none`
    #[arg(long, value_parser = PossibleValuesParser::new(colours()))]
    colour: Option<String>,
    /// A place among the others, from 1: lower numbers come first; 0 for none
    #[arg(long, value_name = "NUMBER")]
    order: Option<u32>,
    /// An environment variable; without a value the one that this command has. May be repeated
    #[arg(long, value_name = "NAME[=VALUE]")]
    env: Vec<Variable>,
    /// Remove an environment variable; may be repeated
    #[arg(long, value_name = "NAME")]
    unset: Vec<String>,
    /// An argument after `opencode serve`, written as --arg=VALUE; replaces all that were set. May be repeated
    #[arg(long, value_name = "ARG", allow_hyphen_values = true)]
    arg: Vec<String>,
    /// Remove all arguments
    #[arg(long, conflicts_with = "arg")]
    no_args: bool,
    /// The OpenCode program of this folder
    #[arg(long, value_name = "PATH")]
    opencode: Option<PathBuf>,
    /// Use the hub's OpenCode program again
    #[arg(long, conflicts_with = "opencode")]
    hub_opencode: bool,
    /// Memory, such as 2G, beyond which the server of the folder is restarted once no session works there
    #[arg(long, value_name = "SIZE")]
    memory: Option<Bytes>,
    /// Remove the limit of memory
    #[arg(long, conflicts_with = "memory")]
    no_memory_limit: bool,
}

fn colours() -> Vec<&'static str> {
    let all = Colour::ALL.into_iter().map(Colour::name);
    all.chain(["none"]).collect()
}

/// An environment variable as a command line names it. Its value is never printed.
#[derive(Clone, PartialEq, Eq)]
struct Variable {
    name: String,
    value: String,
}

impl std::fmt::Debug for Variable {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}=***", self.name)
    }
}

impl FromStr for Variable {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if let Some((name, value)) = text.split_once('=') {
            let (name, value) = (name.to_owned(), value.to_owned());
            return Ok(Self { name, value });
        }
        match std::env::var(text) {
            Ok(value) => Ok(Self {
                name: text.to_owned(),
                value,
            }),
            Err(_) => Err(format!(
                "{text} is not set here. Write {text}=VALUE, or export it first"
            )),
        }
    }
}

/// Runs a folder command.
pub(crate) async fn run(args: FolderArgs, setting: &Setting) -> Result<(), Fault> {
    let api = Api::of(&setting.data_dir()?)?;
    match args.what {
        FolderCommand::Ls {
            path,
            filter,
            hidden,
            json,
        } => {
            let path = path.as_deref().map(whole).transpose()?;
            let level = api.folders(path.as_deref(), &filter, hidden).await?;
            match json {
                true => out::json(&level),
                false => list(&level),
            }
        }
        FolderCommand::New { path } => {
            let path = whole(&path)?;
            let path = Path::new(&path);
            let (Some(above), Some(name)) = (path.parent(), path.file_name()) else {
                return Err(Fault::usage("name the new folder, such as ~/code/shop"));
            };
            let (above, name) = (above.to_string_lossy(), name.to_string_lossy());
            let made = api.make_folder(&above, &name).await?;
            out::line(&one_line(&made.folder.unwrap_or_default()))
        }
        FolderCommand::Show { which, json } => {
            let instance = instance(&api, &which).await?;
            match json {
                true => out::json(&instance),
                false => facts(&instance).iter().try_for_each(|fact| out::line(fact)),
            }
        }
        FolderCommand::Set(args) => {
            let before = instance(&api, &args.which).await?;
            let change = change(args)?;
            let launches =
                !change.env.is_empty() || change.args.is_some() || change.opencode.is_some();
            let changed = api.change_instance(&before.id, &change).await?;
            for fact in facts(&changed) {
                out::line(&fact)?;
            }
            if launches {
                out::note(
                    "environment, arguments and program are used at the next start of its server",
                );
            }
            Ok(())
        }
    }
}

/// The instance of a folder, or the one with this name or id.
async fn instance(api: &Api, which: &str) -> Result<Instance, Fault> {
    if let Ok(folder) = Folder::resolve(Path::new(which)) {
        let all = api.instances().await?;
        let here = |one: &Instance| one.folder.as_deref() == Some(folder.as_str());
        if let Some(found) = all.into_iter().find(here) {
            return Ok(found);
        }
    }
    census::instance(api, which).await
}

fn change(args: SetArgs) -> Result<InstanceChange, Fault> {
    let variables = args.env.into_iter();
    let mut env: std::collections::BTreeMap<_, _> = variables
        .map(|variable| (variable.name, Some(variable.value)))
        .collect();
    env.extend(args.unset.into_iter().map(|name| (name, None)));
    let program = args.opencode.as_deref().map(whole).transpose()?;
    let change = InstanceChange {
        name: args.name,
        colour: args
            .colour
            .map(|name| Colour::named(&name).map(Colour::name)),
        order: args
            .order
            .map(|order| Some(order).filter(|order| *order > 0)),
        env,
        args: match (args.no_args, args.arg.is_empty()) {
            (true, _) => Some(Vec::new()),
            (false, false) => Some(args.arg),
            (false, true) => None,
        },
        opencode: match args.hub_opencode {
            true => Some(None),
            false => program.map(Some),
        },
        memory_limit: match args.no_memory_limit {
            true => Some(None),
            false => args.memory.map(|size| Some(size.0)),
        },
    };
    let nothing = change.name.is_none()
        && change.colour.is_none()
        && change.order.is_none()
        && change.env.is_empty()
        && change.args.is_none()
        && change.opencode.is_none()
        && change.memory_limit.is_none();
    match nothing {
        true => Err(Fault::usage(
            "name what to set, such as --name NAME. `drovers folder set --help` lists it",
        )),
        false => Ok(change),
    }
}

/// What is set for an instance, one line each.
fn facts(instance: &Instance) -> Vec<String> {
    let place = instance.folder.as_deref().or(instance.url.as_deref());
    let mut facts = vec![format!(
        "{}  {}",
        one_line(&instance.name),
        one_line(place.unwrap_or_default())
    )];
    let mut fact = |name: &str, value: Option<String>| {
        facts.extend(value.map(|value| format!("  {name}: {}", one_line(&value))));
    };
    fact("colour", instance.colour.clone());
    fact("place", instance.order.map(|order| order.to_string()));
    let launch = instance.launch.clone().unwrap_or_default();
    let list = |list: Vec<String>| Some(list.join(" ")).filter(|list| !list.is_empty());
    fact("environment", list(launch.env));
    fact("arguments", list(launch.args));
    fact("program", launch.opencode);
    fact("limit of memory", launch.memory_limit.map(mebibytes));
    facts
}

/// A path that does not depend on the folder of this process.
fn whole(path: &Path) -> Result<String, Fault> {
    let path = match path.starts_with("~") {
        true => path.to_owned(),
        false => std::path::absolute(path).map_err(Fault::usage)?,
    };
    let path = path.into_os_string().into_string();
    path.map_err(|_| Fault::usage("the path is not valid UTF-8"))
}

fn list(level: &FolderLevel) -> Result<(), Fault> {
    for folder in &level.folders {
        out::line(&row(folder))?;
    }
    if level.more > 0 {
        out::note(&format!(
            "{} more are not listed: use --filter TEXT",
            level.more
        ));
    }
    if level.cut {
        out::note("it has too many entries: the rest was not read");
    }
    if level.hidden > 0 {
        out::note(&format!("{} hidden: use --hidden", level.hidden));
    }
    Ok(())
}

fn row(folder: &ListedFolder) -> String {
    let mut facts = Vec::new();
    facts.extend(folder.place.as_deref().map(|place| match place {
        "home" => "home folder",
        "recent" => "recently used",
        _ => "top of the disk",
    }));
    facts.extend(folder.git.then_some("git repository"));
    let mut row = one_line(&folder.path);
    if let Some(target) = &folder.leads_to {
        row = format!("{row} → {}", one_line(target));
    }
    match facts.is_empty() {
        true => row,
        false => format!("{row}  {}", facts.join(", ")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_variable_has_its_value_or_takes_that_of_this_process() {
        let variable = |text: &str| text.parse::<Variable>();
        let given = variable("A=b=c").map(|one| (one.name, one.value));
        assert_eq!(given, Ok(("A".to_owned(), "b=c".to_owned())));
        assert!(variable("PATH").is_ok_and(|one| !one.value.is_empty()));
        assert!(variable("NO_SUCH_VARIABLE_HERE").is_err());
        let printed = variable("KEY=hush").map(|one| format!("{one:?}"));
        assert_eq!(printed, Ok("KEY=***".to_owned()));
    }

    #[test]
    fn a_row_says_what_a_folder_is_and_where_a_link_leads() {
        let folder = |place: Option<&str>, git, leads_to: Option<&str>| ListedFolder {
            name: "shop".to_owned(),
            path: "/code/shop".to_owned(),
            git,
            leads_to: leads_to.map(str::to_owned),
            place: place.map(str::to_owned),
        };
        assert_eq!(row(&folder(None, false, None)), "/code/shop");
        assert_eq!(
            row(&folder(Some("recent"), true, Some("/x\u{1b}[2J"))),
            "/code/shop → /x\u{241b}[2J  recently used, git repository"
        );
    }
}
