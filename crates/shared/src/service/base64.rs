//! Bytes as a base64 text.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use serde::de::Error as _;
use serde::{Deserialize as _, Deserializer, Serializer};
use std::borrow::Cow;

pub(crate) fn serialize<S: Serializer>(bytes: &Bytes, s: S) -> Result<S::Ok, S::Error> {
    s.serialize_str(&STANDARD.encode(bytes))
}

pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Bytes, D::Error> {
    let text = Cow::<'de, str>::deserialize(d)?;
    let bytes = STANDARD.decode(&*text).map_err(D::Error::custom)?;
    Ok(bytes.into())
}

/// Bytes as a base64 text, or null.
pub(crate) mod or_none {
    use bytes::Bytes;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    #[derive(Serialize, Deserialize)]
    struct Text(#[serde(with = "super")] Bytes);

    #[expect(clippy::ref_option, reason = "what serde asks for")]
    pub(crate) fn serialize<S: Serializer>(bytes: &Option<Bytes>, s: S) -> Result<S::Ok, S::Error> {
        bytes.clone().map(Text).serialize(s)
    }

    pub(crate) fn deserialize<'de, D: Deserializer<'de>>(d: D) -> Result<Option<Bytes>, D::Error> {
        Ok(Option::<Text>::deserialize(d)?.map(|Text(bytes)| bytes))
    }
}
