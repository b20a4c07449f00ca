//! Dialogs, all native and closed until they are asked for.

use maud::{Markup, html};
use model::state::Instance;
use model::view::{Difference, READ_ONLY_AGENT};

use crate::language::{sentence, t};
use crate::limits;
use crate::settings::{Budget, QuietHours, Settings, word};
use crate::words::encode;

pub(super) fn dialogs(version: &str, adds: bool) -> Markup {
    html! {
        @if adds { (add()) }
        (palette())
        dialog #help aria-labelledby="help-title" {
            h2 #help-title tabindex="-1" autofocus { (t("Keys")) }
            // The client fills this list from its actions.
            div #keys {}
            p.quiet { "Drovers " (version) }
            form method="dialog" { div.row { button.main { (t("Close")) } } }
        }
        dialog #snooze aria-labelledby="snooze-title" {
            h2 #snooze-title { (t("Snooze")) }
            div.stack {
                button.main type="button" data-do="snooze" data-minutes="10" autofocus { (t("For 10 minutes")) }
                button type="button" data-do="snooze" data-minutes="60" { (t("For 1 hour")) }
                button type="button" data-do="snooze" data-minutes="tomorrow" { (t("Until tomorrow, 8:00")) }
                button type="button" data-do="snooze" data-minutes="0" { (t("Show it now")) }
            }
            form method="dialog" { div.row { button { (t("Cancel")) } } }
        }
        dialog #reject aria-labelledby="reject-title" {
            h2 #reject-title { (t("Reject")) }
            p #reject-what {}
            form data-do="reject" {
                label { (t("Reason, which the agent reads (optional)")) input name="message" type="text" dir="auto" autocomplete="off" enterkeyhint="send"; }
                div.row {
                    button.main type="submit" { (t("Reject")) }
                    button type="button" data-do="close" { (t("Cancel")) }
                }
            }
        }
        dialog #confirm aria-labelledby="confirm-text" {
            form method="dialog" {
                p #confirm-text {}
                div.row { button.main value="yes" { (t("Remove")) } button value="no" autofocus { (t("Keep")) } }
            }
        }
    }
}

/// Command palette. The client fills the list, because the actions are defined there.
fn palette() -> Markup {
    html! {
        dialog #palette aria-label=(t("Command palette")) {
            input #find type="text" role="combobox" aria-expanded="true" aria-controls="found" aria-autocomplete="list"
                aria-label=(t("Go to, or do")) placeholder=(t("Go to, or do")) autocomplete="off" spellcheck="false" autofocus;
            ul #found role="listbox" aria-label=(t("Commands, sessions and instances")) {}
            p #found-none.quiet role="status" hidden { (t("Nothing has this name.")) }
        }
    }
}

/// Options of a setting: stored value and label.
type Choices<'a> = &'a [(&'a str, &'a str)];

fn choice(name: &str, label: &str, chosen: &str, choices: Choices<'_>) -> Markup {
    html! {
        label { (label)
            select name=(name) { @for (value, words) in choices { option value=(value) selected[*value == chosen] { (words) } } }
        }
    }
}

fn check(name: &str, label: &str, value: Option<&str>, checked: bool) -> Markup {
    html! { label.check { input type="checkbox" name=(name) value=[value] checked[checked]; span { (label) } } }
}

/// The languages of the page, each in its own words.
fn languages() -> [(&'static str, &'static str); 4] {
    [
        ("auto", t("Same as the browser")),
        ("en", "English"),
        ("de", "Deutsch"),
        ("zh", "中文"),
    ]
}

/// Minute of the day in the format of a time field.
fn time(minute: u16) -> String {
    format!("{:02}:{:02}", minute / 60, minute % 60)
}

/// Settings dialog for a hub with these instances (id, name). The page fetches it when the dialog is opened.
pub fn settings_dialog(settings: &Settings, instances: &[(String, String)]) -> String {
    html! {
        dialog #settings aria-labelledby="settings-title" {
            h2 #settings-title { (t("Settings")) }
            p.quiet { (t("Drovers keeps these settings and applies them on every device.")) }
            form autocomplete="off" {
                (looks(settings))
                (notices(settings, instances))
                (budget(&settings.budget))
                p {
                    button type="button" data-do="devices" { (t("Devices")) } " "
                    button type="button" data-do="passkeys" { (t("Passkeys")) } " "
                    button type="button" data-do="log-out" { (t("Log out")) }
                }
                p.problem role="alert" hidden {}
                div.row { button.main type="button" data-do="close" { (t("Close")) } }
            }
        }
    }
    .into_string()
}

