//! The agent of launchd, as a property list.

use super::{MARK, Plan, Program, words};
use crate::fault::Fault;

const LABEL: &str = "dev.drovers.hub";

/// The property list, and the commands of `launchctl`.
pub(super) fn plan(program: &Program) -> Result<Plan, Fault> {
    let home =
        std::env::home_dir().ok_or_else(|| Fault::failed("there is no home folder. Set HOME"))?;
    let file = home
        .join("Library/LaunchAgents")
        .join(format!("{LABEL}.plist"));
    let domain = format!("gui/{}", rustix::process::getuid().as_raw());
    let service = format!("{domain}/{LABEL}");
    let path = file.to_string_lossy().into_owned();
    Ok(Plan {
        content: list(program),
        install: vec![words(&["launchctl", "bootstrap", &domain, &path])],
        replace: vec![words(&["launchctl", "bootout", &service])],
        remove: vec![words(&["launchctl", "bootout", &service])],
        status: words(&["launchctl", "print", &service]),
        links: Vec::new(),
        says_no_quietly: false,
        advice: "`drovers link` prints a link for your browser",
        file,
    })
}

fn list(program: &Program) -> String {
    let command = [&program.path].into_iter().chain(&program.args);
    let command: String = command
        .map(|word| format!("    <string>{}</string>\n", escaped(word)))
        .collect();
    format!(
        r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<!-- {MARK}. -->
<plist version="1.0">
<dict>
  <key>Label</key>
  <string>{LABEL}</string>
  <key>ProgramArguments</key>
  <array>
{command}  </array>
  <key>EnvironmentVariables</key>
  <dict>
    <key>PATH</key>
    <string>{}</string>
  </dict>
  <key>RunAtLoad</key>
  <true/>
  <key>KeepAlive</key>
  <dict>
    <key>SuccessfulExit</key>
    <false/>
  </dict>
  <key>ThrottleInterval</key>
  <integer>10</integer>
  <key>AbandonProcessGroup</key>
  <true/>
</dict>
</plist>
"#,
        escaped(&program.search)
    )
}

fn escaped(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn texts_of_a_property_list_are_escaped() {
        let program = Program {
            path: "/a&b/<drovers>".to_owned(),
            args: vec!["up".to_owned()],
            search: "/bin".to_owned(),
        };
        let list = list(&program);
        assert!(
            list.contains("<string>/a&amp;b/&lt;drovers&gt;</string>\n    <string>up</string>")
        );
    }
}
