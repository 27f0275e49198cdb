//! Values as text, for `print`, `debug`, `to_string`, interpolation and log lines.
//!
//! Rhai prints containers by calling itself, without a bound on depth or length, and answers an
//! error of a printing function by printing the value unbounded. So these functions never fail:
//! what is too deep or too long ends the run at its next operation.

use std::fmt::Write as _;

use rhai::plugin::{Dynamic, ImmutableString, export_module};
use rhai::{Array, Blob, FnPtr, Map};
use shared::limits::fixed::{STRING_BYTES, VALUE_DEPTH};
use shared::script_error::LimitKind;

use crate::language::caught::Caught;
use crate::language::functions::CLOSURE;
use crate::language::kinds::kind_of;
use crate::sandbox::context;
use crate::sandbox::signal::StopReason;

/// Values printed between two looks at the limits.
const LOOK_EVERY: u32 = 256;

struct Printer {
    out: String,
    depth: usize,
    values: u32,
}

/// The text of a value as `to_string` gives it. What is too large ends the run soon after.
pub(crate) fn shown(value: &Dynamic) -> String {
    if value.is_unit() {
        return String::new();
    }
    if let Some(text) = value.read_lock::<ImmutableString>() {
        return text.to_string();
    }
    if let Ok(letter) = value.as_char() {
        return letter.to_string();
    }
    if let Some(caught) = value.read_lock::<Caught>() {
        return caught.message().to_string();
    }
    if value.is_float() {
        // By itself a number is written for people, inside of something so that it can be read back.
        return value.to_string();
    }
    print(|printer| printer.value(value))
}

fn print(what: impl FnOnce(&mut Printer) -> Option<()>) -> String {
    let mut printer = Printer {
        out: String::new(),
        depth: 0,
        values: 0,
    };
    let complete = what(&mut printer).is_some();
    // A run that is over ends at its next operation, whatever it gets here.
    let paid = context::charge(printer.out.len() as u64 / 64).is_ok();
    if complete && paid {
        printer.out
    } else {
        "…".to_owned()
    }
}

/// Marks the run as ended; printing goes no further.
fn stop(limit: LimitKind) -> Option<()> {
    context::stop(StopReason::Limit(limit));
    None
}

/// The name of a function; one without a name has a number in its place.
fn name_of(function: &FnPtr) -> &str {
    if function.is_anonymous() {
        return CLOSURE;
    }
    function.fn_name()
}

/// A function as text.
fn function_name(function: &FnPtr) -> String {
    format!("Fn({})", name_of(function))
}

impl Printer {
    fn put(&mut self, text: &str) -> Option<()> {
        if self.out.len() + text.len() > STRING_BYTES {
            return stop(LimitKind::StringSize);
        }
        self.out.push_str(text);
        Some(())
    }

    fn value(&mut self, value: &Dynamic) -> Option<()> {
        self.values += 1;
        if self.values.is_multiple_of(LOOK_EVERY) {
            context::charge(u64::from(LOOK_EVERY)).ok()?;
        }
        if let Some(text) = value.read_lock::<ImmutableString>() {
            return self.quoted(&text);
        }
        if let Some(items) = value.read_lock::<Array>() {
            return self.array(&items);
        }
        if let Some(map) = value.read_lock::<Map>() {
            return self.map(&map);
        }
        if let Some(blob) = value.read_lock::<Blob>() {
            return self.blob(&blob);
        }
        if let Some(function) = value.read_lock::<FnPtr>() {
            return self.put(&function_name(&function));
        }
        if value.is_unit() {
            return self.put("()");
        }
        if let Ok(letter) = value.as_char() {
            return self.put(letter.encode_utf8(&mut [0; 4]));
        }
        if let Some(caught) = value.read_lock::<Caught>() {
            return self.quoted(&caught.message());
        }
        if value.is_int() || value.is_float() || value.is_bool() {
            return self.put(&format!("{value:?}"));
        }
        // Ranges print as themselves, the platform's own types as their names.
        let text = value.to_string();
        if text == value.type_name() {
            return self.put(&kind_of(value));
        }
        self.put(&text)
    }

    fn quoted(&mut self, text: &str) -> Option<()> {
        if self.out.len() + text.len() > STRING_BYTES {
            return stop(LimitKind::StringSize);
        }
        self.put(&format!("{text:?}"))
    }

    fn nested(&mut self, print: impl FnOnce(&mut Self) -> Option<()>) -> Option<()> {
        if self.depth >= VALUE_DEPTH {
            return stop(LimitKind::Nesting);
        }
        self.depth += 1;
        print(self)?;
        self.depth -= 1;
        Some(())
    }

    fn array(&mut self, items: &Array) -> Option<()> {
        self.nested(|printer| {
            printer.put("[")?;
            for (at, item) in items.iter().enumerate() {
                if at > 0 {
                    printer.put(", ")?;
                }
                printer.value(item)?;
            }
            printer.put("]")
        })
    }

    fn map(&mut self, map: &Map) -> Option<()> {
        self.nested(|printer| {
            printer.put("#{")?;
            for (at, (key, value)) in map.iter().enumerate() {
                if at > 0 {
                    printer.put(", ")?;
                }
                printer.quoted(key)?;
                printer.put(": ")?;
                printer.value(value)?;
            }
            printer.put("}")
        })
    }

    /// Rhai's form: hexadecimal in groups of eight bytes.
    fn blob(&mut self, blob: &Blob) -> Option<()> {
        if self.out.len() + blob.len().saturating_mul(3) > STRING_BYTES {
            return stop(LimitKind::StringSize);
        }
        self.out.push('[');
        for (at, byte) in blob.iter().enumerate() {
            if at > 0 && at % 8 == 0 {
                self.out.push(' ');
            }
            // Writing to a String cannot fail.
            write!(self.out, "{byte:02x}").ok()?;
        }
        self.put("]")
    }
}

#[export_module]
pub(super) mod functions {
    /// The name of a function; `closure` for one without a name.
    #[rhai_fn(name = "name", get = "name", pure)]
    pub fn name_of_function(function: &mut FnPtr) -> ImmutableString {
        name_of(function).into()
    }

    /// The array as text.
    #[rhai_fn(
        name = "to_string",
        name = "to_debug",
        name = "print",
        name = "debug",
        pure
    )]
    pub fn array_text(items: &mut Array) -> ImmutableString {
        print(|printer| printer.array(items)).into()
    }

    /// The map as text.
    #[rhai_fn(
        name = "to_string",
        name = "to_debug",
        name = "print",
        name = "debug",
        pure
    )]
    pub fn map_text(map: &mut Map) -> ImmutableString {
        print(|printer| printer.map(map)).into()
    }

    /// The bytes as hexadecimal text.
    #[rhai_fn(
        name = "to_string",
        name = "to_debug",
        name = "print",
        name = "debug",
        pure
    )]
    pub fn blob_text(blob: &mut Blob) -> ImmutableString {
        print(|printer| printer.blob(blob)).into()
    }

    /// The name of the function, without the values bound to it.
    #[rhai_fn(
        name = "to_string",
        name = "to_debug",
        name = "print",
        name = "debug",
        pure
    )]
    pub fn function_text(function: &mut FnPtr) -> ImmutableString {
        function_name(function).into()
    }
}
