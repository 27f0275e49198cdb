//! The control plane's state and its door.

use std::fmt;
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex, PoisonError};

use shared::clock::{SharedClock, Timestamp};
use shared::error::{Error, Kind, code};
use shared::id::AppId;
use shared::limits::Limits;
use shared::name::DomainName;
use shared::origin::{DomainProof, Origin, OwnHosts};
use shared::record::AttemptRecord;
use shared::seam::{Catalog, Raised, Runner, ScriptValidator};
use store::executions::LogRow;
use store::people::SecretHash;
use store::{Change, Store, StoreError, deployment, people};
use tokio::sync::Semaphore;
use tokio_stream::Stream;

use crate::error::{ApiError, ApiResult};
use crate::once::Once;
use crate::password::Passwords;
use crate::secret::{self, Secret, SecretKind};
use crate::throttle::Throttle;

/// Proofs of domains looked for at the same time: each waits for somebody else's server.
const PROOFS: usize = 1;

/// What comes down a live tail of an app's log.
#[derive(Clone, Debug)]
pub enum TailEvent {
    /// A line.
    Line(Arc<LogRow>),
    /// So many of the lines that are wanted came faster than they were read.
    Missed(u64),
}

/// A live tail. Dropping it ends it.
pub type TailStream = Pin<Box<dyn Stream<Item = TailEvent> + Send>>;

/// What comes down a live tail of an app's events.
#[derive(Clone, Debug)]
pub enum AttemptEvent {
    /// An attempt has ended.
    Ended(Arc<AttemptRecord>),
    /// So many that are wanted came faster than they were read.
    Missed(u64),
}

/// A live tail of events. Dropping it ends it.
pub type AttemptStream = Pin<Box<dyn Stream<Item = AttemptEvent> + Send>>;

/// What the reader of a tail wants to see.
pub type Wanted<T> = Box<dyn Fn(&T) -> bool + Send + Sync>;

/// Opens a live tail of one app's events.
pub type Attempts = Arc<dyn Fn(AppId, Wanted<AttemptRecord>) -> AttemptStream + Send + Sync>;

/// Opens a live tail of one app's log.
pub type Tail = Arc<dyn Fn(AppId, Wanted<LogRow>) -> TailStream + Send + Sync>;

/// Asks a domain's web server for a proof; the error says what it did instead. May block.
pub type Prove = Arc<dyn Fn(&DomainName, &DomainProof) -> Result<(), String> + Send + Sync>;

/// Where a request comes from, as far as trusted proxies tell. Ingress puts it into the
/// request's extensions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PeerInfo {
    /// The client's address.
    pub address: IpAddr,
    /// The origin the client asked, as its browser sees it.
    pub origin: Origin,
}

/// How to set the control plane up.
#[derive(Clone, Debug)]
pub struct ManagerConfig {
    /// Where people reach the apps, like `http://localhost:8080`.
    pub public_url: Origin,
    /// Where people reach the control plane, like `http://localhost:8081`.
    pub admin_url: Origin,
    /// Hosts that no app may claim.
    pub own_hosts: Arc<OwnHosts>,
    /// The highest limits a script can ask for.
    pub ceiling: Limits,
    /// The program's version.
    pub version: String,
    /// The time.
    pub clock: SharedClock,
}

/// What the control plane works with.
#[derive(Clone)]
pub struct Parts {
    /// The database.
    pub store: Store,
    /// Told when what is deployed has changed.
    pub catalog: Arc<dyn Catalog>,
    /// Runs drafts and direct calls.
    pub runner: Arc<dyn Runner>,
    /// Checks uploads.
    pub validator: Arc<dyn ScriptValidator>,
    /// Opens live tails.
    pub tail: Tail,
    /// Opens live tails of events.
    pub attempts: Attempts,
    /// Looks for the proofs of domains.
    pub prove: Prove,
}

impl fmt::Debug for Parts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Parts")
            .field("store", &self.store)
            .finish_non_exhaustive()
    }
}

/// The control plane.
#[derive(Debug)]
pub struct Manager {
    config: ManagerConfig,
    parts: Parts,
    passwords: Passwords,
    throttle: Throttle,
    started_at: Timestamp,
    /// In memory only: a new start prints a new one.
    setup: Mutex<Option<Secret>>,
    local: Mutex<Option<SecretHash>>,
    proofs: Semaphore,
    once: Once,
}

impl Manager {
    /// Sets the control plane up. Fails when the database is away.
    pub async fn new(config: ManagerConfig, parts: Parts) -> Result<Arc<Self>, Error> {
        let owned = parts.store.read::<_, StoreError>(people::any_user).await;
        let owned = owned.map_err(|error| ApiError::from(error).error)?;
        let setup = (!owned).then(|| Secret::generate(SecretKind::Setup));
        Ok(Arc::new(Self {
            parts,
            passwords: Passwords::default(),
            throttle: Throttle::new(Arc::clone(&config.clock)),
            started_at: config.clock.now(),
            setup: Mutex::new(setup),
            local: Mutex::default(),
            proofs: Semaphore::new(PROOFS),
            once: Once::default(),
            config,
        }))
    }

