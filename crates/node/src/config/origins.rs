//! Apps and the control plane never share an origin: settings that would make them are refused.

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

use super::{Config, ConfigError, Layers, Listen};

impl Config {
    /// The host by which the control plane answers on the public listener too: the one of
    /// `admin_url`, unless that names the admin listener, or a host that leads to the apps.
    pub fn admin_host(&self) -> Option<&Arc<str>> {
        let admin = self.admin_url.as_ref()?;
        let listener = matches!(self.admin_listen, Listen::At(at) if at.port() == admin.port());
        let host = admin.host();
        let apps = match &self.public_url {
            Some(url) => url.host(),
            None => "localhost",
        };
        let address = host.starts_with('[') || host.parse::<IpAddr>().is_ok();
        let shared = **host == *apps || **host == *"localhost" || address;
        (!listener && !shared).then_some(host)
    }
}

/// Refuses what contradicts itself.
pub(super) fn check(config: &Config, layers: &Layers) -> Result<(), ConfigError> {
    let at = |listen| match listen {
        Listen::At(address) => Some(address),
        Listen::Off => None,
    };
    let listeners = [
        ("listen", Some(config.listen)),
        ("admin_listen", at(config.admin_listen)),
        ("internal_listen", at(config.internal_listen)),
    ];
    for (index, (key, address)) in listeners.iter().enumerate() {
        for (other, taken) in &listeners[..index] {
            if let (Some(address), Some(taken)) = (address, taken)
                && overlap(*address, *taken)
            {
                let reason = format!("{address} is where `{other}` listens; choose another port");
                return Err(layers.refuse(key, reason));
            }
        }
    }
    if config.admin_listen == Listen::Off && config.admin_host().is_none() {
        let reason = "without it `admin_url` needs a host of its own, a name that is neither the \
                      one of `public_url` nor localhost";
        return Err(layers.refuse("admin_listen", reason));
    }
    if let (Some(admin), Some(apps)) = (&config.admin_url, &config.public_url)
        && admin.host() == apps.host()
        && admin.port() == apps.port()
    {
        let reason = "it is where `public_url` is, and the control plane shares no origin with \
                      apps; choose another host or port";
        return Err(layers.refuse("admin_url", reason));
    }
    Ok(())
}

/// Whether two listeners would take the same connections.
fn overlap(a: SocketAddr, b: SocketAddr) -> bool {
    let any = a.ip().is_unspecified() || b.ip().is_unspecified();
    a.port() != 0 && a.port() == b.port() && (any || a.ip() == b.ip())
}
