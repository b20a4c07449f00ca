//! Shell completion of the names of sessions and instances, from the running hub.

use std::ffi::OsStr;
use std::path::PathBuf;
use std::sync::OnceLock;
use std::time::Duration;

use clap_complete::engine::{ArgValueCompleter, CompletionCandidate};
use hub::datadir::DataDir;

use crate::api::Api;
use crate::{census, limits, out};

/// The environment variable that asks the program for completions, and names the shell.
pub(crate) const VARIABLE: &str = "COMPLETE";

/// The data directory of the hub that is asked, where it is not the default.
static DATA_DIR: OnceLock<PathBuf> = OnceLock::new();

/// True if a shell asks this process for completions.
pub(crate) fn is_asked() -> bool {
    std::env::var_os(VARIABLE).is_some()
}

/// Asks the hub of this data directory.
pub(crate) fn set_data_dir(path: PathBuf) {
    // Called once, before a shell gets its reply.
    let _set = DATA_DIR.set(path);
}

/// Completes a session: by its title where a shell takes that as one word, in the form that it takes, else by its id with the title beside.
pub(crate) fn sessions() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let names = asked(async |api| {
            let sessions = census::all_sessions(&api).await.ok()?.into_iter();
            let shown = sessions.filter(|place| !place.session.time.is_archived());
            let names = shown.map(|place| (place.session.id.clone(), place.session.title.clone()));
            Some(names.collect())
        });
        candidates(&names, current, escapes())
    })
}

/// Completes an instance, in the same way.
pub(crate) fn instances() -> ArgValueCompleter {
    ArgValueCompleter::new(|current: &OsStr| {
        let names = asked(async |api| {
            let instances = api.instances().await.ok()?.into_iter();
            let names = instances.map(|instance| (instance.id.clone(), instance.name.clone()));
            Some(names.collect())
        });
        candidates(&names, current, escapes())
    })
}

/// The reply of the hub within [`limits::COMPLETION`]; empty without a hub, as a shell shows no errors while a person types.
fn asked(ask: impl AsyncFnOnce(Api) -> Option<Vec<(String, String)>>) -> Vec<(String, String)> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build();
    let Ok(runtime) = runtime else {
        return Vec::new();
    };
    let names = runtime.block_on(async {
        let dir = DATA_DIR.get().cloned();
        let dir = dir.or_else(|| DataDir::default_path().ok())?;
        let api = Api::of(&dir).ok()?;
        tokio::time::timeout(limits::COMPLETION, ask(api))
            .await
            .ok()?
    });
    runtime.shutdown_timeout(Duration::ZERO);
    names.unwrap_or_default()
}

/// True for a shell that inserts what it is given as it is. The others quote it themselves.
fn escapes() -> bool {
    std::env::var_os(VARIABLE).is_some_and(|shell| shell == "bash")
}

/// The candidates whose id or name begins with the typed text, which may be quoted or escaped as far as it is typed.
fn candidates(
    names: &[(String, String)],
    current: &OsStr,
    escapes: bool,
) -> Vec<CompletionCandidate> {
    let typed = current.to_string_lossy();
    let quoted = typed.starts_with(['"', '\'']);
    let typed = typed.trim_matches(['"', '\'']).replace('\\', "");
    let typed = typed.as_str();
    let lower = typed.to_lowercase();
    let unique = |name: &str| names.iter().filter(|(_, other)| other == name).count() == 1;
    let candidate = |(id, name): &(String, String)| {
        let by_id = id.starts_with(typed);
        let by_name = name.to_lowercase().starts_with(&lower);
        let value = match by_name && is_plain(name) && unique(name) {
            true => name.as_str(),
            false => id.as_str(),
        };
        let offered = (by_id || by_name) && is_plain(value);
        let value = match escapes && !quoted {
            true => value.replace(' ', "\\ "),
            false => value.to_owned(),
        };
        offered.then(|| CompletionCandidate::new(value).help(Some(out::one_line(name).into())))
    };
    names.iter().filter_map(candidate).collect()
}

/// True for words that mean themselves in every shell once their spaces are quoted, and move no cursor.
fn is_plain(word: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-' | '.' | ',' | ' ');
    let ends = word.starts_with(['-', ' ']) || word.ends_with(' ') || word.contains("  ");
    !word.is_empty() && !ends && word.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_offered_where_a_shell_takes_it_and_an_id_otherwise() {
        let names = [
            ("ses_1", "Paint"),
            ("ses_2", "Paint the roof"),
            ("ses_3", "$(reboot)"),
            ("ses_4", "Twice"),
            ("ses_5", "Twice"),
            ("ses 6;reboot", "x y"),
        ];
        let names = names.map(|(id, name)| (id.to_owned(), name.to_owned()));
        let offered_to = |typed: &str, escapes: bool| -> Vec<String> {
            let offered = candidates(&names, OsStr::new(typed), escapes).into_iter();
            offered
                .map(|one| one.get_value().to_string_lossy().into_owned())
                .collect()
        };
        let offered = |typed: &str| offered_to(typed, false);
        assert_eq!(offered("pai"), ["Paint", "Paint the roof"]);
        // As bash wants it, also where a person typed on, or began with a quote.
        assert_eq!(offered_to("pai", true), ["Paint", "Paint\\ the\\ roof"]);
        assert_eq!(offered_to("Paint\\ t", true), ["Paint\\ the\\ roof"]);
        assert_eq!(offered_to("\"Paint t", true), ["Paint the roof"]);
        assert_eq!(offered("twi"), ["ses_4", "ses_5"]);
        assert_eq!(offered("$("), ["ses_3"]);
        assert_eq!(offered("ses_1"), ["ses_1"]);
        assert_eq!(offered("x"), ["x y"]);
        assert_eq!(offered("ses 6"), [""; 0]);
        assert_eq!(offered("").len(), 6);
    }
}
