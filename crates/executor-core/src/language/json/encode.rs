//! From script values to JSON text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use rhai::{Array, Blob, Dynamic, ImmutableString, Map};
use shared::limits::fixed::VALUE_DEPTH;

use crate::language::caught::Caught;
use crate::language::kinds::kind_of;

/// A value that has no JSON.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum EncodeError {
    /// Something that is not data, or a number JSON cannot hold.
    #[error("{what} at ${path} cannot be written as JSON")]
    NotData {
        /// What it is.
        what: String,
        /// Where it is, like `.items[3]`.
        path: String,
    },
    /// Too deep, perhaps because it contains itself.
    #[error("the value is nested deeper than 128 levels")]
    TooDeep,
    /// Whoever was asked said so.
    #[error("stopped")]
    Stopped,
    /// Too large.
    #[error("the JSON text would be larger than {0} bytes")]
    TooLarge(usize),
}

impl EncodeError {
    /// The same error seen from one level further out.
    fn inside(self, step: &str) -> Self {
        let longer = |path: String| format!("{step}{path}");
        match self {
            Self::NotData { what, path } => Self::NotData {
                what,
                path: longer(path),
            },
            Self::TooDeep => Self::TooDeep,
            Self::Stopped => Self::Stopped,
            Self::TooLarge(limit) => Self::TooLarge(limit),
        }
    }

    fn not_data(what: &str) -> Self {
        Self::NotData {
            what: what.to_owned(),
            path: String::new(),
        }
    }
}

/// Values written between two looks at the limits.
const LOOK_EVERY: usize = 256;

/// Asked now and then with the number of bytes written since the last time; `false` stops.
pub(super) type GoOn<'g> = &'g mut dyn FnMut(usize) -> bool;

struct Encoder<'g> {
    out: Vec<u8>,
    limit: usize,
    pretty: bool,
    depth: usize,
    values: usize,
    /// Bytes that were told.
    told: usize,
    go_on: GoOn<'g>,
}

/// The JSON text of a value, at most `limit` bytes.
pub(super) fn encode(
    value: &Dynamic,
    limit: usize,
    go_on: GoOn<'_>,
) -> Result<Vec<u8>, EncodeError> {
    run((limit, false), go_on, |encoder| encoder.value(value))
}

/// The JSON text of a map, at most `limit` bytes.
pub(super) fn encode_map(map: &Map, limit: usize, go_on: GoOn<'_>) -> Result<Vec<u8>, EncodeError> {
    run((limit, false), go_on, |encoder| encoder.map(map))
}

/// The same with line breaks and two spaces per level.
pub(super) fn encode_pretty(
    value: &Dynamic,
    limit: usize,
    go_on: GoOn<'_>,
) -> Result<Vec<u8>, EncodeError> {
    run((limit, true), go_on, |encoder| encoder.value(value))
}

