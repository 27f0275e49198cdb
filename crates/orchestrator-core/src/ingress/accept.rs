//! Requests that are answered before they are handled: async routes and webhooks. The answer says
//! that the request is on the disk, and the id of its event.

use http::{HeaderMap, Response, StatusCode, header};
use shared::clock::Timestamp;
use shared::error::{Error, Kind, code};
use shared::event::limits::KEY_BYTES;
use shared::event::request::StoredRequest;
use shared::id::EventId;
use shared::invocation::{HttpInput, TriggerKind};
use shared::name::{EnvName, FunctionName};
use shared::webhook::{self, Provider, WebhookError};
use store::StoreError;
use store::outbox::{self, OutboxError};

use super::Ingress;
use crate::body::Body;
use crate::catalog::{LiveApp, LiveMode, LiveRoute};

impl Ingress {
    /// Takes a request into the outbox.
    pub(super) async fn accept(
        &self,
        app: &LiveApp,
        route: &LiveRoute,
        http: HttpInput,
    ) -> Result<Response<Body>, Error> {
        let now = self.clock.now();
        let (kind, trigger, key) = match &route.mode {
            LiveMode::Sync | LiveMode::Async => (
                TriggerKind::Http,
                String::new(),
                idempotency_key(&http.headers)?,
            ),
            LiveMode::Webhook {
                trigger,
                provider,
                secret,
            } => {
                let id = self.verify(app, *provider, secret, &http, now)?;
                if *provider == Provider::Slack
                    && let Some(challenge) = webhook::slack_challenge(&http.body)
                {
                    return Ok(text(challenge));
                }
                (TriggerKind::Webhook, trigger.clone(), id)
            }
        };
        let event = EventId::new(now);
        let path = http.uri.path().to_owned();
        let payload = StoredRequest::encode(&http);
        let script = route.script.image.name.clone();
        let handler = route.handler.clone();
        let app = app.context.id;
        let write = self.store.clone().growing().write(move |conn| {
            let request = outbox::Request {
                app,
                event,
                kind,
                trigger: &trigger,
                script: &script,
                handler: handler.as_ref().map(FunctionName::as_str),
                path: &path,
                payload: &payload,
                idempotency_key: key.as_deref(),
            };
            outbox::emit(conn, &request.event(now))
        });
        let taken = write.await.map_err(refused)?;
        Ok(accepted(taken.id()))
    }

    /// Whether a call is signed as it must be; the sender's id of it.
    fn verify(
        &self,
        app: &LiveApp,
        provider: Provider,
        secret: &EnvName,
        http: &HttpInput,
        now: Timestamp,
    ) -> Result<Option<String>, Error> {
        let secrets = app.context.env.get(secret).map_or("", |text| text);
        let secrets = webhook::secrets_of(secrets);
        match webhook::verify(provider, &secrets, &http.headers, &http.body, now) {
            Ok(verified) => Ok(verified.id),
            Err(error @ (WebhookError::NoSecret | WebhookError::Secret(_))) => {
                let slug = &app.context.slug;
                tracing::warn!(app = %slug, variable = %secret, %error, "a webhook cannot be verified");
                let detail = "the receiver has no secret to verify this call with; try again later";
                Err(Error::new(
                    Kind::Unavailable,
                    code::WEBHOOK_UNCONFIGURED,
                    detail,
                ))
            }
            Err(error) => {
                self.metrics.refused.inc();
                Err(Error::new(
                    Kind::Unauthenticated,
                    code::WEBHOOK_SIGNATURE,
                    error.to_string(),
                ))
            }
        }
    }
}

/// The caller's `Idempotency-Key`, if it sends one.
fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Error> {
    let Some(value) = headers.get("idempotency-key") else {
        return Ok(None);
    };
    match value.to_str() {
        Ok(key) if !key.is_empty() && key.len() <= KEY_BYTES => Ok(Some(key.to_owned())),
        _ => Err(Error::new(
            Kind::InvalidInput,
            code::INVALID_VALUE,
            format!("`Idempotency-Key` is a text of 1 to {KEY_BYTES} visible ASCII characters"),
        )),
    }
}

fn refused(error: OutboxError) -> Error {
    match error {
        OutboxError::Full => Error::new(
            Kind::TooManyRequests,
            code::OUTBOX_FULL,
            "the app has as many undelivered events as it may have; try again later",
        ),
        OutboxError::TooDeep(_) | OutboxError::NoScript(_) => Error::internal(),
        OutboxError::Store(StoreError::StorageFull) => Error::new(
            Kind::NoSpace,
            code::STORAGE_FULL,
            "the app keeps as much as it may; its owner has to delete something",
        ),
        OutboxError::Store(StoreError::DiskFull(error)) => {
            tracing::warn!(%error, "a request could not be stored");
            let detail = "the server's disk is nearly full; try again later";
            Error::new(Kind::NoSpace, code::DISK_FULL, detail)
        }
        OutboxError::Store(error) => {
            tracing::warn!(%error, "a request could not be stored");
            let detail = "the request could not be stored; try again";
            Error::new(Kind::Unavailable, code::DATABASE_AWAY, detail)
        }
    }
}

/// What the sender of a request is told that is handled afterwards.
#[derive(serde::Serialize)]
struct Accepted {
    id: EventId,
}

fn accepted(event: EventId) -> Response<Body> {
    let body = serde_json::to_string(&Accepted { id: event }).expect("an id serializes");
    let mut response = Response::new(Body::from(bytes::Bytes::from(body)));
    *response.status_mut() = StatusCode::ACCEPTED;
    let json = http::HeaderValue::from_static("application/json");
    response.headers_mut().insert(header::CONTENT_TYPE, json);
    response
}

fn text(text: String) -> Response<Body> {
    let mut response = Response::new(Body::from(bytes::Bytes::from(text)));
    let plain = http::HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(header::CONTENT_TYPE, plain);
    response
}
