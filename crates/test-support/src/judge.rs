//! The judge of what a key holds: writes to the key-value store with the answers they must have,
//! worked out from the guide and in another way than the platform does.

use std::collections::BTreeMap;

use fastrand::Rng;

/// Bytes a value may have.
const VALUE_BYTES: usize = 1 << 20;

/// Keys of a sequence: short ones, one with every kind of letter, and the longest.
pub fn keys() -> [String; 4] {
    [
        "a".to_owned(),
        "é/\u{1F980} \"'\\\n%_".to_owned(),
        "b".to_owned(),
        "\u{1F980}".repeat(128),
    ]
}

/// A value.
#[derive(Clone, Debug, PartialEq)]
pub enum Held {
    /// An integer.
    Integer(i64),
    /// An array of JSON texts.
    Array(Vec<String>),
    /// Any other JSON text.
    Other(String),
    /// Raw bytes.
    Blob(Vec<u8>),
}

impl Held {
    /// Its JSON text; `None` for raw bytes.
    pub fn text(&self) -> Option<String> {
        match self {
            Self::Integer(number) => Some(number.to_string()),
            Self::Array(items) => Some(format!("[{}]", items.join(","))),
            Self::Other(text) => Some(text.clone()),
            Self::Blob(_) => None,
        }
    }
}

/// What must hold for a `set`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Condition {
    /// Nothing.
    None,
    /// The key does not exist.
    Absent,
    /// The key has the version it has now; version 0 when there is none.
    ItsVersion,
    /// The key has a version it never had.
    NoVersion,
}

/// A write.
#[derive(Clone, Debug)]
pub enum Write {
    /// Stores a value, which ends after so many milliseconds.
    Set(Held, Option<u64>, Condition),
    /// Removes the key.
    Delete,
    /// Adds.
    Incr(i64),
    /// Keeps the smaller.
    Min(i64),
    /// Keeps the larger.
    Max(i64),
    /// Adds a JSON text to an array.
    Append(String),
}

/// A write with its key.
#[derive(Clone, Debug)]
pub struct Step {
    /// The key.
    pub key: String,
    /// What is done to it.
    pub write: Write,
    /// Milliseconds that pass before it.
    pub pause_ms: u64,
}

/// Random steps; `ends` are the times to live some values have, in milliseconds.
pub fn steps(rng: &mut Rng, count: usize, ends: &[u64]) -> Vec<Step> {
    (0..count)
        .map(|_| Step {
            key: keys()[rng.usize(..4)].clone(),
            write: write(rng, ends),
            pause_ms: rng.u64(..20_000),
        })
        .collect()
}

fn number(rng: &mut Rng) -> i64 {
    let some = [0, 1, -1, 7, i64::MAX, i64::MAX - 1, i64::MIN];
    some[rng.usize(..some.len())]
}

fn write(rng: &mut Rng, ends: &[u64]) -> Write {
    match rng.u8(..12) {
        0..=3 => {
            let conditions = [
                Condition::None,
                Condition::None,
                Condition::Absent,
                Condition::ItsVersion,
                Condition::NoVersion,
            ];
            let end = rng
                .bool()
                .then(|| ends.get(rng.usize(..=ends.len())).copied());
            Write::Set(held(rng), end.flatten(), conditions[rng.usize(..5)])
        }
        4 => Write::Delete,
        5 | 6 => Write::Incr(number(rng)),
        7 => Write::Min(number(rng)),
        8 => Write::Max(number(rng)),
        _ => {
            let items = ["1", "\"é\"", "[[],{}]", "null", "{\"a\":[1]}"];
            Write::Append(items[rng.usize(..items.len())].to_owned())
        }
    }
}

