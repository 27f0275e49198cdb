//! An instance for one test, and how to talk to it.

use std::net::IpAddr;
use std::sync::{Arc, Mutex};

use axum::Router;
use axum::body::Body;
use http::{HeaderMap, Method, Request, StatusCode};
use http_body_util::BodyExt as _;
use manager_core::{AttemptEvent, Manager, ManagerConfig, Parts, PeerInfo, TailEvent};
use serde_json::{Value, json};
use shared::clock::Timestamp;
use shared::error::{Problem, code};
use shared::origin::OwnHosts;
use store::{Store, StoreConfig, StoreError, executions};
use tempfile::TempDir;
use test_support::ManualClock;
use tower::ServiceExt as _;

use crate::fakes::{Arc2, FakeCatalog, FakeRunner, FakeValidator, attempts_tail, tail};

pub(crate) const EMAIL: &str = "ada@example.com";
/// The control plane's origin.
pub(crate) const ADMIN: &str = "http://localhost:8081";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// An instance.
pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) store: Store,
    pub(crate) manager: Arc<Manager>,
    pub(crate) catalog: Arc<FakeCatalog>,
    pub(crate) runner: Arc<FakeRunner>,
    pub(crate) tail: Arc<Mutex<Vec<TailEvent>>>,
    pub(crate) attempts: Arc<Mutex<Vec<AttemptEvent>>>,
    /// Whether web servers answer with the proofs of domains.
    pub(crate) proves: Arc<Mutex<bool>>,
    /// `Bearer …` of the local credential.
    pub(crate) local: String,
    router: Router,
    _dir: TempDir,
}

/// As if `admin_url` and `public_url` were set.
fn own_hosts() -> OwnHosts {
    let (admin, public) = ("https://admin.example.net", "https://cloud.example.net");
    let machine = ["machine.local", "dash.localhost"].map(str::to_owned);
    OwnHosts::new(
        Some(&admin.parse().unwrap()),
        Some(&public.parse().unwrap()),
        machine,
    )
}

/// Whether a problem answers a request that came by TLS.
fn https(problem: &Problem) -> bool {
    problem.type_.starts_with("https://localhost/docs/errors/")
}

/// An answer.
#[derive(Debug)]
pub(crate) struct Reply {
    pub(crate) status: StatusCode,
    pub(crate) headers: HeaderMap,
    pub(crate) body: Vec<u8>,
}

impl Reply {
    pub(crate) fn json(&self) -> Value {
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|e| panic!("{e}: {}", String::from_utf8_lossy(&self.body)))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers
            .get(name)
            .map_or("", |value| value.to_str().unwrap())
    }

    /// The code of a problem, or an empty text.
    pub(crate) fn code(&self) -> String {
        self.json()["code"].as_str().unwrap_or_default().to_owned()
    }

    #[track_caller]
    pub(crate) fn expect(self, status: u16) -> Self {
        let body = String::from_utf8_lossy(&self.body);
        assert_eq!(self.status.as_u16(), status, "{body}");
        self
    }

    #[track_caller]
    pub(crate) fn problem(self, status: u16, code: &str) -> Self {
        let reply = self.expect(status);
        assert_eq!(reply.code(), code, "{}", reply.json());
        reply
    }
}

/// What a request is made of.
#[derive(Clone, Debug)]
pub(crate) struct Ask {
    method: Method,
    path: String,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    address: IpAddr,
    https: bool,
}

