//! A server in this process, and a client that sees every byte.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use orchestrator_core::{
    CatalogHandle, ControlPlane, Ingress, IngressConfig, Orchestrator, OrchestratorConfig, bind,
    serve,
};
use sha2::{Digest as _, Sha256};
use shared::clock::{SystemClock, Timestamp};
use shared::id::{AppId, ContentHash, TokenId, UserId};
use shared::origin::OwnHosts;
use shared::release::Snapshot;
use shared::seam::{Catalog as _, Raised};
use store::apps::{self, AppRow};
use store::people::{self, TokenRow, UserRow};
use store::releases::{self, ContentKind, ReleaseRow};
use store::{Store, StoreConfig, StoreError};
use tokio::runtime::Runtime;
use tokio::sync::watch;

use crate::executor::Fake;

pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) orchestrator: Orchestrator,
    pub(crate) store: Store,
    pub(crate) fake: Fake,
    pub(crate) runtime: Runtime,
    pub(crate) stop: watch::Sender<bool>,
    /// Where the control plane answers, if there is one.
    pub(crate) admin: Option<SocketAddr>,
    worker: Option<std::thread::JoinHandle<()>>,
    admin_listener: Option<std::thread::JoinHandle<()>>,
    _directory: tempfile::TempDir,
}

/// How a test wants its server.
pub(crate) struct Setup {
    pub(crate) ingress: IngressConfig,
    pub(crate) app_concurrency: u32,
    pub(crate) own_hosts: OwnHosts,
    pub(crate) warm_first: Duration,
    pub(crate) control: Option<orchestrator_core::ControlHandler>,
}

impl Default for Setup {
    fn default() -> Self {
        Self {
            ingress: IngressConfig::default(),
            app_concurrency: 1_000,
            own_hosts: OwnHosts::default(),
            // All of it: what compiles slowly is served when the test lets it be compiled.
            warm_first: Duration::MAX,
            control: None,
        }
    }
}

static CLOCK: AtomicI64 = AtomicI64::new(1);

fn tick() -> Timestamp {
    Timestamp(CLOCK.fetch_add(1, Ordering::Relaxed))
}

impl Server {
    pub(crate) fn start() -> Self {
        Self::with(Setup::default())
    }

    pub(crate) fn with(setup: Setup) -> Self {
        let directory = tempfile::tempdir().unwrap();
        let store = Store::open(&StoreConfig::sqlite(directory.path())).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(1)
            .enable_all()
            .build()
            .unwrap();
        let fake = Fake::default();
        let config = OrchestratorConfig {
            ingress: setup.ingress,
            ceiling: test_support::default_ceiling(),
            app_concurrency: setup.app_concurrency,
            own_hosts: Arc::new(setup.own_hosts),
            warm_first: setup.warm_first,
            version: "1.2.3".to_owned(),
        };
        let executor = Arc::new(fake.clone());
        let orchestrator =
            Orchestrator::new(config, store.clone(), executor, Arc::new(SystemClock));
        let control = setup.control.map(|handler| ControlPlane {
            handler,
            runtime: runtime.handle().clone(),
        });
        let (stop, stopped) = watch::channel(false);
        let admin = control.clone().map(|control| {
            let ingress = orchestrator.admin_ingress(control);
            listen(ingress, stopped.clone())
        });
        let (admin, admin_listener) = admin.unzip();
        let (address, worker) = listen(orchestrator.ingress(control), stopped);
        Self {
            address,
            orchestrator,
            store,
            fake,
            runtime,
            stop,
            admin,
            worker: Some(worker),
            admin_listener,
            _directory: directory,
        }
    }

    /// Makes an app.
    pub(crate) fn app(&self, slug: &str, is_default: bool) -> AppId {
        let now = tick();
        let row = AppRow {
            id: AppId::new(now),
            slug: slug.parse().unwrap(),
            description: String::new(),
            is_default,
            limits: shared::limits::LimitSettings::default(),
            active_release: None,
            created_at: now,
            updated_at: now,
        };
        let id = row.id;
        self.change(move |change| apps::insert(change, &row));
        id
    }

