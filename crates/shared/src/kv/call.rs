//! What the service is asked and what it answers.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::apply::KvWrite;
use super::entry::{KvCondition, KvEntry, KvUpdate, KvValue};
use crate::name::CollectionName;
use crate::service::access::Access;
use crate::service::base64;

/// Which keys a list wants. Bounds are keys: `start` inclusive, `end` exclusive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvRange {
    /// Only keys that start with this.
    pub prefix: Option<String>,
    /// From this key on.
    pub start: Option<String>,
    /// Up to this key, which is not included.
    pub end: Option<String>,
    /// At most so many (1 to 1,000).
    pub limit: u32,
    /// Where the last page ended.
    pub cursor: Option<String>,
    /// From the last key to the first.
    pub reverse: bool,
}

/// One page of a list.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvPage {
    /// Keys with their entries, in order.
    pub items: Vec<(String, KvEntry)>,
    /// Pass it as `cursor` for the next page; absent on the last.
    pub cursor: Option<String>,
}

/// A call of the key-value service.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum KvOp {
    /// -> [`KvReply::Entry`]
    Get(String),
    /// -> [`KvReply::Entries`], in the order asked
    GetMany(Vec<String>),
    /// -> [`KvReply::Written`], or [`KvReply::Refused`] when the condition does not hold
    Set {
        /// The key.
        key: String,
        /// The value.
        value: KvValue,
        /// Milliseconds until it ends.
        ttl_ms: Option<u64>,
        /// What must hold.
        condition: KvCondition,
    },
    /// -> [`KvReply::Flag`]: whether it was there
    Delete(String),
    /// -> [`KvReply::Flag`]
    Has(String),
    /// -> [`KvReply::Number`]: the new value
    Update(String, KvUpdate),
    /// Appends a JSON value to the JSON array at the key -> [`KvReply::Number`]: its new length
    Append(String, #[serde(with = "base64")] Bytes),
    /// -> [`KvReply::Page`]
    List(KvRange),
    /// How many keys start with the prefix -> [`KvReply::Number`]
    Count(String),
}

/// A call that only looks, as [`KvOp::asks`] shows it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KvRead<'a> {
    /// The entry at a key.
    Get(&'a str),
    /// The entries at several keys.
    GetMany(&'a [String]),
    /// Whether there is one.
    Has(&'a str),
    /// A page of a list.
    List(&'a KvRange),
    /// How many keys start with a prefix.
    Count(&'a str),
}

/// What a call asks for. Who reads takes the one, who writes the other: neither can be given what is
/// not its own.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum KvAsk<'a> {
    /// It only looks.
    Read(KvRead<'a>),
    /// It writes to a key.
    Write(&'a str, KvWrite<'a>),
}

impl KvOp {
    /// What it asks for.
    pub fn asks(&self) -> KvAsk<'_> {
        match self {
            Self::Get(key) => KvAsk::Read(KvRead::Get(key)),
            Self::GetMany(keys) => KvAsk::Read(KvRead::GetMany(keys)),
            Self::Has(key) => KvAsk::Read(KvRead::Has(key)),
            Self::List(range) => KvAsk::Read(KvRead::List(range)),
            Self::Count(prefix) => KvAsk::Read(KvRead::Count(prefix)),
            Self::Set {
                key,
                value,
                ttl_ms,
                condition,
            } => {
                let write = KvWrite::Set {
                    value,
                    ttl_ms: *ttl_ms,
                    condition: *condition,
                };
                KvAsk::Write(key, write)
            }
            Self::Delete(key) => KvAsk::Write(key, KvWrite::Delete),
            Self::Update(key, update) => KvAsk::Write(key, KvWrite::Update(*update)),
            Self::Append(key, item) => KvAsk::Write(key, KvWrite::Append(item)),
        }
    }

    /// The key it writes to and what it does there; `None` for a call that only looks.
    pub fn write(&self) -> Option<(&str, KvWrite<'_>)> {
        match self.asks() {
            KvAsk::Read(_) => None,
            KvAsk::Write(key, write) => Some((key, write)),
        }
    }

    /// Whether it may change something.
    pub fn access(&self) -> Access {
        match self.asks() {
            KvAsk::Write(..) => Access::Write,
            KvAsk::Read(_) => Access::Read,
        }
    }
}

/// A call with the collection it goes to.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct KvCall {
    /// The collection.
    pub collection: CollectionName,
    /// What to do.
    pub op: KvOp,
}

/// The answer to a call.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub enum KvReply {
    /// One entry, or nothing.
    Entry(Option<KvEntry>),
    /// Several, in the order asked.
    Entries(Vec<Option<KvEntry>>),
    /// The write happened; the key's new version.
    Written(i64),
    /// The condition did not hold; the key's version now, `None` when it does not exist.
    Refused(Option<i64>),
    /// Yes or no.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A page.
    Page(KvPage),
}
