//! Checks of source files and manifests.

use crate::Finding;
use crate::repository::Repository;

/// Lines of a file; a reader cannot hold more.
const LINES: usize = 600;

/// The files that may hold unsafe code, each with its safety argument on top.
const UNSAFE: &[&str] = &[
    "crates/executor-core/src/sandbox/coroutine.rs",
    "crates/executor-core/src/sandbox/fault.rs",
    "crates/executor-core/src/sandbox/meter.rs",
];

/// Every file says what it is for.
pub(super) fn first_line(repository: &Repository) -> Vec<Finding> {
    repository
        .rust()
        .filter(|(_, text)| !text.starts_with("//! "))
        .map(|(path, _)| {
            Finding::new(
                path,
                "must start with a line `//! …` that says what it is for",
            )
        })
        .collect()
}

/// No file is longer than a reader can hold.
pub(super) fn size(repository: &Repository) -> Vec<Finding> {
    repository
        .rust()
        .map(|(path, text)| (path, text.lines().count()))
        .filter(|(_, lines)| *lines > LINES)
        .map(|(path, lines)| {
            let what = format!(
                "has {lines} lines; more than {LINES} is two files, split by responsibility"
            );
            Finding::new(path, what)
        })
        .collect()
}

/// Nothing is left for later, and no test is switched off.
pub(super) fn left_overs(repository: &Repository) -> Vec<Finding> {
    // In two parts, so that this file does not find itself.
    let words = [
        concat!("#[ig", "nore"),
        concat!("to", "do!("),
        concat!("unimplem", "ented!("),
        concat!("FIX", "ME"),
        concat!("X", "XX"),
    ];
    let mut findings = Vec::new();
    for (path, text) in repository.rust() {
        for (line, number) in text.lines().zip(1..) {
            for word in words.iter().filter(|word| line.contains(**word)) {
                let what = format!("`{word}`: finish it or remove it");
                findings.push(Finding::new(format!("{path}:{number}"), what));
            }
        }
    }
    findings
}

/// Unsafe code is where the design says, and nowhere else.
pub(super) fn unsafe_code(repository: &Repository) -> Vec<Finding> {
    let forms = [
        concat!("un", "safe {"),
        concat!("un", "safe fn"),
        concat!("un", "safe impl"),
        concat!("un", "safe extern"),
        concat!("(un", "safe_code"),
        concat!("(un", "safe("),
    ];
    repository
        .rust()
        .filter(|(path, _)| !UNSAFE.contains(path))
        .filter(|(_, text)| forms.iter().any(|form| text.contains(form)))
        .map(|(path, _)| {
            Finding::new(
                path,
                format!("unsafe code is for {} only", UNSAFE.join(", ")),
            )
        })
        .collect()
}

/// The executor reaches nothing but the host.
pub(super) fn executor_is_sealed(repository: &Repository) -> Vec<Finding> {
    let words = [
        "std::env",
        "std::fs",
        "std::net",
        "std::process",
        "tokio::net",
        "tokio::fs",
        "tokio::process",
    ];
    let mut findings = Vec::new();
    let own = repository
        .rust()
        .filter(|(path, _)| path.starts_with("crates/executor-core/src/"));
    for (path, text) in own {
        let code = without_tests(text)
            .lines()
            .zip(1..)
            .filter(|(line, _)| !line.trim_start().starts_with("//"));
        for (line, number) in code {
            for word in words.iter().filter(|word| line.contains(**word)) {
                let what = format!("`{word}`: the executor reaches the world by seam::Host only");
                findings.push(Finding::new(format!("{path}:{number}"), what));
            }
        }
    }
    findings
}

/// A source up to its test module: a test may start a process to see how it dies.
fn without_tests(text: &str) -> &str {
    text.split("#[cfg(test)]\nmod tests {")
        .next()
        .unwrap_or(text)
}

/// The files of the store that may ask which engine it is, besides those of the engines.
const DIALECTS: &[&str] = &["conn.rs", "dialect.rs", "migrate.rs", "open.rs", "store.rs"];

/// What the engines spell differently stands in one file.
pub(super) fn dialects(repository: &Repository) -> Vec<Finding> {
    let asks = |line: &str| line.contains("Dialect::") || line.contains("dialect()");
    let mut findings = Vec::new();
    for (path, text) in repository.rust() {
        let Some(file) = path.strip_prefix("crates/store/src/") else {
            continue;
        };
        let engine = ["sqlite", "postgres"].iter().any(|e| file.starts_with(e));
        if engine || DIALECTS.contains(&file) {
            continue;
        }
        let lines = text.lines().zip(1..).filter(|(line, _)| asks(line));
        findings.extend(lines.map(|(_, number)| {
            let what = "asks for the engine: what they spell differently stands in dialect.rs";
            Finding::new(format!("{path}:{number}"), what)
        }));
    }
    findings
}

/// Every crate has the workspace's lints, by reference or word by word.
pub(super) fn lints(repository: &Repository) -> Vec<Finding> {
    let wanted = lint_lines(repository.text("Cargo.toml"), "[workspace.lints.");
    repository
        .with_ending("/Cargo.toml")
        .filter(|(_, text)| !text.contains("[lints]\nworkspace = true"))
        .filter(|(_, text)| wanted.is_empty() || lint_lines(text, "[lints.") != wanted)
        .map(|(path, _)| {
            Finding::new(
                path,
                "must have the workspace's lints: `[lints]` `workspace = true`",
            )
        })
        .collect()
}

/// The settings of all sections that start like this, without comments.
fn lint_lines<'a>(manifest: &'a str, section: &str) -> Vec<&'a str> {
    let mut inside = false;
    let mut lines = Vec::new();
    for line in manifest.lines() {
        let setting = line.split('#').next().unwrap_or_default().trim();
        if setting.starts_with('[') {
            inside = setting.starts_with(section);
        } else if inside && !setting.is_empty() {
            lines.push(setting);
        }
    }
    lines
}
