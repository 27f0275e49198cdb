//! From a request to its answer: host, route, admission, script, record.

mod body_in;
mod client_io;
mod connection;
mod cors;
mod listen;
mod network;
mod record;
mod reply;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderMap, Request, Response, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use shared::clock::{SharedClock, Timestamp};
use shared::error::{Error, Kind};
use shared::id::{ExecutionId, RequestId};
use shared::invocation::{HttpInput, Invocation, TriggerKind};
use shared::limits::fixed::ADMIN_BODY_BYTES;
use shared::release::RouteAuth;
use shared::routing::{Match, Method, Params};
use shared::seam::{BoxFuture, Executor};

pub(crate) use client_io::Busy;
pub use connection::{Shutdown, serve};
pub use listen::bind;
pub use network::{Network, NetworkError};

use crate::admission::{Gate, Permit, Rate};
use crate::body::{Body, BoxBody};
use crate::catalog::{LiveApp, LiveCatalog, LiveRoute};
use crate::health::Health;
use crate::hosts::{HostMatch, normalize};
use crate::metrics::Metrics;
use crate::recorder::Recorder;
use crate::tokens::TokenCheck;
use record::PendingRecord;

/// Longest path and query.
const URL_BYTES: usize = 8 << 10;

/// Who asks the control plane.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// The client's address, as far as trusted proxies tell.
    pub ip: IpAddr,
    /// `https` when a trusted proxy says so.
    pub scheme: &'static str,
    /// Host without port, lower case.
    pub host: Arc<str>,
    /// The request's id, which the client gets as `X-Request-Id`.
    pub request: RequestId,
}

/// Answers one request to the control plane.
pub type ControlHandler =
    Arc<dyn Fn(Request<BoxBody>, PeerInfo) -> BoxFuture<Response<BoxBody>> + Send + Sync>;

/// Answers the platform's own paths (`/api/v1`, `/admin`, `/docs/errors`) on hosts that are not an
/// app's own.
#[derive(Clone)]
pub struct ControlPlane {
    /// What answers.
    pub handler: ControlHandler,
    /// Where it runs: never on a worker. A change that has begun is finished even when its client
    /// goes away.
    pub runtime: tokio::runtime::Handle,
}

/// Bounds of the ingress.
#[derive(Clone, Debug)]
pub struct IngressConfig {
    /// Requests under way on this node.
    pub concurrency: u32,
    /// Connections per worker.
    pub connections: u32,
    /// How long a client may take for a request's head, how long a body may stay below the
    /// slowest accepted rate, and how long an answer may wait for its reader.
    pub client_patience: Duration,
    /// How long a connection may be idle between two requests. Longer than common proxies keep
    /// theirs, so that it is not us who closes under a request.
    pub idle: Duration,
    /// How long requests under way may take when the server stops.
    pub drain: Duration,
    /// Requests per second of one app; absent: as many as there is room for.
    pub app_rate: Option<Rate>,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<Network>,
}

impl Default for IngressConfig {
    fn default() -> Self {
        Self {
            concurrency: 50_000,
            connections: 20_000,
            client_patience: Duration::from_secs(10),
            idle: Duration::from_secs(150),
            drain: Duration::from_secs(25),
            app_rate: None,
            trusted_proxies: vec![
                IpAddr::V4(Ipv4Addr::LOCALHOST).into(),
                IpAddr::V6(Ipv6Addr::LOCALHOST).into(),
            ],
        }
    }
}

/// Everything a worker needs to answer requests.
pub struct Ingress {
    pub(crate) config: IngressConfig,
    pub(crate) catalog: Arc<LiveCatalog>,
    pub(crate) executor: Arc<dyn Executor>,
    pub(crate) recorder: Arc<Recorder>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    pub(crate) tokens: TokenCheck,
    pub(crate) control: Option<ControlPlane>,
    pub(crate) clock: SharedClock,
    pub(crate) gate: Arc<Gate>,
}

impl std::fmt::Debug for Ingress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ingress")
    }
}

/// One request's facts, gathered once.
struct Facts {
    id: RequestId,
    started_at: Timestamp,
    ip: IpAddr,
    scheme: &'static str,
    host: Arc<str>,
}

/// The permits of one request, held until its answer has gone out.
#[derive(Debug)]
pub(crate) struct Admitted {
    _node: Permit,
    _app: Permit,
    _script: Permit,
}

impl Ingress {
    /// Answers one request.
    async fn handle(
        self: Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
    ) -> Response<Body> {
        let started_at = self.clock.now();
        let id = RequestId::new(started_at);
        let mut response = match self.answer(request, peer, id, started_at).await {
            Ok(response) => response,
            Err(error) => reply::problem(&error, id),
        };
        response
            .headers_mut()
            .insert("x-request-id", reply::id_value(&id));
        response
    }