    /// The one-time token that makes the owner account; `None` once there is an owner.
    pub fn setup_token(&self) -> Option<Secret> {
        self.setup_slot().clone()
    }

    /// A new credential for the machine's own user, who may do everything. It replaces the one
    /// before and ends with the process. The caller keeps it where only that user can read it.
    pub fn issue_local_token(&self) -> Secret {
        let secret = Secret::generate(SecretKind::Local);
        let mut local = self.local.lock().unwrap_or_else(PoisonError::into_inner);
        *local = Some(secret.hash());
        secret
    }

    /// Whether a domain's web server answers with the proof.
    pub(crate) async fn prove(
        &self,
        domain: &DomainName,
        proof: &DomainProof,
    ) -> ApiResult<Result<(), String>> {
        let Ok(_turn) = self.proofs.try_acquire() else {
            let detail = "the proof of another domain is looked for; try again in some seconds";
            return Err(ApiError::new(Kind::TooManyRequests, code::BUSY, detail));
        };
        let prove = Arc::clone(&self.parts.prove);
        let (domain, proof) = (domain.clone(), proof.clone());
        let looked = tokio::task::spawn_blocking(move || prove(&domain, &proof)).await;
        looked.map_err(|error| {
            tracing::error!(%error, "looking for a proof failed");
            ApiError::internal()
        })
    }

    pub(crate) fn is_local(&self, text: &str) -> bool {
        let local = *self.local.lock().unwrap_or_else(PoisonError::into_inner);
        local.is_some_and(|hash| secret::same(&hash, &secret::hash(text)))
    }

    pub(crate) fn is_setup_token(&self, text: &str) -> bool {
        let setup = self.setup_slot();
        let setup = setup.as_ref().map(Secret::hash);
        setup.is_some_and(|hash| secret::same(&hash, &secret::hash(text)))
    }

    pub(crate) fn forget_setup_token(&self) {
        *self.setup_slot() = None;
    }

    fn setup_slot(&self) -> std::sync::MutexGuard<'_, Option<Secret>> {
        self.setup.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is served, in one transaction. After this, every new request is answered by the
    /// new state.
    pub(crate) async fn change<T, E>(
        &self,
        work: impl FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + From<ApiError> + Send + 'static,
    {
        self.change_in(self.store().clone(), work).await
    }

    /// [`Self::change`] for what makes the database larger: it is refused while the disk is nearly full.
    pub(crate) async fn add<T, E>(
        &self,
        work: impl FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + From<ApiError> + Send + 'static,
    {
        self.change_in(self.store().clone().growing(), work).await
    }

    async fn change_in<T, E>(
        &self,
        store: Store,
        work: impl FnOnce(&mut Change<'_>) -> Result<T, E> + Send + 'static,
    ) -> Result<T, E>
    where
        T: Send + 'static,
        E: From<StoreError> + From<ApiError> + Send + 'static,
    {
        let (value, raised) = store.change(work).await?;
        for raised in raised {
            self.live(raised).await?;
        }
        Ok(value)
    }

    /// Waits until what is stored for an app is served: another process may have changed it.
    pub(crate) async fn up_to_date(&self, app: AppId) -> ApiResult<()> {
        let number = self
            .store()
            .read::<_, ApiError>(move |conn| Ok(deployment::number(conn, app)?));
        match number.await? {
            Some(number) => self.live(Raised { app, number }).await,
            None => Err(StoreError::NoSuchApp.into()),
        }
    }

    async fn live(&self, raised: Raised) -> ApiResult<()> {
        let served = self.parts.catalog.caught_up(raised).await;
        served.map_err(|error| {
            tracing::error!(app = %raised.app, %error, "a change is stored but could not be loaded");
            let detail = "the change is stored, but this server could not load it; requests are \
                          still answered by the old state. Try again";
            ApiError::new(Kind::Unavailable, code::NOT_LIVE, detail)
        })
    }

    pub(crate) fn clock(&self) -> &SharedClock {
        &self.config.clock
    }

    pub(crate) fn config(&self) -> &ManagerConfig {
        &self.config
    }

    pub(crate) fn store(&self) -> &Store {
        &self.parts.store
    }

    pub(crate) fn parts(&self) -> &Parts {
        &self.parts
    }

    /// The requests that were sent with a key.
    pub(crate) fn once(&self) -> &Once {
        &self.once
    }

    pub(crate) fn passwords(&self) -> &Passwords {
        &self.passwords
    }

    pub(crate) fn throttle(&self) -> &Throttle {
        &self.throttle
    }

    pub(crate) fn started_at(&self) -> Timestamp {
        self.started_at
    }
}