/// Dialog that starts a parallel run on an instance. The page fetches it when the dialog is opened.
pub fn parallel_dialog(instance: &Instance) -> String {
    let catalog = instance.catalog.as_ref();
    let agents = catalog.map_or(&[][..], |catalog| &catalog.agents);
    let models = catalog.map_or(&[][..], |catalog| &catalog.models);
    let read_only = agents.iter().any(|agent| &*agent.name == READ_ONLY_AGENT);
    let chosen = |nth: usize, name: &str| match read_only {
        true => name == READ_ONLY_AGENT,
        false => nth == 0,
    };
    html! {
        dialog #parallel aria-labelledby="parallel-title" {
            h2 #parallel-title { (t("Run in parallel")) }
            form data-do="run-parallel" autocomplete="off" {
                label { (t("Prompt")) textarea name="text" rows="3" dir="auto" required {} }
                fieldset {
                    legend { (t("Models")) }
                    input type="text" name="find" aria-label=(t("Filter models")) placeholder=(t("Filter")) autocomplete="off" spellcheck="false";
                    div.models {
                        @for model in models {
                            @let value = format!("{}/{}", model.id.provider, model.id.model);
                            (check("model", &format!("{} · {}", model.name, model.id.provider), Some(&value), false))
                        }
                    }
                }
                fieldset {
                    legend { (t("Agents")) }
                    @for (nth, agent) in agents.iter().enumerate() {
                        (check("agent", &agent.name, Some(&agent.name), chosen(nth, &agent.name)))
                    }
                }
                p.quiet {
                    (t("All runs work in one folder: agents that change files there write over each other.")) " "
                    @if read_only { (t("The agent plan changes no files.")) }
                }
                p.problem role="alert" hidden {}
                div.row {
                    button.main type="submit" { (t("Start")) }
                    button type="button" data-do="close" { (t("Cancel")) }
                }
            }
        }
    }
    .into_string()
}

fn looks(settings: &Settings) -> Markup {
    html! {
        fieldset {
            legend { (t("Page")) }
            (choice("language", t("Language"), &word(settings.language), &languages()))
            (choice("theme", t("Colours"), &word(settings.theme), &[("auto", t("Same as the device")), ("light", t("Light")), ("dark", t("Dark"))]))
            (choice("density", t("Rows"), &word(settings.density), &[("comfortable", t("Comfortable")), ("compact", t("Dense"))]))
            (choice("size", t("Text"), &word(settings.size),
                &[("small", t("Small")), ("usual", t("Usual")), ("large", t("Large")), ("largest", t("Largest"))]))
            (choice("busy_enter", t("Enter while a session runs"), &word(settings.busy_enter),
                &[("queue", t("Send after this turn")), ("steer", t("Steer now"))]))
            (check("key_bar", t("Show keys at the bottom"), None, settings.key_bar.0))
        }
    }
}

fn notices(settings: &Settings, instances: &[(String, String)]) -> Markup {
    let notify = &settings.notify;
    let quiet = notify.quiet.unwrap_or(QuietHours {
        from: 22 * 60,
        until: 7 * 60,
    });
    let told = |id: &str| !notify.muted.iter().any(|muted| muted.as_str() == id);
    html! {
        fieldset {
            legend { (t("Notifications")) }
            p.quiet data-leave {}
            button type="button" data-ask-leave hidden { (t("Allow notifications in this browser")) }
            (check("push", t("Notifications on this device when Drovers is closed"), None, false))
            (check("push_buttons", t("With buttons to allow once or reject, where all of a request fits; on a locked screen, too"), None, false))
            p.quiet data-push hidden {}
            (check("needs", t("When something needs you"), None, notify.needs))
            (check("failed", t("When a session fails"), None, notify.failed))
            (check("finished", t("When a session finishes"), None, notify.finished))
            (check("quiet", t("Quiet hours, without notifications"), None, notify.quiet.is_some()))
            div.row.hours {
                label { (t("From")) input type="time" name="from" value=(time(quiet.from)); }
                label { (t("Until")) input type="time" name="until" value=(time(quiet.until)); }
            }
            @if !instances.is_empty() {
                p { (t("From these instances:")) }
                @for (id, name) in instances { (check("told", name, Some(id), told(id))) }
            }
        }
    }
}

