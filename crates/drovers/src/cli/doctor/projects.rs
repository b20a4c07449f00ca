//! The folders of the instances: whether they exist, are projects, and are trusted.

use std::path::Path;

use hub::registry::{Origin, Registry};
use hub::workspace::{Folder, Trust};
use model::plain;

use super::Finding;
use crate::limits;

const CHECK: &str = "folders";

/// Checks the folders of a data directory, as it is on the disk.
pub(super) fn check(data_dir: &Path) -> Vec<Finding> {
    let instances = match Registry::look(data_dir) {
        Ok(instances) => instances,
        Err(error) => return vec![Finding::of_message(CHECK, &error.to_string())],
    };
    let folders: Vec<Folder> = instances
        .into_iter()
        .filter_map(|instance| match instance.origin {
            Origin::Folder(folder) => Some(folder),
            Origin::Url(_) | Origin::Service(_) => None,
        })
        .collect();
    if folders.is_empty() {
        return vec![Finding::note(CHECK, "no folder was added yet")];
    }
    let trust = match Trust::look(data_dir, folders.clone()) {
        Ok(trust) => trust,
        Err(error) => {
            let text = format!("the list of trusted folders cannot be read: {error}");
            return vec![Finding::problem(
                CHECK,
                text,
                "check the permissions of trusted.json",
            )];
        }
    };
    let findings = folders.iter().flat_map(|folder| problem(folder, &trust));
    let mut findings: Vec<_> = findings.take(limits::DOCTOR_FOLDERS).collect();
    if findings.is_empty() {
        let text = match folders.len() {
            1 => "1 folder, trusted".to_owned(),
            many => format!("{many} folders, trusted"),
        };
        findings.push(Finding::ok(CHECK, text));
    }
    findings
}

fn problem(folder: &Folder, trust: &Trust) -> Option<Finding> {
    let shown = plain::argument(folder.as_str());
    if let Err(error) = folder.check() {
        return Some(Finding::of_message(CHECK, &error.to_string()));
    }
    if !trust.has(folder) {
        let text = format!("{folder} is not trusted: no server starts there");
        let next = format!("look at its configuration, then run `drovers {shown} --trust`");
        return Some(Finding::warning(CHECK, text, next));
    }
    if !folder.is_project() {
        let text = format!("{folder} is not the top of a project");
        return Some(Finding::note(CHECK, text));
    }
    None
}
