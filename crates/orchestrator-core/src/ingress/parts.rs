//! Everything a listener needs, and its bounds.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::Arc;
use std::time::Duration;

use shared::clock::SharedClock;
use shared::memory::Memory;
use shared::origin::Origin;
use store::Store;

use super::admin::{AdminPlace, AdminReach, ControlPlane};
use super::network::Network;
use crate::admission::{Gate, Rate};
use crate::catalog::LiveCatalog;
use crate::health::Health;
use crate::metrics::Metrics;
use crate::runs::Runs;
use crate::tokens::TokenCheck;

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
    /// How long a connection may be idle between two requests at least; it is closed before it was
    /// idle for twice that time. Longer than common proxies keep theirs, so that it is not us who
    /// closes under a request.
    pub idle: Duration,
    /// How long requests under way may take when the server stops.
    pub drain: Duration,
    /// Requests per second of one app; absent: as many as there is room for.
    pub app_rate: Option<Rate>,
    /// Proxies whose `X-Forwarded-*` headers are believed.
    pub trusted_proxies: Vec<Network>,
    /// What is held: bodies of requests until their script has ended, answers until they have gone
    /// out, and what scripts allocate.
    pub memory: Arc<Memory>,
    /// Where the control plane answers.
    pub admin: AdminPlace,
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
            memory: Memory::new(1 << 30),
            trusted_proxies: vec![
                IpAddr::V4(Ipv4Addr::LOCALHOST).into(),
                IpAddr::V6(Ipv6Addr::LOCALHOST).into(),
            ],
            admin: AdminPlace {
                origin: Origin::new(false, "localhost".into(), Some(8081)),
                named: false,
                reach: AdminReach::Named,
                host: None,
            },
        }
    }
}

/// Whose requests come by a listener.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Door {
    /// The apps'.
    Apps,
    /// The control plane's.
    Admin,
}

/// Everything a listener needs to answer requests.
pub struct Ingress {
    pub(crate) door: Door,
    pub(crate) config: IngressConfig,
    pub(crate) catalog: Arc<LiveCatalog>,
    pub(crate) runs: Arc<Runs>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) health: Arc<Health>,
    pub(crate) tokens: TokenCheck,
    pub(crate) control: Option<ControlPlane>,
    pub(crate) clock: SharedClock,
    pub(crate) gate: Arc<Gate>,
    pub(crate) store: Store,
}

impl std::fmt::Debug for Ingress {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Ingress")
    }
}
