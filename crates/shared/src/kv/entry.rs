//! Keys, values, and what is asked of them.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use crate::limits::fixed::KV_KEY_BYTES;
use crate::service::base64;

/// A stored value: JSON text, or raw bytes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvValue {
    /// A JSON text (already checked).
    Json(#[serde(with = "base64")] Bytes),
    /// A Blob.
    Blob(#[serde(with = "base64")] Bytes),
}

impl KvValue {
    /// Bytes of the value.
    pub fn len(&self) -> usize {
        match self {
            Self::Json(bytes) | Self::Blob(bytes) => bytes.len(),
        }
    }

    /// Whether the value has no bytes.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// A text that cannot be a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a key is a text of 1 to {KV_KEY_BYTES} bytes without the character U+0000")]
pub struct InvalidKey;

/// Whether a text can be a key.
pub fn check_key(key: &str) -> Result<(), InvalidKey> {
    if key.is_empty() || key.len() > KV_KEY_BYTES || key.contains('\0') {
        return Err(InvalidKey);
    }
    Ok(())
}

/// A value with what the store knows about it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KvEntry {
    /// The value.
    pub value: KvValue,
    /// Grows by at least one with every write of this key, also across a delete: never reused.
    pub version: i64,
    /// When it ends, in microseconds since the epoch.
    pub expires_at: Option<i64>,
}

/// What must hold for a write to happen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum KvCondition {
    /// Nothing.
    #[default]
    None,
    /// The key has this version.
    IfVersion(i64),
    /// The key does not exist.
    IfAbsent,
}

/// Number operations on one key. A missing key counts as the operand itself (`incr`: as 0).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum KvUpdate {
    /// Adds an integer; overflow is an error.
    Incr(i64),
    /// Keeps the smaller.
    Min(i64),
    /// Keeps the larger.
    Max(i64),
}
