//! Checks the sources of a release as a whole, before anything of it is deployed.

mod modules;

use std::time::{Duration, Instant};

use rhai::AST;
use shared::limits::fixed;
use shared::name::{ModuleName, ScriptName};
use shared::script_error::{Diagnostic, Severity};
use shared::seam::{GraphScript, ScriptGraph};

use super::compile::parse::{Parsed, parse_checked};
use super::engine::Language;
use modules::Modules;

/// How long checking one release may take. Every source has its own, shorter limit besides.
const TIME: Duration = Duration::from_secs(20);
/// Findings reported; the rest shows when these are mended.
const FINDINGS: usize = 200;

/// An error about a whole source, or with an empty name about the whole release.
pub(crate) fn finding(script: &str, message: String) -> Diagnostic {
    let script = script.to_owned();
    Diagnostic {
        severity: Severity::Error,
        script,
        line: 0,
        column: 0,
        message,
        hint: None,
    }
}

/// All findings about a release, errors first, in the order of the sources.
pub(crate) fn check(language: &Language, graph: &ScriptGraph) -> Vec<Diagnostic> {
    let started = Instant::now();
    let mut found = sizes(graph);
    if !found.is_empty() {
        return found;
    }
    let mut modules = Modules::default();
    for (name, source) in &graph.modules {
        if let Err(error) = name.parse::<ModuleName>() {
            found.push(finding(name, error.to_string()));
        } else if let Some(parsed) = within(language, started, (name, source), &mut found) {
            modules.add(name, &parsed.ast, &mut found);
        } else {
            modules.add_broken(name);
        }
    }
    modules.check(&mut found);
    for script in &graph.scripts {
        if let Err(error) = script.name.parse::<ScriptName>() {
            found.push(finding(&script.name, error.to_string()));
        } else if let Some(parsed) = within(
            language,
            started,
            (&script.name, &script.source),
            &mut found,
        ) {
            modules.check_script(&script.name, &parsed.ast, &mut found);
            handlers(script, &parsed.ast, &mut found);
        }
    }
    found.sort_by_key(|diagnostic| diagnostic.severity != Severity::Error);
    found.truncate(FINDINGS);
    found
}

fn sizes(graph: &ScriptGraph) -> Vec<Diagnostic> {
    let items = graph.scripts.len() + graph.modules.len();
    let bytes: usize = graph
        .scripts
        .iter()
        .map(|script| script.source.len())
        .sum::<usize>()
        + graph
            .modules
            .iter()
            .map(|(_, source)| source.len())
            .sum::<usize>();
    let mut found = Vec::new();
    if items > fixed::RELEASE_ITEMS {
        let most = fixed::RELEASE_ITEMS;
        found.push(finding(
            "",
            format!("a release has at most {most} scripts and modules"),
        ));
    }
    if bytes > fixed::RELEASE_BYTES {
        found.push(finding(
            "",
            "the sources of a release are at most 4 MiB together".to_owned(),
        ));
    }
    found
}

/// Parses within the time of the whole release.
fn within(
    language: &Language,
    started: Instant,
    (name, source): (&str, &str),
    found: &mut Vec<Diagnostic>,
) -> Option<Parsed> {
    if started.elapsed() > TIME {
        let message = "not checked: the whole release takes longer than 20 s to compile";
        found.push(finding(name, message.to_owned()));
        return None;
    }
    match parse_checked(language, name, source, Instant::now()) {
        Ok(parsed) => {
            found.extend(parsed.warnings.iter().cloned());
            Some(parsed)
        }
        Err(error) => {
            found.push(*error);
            None
        }
    }
}

/// The functions routes and triggers name must exist and take the request or the event.
fn handlers(script: &GraphScript, ast: &AST, found: &mut Vec<Diagnostic>) {
    for handler in &script.handlers {
        let takes: Vec<usize> = ast
            .iter_functions()
            .filter(|f| f.name == handler)
            .map(|f| f.params.len())
            .collect();
        if takes.contains(&1) {
            continue;
        }
        let name = &script.name;
        let mut error = if takes.is_empty() {
            finding(
                name,
                format!("a route or trigger names the function `{handler}`, which does not exist"),
            )
        } else {
            finding(
                name,
                format!("the handler `{handler}` must take exactly one parameter"),
            )
        };
        error.hint = Some(format!("add: fn {handler}(req) {{ … }}"));
        found.push(error);
    }
}
