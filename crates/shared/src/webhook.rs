//! Whether a webhook comes from whom it says: the signatures of four providers.

use base64::Engine;
use base64::engine::DecodePaddingMode;
use base64::engine::general_purpose::{GeneralPurpose, GeneralPurposeConfig};
use hmac::{Hmac, KeyInit, Mac};
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use subtle::ConstantTimeEq;

use crate::clock::Timestamp;

#[cfg(test)]
mod tests;

/// How far a signed time may be from now, in seconds.
pub const TOLERANCE_SECONDS: i64 = 300;
/// Bytes of a message's id. Ids are remembered, to run no message twice.
pub const MAX_ID_BYTES: usize = 256;

/// Who signs, and so how.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "openapi", derive(utoipa::ToSchema))]
#[serde(rename_all = "snake_case")]
pub enum Provider {
    /// Standard Webhooks, symmetric (`v1`): `webhook-id`, `webhook-timestamp`,
    /// `webhook-signature`. The secret is base64, with or without `whsec_`.
    Standard,
    /// GitHub: `X-Hub-Signature-256`. No signed time; the delivery id is not signed either.
    Github,
    /// Stripe: `Stripe-Signature`. The secret is the whole text, `whsec_` included.
    Stripe,
    /// Slack: `X-Slack-Signature` and `X-Slack-Request-Timestamp`.
    Slack,
}

impl Provider {
    /// The name manifests and the API use.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Standard => "standard",
            Self::Github => "github",
            Self::Stripe => "stripe",
            Self::Slack => "slack",
        }
    }
}

/// A message whose signature is right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Verified {
    /// What the provider calls the message, the same when it is sent again.
    pub id: Option<String>,
}

