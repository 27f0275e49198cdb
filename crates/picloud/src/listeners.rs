//! The sockets of a server, and where people find what is behind them.

use std::net::{IpAddr, Ipv6Addr, SocketAddr, TcpListener};

use node::config::{Config, Listen};
use orchestrator_core::{AdminPlace, AdminReach};
use shared::origin::Origin;

use crate::error::CommandError;

/// The sockets of a server.
pub(crate) struct Listeners {
    /// The apps', one per worker.
    pub(crate) public: Vec<TcpListener>,
    /// The control plane's.
    pub(crate) admin: Option<TcpListener>,
    /// For metrics.
    pub(crate) internal: Option<TcpListener>,
    /// Where they are.
    pub(crate) places: Places,
}

/// Where the listeners are.
#[derive(Clone, Debug)]
pub(crate) struct Places {
    /// Where people reach the apps.
    pub(crate) apps: Origin,
    /// Where people reach the control plane.
    pub(crate) admin: AdminPlace,
    /// Where this machine reaches the apps.
    pub(crate) local_apps: String,
    /// Where this machine reaches the control plane.
    pub(crate) local_admin: String,
    /// Where this machine reads metrics.
    pub(crate) metrics: Option<String>,
}

impl Listeners {
    /// Listens on every address of the configuration.
    pub(crate) fn bind(config: &Config) -> Result<Self, CommandError> {
        let on = |setting, address, workers| {
            orchestrator_core::bind(address, workers)
                .map_err(|error| CommandError::Listen { setting, error })
        };
        let one = |setting, listen| match listen {
            Listen::Off => Ok(None),
            Listen::At(address) => on(setting, address, 1).map(|mut all| all.pop()),
        };
        let public = on("listen", config.listen, config.workers)?;
        let admin = one("admin_listen", config.admin_listen)?;
        let internal = one("internal_listen", config.internal_listen)?;
        let first = public
            .first()
            .ok_or_else(|| CommandError::Service("there is no worker".to_owned()))?;
        let at = |listener: Option<&TcpListener>| {
            let address = listener.map(TcpListener::local_addr).transpose();
            address.map_err(CommandError::io("cannot read a listener's address"))
        };
        let metrics = at(internal.as_ref())?;
        let places = Places::new(
            config,
            at(Some(first))?.unwrap_or(config.listen),
            at(admin.as_ref())?,
            metrics.map(|at| format!("http://{}/metrics", reachable(at))),
        );
        Ok(Self {
            public,
            admin,
            internal,
            places,
        })
    }
}

impl Places {
    fn new(
        config: &Config,
        public: SocketAddr,
        admin: Option<SocketAddr>,
        metrics: Option<String>,
    ) -> Self {
        let url = |at: SocketAddr| format!("http://{}", reachable(at));
        let on_localhost = || Origin::new(false, "localhost".into(), Some(public.port()));
        let apps = config.public_url.clone().unwrap_or_else(on_localhost);
        let place = AdminPlace {
            origin: match (&config.admin_url, admin) {
                (Some(named), _) => named.clone(),
                (None, Some(at)) => Origin::new(false, host(at.ip(), &apps), Some(at.port())),
                (None, None) => apps.clone(),
            },
            named: config.admin_url.is_some(),
            reach: match admin {
                _ if config.admin_url.is_some() => AdminReach::Named,
                Some(at) if at.ip().is_loopback() => AdminReach::Loopback,
                Some(at) if at.ip().is_unspecified() && config.public_url.is_none() => {
                    AdminReach::AnyHost
                }
                _ => AdminReach::Named,
            },
            host: config.admin_host().cloned(),
        };
        Self {
            local_apps: url(public),
            local_admin: admin.map_or_else(|| place.origin.to_string(), url),
            metrics,
            admin: place,
            apps,
        }
    }
}

/// The host by which a listener on an address is reached.
fn host(ip: IpAddr, apps: &Origin) -> std::sync::Arc<str> {
    match ip {
        ip if ip.is_unspecified() => std::sync::Arc::clone(apps.host()),
        ip if ip.is_loopback() => "localhost".into(),
        IpAddr::V6(ip) => format!("[{ip}]").into(),
        IpAddr::V4(ip) => ip.to_string().into(),
    }
}

/// The address on which this machine reaches a listener.
pub(crate) fn reachable(listener: SocketAddr) -> SocketAddr {
    let ip = match listener.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::from([127, 0, 0, 1]),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip => ip,
    };
    SocketAddr::new(ip, listener.port())
}
