//! Random secrets: `pic_<kind>_<30 base62 digits><6 base62 digits of CRC-32>`.
//!
//! The checksum lets a mistyped or truncated secret be refused without a look into the database;
//! the prefix lets scanners find leaked ones. Only SHA-256 hashes are stored: the secrets are
//! random, so a slow hash would protect nothing.

use std::fmt;

use sha2::{Digest as _, Sha256};
use store::people::SecretHash;
use subtle::ConstantTimeEq as _;

const BASE62: &[u8; 62] = b"0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const RANDOM_DIGITS: usize = 30;
const CHECK_DIGITS: usize = 6;

/// A text only its holder may see. It has no `Display`, and `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What a secret is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum SecretKind {
    /// An API token.
    Token,
    /// A browser session.
    Session,
    /// The one-time setup token.
    Setup,
    /// The credential of the machine's own user.
    Local,
}

impl SecretKind {
    const ALL: [Self; 4] = [Self::Token, Self::Session, Self::Setup, Self::Local];

    const fn prefix(self) -> &'static str {
        match self {
            Self::Token => "pic_pat_",
            Self::Session => "pic_ses_",
            Self::Setup => "pic_set_",
            Self::Local => "pic_loc_",
        }
    }
}

impl Secret {
    /// A new secret.
    pub(crate) fn generate(kind: SecretKind) -> Self {
        let mut text = kind.prefix().to_owned();
        let random = text.len() + RANDOM_DIGITS;
        while text.len() < random {
            let mut bytes = [0_u8; 64];
            getrandom::fill(&mut bytes).expect("the operating system has a source of randomness");
            // 248 is the largest multiple of 62: no digit is more likely than another.
            for byte in bytes.into_iter().filter(|b| *b < 248) {
                if text.len() < random {
                    text.push(char::from(BASE62[usize::from(byte) % 62]));
                }
            }
        }
        text.push_str(&checksum(&text));
        Self(text)
    }

    /// The secret in clear, to be handed to its holder.
    pub fn expose(&self) -> &str {
        &self.0
    }

    /// What is stored of it.
    pub(crate) fn hash(&self) -> SecretHash {
        hash(&self.0)
    }
}

/// The hash under which a secret is stored.
pub(crate) fn hash(secret: &str) -> SecretHash {
    Sha256::digest(secret.as_bytes()).into()
}

/// The kind of a well-formed secret; `None` when the prefix or the checksum is wrong.
pub(crate) fn kind_of(secret: &str) -> Option<SecretKind> {
    let kind = SecretKind::ALL
        .into_iter()
        .find(|kind| secret.starts_with(kind.prefix()))?;
    if secret.len() != kind.prefix().len() + RANDOM_DIGITS + CHECK_DIGITS || !secret.is_ascii() {
        return None;
    }
    let (body, check) = secret.split_at(secret.len() - CHECK_DIGITS);
    (checksum(body) == check).then_some(kind)
}

/// Whether two hashes are equal, in the same time for all inputs.
pub(crate) fn same(a: &SecretHash, b: &SecretHash) -> bool {
    a.ct_eq(b).into()
}

fn checksum(text: &str) -> String {
    let mut rest = crc32(text.as_bytes());
    let mut digits = [b'0'; CHECK_DIGITS];
    for digit in digits.iter_mut().rev() {
        *digit = BASE62[(rest % 62) as usize];
        rest /= 62;
    }
    digits.iter().map(|digit| char::from(*digit)).collect()
}

/// CRC-32 as in zlib and PNG.
fn crc32(bytes: &[u8]) -> u32 {
    let mut crc = u32::MAX;
    for byte in bytes {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            let low = crc & 1;
            crc = (crc >> 1) ^ (0xEDB8_8320 * low);
        }
    }
    !crc
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_usual_crc32() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }

    #[test]
    fn a_secret_is_recognized_and_a_mistyped_one_is_not() {
        let secret = Secret::generate(SecretKind::Token);
        let text = secret.expose();
        assert_eq!(text.len(), "pic_pat_".len() + 36);
        assert_eq!(kind_of(text), Some(SecretKind::Token));
        for at in 0..text.len() {
            let mut wrong = text.as_bytes().to_vec();
            wrong[at] = if wrong[at] == b'x' { b'y' } else { b'x' };
            assert_eq!(kind_of(std::str::from_utf8(&wrong).unwrap()), None, "{at}");
        }
        for wrong in [
            "",
            "pic_pat_",
            "pic_pat_é",
            &text[..text.len() - 1],
            &format!("{text}0"),
        ] {
            assert_eq!(kind_of(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn debug_shows_nothing() {
        let secret = Secret::generate(SecretKind::Setup);
        assert_eq!(format!("{secret:?}"), "Secret(…)");
        assert_ne!(secret, Secret::generate(SecretKind::Setup));
    }
}
