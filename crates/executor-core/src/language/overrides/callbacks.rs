//! Arrays that call a function of the script for each of their values.
//!
//! The standard library finds out how many parameters such a function takes by calling it: with
//! the value as `this`, then with the value, then with its index too. Every failed call is looked
//! up in vain and makes an error, for each value again. These ask once, and call what is there.

use rhai::plugin::{
    Dynamic, EvalAltResult, NativeCallContext, Position, RhaiResult, export_module,
};
use rhai::{Array, FnArgsVec, FnPtr};

use crate::language::error::Result;

/// How a function may take the value it is called for, besides as `this`.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Takes {
    /// Only as `this`.
    This,
    /// As the parameter after those that are given.
    Parameter,
}

/// A function of the script, and how it wants to be called.
struct Callback<'c, const GIVEN: usize> {
    context: &'c NativeCallContext<'c>,
    function: &'c FnPtr,
    /// The array's function that calls it, for errors.
    caller: &'static str,
    takes: Takes,
    /// Parameters it has, when that is sure.
    parameters: Option<usize>,
}

impl<'c, const GIVEN: usize> Callback<'c, GIVEN> {
    fn new(
        context: &'c NativeCallContext<'c>,
        function: &'c FnPtr,
        caller: &'static str,
        takes: Takes,
    ) -> Self {
        let most = GIVEN + 1 + usize::from(takes == Takes::Parameter);
        Self {
            context,
            function,
            caller,
            takes,
            parameters: parameters_of(context, function)
                .filter(|count| (GIVEN..=most).contains(count)),
        }
    }

    fn call(&self, given: [Dynamic; GIVEN], item: &mut Dynamic, index: usize) -> RhaiResult {
        let index = Dynamic::from_int(i64::try_from(index).unwrap_or(i64::MAX));
        let Some(parameters) = self.parameters else {
            let place = (self.takes == Takes::Parameter).then_some(GIVEN);
            let (context, this) = (self.context, Some(item));
            return self.function.call_raw_with_extra_args(
                self.caller,
                context,
                this,
                given,
                [index],
                place,
            );
        };
        let mut arguments = FnArgsVec::from_iter(given);
        let by_parameter = self.takes == Takes::Parameter && parameters > GIVEN;
        let this = if by_parameter {
            arguments.push(item.clone());
            None
        } else {
            Some(item)
        };
        if arguments.len() < parameters {
            arguments.push(index);
        }
        let called = self.function.call_raw(self.context, this, arguments);
        called.map_err(|error| self.failed(error))
    }

    fn failed(&self, error: Box<EvalAltResult>) -> Box<EvalAltResult> {
        let source = self.context.call_source().unwrap_or_default().to_owned();
        let caller = self.caller.to_owned();
        EvalAltResult::ErrorInFunctionCall(caller, source, error, Position::NONE).into()
    }
}

impl Callback<'_, 0> {
    fn holds(&self, item: &mut Dynamic, index: usize) -> Result<bool> {
        Ok(self.call([], item, index)?.as_bool().unwrap_or(false))
    }
}

/// Parameters of an anonymous function of the script, without those it captured. Names that scripts
/// give may stand for several functions; that is for the standard library to sort out.
fn parameters_of(context: &NativeCallContext<'_>, function: &FnPtr) -> Option<usize> {
    if !function.is_anonymous() {
        return None;
    }
    let mut own = context.namespaces().first()?.iter_script_fn_info();
    let (.., all, _) = own.find(|(_, _, name, ..)| *name == function.fn_name())?;
    all.checked_sub(function.curry().len())
}

/// Where a search begins: an index from the end is negative.
fn start_at(items: &Array, start: i64) -> usize {
    let length = items.len() as i64;
    let start = if start < 0 {
        (length + start.max(-length)).max(0)
    } else {
        start
    };
    start as usize
}

