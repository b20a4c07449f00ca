//! What the configuration of a folder starts, by name and command line, for the person who is asked whether they trust it.
//!
//! Read to be shown, and bounded: what cannot be read is named, so that nobody takes its absence for safety.

use std::fmt;
use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use model::plain;
use serde_json::{Map, Value};

use super::super::limits;

/// What would be started.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Starts {
    /// A line each: what it is, its name, and its command line.
    lines: Vec<String>,
    /// How many lines did not fit.
    more: usize,
    /// Files that are too long, or are no configuration that was understood.
    unread: Vec<PathBuf>,
}

impl Starts {
    /// Reads the files and folders that would be loaded. Blocks on the disk.
    pub(super) fn of(loads: &[PathBuf]) -> Self {
        let mut starts = Self::default();
        for path in loads {
            let is_file = path.extension().is_some();
            match is_file {
                true => match configuration(path) {
                    Some(found) => starts.configured(&found),
                    None => starts.unread.push(path.clone()),
                },
                false => starts.programs(path),
            }
        }
        starts
    }

    fn add(&mut self, what: &str, name: &str, command: &str) {
        if self.lines.len() >= limits::STARTS {
            self.more += 1;
            return;
        }
        let colon = if command.is_empty() { "" } else { ": " };
        let line = format!("{what} {name}{colon}{command}");
        self.lines.push(plain::line(&line, limits::START_CHARS));
    }

    fn configured(&mut self, found: &Map<String, Value>) {
        for (name, server) in fields(found.get("mcp")) {
            let remote = server.get("url").and_then(Value::as_str);
            let command = command(server).or(remote.map(str::to_owned));
            self.add("MCP server", name, &command.unwrap_or_default());
        }
        for key in ["plugin", "plugins"] {
            for plugin in found
                .get(key)
                .and_then(Value::as_array)
                .into_iter()
                .flatten()
            {
                let name = plugin
                    .as_str()
                    .map_or_else(|| plugin.to_string(), str::to_owned);
                self.add("plugin", &name, "");
            }
        }
        for (key, what) in [("lsp", "language server"), ("formatter", "formatter")] {
            for (name, one) in fields(found.get(key)) {
                let is_off = one.get("disabled") == Some(&Value::Bool(true));
                if let Some(command) = command(one).filter(|_| !is_off) {
                    self.add(what, name, &command);
                }
            }
        }
        let hooks = found.get("experimental").and_then(|own| own.get("hook"));
        for (name, hook) in fields(hooks) {
            let mut commands = Vec::new();
            hooked(hook, &mut commands);
            for command in commands {
                self.add("hook", name, &command);
            }
        }
    }

    /// The programs of a folder of plugins or tools; folders of texts start nothing by themselves.
    fn programs(&mut self, folder: &Path) {
        let kind = folder.file_name().unwrap_or_default().to_string_lossy();
        let what = match &*kind {
            "plugin" | "plugins" => "plugin",
            "tool" | "tools" => "tool",
            _ => return,
        };
        let Ok(entries) = fs::read_dir(folder) else {
            return self.unread.push(folder.to_owned());
        };
        let names = entries.take(limits::STARTS * 2).filter_map(Result::ok);
        let mut names: Vec<_> = names.map(|entry| entry.file_name()).collect();
        names.sort();
        for name in names {
            self.add(what, &name.to_string_lossy(), "");
        }
    }
}

impl fmt::Display for Starts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.lines.is_empty() {
            f.write_str(". That starts:")?;
        }
        for line in &self.lines {
            write!(f, "\n• {line}")?;
        }
        if self.more > 0 {
            write!(f, "\n• and {} more", self.more)?;
        }
        for path in &self.unread {
            let path = plain::line(&path.display().to_string(), limits::START_CHARS);
            write!(f, "\n• what {path} starts is not known: look at it")?;
        }
        Ok(())
    }
}

/// The entries of an object.
fn fields(object: Option<&Value>) -> impl Iterator<Item = (&String, &Value)> {
    object.and_then(Value::as_object).into_iter().flatten()
}

/// A command line: a list of words, or a text.
fn command(of: &Value) -> Option<String> {
    match of.get("command")? {
        Value::String(line) => Some(line.clone()),
        Value::Array(words) => {
            let words = words.iter().filter_map(Value::as_str);
            // It is read, not run: a word that begins with a dash is no option of anything here.
            let bare = |word| plain::argument(word).trim_start_matches("-- ").to_owned();
            Some(words.map(bare).collect::<Vec<_>>().join(" "))
        }
        _ => None,
    }
}

/// Every command below a hook, which has lists of them, some by file pattern.
fn hooked(hook: &Value, found: &mut Vec<String>) {
    found.extend(command(hook));
    match hook {
        Value::Array(all) => all.iter().for_each(|one| hooked(one, found)),
        Value::Object(all) if !all.contains_key("command") => {
            all.values().for_each(|one| hooked(one, found));
        }
        _ => {}
    }
}