fn run(
    (limit, pretty): (usize, bool),
    go_on: GoOn<'_>,
    write: impl FnOnce(&mut Encoder<'_>) -> Result<(), EncodeError>,
) -> Result<Vec<u8>, EncodeError> {
    let mut encoder = Encoder {
        out: Vec::with_capacity(64),
        limit,
        pretty,
        depth: 0,
        values: 0,
        told: 0,
        go_on,
    };
    let written = write(&mut encoder);
    // What fails has worked too.
    encoder.tell()?;
    written?;
    Ok(encoder.out)
}

impl Encoder<'_> {
    fn tell(&mut self) -> Result<(), EncodeError> {
        let written = self.out.len() - self.told;
        self.told = self.out.len();
        if (self.go_on)(written) {
            Ok(())
        } else {
            Err(EncodeError::Stopped)
        }
    }

    fn room(&self, bytes: usize) -> Result<(), EncodeError> {
        if self.out.len() + bytes > self.limit {
            return Err(EncodeError::TooLarge(self.limit));
        }
        Ok(())
    }

    fn put(&mut self, bytes: &[u8]) -> Result<(), EncodeError> {
        self.room(bytes.len())?;
        self.out.extend_from_slice(bytes);
        Ok(())
    }

    fn value(&mut self, value: &Dynamic) -> Result<(), EncodeError> {
        if self.depth > VALUE_DEPTH {
            return Err(EncodeError::TooDeep);
        }
        self.values += 1;
        if self.values.is_multiple_of(LOOK_EVERY) {
            self.tell()?;
        }
        if value.is_unit() {
            return self.put(b"null");
        }
        if let Ok(number) = value.as_int() {
            return self.integer(number);
        }
        if let Some(text) = value.read_lock::<ImmutableString>() {
            return self.string(&text);
        }
        if let Ok(flag) = value.as_bool() {
            return self.put(if flag { b"true" } else { b"false" });
        }
        if let Some(map) = value.read_lock::<Map>() {
            return self.map(&map);
        }
        if let Some(items) = value.read_lock::<Array>() {
            return self.array(&items);
        }
        if let Ok(number) = value.as_float() {
            return self.float(number);
        }
        if let Ok(letter) = value.as_char() {
            return self.string(letter.encode_utf8(&mut [0; 4]));
        }
        if let Some(blob) = value.read_lock::<Blob>() {
            self.room(blob.len() / 3 * 4 + 6)?;
            return self.string(&STANDARD.encode(&*blob));
        }
        if let Some(caught) = value.read_lock::<Caught>() {
            return self.map(caught.fields());
        }
        let what = if value.is_fnptr() {
            "a function".to_owned()
        } else {
            kind_of(value)
        };
        Err(EncodeError::not_data(&what))
    }

    fn integer(&mut self, mut number: i64) -> Result<(), EncodeError> {
        let mut digits = [0_u8; 20];
        let mut at = digits.len();
        let negative = number < 0;
        loop {
            at -= 1;
            digits[at] = b'0' + (number % 10).unsigned_abs() as u8;
            number /= 10;
            if number == 0 {
                break;
            }
        }
        if negative {
            at -= 1;
            digits[at] = b'-';
        }
        self.put(&digits[at..])
    }

    fn float(&mut self, number: f64) -> Result<(), EncodeError> {
        if !number.is_finite() {
            return Err(EncodeError::not_data(&number.to_string()));
        }
        // Debug keeps the decimal point, so that a float stays one when it is read back.
        self.put(format!("{number:?}").as_bytes())
    }

    fn string(&mut self, text: &str) -> Result<(), EncodeError> {
        self.room(text.len() + 2)?;
        self.out.push(b'"');
        let mut rest = text;
        while let Some(at) = rest
            .bytes()
            .position(|b| b < 0x20 || b == b'"' || b == b'\\')
        {
            self.out.extend_from_slice(&rest.as_bytes()[..at]);
            match rest.as_bytes()[at] {
                b'"' => self.out.extend_from_slice(b"\\\""),
                b'\\' => self.out.extend_from_slice(b"\\\\"),
                b'\n' => self.out.extend_from_slice(b"\\n"),
                b'\r' => self.out.extend_from_slice(b"\\r"),
                b'\t' => self.out.extend_from_slice(b"\\t"),
                other => self
                    .out
                    .extend_from_slice(format!("\\u{other:04x}").as_bytes()),
            }
            rest = &rest[at + 1..];
            self.room(rest.len() + 1)?;
        }
        self.out.extend_from_slice(rest.as_bytes());
        self.put(b"\"")
    }

    fn line(&mut self) -> Result<(), EncodeError> {
        if !self.pretty {
            return Ok(());
        }
        self.put(b"\n")?;
        (0..self.depth).try_for_each(|_| self.put(b"  "))
    }

    fn array(&mut self, items: &Array) -> Result<(), EncodeError> {
        self.put(b"[")?;
        self.depth += 1;
        for (at, item) in items.iter().enumerate() {
            if at > 0 {
                self.put(b",")?;
            }
            self.line()?;
            self.value(item).map_err(|e| e.inside(&format!("[{at}]")))?;
        }
        self.depth -= 1;
        if !items.is_empty() {
            self.line()?;
        }
        self.put(b"]")
    }

    fn map(&mut self, map: &Map) -> Result<(), EncodeError> {
        self.put(b"{")?;
        self.depth += 1;
        for (at, (key, item)) in map.iter().enumerate() {
            if at > 0 {
                self.put(b",")?;
            }
            self.line()?;
            self.string(key)?;
            self.put(if self.pretty { b": " } else { b":" })?;
            self.value(item).map_err(|e| e.inside(&format!(".{key}")))?;
        }
        self.depth -= 1;
        if !map.is_empty() {
            self.line()?;
        }
        self.put(b"}")
    }
}
