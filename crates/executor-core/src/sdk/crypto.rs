//! `crypto`: hashes, HMAC, comparison in constant time. Results are lower-case hexadecimal.

use hmac::{Hmac, KeyInit, Mac};
use rhai::plugin::{Dynamic, ImmutableString, export_module};
use sha1::Sha1;
use sha2::{Digest, Sha256, Sha512};
use subtle::ConstantTimeEq;

use super::bytes::{byte_length, with_bytes};
use crate::language::cost::charge_bytes;
use crate::language::error::{Result, wrong};

/// Hashing costs more than copying: this many times.
const HASH_COST: usize = 4;

fn hashed(value: &Dynamic, what: &str, hash: fn(&[u8]) -> String) -> Result<ImmutableString> {
    charge_bytes(byte_length(value).saturating_mul(HASH_COST))?;
    with_bytes(value, what, |bytes| hash(bytes).into())
}

fn mac<M: Mac + KeyInit>(key: &[u8], message: &[u8]) -> String {
    let mut mac = <M as KeyInit>::new_from_slice(key).expect("HMAC takes keys of any length");
    mac.update(message);
    hex::encode(mac.finalize().into_bytes())
}

fn hmac_with(key: &Dynamic, message: &Dynamic, algorithm: &str) -> Result<ImmutableString> {
    let mac: fn(&[u8], &[u8]) -> String = match algorithm {
        "sha256" => mac::<Hmac<Sha256>>,
        "sha512" => mac::<Hmac<Sha512>>,
        "sha1" => mac::<Hmac<Sha1>>,
        _ => {
            return Err(wrong(
                "crypto::hmac knows the algorithms sha256, sha512 and sha1",
            ));
        }
    };
    charge_bytes((byte_length(key) + byte_length(message)).saturating_mul(HASH_COST))?;
    with_bytes(key, "crypto::hmac", |key| {
        with_bytes(message, "crypto::hmac", |message| mac(key, message).into())
    })?
}

#[export_module(root = "crate::language::placed")]
pub(super) mod functions {
    /// The SHA-256 of a text or blob.
    #[rhai_fn(return_raw)]
    pub fn sha256(value: Dynamic) -> Result<ImmutableString> {
        hashed(&value, "crypto::sha256", |bytes| {
            hex::encode(Sha256::digest(bytes))
        })
    }

    /// The SHA-512 of a text or blob.
    #[rhai_fn(return_raw)]
    pub fn sha512(value: Dynamic) -> Result<ImmutableString> {
        hashed(&value, "crypto::sha512", |bytes| {
            hex::encode(Sha512::digest(bytes))
        })
    }

    /// The BLAKE3 of a text or blob.
    #[rhai_fn(return_raw)]
    pub fn blake3(value: Dynamic) -> Result<ImmutableString> {
        hashed(&value, "crypto::blake3", |bytes| {
            blake3::hash(bytes).to_hex().to_string()
        })
    }

    /// The HMAC-SHA-256 of a message under a key.
    #[rhai_fn(return_raw)]
    pub fn hmac(key: Dynamic, message: Dynamic) -> Result<ImmutableString> {
        hmac_with(&key, &message, "sha256")
    }

    /// The HMAC of a message under a key with `sha256`, `sha512` or, for old senders, `sha1`.
    #[rhai_fn(name = "hmac", return_raw)]
    pub fn hmac_named(
        key: Dynamic,
        message: Dynamic,
        algorithm: ImmutableString,
    ) -> Result<ImmutableString> {
        hmac_with(&key, &message, &algorithm)
    }

    /// Whether two texts or blobs are the same, in a time that does not tell where they differ.
    #[rhai_fn(return_raw)]
    pub fn equals(left: Dynamic, right: Dynamic) -> Result<bool> {
        charge_bytes(byte_length(&left).min(byte_length(&right)))?;
        with_bytes(&left, "crypto::equals", |left| {
            with_bytes(&right, "crypto::equals", |right| {
                bool::from(left.ct_eq(right))
            })
        })?
    }
}
