//! Scopes for the next scripts: making and freeing the room for variables costs as much as a small
//! script.

use std::cell::RefCell;

use rhai::{Dynamic, Scope};

use crate::sandbox::meter::unmetered;
use crate::sdk::ctx::Ctx;
use crate::sdk::req::Req;

/// Variables a kept scope has room for.
const ROOM: usize = 16;
/// A run with fewer operations cannot have needed more room: each makes at most two variables.
const SMALL_RUN: u64 = 7;
/// Scopes kept.
const KEPT: usize = 64;
/// Constants of every run.
const GIVEN: usize = 3;

/// A new scope with the constants of a run.
pub(super) fn scope_with(request: Dynamic, event: Dynamic, room: usize) -> Scope<'static> {
    let mut scope = Scope::with_capacity(room.max(GIVEN));
    scope.push_constant_dynamic("req", request);
    scope.push_constant_dynamic("event", event);
    scope.push_constant_dynamic("ctx", Dynamic::from(Ctx));
    scope
}

/// The scopes of one worker for runs with a request that are not in use. They are the platform's
/// memory, not a script's, and hold nothing of a run: `req` and `ctx` only name what they read.
#[derive(Default)]
pub(super) struct Scopes(RefCell<Vec<Scope<'static>>>);

impl Scopes {
    /// A scope with the constants of a run with a request.
    pub(super) fn take(&self) -> Scope<'static> {
        let kept = self.0.borrow_mut().pop();
        kept.unwrap_or_else(|| unmetered(|| scope_with(Dynamic::from(Req), Dynamic::UNIT, ROOM)))
    }

    /// Ends the variables of a run, and keeps their scope if it is as it was.
    pub(super) fn give_back(&self, mut scope: Scope<'static>, operations: u64) {
        // Metered: the values are the script's.
        scope.rewind(GIVEN);
        // A function that captured a constant shares it.
        let shared = scope.iter_raw().any(|(_, _, value)| value.is_shared());
        let mut kept = self.0.borrow_mut();
        if !shared && operations < SMALL_RUN && kept.len() < KEPT {
            unmetered(|| kept.push(scope));
        }
        // Otherwise it ends metered: what it grew by was the script's.
    }
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;
    use crate::language::compile::clashes::Taken;
    use crate::language::compile::trees::{Keep, Trees};
    use crate::language::program::leaves_constants;
    use crate::run::language::{ProgramModules, language};

    fn kept_after(source: &str, operations: u64) -> usize {
        let (language, scopes) = (language(), Scopes::default());
        let engine = language.runtime_engine(ProgramModules, |_cell| {});
        let mut scope = scopes.take();
        let (trees, mut keep) = (Trees::default(), Keep::default());
        let (named, now) = (("test", source), Instant::now());
        let runnable = trees.with((&language, &mut keep), named, now, |parsed| {
            parsed.runnable(&language, named, (&Taken::default(), now))
        });
        let ast = runnable.unwrap().ast;
        assert!(leaves_constants(&ast));
        engine.run_ast_with_scope(&mut scope, &ast).unwrap();
        scopes.give_back(scope, operations);
        let kept = scopes.0.borrow().len();
        assert_eq!(scopes.take().len(), GIVEN, "variables end with their run");
        kept
    }

    #[test]
    fn only_a_scope_that_is_as_it_was_is_kept() {
        assert_eq!(kept_after("let left = 1;", 1), 1);
        assert_eq!(kept_after("let left = 1;", SMALL_RUN), 0, "may have grown");
        assert_eq!(kept_after("let f = || req; f.call();", 1), 0, "captured");
    }
}