    pub(crate) fn write<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut dyn store::Conn) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        self.runtime.block_on(self.store.write(work)).unwrap()
    }

    /// Changes what is served, without serving it.
    pub(crate) fn change<T: Send + 'static>(
        &self,
        work: impl FnOnce(&mut store::Change<'_>) -> Result<T, StoreError> + Send + 'static,
    ) -> T {
        let change = self.store.change(work);
        self.runtime.block_on(change).unwrap().0
    }

    /// Stores a release without serving it: scripts by name and source, routes as JSON.
    pub(crate) fn store_release(
        &self,
        app: AppId,
        scripts: &[(&str, &str)],
        routes: &serde_json::Value,
    ) {
        let now = tick();
        let mut specs = serde_json::Map::new();
        for (name, source) in scripts {
            let hash = ContentHash::of(source.as_bytes());
            let (name, source) = ((*name).to_owned(), (*source).to_owned());
            let title = name.clone();
            let version = self.write(move |conn| {
                releases::put_content(conn, app, hash, &source, now)?;
                releases::version_of(conn, app, ContentKind::Script, &name, hash, "t", now)
            });
            let spec = serde_json::json!({"hash": hash, "version": version});
            specs.insert(title, spec);
        }
        let snapshot = serde_json::json!({"scripts": specs, "modules": {}, "routes": routes});
        let snapshot: Snapshot = serde_json::from_value(snapshot).unwrap();
        self.change(move |change| {
            let base = apps::get(change.conn(), app)?.and_then(|app| app.active_release);
            let new = ReleaseRow {
                number: 0,
                snapshot,
                message: String::new(),
                author: "t".to_owned(),
                source: "test".to_owned(),
                created_at: now,
            };
            assert!(releases::activate_new(change, app, base, &new)?.is_some());
            Ok(())
        });
    }

    pub(crate) fn refresh(&self, app: AppId) -> Result<(), shared::error::Error> {
        let raised = Raised {
            app,
            number: self.number(app),
        };
        let catalog = CatalogHandle(self.orchestrator.catalog());
        self.runtime.block_on(catalog.caught_up(raised))
    }

    /// The deployment number of an app; when it is gone, one behind all it had.
    pub(crate) fn number(&self, app: AppId) -> i64 {
        let number = self.write(move |conn| store::deployment::number(conn, app));
        number.unwrap_or(i64::MAX)
    }

    /// Stores a release and serves it.
    pub(crate) fn deploy(&self, app: AppId, scripts: &[(&str, &str)], routes: &serde_json::Value) {
        self.store_release(app, scripts, routes);
        self.refresh(app).unwrap();
    }

    /// An app `shop` that answers `GET /` by one script.
    pub(crate) fn shop(&self, source: &str) -> AppId {
        let app = self.app("shop", false);
        self.deploy(app, &[("main", source)], &all_to_main());
        app
    }

    /// A token's secret.
    pub(crate) fn token(
        &self,
        app: Option<AppId>,
        scopes: &str,
        ends: Option<Timestamp>,
    ) -> String {
        let now = tick();
        let secret = format!("pic_test_{}", now.as_micros());
        let hash: [u8; 32] = Sha256::digest(secret.as_bytes()).into();
        let user = UserRow {
            id: UserId::new(now),
            email: format!("{secret}@example.com"),
            password_hash: String::new(),
            role: "owner".to_owned(),
            created_at: now,
        };
        let token = TokenRow {
            id: TokenId::new(now),
            user: user.id,
            app,
            name: "t".to_owned(),
            scopes: scopes.to_owned(),
            created_at: now,
            expires_at: ends,
            last_used_at: None,
        };
        self.write(move |conn| {
            people::insert_user(conn, &user)?;
            people::insert_token(conn, &hash, &token)
        });
        secret
    }

    pub(crate) fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        // Only so that a defect fails the test instead of hanging it.
        stream
            .set_read_timeout(Some(Duration::from_secs(20)))
            .unwrap();
        stream
    }

    /// Sends bytes and reads what comes until the server closes.
    pub(crate) fn raw(&self, bytes: &[u8]) -> Vec<u8> {
        let mut stream = self.connect();
        // The server may answer and close before it has read everything.
        drop(stream.write_all(bytes));
        let mut answer = Vec::new();
        if let Err(error) = stream.read_to_end(&mut answer) {
            assert_ne!(error.kind(), ErrorKind::WouldBlock, "it does not close");
        }
        answer
    }

    /// `GET` on the admin listener.
    pub(crate) fn admin_get(&self, host: &str, path: &str, headers: &str) -> Answer {
        let mut stream = TcpStream::connect(self.admin.unwrap()).unwrap();
        let request =
            format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n");
        stream.write_all(request.as_bytes()).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        Answer::parse(&answer)
    }

    /// One request on its own connection.
    pub(crate) fn send(&self, method: &str, host: &str, path: &str, headers: &str) -> Answer {
        let request = format!(
            "{method} {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n{headers}\r\n"
        );
        Answer::parse(&self.raw(request.as_bytes()))
    }

    /// `GET` on the app `shop`.
    pub(crate) fn get(&self, path: &str) -> Answer {
        self.send("GET", "shop.localhost", path, "")
    }

    /// Waits until the fake executor has begun one more waiting run.
    pub(crate) fn started(&self) {
        let permit = self.runtime.block_on(self.fake.started.acquire());
        permit.unwrap().forget();
    }

    /// Waits for the worker to end.
    pub(crate) fn join(&mut self) {
        self.worker.take().unwrap().join().unwrap();
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.send_replace(true);
        self.fake.release.add_permits(1_000);
        for thread in [self.worker.take(), self.admin_listener.take()] {
            let panicked = thread.is_some_and(|thread| thread.join().is_err());
            assert!(!panicked || std::thread::panicking(), "a listener panicked");
        }
        self.store.close();
    }
}

