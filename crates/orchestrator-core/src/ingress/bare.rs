//! Answers of the HTTP library itself, to heads that nobody can read: they get a body that says what
//! is wrong.

use http::StatusCode;
use shared::clock::Timestamp;
use shared::error::{Error, Kind, Problem, code};
use shared::id::RequestId;

/// How an answer of hyper begins that has no request: it could not read one.
const BEGINS: &[u8] = b"HTTP/1.1 4";
/// What every answer of ours has and none of hyper's.
const OURS: &[u8] = b"x-request-id: ";

/// The status of an answer that hyper made itself, without a word of what is wrong.
pub(super) fn bare_answer(bytes: &[u8]) -> Option<StatusCode> {
    if !bytes.starts_with(BEGINS) || !bytes.ends_with(b"\r\n\r\n") {
        return None;
    }
    let ours = bytes.windows(OURS.len()).any(|window| window == OURS);
    let status = bytes.get(9..12).filter(|_| !ours)?;
    StatusCode::from_bytes(status).ok()
}

/// The same answer, which says what is wrong.
pub(super) fn full_answer(status: StatusCode, now: Timestamp) -> Vec<u8> {
    let id = RequestId::new(now);
    let error = if status == StatusCode::REQUEST_HEADER_FIELDS_TOO_LARGE {
        let detail = "the head of the request is larger than 32 KiB or has more than 100 fields";
        Error::new(Kind::TooLarge, code::HEAD_TOO_LARGE, detail)
    } else {
        let detail = "the head of the request is not HTTP/1.1 that can be read";
        Error::new(Kind::InvalidInput, code::HEAD_UNREADABLE, detail)
    };
    let mut problem = Problem::of(&error, Some(id.to_string()));
    problem.status = status.as_u16();
    let body = serde_json::to_vec(&problem).expect("a problem serializes");
    let reason = status.canonical_reason().unwrap_or_default();
    let head = format!(
        "HTTP/1.1 {} {reason}\r\nconnection: close\r\ncontent-type: application/problem+json\r\n\
         content-length: {}\r\nx-request-id: {id}\r\n\r\n",
        status.as_u16(),
        body.len(),
    );
    [head.into_bytes(), body].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_answers_of_nobody_are_bare() {
        for (bytes, status) in [
            (
                &b"HTTP/1.1 431 Too Large\r\ncontent-length: 0\r\n\r\n"[..],
                Some(431),
            ),
            (
                b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n",
                Some(400),
            ),
            (
                b"HTTP/1.1 404 Not Found\r\nx-request-id: req_1\r\n\r\n",
                None,
            ),
            (
                b"HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno",
                None,
            ),
            (b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", None),
            (b"HTTP/1.1 4", None),
        ] {
            let found = bare_answer(bytes).map(|status| status.as_u16());
            assert_eq!(found, status, "{}", String::from_utf8_lossy(bytes));
        }
    }
}