impl Ask {
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self {
            method: method.parse().unwrap(),
            path: format!("/api/v1{path}"),
            headers: Vec::new(),
            body: Vec::new(),
            address: IpAddr::from([192, 0, 2, 1]),
            https: false,
        }
    }

    pub(crate) fn raw_path(mut self, path: &str) -> Self {
        path.clone_into(&mut self.path);
        self
    }

    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    pub(crate) fn auth(self, authorization: &str) -> Self {
        if authorization.is_empty() {
            return self;
        }
        self.header("authorization", authorization)
    }

    pub(crate) fn json(self, body: &Value) -> Self {
        self.bytes("application/json", serde_json::to_vec(body).unwrap())
    }

    pub(crate) fn bytes(mut self, kind: &str, body: impl Into<Vec<u8>>) -> Self {
        self.body = body.into();
        self.header("content-type", kind)
    }

    pub(crate) fn with_address(mut self, address: [u8; 4]) -> Self {
        self.address = IpAddr::from(address);
        self
    }

    pub(crate) fn https(mut self) -> Self {
        self.https = true;
        self
    }

    fn build(self) -> Option<Request<Body>> {
        let mut request = Request::builder().method(self.method).uri(self.path);
        for (name, value) in self.headers {
            request = request.header(name, value);
        }
        let mut request = request.body(Body::from(self.body)).ok()?;
        let origin = if self.https {
            "https://localhost"
        } else {
            ADMIN
        };
        request.extensions_mut().insert(PeerInfo {
            address: self.address,
            origin: origin.parse().unwrap(),
        });
        Some(request)
    }
}

impl World {
    pub(crate) async fn new() -> Self {
        let dir = TempDir::new().unwrap();
        let store = Store::open(&StoreConfig::sqlite(dir.path())).unwrap();
        let clock = Arc::new(ManualClock::new(Timestamp(1_800_000_000_000_000)));
        let catalog = Arc::new(FakeCatalog {
            store: store.clone(),
            live: Mutex::default(),
            broken: Mutex::default(),
        });
        let runner = Arc::new(FakeRunner {
            catalog: Arc::clone(&catalog),
            clock: clock.clone(),
            log: Mutex::default(),
        });
        let events = Arc::<Mutex<Vec<TailEvent>>>::default();
        let attempts = Arc::<Mutex<Vec<AttemptEvent>>>::default();
        let proves = Arc::<Mutex<bool>>::default();
        let answers = Arc::clone(&proves);
        let parts = Parts {
            store: store.clone(),
            catalog: Arc::new(Arc2(Arc::clone(&catalog))),
            runner: Arc::new(Arc2(Arc::clone(&runner))),
            validator: Arc::new(FakeValidator),
            tail: tail(Arc::clone(&events)),
            attempts: attempts_tail(Arc::clone(&attempts)),
            prove: Arc::new(move |_, _| {
                let proves = *answers.lock().unwrap();
                proves
                    .then_some(())
                    .ok_or_else(|| "nothing is there".to_owned())
            }),
        };
        let config = ManagerConfig {
            public_url: "http://localhost:8080".parse().unwrap(),
            admin_url: ADMIN.parse().unwrap(),
            own_hosts: Arc::new(own_hosts()),
            ceiling: test_support::default_ceiling(),
            version: "0.0.0-test".to_owned(),
            clock: clock.clone(),
        };
        let manager = Manager::new(config, parts).await.unwrap();
        Self {
            proves,
            local: format!("Bearer {}", manager.issue_local_token().expose()),
            router: manager_core::router(&manager),
            clock,
            store,
            manager,
            catalog,
            runner,
            tail: events,
            attempts,
            _dir: dir,
        }
    }

    /// An instance with an app `shop`.
    pub(crate) async fn with_app() -> Self {
        let world = Self::new().await;
        world
            .post("/apps", &json!({"name": "shop"}))
            .await
            .expect(201);
        world
    }

    /// An instance with an owner.
    pub(crate) async fn with_owner() -> Self {
        let world = Self::with_app().await;
        world.set_up().await.expect(201);
        world
    }

    /// Makes the owner account.
    pub(crate) async fn set_up(&self) -> Reply {
        let token = self.manager.setup_token().unwrap();
        let body = json!({"token": token.expose(), "email": EMAIL, "password": PASSWORD});
        self.send(Ask::new("POST", "/setup").json(&body)).await
    }

