//! Of which kind a value is, where a source says it: literals, results of the platform's functions,
//! and variables that hold one and nothing else.

use std::collections::HashMap;

use rhai::{AST, ASTNode, Expr, Stmt};

use super::super::names::{TOP, each_node, parameters};
use super::defined::Defined;
use super::values::of_literal;
use crate::language::known::{Kind, Known};

/// Variables by where they are: the top level or a function.
pub(super) struct Types<'k> {
    known: &'k Known,
    defined: Defined,
    /// Kinds of the variables of a function, `None` where it cannot be told.
    variables: HashMap<(usize, String), Option<Kind>>,
    /// Which functions are closures.
    closures: Vec<bool>,
}

impl<'k> Types<'k> {
    /// Looks at the variables of a tree; `given` are those of the platform, with what they hold.
    pub(super) fn of(
        known: &'k Known,
        tree: &AST,
        defined: Defined,
        given: &[(&'static str, &'static str)],
    ) -> Self {
        let mut types = Self {
            known,
            defined,
            variables: HashMap::new(),
            closures: Vec::new(),
        };
        for (name, kind) in given {
            let kind = known.own_called(kind).cloned();
            types.variables.insert((TOP, (*name).to_owned()), kind);
        }
        for (at, (closure, parameters)) in parameters(tree).enumerate() {
            types.closures.push(closure);
            for name in parameters {
                types.variables.insert((at + 1, name), None);
            }
        }
        each_node(tree, |path, inside| types.note(path, inside));
        types
    }

    /// Whether a function is a closure.
    pub(super) fn is_closure(&self, inside: usize) -> bool {
        let function = inside.checked_sub(1).and_then(|at| self.closures.get(at));
        function.copied().unwrap_or(false)
    }

    /// Whether a function has a variable of this name.
    pub(super) fn is_variable(&self, inside: usize, name: &str) -> bool {
        self.variables.contains_key(&(inside, name.to_owned()))
    }

    /// The kind of a value.
    pub(super) fn kind(&self, value: &Expr, inside: usize) -> Option<Kind> {
        match value {
            Expr::Variable(variable, ..) if variable.2.is_empty() => {
                let known = self.variables.get(&(inside, variable.1.to_string()));
                known.cloned().flatten()
            }
            Expr::FnCall(call, _) => {
                let (name, given) = (call.name.as_str(), call.args.len());
                let mut path = call.namespace.path.iter();
                let namespace = path.next().map_or("", |part| part.name.as_str());
                let own = if namespace.is_empty() {
                    self.defined.has_function(name, given)
                } else {
                    path.next().is_some() || self.defined.imported(namespace).is_some()
                };
                if own {
                    return None;
                }
                self.known.returned(namespace, name, given)
            }
            Expr::Dot(pair, ..) => {
                let left = self.kind(&pair.lhs, inside)?;
                self.part(&pair.rhs, &left)
            }
            literal => of_literal(literal),
        }
    }

    fn part(&self, part: &Expr, of: &str) -> Option<Kind> {
        match part {
            Expr::MethodCall(call, _) => {
                self.known
                    .returned_by_method(of, &call.name, call.args.len())
            }
            Expr::Property(property, _) => self.known.property(of, &property.2),
            Expr::Dot(pair, ..) => {
                let left = self.part(&pair.lhs, of)?;
                self.part(&pair.rhs, &left)
            }
            _ => None,
        }
    }

    fn note(&mut self, path: &[ASTNode<'_>], inside: usize) {
        match path.last() {
            Some(ASTNode::Stmt(Stmt::Var(variable, ..))) => {
                let kind = self.kind(&variable.1, inside);
                self.holds(inside, &variable.0.name, kind);
            }
            Some(ASTNode::Stmt(Stmt::For(of, _))) => {
                for name in std::iter::once(&of.0).chain(&of.1) {
                    self.holds(inside, &name.name, None);
                }
            }
            Some(ASTNode::Stmt(Stmt::TryCatch(tried, _))) => {
                if let Expr::Variable(variable, ..) = &tried.expr {
                    self.holds(inside, &variable.1, None);
                }
            }
            Some(ASTNode::Stmt(Stmt::Assignment(assignment))) => {
                if let Expr::Variable(variable, ..) = &assignment.1.lhs {
                    self.holds(inside, &variable.1, None);
                }
            }
            // What is shared with a closure may be anything once that ran.
            Some(ASTNode::Stmt(Stmt::Share(captured))) => {
                for (name, _) in captured.iter() {
                    self.holds(inside, &name.name, None);
                }
            }
            _ => {}
        }
    }

    /// Notes what a variable holds; one that holds several things may hold anything.
    fn holds(&mut self, inside: usize, name: &str, kind: Option<Kind>) {
        let known = self.variables.entry((inside, name.to_owned()));
        known
            .and_modify(|known| {
                if *known != kind {
                    *known = None;
                }
            })
            .or_insert(kind);
    }
}