/// Why a message is not accepted. No message shows a secret or the signature that would be right.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// A header is not there.
    #[error("the header {0} is missing; send the provider's signature headers unchanged")]
    Missing(&'static str),
    /// A header is there twice, or not what the provider writes.
    #[error("the header {0} is not valid; send the provider's signature headers unchanged")]
    Invalid(&'static str),
    /// Signed too long ago.
    #[error("the message was signed more than 5 minutes ago; check both clocks, or send it again")]
    TooOld,
    /// Signed in the future.
    #[error("the message was signed more than 5 minutes from now; check both clocks")]
    TooNew,
    /// No secret makes this signature.
    #[error("the signature matches no secret; check the secret, and that the body is unchanged")]
    WrongSignature,
    /// No signature matches, and a secret cannot be used.
    #[error("secret number {0} is empty or not base64; set it as the provider shows it")]
    Secret(usize),
    /// There is no secret.
    #[error("no webhook secret is set; set the one the provider shows")]
    NoSecret,
}

type Digest = [u8; 32];

/// The secrets a variable's value holds, one a line. A secret may have spaces: senders sign with
/// all of it.
pub fn secrets_of(value: &str) -> Vec<&str> {
    let lines = value.lines();
    lines.filter(|line| !line.trim().is_empty()).collect()
}

/// Checks a message's signature, its time where the provider signs one, and finds its id.
///
/// Any of the secrets may match, so that they can be changed without losing messages.
pub fn verify(
    provider: Provider,
    secrets: &[&str],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Verified, WebhookError> {
    match provider {
        Provider::Standard => standard(secrets, headers, body, now),
        Provider::Github => github(secrets, headers, body),
        Provider::Stripe => stripe(secrets, headers, body, now),
        Provider::Slack => slack(secrets, headers, body, now),
    }
}

/// What Slack wants back when an address is set up. Verify the message first: Slack signs it too.
pub fn slack_challenge(body: &[u8]) -> Option<String> {
    let fields = fields(body)?;
    let challenge = fields.challenge?;
    (fields.kind? == "url_verification" && challenge.len() <= 1_024).then_some(challenge)
}

fn standard(
    secrets: &[&str],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Verified, WebhookError> {
    let id = required(headers, "webhook-id")?;
    let time = required(headers, "webhook-timestamp")?;
    let signatures = required(headers, "webhook-signature")?;
    if id.is_empty() || id.len() > MAX_ID_BYTES {
        return Err(WebhookError::Invalid("webhook-id"));
    }
    in_time("webhook-timestamp", time, now)?;
    // Versions we do not know are of no concern; one good `v1` is enough.
    let signatures = signatures
        .split(' ')
        .filter_map(|signature| signature.strip_prefix("v1,"))
        .filter_map(|text| BASE64.decode(text).ok()?.try_into().ok());
    let content = [id.as_bytes(), b".", time.as_bytes(), b".", body];
    check(secrets, standard_key, &content, signatures)?;
    Ok(Verified {
        id: Some(id.to_owned()),
    })
}

fn github(secrets: &[&str], headers: &HeaderMap, body: &[u8]) -> Result<Verified, WebhookError> {
    const SIGNATURE: &str = "x-hub-signature-256";
    const ID: &str = "x-github-delivery";
    let signature = required(headers, SIGNATURE)?;
    let signature = signature
        .strip_prefix("sha256=")
        .and_then(digest_of)
        .ok_or(WebhookError::Invalid(SIGNATURE))?;
    let id = optional(headers, ID)?;
    if id.is_some_and(|id| id.is_empty() || id.len() > MAX_ID_BYTES) {
        return Err(WebhookError::Invalid(ID));
    }
    check(secrets, text_key, &[body], [signature].into_iter())?;
    Ok(Verified {
        id: id.map(str::to_owned),
    })
}

fn stripe(
    secrets: &[&str],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Verified, WebhookError> {
    const SIGNATURE: &str = "stripe-signature";
    let header = required(headers, SIGNATURE)?;
    let elements = || {
        header
            .split(',')
            .filter_map(|element| element.trim().split_once('='))
    };
    let mut times = elements().filter(|(key, _)| *key == "t");
    let (Some((_, time)), None) = (times.next(), times.next()) else {
        return Err(WebhookError::Invalid(SIGNATURE));
    };
    in_time(SIGNATURE, time, now)?;
    // `v0` is for Stripe's own tests.
    let signatures = elements()
        .filter(|(key, _)| *key == "v1")
        .filter_map(|(_, text)| digest_of(text));
    check(
        secrets,
        text_key,
        &[time.as_bytes(), b".", body],
        signatures,
    )?;
    Ok(Verified {
        id: fields(body).and_then(|fields| bounded(fields.id)),
    })
}

fn slack(
    secrets: &[&str],
    headers: &HeaderMap,
    body: &[u8],
    now: Timestamp,
) -> Result<Verified, WebhookError> {
    const SIGNATURE: &str = "x-slack-signature";
    const TIME: &str = "x-slack-request-timestamp";
    let time = required(headers, TIME)?;
    let signature = required(headers, SIGNATURE)?;
    let signature = signature
        .strip_prefix("v0=")
        .and_then(digest_of)
        .ok_or(WebhookError::Invalid(SIGNATURE))?;
    in_time(TIME, time, now)?;
    let content = [b"v0:", time.as_bytes(), b":", body];
    check(secrets, text_key, &content, [signature].into_iter())?;
    Ok(Verified {
        id: fields(body).and_then(|fields| bounded(fields.event_id)),
    })
}

/// Whether a secret makes one of the signatures. Looks at all of them, in constant time each.
fn check(
    secrets: &[&str],
    key: fn(&str) -> Vec<u8>,
    content: &[&[u8]],
    signatures: impl Iterator<Item = Digest> + Clone,
) -> Result<(), WebhookError> {
    if secrets.is_empty() {
        return Err(WebhookError::NoSecret);
    }
    let mut unusable = None;
    let mut good = false;
    for (index, secret) in secrets.iter().enumerate() {
        let key = key(secret);
        // Anybody could sign with an empty key.
        if key.is_empty() {
            unusable = unusable.or(Some(index + 1));
            continue;
        }
        let expected = sign(&key, content);
        for signature in signatures.clone() {
            good |= bool::from(expected.ct_eq(&signature));
        }
    }
    match (good, unusable) {
        (true, _) => Ok(()),
        (false, Some(number)) => Err(WebhookError::Secret(number)),
        (false, None) => Err(WebhookError::WrongSignature),
    }
}

fn sign(key: &[u8], content: &[&[u8]]) -> Digest {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
    for part in content {
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

/// Base64 with or without padding: people copy secrets in both forms.
const BASE64: GeneralPurpose = GeneralPurpose::new(
    &base64::alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// The key, empty when the secret is not base64.
fn standard_key(secret: &str) -> Vec<u8> {
    let secret = secret.trim();
    let secret = secret.strip_prefix("whsec_").unwrap_or(secret);
    BASE64.decode(secret).unwrap_or_default()
}

fn text_key(secret: &str) -> Vec<u8> {
    secret.as_bytes().to_vec()
}

fn digest_of(text: &str) -> Option<Digest> {
    let mut digest = [0; 32];
    hex::decode_to_slice(text, &mut digest).ok()?;
    Some(digest)
}

fn in_time(header: &'static str, text: &str, now: Timestamp) -> Result<(), WebhookError> {
    let invalid = WebhookError::Invalid(header);
    if text.is_empty() || text.len() > 18 || !text.bytes().all(|b| b.is_ascii_digit()) {
        return Err(invalid);
    }
    let Ok(signed) = text.parse::<i64>() else {
        return Err(invalid);
    };
    match now.0.div_euclid(1_000_000).saturating_sub(signed) {
        age if age > TOLERANCE_SECONDS => Err(WebhookError::TooOld),
        age if age < -TOLERANCE_SECONDS => Err(WebhookError::TooNew),
        _ => Ok(()),
    }
}

fn required<'a>(headers: &'a HeaderMap, name: &'static str) -> Result<&'a str, WebhookError> {
    optional(headers, name)?.ok_or(WebhookError::Missing(name))
}

/// A header that is there at most once: of two, the script might read the other one.
fn optional<'a>(
    headers: &'a HeaderMap,
    name: &'static str,
) -> Result<Option<&'a str>, WebhookError> {
    let mut values = headers.get_all(name).iter();
    let (first, second) = (values.next(), values.next());
    if second.is_some() {
        return Err(WebhookError::Invalid(name));
    }
    first
        .map(|value| {
            value
                .to_str()
                .map_err(|_opaque| WebhookError::Invalid(name))
        })
        .transpose()
}

/// What we look at in a JSON body; what is not a text counts as absent.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Fields {
    #[serde(deserialize_with = "text")]
    id: Option<String>,
    #[serde(deserialize_with = "text")]
    event_id: Option<String>,
    #[serde(rename = "type", deserialize_with = "text")]
    kind: Option<String>,
    #[serde(deserialize_with = "text")]
    challenge: Option<String>,
}

fn text<'de, D: serde::Deserializer<'de>>(d: D) -> Result<Option<String>, D::Error> {
    Ok(match serde_json::Value::deserialize(d)? {
        serde_json::Value::String(text) => Some(text),
        _ => None,
    })
}

/// None when the body is not a JSON object, or names twice what we look at.
fn fields(body: &[u8]) -> Option<Fields> {
    if body.trim_ascii_start().first() != Some(&b'{') {
        return None;
    }
    serde_json::from_slice(body).ok()
}

fn bounded(id: Option<String>) -> Option<String> {
    id.filter(|id| !id.is_empty() && id.len() <= MAX_ID_BYTES)
}
