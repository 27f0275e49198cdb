//! What functions there are, as the engine itself knows them: of namespaces, without one, and of
//! values as methods.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{Engine, FuncInfo};

/// Words of the language that are called like functions and registered nowhere, with the numbers of
/// arguments they take.
const WORDS: [(&str, &[usize]); 6] = [
    ("Fn", &[1]),
    ("type_of", &[1]),
    ("is_shared", &[1]),
    ("is_def_var", &[1]),
    ("is_def_fn", &[2, 3]),
    // What makes a closure that captures; scripts cannot write it.
    ("curry", &[]),
];
/// The language's word for calling what a variable holds; takes any number of arguments.
const CALL: &str = "call";
/// What properties are called among functions.
const GETTER: &str = "get$";
/// What the setting of properties is called among functions.
const SETTER: &str = "set$";
/// What a property of any name is called among functions.
const BY_ANY_NAME: &str = "index$get$";
/// What a parameter or a result is that may be anything.
const ANYTHING: &str = "Dynamic";

/// The name of a type, without the path to it.
pub(crate) type Kind = String;

/// One function of the platform.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Function {
    /// Arguments; of a method with what it is called on.
    pub(crate) takes: usize,
    /// What it may be called on as a method.
    first: Option<Kind>,
    /// What it returns, where that is known.
    returns: Option<Kind>,
}

/// Functions by name.
type Functions = BTreeMap<String, Vec<Function>>;

/// All functions of the platform.
#[derive(Debug, Default)]
pub(crate) struct Known {
    namespaces: BTreeMap<String, Functions>,
    globals: Functions,
    /// The platform's own types, and what scripts call them.
    own: BTreeMap<Kind, &'static str>,
}

impl Known {
    /// What an engine knows, with these types of the platform's own: their paths and what scripts
    /// call them.
    pub(crate) fn of(
        engine: &Engine,
        own: impl IntoIterator<Item = (&'static str, &'static str)>,
    ) -> Self {
        let own = own.into_iter();
        let mut known = Self {
            own: own
                .filter_map(|(path, name)| Some((kind_of(path)?, name)))
                .collect(),
            ..Self::default()
        };
        for (namespace, name, function) in
            engine.collect_fn_metadata(None, |info| Some(described(info)), true)
        {
            let functions = if namespace.is_empty() {
                &mut known.globals
            } else {
                known.namespaces.entry(namespace).or_default()
            };
            functions.entry(name).or_default().push(function);
        }
        known
    }

    /// The functions of a namespace.
    pub(crate) fn namespace(&self, name: &str) -> Option<&Functions> {
        self.namespaces.get(name)
    }

    /// Namespaces that have a function of this name.
    pub(crate) fn namespaces_with<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a str> {
        let namespaces = self.namespaces.iter();
        let having = namespaces.filter(move |(_, functions)| functions.contains_key(name));
        having.map(|(namespace, _)| namespace.as_str())
    }

    /// The functions without a namespace, methods included.
    pub(crate) fn globals(&self) -> &Functions {
        &self.globals
    }

    /// Numbers of arguments a function without a namespace takes. `None`: there is none. An empty
    /// list: any number.
    pub(crate) fn takes(&self, name: &str) -> Option<Vec<usize>> {
        if name == CALL || name == "curry" {
            return Some(Vec::new());
        }
        let word = WORDS.iter().find(|(word, _)| *word == name);
        let word = word
            .into_iter()
            .flat_map(|(_, takes)| takes.iter().copied());
        let known = self.globals.get(name).into_iter().flatten();
        let takes: BTreeSet<usize> = word.chain(known.map(|function| function.takes)).collect();
        (!takes.is_empty()).then(|| takes.into_iter().collect())
    }