/// Limits of cost and time. An empty field is no limit.
fn budget(budget: &Budget) -> Markup {
    let dollars = |cents: u64| match cents {
        0 => String::new(),
        cents => format!("{}.{:02}", cents / 100, cents % 100),
    };
    let minutes = |minutes: u64| match minutes {
        0 => String::new(),
        minutes => minutes.to_string(),
    };
    html! {
        fieldset {
            legend { (t("Limits")) }
            p.quiet { (t("A running session over a limit is shown under “Needs you”, again at each multiple. Empty: no limit.")) }
            (number("session_cost", t("Cost of a session, in $"), &dollars(budget.session_cost), "0.01", limits::BUDGET_CENTS / 100))
            (number("day_cost", t("Cost of a day, in $"), &dollars(budget.day_cost), "0.01", limits::BUDGET_CENTS / 100))
            (number("turn_minutes", t("Time of a turn, in minutes"), &minutes(budget.turn_minutes), "1", limits::BUDGET_MINUTES))
            (number("day_minutes", t("Time of all turns of a day, in minutes"), &minutes(budget.day_minutes), "1", limits::BUDGET_MINUTES))
            (check("stop", t("Also stop a session over a limit"), None, budget.stop))
            (check("stop_circles", t("Also stop a session that goes in circles"), None, budget.stop_circles))
        }
    }
}

fn number(name: &str, label: &str, value: &str, step: &str, most: u64) -> Markup {
    html! { label { (label) input type="number" name=(name) value=(value) min="0" max=(most) step=(step) inputmode="decimal" placeholder="–"; } }
}

/// Dialog with the result of a comparison of a session (instance, session) with its server, of which so many messages were compared.
pub fn comparison_dialog(
    instance: &str,
    session: &str,
    messages: usize,
    differences: &[Difference],
) -> String {
    let title = match differences.len() {
        0 => t("Same as its server").to_owned(),
        many => t!(
            "{n} difference from its server",
            "{n} differences from its server",
            n = many
        ),
    };
    let compared = t!(
        "{n} message, its status and its requests are the same.",
        "{n} messages, the status and the requests are the same.",
        n = messages
    );
    let url = format!(
        "/api/instances/{}/sessions/{}/reread",
        encode(instance),
        encode(session)
    );
    html! {
        dialog #compared aria-labelledby="compared-title" data-same=[differences.is_empty().then_some(&*compared)] {
            h2 #compared-title { (title) }
            ul { @for one in differences { li { (difference(one)) } } }
            @if !differences.is_empty() {
                p.quiet { (t("Drovers can read the session again, so that it shows what the server has. Nothing changes on the server.")) }
            }
            p.problem role="alert" hidden {}
            div.row {
                @if !differences.is_empty() {
                    button.main type="button" data-do="reread" data-url=(url) { (t("Use the server's")) }
                }
                button type="button" data-do="close" { (t("Close")) }
            }
        }
    }
    .into_string()
}

/// A difference as a sentence.
fn difference(one: &Difference) -> String {
    let place = match (&one.message, &one.part) {
        (None, _) => t("The session").to_owned(),
        (Some(message), None) => t!("Message {message}", message = message),
        (Some(message), Some(part)) => {
            t!(
                "Part {part} of message {message}",
                part = part,
                message = message
            )
        }
    };
    let field = sentence(&one.field);
    match (&one.here, &one.server) {
        (None, Some(server)) => t!(
            "{place}: {field} is missing here; the server has {server}.",
            place = place,
            field = field,
            server = server
        ),
        (Some(here), None) => t!(
            "{place}: {field} is not on the server; Drovers has {here}.",
            place = place,
            field = field,
            here = here
        ),
        (here, server) => t!(
            "{place}: {field} is {here} here and {server} on the server.",
            place = place,
            field = field,
            here = here.as_deref().unwrap_or(t("nothing")),
            server = server.as_deref().unwrap_or(t("nothing"))
        ),
    }
}

/// The dialog that adds an instance. The client puts the folders of the hub's machine into it.
fn add() -> Markup {
    html! {
        dialog #add aria-labelledby="add-title" {
            h2 #add-title { (t("Add an instance")) }
            form data-do="add" {
                label { (t("Folder, or address of an OpenCode server"))
                    input name="place" type="text" required autocomplete="off" spellcheck="false"
                        placeholder=(t("~/project or http://127.0.0.1:4096"));
                }
                label { (t("Name (optional)")) input name="name" type="text" autocomplete="off"; }
                fieldset {
                    label { (t("Server user name (optional)")) input name="username" type="text" autocomplete="off" placeholder="opencode"; }
                    label { (t("Server password (optional)")) input name="password" type="password" autocomplete="off"; }
                }
                p.problem role="alert" hidden {}
                div.row {
                    button.main type="submit" { (t("Add")) }
                    button type="button" data-do="close" { (t("Cancel")) }
                }
            }
        }
    }
}
