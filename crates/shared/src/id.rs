//! Identifiers: UUIDv7 made from the injected clock, shown with a prefix (`app_…`, `exe_…`).

use std::cell::RefCell;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;

/// Sixteen bytes laid out as a UUIDv7 (RFC 9562): sortable by creation time.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RawId([u8; 16]);

thread_local! {
    // Seeded once per thread from the operating system; ids need uniqueness, not secrecy.
    static RNG: RefCell<fastrand::Rng> = RefCell::new(fastrand::Rng::with_seed(os_seed()));
}

fn os_seed() -> u64 {
    let mut bytes = [0_u8; 8];
    getrandom::fill(&mut bytes).expect("the operating system has a source of randomness");
    u64::from_le_bytes(bytes)
}

impl RawId {
    /// A new id for something created at `now`.
    pub fn new(now: Timestamp) -> Self {
        let millis = now.as_millis().max(0) as u64;
        let random = RNG.with_borrow_mut(|rng| rng.u128(..));
        let mut bytes = random.to_be_bytes();
        bytes[..6].copy_from_slice(&millis.to_be_bytes()[2..]);
        bytes[6] = 0x70 | (bytes[6] & 0x0F);
        bytes[8] = 0x80 | (bytes[8] & 0x3F);
        Self(bytes)
    }

    /// The bytes, for storage.
    pub const fn as_bytes(&self) -> &[u8; 16] {
        &self.0
    }

    /// An id read back from storage.
    pub const fn from_bytes(bytes: [u8; 16]) -> Self {
        Self(bytes)
    }
}

impl fmt::Display for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", u128::from_be_bytes(self.0))
    }
}

impl fmt::Debug for RawId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// A text that is not an id of the expected type.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("expected an id like {prefix}_ followed by 32 hexadecimal digits")]
pub struct ParseIdError {
    prefix: &'static str,
}

macro_rules! ids {
    ($($(#[$doc:meta])* $name:ident = $prefix:literal;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(RawId);

        impl $name {
            /// What every id of this type starts with, before the underscore.
            pub const PREFIX: &'static str = $prefix;

            /// A new id for something created at `now`.
            pub fn new(now: Timestamp) -> Self {
                Self(RawId::new(now))
            }

            /// The bytes, for storage.
            pub const fn as_bytes(&self) -> &[u8; 16] {
                self.0.as_bytes()
            }

            /// An id read back from storage.
            pub const fn from_bytes(bytes: [u8; 16]) -> Self {
                Self(RawId::from_bytes(bytes))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!($prefix, "_{}"), self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                text.strip_prefix(concat!($prefix, "_"))
                    .and_then(parse_hex)
                    .map(|raw| Self(RawId(raw)))
                    .ok_or(ParseIdError { prefix: $prefix })
            }
        }

        impl Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
                s.collect_str(self)
            }
        }

        impl<'de> Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
                let text = String::deserialize(d)?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::PartialSchema for $name {
            fn schema() -> utoipa::openapi::RefOr<utoipa::openapi::schema::Schema> {
                utoipa::openapi::ObjectBuilder::new()
                    .schema_type(utoipa::openapi::schema::Type::String)
                    .pattern(Some(concat!("^", $prefix, "_[0-9a-f]{32}$")))
                    .into()
            }
        }

        #[cfg(feature = "openapi")]
        impl utoipa::ToSchema for $name {}
    )+};
}

ids! {
    /// An app: the owner of everything else.
    AppId = "app";
    /// One run of a script.
    ExecutionId = "exe";
    /// One HTTP request, as told to the client in `X-Request-Id`.
    RequestId = "req";
    /// A person who signs in to the control plane.
    UserId = "usr";
    /// A signed-in browser session.
    SessionId = "ses";
    /// An API token (its public name, never its secret).
    TokenId = "tok";
    /// One entry of the audit log.
    AuditId = "aud";
    /// Something that happened; the same for every delivery and every attempt.
    EventId = "evt";
    /// What began a chain of runs and events: the same in everything that followed from it.
    RootId = "trc";
    /// An event whose handler has failed for good.
    DeadLetterId = "ded";
    /// A process that works on deliveries.
    NodeId = "nod";
}

fn parse_hex(text: &str) -> Option<[u8; 16]> {
    if text.len() != 32
        || !text
            .bytes()
            .all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b))
    {
        return None;
    }
    Some(u128::from_str_radix(text, 16).ok()?.to_be_bytes())
}

/// The BLAKE3 hash of a script's source: its identity in caches and in the store.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ContentHash([u8; 32]);

impl ContentHash {
    /// The hash of some content.
    pub fn of(content: &[u8]) -> Self {
        Self(*blake3::hash(content).as_bytes())
    }

    /// The bytes, for storage.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// A hash read back from storage.
    pub const fn from_bytes(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }

    /// The first eight hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.to_string()[..8].to_owned()
    }
}

impl fmt::Display for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&hex::encode(self.0))
    }
}

impl fmt::Debug for ContentHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for ContentHash {
    type Err = ParseIdError;

    fn from_str(text: &str) -> Result<Self, ParseIdError> {
        let error = ParseIdError {
            prefix: "content hash",
        };
        if text.len() != 64 || !text.is_ascii() {
            return Err(error);
        }
        let mut bytes = [0_u8; 32];
        for (i, byte) in bytes.iter_mut().enumerate() {
            let digits = text.get(i * 2..i * 2 + 2).ok_or_else(|| error.clone())?;
            *byte = u8::from_str_radix(digits, 16).map_err(|_bad_digit| error.clone())?;
        }
        Ok(Self(bytes))
    }
}

impl Serialize for ContentHash {
    fn serialize<S: serde::Serializer>(&self, s: S) -> Result<S::Ok, S::Error> {
        s.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for ContentHash {
    fn deserialize<D: serde::Deserializer<'de>>(d: D) -> Result<Self, D::Error> {
        String::deserialize(d)?
            .parse()
            .map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_reads_back_from_its_text() {
        let id = AppId::new(Timestamp(1_700_000_000_000_000));
        assert_eq!(id.to_string().parse::<AppId>(), Ok(id));
        assert!(id.to_string().starts_with("app_"));
    }

    #[test]
    fn ids_sort_by_creation_time_and_carry_the_version() {
        let earlier = ExecutionId::new(Timestamp(1_000_000));
        let later = ExecutionId::new(Timestamp(2_000_000));
        assert!(earlier < later);
        assert_eq!(earlier.as_bytes()[6] >> 4, 7);
        assert_eq!(earlier.as_bytes()[8] >> 6, 2);
    }

    #[test]
    fn another_types_id_and_rubbish_are_refused() {
        let id = AppId::new(Timestamp(0)).to_string();
        for bad in [
            id.replace("app", "exe"),
            "app_".into(),
            id.to_uppercase(),
            format!("{id}0"),
        ] {
            assert!(bad.parse::<AppId>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_content_hash_reads_back_and_refuses_rubbish() {
        let hash = ContentHash::of(b"1 + 1");
        assert_eq!(hash.to_string().parse::<ContentHash>(), Ok(hash));
        assert!("zz".repeat(32).parse::<ContentHash>().is_err());
        assert!("ü".repeat(32).parse::<ContentHash>().is_err());
    }
}
