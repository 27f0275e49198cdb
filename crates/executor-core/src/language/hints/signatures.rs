//! What the functions of the platform take: for a call that exists with other values only.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use rhai::{Module, Shared};

use crate::language::kinds::in_script_terms;
use crate::sandbox::meter::unmetered;

/// Ways to call a function that are told.
const TOLD: usize = 4;

type Modules = Vec<(String, Shared<Module>)>;

/// The functions scripts can call, by what stands before their names.
static MODULES: OnceLock<Modules> = OnceLock::new();
/// The lists of values each function takes, by its whole name; made at the first mistake.
static TAKEN: OnceLock<BTreeMap<String, BTreeSet<String>>> = OnceLock::new();

/// Remembers what there is to call: the functions without a namespace, and those of each.
pub(crate) fn learn<'m>(modules: impl Iterator<Item = (Option<&'static str>, &'m Shared<Module>)>) {
    MODULES.get_or_init(|| {
        modules
            .map(|(namespace, module)| {
                let before = namespace.map_or(String::new(), |name| format!("{name}::"));
                (before, Shared::clone(module))
            })
            .collect()
    });
}

/// Whether functions stand in a namespace of this name.
pub(super) fn is_namespace(name: &str) -> bool {
    let mut all = MODULES.get().into_iter().flatten();
    all.any(|(before, _)| before.strip_suffix("::") == Some(name))
}

/// What a function of this name takes, with a first value of this kind; none if there is no such
/// function.
pub(crate) fn taken_with(name: &str, first: &str) -> Option<String> {
    let longer = format!("{first}, ");
    told(
        all(name)?
            .iter()
            .filter(|values| *values == first || values.starts_with(&longer)),
    )
}

/// What a function of this name takes; none if there is no such function.
pub(crate) fn taken_by(name: &str) -> Option<String> {
    told(all(name)?.iter())
}

/// The lists of values a function of this name takes; none if there is no such function.
pub(crate) fn ways_of(name: &str) -> Option<&'static BTreeSet<String>> {
    all(name)
}

fn told<'v>(lists: impl Iterator<Item = &'v String>) -> Option<String> {
    let lists: Vec<String> = lists.map(|values| format!("({values})")).collect();
    let more = if lists.len() > TOLD { " or …" } else { "" };
    let told = lists.get(..TOLD).unwrap_or(&lists).join(" or ");
    (!lists.is_empty()).then(|| format!("it takes {told}{more}"))
}

fn all(name: &str) -> Option<&'static BTreeSet<String>> {
    // It outlives the run that makes it.
    TAKEN.get_or_init(|| unmetered(list)).get(name)
}

fn list() -> BTreeMap<String, BTreeSet<String>> {
    let mut all: BTreeMap<String, BTreeSet<String>> = BTreeMap::new();
    for (prefix, module) in MODULES.get().into_iter().flatten() {
        for signature in module.gen_fn_signatures_with_mapper(Cow::Borrowed) {
            let Some((name, values)) = parsed(module, &signature) else {
                continue;
            };
            all.entry(format!("{prefix}{name}"))
                .or_default()
                .insert(values.join(", "));
        }
    }
    all
}

/// Name and values of a signature like `join(items: &mut Array, between: ImmutableString) -> …`.
pub(crate) fn parsed(module: &Module, signature: &str) -> Option<(String, Vec<String>)> {
    let (name, rest) = signature.split_once('(')?;
    let end = rest.rfind(") -> ").or_else(|| rest.rfind(')'))?;
    let mut depth = 0;
    let parameters = rest[..end].split(|letter: char| {
        depth += i32::from(matches!(letter, '<' | '(')) - i32::from(matches!(letter, '>' | ')'));
        letter == ',' && depth == 0
    });
    let kinds = parameters
        .filter(|parameter| !parameter.trim().is_empty())
        .map(|parameter| {
            let (_name, kind) = parameter.split_once(':').unwrap_or(("", parameter));
            let kind = kind
                .trim()
                .trim_start_matches("&mut ")
                .trim_start_matches('&');
            let shown = module.get_custom_type_display_by_name(kind).unwrap_or(kind);
            match shown {
                "S" => "string".to_owned(),
                "Range<i64>" => "range".to_owned(),
                "RangeInclusive<i64>" => "range=".to_owned(),
                "Caught" => "error".to_owned(),
                "Ctx" => "context".to_owned(),
                "Req" => "request".to_owned(),
                "StreamOut" => "stream".to_owned(),
                "Collection" | "Event" | "Headers" | "Response" => shown.to_lowercase(),
                other => in_script_terms(other),
            }
        });
    Some((name.to_owned(), kinds.collect()))
}