fn find_index(
    context: &NativeCallContext<'_>,
    (caller, items): (&'static str, &mut Array),
    function: &FnPtr,
    start: usize,
) -> Result<Option<usize>> {
    let function = Callback::new(context, function, caller, Takes::Parameter);
    for (at, item) in items.iter_mut().enumerate().skip(start) {
        if function.holds(item, at)? {
            return Ok(Some(at));
        }
    }
    Ok(None)
}

fn fold<'i>(
    context: &NativeCallContext<'_>,
    function: &FnPtr,
    caller: &'static str,
    items: impl Iterator<Item = (usize, &'i mut Dynamic)>,
    first: Dynamic,
) -> RhaiResult {
    let function = Callback::new(context, function, caller, Takes::Parameter);
    let mut result = first;
    for (at, item) in items {
        result = function.call([result], item, at)?;
    }
    Ok(result)
}

/// Takes out the values for which a function is `taken`. What it was not asked about when it fails
/// stays.
fn take_where(
    context: &NativeCallContext<'_>,
    (caller, items): (&'static str, &mut Array),
    function: &FnPtr,
    taken: bool,
) -> Result<Array> {
    let function = Callback::new(context, function, caller, Takes::Parameter);
    let mut out = Array::new();
    let mut kept = 0;
    let mut failed = None;
    for at in 0..items.len() {
        let goes = failed.is_none() && {
            let holds = function.holds(&mut items[at], at);
            holds.unwrap_or_else(|error| {
                failed = Some(error);
                !taken
            }) == taken
        };
        if goes {
            out.push(std::mem::take(&mut items[at]));
        } else {
            items.swap(kept, at);
            kept += 1;
        }
    }
    items.truncate(kept);
    failed.map_or(Ok(out), Err)
}

#[export_module]
pub(super) mod functions {
    /// Takes out the values for which a function is true.
    #[rhai_fn(return_raw)]
    pub fn drain(
        context: NativeCallContext<'_>,
        items: &mut Array,
        function: FnPtr,
    ) -> Result<Array> {
        take_where(&context, ("drain", items), &function, true)
    }

    /// Keeps the values for which a function is true; the others are taken out.
    #[rhai_fn(return_raw)]
    pub fn retain(
        context: NativeCallContext<'_>,
        items: &mut Array,
        function: FnPtr,
    ) -> Result<Array> {
        take_where(&context, ("retain", items), &function, false)
    }

    /// Calls a function for every value, which is `this`.
    #[rhai_fn(return_raw)]
    pub fn for_each(
        context: NativeCallContext<'_>,
        items: &mut Array,
        function: FnPtr,
    ) -> Result<()> {
        let function = Callback::new(&context, &function, "for_each", Takes::This);
        for (at, item) in items.iter_mut().enumerate() {
            drop(function.call([], item, at)?);
        }
        Ok(())
    }

    /// What a function makes of every value.
    #[rhai_fn(return_raw, pure)]
    pub fn map(
        context: NativeCallContext<'_>,
        items: &mut Array,
        function: FnPtr,
    ) -> Result<Array> {
        let function = Callback::new(&context, &function, "map", Takes::Parameter);
        let mut out = Array::with_capacity(items.len());
        for (at, item) in items.iter_mut().enumerate() {
            out.push(function.call([], item, at)?);
        }
        Ok(out)
    }

    /// The values for which a function is true.
    #[rhai_fn(return_raw, pure)]
    pub fn filter(
        context: NativeCallContext<'_>,
        items: &mut Array,
        function: FnPtr,
    ) -> Result<Array> {
        let function = Callback::new(&context, &function, "filter", Takes::Parameter);
        let mut out = Array::new();
        for (at, item) in items.iter_mut().enumerate() {
            if function.holds(item, at)? {
                out.push(item.clone());
            }
        }
        Ok(out)
    }

    /// Whether a function is true for some value.
    #[rhai_fn(return_raw, pure)]
    pub fn some(
        context: NativeCallContext<'_>,
        items: &mut Array,
        function: FnPtr,
    ) -> Result<bool> {
        Ok(find_index(&context, ("some", items), &function, 0)?.is_some())
    }

    /// Whether a function is true for all values.
    #[rhai_fn(return_raw, pure)]
    pub fn all(context: NativeCallContext<'_>, items: &mut Array, function: FnPtr) -> Result<bool> {
        let function = Callback::new(&context, &function, "all", Takes::Parameter);
        for (at, item) in items.iter_mut().enumerate() {
            if !function.holds(item, at)? {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// The first value for which a function is true, or `()`.
    #[rhai_fn(return_raw, pure)]
    pub fn find(context: NativeCallContext<'_>, items: &mut Array, function: FnPtr) -> RhaiResult {
        find_from(context, items, function, 0)
    }

    /// The first value from an index on for which a function is true, or `()`.
    #[rhai_fn(name = "find", return_raw, pure)]
    pub fn find_from(
        context: NativeCallContext<'_>,
        items: &mut Array,
        function: FnPtr,
        start: i64,
    ) -> RhaiResult {
        let start = start_at(items, start);
        let found = find_index(&context, ("index_of", items), &function, start)?;
        Ok(found.map_or(Dynamic::UNIT, |at| items[at].clone()))
    }

    /// Where a function is first true; -1 when it never is.
    #[rhai_fn(name = "index_of", return_raw, pure)]
    pub fn index_where(
        context: NativeCallContext<'_>,
        items: &mut Array,
        function: FnPtr,
    ) -> Result<i64> {
        index_where_from(context, items, function, 0)
    }

    /// Where, from an index on, a function is first true; -1 when it never is.
    #[rhai_fn(name = "index_of", return_raw, pure)]
    pub fn index_where_from(
        context: NativeCallContext<'_>,
        items: &mut Array,
        function: FnPtr,
        start: i64,
    ) -> Result<i64> {
        let start = start_at(items, start);
        let found = find_index(&context, ("index_of", items), &function, start)?;
        Ok(found.and_then(|at| i64::try_from(at).ok()).unwrap_or(-1))
    }

    /// What a function makes of the values one after the other, beginning with `()`.
    #[rhai_fn(return_raw, pure)]
    pub fn reduce(
        context: NativeCallContext<'_>,
        items: &mut Array,
        function: FnPtr,
    ) -> RhaiResult {
        let items = items.iter_mut().enumerate();
        fold(&context, &function, "reduce", items, Dynamic::UNIT)
    }

    /// What a function makes of the values one after the other, beginning with `first`.
    #[rhai_fn(name = "reduce", return_raw, pure)]
    pub fn reduce_with(
        context: NativeCallContext<'_>,
        items: &mut Array,
        function: FnPtr,
        first: Dynamic,
    ) -> RhaiResult {
        let items = items.iter_mut().enumerate();
        fold(&context, &function, "reduce", items, first)
    }
}

#[cfg(test)]
mod tests {
    use rhai::Engine;
    use rhai::packages::{Package as _, StandardPackage};

    use crate::language::engine::{Language, Library};

    /// Programs in which a function takes each value in every way the language has.
    const PROGRAMS: [&str; 28] = [
        "[3, 1, 2].map(|n| n * 2)",
        "[3, 1, 2].map(|n, at| n * at)",
        "[3, 1, 2].map(|| this + 1)",
        "let by = 5; [3, 1, 2].map(|n| n * by)",
        "let by = 5; [3, 1, 2].map(|n, at| n * by + at)",
        "let by = 5; [3, 1, 2].map(|| this + by)",
        "fn twice(n) { n * 2 } [3, 1].map(twice)",
        "fn twice() { this * 2 } [3, 1].map(Fn(\"twice\"))",
        "fn both(n) { n } fn both(n, at) { n + at } [3, 1].map(both)",
        "[3, -1].map(Fn(\"abs\"))",
        "let a = [3, 1, 2]; a.for_each(|| this += 1); a",
        "let a = [3, 1, 2]; a.for_each(|at| this += at); a",
        "[3, 1, 2].filter(|n| n > 1) + [3, 1, 2].filter(|n, at| at > 0)",
        "[[3, 1].some(|n| n > 2), [3, 1].some(|| this > 5), [].some(|n| true)]",
        "[[3, 1].all(|n| n > 0), [3, 1].all(|n, at| at > 0), [].all(|n| false), [1].all(|n| 7)]",
        "[[3, 1].find(|n| n < 3), [3, 1].find(|n| n > 9), [3, 1, 2].find(|n| n < 3, -1)]",
        "[[3, 1].index_of(|n| n < 3), [3, 1].index_of(|n| n > 9), [3, 1].index_of(|n| true, -9)]",
        "[3, 1, 2].reduce(|all, n| all + n, 10)",
        "[3, 1, 2].reduce(|all, n, at| all + n * at, 10)",
        "[3, 1, 2].reduce(|all| all + this, 10)",
        "[3, 1, 2].reduce(|all, n| if all == () { n } else { all + n })",
        "[3, 1, 2].map(|a, b, c| a)",
        "[3, 1, 2].map(|n| [n, n + 1].map(|m| m * n))",
        "[3, 1, 2].map(|n| n.nothing())",
        "let a = [3, 1, 2, 5]; [a.drain(|n| n > 2), a]",
        "let a = [3, 1, 2, 5]; [a.retain(|n, at| at > 1), a]",
        "let a = [3, 1, 2, 5]; try { a.drain(|n| if n == 2 { throw 1 } else { true }); } catch {} a",
        "let a = [3, 1, 2, 5]; try { a.retain(|n| if n == 2 { throw 1 } else { true }); } catch {} a",
    ];

    #[test]
    fn functions_are_called_as_the_standard_library_calls_them() {
        let mut plain = Engine::new_raw();
        plain.register_global_module(StandardPackage::new().as_shared_module());
        let ours = Language::with(Library::empty()).compile_engine();
        let shown = |engine: &Engine, program: &str| {
            let result = engine.eval::<rhai::Dynamic>(program);
            result.map_or_else(|error| error.to_string(), |value| value.to_string())
        };
        for program in PROGRAMS {
            assert_eq!(shown(&ours, program), shown(&plain, program), "{program}");
        }
    }
}
