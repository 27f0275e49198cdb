//! `/livez`, `/readyz`, `/version`: answered on every host, before anything else.

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::{HeaderValue, Method, Response, StatusCode, header};
use store::{Store, StoreError};
use tokio::sync::Mutex;

use crate::body::Body;

/// How long a check of the database is believed. It is only made when somebody asks.
const BELIEVED: Duration = Duration::from_secs(1);
/// How long the database may take to answer the check.
const PATIENCE: Duration = Duration::from_secs(2);

/// Whether this process should get requests.
#[derive(Debug)]
pub struct Health {
    draining: AtomicBool,
    checked: Mutex<Option<(Instant, bool)>>,
    store: Store,
    version: Bytes,
}

impl Health {
    pub(crate) fn new(store: Store, version: &str) -> Self {
        let version = format!("{{\"version\":\"{version}\"}}\n").into();
        Self {
            draining: AtomicBool::new(false),
            checked: Mutex::default(),
            store,
            version,
        }
    }

    /// From now on `/readyz` says no.
    pub fn drain(&self) {
        self.draining.store(true, Ordering::Release);
    }

    /// Whether the path is one of ours.
    pub(crate) fn answers(path: &str) -> bool {
        matches!(path, "/livez" | "/version" | "/readyz")
    }

    /// The answer to one of our paths.
    pub(crate) async fn answer(&self, method: &Method, path: &str) -> Response<Body> {
        let (status, body) = match path {
            "/livez" => (StatusCode::OK, Bytes::from_static(b"ok\n")),
            "/version" => (StatusCode::OK, self.version.clone()),
            _ => self.ready().await,
        };
        if method != Method::GET && method != Method::HEAD {
            let mut response = Response::new(Body::default());
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
            let allow = HeaderValue::from_static("GET, HEAD");
            response.headers_mut().insert(header::ALLOW, allow);
            return response;
        }
        let json = path == "/version";
        let kind = if json {
            "application/json"
        } else {
            "text/plain; charset=utf-8"
        };
        let mut response = Response::new(Body::from(body));
        *response.status_mut() = status;
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(kind));
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response
    }

    async fn ready(&self) -> (StatusCode, Bytes) {
        if self.draining.load(Ordering::Acquire) {
            return (
                StatusCode::SERVICE_UNAVAILABLE,
                Bytes::from_static(b"stopping\n"),
            );
        }
        if self.database_answers().await {
            (StatusCode::OK, self.ready_text())
        } else {
            (
                StatusCode::SERVICE_UNAVAILABLE,
                Bytes::from_static(b"the database is away\n"),
            )
        }
    }

    /// That it is ready, and what it does not do meanwhile.
    fn ready_text(&self) -> Bytes {
        match self.store.is_low_on_space() {
            None => Bytes::from_static(b"ready\n"),
            Some(floor) => {
                let floor = shared::units::format_size(floor);
                let text = format!(
                    "ready; the disk has less than {floor} free (`storage.floor`): apps only delete\n"
                );
                text.into()
            }
        }
    }

    async fn database_answers(&self) -> bool {
        let mut checked = self.checked.lock().await;
        if let Some((at, answer)) = *checked
            && at.elapsed() < BELIEVED
        {
            return answer;
        }
        let read = self
            .store
            .read::<_, StoreError>(|conn| conn.query("SELECT 1", &[]));
        let answer = matches!(tokio::time::timeout(PATIENCE, read).await, Ok(Ok(_)));
        *checked = Some((Instant::now(), answer));
        answer
    }
}
