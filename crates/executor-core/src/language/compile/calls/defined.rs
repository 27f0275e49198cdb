//! What a source defines, as its own calls and those of others see it.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTFlags, ASTNode, Dynamic, FnAccess, Stmt};

/// A function of a source.
#[derive(Clone, Debug)]
pub(super) struct Own {
    /// Its parameters.
    pub(super) takes: usize,
    /// Others may call it.
    pub(super) public: bool,
    /// Only values of this type have it as a method.
    pub(super) of: Option<String>,
}

/// Functions, values and imports of a source.
#[derive(Clone, Debug, Default)]
pub(crate) struct Defined {
    functions: BTreeMap<String, Vec<Own>>,
    values: BTreeSet<String>,
    /// Modules by the names they are imported as.
    imports: BTreeMap<String, BTreeSet<String>>,
}

impl Defined {
    pub(super) fn of(tree: &AST) -> Self {
        let mut defined = Self::default();
        for function in tree.iter_fn_def() {
            let own = Own {
                takes: function.params.len(),
                public: matches!(function.access, FnAccess::Public),
                of: function.this_type.as_ref().map(ToString::to_string),
            };
            let name = function.name.to_string();
            defined.functions.entry(name).or_default().push(own);
        }
        tree.walk(&mut |path| {
            if let Some(ASTNode::Stmt(statement)) = path.last() {
                defined.note(statement);
            }
            true
        });
        defined
    }

    fn note(&mut self, statement: &Stmt) {
        match statement {
            Stmt::Import(import, _) => {
                let module = import.0.get_literal_value(None).map(Dynamic::into_string);
                if let Some(Ok(module)) = module {
                    let named = import.1.name.to_string();
                    self.imports.entry(named).or_default().insert(module);
                }
            }
            Stmt::Var(variable, flags, _) if flags.contains(ASTFlags::EXPORTED) => {
                self.values.insert(variable.0.name.to_string());
            }
            Stmt::Export(names, _) => {
                let (name, renamed) = (&names.0.name, &names.1.name);
                let name = if renamed.is_empty() { name } else { renamed };
                self.values.insert(name.to_string());
            }
            _ => {}
        }
    }

    /// Whether `name(…)` may be one of its functions.
    pub(super) fn has_function(&self, name: &str, given: usize) -> bool {
        self.functions(name)
            .any(|own| own.takes == given && own.of.is_none())
    }

    /// Whether `….name(…)` may be one of its functions.
    pub(super) fn has_method(&self, name: &str, given: usize) -> bool {
        self.functions(name).any(|own| own.takes == given)
    }

    /// Its functions of this name.
    pub(super) fn functions(&self, name: &str) -> impl Iterator<Item = &Own> {
        self.functions.get(name).into_iter().flatten()
    }

    /// The names of its functions: of all, or of those others may call.
    pub(super) fn names(&self, all: bool) -> impl Iterator<Item = &str> {
        let functions = self.functions.iter();
        let named = functions.filter(move |(name, own)| {
            !name.contains('$') && own.iter().any(|one| all || one.public)
        });
        named.map(|(name, _)| name.as_str())
    }

    /// The values others may read.
    pub(super) fn values(&self) -> &BTreeSet<String> {
        &self.values
    }

    /// The modules it imports under a name.
    pub(super) fn imported(&self, name: &str) -> Option<&BTreeSet<String>> {
        self.imports.get(name)
    }
}
