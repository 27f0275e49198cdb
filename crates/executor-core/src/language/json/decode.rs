//! From JSON text (RFC 8259) to script values.

use rhai::{Array, Dynamic, Map};

/// A text that is not JSON, or not JSON this platform takes.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason} at line {line}, column {column}")]
pub(crate) struct JsonError {
    reason: &'static str,
    line: usize,
    column: usize,
}

/// What becomes of whole numbers that do not fit 64 bits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Large {
    /// The nearest float, as everywhere.
    Float,
    /// Their digits, as a text.
    Text,
}

/// What a JSON text may be, and what becomes of it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Levels it may be nested.
    pub(crate) deepest: usize,
    pub(crate) large: Large,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    rules: Rules,
    go_on: &'a mut dyn FnMut() -> bool,
}

/// Decodes one JSON text. `go_on` is asked at every value; `false` stops.
pub(crate) fn decode(
    bytes: &[u8],
    rules: Rules,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Dynamic, JsonError> {
    let text = match std::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => {
            let valid = std::str::from_utf8(&bytes[..error.valid_up_to()]).unwrap_or_default();
            return Err(place(valid, valid.len(), "the text is not UTF-8"));
        }
    };
    let mut parser = Parser {
        text,
        at: 0,
        depth: 0,
        rules,
        go_on,
    };
    let value = parser.value().and_then(|value| {
        parser.space();
        if parser.at == text.len() {
            Ok(value)
        } else {
            Err("there is more after the value")
        }
    });
    value.map_err(|reason| place(text, parser.at, reason))
}

