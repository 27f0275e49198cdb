//! The calls of a source that are looked up when all sources are known.

use std::collections::BTreeSet;

use rhai::Position;

use super::defined::Defined;
use crate::language::known::Kind;

/// A call, or a value of a module, that is looked up later.
#[derive(Debug)]
pub(super) struct Asked {
    pub(super) what: What,
    pub(super) name: String,
    /// Arguments.
    pub(super) given: usize,
    /// What they are, where the source says it; of a method with the value it is called on.
    pub(super) values: Vec<Option<String>>,
    pub(super) at: Position,
}

#[derive(Debug)]
pub(super) enum What {
    /// `name(…)`.
    Plain {
        /// In a closure, which a module's function may call.
        in_closure: bool,
        /// There is a variable of this name.
        variable: bool,
    },
    /// `path::name(…)`.
    Of(Vec<String>),
    /// `path::name`.
    Value(Vec<String>),
    /// `….name(…)` of a value of this kind, where it is known.
    Method(Option<Kind>),
    /// `name(…)` or `….name(…)` of the platform, with values it does not take.
    Values,
    /// `….name` of a value of this kind, which has no such property.
    Property(Kind),
}

/// What is known of one source without the others.
#[derive(Debug)]
pub(crate) struct Calls {
    pub(super) defined: Defined,
    pub(super) asked: Vec<Asked>,
    /// Names under which a map may hold something.
    pub(super) keys: BTreeSet<String>,
    /// A map may hold a function under a name that is made at run time.
    pub(super) made_keys: bool,
}
