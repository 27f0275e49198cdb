//! The key-value store, as people look into it.

use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

wire! {
    /// A collection that holds something.
    struct KvCollection {
        /// Its name.
        name: String,
    }

    /// An entry.
    struct KvItem {
        /// The key.
        key: String,
        /// The value; null for bytes.
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
        value: Option<Value>,
        /// A value that is bytes, in Base64; null for any other.
        base64: Option<String>,
        /// Grows with every write of this key.
        version: i64,
        /// When it ends; null: never.
        expires_at: Option<String>,
    }

    /// `PUT /apps/{app}/kv/{collection}/{key}`: the value, or bytes.
    #[serde(deny_unknown_fields)]
    struct SetKvRequest {
        /// The value, any JSON.
        #[serde(default, deserialize_with = "given", skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "openapi", schema(value_type = Option<Object>))]
        value: Option<Value>,
        /// Bytes in Base64, in place of a value.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        base64: Option<String>,
        /// When it ends, from now, like `10m`; never when absent.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        ttl: Option<String>,
        /// Only if the key has this version.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        if_version: Option<i64>,
        /// Only if the key is not there.
        #[serde(default)]
        if_absent: bool,
    }

    /// What a write has made.
    struct KvSet {
        /// The key's version now.
        version: i64,
    }
}

/// A value that is there, null too.
fn given<'de, D: Deserializer<'de>>(from: D) -> Result<Option<Value>, D::Error> {
    Value::deserialize(from).map(Some)
}
