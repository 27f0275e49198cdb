//! Functions whose errors have a place, and whose panics are errors.
//!
//! The language fills in the position of a call that failed, except for calls in a namespace
//! (`json::parse("{")`), because `exec_qualified_fn_call_raw` of Rhai 1.27 does not. A module with
//! `#[export_module(root = "crate::language::placed")]` registers its functions through here, and
//! each of them fills it in itself.

use std::any::TypeId;

pub(crate) use rhai::*;

use rhai::plugin::{PluginFunc, RhaiResult};

use crate::sandbox::panics::caught;

/// Registers a function like the language's own, with a place for its errors.
pub(crate) struct FuncRegistration(rhai::FuncRegistration);

impl FuncRegistration {
    pub(crate) fn new(name: &str) -> Self {
        Self(rhai::FuncRegistration::new(name))
    }

    pub(crate) fn with_namespace(self, namespace: FnNamespace) -> Self {
        Self(self.0.with_namespace(namespace))
    }

    pub(crate) fn with_params_info<S: AsRef<str>>(
        self,
        names: impl IntoIterator<Item = S>,
    ) -> Self {
        Self(self.0.with_params_info(names))
    }

    pub(crate) fn with_comments<S: AsRef<str>>(self, lines: impl IntoIterator<Item = S>) -> Self {
        Self(self.0.with_comments(lines))
    }

    pub(crate) fn set_into_module_raw(
        self,
        module: &mut Module,
        types: impl AsRef<[TypeId]>,
        function: RhaiFunc,
    ) {
        let function = match function {
            RhaiFunc::Plugin { func } => RhaiFunc::Plugin {
                func: Shared::new(Placed(func)),
            },
            other => other,
        };
        self.0.set_into_module_raw(module, types, function);
    }
}

/// A function that says where it was called when it fails.
struct Placed(Shared<dyn PluginFunc + Send + Sync>);

impl PluginFunc for Placed {
    fn call(
        &self,
        context: Option<NativeCallContext<'_>>,
        args: &mut [&mut Dynamic],
    ) -> RhaiResult {
        let called_at = context.as_ref().map(NativeCallContext::call_position);
        let context = context.filter(|_| self.0.has_context());
        let called = caught(|| self.0.call(context, args));
        called
            .unwrap_or_else(|stopped| Err(stopped.into()))
            .map_err(|mut error| {
                if error.position().is_none() {
                    error.set_position(called_at.unwrap_or(Position::NONE));
                }
                error
            })
    }

    fn is_method_call(&self) -> bool {
        self.0.is_method_call()
    }

    fn has_context(&self) -> bool {
        true
    }

    fn is_pure(&self) -> bool {
        self.0.is_pure()
    }

    fn is_volatile(&self) -> bool {
        self.0.is_volatile()
    }
}
