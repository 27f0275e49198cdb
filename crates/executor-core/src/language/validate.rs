//! Checks the sources of a release as a whole, before anything of it is deployed.

mod modules;

use std::time::{Duration, Instant};

use rhai::AST;
use shared::limits::fixed;
use shared::name::{ModuleName, ScriptName};
use shared::script_error::{Diagnostic, Severity};
use shared::seam::{GraphScript, ScriptGraph};

use super::compile::calls::{Sources, calls_of};
use super::compile::clashes::Taken;
use super::compile::graph::first_that_runs;
use super::compile::parse::Parsed;
use super::compile::trees::{Keep, Trees};
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

/// All findings about a release, errors first, in the order of the sources; and what keeps the trees
/// of those that can be compiled.
pub(crate) fn check(
    language: &Language,
    trees: &Trees,
    graph: &ScriptGraph,
) -> (Vec<Diagnostic>, Keep) {
    let mut check = Check {
        language,
        trees,
        started: Instant::now(),
        found: sizes(graph),
        keep: Keep::default(),
    };
    if check.found.is_empty() {
        check.sources(graph);
    }
    let Check {
        mut found, keep, ..
    } = check;
    found.sort_by_key(|diagnostic| diagnostic.severity != Severity::Error);
    found.truncate(FINDINGS);
    (found, keep)
}

/// A check under way.
struct Check<'a> {
    language: &'a Language,
    trees: &'a Trees,
    started: Instant,
    found: Vec<Diagnostic>,
    keep: Keep,
}

impl Check<'_> {
    fn sources(&mut self, graph: &ScriptGraph) {
        let mut modules = Modules::default();
        let language = self.language;
        let mut calls = Sources::new(language.known());
        let calls_in = |ast: &AST| calls_of(language.known(), ast, language.given());
        for (name, source) in &graph.modules {
            if let Err(error) = name.parse::<ModuleName>() {
                self.found.push(finding(name, error.to_string()));
                continue;
            }
            let parsed = self.within(name, source, |parsed, found| {
                modules.add(name, &parsed.ast, found);
                calls.add_module(name, calls_in(&parsed.ast));
            });
            if parsed.is_none() {
                modules.add_broken(name);
            }
        }
        modules.check(&mut self.found);
        for script in &graph.scripts {
            if let Err(error) = script.name.parse::<ScriptName>() {
                self.found.push(finding(&script.name, error.to_string()));
                continue;
            }
            self.within(&script.name, &script.source, |parsed, found| {
                modules.check_script(&script.name, &parsed.ast, found);
                handlers(script, &parsed.ast, found);
                shape(script, &parsed.ast, found);
                calls.add_script(&script.name, calls_in(&parsed.ast));
            });
        }
        self.found.extend(calls.wrong_calls());
    }

    /// Looks at one source within the time of the whole release; `None` when it does not compile.
    fn within(
        &mut self,
        name: &str,
        source: &str,
        look: impl FnOnce(&Parsed, &mut Vec<Diagnostic>),
    ) -> Option<()> {
        if self.started.elapsed() > TIME {
            let message = "not checked: the whole release takes longer than 20 s to compile";
            self.found.push(finding(name, message.to_owned()));
            return None;
        }
        let (language, found, started) = (self.language, &mut self.found, Instant::now());
        let looked = self.trees.with(
            (language, &mut self.keep),
            (name, source),
            started,
            |parsed| {
                found.extend(parsed.warnings(name));
                look(parsed, found);
                // What is run differs from what was written, and must do as well.
                let mut taken = Taken::default();
                taken.add(&parsed.ast);
                let runnable = parsed.runnable(language, (name, source), (&taken, started));
                runnable.map(|_kept_for_the_run| ())
            },
        );
        match looked {
            Ok(()) => Some(()),
            Err(wrong) => {
                self.found.extend(wrong.all());
                None
            }
        }
    }
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

/// A script is the handler itself, or a set of handlers. What its top level did would happen before
/// each of them, for every event and every attempt.
fn shape(script: &GraphScript, ast: &AST, found: &mut Vec<Diagnostic>) {
    let (Some(handler), Some((line, column))) = (script.handlers.first(), first_that_runs(ast))
    else {
        return;
    };
    found.push(Diagnostic {
        severity: Severity::Error,
        script: script.name.clone(),
        line,
        column,
        message: format!(
            "this would run before the handler `{handler}`, every time: where routes or triggers \
             name functions of a script, its top level holds only `fn`, `import`, and `const` with \
             a plain value"
        ),
        hint: Some(
            "move it into a function and name that as the handler of its route, or move it into a \
             script of its own"
                .to_owned(),
        ),
    });
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
