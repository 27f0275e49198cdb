//! The calls of a source, and which of them can never work.
//!
//! A source is looked at by itself first ([`calls_of`]): what it defines, and the calls that are
//! neither of its own functions nor of the platform's. Those are looked up once all sources of the
//! release are known (`calls/lookup.rs`). What may be decided at run time only is left alone: calls
//! by a text, of what a variable holds, and methods that a map may hold as closures.

mod asked;
mod defined;
mod lookup;
mod tell;
mod types;
mod values;

use std::collections::{BTreeSet, HashSet};

use rhai::{AST, ASTFlags, ASTNode, Dynamic, Expr, FnCallExpr, FnPtr, Position, Stmt};

use super::names::each_node;
use crate::language::known::{Kind, Known};
use asked::{Asked, Calls, What};
use defined::Defined;
pub(crate) use lookup::Sources;
use types::Types;
use values::{has_known_methods, may_take, term};

/// Looks at a tree; `given` are the variables of its top level, with what they hold.
pub(crate) fn calls_of(known: &Known, tree: &AST, given: &[(&'static str, &'static str)]) -> Calls {
    let defined = Defined::of(tree);
    let mut look = Look {
        known,
        types: Types::of(known, tree, defined.clone(), given),
        along: HashSet::new(),
        tried: false,
        calls: Calls {
            defined,
            asked: Vec::new(),
            keys: BTreeSet::new(),
            made_keys: false,
        },
    };
    each_node(tree, |path, inside| look.at(path, inside));
    look.calls
}

/// A look at one source.
struct Look<'k> {
    known: &'k Known,
    types: Types<'k>,
    /// Parts of chains that were seen with their beginning.
    along: HashSet<usize>,
    /// The call is in a block whose errors are caught: its values may be wrong on purpose.
    tried: bool,
    calls: Calls,
}

/// Which node it is.
fn address<T>(node: &T) -> usize {
    std::ptr::from_ref(node).addr()
}

