//! Where the admin origin is, and what answers there.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use http::{Request, Response};
use shared::id::RequestId;
use shared::origin::{Origin, split_authority};
use shared::seam::BoxFuture;

use crate::body::BoxBody;

/// Who asks the control plane.
#[derive(Clone, Debug)]
pub struct PeerInfo {
    /// The client's address, as far as trusted proxies tell.
    pub ip: IpAddr,
    /// The origin the client asked, as its browser sees it.
    pub origin: Origin,
    /// The request's id, which the client gets as `X-Request-Id`.
    pub request: RequestId,
}

/// Answers one request to the control plane.
pub type ControlHandler =
    Arc<dyn Fn(Request<BoxBody>, PeerInfo) -> BoxFuture<Response<BoxBody>> + Send + Sync>;

/// Answers everything on the admin origin.
#[derive(Clone)]
pub struct ControlPlane {
    /// What answers.
    pub handler: ControlHandler,
    /// Where it runs: never on a worker. A change that has begun is finished even when its client
    /// goes away.
    pub runtime: tokio::runtime::Handle,
}

/// On which hosts the admin origin is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AdminReach {
    /// On one only.
    Named,
    /// On those by which this machine reaches itself.
    Loopback,
    /// On all by which people reach this machine.
    AnyHost,
}

impl AdminReach {
    fn includes(self, host: &str) -> bool {
        let loops = |ip: Ipv4Addr| ip.is_loopback();
        match self {
            Self::Named => false,
            Self::Loopback => host == "localhost" || host.parse().is_ok_and(loops),
            Self::AnyHost => true,
        }
    }
}

/// Where the admin origin is.
#[derive(Clone, Debug)]
pub struct AdminPlace {
    /// Where it is for everybody, or for those on this machine.
    pub origin: Origin,
    /// Its operator said so (`admin_url`): requests to this host and port come by it, whatever
    /// a proxy in between tells.
    pub named: bool,
    /// On which other hosts it has the port of `origin`.
    pub reach: AdminReach,
    /// The host of the public listener that is its own, if it has one.
    pub host: Option<Arc<str>>,
}

impl AdminPlace {
    /// Where somebody finds it who asked for a host that is not an app's own.
    pub(super) fn seen_from(&self, host: Option<&str>) -> Origin {
        match host {
            Some(host) if self.reach.includes(host) => self.origin.on(host),
            _ => self.origin.clone(),
        }
    }

    /// The origin of a request that came to the control plane.
    pub(super) fn of_request(&self, authority: &str, https: bool) -> Option<Origin> {
        let (host, port) = split_authority(authority)?;
        let named = Origin::new(self.origin.is_https(), Arc::clone(&host), port);
        if self.named && named == self.origin {
            return Some(named);
        }
        Some(Origin::new(https, host, port))
    }
}
