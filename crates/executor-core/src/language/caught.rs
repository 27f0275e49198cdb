//! What `catch (e)` gives for an error that no script threw: its text, its kind and its place.

use rhai::{Dynamic, ImmutableString, Map};
use shared::script_error::{Frame, ScriptErrorKind};
use shared::service::HostError;

/// An error of a service, of a function or of the language. Scripts read it like a map, and it
/// prints as its message; they cannot make one.
#[derive(Clone, Debug)]
pub(crate) struct Caught {
    /// What the run's record calls it.
    record: ScriptErrorKind,
    /// Where it happened, once that is known.
    origin: Option<Frame>,
    fields: Map,
}

impl Caught {
    /// A function was used in a wrong way.
    pub(super) fn misuse(message: String) -> Self {
        Self::new(ScriptErrorKind::Runtime, "invalid", message)
    }

    /// A service did not do what it was asked.
    pub(super) fn of_host(error: HostError) -> Self {
        let mut caught = Self::new(ScriptErrorKind::Host, error.kind.as_str(), error.message);
        caught.set("service", error.service.as_str().into());
        caught
    }

    /// An operation of the language failed.
    pub(super) fn of_language(message: String) -> Self {
        Self::new(ScriptErrorKind::Runtime, "runtime", message)
    }

    fn new(record: ScriptErrorKind, kind: &'static str, message: String) -> Self {
        let fields = Map::from([
            ("kind".into(), kind.into()),
            ("message".into(), message.into()),
        ]);
        Self {
            record,
            origin: None,
            fields,
        }
    }

    fn set(&mut self, name: &str, value: Dynamic) {
        self.fields.insert(name.into(), value);
    }

    /// Says where it happened; the first place stays.
    pub(super) fn happened_at(&mut self, frame: Frame) {
        if self.origin.is_some() {
            return;
        }
        if frame.line > 0 {
            self.set("line", i64::from(frame.line).into());
            self.set("position", i64::from(frame.column).into());
        }
        for (name, text) in [("function", &frame.function), ("script", &frame.script)] {
            if !text.is_empty() {
                self.set(name, text.as_str().into());
            }
        }
        self.origin = Some(frame);
    }

    /// What the run's record calls it.
    pub(super) fn record(&self) -> ScriptErrorKind {
        self.record
    }

    /// Where it happened, if it was caught there.
    pub(super) fn origin(&self) -> Option<&Frame> {
        self.origin.as_ref()
    }

    /// Its text.
    pub(crate) fn message(&self) -> ImmutableString {
        let message = self.fields.get("message");
        let text = message.and_then(|text| text.clone().into_immutable_string().ok());
        text.unwrap_or_default()
    }

    /// What scripts see of it.
    pub(crate) fn fields(&self) -> &Map {
        &self.fields
    }

    /// Whether both say the same of the same.
    pub(crate) fn says_the_same(&self, other: &Self) -> bool {
        let text = |caught: &Self, name| {
            let value = caught.fields.get(name).cloned().unwrap_or_default();
            value.into_immutable_string().ok()
        };
        ["message", "kind", "service"]
            .iter()
            .all(|name| text(self, *name) == text(other, *name))
    }
}