    async fn answer(
        self: &Arc<Self>,
        request: Request<Incoming>,
        peer: SocketAddr,
        id: RequestId,
        started_at: Timestamp,
    ) -> Result<Response<Body>, Error> {
        let path = request.uri().path();
        if let Some(response) = self.health.answer(request.method(), path).await {
            return Ok(response);
        }
        if request
            .uri()
            .path_and_query()
            .is_some_and(|p| p.as_str().len() > URL_BYTES)
        {
            return Ok(reply::url_too_long(URL_BYTES, id));
        }
        let host = host_of(&request)?;
        let (ip, scheme) = self.client_of(request.headers(), peer.ip());
        let facts = Facts {
            id,
            started_at,
            ip,
            scheme,
            host,
        };
        let live = self.catalog.live();
        let (app, own) = match live.hosts.find(&facts.host) {
            HostMatch::Own(app) => (Some(Arc::clone(app)), true),
            HostMatch::Unclaimed(app) => (app.map(Arc::clone), false),
        };
        drop(live);
        if is_platform_path(path) {
            return match &self.control {
                Some(control) if !own => self.control(control, request, facts).await,
                _ => Err(platform_elsewhere()),
            };
        }
        let Some(app) = app else {
            return Err(Error::new(
                Kind::NotFound,
                "no_app",
                format!(
                    "no app answers on `{}`; deploy one with `pic deploy`",
                    facts.host
                ),
            ));
        };
        self.route(app, own, request, facts).await
    }

    async fn control(
        &self,
        control: &ControlPlane,
        request: Request<Incoming>,
        facts: Facts,
    ) -> Result<Response<Body>, Error> {
        let patience = self.config.client_patience;
        let request = request.map(|body| {
            let body = body_in::Paced::new(body, ADMIN_BODY_BYTES, patience);
            BoxBody::new(body.map_err(Into::into))
        });
        let peer = PeerInfo {
            ip: facts.ip,
            scheme: facts.scheme,
            host: facts.host,
            request: facts.id,
        };
        let answer = control.runtime.spawn((control.handler)(request, peer));
        match answer.await {
            Ok(response) => Ok(response.map(Body::from)),
            Err(error) => {
                tracing::error!(%error, request = %facts.id, "the control plane failed");
                Err(reply::internal())
            }
        }
    }

    async fn route(
        self: &Arc<Self>,
        app: Arc<LiveApp>,
        own: bool,
        request: Request<Incoming>,
        facts: Facts,
    ) -> Result<Response<Body>, Error> {
        let path = request.uri().path();
        let Some(method) = Method::of_http(request.method()) else {
            return Ok(reply::not_allowed(
                &app.routes.methods(path),
                request.method(),
                facts.id,
            ));
        };
        let (route, params, head) = match app.routes.find(method, path) {
            Match::Found {
                route,
                params,
                head,
            } => (route.clone(), params, head),
            Match::MethodNotAllowed(allow) if method == Method::Options => {
                let routes = &app.routes;
                return Ok(cors::preflight(routes, path, &allow, request.headers()));
            }
            Match::MethodNotAllowed(allow) => {
                return Ok(reply::not_allowed(&allow, request.method(), facts.id));
            }
            Match::NotFound => {
                let detail = format!(
                    "`{}` has no route for this path; `pic routes ls` lists them",
                    app.context.slug
                );
                return Err(Error::new(Kind::NotFound, "no_route", detail));
            }
        };
        let cors = route.cors.clone();
        let origin = match &cors {
            Some(_) => request.headers().get(header::ORIGIN).cloned(),
            None => None,
        };
        let id = facts.id;
        let answer = self.run(app, route, request, params, facts, own).await;
        let mut response = answer.unwrap_or_else(|error| reply::problem(&error, id));
        if let Some(cors) = cors {
            cors::apply(&cors, origin.as_ref(), response.headers_mut());
        }
        if head {
            reply::drop_body(&mut response);
        }
        Ok(response)
    }

    async fn run(
        self: &Arc<Self>,
        app: Arc<LiveApp>,
        route: LiveRoute,
        request: Request<Incoming>,
        params: Params,
        facts: Facts,
        own: bool,
    ) -> Result<Response<Body>, Error> {
        let admitted = self.admit(&app, &route, facts.started_at)?;
        if route.auth == RouteAuth::Token {
            let header = request.headers().get(header::AUTHORIZATION);
            self.tokens.check(app.context.id, header).await?;
        }
        let (parts, incoming) = request.into_parts();
        let body = body_in::collect(incoming, self.config.client_patience).await?;
        let target = (parts.method.clone(), parts.uri.clone());
        let execution = ExecutionId::new(facts.started_at);
        let invocation = Invocation {
            execution,
            request: facts.id,
            app: Arc::clone(&app.context),
            script: Arc::clone(&route.script.image),
            handler: route.handler.clone(),
            limits: route.script.limits,
            trigger: TriggerKind::Http,
            http: Some(Box::new(http_input(parts, params, body, &facts))),
        };
        let record = PendingRecord::new(record::Run {
            ingress: Arc::clone(self),
            app,
            script: route.script,
            execution,
            request: facts.id,
            target,
            started_at: facts.started_at,
        });
        let outcome = self.executor.execute(invocation).await;
        let mut response = reply::of_outcome(outcome, record, own);
        response.body_mut().admitted = Some(admitted);
        Ok(response)
    }

