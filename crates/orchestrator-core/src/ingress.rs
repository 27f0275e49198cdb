//! From a request to its answer: host, route, admission, script, record.

mod body_in;
mod connection;
mod cors;
mod reply;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderMap, Method as HttpMethod, Request, Response, StatusCode, header};
use hyper::body::Incoming;
use shared::clock::{SharedClock, Timestamp};
use shared::error::{Error, Kind};
use shared::id::{ExecutionId, RequestId};
use shared::invocation::{HttpInput, Invocation, Outcome, TriggerKind};
use shared::record::ExecutionRecord;
use shared::release::RouteAuth;
use shared::routing::{Match, Method, Params};
use shared::seam::Executor;

pub use connection::{Shutdown, bind, serve};

use crate::admission::Permit;
use crate::body::{Body, BoxBody};
use crate::catalog::{LiveApp, LiveCatalog, LiveRoute};
use crate::health::Health;
use crate::hosts::{HostMatch, normalize};
use crate::metrics::Metrics;
use crate::recorder::Recorder;
use crate::tokens::TokenCheck;

/// Longest path and query.
const URL_BYTES: usize = 8 << 10;

/// Answers the platform's own paths (`/api/…`, `/admin…`) on hosts that are not an app's own.
///
/// It must do its work on another runtime: workers only pass the request on.
pub type ControlPlane = Arc<
    dyn Fn(Request<BoxBody>, IpAddr) -> shared::seam::BoxFuture<Response<BoxBody>> + Send + Sync,
>;

/// Bounds of the ingress.
#[derive(Clone, Debug)]
pub struct IngressConfig {
    /// Requests under way on this node.
    pub concurrency: u32,
    /// Connections per worker.
    pub connections: u32,
    /// How long a client may take for a request's head, and for each piece of its body.
    pub client_patience: std::time::Duration,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<IpAddr>,
}

impl Default for IngressConfig {
    fn default() -> Self {
        Self {
            concurrency: 50_000,
            connections: 20_000,
            client_patience: std::time::Duration::from_secs(15),
            trusted_proxies: vec![
                IpAddr::V4(std::net::Ipv4Addr::LOCALHOST),
                IpAddr::V6(std::net::Ipv6Addr::LOCALHOST),
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
    pub(crate) gate: Arc<crate::admission::Gate>,
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
    host: String,
}

/// The permits of one request, held until its answer has gone out.
struct Admitted {
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
            return Ok(reply::status_only(StatusCode::URI_TOO_LONG));
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
        if !own
            && is_platform_path(path)
            && let Some(control) = &self.control
        {
            let request = request.map(|body| BoxBody::new(reply::boxed_errors(body)));
            return Ok(control(request, facts.ip).await.map(Body::Boxed));
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
        let origin = request.headers().get(header::ORIGIN).cloned();
        let cors = route.cors.clone();
        let answer = self.run(app, route, request, params, facts, own).await;
        let mut response = match answer {
            Ok(response) => response,
            Err((error, id)) => reply::problem(&error, id),
        };
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
    ) -> Result<Response<Body>, (Error, RequestId)> {
        let id = facts.id;
        let admitted = self.admit(&app, &route).map_err(|e| (e, id))?;
        if route.auth == RouteAuth::Token {
            let header = request.headers().get(header::AUTHORIZATION);
            self.tokens
                .check(app.context.id, header)
                .await
                .map_err(|e| (e, id))?;
        }
        let (parts, incoming) = request.into_parts();
        let body = body_in::collect(incoming, self.config.client_patience)
            .await
            .map_err(|e| (e, id))?;
        let target = (parts.method.clone(), parts.uri.path().to_owned());
        let execution = ExecutionId::new(facts.started_at);
        let invocation = Invocation {
            execution,
            request: id,
            app: Arc::clone(&app.context),
            script: Arc::clone(&route.script.image),
            handler: route.handler.clone(),
            limits: route.script.limits,
            trigger: TriggerKind::Http,
            http: Some(Box::new(http_input(parts, params, body, &facts))),
        };
        let record = PendingRecord {
            ingress: Arc::clone(self),
            app,
            route,
            execution,
            request: id,
            target,
            started_at: facts.started_at,
            admitted,
        };
        let outcome = self.executor.execute(invocation).await;
        Ok(reply::of_outcome(outcome, record, own))
    }

    fn admit(&self, app: &LiveApp, route: &LiveRoute) -> Result<Admitted, Error> {
        let refuse = |code, kind, detail: String| {
            self.metrics.refused.inc();
            Error::new(kind, code, detail)
        };
        let node = self.gate.enter().ok_or_else(|| {
            refuse(
                "overloaded",
                Kind::Unavailable,
                "the server is at its limit; try again".into(),
            )
        })?;
        let app_permit = app.gate.enter().ok_or_else(|| {
            let detail = format!("app `{}` has too many requests under way", app.context.slug);
            refuse("app_busy", Kind::TooManyRequests, detail)
        })?;
        let script = route.script.gate.enter().ok_or_else(|| {
            let name = &route.script.image.name;
            let detail = format!("script `{name}` is at its limit of concurrent runs");
            refuse("script_busy", Kind::TooManyRequests, detail)
        })?;
        Ok(Admitted {
            _node: node,
            _app: app_permit,
            _script: script,
        })
    }

    /// The client's address and scheme, as far as trusted proxies tell.
    fn client_of(&self, headers: &HeaderMap, peer: IpAddr) -> (IpAddr, &'static str) {
        let trusted = |ip: &IpAddr| self.config.trusted_proxies.contains(&ip.to_canonical());
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

/// The host of a request. Exactly one, well-formed; HTTP/2 sends it as `:authority`.
fn host_of<B>(request: &Request<B>) -> Result<String, Error> {
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
        host: facts.host.as_str().into(),
        headers: parts.headers,
        params,
        ip: facts.ip,
        body,
    }
}

/// What is needed to record a run once it has ended. Dropped early, it records a run nobody
/// waited for.
pub(crate) struct PendingRecord {
    ingress: Arc<Ingress>,
    app: Arc<LiveApp>,
    route: LiveRoute,
    execution: ExecutionId,
    request: RequestId,
    target: (HttpMethod, String),
    started_at: Timestamp,
    admitted: Admitted,
}

impl PendingRecord {
    pub(crate) fn observe(&self, status: u16) {
        let elapsed = self.ingress.clock.now().since(self.started_at);
        self.route
            .script
            .metrics
            .observe(status, elapsed.as_secs_f64());
    }

    pub(crate) fn finish(self, status: u16, completion: shared::invocation::Completion) {
        use shared::seam::ExecutionLog as _;
        let Self {
            ingress,
            app,
            route,
            execution,
            request,
            target,
            started_at,
            admitted,
        } = self;
        drop(admitted);
        ingress.recorder.record(ExecutionRecord {
            id: execution,
            request,
            app: Arc::clone(&app.context),
            script: Arc::clone(&route.script.image),
            release: app.release,
            trigger: TriggerKind::Http,
            target: Some(target),
            status,
            started_at,
            completion,
        });
    }

    pub(crate) fn request(&self) -> RequestId {
        self.request
    }
}

/// A run whose client went away.
pub(crate) fn abandoned() -> shared::invocation::Completion {
    Outcome::cancelled().completion
}
