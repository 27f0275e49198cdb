//! Reading a request's body: whole, bounded in size and in the client's patience with us.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body::Body as _;
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use shared::error::{Error, Kind};
use shared::limits::fixed::BODY_BYTES;

/// A client that sends more slowly than this over the whole body is cut off.
const SLOWEST_BYTES_PER_SECOND: u64 = 1_024;

/// The whole body. A bodyless request costs nothing.
pub(super) async fn collect(mut body: Incoming, patience: Duration) -> Result<Bytes, Error> {
    if body.is_end_stream() {
        return Ok(Bytes::new());
    }
    let declared = body.size_hint().lower();
    if declared > BODY_BYTES as u64 {
        return Err(too_large());
    }
    let started = tokio::time::Instant::now();
    let mut whole = BytesMut::new();
    let mut first: Option<Bytes> = None;
    loop {
        let earned = Duration::from_secs(whole.len() as u64 / SLOWEST_BYTES_PER_SECOND);
        let deadline = started + patience + earned;
        let frame = match tokio::time::timeout_at(deadline, body.frame()).await {
            Ok(Some(Ok(frame))) => frame,
            Ok(Some(Err(_broken))) => return Err(broken()),
            Ok(None) => break,
            Err(_elapsed) => return Err(too_slow()),
        };
        let Ok(data) = frame.into_data() else {
            continue;
        };
        if whole.len() + first.as_ref().map_or(0, Bytes::len) + data.len() > BODY_BYTES {
            return Err(too_large());
        }
        // Most bodies come in one piece, which need not be copied.
        match first.take() {
            None if whole.is_empty() => first = Some(data),
            None => whole.extend_from_slice(&data),
            Some(before) => {
                whole.extend_from_slice(&before);
                whole.extend_from_slice(&data);
            }
        }
    }
    Ok(first.unwrap_or_else(|| whole.freeze()))
}

fn too_large() -> Error {
    Error::new(
        Kind::TooLarge,
        "body_too_large",
        "the request's body is larger than 6 MiB",
    )
}

fn too_slow() -> Error {
    Error::new(
        Kind::InvalidInput,
        "body_too_slow",
        "the request's body came too slowly",
    )
}

fn broken() -> Error {
    Error::new(
        Kind::InvalidInput,
        "body_broken",
        "the request's body ended in the middle",
    )
}
