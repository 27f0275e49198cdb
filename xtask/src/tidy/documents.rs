//! Checks that documents and code name the same things.

use std::collections::BTreeSet;

use crate::Finding;
use crate::repository::Repository;

const ARCHITECTURE: &str = "ARCHITECTURE.md";
const TASKS: &str = "crates/node/src/tasks.rs";
const CODES: &str = "crates/shared/src/error/code.rs";

/// The words between backticks that start with `prefix`, without it, up to the next `/` or backtick.
fn named<'a>(text: &'a str, prefix: &str) -> BTreeSet<&'a str> {
    text.split('`')
        .skip(1)
        .step_by(2)
        .filter_map(|code| code.strip_prefix(prefix)?.split(['/', ' ']).next())
        .filter(|name| !name.is_empty() && !name.contains(['<', '*', '{']))
        .collect()
}

/// ARCHITECTURE.md names every crate and no other.
pub(super) fn crates(repository: &Repository) -> Vec<Finding> {
    let named = named(repository.text(ARCHITECTURE), "crates/");
    let real: BTreeSet<&str> = repository
        .with_ending("/Cargo.toml")
        .filter_map(|(path, _)| path.strip_prefix("crates/")?.strip_suffix("/Cargo.toml"))
        .collect();
    let missing = real
        .difference(&named)
        .map(|name| format!("does not describe `crates/{name}`"));
    let unknown = named
        .difference(&real)
        .map(|name| format!("describes `crates/{name}`, which is not there"));
    missing
        .chain(unknown)
        .map(|what| Finding::new(ARCHITECTURE, what))
        .collect()
}

/// ARCHITECTURE.md describes every long-lived task.
pub(super) fn tasks(repository: &Repository) -> Vec<Finding> {
    let variants = variants(repository.text(TASKS));
    if variants.is_empty() {
        return vec![Finding::new(
            TASKS,
            "has no `pub enum TaskKind` any more; mend xtask",
        )];
    }
    let text = repository.text(ARCHITECTURE);
    variants
        .into_iter()
        .filter(|variant| !text.contains(&format!("`TaskKind::{variant}`")))
        .map(|variant| {
            Finding::new(
                ARCHITECTURE,
                format!("does not describe `TaskKind::{variant}`"),
            )
        })
        .collect()
}

fn variants(text: &str) -> Vec<&str> {
    let Some((_, rest)) = text.split_once("pub enum TaskKind {") else {
        return Vec::new();
    };
    let body = rest.split('}').next().unwrap_or_default();
    body.lines()
        .filter_map(|line| line.trim().strip_suffix(','))
        .collect()
}

/// The codes of the catalogue.
fn codes(repository: &Repository) -> BTreeSet<&str> {
    let lines = repository.text(CODES).lines().map(str::trim);
    lines
        .filter(|line| !line.starts_with("//") && line.ends_with("\";"))
        .filter_map(|line| line.split('"').nth(1))
        .collect()
}

/// Every error code has a page, and every page a code.
pub(super) fn error_pages(repository: &Repository) -> Vec<Finding> {
    let codes = codes(repository);
    if codes.is_empty() {
        return vec![Finding::new(CODES, "has no codes any more; mend xtask")];
    }
    let pages: BTreeSet<&str> = repository
        .with_ending(".md")
        .filter_map(|(path, _)| path.strip_prefix("docs/errors/")?.strip_suffix(".md"))
        .filter(|name| *name != "README")
        .collect();
    let page = |code: &&str| format!("docs/errors/{code}.md");
    let missing = codes
        .difference(&pages)
        .map(|code| Finding::new(page(code), "is missing"));
    let unknown = pages
        .difference(&codes)
        .map(|code| Finding::new(page(code), "has no error code"));
    missing.chain(unknown).collect()
}

/// A code written out in a source is one of the catalogue.
pub(super) fn error_codes(repository: &Repository) -> Vec<Finding> {
    let codes = codes(repository);
    let mut findings = Vec::new();
    for (path, text) in repository.rust().filter(|(path, _)| path.contains("/src/")) {
        for call in text.split("Error::new(Kind::").skip(1) {
            let code = call.split_once(',').map(|(_, rest)| rest.trim_start());
            let code = code.and_then(|rest| rest.strip_prefix('"')?.split('"').next());
            if let Some(code) = code.filter(|code| !codes.contains(code)) {
                findings.push(Finding::new(
                    path,
                    format!("`{code}` is not a code of {CODES}"),
                ));
            }
        }
    }
    findings
}

/// A link of a document leads somewhere.
pub(super) fn links(repository: &Repository) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in repository.with_ending(".md") {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for (line, number) in text.lines().zip(1..) {
            for target in line
                .split("](")
                .skip(1)
                .filter_map(|rest| rest.split(')').next())
            {
                let target = target.split('#').next().unwrap_or_default();
                let elsewhere =
                    target.is_empty() || target.contains("://") || target.starts_with("mailto:");
                if !elsewhere && !repository.has(&resolve(folder, target)) {
                    let what = format!("the link `{target}` leads nowhere");
                    findings.push(Finding::new(format!("{path}:{number}"), what));
                }
            }
        }
    }
    findings
}

fn resolve(folder: &str, target: &str) -> String {
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in target.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    parts.join("/")
}