/// A configuration file, with comments or without.
fn configuration(path: &Path) -> Option<Map<String, Value>> {
    let file = File::open(path).ok()?;
    let mut text = String::new();
    let most = limits::CONFIGURATION_BYTES;
    file.take(most + 1).read_to_string(&mut text).ok()?;
    if text.len() as u64 > most {
        return None;
    }
    match serde_json::from_str(&bare(&text)).ok()? {
        Value::Object(found) => Some(found),
        _ => None,
    }
}

/// JSON without comments and without commas before a closing bracket.
fn bare(text: &str) -> String {
    let mut bare = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let taken = match c {
            '"' => string(rest),
            '/' if rest.starts_with("//") => {
                rest = rest.find('\n').map_or("", |end| &rest[end..]);
                continue;
            }
            '/' if rest.starts_with("/*") => {
                rest = rest[2..].find("*/").map_or("", |end| &rest[end + 4..]);
                continue;
            }
            ']' | '}' => {
                let end = bare.trim_end().len();
                if bare[..end].ends_with(',') {
                    bare.truncate(end - 1);
                }
                c.len_utf8()
            }
            _ => c.len_utf8(),
        };
        bare.push_str(&rest[..taken]);
        rest = &rest[taken..];
    }
    bare
}

/// The length of the string that a text begins with, with its quotes.
fn string(text: &str) -> usize {
    let mut escaped = false;
    let end = text[1..].find(|c| match (c, escaped) {
        ('"', false) => true,
        _ => {
            escaped = c == '\\' && !escaped;
            false
        }
    });
    end.map_or(text.len(), |end| end + 2)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn starts(text: &str) -> Starts {
        let home = tempfile::tempdir().unwrap();
        let file = home.path().join("opencode.jsonc");
        fs::write(&file, text).unwrap();
        Starts::of(&[file])
    }

    #[test]
    fn each_program_is_named_with_its_command_line() {
        let found = starts(
            r#"{
                // A comment with a "quote".
                "mcp": {
                    "db": {"type": "local", "command": ["npx", "-y", "db mcp"]},
                    "far": {"type": "remote", "url": "https://example.org/mcp"}, /* far */
                },
                "plugin": ["opencode-notify@1"],
                "lsp": {"own": {"command": ["./server", "--stdio"]}, "rust": {"disabled": true}},
                "formatter": {"tidy": {"command": ["sh", "-c", "rm // x"]}, "off": {"command": ["x"], "disabled": true}},
                "experimental": {"hook": {"file_edited": {"*.ts": [{"command": ["./after"]}]}}},
            }"#,
        );
        let lines = [
            "MCP server db: npx -y 'db mcp'",
            "MCP server far: https://example.org/mcp",
            "plugin opencode-notify@1",
            "language server own: ./server --stdio",
            "formatter tidy: sh -c 'rm // x'",
            "hook file_edited: ./after",
        ];
        assert_eq!(found.lines, lines);
        assert!(
            found
                .to_string()
                .starts_with(". That starts:\n• MCP server db")
        );
    }

    #[test]
    fn what_is_shown_is_bounded_and_plain_and_what_is_not_known_is_said() {
        let many: Map<String, Value> = (0..limits::STARTS + 3)
            .map(|at| {
                (
                    format!("s{at}"),
                    serde_json::json!({"command": ["x\u{1b}[2J\u{202e}"]}),
                )
            })
            .collect();
        let found = starts(&serde_json::json!({ "mcp": many }).to_string());
        assert_eq!((found.lines.len(), found.more), (limits::STARTS, 3));
        let text = found.to_string();
        assert!(!text.contains('\u{1b}') && !text.contains('\u{202e}'));
        assert!(text.ends_with("and 3 more"), "{text}");
        let long = format!(r#"{{"plugin": ["{}"]}}"#, "x".repeat(10_000));
        assert!(starts(&long).lines[0].chars().count() <= limits::START_CHARS + 1);
        let spaces = " ".repeat(usize::try_from(limits::CONFIGURATION_BYTES).unwrap());
        for broken in ["{", "[]", &format!("{{{spaces}}}"), "{\"a\": \"", "/*"] {
            assert!(starts(broken).to_string().contains("is not known"));
        }
        assert_eq!(starts("{}").to_string(), "");
    }

    #[test]
    fn programs_in_folders_are_named() {
        let home = tempfile::tempdir().unwrap();
        let plugins = home.path().join(".opencode/plugin");
        let agents = home.path().join(".opencode/agent");
        for folder in [&plugins, &agents] {
            fs::create_dir_all(folder).unwrap();
            fs::write(folder.join("own.ts"), "").unwrap();
        }
        assert_eq!(Starts::of(&[plugins, agents]).lines, ["plugin own.ts"]);
    }
}