fn held(rng: &mut Rng) -> Held {
    let other = ["1.5", "\"7\"", "null", "{\"a\":[1]}", "true", "1e300"];
    match rng.u8(..9) {
        0..=2 => Held::Integer(number(rng)),
        3 | 4 => Held::Array(Vec::new()),
        5 => Held::Array(vec!["1".to_owned(), "\"]\"".to_owned()]),
        6 => Held::Other(other[rng.usize(..other.len())].to_owned()),
        7 => Held::Blob(b"[1]".to_vec()),
        // Up to the last byte: whether one more item fits depends on each of them.
        _ => {
            let text = VALUE_BYTES - 4 - rng.usize(..8);
            Held::Array(vec![format!("\"{}\"", "x".repeat(text))])
        }
    }
}

/// One key that is there.
#[derive(Clone, Debug, PartialEq)]
pub struct Entry {
    /// Its value.
    pub held: Held,
    /// When it ends, in milliseconds.
    pub ends: Option<u64>,
}

/// What all keys hold.
#[derive(Clone, Debug, Default)]
pub struct Judge {
    entries: BTreeMap<String, Entry>,
}

impl Judge {
    /// What is there at a time.
    pub fn at(&self, now_ms: u64) -> BTreeMap<String, Entry> {
        let mut there = self.entries.clone();
        there.retain(|_, entry| entry.ends.is_none_or(|end| end > now_ms));
        there
    }

    /// The answer to a write: `stored`, `refused`, `true`, `false`, a number, or the error.
    pub fn judge(&mut self, step: &Step, now_ms: u64) -> Result<String, String> {
        self.entries = self.at(now_ms);
        let old = self.entries.get(&step.key).cloned();
        let ends = old.as_ref().and_then(|entry| entry.ends);
        match &step.write {
            Write::Set(held, ttl, condition) => {
                let refused = match condition {
                    Condition::None => false,
                    Condition::Absent => old.is_some(),
                    Condition::ItsVersion => old.is_none(),
                    Condition::NoVersion => true,
                };
                if refused {
                    return Ok("refused".to_owned());
                }
                self.put(&step.key, held.clone(), ttl.map(|ttl| now_ms + ttl));
                Ok("stored".to_owned())
            }
            Write::Delete => Ok(self.entries.remove(&step.key).is_some().to_string()),
            Write::Incr(by) => {
                let sum =
                    i128::from(integer(&step.key, old.as_ref())?.unwrap_or(0)) + i128::from(*by);
                let sum = i64::try_from(sum).map_err(|_beyond| {
                    let key = &step.key;
                    format!("incr of `{key}` by {by} leaves the range of 64-bit integers; nothing was changed")
                })?;
                self.put(&step.key, Held::Integer(sum), ends);
                Ok(sum.to_string())
            }
            Write::Min(with) | Write::Max(with) => {
                let old = integer(&step.key, old.as_ref())?.unwrap_or(*with);
                let least = matches!(step.write, Write::Min(_));
                let kept = if (old < *with) == least { old } else { *with };
                self.put(&step.key, Held::Integer(kept), ends);
                Ok(kept.to_string())
            }
            Write::Append(item) => {
                let key = &step.key;
                let mut items = match old.map(|entry| entry.held) {
                    None => Vec::new(),
                    Some(Held::Array(items)) => items,
                    Some(_) => {
                        return Err(format!(
                            "`{key}` does not hold an array; nothing was changed"
                        ));
                    }
                };
                items.push(item.clone());
                let (held, length) = (Held::Array(items.clone()), items.len());
                if held.text().map_or(0, |text| text.len()) > VALUE_BYTES {
                    return Err(format!(
                        "appending to `{key}` would make it larger than 1 MiB; nothing was changed"
                    ));
                }
                self.put(key, held, ends);
                Ok(length.to_string())
            }
        }
    }

    fn put(&mut self, key: &str, held: Held, ends: Option<u64>) {
        self.entries.insert(key.to_owned(), Entry { held, ends });
    }
}

fn integer(key: &str, entry: Option<&Entry>) -> Result<Option<i64>, String> {
    match entry.map(|entry| &entry.held) {
        None => Ok(None),
        Some(Held::Integer(number)) => Ok(Some(*number)),
        Some(_) => Err(format!(
            "`{key}` does not hold an integer; nothing was changed"
        )),
    }
}
