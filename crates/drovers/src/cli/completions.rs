//! `drovers completions`: what a shell needs to complete commands and names.

use clap::{Args, ValueEnum};
use clap_complete::env::Shells;

use crate::complete::VARIABLE;
use crate::fault::Fault;
use crate::out;

/// Print the completion script of a shell: commands, options, and names of sessions
#[derive(Debug, Args)]
#[command(after_help = "Examples, for the shell's own start-up file:\n  \
    bash: source <(drovers completions bash)\n  \
    zsh:  source <(drovers completions zsh)\n  \
    fish: drovers completions fish | source")]
pub(crate) struct CompletionsArgs {
    /// The shell
    shell: Shell,
    /// Print {"shell", "script"} as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum Shell {
    Bash,
    Zsh,
    Fish,
}

/// Prints.
pub(crate) fn run(args: &CompletionsArgs) -> Result<(), Fault> {
    let name = match args.shell {
        Shell::Bash => "bash",
        Shell::Zsh => "zsh",
        Shell::Fish => "fish",
    };
    let shells = Shells::builtins();
    let shell = shells
        .completer(name)
        .ok_or_else(|| Fault::failed(format!("there are no completions for {name}")))?;
    let mut script = Vec::new();
    shell
        .write_registration(VARIABLE, "drovers", "drovers", "drovers", &mut script)
        .map_err(Fault::failed)?;
    let script = String::from_utf8(script).map_err(Fault::failed)?;
    match args.json {
        true => out::json(&serde_json::json!({"shell": name, "script": script})),
        false => out::script(&script),
    }
}
