//! The rules of messages. The SDK checks too, with the script's position; here is where it counts,
//! because in a cluster the caller is another process.

use shared::event::Message;
use shared::event::limits::{DELAY, KEY_BYTES, MESSAGE_BYTES, UNIQUE_FOR, message_too_long};
use shared::retry::MAX_ATTEMPTS;
use shared::service::{HostError, HostErrorKind, ServiceKind};

/// A call that cannot be right.
pub(crate) fn invalid(service: ServiceKind, message: impl Into<String>) -> HostError {
    HostError::new(service, HostErrorKind::Invalid, message)
}

/// A call that asks for more than is allowed.
pub(crate) fn beyond(service: ServiceKind, message: impl Into<String>) -> HostError {
    HostError::new(service, HostErrorKind::Limit, message)
}

/// Checks a message.
pub(crate) fn check(service: ServiceKind, message: &Message) -> Result<(), HostError> {
    check_json(service, "the message", &message.body)?;
    for (what, key) in [
        ("key", &message.key),
        ("idempotency key", &message.idempotency_key),
    ] {
        if let Some(key) = key {
            check_key(service, what, key)?;
        }
    }
    if u128::from(message.delay_ms) > DELAY.as_millis() {
        return Err(invalid(service, "a delay is at most a year"));
    }
    if message
        .attempts
        .is_some_and(|n| !(1..=MAX_ATTEMPTS).contains(&n))
    {
        let text = format!("a message has 1 to {MAX_ATTEMPTS} attempts");
        return Err(invalid(service, text));
    }
    let unique = message.unique_for_ms.map(u128::from);
    if unique.is_some_and(|ms| ms == 0 || ms > UNIQUE_FOR.as_millis()) {
        return Err(invalid(service, "unique_for is 1 ms to 30 days"));
    }
    Ok(())
}

/// Checks the key of a message; `what` it is.
pub(crate) fn check_key(service: ServiceKind, what: &str, key: &str) -> Result<(), HostError> {
    if key.is_empty() || key.len() > KEY_BYTES || key.contains('\0') {
        let text = format!("a {what} has 1 to {KEY_BYTES} bytes and no character U+0000");
        return Err(invalid(service, text));
    }
    Ok(())
}

/// Checks a JSON text; `what` it is.
pub(crate) fn check_json(service: ServiceKind, what: &str, text: &[u8]) -> Result<(), HostError> {
    if text.len() > MESSAGE_BYTES {
        return Err(beyond(service, message_too_long(what, text.len())));
    }
    // What is ignored is not checked to be UTF-8.
    let text = std::str::from_utf8(text).ok();
    let parsed = text.map(serde_json::from_str::<serde::de::IgnoredAny>);
    if !matches!(parsed, Some(Ok(_))) {
        return Err(invalid(service, format!("{what} is not JSON")));
    }
    Ok(())
}
