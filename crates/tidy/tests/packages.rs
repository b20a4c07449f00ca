//! Licences, bans and sources of the packages, and the lists of a release.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Result, bail};
use tidy::packages::{Metadata, POLICY, Policy, bill_of_materials, satisfied, third_party};
use tidy::root;

#[test]
fn packages_have_allowed_licences_and_come_from_the_registry() -> Result<()> {
    let policy = Policy::parse(&fs::read_to_string(root().join(POLICY))?)?;
    let metadata = Metadata::read(&root())?;
    assert!(metadata.packages.len() > 100, "the graph is not read");
    let broken = policy.broken(&metadata);
    if !broken.is_empty() {
        bail!("{}", broken.join("\n"));
    }
    Ok(())
}

#[test]
fn what_the_policy_does_not_allow_is_found() -> Result<()> {
    let policy = Policy::parse("licenses.allow = [\"MIT\"]\nbans.deny = [{ crate = \"b\" }]")?;
    let registry = "registry+https://github.com/rust-lang/crates.io-index";
    let package = |name: &str, license: Option<&str>, source: Option<&str>| {
        serde_json::json!({
            "id": name, "name": name, "version": "1.0.0", "license": license, "source": source,
            "repository": null, "manifest_path": "/x/Cargo.toml",
        })
    };
    let metadata: Metadata = serde_json::from_value(serde_json::json!({
        "packages": [
            package("a", Some("GPL-3.0-only"), Some(registry)),
            package("b", Some("MIT"), Some(registry)),
            package("c", None, Some(registry)),
            package("d", Some("MIT"), Some("git+https://example.com/d")),
            package("ours", None, None),
        ],
        "resolve": {"nodes": []},
    }))?;
    let broken = policy.broken(&metadata).join("\n");
    for words in [
        "a 1.0.0 has the licence",
        "b 1.0.0 is banned",
        "c 1.0.0 names no",
        "d 1.0.0 is from",
    ] {
        assert!(broken.contains(words), "{words}: {broken}");
    }
    assert_eq!(broken.lines().count(), 4);
    Ok(())
}

#[test]
fn expressions_of_licences_are_evaluated() -> Result<()> {
    let allowed: BTreeSet<_> = ["MIT", "Apache-2.0 WITH LLVM-exception", "ISC"]
        .map(str::to_owned)
        .into();
    for (expression, expected) in [
        ("MIT", true),
        ("GPL-2.0", false),
        ("GPL-2.0 OR MIT", true),
        ("GPL-2.0/MIT", true),
        ("MIT AND ISC", true),
        ("MIT AND GPL-2.0", false),
        ("(MIT OR GPL-2.0) AND (GPL-3.0 OR ISC)", true),
        ("GPL-2.0 OR MIT AND GPL-3.0", false),
        ("Apache-2.0 WITH LLVM-exception", true),
        ("Apache-2.0", false),
    ] {
        assert_eq!(satisfied(expression, &allowed)?, expected, "{expression}");
    }
    for bad in ["", "MIT OR", "(MIT", "MIT ISC", "AND"] {
        assert!(satisfied(bad, &allowed).is_err(), "{bad}");
    }
    Ok(())
}

#[test]
fn a_release_lists_what_the_program_is_made_of() -> Result<()> {
    let metadata = Metadata::read(&root())?;
    let lock = fs::read_to_string(root().join("Cargo.lock"))?;
    let bill = bill_of_materials(&metadata, "drovers", &lock)?;
    assert_eq!(bill["bomFormat"], "CycloneDX");
    let components = bill["components"].as_array().cloned().unwrap_or_default();
    let named = |name: &str| {
        components
            .iter()
            .find(|component| component["name"] == name)
    };
    for name in ["tokio", "axum", "serde"] {
        let component = named(name).unwrap_or(&serde_json::Value::Null);
        assert_eq!(component["hashes"][0]["alg"], "SHA-256", "{name}");
        assert!(component["licenses"][0]["expression"].is_string(), "{name}");
    }
    // Tests, build scripts, and the crates of the workspace are not among them.
    for name in ["proptest", "insta", "criterion", "hub", "drovers"] {
        assert!(named(name).is_none(), "{name}");
    }
    let document = third_party(&metadata, "drovers")?;
    assert!(document.contains("| [tokio](https://github.com/tokio-rs/tokio) |"));
    assert!(document.contains("Permission is hereby granted"));
    Ok(())
}
