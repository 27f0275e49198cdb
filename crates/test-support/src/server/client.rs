//! HTTP as a client sees it.

use std::sync::LazyLock;
use std::time::Duration;

use serde_json::Value;
use ureq::Agent;
use ureq::http::{HeaderMap, Request};

use super::Server;

static AGENT: LazyLock<Agent> = LazyLock::new(|| {
    Agent::config_builder()
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .proxy(None)
        .timeout_global(Some(Duration::from_mins(1)))
        .build()
        .new_agent()
});

/// Most bytes of an answer.
const MOST: u64 = 256 << 20;

/// An answer.
#[derive(Clone, Debug)]
pub struct Reply {
    /// Status.
    pub status: u16,
    /// Headers.
    pub headers: HeaderMap,
    /// Body.
    pub body: Vec<u8>,
}

impl Reply {
    /// The body as text.
    ///
    /// # Panics
    /// When it is not UTF-8.
    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).expect("the body is text")
    }

    /// The body as JSON.
    ///
    /// # Panics
    /// When it is not JSON.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|error| panic!("{error} in {}", String::from_utf8_lossy(&self.body)))
    }

    /// This answer, which must have that status.
    ///
    /// # Panics
    /// When it has another.
    pub fn expect(self, status: u16) -> Self {
        assert_eq!(
            self.status,
            status,
            "{}",
            String::from_utf8_lossy(&self.body)
        );
        self
    }

    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.get(name)?.to_str().ok()
    }
}

fn run(request: Request<Vec<u8>>) -> Result<Reply, ureq::Error> {
    let mut response = AGENT.run(request)?;
    let body = response
        .body_mut()
        .with_config()
        .limit(MOST)
        .read_to_vec()?;
    Ok(Reply {
        status: response.status().as_u16(),
        headers: response.headers().clone(),
        body,
    })
}

/// Gets a URL.
pub(super) fn get(url: &str) -> Reply {
    let request = Request::get(url).body(Vec::new()).expect("a valid request");
    run(request).unwrap_or_else(|error| panic!("GET {url}: {error}"))
}

/// Sends a request to a URL; `Err` when no answer came. For clients that outlive a server.
pub fn send(
    method: &str,
    url: &str,
    headers: &[(&str, &str)],
    body: impl Into<Vec<u8>>,
) -> Result<Reply, ureq::Error> {
    let mut request = Request::builder().method(method).uri(url);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    run(request.body(body.into())?)
}

impl Server {
    /// Sends a request to a path; `Err` when no answer came.
    pub fn try_request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Result<Reply, ureq::Error> {
        send(method, &format!("{}{path}", self.url()), headers, body)
    }

    /// Sends a request to a path.
    ///
    /// # Panics
    /// When no answer comes; the message holds the server's log.
    pub fn request(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Reply {
        self.try_request(method, path, headers, body)
            .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    /// Gets a path.
    pub fn get(&self, path: &str) -> Reply {
        self.request("GET", path, &[], "")
    }

    /// Sends a request to a path of the admin origin.
    ///
    /// # Panics
    /// When no answer comes; the message holds the server's log.
    pub fn admin(
        &self,
        method: &str,
        path: &str,
        headers: &[(&str, &str)],
        body: impl Into<Vec<u8>>,
    ) -> Reply {
        send(
            method,
            &format!("{}{path}", self.admin_url()),
            headers,
            body,
        )
        .unwrap_or_else(|error| panic!("{method} {path}: {error}\n{}", self.log()))
    }

    /// Calls an operation of the admin API as the machine's own user.
    pub fn api(&self, method: &str, path: &str, body: &Value) -> Reply {
        let token = format!("Bearer {}", self.token());
        let mut headers = vec![("authorization", token.as_str())];
        let body = if body.is_null() {
            Vec::new()
        } else {
            headers.push(("content-type", "application/json"));
            body.to_string().into_bytes()
        };
        self.admin(method, &format!("/api/v1{path}"), &headers, body)
    }

    /// Makes an app and gives it all hosts that nobody claimed.
    ///
    /// # Panics
    /// When the server refuses.
    pub fn default_app(&self, name: &str) {
        let app = serde_json::json!({ "name": name });
        self.api("POST", "/apps", &app).expect(201);
        let settings = serde_json::json!({ "default": true });
        self.api("PATCH", &format!("/apps/{name}"), &settings)
            .expect(200);
    }
}
