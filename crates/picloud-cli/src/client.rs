//! HTTP to one server: its address, a token that goes nowhere else, and errors in words.

use std::fmt;
use std::io;
use std::time::Duration;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, PercentEncode, utf8_percent_encode};
use serde::Serialize;
use serde::de::DeserializeOwned;
use shared::api::Page;
use shared::error::Problem;
use ureq::http::{Method, Request, Response, header};
use ureq::{Agent, Body};

use crate::address::Address;
use crate::error::{Failure, Outcome};

/// Most bytes of an answer that is read whole.
const MOST: u64 = 64 << 20;
/// How long a server may take to accept a connection.
const CONNECT: Duration = Duration::from_secs(10);
/// How long an answer may be silent: longer than the longest run of a script.
const SILENCE: Duration = Duration::from_mins(11);

/// A credential. It is never shown.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Token(String);

impl Token {
    /// Takes a token as people paste it.
    pub(crate) fn parse(text: &str) -> Outcome<Self> {
        let text = text.trim();
        if text.is_empty() {
            return Err(Failure::new("the token is empty"));
        }
        if !text.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::new(
                "the token holds spaces or characters no token has; paste it again",
            ));
        }
        Ok(Self(text.to_owned()))
    }

    /// The secret itself, for a header or a private file.
    pub(crate) fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Token {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Token")
    }
}

/// What sends requests to a server.
pub(crate) fn agent(address: &Address) -> Agent {
    let mut config = Agent::config_builder()
        .http_status_as_error(false)
        // A redirect must not take the token to another host.
        .max_redirects(0)
        .max_redirects_will_error(false)
        .allow_non_standard_methods(true)
        .user_agent(concat!("pic/", env!("CARGO_PKG_VERSION")))
        .timeout_connect(Some(CONNECT))
        .timeout_per_read(Some(SILENCE));
    if address.is_loopback() {
        config = config.proxy(None);
    }
    config.build().new_agent()
}

/// A server and who is calling.
#[derive(Clone, Debug)]
pub(crate) struct Client {
    agent: Agent,
    address: Address,
    token: Option<Token>,
    /// What to do when the server does not know the token.
    sign_in: String,
}

impl Client {
    /// Nothing is sent yet.
    pub(crate) fn new(address: Address, token: Option<Token>, sign_in: String) -> Self {
        Self {
            agent: agent(&address),
            address,
            token,
            sign_in,
        }
    }

    /// The server.
    pub(crate) fn address(&self) -> &Address {
        &self.address
    }

    /// Sends a request to a path below `/api/v1`; any status is an answer.
    pub(crate) fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(String, String)],
        body: Vec<u8>,
    ) -> Outcome<Response<Body>> {
        let mut request = Request::builder()
            .method(method)
            .uri(format!("{}/api/v1{path}", self.address));
        for (name, value) in headers {
            request = request.header(name, value);
        }
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let request = request
            .body(body)
            .map_err(|error| Failure::new(format!("the request cannot be sent: {error}")))?;
        let answer = self.agent.run(request);
        answer.map_err(|error| Self::away(&self.address, &error))
    }

    /// A server that gave no answer.
    pub(crate) fn away(address: &Address, error: &ureq::Error) -> Failure {
        let why = match error {
            ureq::Error::Io(error) if error.kind() == io::ErrorKind::ConnectionRefused => {
                "nothing listens there".to_owned()
            }
            ureq::Error::HostNotFound => "the host is not known".to_owned(),
            other => other.to_string(),
        };
        Failure::new(format!("the server at {address} does not answer: {why}"))
            .next("is it running? `picloud serve` starts it; `--url` or PICLOUD_URL names another")
    }

    /// Whether the status is a success; else the problem the server tells.
    pub(crate) fn accept(&self, mut response: Response<Body>) -> Outcome<Response<Body>> {
        if response.status().is_success() {
            return Ok(response);
        }
        let status = response.status();
        let bytes = self.bytes(&mut response)?;
        let Ok(problem) = serde_json::from_slice::<Problem>(&bytes) else {
            return Err(Failure::new(format!(
                "{} answered {status} and not like PiCloud",
                self.address
            ))
            .next("check the address; a proxy may answer in its place"));
        };
        let refused = Failure::Refused {
            problem: Box::new(problem),
            next: None,
        };
        Err(if status == 401 {
            refused.next(self.sign_in.clone())
        } else {
            refused
        })
    }

    fn bytes(&self, response: &mut Response<Body>) -> Outcome<Vec<u8>> {
        let body = response.body_mut().with_config().limit(MOST).read_to_vec();
        body.map_err(|error| {
            Failure::new(format!("the answer of {} broke off: {error}", self.address))
        })
    }

    /// Sends JSON and reads JSON.
    pub(crate) fn call<T: DeserializeOwned>(
        &self,
        method: Method,
        path: &str,
        headers: &[(String, String)],
        body: Option<&impl Serialize>,
    ) -> Outcome<T> {
        let mut response = self.perform(method, path, headers, body)?;
        let bytes = self.bytes(&mut response)?;
        serde_json::from_slice(&bytes).map_err(|error| {
            Failure::new(format!(
                "{} answered something else than PiCloud does: {error}",
                self.address
            ))
            .next("check the address, and that server and `pic` have the same version")
        })
    }

    fn perform(
        &self,
        method: Method,
        path: &str,
        headers: &[(String, String)],
        body: Option<&impl Serialize>,
    ) -> Outcome<Response<Body>> {
        let mut headers = headers.to_vec();
        let bytes = match body {
            Some(body) => {
                headers.push(("content-type".to_owned(), "application/json".to_owned()));
                serde_json::to_vec(body)
                    .map_err(|error| Failure::new(format!("the request is not JSON: {error}")))?
            }
            None => Vec::new(),
        };
        self.accept(self.send(method, path, &headers, bytes)?)
    }

    /// Gets JSON.
    pub(crate) fn get<T: DeserializeOwned>(&self, path: &str) -> Outcome<T> {
        self.call(Method::GET, path, &[], None::<&()>)
    }

    /// Posts JSON.
    pub(crate) fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        body: &impl Serialize,
    ) -> Outcome<T> {
        self.call(Method::POST, path, &[], Some(body))
    }

    /// Deletes something.
    pub(crate) fn delete(&self, path: &str) -> Outcome {
        self.perform(Method::DELETE, path, &[], None::<&()>)
            .map(drop)
    }

    /// Reads at most `limit` items of a list; `path` may have a query already.
    pub(crate) fn list<T: DeserializeOwned>(&self, path: &str, limit: usize) -> Outcome<Page<T>> {
        let mut all = Page {
            items: Vec::new(),
            next_cursor: None,
        };
        loop {
            let left = limit - all.items.len();
            let mut query = vec![format!("limit={}", left.clamp(1, 200))];
            if let Some(cursor) = &all.next_cursor {
                query.push(format!("cursor={}", encode(cursor)));
            }
            let separator = if path.contains('?') { '&' } else { '?' };
            let page: Page<T> = self.get(&format!("{path}{separator}{}", query.join("&")))?;
            all.items.extend(page.items);
            all.next_cursor = page.next_cursor;
            if all.next_cursor.is_none() || all.items.len() >= limit {
                return Ok(all);
            }
        }
    }
}

/// What stays as it is in a query.
const UNRESERVED: &AsciiSet = &NON_ALPHANUMERIC
    .remove(b'-')
    .remove(b'.')
    .remove(b'_')
    .remove(b'~');

/// A text as part of a query.
pub(crate) fn encode(text: &str) -> PercentEncode<'_> {
    utf8_percent_encode(text, UNRESERVED)
}