    /// Makes a token and returns its `Bearer …`.
    pub(crate) async fn token(&self, scopes: &[&str], app: Option<&str>) -> String {
        let body = json!({"name": "t", "scopes": scopes, "app": app, "expires_in_days": 1});
        let made = self.post("/tokens", &body).await.expect(201).json();
        format!("Bearer {}", made["secret"].as_str().unwrap())
    }

    /// Sends a request and checks what holds for every answer.
    pub(crate) async fn send(&self, ask: Ask) -> Reply {
        let request = ask.build().expect("a request that can be sent");
        let (head, path) = (request.method() == Method::HEAD, request.uri().to_string());
        let response = self.router.clone().oneshot(request).await.unwrap();
        let (parts, body) = response.into_parts();
        let body = body.collect().await.unwrap().to_bytes().to_vec();
        let reply = Reply {
            status: parts.status,
            headers: parts.headers,
            body,
        };
        assert!(reply.header("x-request-id").starts_with("req_"), "{path}");
        assert_eq!(reply.header("x-content-type-options"), "nosniff");
        for name in ["cross-origin-resource-policy", "cross-origin-opener-policy"] {
            assert_eq!(reply.header(name), "same-origin", "{path}");
        }
        assert_eq!(reply.header("x-frame-options"), "DENY", "{path}");
        let policy = reply.header("content-security-policy");
        assert!(!policy.is_empty(), "{path}");
        if reply.status.as_u16() >= 400 && !head && policy != "sandbox" {
            assert_eq!(
                reply.header("content-type"),
                "application/problem+json",
                "{path}"
            );
            let problem: Problem = serde_json::from_slice(&reply.body).unwrap();
            assert!(
                code::ALL.contains(&problem.code.as_str()),
                "{}",
                problem.code
            );
            assert_eq!(problem.status, reply.status.as_u16());
            if problem.code != code::THROWN {
                assert!(
                    problem.type_.starts_with(ADMIN) || https(&problem),
                    "{path}"
                );
                assert_eq!(
                    problem.request_id.as_deref(),
                    Some(reply.header("x-request-id"))
                );
            }
        }
        reply
    }

    /// Whether a request can be put on the wire at all.
    pub(crate) fn sendable(ask: &Ask) -> bool {
        ask.clone().build().is_some()
    }

    pub(crate) async fn get(&self, path: &str) -> Reply {
        self.send(Ask::new("GET", path).auth(&self.local)).await
    }

    pub(crate) async fn post(&self, path: &str, body: &Value) -> Reply {
        self.send(Ask::new("POST", path).auth(&self.local).json(body))
            .await
    }

    pub(crate) async fn delete(&self, path: &str) -> Reply {
        self.send(Ask::new("DELETE", path).auth(&self.local)).await
    }

    /// Deploys scripts given as (name, source) to `shop`.
    pub(crate) async fn deploy(&self, scripts: &[(&str, &str)]) -> Reply {
        let scripts: serde_json::Map<String, Value> = scripts
            .iter()
            .map(|(name, source)| ((*name).to_owned(), json!({"source": source})))
            .collect();
        self.post("/apps/shop/releases", &json!({"scripts": scripts}))
            .await
    }

    /// The active release of `shop`, as stored and as served.
    pub(crate) async fn active(&self) -> Option<i64> {
        let app = self.get("/apps/shop").await.expect(200).json();
        let id = app["id"].as_str().unwrap().parse().unwrap();
        let stored = app["active_release"].as_i64();
        let live = self
            .catalog
            .live
            .lock()
            .unwrap()
            .get(&id)
            .map(|live| live.release);
        assert_eq!(
            live,
            Some(stored.unwrap_or(0)),
            "what is stored is what is live"
        );
        stored
    }

    /// Stores the records of runs so far, as the orchestrator would.
    pub(crate) async fn flush(&self) {
        let records = std::mem::take(&mut *self.runner.log.lock().unwrap());
        let stored = self
            .store
            .write::<_, StoreError>(move |conn| executions::insert(conn, &records, true));
        stored.await.unwrap();
    }
}
