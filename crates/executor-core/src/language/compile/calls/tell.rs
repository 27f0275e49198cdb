//! What a wrong call is told: what is not there, what is, and what was probably meant.

use shared::suggest::closest;

use super::asked::{Asked, Calls, What};
use super::defined::Defined;
use crate::language::hints::calls::for_unknown_call;
use crate::language::hints::signatures::{taken_by, taken_with};
use crate::language::known::Known;

/// Why a call cannot work.
pub(super) enum Wrong<'s> {
    /// A function without a namespace.
    Plain,
    /// A method of a value of this kind.
    Method(&'s str),
    /// A method that no value has.
    AnyMethod,
    /// A function of a namespace, where functions of this name take other numbers of arguments.
    Namespace(&'s str, Vec<usize>),
    /// The same of a module.
    Module(&'s str, &'s Defined, Vec<usize>),
    /// A function of the platform, by its whole name, which does not take such values.
    Values(String),
    /// A property of a value of this kind.
    Property(&'s str),
    /// A value of a namespace.
    NamespaceValue(&'s str),
    /// A value of a module.
    ModuleValue(&'s str, &'s Defined),
    /// A part of a path.
    Path(&'s str),
    /// A function of `global`.
    Global,
}

/// The words for a wrong call.
pub(super) struct Told {
    pub(super) message: String,
    pub(super) hint: Option<String>,
}

impl Told {
    pub(super) fn of(known: &Known, calls: &Calls, asked: &Asked, wrong: &Wrong<'_>) -> Self {
        let name = asked.name.as_str();
        match wrong {
            Wrong::Plain => plain(known, calls, asked),
            Wrong::Method(kind) => method(known, kind, asked),
            Wrong::AnyMethod => any_method(known, calls, asked),
            Wrong::Namespace(space, takes) if takes.is_empty() => in_namespace(known, space, name),
            Wrong::Module(module, defined, takes) if takes.is_empty() => {
                in_module(module, defined, name)
            }
            Wrong::Namespace(space, takes) => {
                counted(&format!("{space}::{name}"), takes, asked.given, "")
            }
            Wrong::Module(module, _, takes) => {
                counted(name, takes, asked.given, &format!(" (module `{module}`)"))
            }
            Wrong::Values(function) => values(function, asked),
            Wrong::Property(kind) => property(known, kind, name),
            Wrong::NamespaceValue(space) => {
                let functions = known.namespace(space);
                let function = functions.is_some_and(|it| it.contains_key(name));
                Self {
                    message: format!("namespace `{space}` has no value `{name}`"),
                    hint: function.then(|| format!("call the function: {space}::{name}(…)")),
                }
            }
            Wrong::ModuleValue(module, defined) => value_of_module(module, defined, name),
            Wrong::Path(part) => Self {
                message: format!("there is no `{part}` in the path before `{name}`"),
                hint: None,
            },
            Wrong::Global => Self {
                message: format!("there is no function `global::{name}`"),
                hint: Some("functions are called without `global::`".to_owned()),
            },
        }
    }
}

fn in_namespace(known: &Known, space: &str, name: &str) -> Told {
    let near = known.namespace(space).into_iter().flatten();
    let near = closest(name, near.map(|(name, _)| name.as_str()));
    let hint = near.map(|near| did_you_mean(format!("{space}::{near}")));
    Told {
        message: format!("there is no function `{space}::{name}`"),
        hint: hint.or_else(|| of_what_it_returns(known, space, name)),
    }
}

fn in_module(module: &str, defined: &Defined, name: &str) -> Told {
    let private = defined.functions(name).next().is_some();
    let near = closest(name, defined.names(false));
    let hint = if private {
        Some(format!(
            "`{name}` is private there; remove the word `private`"
        ))
    } else {
        near.map(did_you_mean)
    };
    Told {
        message: format!("module `{module}` has no function `{name}`"),
        hint,
    }
}

fn value_of_module(module: &str, defined: &Defined, name: &str) -> Told {
    let near = closest(name, defined.values().iter().map(String::as_str));
    let hint = if defined.names(false).any(|known| known == name) {
        format!("`{name}` is a function: call it with ()")
    } else if let Some(near) = near {
        did_you_mean(near)
    } else {
        format!("export it there: export const {name} = …;")
    };
    Told {
        message: format!("module `{module}` exports no value `{name}`"),
        hint: Some(hint),
    }
}

fn did_you_mean(what: impl AsRef<str>) -> String {
    format!("did you mean `{}`?", what.as_ref())
}

/// `1 argument`, `1 or 2 arguments`.
fn arguments(takes: &[usize]) -> String {
    let numbers: Vec<String> = takes.iter().map(ToString::to_string).collect();
    let (last, first) = numbers
        .split_last()
        .map_or(("0", [].as_slice()), |(last, first)| (last.as_str(), first));
    let list = if first.is_empty() {
        last.to_owned()
    } else {
        format!("{} or {last}", first.join(", "))
    };
    let word = if list == "1" { "argument" } else { "arguments" };
    format!("{list} {word}")
}

fn counted(what: &str, takes: &[usize], given: usize, whose: &str) -> Told {
    Told {
        message: format!("`{what}` takes {}, not {given}{whose}", arguments(takes)),
        hint: None,
    }
}

fn plain(known: &Known, calls: &Calls, asked: &Asked) -> Told {
    let name = asked.name.as_str();
    let own = calls.defined.functions(name).map(|own| own.takes);
    let mut takes: Vec<usize> = own.collect();
    if takes.is_empty() {
        takes = known.takes(name).unwrap_or_default();
    }
    takes.sort_unstable();
    takes.dedup();
    if !takes.is_empty() {
        return counted(name, &takes, asked.given, "");
    }
    let message = format!("there is no function `{name}`");
    if let What::Plain { variable: true, .. } = asked.what {
        let hint =
            format!("`{name}` is a variable; the function it holds is called with {name}.call(…)");
        let hint = Some(hint);
        return Told { message, hint };
    }
    let near = || {
        let own = calls.defined.names(true);
        let known = known.globals().keys().map(String::as_str);
        closest(
            name,
            own.chain(known.filter(|name| rhai::is_valid_identifier(name))),
        )
    };
    let imported = || {
        let namespaces = known.namespaces_with(name).next();
        namespaces.map(|space| did_you_mean(format!("{space}::{name}")))
    };
    let hint = for_unknown_call(name, false).map(str::to_owned);
    let hint = hint.or_else(imported).or_else(|| near().map(did_you_mean));
    Told { message, hint }
}

fn method(known: &Known, kind: &str, asked: &Asked) -> Told {
    let (name, called) = (asked.name.as_str(), known.own(kind).unwrap_or(kind));
    let takes = known.method(kind, name);
    if !takes.is_empty() {
        let whose = format!(" (method of a value of type `{called}`)");
        return counted(name, &takes, asked.given, &whose);
    }
    let near = closest(name, known.methods_of(kind));
    let property = known.has_property(kind, name);
    Told {
        message: format!("a value of type `{called}` has no method `{name}`"),
        hint: if property {
            Some(format!("`{name}` is a property: write it without ()"))
        } else {
            near.map(did_you_mean)
        },
    }
}

/// A call with values that the function does not take.
fn values(function: &str, asked: &Asked) -> Told {
    let given: Vec<&str> = asked
        .values
        .iter()
        .map(|kind| kind.as_deref().unwrap_or("any"))
        .collect();
    let first = given.first().and_then(|first| taken_with(function, first));
    Told {
        message: format!("`{function}` does not take ({})", given.join(", ")),
        hint: first.or_else(|| taken_by(function)),
    }
}

fn property(known: &Known, kind: &str, name: &str) -> Told {
    let called = known.own(kind).unwrap_or(kind);
    let method = !known.method(kind, name).is_empty();
    let near = || {
        closest(
            name,
            known.properties_of(kind).chain(known.methods_of(kind)),
        )
    };
    Told {
        message: format!("a value of type `{called}` has no property `{name}`"),
        hint: if method {
            Some(format!("`{name}` is a method: write it with ()"))
        } else {
            near().map(did_you_mean)
        },
    }
}

fn any_method(known: &Known, calls: &Calls, asked: &Asked) -> Told {
    let name = asked.name.as_str();
    let takes: Vec<usize> = match known.takes(name) {
        Some(takes) => takes
            .into_iter()
            .filter_map(|takes| takes.checked_sub(1))
            .collect(),
        None => calls.defined.functions(name).map(|own| own.takes).collect(),
    };
    if !takes.is_empty() {
        return counted(name, &takes, asked.given, "");
    }
    let hint = for_unknown_call(name, true).map(str::to_owned);
    let near = || {
        let known = known.globals().keys().map(String::as_str);
        let known = known.filter(|name| rhai::is_valid_identifier(name));
        closest(name, calls.defined.names(true).chain(known)).map(did_you_mean)
    };
    Told {
        message: format!("no value has a method `{name}`"),
        hint: hint.or_else(near),
    }
}

/// `kv::get("a", "b")`: what a function of the namespace returns may have it.
fn of_what_it_returns(known: &Known, space: &str, name: &str) -> Option<String> {
    let mut makers = known.namespace(space)?.keys().filter_map(|maker| {
        let kind = (0..=2).find_map(|given| known.returned(space, maker, given))?;
        known.own(&kind)?;
        (!known.method(&kind, name).is_empty()).then_some(maker)
    });
    let maker = makers.next()?;
    Some(did_you_mean(format!("{space}::{maker}(…).{name}(…)")))
}
