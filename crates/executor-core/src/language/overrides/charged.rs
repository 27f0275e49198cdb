//! Functions of the standard library that go through all of a value: they pay for it first.
//!
//! They are the language's own, asked through an engine that has nothing else, which takes half a
//! microsecond: what scripts call by the thousand is written again (`search.rs`, `moved.rs`). Each of
//! them moves or copies what it is given, which may be as large as the memory of a run.

use std::any::TypeId;
use std::ops::{Range, RangeInclusive};
use std::sync::LazyLock;

use rhai::packages::{
    BasicArrayPackage, BasicBlobPackage, BasicStringPackage, MoreStringPackage, Package as _,
};
use rhai::plugin::{Dynamic, ImmutableString, Module, NativeCallContext, Position, RhaiResult};
use rhai::{Array, Blob, Engine, FuncRegistration, GlobalRuntimeState, RhaiFunc, Shared};

use crate::language::cost::{BYTES, VALUES};
use crate::sandbox::context;

/// What a parameter takes.
#[derive(Clone, Copy)]
enum Takes {
    Array,
    Blob,
    Text,
    Integer,
    Range,
    RangeTo,
}

use Takes::{Array as A, Blob as B, Integer as I, Range as R, RangeTo, Text};

impl Takes {
    fn id(self) -> TypeId {
        match self {
            Self::Array => TypeId::of::<Array>(),
            Self::Blob => TypeId::of::<Blob>(),
            Self::Text => TypeId::of::<ImmutableString>(),
            Self::Integer => TypeId::of::<i64>(),
            Self::Range => TypeId::of::<Range<i64>>(),
            Self::RangeTo => TypeId::of::<RangeInclusive<i64>>(),
        }
    }

    /// The type as the language's own list of functions has it.
    fn name(self) -> &'static str {
        match self {
            Self::Array => "Array",
            Self::Blob => "Blob",
            Self::Text => "&str",
            Self::Integer => "i64",
            Self::Range => "Range<i64>",
            Self::RangeTo => "RangeInclusive<i64>",
        }
    }
}

/// How the first value is given.
#[derive(Clone, Copy, PartialEq, Eq)]
enum First {
    /// It is changed.
    Changed,
    /// It is looked at; a constant may be given.
    Seen,
    /// It is given away.
    Given,
}

use First::{Changed, Given, Seen};

const FUNCTIONS: &[(&str, First, &[Takes])] = &[
    ("chop", Changed, &[A, I]),
    ("split", Changed, &[A, I]),
    ("extract", Changed, &[A, R]),
    ("extract", Changed, &[A, RangeTo]),
    ("extract", Changed, &[A, I, I]),
    ("extract", Changed, &[A, I]),
    ("splice", Changed, &[A, R, A]),
    ("splice", Changed, &[A, RangeTo, A]),
    ("splice", Changed, &[A, I, I, A]),
    ("drain", Changed, &[A, R]),
    ("drain", Changed, &[A, RangeTo]),
    ("drain", Changed, &[A, I, I]),
    ("retain", Changed, &[A, R]),
    ("retain", Changed, &[A, RangeTo]),
    ("retain", Changed, &[A, I, I]),
    ("append", Changed, &[B, B]),
    ("append", Changed, &[B, Text]),
    ("contains", Seen, &[B, I]),
    ("insert", Changed, &[B, I, I]),
    ("remove", Changed, &[B, I]),
    ("shift", Changed, &[B]),
    ("reverse", Changed, &[B]),
    ("split", Changed, &[B, I]),
    ("extract", Changed, &[B, R]),
    ("extract", Changed, &[B, RangeTo]),
    ("extract", Changed, &[B, I, I]),
    ("extract", Changed, &[B, I]),
    ("splice", Changed, &[B, R, B]),
    ("splice", Changed, &[B, RangeTo, B]),
    ("splice", Changed, &[B, I, I, B]),
    ("drain", Changed, &[B, R]),
    ("drain", Changed, &[B, RangeTo]),
    ("drain", Changed, &[B, I, I]),
    ("retain", Changed, &[B, R]),
    ("retain", Changed, &[B, RangeTo]),
    ("retain", Changed, &[B, I, I]),
    ("split", Seen, &[Text, I]),
    ("to_debug", Given, &[Text]),
    ("to_blob", Given, &[Text]),
    ("+", Given, &[Text, B]),
    ("+", Given, &[B, Text]),
    ("+=", Changed, &[Text, B]),
    ("append", Changed, &[Text, B]),
];

/// The language's own functions, and nothing else.
struct Stock {
    engine: Engine,
    state: GlobalRuntimeState,
}

static STOCK: LazyLock<Stock> = LazyLock::new(|| {
    let mut module = Module::new();
    BasicStringPackage::init(&mut module);
    BasicArrayPackage::init(&mut module);
    BasicBlobPackage::init(&mut module);
    MoreStringPackage::init(&mut module);
    module.register_lazy_functions();
    module.build_index();
    let mut engine = Engine::new_raw();
    engine.register_global_module(module.into());
    let state = engine.new_global_runtime_state();
    Stock { engine, state }
});

/// What it costs to go through a value.
fn cost(value: &Dynamic) -> u64 {
    if let Some(items) = value.read_lock::<Array>() {
        items.len() as u64 / VALUES
    } else if let Some(blob) = value.read_lock::<Blob>() {
        blob.len() as u64 / BYTES
    } else if let Some(text) = value.read_lock::<ImmutableString>() {
        text.len() as u64 / BYTES
    } else {
        0
    }
}

fn call(
    name: &str,
    first: First,
    context: Option<&NativeCallContext<'_>>,
    values: &mut [&mut Dynamic],
) -> RhaiResult {
    let cost: u64 = values.iter().map(|value| cost(value)).sum();
    if cost > 0 {
        context::charge(cost)?;
    }
    let source = context.and_then(NativeCallContext::call_source);
    let stock = &*STOCK;
    let stock: NativeCallContext<'_> =
        (&stock.engine, name, source, &stock.state, Position::NONE).into();
    stock.call_native_fn_raw(name, first != Given, values)
}

/// Adds them; what is there already is replaced.
pub(super) fn add_to(m: &mut Module) {
    // Not within a run, whose memory it would be.
    LazyLock::force(&STOCK);
    for (name, first, takes) in FUNCTIONS.iter().copied() {
        let types: Vec<TypeId> = takes.iter().map(|it| it.id()).collect();
        let info = takes.iter().enumerate().map(|(at, it)| {
            let changed = if at == 0 && first != Given {
                "&mut "
            } else {
                ""
            };
            format!("value: {changed}{}", it.name())
        });
        let work = move |context: Option<NativeCallContext<'_>>, values: &mut [&mut Dynamic]| {
            call(name, first, context.as_ref(), values)
        };
        let function = if first == Given {
            RhaiFunc::Pure {
                func: Shared::new(work),
                has_context: false,
                is_pure: true,
                is_volatile: false,
            }
        } else {
            RhaiFunc::Method {
                func: Shared::new(work),
                has_context: false,
                is_pure: first == Seen,
                is_volatile: false,
            }
        };
        FuncRegistration::new(name)
            .in_global_namespace()
            .with_params_info(info)
            .set_into_module_raw(m, types, function);
    }
}
