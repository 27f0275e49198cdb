//! Calls and replies between two processes: JSON in an envelope that says its version and service.
//!
//! Bytes are base64. A field or variant that is added keeps the version; one that changes its
//! meaning or goes raises it.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::calls::{HostCall, HostReply};
use super::error::HostError;
use super::kind::ServiceKind;
use super::payload::Payload;

/// The version this program writes, and the only one it reads.
pub const VERSION: u16 = 1;

/// Why bytes are no call or reply.
#[derive(Debug, thiserror::Error)]
pub enum WireError {
    /// They are no envelope.
    #[error("this is no message of a host call: {0}")]
    Envelope(serde_json::Error),
    /// Another program wrote them.
    #[error(
        "the message has version {0}; this program speaks version {VERSION}: run the same release on both sides"
    )]
    Version(u16),
    /// The service does not exist here.
    #[error(
        "the message is for the service `{0}`, which this program does not have: run the same release on both sides"
    )]
    Service(String),
    /// The service exists and has no such call or reply.
    #[error("the message is none of `{service}`: {error}")]
    Body {
        /// The service.
        service: ServiceKind,
        /// What is wrong with it.
        error: serde_json::Error,
    },
    /// It is an answer where a call should be, or the other way round.
    #[error("the message holds no {0}")]
    Missing(&'static str),
}

#[derive(Serialize, Deserialize)]
struct Envelope<'a> {
    version: u16,
    #[serde(borrow)]
    service: Cow<'a, str>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    call: Option<Cow<'a, RawValue>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    reply: Option<Cow<'a, RawValue>>,
    #[serde(borrow, default, skip_serializing_if = "Option::is_none")]
    error: Option<Cow<'a, RawValue>>,
}

impl<'a> Envelope<'a> {
    fn to(service: ServiceKind) -> Self {
        Self {
            version: VERSION,
            service: service.as_str().into(),
            call: None,
            reply: None,
            error: None,
        }
    }

    fn encode(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("texts and raw JSON serialize")
    }

    fn decode(bytes: &'a [u8]) -> Result<(ServiceKind, Self), WireError> {
        let envelope: Self = serde_json::from_slice(bytes).map_err(WireError::Envelope)?;
        if envelope.version != VERSION {
            return Err(WireError::Version(envelope.version));
        }
        match ServiceKind::from_name(&envelope.service) {
            Some(service) => Ok((service, envelope)),
            None => Err(WireError::Service(envelope.service.into_owned())),
        }
    }
}

fn body_of(payload: &impl Payload) -> Cow<'static, RawValue> {
    let body = payload.to_body();
    Cow::Owned(body.expect("calls and replies are texts, numbers and lists"))
}

fn payload_of<P: Payload>(service: ServiceKind, body: &RawValue) -> Result<P, WireError> {
    P::from_body(service, body).map_err(|error| WireError::Body { service, error })
}

/// A call as bytes.
pub fn encode_call(call: &HostCall) -> Vec<u8> {
    let mut envelope = Envelope::to(call.service());
    envelope.call = Some(body_of(call));
    envelope.encode()
}

/// A call out of bytes. They may come from anybody.
pub fn decode_call(bytes: &[u8]) -> Result<HostCall, WireError> {
    let (service, envelope) = Envelope::decode(bytes)?;
    let call = envelope.call.ok_or(WireError::Missing("call"))?;
    payload_of(service, &call)
}

/// An answer as bytes.
pub fn encode_answer(answer: &Result<HostReply, HostError>) -> Vec<u8> {
    match answer {
        Ok(reply) => {
            let mut envelope = Envelope::to(Payload::service(reply));
            envelope.reply = Some(body_of(reply));
            envelope.encode()
        }
        Err(error) => {
            let mut envelope = Envelope::to(error.service);
            let error = serde_json::value::to_raw_value(error);
            envelope.error = Some(Cow::Owned(error.expect("an error is made of texts")));
            envelope.encode()
        }
    }
}

/// An answer out of bytes. They may come from anybody.
pub fn decode_answer(bytes: &[u8]) -> Result<Result<HostReply, HostError>, WireError> {
    let (service, envelope) = Envelope::decode(bytes)?;
    if let Some(error) = envelope.error {
        let error: HostError = serde_json::from_str(error.get())
            .map_err(|error| WireError::Body { service, error })?;
        return Ok(Err(error));
    }
    let reply = envelope.reply.ok_or(WireError::Missing("reply"))?;
    payload_of(service, &reply).map(Ok)
}