    fn admit(&self, app: &LiveApp, route: &LiveRoute, now: Timestamp) -> Result<Admitted, Error> {
        let refuse = |code, kind, detail: String| {
            self.metrics.refused.inc();
            Error::new(kind, code, detail)
        };
        let node = self.gate.enter().ok_or_else(|| {
            let detail = "the server is at its limit; try again".to_owned();
            refuse("overloaded", Kind::Unavailable, detail)
        })?;
        if self.over_share(app) {
            let detail = format!(
                "the server is busy and app `{}` has its share of it under way; try again",
                app.context.slug
            );
            return Err(refuse("app_busy", Kind::TooManyRequests, detail));
        }
        let app_permit = app.state.gate.enter().ok_or_else(|| {
            let detail = format!("app `{}` has too many requests under way", app.context.slug);
            refuse("app_busy", Kind::TooManyRequests, detail)
        })?;
        let script = route.script.gate.enter().ok_or_else(|| {
            let name = &route.script.image.name;
            let detail = format!("script `{name}` is at its limit of concurrent runs");
            refuse("script_busy", Kind::TooManyRequests, detail)
        })?;
        if let Some(rate) = self.config.app_rate
            && !app.state.bucket.take(rate, now)
        {
            let (slug, most) = (&app.context.slug, rate.per_second);
            let detail = format!("app `{slug}` gets more than {most} requests per second");
            return Err(refuse("app_rate", Kind::TooManyRequests, detail));
        }
        Ok(Admitted {
            _node: node,
            _app: app_permit,
            _script: script,
        })
    }

    /// When the node is nearly full, an app may not hold more than an equal part of it: one app's
    /// flood leaves room for the others.
    fn over_share(&self, app: &LiveApp) -> bool {
        if !self.gate.pressed() {
            return false;
        }
        let busy = self.catalog.live().busy_apps().max(1);
        app.state.gate.under_way() >= (self.gate.bound() / busy).max(1)
    }

    /// The client's address and scheme, as far as trusted proxies tell.
    fn client_of(&self, headers: &HeaderMap, peer: IpAddr) -> (IpAddr, &'static str) {
        let trusted = |ip: &IpAddr| self.config.trusted_proxies.iter().any(|n| n.contains(*ip));
        if !trusted(&peer) {
            return (peer, "http");
        }
        let https = headers
            .get("x-forwarded-proto")
            .is_some_and(|v| v.as_bytes() == b"https");
        let scheme = if https { "https" } else { "http" };
        let mut ip = peer;
        // From the right: the first address that is not a trusted proxy is the client.
        let values: Vec<&str> = headers
            .get_all("x-forwarded-for")
            .iter()
            .filter_map(|value| value.to_str().ok())
            .flat_map(|value| value.split(','))
            .collect();
        for value in values.iter().rev() {
            let Ok(next) = value.trim().parse() else {
                break;
            };
            ip = next;
            if !trusted(&ip) {
                break;
            }
        }
        (ip, scheme)
    }
}

fn is_platform_path(path: &str) -> bool {
    let after = |prefix: &str| path.strip_prefix(prefix);
    let whole = |rest: &str| rest.is_empty() || rest.starts_with('/');
    after("/api/v1").is_some_and(whole)
        || after("/admin").is_some_and(whole)
        || path.starts_with("/docs/errors/")
}

fn platform_elsewhere() -> Error {
    let detail = "this path belongs to the platform, which answers on its own host only";
    Error::new(Kind::NotFound, "not_on_this_host", detail)
}

/// The host of a request. Exactly one, well-formed; HTTP/2 sends it as `:authority`.
fn host_of<B>(request: &Request<B>) -> Result<Arc<str>, Error> {
    let bad = |detail: &'static str| Error::new(Kind::InvalidInput, "bad_host", detail);
    let mut values = request.headers().get_all(header::HOST).iter();
    let authority = request.uri().authority().map(http::uri::Authority::as_str);
    let host = match (values.next(), values.next(), authority) {
        (_, Some(_), _) => return Err(bad("the request has more than one Host header")),
        (_, None, Some(authority)) => authority,
        (Some(value), None, None) => value
            .to_str()
            .map_err(|_not_text| bad("the Host header is not a host name"))?,
        (None, None, None) => return Err(bad("the request has no Host header")),
    };
    normalize(host).ok_or_else(|| bad("the Host header is not a host name"))
}

fn http_input(
    parts: http::request::Parts,
    params: Params,
    body: Bytes,
    facts: &Facts,
) -> HttpInput {
    HttpInput {
        method: parts.method,
        uri: parts.uri,
        scheme: facts.scheme,
        host: Arc::clone(&facts.host),
        headers: parts.headers,
        params,
        ip: facts.ip,
        body,
    }
}
