//! Methods of values where a script has functions of the same name.
//!
//! To the language `x.list(1)` is the script's `fn list(a)` wherever there is one, and `x` its `this`.
//! A handler that is called like a method would so take the method's place, in the script and in all
//! its modules. So such calls are run under a name of ours, which no function has
//! (`compile/clashes.rs`), and whose they are is decided here: a method of the platform's own values
//! is theirs; of other values it is the script's function if that uses `this`, else theirs as well.

use rhai::{Dynamic, Engine, EvalAltResult, EvalContext, FnPtr, NativeCallContext, Position};

/// What begins our names; no word of a script.
const MARK: char = '.';

/// Such a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Clash {
    /// The script's function uses `this`.
    pub(super) uses_this: bool,
    /// Where the name of the method is, in what is run.
    pub(super) at: (u16, u16),
}

impl Clash {
    /// The name under which a call is run.
    pub(super) fn name(self, method: &str) -> String {
        let (line, column) = self.at;
        let uses = u8::from(self.uses_this);
        format!("{MARK}{uses}{MARK}{line}{MARK}{column}{MARK}{method}")
    }

    /// The call and its method of a name of ours.
    fn of(name: &str) -> Option<(Self, &str)> {
        let mut parts = name.strip_prefix(MARK)?.splitn(4, MARK);
        let uses_this = parts.next()? == "1";
        let at = (parts.next()?.parse().ok()?, parts.next()?.parse().ok()?);
        Some((Self { uses_this, at }, parts.next()?))
    }
}

/// Lets an engine run calls of such names. `is_own` tells the platform's own values.
#[expect(
    deprecated,
    reason = "rhai marks this hook as volatile; the version is pinned"
)]
pub(super) fn add_to(
    engine: &mut Engine,
    is_own: impl Fn(&Dynamic) -> bool + Send + Sync + 'static,
) {
    engine.on_missing_function(move |name, args, _is_method, mut context| {
        let Some((clash, method)) = Clash::of(name) else {
            return Ok(None);
        };
        let called = called(&mut context, (clash, method), args, &is_own);
        called.map(Some).map_err(|mut error| {
            if error.position().is_none() {
                error.set_position(Position::new(clash.at.0, clash.at.1));
            }
            error
        })
    });
}

fn called(
    context: &mut EvalContext<'_, '_, '_, '_, '_, '_>,
    (clash, method): (Clash, &str),
    args: &mut [&mut Dynamic],
    is_own: impl Fn(&Dynamic) -> bool,
) -> Result<Dynamic, Box<EvalAltResult>> {
    let Some((value, given)) = args.split_first_mut() else {
        return Ok(Dynamic::UNIT);
    };
    // What a map holds under the name is its method.
    if let Some(held) = held(value, method) {
        let given: Vec<Dynamic> = given.iter_mut().map(|one| one.take()).collect();
        let at = Position::new(clash.at.0, clash.at.1);
        let (engine, global) = (context.engine(), context.global_runtime_state_mut());
        let context = NativeCallContext::new_with_all_fields(engine, method, None, global, at);
        return held.call_raw(&context, Some(value), given);
    }
    if clash.uses_this && !is_own(value) {
        return context.call_fn_raw(method, true, true, args);
    }
    match context.call_native_fn_raw(method, true, args) {
        Err(error) if is_missing(&error, method) => context.call_fn_raw(method, true, true, args),
        result => result,
    }
}

fn held(value: &Dynamic, name: &str) -> Option<FnPtr> {
    let map = value.as_map_ref().ok()?;
    map.get(name)?.read_lock::<FnPtr>().map(|held| held.clone())
}

/// Whether an error says that there is no such method.
fn is_missing(error: &EvalAltResult, method: &str) -> bool {
    let EvalAltResult::ErrorFunctionNotFound(signature, _) = error else {
        return false;
    };
    let after = signature.strip_prefix(method);
    after.is_some_and(|after| after.starts_with(" ("))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_of_ours_is_read_again() {
        let clash = Clash {
            uses_this: true,
            at: (12, 700),
        };
        assert_eq!(Clash::of(&clash.name("list")), Some((clash, "list")));
        for other in ["list", "", ".", ".1.2.list", "anon$1"] {
            assert_eq!(Clash::of(other), None, "{other}");
        }
    }
}