/// Serves on a free port, on a thread of its own.
fn listen(
    ingress: Arc<Ingress>,
    stopped: watch::Receiver<bool>,
) -> (SocketAddr, std::thread::JoinHandle<()>) {
    let any = SocketAddr::from(([127, 0, 0, 1], 0));
    let listener = bind(any, 1).unwrap().remove(0);
    let address = listener.local_addr().unwrap();
    let thread = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap();
        let local = tokio::task::LocalSet::new();
        local
            .block_on(&runtime, serve(listener, ingress, stopped))
            .unwrap();
    });
    (address, thread)
}

/// One route, `/` and everything below, answered by `main`.
pub(crate) fn all_to_main() -> serde_json::Value {
    serde_json::json!([{"path": "/*rest", "script": "main"}])
}

/// An answer, parsed no more than needed.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn parse(bytes: &[u8]) -> Self {
        let text = String::from_utf8_lossy(bytes).into_owned();
        let (head, body) = text.split_once("\r\n\r\n").unwrap_or((&text, ""));
        let status = head.split(' ').nth(1).and_then(|s| s.parse().ok());
        Self {
            status: status.unwrap_or_else(|| panic!("no answer: {text:?}")),
            head: head.to_ascii_lowercase(),
            body: body.to_owned(),
        }
    }

    /// The first value of a header; names in lower case.
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        let start = format!("{name}: ");
        self.head
            .lines()
            .find_map(|line| line.strip_prefix(&*start))
    }

    /// All values of a header.
    pub(crate) fn headers(&self, name: &str) -> Vec<&str> {
        let start = format!("{name}: ");
        let lines = self.head.lines();
        lines
            .filter_map(|line| line.strip_prefix(&*start))
            .collect()
    }

    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.body).unwrap_or_else(|e| panic!("{e}: {self:?}"))
    }

    /// The code of a problem.
    pub(crate) fn code(&self) -> String {
        assert_eq!(
            self.header("content-type"),
            Some("application/problem+json"),
            "{self:?}"
        );
        let json = self.json();
        assert_eq!(json["status"], self.status, "{self:?}");
        assert_eq!(json["request_id"].as_str(), self.header("x-request-id"));
        json["code"].as_str().unwrap().to_owned()
    }
}