impl Look<'_> {
    fn at(&mut self, path: &[ASTNode<'_>], inside: usize) {
        match path.last() {
            Some(ASTNode::Expr(Expr::FnCall(call, at)) | ASTNode::Stmt(Stmt::FnCall(call, at))) => {
                self.tried = is_tried(path);
                self.function(call, *at, inside);
            }
            Some(ASTNode::Expr(Expr::Variable(variable, _, at))) if !variable.2.is_empty() => {
                let path: Vec<String> = variable
                    .2
                    .path
                    .iter()
                    .map(|part| part.name.to_string())
                    .collect();
                if path != ["global"] {
                    self.ask(What::Value(path), &variable.1, 0, Vec::new(), *at);
                }
            }
            Some(ASTNode::Expr(chain @ (Expr::Dot(..) | Expr::Index(..))))
                if !self.along.contains(&address(*chain)) =>
            {
                self.tried = is_tried(path);
                self.chain(chain, None, inside);
            }
            Some(ASTNode::Expr(Expr::Map(map, _))) => {
                let names = map.0.iter().map(|(key, _)| key.name.to_string());
                self.calls.keys.extend(names);
            }
            Some(ASTNode::Expr(Expr::StringConstant(text, _))) => self.key(text),
            Some(ASTNode::Expr(Expr::DynamicConstant(value, _))) => self.keys_in(value),
            Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                let sides = &assignment.1;
                if ends_in_a_made_key(&sides.lhs) && may_be_a_function(&sides.rhs) {
                    self.calls.made_keys = true;
                }
            }
            _ => {}
        }
    }

    fn key(&mut self, text: &str) {
        if rhai::is_valid_identifier(text) {
            self.calls.keys.insert(text.to_owned());
        }
    }

    /// The names in a value that was made of literals.
    fn keys_in(&mut self, value: &Dynamic) {
        if let Ok(map) = value.as_map_ref() {
            for (key, value) in map.iter() {
                self.key(key);
                self.keys_in(value);
            }
        } else if let Ok(list) = value.as_array_ref() {
            list.iter().for_each(|value| self.keys_in(value));
        } else if let Ok(text) = value.as_immutable_string_ref() {
            self.key(&text);
        }
    }

    fn ask(
        &mut self,
        what: What,
        name: &str,
        given: usize,
        values: Vec<Option<String>>,
        at: Position,
    ) {
        let name = name.to_owned();
        self.calls.asked.push(Asked {
            what,
            name,
            given,
            values,
            at,
        });
    }

    /// What the values of a call are, where the source says it.
    fn values(&self, call: &FnCallExpr, inside: usize) -> Vec<Option<String>> {
        let known = |it: &Expr| self.types.kind(it, inside).filter(|_| !self.tried);
        let kinds = call.args.iter().map(known);
        kinds
            .map(|kind| kind.map(|kind| term(self.known, &kind)))
            .collect()
    }

    fn function(&mut self, call: &FnCallExpr, at: Position, inside: usize) {
        let (name, given) = (call.name.as_str(), call.args.len());
        if call.op_token.is_some() || !rhai::is_valid_identifier(name) {
            return;
        }
        let values = self.values(call, inside);
        if !call.namespace.is_empty() {
            let path = call.namespace.path.iter().map(|part| part.name.to_string());
            self.ask(What::Of(path.collect()), name, given, values, at);
            return;
        }
        let takes = self.known.takes(name);
        let fits = takes.is_some_and(|takes| takes.is_empty() || takes.contains(&given));
        if self.calls.defined.has_function(name, given) {
            return;
        }
        if fits {
            if !may_take(name, &values) {
                self.ask(What::Values, name, given, values, at);
            }
            return;
        }
        let what = What::Plain {
            in_closure: self.types.is_closure(inside),
            variable: self.types.is_variable(inside, name),
        };
        self.ask(what, name, given, values, at);
    }

    /// Goes along a chain of properties, indices and methods, from what stands before it to what it
    /// gives.
    fn chain(&mut self, part: &Expr, before: Option<Kind>, inside: usize) -> Option<Kind> {
        match part {
            Expr::Dot(pair, ..) => {
                self.along.insert(address(part));
                let left = self.chain(&pair.lhs, before, inside);
                self.chain(&pair.rhs, left, inside)
            }
            Expr::Index(pair, flags, _) => {
                self.along.insert(address(part));
                self.chain(&pair.lhs, before, inside);
                if let Expr::StringConstant(text, _) = &pair.rhs {
                    self.key(text);
                }
                // Without the flag its right side is the index and what follows it.
                if !flags.contains(ASTFlags::BREAK)
                    && let Expr::Dot(rest, ..) | Expr::Index(rest, ..) = &pair.rhs
                {
                    self.along.insert(address(&pair.rhs));
                    return self.chain(&rest.rhs, None, inside);
                }
                None
            }
            Expr::MethodCall(call, at) => self.method(call, *at, before, inside),
            Expr::Property(property, at) => {
                let name = property.2.as_str();
                self.calls.keys.insert(name.to_owned());
                let before = before?;
                if self.known.own(&before).is_some() && !self.known.may_have_property(&before, name)
                {
                    let what = What::Property(before.clone());
                    self.ask(what, name, 0, Vec::new(), *at);
                }
                self.known.property(&before, name)
            }
            root => self.types.kind(root, inside),
        }
    }

    fn method(
        &mut self,
        call: &FnCallExpr,
        at: Position,
        on: Option<Kind>,
        inside: usize,
    ) -> Option<Kind> {
        let (name, given) = (call.name.as_str(), call.args.len());
        let kind = on.clone();
        let on = on.filter(|kind| self.known.own(kind).is_some());
        let returns = on
            .as_ref()
            .and_then(|kind| self.known.returned_by_method(kind, name, given));
        let called_on = kind.filter(|_| !self.tried);
        let called_on = called_on.map(|kind| term(self.known, &kind));
        let mut values = vec![called_on.clone()];
        values.extend(self.values(call, inside));
        let fits = match &on {
            Some(kind) => self.known.method(kind, name).contains(&given),
            None => self
                .known
                .takes(name)
                .is_some_and(|takes| takes.is_empty() || takes.contains(&(given + 1))),
        };
        let word = name == "call" || self.calls.defined.has_method(name, given);
        if !fits && !word && rhai::is_valid_identifier(name) {
            self.ask(What::Method(on), name, given, values, at);
        } else if fits
            && !word
            && (on.is_some() || called_on.is_some_and(|it| has_known_methods(&it)))
            && !may_take(name, &values)
        {
            self.ask(What::Values, name, given, values, at);
        }
        returns
    }
}

fn is_chain(part: &Expr) -> bool {
    matches!(part, Expr::Dot(..) | Expr::Index(..))
}

/// Whether what is caught is around a node.
fn is_tried(path: &[ASTNode<'_>]) -> bool {
    let mut around = path.iter();
    around.any(|node| matches!(node, ASTNode::Stmt(Stmt::TryCatch(..))))
}

/// Whether the left side of an assignment ends in an index that is no literal.
fn ends_in_a_made_key(left: &Expr) -> bool {
    match left {
        Expr::Dot(pair, ..) => ends_in_a_made_key(&pair.rhs),
        Expr::Index(pair, ..) => !pair.rhs.is_constant() || is_chain(&pair.rhs),
        _ => false,
    }
}

/// Whether a value may be one that can be called.
fn may_be_a_function(value: &Expr) -> bool {
    match value {
        Expr::DynamicConstant(value, _) => value.is::<FnPtr>(),
        Expr::FnCall(call, _) => call.op_token.is_none(),
        Expr::InterpolatedString(..) | Expr::Map(..) | Expr::Array(..) => false,
        other => !other.is_constant(),
    }
}
