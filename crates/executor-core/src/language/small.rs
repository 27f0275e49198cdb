//! Functions that are too small to be run in a block of our own: it would cost them a fifth.
//!
//! What ends a run in one of them is said to have happened where the function begins, which is where
//! it did, give or take a line. Nothing that takes long by itself is in one: no loop, nothing of the
//! platform, and no function of the source but itself. A function that nothing in its source calls is
//! called by the platform or by another module, and seldom enough.

use std::collections::{BTreeMap, BTreeSet};

use rhai::{AST, ASTNode, Expr, FnCallExpr, ImmutableString, Position, ScriptFuncDef, Stmt};

/// Nodes of a tree that a small function has at most: a block of ours costs what four of them do.
const NODES: usize = 24;

/// A name, and a number of arguments.
type Signature = (ImmutableString, usize);

/// The small functions of a source, and where they begin.
#[derive(Debug, Default)]
pub(super) struct Small(BTreeMap<Signature, Position>);

impl Small {
    pub(super) fn of(ast: &AST) -> Self {
        let mut bodies = Bodies::of(ast);
        let mut called = BTreeSet::new();
        let own: BTreeSet<Signature> = ast.iter_fn_def().map(|it| signature(it)).collect();
        ast.walk(&mut |path| {
            bodies.see(path);
            if let Some((call, _)) = path.last().and_then(call_of_own) {
                let call = (call.name.clone(), call.args.len());
                if own.contains(&call) {
                    bodies.see_call_of(&call);
                    called.insert(call);
                }
            }
            true
        });
        let small = bodies.0.into_iter().filter(Body::small);
        let small = small.map(|body| (body.signature, body.begins));
        Self(small.filter(|(it, _)| called.contains(it)).collect())
    }

    pub(super) fn holds(&self, function: &ScriptFuncDef) -> bool {
        self.0.contains_key(&signature(function))
    }

    /// Where each call of one is, and where the function begins, in order.
    pub(super) fn calls(&self, ast: &AST) -> Vec<(Position, Position)> {
        let mut calls = Vec::new();
        if !self.0.is_empty() {
            ast.walk(&mut |path| {
                if let Some((call, at)) = path.last().and_then(call_of_own) {
                    let begins = self.0.get(&(call.name.clone(), call.args.len()));
                    calls.extend(begins.map(|begins| (at, *begins)));
                }
                true
            });
            calls.sort_unstable();
        }
        calls
    }
}

fn signature(function: &ScriptFuncDef) -> Signature {
    (function.name.clone(), function.params.len())
}

/// A call that could be of a function of the source.
fn call_of_own<'a>(node: &ASTNode<'a>) -> Option<(&'a FnCallExpr, Position)> {
    let (call, at) = call_of(node)?;
    (call.namespace.is_empty() && call.op_token.is_none()).then_some((call, at))
}

fn call_of<'a>(node: &ASTNode<'a>) -> Option<(&'a FnCallExpr, Position)> {
    match node {
        ASTNode::Expr(Expr::FnCall(call, at) | Expr::MethodCall(call, at))
        | ASTNode::Stmt(Stmt::FnCall(call, at)) => Some((call, *at)),
        _ => None,
    }
}

/// What is in the body of a function.
struct Body {
    signature: Signature,
    begins: Position,
    ends: Position,
    nodes: usize,
    takes_long: bool,
}

impl Body {
    fn small(&self) -> bool {
        self.nodes <= NODES && !self.takes_long
    }
}

/// The functions with braces by where they begin, while their tree is walked.
struct Bodies(Vec<Body>, Option<usize>);

impl Bodies {
    fn of(ast: &AST) -> Self {
        let bodies = ast.iter_fn_def().map(|function| Body {
            signature: signature(function),
            begins: function.body.start_position(),
            ends: function.body.end_position(),
            nodes: 0,
            takes_long: false,
        });
        let mut bodies: Vec<Body> = bodies
            .filter(|body| !body.begins.is_none() && !body.ends.is_none())
            .collect();
        bodies.sort_by_key(|body| body.begins);
        Self(bodies, None)
    }

    /// One more node, the last of a path from a statement of a body or of the top level.
    fn see(&mut self, path: &[ASTNode<'_>]) {
        let Some(node) = path.last() else { return };
        if path.len() == 1 {
            self.1 = self.around(node.position());
        }
        let Some(body) = self.1.and_then(|at| self.0.get_mut(at)) else {
            return;
        };
        body.nodes += 1;
        let loops = matches!(
            node,
            ASTNode::Stmt(Stmt::While(..) | Stmt::Do(..) | Stmt::For(..))
        );
        let of_the_platform = call_of(node).is_some_and(|(call, _)| !call.namespace.is_empty());
        body.takes_long |= loops || of_the_platform;
    }

    /// The node that was seen last calls a function of the source.
    fn see_call_of(&mut self, called: &Signature) {
        if let Some(body) = self.1.and_then(|at| self.0.get_mut(at)) {
            body.takes_long |= body.signature != *called;
        }
    }

    /// The innermost body around a place.
    fn around(&self, at: Position) -> Option<usize> {
        let before = self.0.partition_point(|body| body.begins <= at);
        (0..before).rev().find(|it| at <= self.0[*it].ends)
    }
}

#[cfg(test)]
mod tests {
    use rhai::Engine;

    use super::Small;

    #[test]
    fn what_is_called_and_does_little_is_small() {
        let source = "
            fn fib(n) { if n < 2 { n } else { fib(n - 1) + fib(n - 2) } }
            fn called(x) { x + 1 }
            fn method() { this + 1 }
            fn never(x) { x + 1 }
            fn other_number(x) { x }
            fn loops(x) { for i in 0..x {} }
            fn far(x) { kv::get(x) }
            fn through(x) { called(x) }
            fn large(x) { x * 1; x * 2; x * 3; x * 4; x * 5; x * 6; x * 7; x * 8; x * 9; x * 0 }
            let closure = |x| { x + 1 };
            fib(1); called(1); 1.method(); other_number(); loops(1); far(1); through(1); large(1); closure.call(1);
        ";
        let ast = Engine::new_raw().compile(source).unwrap();
        let small = Small::of(&ast);
        let names: Vec<&str> = small.0.keys().map(|(name, _)| name.as_str()).collect();
        assert_eq!(names, ["called", "fib", "method"]);
        let calls = small.calls(&ast);
        assert_eq!(calls.len(), 6);
        assert!(calls.is_sorted());
    }
}
