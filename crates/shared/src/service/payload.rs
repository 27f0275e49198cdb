//! What the wire form asks of calls and replies.

use serde_json::value::RawValue;

use super::kind::ServiceKind;

/// What crosses: a call or a reply.
pub(super) trait Payload: Sized {
    fn service(&self) -> ServiceKind;
    fn to_body(&self) -> serde_json::Result<Box<RawValue>>;
    fn from_body(service: ServiceKind, body: &RawValue) -> serde_json::Result<Self>;
}
