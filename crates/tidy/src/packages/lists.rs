//! The lists of a release: a bill of materials in CycloneDX, and the licences of third parties as a document.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use anyhow::Result;
use serde::Deserialize;
use serde_json::{Value, json};

use super::{Metadata, Package};

/// Names of files with a licence begin so, in any case.
const LICENSE_FILES: [&str; 4] = ["license", "licence", "copying", "notice"];

#[derive(Deserialize)]
struct Lock {
    package: Vec<Locked>,
}

#[derive(Deserialize)]
struct Locked {
    name: String,
    version: String,
    checksum: Option<String>,
}

/// The bill of materials of a program in CycloneDX 1.5, with the hashes of `Cargo.lock`. The same input gives the same bytes.
///
/// # Errors
/// The text of `Cargo.lock` has another form.
pub fn bill_of_materials(metadata: &Metadata, program: &str, lock: &str) -> Result<Value> {
    let lock: Lock = toml::from_str(lock)?;
    let sums: BTreeMap<_, _> = lock
        .package
        .iter()
        .filter_map(|one| Some(((&*one.name, &*one.version), one.checksum.as_deref()?)))
        .collect();
    let shipped = metadata.shipped(program);
    let known: BTreeSet<_> = shipped.iter().map(|package| &*package.id).collect();
    let purls: BTreeMap<_, _> = shipped
        .iter()
        .map(|package| (&*package.id, purl(package)))
        .collect();
    let components = shipped.iter().map(|package| component(package, &sums));
    let dependencies = metadata
        .edges()
        .into_iter()
        .filter(|(id, _)| known.contains(id));
    let dependencies = dependencies.map(|(id, on)| {
        let on: BTreeSet<_> = on.into_iter().filter_map(|on| purls.get(on)).collect();
        json!({"ref": purls.get(id), "dependsOn": on})
    });
    let own = metadata
        .packages
        .iter()
        .find(|package| package.name == program);
    Ok(json!({
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {
            "type": "application",
            "name": program,
            "version": own.map(|package| &package.version),
            "licenses": [{"expression": own.and_then(|package| package.license.as_ref())}],
        }},
        "components": components.collect::<Vec<_>>(),
        "dependencies": dependencies.collect::<Vec<_>>(),
    }))
}

fn purl(package: &Package) -> String {
    format!("pkg:cargo/{}@{}", package.name, package.version)
}

fn component(package: &Package, sums: &BTreeMap<(&str, &str), &str>) -> Value {
    let mut component = json!({
        "type": "library",
        "bom-ref": purl(package),
        "name": package.name,
        "version": package.version,
        "purl": purl(package),
    });
    if let Some(license) = &package.license {
        let expression = license.replace('/', " OR ");
        component["licenses"] = json!([{"expression": expression}]);
    }
    if let Some(sum) = sums.get(&(&*package.name, &*package.version)) {
        component["hashes"] = json!([{"alg": "SHA-256", "content": sum}]);
    }
    if let Some(repository) = &package.repository {
        component["externalReferences"] = json!([{"type": "vcs", "url": repository}]);
    }
    component
}

/// The packages of a program with their licences, and each text of a licence once, as Markdown.
///
/// # Errors
/// The files of a package cannot be read.
pub fn third_party(metadata: &Metadata, program: &str) -> Result<String> {
    let mut document = "# Third parties\n\nThe program contains these packages. Their texts of licences follow.\n\n\
                        | package | version | licence |\n| --- | --- | --- |\n"
        .to_owned();
    let mut texts: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for package in metadata.shipped(program) {
        let license = package.license.as_deref().unwrap_or("see below");
        let name = match &package.repository {
            Some(at) if at.starts_with("https://") => format!("[{}]({at})", package.name),
            _ => package.name.clone(),
        };
        document += &format!("| {name} | {} | {license} |\n", package.version);
        let folder = package.manifest_path.parent().unwrap_or(Path::new("."));
        for text in license_texts(folder)? {
            let of = format!("{} {}", package.name, package.version);
            texts.entry(text).or_default().push(of);
        }
    }
    for (text, mut packages) in texts {
        packages.dedup();
        let indented = text
            .lines()
            .map(|line| format!("    {line}").trim_end().to_owned() + "\n");
        document += &format!(
            "\n## {}\n\n{}",
            packages.join(", "),
            indented.collect::<String>()
        );
    }
    Ok(document)
}

fn license_texts(folder: &Path) -> Result<BTreeSet<String>> {
    let mut texts = BTreeSet::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path
            .file_name()
            .unwrap_or_default()
            .to_string_lossy()
            .to_lowercase();
        let named = LICENSE_FILES.iter().any(|begins| name.starts_with(begins));
        if named && path.is_file() {
            let text = String::from_utf8_lossy(&fs::read(&path)?).replace("\r\n", "\n");
            texts.insert(text.trim_end().to_owned());
        }
    }
    Ok(texts)
}