fn place(text: &str, at: usize, reason: &'static str) -> JsonError {
    let before = text.get(..at).unwrap_or(text);
    let line = before.bytes().filter(|b| *b == b'\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or("").chars().count() + 1;
    JsonError {
        reason,
        line,
        column,
    }
}

type Parsed<T> = Result<T, &'static str>;

impl Parser<'_> {
    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    fn value(&mut self) -> Parsed<Dynamic> {
        if !(self.go_on)() {
            return Err("stopped");
        }
        self.space();
        match self.peek() {
            Some(b'{') => self.nested(Self::object),
            Some(b'[') => self.nested(Self::array),
            Some(b'"') => self.string().map(Dynamic::from),
            Some(b't') => self.word("true", Dynamic::TRUE),
            Some(b'f') => self.word("false", Dynamic::FALSE),
            Some(b'n') => self.word("null", Dynamic::UNIT),
            Some(b'-' | b'0'..=b'9') => self.number(),
            Some(_) => Err("a value cannot start here"),
            None => Err("the text ends where a value should be"),
        }
    }

    fn nested(&mut self, parse: fn(&mut Self) -> Parsed<Dynamic>) -> Parsed<Dynamic> {
        self.at += 1;
        self.depth += 1;
        if self.depth > self.rules.deepest {
            return Err("it is nested deeper than 128 levels");
        }
        let value = parse(self);
        self.depth -= 1;
        value
    }

    fn word(&mut self, word: &'static str, value: Dynamic) -> Parsed<Dynamic> {
        if self.text.as_bytes()[self.at..].starts_with(word.as_bytes()) {
            self.at += word.len();
            Ok(value)
        } else {
            Err("expected true, false or null")
        }
    }

    fn array(&mut self) -> Parsed<Dynamic> {
        let mut items = Array::new();
        self.space();
        if self.peek() == Some(b']') {
            self.at += 1;
            return Ok(items.into());
        }
        loop {
            items.push(self.value()?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b']') => {
                    self.at += 1;
                    return Ok(items.into());
                }
                _ => return Err("expected , or ] in an array"),
            }
        }
    }

    fn object(&mut self) -> Parsed<Dynamic> {
        let mut map = Map::new();
        self.space();
        if self.peek() == Some(b'}') {
            self.at += 1;
            return Ok(map.into());
        }
        loop {
            self.space();
            if self.peek() != Some(b'"') {
                return Err("expected a key in double quotes");
            }
            let key = self.string()?;
            self.space();
            if self.peek() != Some(b':') {
                return Err("expected : after a key");
            }
            self.at += 1;
            map.insert(key.into(), self.value()?);
            self.space();
            match self.peek() {
                Some(b',') => self.at += 1,
                Some(b'}') => {
                    self.at += 1;
                    return Ok(map.into());
                }
                _ => return Err("expected , or } in an object"),
            }
        }
    }

    fn string(&mut self) -> Parsed<String> {
        self.at += 1;
        let start = self.at;
        // Most strings have no escape and are copied as one piece.
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => {
                    let text = self.text[start..self.at].to_owned();
                    self.at += 1;
                    return Ok(text);
                }
                b'\\' => return self.escaped(start),
                0..=0x1F => return Err("control characters in strings must be escaped"),
                _ => self.at += 1,
            }
        }
        Err("the text ends inside a string")
    }

    fn escaped(&mut self, start: usize) -> Parsed<String> {
        let mut out = self.text[start..self.at].to_owned();
        loop {
            let run = self.at;
            while !matches!(self.peek(), Some(b'"' | b'\\' | 0..=0x1F) | None) {
                self.at += 1;
            }
            out.push_str(&self.text[run..self.at]);
            match self.peek() {
                Some(b'"') => {
                    self.at += 1;
                    return Ok(out);
                }
                Some(b'\\') => {
                    self.at += 1;
                    out.push(self.escape()?);
                }
                Some(_) => return Err("control characters in strings must be escaped"),
                None => return Err("the text ends inside a string"),
            }
        }
    }

    fn escape(&mut self) -> Parsed<char> {
        let byte = self.peek().ok_or("the text ends inside a string")?;
        let plain = match byte {
            b'"' => '"',
            b'\\' => '\\',
            b'/' => '/',
            b'b' => '\u{8}',
            b'f' => '\u{C}',
            b'n' => '\n',
            b'r' => '\r',
            b't' => '\t',
            b'u' => {
                self.at += 1;
                return self.unicode();
            }
            _ => return Err("unknown escape in a string"),
        };
        self.at += 1;
        Ok(plain)
    }

    fn unicode(&mut self) -> Parsed<char> {
        const LONE: &str = "a \\u escape is half of a surrogate pair";
        let first = self.hex4()?;
        if !(0xD800..0xE000).contains(&first) {
            return char::from_u32(first).ok_or(LONE);
        }
        if first >= 0xDC00 || !self.text.as_bytes()[self.at..].starts_with(b"\\u") {
            return Err(LONE);
        }
        self.at += 2;
        let second = self.hex4()?;
        if !(0xDC00..0xE000).contains(&second) {
            return Err(LONE);
        }
        char::from_u32(0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00)).ok_or(LONE)
    }

    fn hex4(&mut self) -> Parsed<u32> {
        let digits = self
            .text
            .get(self.at..self.at + 4)
            .ok_or("a \\u escape has four digits")?;
        if !digits.bytes().all(|b| b.is_ascii_hexdigit()) {
            return Err("a \\u escape has four hexadecimal digits");
        }
        self.at += 4;
        u32::from_str_radix(digits, 16).map_err(|_not_hex| "a \\u escape has four digits")
    }

    fn digits(&mut self) -> Parsed<()> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at > start {
            Ok(())
        } else {
            Err("expected a digit")
        }
    }

    fn number(&mut self) -> Parsed<Dynamic> {
        let start = self.at;
        if self.peek() == Some(b'-') {
            self.at += 1;
        }
        if self.peek() == Some(b'0') {
            self.at += 1;
            if matches!(self.peek(), Some(b'0'..=b'9')) {
                return Err("a number cannot start with 0");
            }
        } else {
            self.digits()?;
        }
        let mut whole = true;
        if self.peek() == Some(b'.') {
            whole = false;
            self.at += 1;
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            whole = false;
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        let text = &self.text[start..self.at];
        // There is no whole number below zero that is zero.
        if whole && text != "-0" {
            match (text.parse::<i64>(), self.rules.large) {
                (Ok(number), _) => return Ok(Dynamic::from_int(number)),
                (Err(_too_large), Large::Text) => return Ok(text.into()),
                (Err(_too_large), Large::Float) => {}
            }
        }
        match text.parse::<f64>() {
            Ok(number) if number.is_finite() => Ok(Dynamic::from_float(number)),
            _ => Err("the number is too large for a 64-bit float"),
        }
    }
}
