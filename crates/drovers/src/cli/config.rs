//! `drovers config`: the configuration file, and where each value came from.

use clap::{Args, Subcommand};

use super::Setting;
use super::configuration::{self, Configuration, KEYS, Source, Value};
use crate::fault::Fault;
use crate::out::{self, Colour};

/// Check or show the configuration: the file, the environment, and the defaults
///
/// A flag precedes the environment, the environment the file, and the file the default. docs/configuration.md lists the options.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  drovers config check\n  drovers config show --json")]
pub(crate) struct ConfigArgs {
    #[command(subcommand)]
    what: ConfigCommand,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Check the file and the environment; the exit code is 2 if a place makes no sense
    Check {
        /// Print {"ok", "path", "problems": [{"place", "text"}], "unknown_variables"} as JSON
        #[arg(long)]
        json: bool,
    },
    /// Show every option, its value, and where that came from
    Show {
        /// Print {"path", "options": [{"name", "value", "source", "place"}]} as JSON
        #[arg(long)]
        json: bool,
    },
    /// Print the path of the file
    Path {
        /// Print {"path", "exists"} as JSON
        #[arg(long)]
        json: bool,
    },
}

/// Runs a subcommand.
pub(crate) fn run(args: &ConfigArgs, setting: &Setting) -> Result<(), Fault> {
    let configuration = setting.configuration();
    match args.what {
        ConfigCommand::Check { json } => check(configuration, json),
        ConfigCommand::Show { json } => show(setting, json),
        ConfigCommand::Path { json: false } => out::line(&path(configuration)),
        ConfigCommand::Path { json: true } => out::json(&serde_json::json!({
            "path": path(configuration),
            "exists": configuration.exists(),
        })),
    }
}

fn path(configuration: &Configuration) -> String {
    let path = configuration.path().map(|path| path.display().to_string());
    path.unwrap_or_default()
}

fn check(configuration: &Configuration, json: bool) -> Result<(), Fault> {
    let unknown = configuration::unknown_variables();
    let problems = configuration.problems();
    if json {
        let list = problems
            .iter()
            .map(|problem| serde_json::json!({"place": problem.place, "text": problem.text}));
        out::json(&serde_json::json!({
            "ok": problems.is_empty(),
            "path": path(configuration),
            "problems": list.collect::<Vec<_>>(),
            "unknown_variables": unknown,
        }))?;
    } else {
        for problem in problems {
            out::line(&out::one_line(&problem.to_string()))?;
        }
        for name in &unknown {
            let variables = KEYS.map(|key| key.variable());
            let known = variables.iter().map(String::as_str);
            let meant = configuration::nearest(name, known);
            let meant = meant.map(|meant| format!(". Did you mean {meant}?"));
            let meant = meant.unwrap_or_default();
            out::line(&out::one_line(&format!("{name} is no option{meant}")))?;
        }
    }
    match problems.len() {
        0 if json => Ok(()),
        0 if configuration.exists() => out::line(&format!("{} is valid", path(configuration))),
        0 => out::line(&format!(
            "there is no {}: the defaults apply",
            path(configuration)
        )),
        1 => Err(Fault::usage("1 problem in the configuration")),
        many => Err(Fault::usage(format!(
            "{many} problems in the configuration"
        ))),
    }
}

fn show(setting: &Setting, json: bool) -> Result<(), Fault> {
    let configuration = setting.configuration();
    let values = KEYS.map(|key| {
        (
            key.name,
            setting
                .flag_value(&key)
                .unwrap_or_else(|| configuration.value(&key)),
        )
    });
    if json {
        let options = values.iter().map(|(name, value)| {
            let (source, place) = words(configuration, &value.source);
            serde_json::json!({"name": name, "value": value.text, "source": source, "place": place})
        });
        return out::json(&serde_json::json!({
            "path": path(configuration),
            "options": options.collect::<Vec<_>>(),
        }));
    }
    let rows = values.iter().map(|(name, Value { text, source })| {
        let (word, place) = words(configuration, source);
        let place = place.unwrap_or_else(|| word.to_owned());
        vec![
            (*name).to_owned(),
            out::one_line(text),
            out::paint(Colour::Dim, &place),
        ]
    });
    for line in out::columns(&rows.collect::<Vec<_>>()) {
        out::line(&line)?;
    }
    configuration.whole()
}

/// The kind of a source, and its place.
fn words(configuration: &Configuration, source: &Source) -> (&'static str, Option<String>) {
    match source {
        Source::Flag(name) => ("flag", Some(format!("--{name}"))),
        Source::Environment(name) => ("environment", Some(name.clone())),
        Source::File(line) => ("file", Some(format!("{}:{line}", path(configuration)))),
        Source::Default => ("default", None),
    }
}
