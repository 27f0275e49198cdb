//! The internal listener: `/metrics`, and health for supervisors.

use std::sync::Arc;

use http::{HeaderValue, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::body::Body;
use crate::health::Health;
use crate::ingress::Shutdown;
use crate::metrics::Metrics;

/// How long a client may take for a request's head.
const PATIENCE: std::time::Duration = std::time::Duration::from_secs(10);
/// Pause after the system refused a connection (no file descriptors left).
const ACCEPT_PAUSE: std::time::Duration = std::time::Duration::from_millis(50);

/// Answers until `shutdown`. Runs inside a `LocalSet`.
pub async fn serve_internal(
    listener: std::net::TcpListener,
    metrics: Arc<Metrics>,
    health: Arc<Health>,
    mut shutdown: Shutdown,
) -> std::io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.wait_for(|stop| *stop) => return Ok(()),
        };
        let stream = match accepted {
            Ok((stream, _peer)) => stream,
            Err(error) => {
                tracing::warn!(%error, "a connection to the internal listener failed");
                tokio::time::sleep(ACCEPT_PAUSE).await;
                continue;
            }
        };
        let (metrics, health) = (Arc::clone(&metrics), Arc::clone(&health));
        tokio::task::spawn_local(async move {
            let service = service_fn(move |request: Request<Incoming>| {
                let (metrics, health) = (Arc::clone(&metrics), Arc::clone(&health));
                async move {
                    Ok::<_, std::convert::Infallible>(answer(&request, &metrics, &health).await)
                }
            });
            let served = http1::Builder::new()
                .timer(TokioTimer::new())
                .header_read_timeout(PATIENCE)
                .serve_connection(TokioIo::new(stream), service);
            drop(served.await);
        });
    }
}

async fn answer(request: &Request<Incoming>, metrics: &Metrics, health: &Health) -> Response<Body> {
    let path = request.uri().path();
    if Health::answers(path) {
        return health.answer(request.method(), path).await;
    }
    if path == "/metrics" {
        let mut response = Response::new(Body::from(bytes::Bytes::from(metrics.text())));
        let kind = "application/openmetrics-text; version=1.0.0; charset=utf-8";
        response
            .headers_mut()
            .insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        return response;
    }
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}
