//! `Idempotency-Key`: a request that is sent again because its answer was lost is carried out once.

use std::sync::Arc;

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, Method};
use sha2::{Digest as _, Sha256};
use shared::limits::fixed;
use tokio::sync::watch;

use crate::auth::caller_of;
use crate::error::{ApiError, ApiResult};
use crate::extract::read_body;
use crate::manager::Manager;
use crate::once::{Given, Hash, Turn};

const KEY: HeaderName = HeaderName::from_static("idempotency-key");
/// Longest key.
const KEY_BYTES: usize = 255;
/// Bytes of an answer that is remembered.
const ANSWER_BYTES: usize = 64 << 10;

/// Carries out a request with a key once.
pub(crate) async fn once(
    State(manager): State<Arc<Manager>>,
    request: Request,
    next: Next,
) -> Response {
    let path = request.uri().path();
    // What a script makes of the header is its own business.
    let ours = request.method() == Method::POST && !path.ends_with("/invoke");
    if !ours || !request.headers().contains_key(KEY) {
        return next.run(request).await;
    }
    let (parts, body) = request.into_parts();
    // Who may not ask is told so by the operation.
    let Ok(caller) = caller_of(&parts, &manager).await else {
        return next.run(Request::from_parts(parts, body)).await;
    };
    let answer = carry_out(&manager, (parts, body), &caller, next).await;
    answer.unwrap_or_else(ApiError::into_response)
}

async fn carry_out(
    manager: &Arc<Manager>,
    (parts, body): (Parts, Body),
    caller: &str,
    next: Next,
) -> ApiResult<Response> {
    // A dry run is another request.
    let asked = parts.uri.to_string();
    let key = hash(&[caller, &asked, key_of(&parts.headers)?]);
    let body = read_body(body, fixed::ADMIN_BODY_BYTES).await?;
    let fingerprint = Sha256::digest(&body).into();
    let mut next = Some((parts, next));
    loop {
        let now = manager.clock().now();
        match manager.once().begin(key, fingerprint, now)? {
            Turn::Again(mut given) => {
                if let Ok(given) = given.wait_for(Option::is_some).await
                    && let Some(given) = given.clone()
                {
                    return Ok(given.again());
                }
                // It came to nothing, so this one is carried out.
            }
            Turn::First(sender) => {
                let Some((parts, next)) = next.take() else {
                    return Err(ApiError::internal());
                };
                let request = Request::from_parts(parts, Body::from(body));
                return first(Arc::clone(manager), key, sender, request, next).await;
            }
        }
    }
}

/// Carries it out to its end, whoever stops waiting for it meanwhile.
async fn first(
    manager: Arc<Manager>,
    key: Hash,
    sender: watch::Sender<Option<Given>>,
    request: Request,
    next: Next,
) -> ApiResult<Response> {
    #[expect(
        clippy::disallowed_methods,
        reason = "the client may go away in the middle; what is made has to be remembered then too"
    )]
    let work = tokio::spawn(async move {
        let response = next.run(request).await;
        if !response.status().is_success() {
            manager.once().forget(&key);
            return response;
        }
        let (parts, body) = response.into_parts();
        let Ok(body) = axum::body::to_bytes(body, ANSWER_BYTES).await else {
            manager.once().forget(&key);
            return ApiError::internal().into_response();
        };
        sender.send_replace(Some(Given {
            status: parts.status,
            headers: parts.headers.clone(),
            body: body.clone(),
        }));
        Response::from_parts(parts, Body::from(body))
    });
    work.await.map_err(|error| {
        tracing::error!(%error, "an operation with an idempotency key failed");
        ApiError::internal()
    })
}

fn key_of(headers: &HeaderMap) -> ApiResult<&str> {
    let mut all = headers.get_all(KEY).iter();
    let key = all.next().and_then(|key| key.to_str().ok());
    let fits = |key: &&str| !key.is_empty() && key.len() <= KEY_BYTES;
    match (key.filter(fits), all.next()) {
        (Some(key), None) => Ok(key),
        _ => Err(ApiError::invalid(format!(
            "`Idempotency-Key` is one text of 1 to {KEY_BYTES} visible characters"
        ))),
    }
}

fn hash(parts: &[&str]) -> Hash {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update((part.len() as u64).to_le_bytes());
        hash.update(part.as_bytes());
    }
    hash.finalize().into()
}
