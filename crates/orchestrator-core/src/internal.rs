//! The internal listener: `/metrics`, and health for supervisors.

use std::sync::Arc;

use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::TcpListener;

use crate::body::Body;
use crate::health::Health;
use crate::ingress::Shutdown;
use crate::metrics::{Format, Metrics};

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
    let mut response = Response::new(Body::default());
    if path != "/metrics" {
        *response.status_mut() = StatusCode::NOT_FOUND;
        return response;
    }
    let method = request.method();
    if method != Method::GET && method != Method::HEAD {
        *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        let allow = HeaderValue::from_static("GET, HEAD");
        response.headers_mut().insert(header::ALLOW, allow);
        return response;
    }
    let accept = request.headers().get_all(header::ACCEPT).iter();
    let accept: Vec<&str> = accept.filter_map(|value| value.to_str().ok()).collect();
    let format = Format::accepted(&accept.join(","));
    if method == Method::GET {
        *response.body_mut() = Body::from(bytes::Bytes::from(metrics.text(format)));
    }
    let headers = response.headers_mut();
    let kind = HeaderValue::from_static(format.content_type());
    headers.insert(header::CONTENT_TYPE, kind);
    headers.insert(header::VARY, HeaderValue::from_static("accept"));
    response
}
