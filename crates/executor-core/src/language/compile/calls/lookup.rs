//! The calls of all sources of a release, looked up in all of them.

use std::collections::{BTreeMap, BTreeSet};

use shared::script_error::{Diagnostic, Severity};

use super::asked::{Asked, Calls, What};
use super::defined::Defined;
use super::tell::{Told, Wrong};
use super::values::may_take;
use crate::language::known::{Known, numbers};

/// Wrong calls told of one release; the rest shows when these are mended.
const TOLD: usize = 200;

/// All sources of a release.
pub(crate) struct Sources<'k> {
    known: &'k Known,
    modules: BTreeMap<String, Calls>,
    scripts: Vec<(String, Calls)>,
}

/// What the sources of a release have together.
#[derive(Default)]
struct Together<'s> {
    /// Functions, with the numbers of their parameters: of all modules, of everything.
    of_modules: BTreeSet<(&'s str, usize)>,
    of_all: BTreeSet<(&'s str, usize)>,
    keys: BTreeSet<&'s str>,
    made_keys: bool,
}

impl<'k> Sources<'k> {
    /// Of a release without sources.
    pub(crate) fn new(known: &'k Known) -> Self {
        let (modules, scripts) = (BTreeMap::new(), Vec::new());
        Self {
            known,
            modules,
            scripts,
        }
    }

    /// Adds a module. One that is not added may have everything.
    pub(crate) fn add_module(&mut self, name: &str, calls: Calls) {
        self.modules.insert(name.to_owned(), calls);
    }

    /// Adds a script.
    pub(crate) fn add_script(&mut self, name: &str, calls: Calls) {
        self.scripts.push((name.to_owned(), calls));
    }

    /// The calls that cannot work, by source and place.
    pub(crate) fn wrong_calls(&self) -> Vec<Diagnostic> {
        let together = self.together();
        let modules = self.modules.iter().map(|(name, calls)| (name, calls, true));
        let scripts = self
            .scripts
            .iter()
            .map(|(name, calls)| (name, calls, false));
        let mut found = Vec::new();
        for (name, calls, module) in modules.chain(scripts) {
            let mut wrong: Vec<_> = calls
                .asked
                .iter()
                .filter_map(|asked| Some((asked, self.wrong(calls, asked, module, &together)?)))
                .collect();
            wrong.sort_by_key(|(asked, _)| asked.at);
            // The nearest name is looked for in all there are.
            wrong.truncate(TOLD.saturating_sub(found.len()));
            found.extend(wrong.into_iter().map(|(asked, wrong)| {
                let told = Told::of(self.known, calls, asked, &wrong);
                Diagnostic {
                    severity: Severity::Error,
                    script: name.clone(),
                    line: asked.at.line().unwrap_or(0) as u32,
                    column: asked.at.position().unwrap_or(0) as u32,
                    message: told.message,
                    hint: told.hint,
                }
            }));
        }
        found
    }

    fn together(&self) -> Together<'_> {
        let mut together = Together::default();
        let scripts = self.scripts.iter().map(|(_, calls)| (calls, false));
        let modules = self.modules.values().map(|calls| (calls, true));
        for (calls, module) in scripts.chain(modules) {
            together.keys.extend(calls.keys.iter().map(String::as_str));
            together.made_keys |= calls.made_keys;
            for name in calls.defined.names(true) {
                let takes = calls.defined.functions(name).map(|own| (name, own.takes));
                let takes: Vec<_> = takes.collect();
                together.of_all.extend(&takes);
                if module {
                    together.of_modules.extend(&takes);
                }
            }
        }
        together
    }

    /// What is wrong with a call; none where it can work.
    fn wrong<'s>(
        &'s self,
        calls: &'s Calls,
        asked: &'s Asked,
        module: bool,
        together: &Together<'_>,
    ) -> Option<Wrong<'s>> {
        let signature = (asked.name.as_str(), asked.given);
        match &asked.what {
            // A module's function sees those of whoever called it, and so does a closure.
            What::Plain { .. } if module => {
                (!together.of_all.contains(&signature)).then_some(Wrong::Plain)
            }
            What::Plain { in_closure, .. } => {
                let elsewhere = *in_closure && together.of_modules.contains(&signature);
                (!elsewhere).then_some(Wrong::Plain)
            }
            What::Method(Some(kind)) => Some(Wrong::Method(kind)),
            What::Property(kind) => Some(Wrong::Property(kind)),
            // What a script's function may take as well, it gets.
            What::Values => {
                let others = &together.of_all;
                let other = others.contains(&signature)
                    || asked.given > 0 && others.contains(&(signature.0, asked.given - 1));
                (!other).then(|| Wrong::Values(asked.name.clone()))
            }
            What::Method(None) => {
                let held = together.made_keys || together.keys.contains(signature.0);
                let elsewhere = together.of_all.contains(&signature);
                (!held && !elsewhere).then_some(Wrong::AnyMethod)
            }
            What::Of(path) => self.wrong_in(calls, path, |found| match found {
                Place::Namespace(name) => {
                    let known = self.known.namespace(name)?.get(signature.0);
                    let takes = numbers(known.map_or(&[], |it| it));
                    if !takes.contains(&asked.given) {
                        return Some(Wrong::Namespace(name, takes));
                    }
                    let whole = format!("{name}::{}", asked.name);
                    (!may_take(&whole, &asked.values)).then_some(Wrong::Values(whole))
                }
                Place::Module(name, defined) => {
                    let public = defined.functions(signature.0).filter(|own| own.public);
                    let takes: BTreeSet<usize> = public.map(|own| own.takes).collect();
                    let fits = takes.contains(&asked.given);
                    let takes = takes.into_iter().collect();
                    (!fits).then_some(Wrong::Module(name, defined, takes))
                }
            }),
            What::Value(path) => self.wrong_in(calls, path, |found| match found {
                Place::Namespace(name) => Some(Wrong::NamespaceValue(name)),
                Place::Module(name, defined) => {
                    let there = defined.values().contains(&asked.name);
                    (!there).then_some(Wrong::ModuleValue(name, defined))
                }
            }),
        }
    }

    /// Looks where a path leads; what is wrong at each of its ends is wrong.
    fn wrong_in<'s>(
        &'s self,
        calls: &'s Calls,
        path: &'s [String],
        wrong: impl Fn(Place<'s>) -> Option<Wrong<'s>>,
    ) -> Option<Wrong<'s>> {
        let (first, rest) = path.split_first()?;
        let mut ends = Vec::new();
        if let Some(modules) = calls.defined.imported(first) {
            let mut at: Vec<&str> = modules.iter().map(String::as_str).collect();
            for name in rest {
                let mut next = Vec::new();
                for module in at {
                    // A module that does not compile may import anything.
                    let defined = &self.modules.get(module)?.defined;
                    next.extend(
                        defined
                            .imported(name)
                            .into_iter()
                            .flatten()
                            .map(String::as_str),
                    );
                }
                if next.is_empty() {
                    return Some(Wrong::Path(name));
                }
                at = next;
            }
            for module in at {
                ends.push(Place::Module(module, &self.modules.get(module)?.defined));
            }
        }
        if self.known.namespace(first).is_some() {
            if ends.is_empty()
                && let Some(name) = rest.first()
            {
                return Some(Wrong::Path(name));
            }
            ends.extend(rest.is_empty().then_some(Place::Namespace(first)));
        }
        if ends.is_empty() {
            return (first == "global").then_some(Wrong::Global);
        }
        let mut all = ends.into_iter().map(wrong);
        let one = all.next()??;
        all.all(|other| other.is_some()).then_some(one)
    }
}

/// Where a path leads.
#[derive(Clone, Copy)]
enum Place<'s> {
    Namespace(&'s str),
    Module(&'s str, &'s Defined),
}
