//! Files of figures: one for each subject, with the program and the machine that were measured, and charts beside it.

use std::path::Path;
use std::time::SystemTime;

use anyhow::{Context, Result};
use jiff::Timestamp;

use super::Section;
use crate::measure::machine_line;

/// The command, the program and the machine that figures come from.
#[derive(Clone, Debug)]
pub struct Origin {
    command: String,
    program: String,
    machine: String,
    at: String,
}

impl Origin {
    /// The origin of figures that a command measures now of a program.
    ///
    /// # Errors
    /// The program does not exist, or does not print its version.
    pub fn now(command: &str, program: &Path) -> Result<Self> {
        let version = std::process::Command::new(program)
            .arg("--version")
            .output()
            .with_context(|| format!("{} cannot be run", program.display()))?;
        let version = String::from_utf8_lossy(&version.stdout).trim().to_owned();
        let built = std::fs::metadata(program)?.modified()?;
        Ok(Self {
            command: command.to_owned(),
            program: format!("{version}, built {}", day(built)?),
            machine: machine_line(),
            at: day(SystemTime::now())?,
        })
    }

    /// A document with a title, this origin, and what was measured.
    #[must_use]
    pub fn document(&self, title: &str, body: &str) -> String {
        let Self {
            command,
            program,
            machine,
            at,
        } = self;
        let body = body.trim_end();
        format!(
            "# {title}\n\nWritten by `{command}` on {at} UTC. Program: {program}. Machine: {machine}.\n\n{body}\n"
        )
    }
}

/// Writes a section and its charts into a folder.
pub(crate) fn write(section: &Section, origin: &Origin, folder: &Path) -> Result<()> {
    std::fs::create_dir_all(folder)?;
    let mut body = section.body();
    for chart in &section.charts {
        let file = format!("{}.svg", chart.name);
        std::fs::write(folder.join(&file), chart.svg())?;
        body.push_str(&format!("\n![{}]({file})\n", chart.title));
    }
    let file = folder.join(file_name(section.title));
    Ok(std::fs::write(file, origin.document(section.title, &body))?)
}

/// The name of a subject's file: `Fan-out` is in `fan-out.md`.
fn file_name(title: &str) -> String {
    format!("{}.md", title.to_lowercase().replace(' ', "-"))
}

fn day(at: SystemTime) -> Result<String> {
    Ok(Timestamp::try_from(at)?
        .strftime("%Y-%m-%d %H:%M")
        .to_string())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::report::{Chart, Line, Table};

    #[test]
    fn a_subject_has_a_file_with_its_origin_its_tables_and_its_charts() {
        let origin = Origin {
            command: "bench run start".into(),
            program: "drovers 0.1.0".into(),
            machine: "2 cores".into(),
            at: "2026-01-02 03:04".into(),
        };
        let mut table = Table::new(["until", "ms"]);
        table.row(["the first answer".into(), "19.1".into()]);
        let mut section = Section::new("Memory of viewers", "200 viewers.".into());
        section.tables.push(table);
        section.charts.push(Chart {
            name: "by-viewers",
            title: "CPU by viewers".into(),
            x: "viewers",
            y: "µs",
            lines: vec![Line {
                name: "CPU".into(),
                points: vec![(1.0, 2.0)],
            }],
        });
        let folder = tempfile::tempdir().unwrap();
        write(&section, &origin, folder.path()).unwrap();
        let text = std::fs::read_to_string(folder.path().join("memory-of-viewers.md")).unwrap();
        assert_eq!(
            text,
            "# Memory of viewers\n\nWritten by `bench run start` on 2026-01-02 03:04 UTC. Program: drovers 0.1.0. \
             Machine: 2 cores.\n\n200 viewers.\n\n| until            | ms   |\n| ---------------- | ---- |\n\
             | the first answer | 19.1 |\n\n![CPU by viewers](by-viewers.svg)\n"
        );
        let chart = std::fs::read_to_string(folder.path().join("by-viewers.svg")).unwrap();
        assert!(chart.starts_with("<svg"));
    }
}
