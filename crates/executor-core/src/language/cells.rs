//! The variables that closures share, and their end with the run.
//!
//! Values of the language are counted references, and all of them form trees but for one: what a
//! closure captures becomes a cell that it shares with its surroundings, and a cell can come to hold
//! what holds it. Nothing frees such a ring. So a program is run with a word of ours before each
//! closure that captures (`places.rs`), which makes the cells and notes them, and what is left of
//! them is emptied when the run ends.

use std::sync::{PoisonError, Weak};

use rhai::{
    AST, ASTNode, Dynamic, Engine, EvalAltResult, EvalContext, Expr, Expression, Locked, Position,
    Scope, Shared, Stmt,
};

use super::places::SHARES;

/// A variable that closures share.
pub(crate) type Cell = Shared<Locked<Dynamic>>;

/// Notes a cell for the running script.
pub(crate) type Note = fn(&Cell);

/// The cells of one run. What they hold ends with them, also where it holds itself.
#[derive(Default)]
pub(crate) struct Cells(Vec<Weak<Locked<Dynamic>>>);

impl Cells {
    /// Notes a cell. Those that are gone make room first, so that there are never more than twice as
    /// many as were in use at one time.
    pub(crate) fn note(&mut self, cell: &Cell) {
        if self.0.len() == self.0.capacity() {
            self.0.retain(|cell| cell.strong_count() > 0);
            // Otherwise those in use would soon be looked through again.
            self.0.reserve(self.0.len() + 1);
        }
        self.0.push(Shared::downgrade(cell));
    }
}

impl Drop for Cells {
    fn drop(&mut self) {
        // The oldest first: a later one that leads to it then leads no further.
        for cell in self.0.drain(..).filter_map(|cell| cell.upgrade()) {
            // One that was being changed when its script was unwound is as good as any other here.
            let held = std::mem::take(&mut *cell.write().unwrap_or_else(PoisonError::into_inner));
            drop(held);
        }
    }
}

/// Lets an engine parse and run what [`super::places::with_places`] put before closures.
pub(super) fn add_to(engine: &mut Engine, note: Note) {
    engine.register_custom_syntax_with_state_raw(
        SHARES,
        |parsed, _next, _state| Ok((parsed.len() == 1).then(|| "$func$".into())),
        false,
        move |context, inputs, _state| closure(context, inputs, note),
    );
}

fn closure(
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    inputs: &[Expression<'_>],
    note: Note,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let Some(closure) = inputs.first() else {
        return Ok(Dynamic::UNIT);
    };
    if let Expr::Stmt(parts) = &**closure
        && let Some(Stmt::Share(captured)) = parts.statements().first()
    {
        for (variable, _) in captured.iter() {
            share(context.scope_mut(), variable.as_str(), note);
        }
        // What is captured and no variable is a function that is written further down.
        let function = |name: &str| context.scope().get(name).is_none();
        if captured.iter().any(|(name, _)| function(name.as_str())) {
            return with_functions(context, parts.statements().get(1));
        }
    }
    context.eval_expression_tree(closure)
}

/// Makes a closure that captures functions, which cannot be shared, and need not.
fn with_functions(
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    made: Option<&Stmt>,
) -> Result<Dynamic, Box<EvalAltResult>> {
    match made {
        Some(Stmt::Expr(made)) => context.eval_expression_tree(&Expression::from(&**made)),
        Some(Stmt::FnCall(call, at)) => {
            let made = Expr::FnCall(call.clone(), *at);
            context.eval_expression_tree(&Expression::from(&made))
        }
        _ => Ok(Dynamic::UNIT),
    }
}

/// Makes a cell of a variable, as the language would, and notes it.
fn share(scope: &mut Scope<'_>, name: &str, note: Note) {
    if scope.get(name).is_none_or(Dynamic::is_shared) {
        return;
    }
    // Of a constant too: what it has inside can be changed through its cell.
    if let Some(variable) = scope.get_value_mut::<Dynamic>(name) {
        let constant = variable.is_read_only();
        let cell = Shared::new(Locked::new(variable.take()));
        note(&cell);
        *variable = Dynamic::from(cell);
        if constant {
            *variable = variable.take().into_read_only();
        }
    }
}

/// A place where variables become shared without being noted. None in what is run.
pub(super) fn not_noted(ast: &AST) -> Option<Position> {
    let mut found = None;
    ast.walk(&mut |path| {
        if let [around @ .., _, ASTNode::Stmt(shares @ Stmt::Share(_))] = path
            && !matches!(around.last(), Some(ASTNode::Expr(Expr::Custom(word, _)))
                if word.tokens.first().is_some_and(|word| word == SHARES))
        {
            found = Some(shares.position());
        } else if let [ASTNode::Stmt(shares @ Stmt::Share(_))] = path {
            found = Some(shares.position());
        }
        found.is_none()
    });
    found
}

#[cfg(test)]
mod tests;