    /// What scripts call a type of the platform's own.
    pub(crate) fn own(&self, kind: &str) -> Option<&'static str> {
        self.own.get(kind).copied()
    }

    /// The type of the platform's own that scripts call so.
    pub(crate) fn own_called(&self, name: &str) -> Option<&Kind> {
        let mut own = self.own.iter();
        own.find(|(_, called)| **called == name)
            .map(|(kind, _)| kind)
    }

    /// Numbers of arguments, without the value itself, that a method of a value of this kind takes.
    pub(crate) fn method(&self, kind: &str, name: &str) -> Vec<usize> {
        let takes = self.methods(kind, name).map(|method| method.takes - 1);
        takes.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// Whether any value has such a method.
    pub(crate) fn is_method(&self, name: &str, given: usize) -> bool {
        let mut known = self.globals.get(name).into_iter().flatten();
        known.any(|function| function.takes == given + 1)
    }

    /// Names of the methods that are a kind's own.
    pub(crate) fn methods_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let having = self.globals.iter().filter(move |(_, functions)| {
            functions
                .iter()
                .any(|one| one.first.as_deref() == Some(kind))
        });
        let names = having.map(|(name, _)| name.as_str());
        names.filter(|name| !name.contains('$'))
    }

    /// What a method of a kind returns, where all of that name and number agree.
    pub(crate) fn returned_by_method(&self, kind: &str, name: &str, given: usize) -> Option<Kind> {
        let methods = self.methods(kind, name);
        agreed(methods.filter(|method| method.takes == given + 1))
    }

    /// What a property of a kind is.
    pub(crate) fn property(&self, kind: &str, name: &str) -> Option<Kind> {
        agreed(self.methods(kind, &format!("{GETTER}{name}")))
    }

    /// Whether a kind has a property.
    pub(crate) fn has_property(&self, kind: &str, name: &str) -> bool {
        self.methods(kind, &format!("{GETTER}{name}"))
            .next()
            .is_some()
    }

    /// Whether a kind may have a property, be it only to set. What is asked for by any name, like
    /// the fields of an event, is known at run time only.
    pub(crate) fn may_have_property(&self, kind: &str, name: &str) -> bool {
        let setter = format!("{SETTER}{name}");
        let by_name = [setter.as_str(), BY_ANY_NAME];
        self.has_property(kind, name)
            || by_name
                .iter()
                .any(|name| self.methods(kind, name).next().is_some())
    }

    /// The properties of a kind.
    pub(crate) fn properties_of<'a>(&'a self, kind: &'a str) -> impl Iterator<Item = &'a str> {
        let having = self.globals.iter().filter(move |(_, functions)| {
            functions
                .iter()
                .any(|one| one.first.as_deref() == Some(kind))
        });
        having.filter_map(|(name, _)| name.strip_prefix(GETTER))
    }

    /// What a function of a namespace, or without one, returns.
    pub(crate) fn returned(&self, namespace: &str, name: &str, given: usize) -> Option<Kind> {
        let functions = if namespace.is_empty() {
            &self.globals
        } else {
            self.namespaces.get(namespace)?
        };
        let found = functions.get(name)?.iter();
        agreed(found.filter(|function| function.takes == given))
    }

    fn methods<'a>(&'a self, kind: &'a str, name: &str) -> impl Iterator<Item = &'a Function> {
        let found = self.globals.get(name).into_iter().flatten();
        found.filter(move |function| {
            let first = function.first.as_deref();
            first == Some(kind) || first == Some(ANYTHING)
        })
    }
}

/// Numbers of arguments that functions take.
pub(crate) fn numbers(functions: &[Function]) -> Vec<usize> {
    let takes: BTreeSet<usize> = functions.iter().map(|function| function.takes).collect();
    takes.into_iter().collect()
}

fn agreed<'a>(functions: impl Iterator<Item = &'a Function>) -> Option<Kind> {
    let mut kinds = functions.map(|function| function.returns.as_ref());
    let first = kinds.next()??;
    kinds.all(|kind| kind == Some(first)).then(|| first.clone())
}

fn described(info: FuncInfo<'_>) -> (String, String, Function) {
    let about = info.metadata;
    let first = about.params_info.first().map(|described| {
        let (_, kind) = described.split_once(':').unwrap_or(("", described));
        kind_of(kind)
    });
    let function = Function {
        takes: about.num_params,
        first: first.flatten(),
        returns: kind_of(&about.return_type).filter(|kind| kind != ANYTHING),
    };
    (info.namespace.to_string(), about.name.to_string(), function)
}

/// The type in a text like `&mut Collection` or `Result<Response, Box<EvalAltResult>>`.
fn kind_of(text: &str) -> Option<Kind> {
    let text = text.trim().trim_start_matches("&mut ");
    let text = match text.split_once('<') {
        Some((outer, inner)) if outer.trim_end().ends_with("Result") => {
            inner.split([',', '>']).next().unwrap_or(inner)
        }
        Some((outer, _)) => outer,
        None => text,
    };
    let last = text.rsplit("::").next().unwrap_or(text).trim();
    let plain = last
        .chars()
        .all(|letter| letter.is_alphanumeric() || letter == '_');
    match last {
        "RhaiResult" => Some(ANYTHING.to_owned()),
        _ => (plain && !last.is_empty()).then(|| last.to_owned()),
    }
}
