//! Method calls that the language would take for calls of a script's functions.

use std::collections::{BTreeMap, HashMap};

use rhai::{AST, ASTNode, Expr};

use super::names::{TOP, each_node};
use crate::language::known::Known;

/// Functions that method calls of a program could be taken for, by name and parameters, and whether
/// they use `this`: those of the script and of all its modules, since each sees the others' while
/// they run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Taken(BTreeMap<(String, usize), bool>);

/// Lines and columns of the names of methods, and whether the function uses `this`.
pub(super) type Clashes = HashMap<(u32, u32), bool>;

impl Taken {
    /// Adds the functions of a tree.
    pub(crate) fn add(&mut self, tree: &AST) {
        let named = tree.iter_fn_def().enumerate().filter(|(_, function)| {
            // The language tells methods of one type apart by itself.
            !function.name.contains('$') && function.this_type.is_none()
        });
        let mut named: Vec<_> = named
            .map(|(at, function)| (at + 1, (function.name.to_string(), function.params.len())))
            .collect();
        if named.is_empty() {
            return;
        }
        let mut uses = vec![false; tree.iter_fn_def().count() + 1];
        each_node(tree, |path, inside| {
            if inside > TOP && matches!(path.last(), Some(ASTNode::Expr(Expr::ThisPtr(_)))) {
                uses[inside] = true;
            }
        });
        for (at, signature) in named.drain(..) {
            *self.0.entry(signature).or_default() |= uses[at];
        }
    }

    /// The method calls of a tree that clash with these functions.
    pub(super) fn clashes<'k>(&self, tree: &AST, known: impl Fn() -> &'k Known) -> Clashes {
        let mut clashes = Clashes::new();
        if self.0.is_empty() {
            return clashes;
        }
        tree.walk(&mut |path| {
            if let Some(ASTNode::Expr(Expr::MethodCall(call, at))) = path.last()
                && let Some(uses_this) = self.0.get(&(call.name.to_string(), call.args.len()))
                && let (Some(line), Some(column)) = (at.line(), at.position())
                && known().is_method(&call.name, call.args.len())
            {
                clashes.insert((line as u32, column as u32), *uses_this);
            }
            true
        });
        clashes
    }
}
