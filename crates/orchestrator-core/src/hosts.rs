//! Which app answers on which host: pure rules.

use std::collections::BTreeMap;
use std::sync::Arc;

use shared::name::{AppSlug, DomainName};
use shared::origin::split_authority;

/// What a host leads to.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum HostMatch<'a, T> {
    /// A host that is the app's own.
    Own(&'a T),
    /// A host nobody claimed; the default app answers, beside the platform's own pages.
    Unclaimed(Option<&'a T>),
}

/// Hosts of all apps.
#[derive(Clone, Debug)]
pub(crate) struct Hosts<T> {
    /// Sorted: comparing a few names costs less than hashing one.
    exact: BTreeMap<Arc<str>, Arc<T>>,
    /// Keyed by what follows the star, dot included: `.example.com`.
    wildcard: BTreeMap<Box<str>, Arc<T>>,
    default: Option<Arc<T>>,
}

impl<T> Default for Hosts<T> {
    fn default() -> Self {
        Self {
            exact: BTreeMap::new(),
            wildcard: BTreeMap::new(),
            default: None,
        }
    }
}

impl<T> Hosts<T> {
    pub(crate) fn add_slug(&mut self, slug: &AppSlug, app: &Arc<T>) {
        self.exact
            .insert(format!("{slug}.localhost").into(), Arc::clone(app));
    }

    pub(crate) fn add_domain(&mut self, domain: &DomainName, app: &Arc<T>) {
        match domain.as_str().strip_prefix('*') {
            Some(rest) => self.wildcard.insert(rest.into(), Arc::clone(app)),
            None => self.exact.insert(domain.as_str().into(), Arc::clone(app)),
        };
    }

    pub(crate) fn set_default(&mut self, app: &Arc<T>) {
        self.default = Some(Arc::clone(app));
    }

    /// The host of a request and what it leads to; `None` when it is not a host. Most requests name
    /// a host as it is written here, which then need not be copied.
    pub(crate) fn resolve(&self, authority: &str) -> Option<(Arc<str>, HostMatch<'_, Arc<T>>)> {
        if let Some((host, app)) = self.exact.get_key_value(authority) {
            return Some((Arc::clone(host), HostMatch::Own(app)));
        }
        let (host, _port) = split_authority(authority)?;
        let found = self.find(&host);
        Some((host, found))
    }

    /// The app for a host: exact beats wildcard (one label) beats the default.
    fn find(&self, host: &str) -> HostMatch<'_, Arc<T>> {
        if let Some(app) = self.exact.get(host) {
            return HostMatch::Own(app);
        }
        if !self.wildcard.is_empty()
            && let Some(dot) = host.find('.')
            && let Some(app) = self.wildcard.get(&host[dot..])
        {
            return HostMatch::Own(app);
        }
        HostMatch::Unclaimed(self.default.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exact_beats_wildcard_beats_default() {
        let (a, b, c) = (Arc::new('a'), Arc::new('b'), Arc::new('c'));
        let mut hosts = Hosts::default();
        hosts.add_slug(&"shop".parse().unwrap(), &a);
        hosts.add_domain(&"shop.example.com".parse().unwrap(), &a);
        hosts.add_domain(&"*.example.com".parse().unwrap(), &b);
        hosts.set_default(&c);
        for (host, want) in [
            ("shop.localhost", HostMatch::Own(&a)),
            ("shop.example.com", HostMatch::Own(&a)),
            ("other.example.com", HostMatch::Own(&b)),
            ("two.labels.example.com", HostMatch::Unclaimed(Some(&c))),
            ("localhost", HostMatch::Unclaimed(Some(&c))),
        ] {
            assert_eq!(hosts.find(host), want, "{host}");
        }
    }

    #[test]
    fn a_host_leads_to_the_same_app_however_it_is_written() {
        let (a, b) = (Arc::new('a'), Arc::new('b'));
        let mut hosts = Hosts::default();
        hosts.add_slug(&"shop".parse().unwrap(), &a);
        hosts.set_default(&b);
        let own = Some(("shop.localhost".into(), HostMatch::Own(&a)));
        for written in ["shop.localhost", "SHOP.localhost.", "shop.localhost:8080"] {
            assert_eq!(hosts.resolve(written), own, "{written}");
        }
        let other = Some(("localhost".into(), HostMatch::Unclaimed(Some(&b))));
        assert_eq!(hosts.resolve("localhost:8080"), other);
        assert_eq!(hosts.resolve("shop.localhost/"), None);
    }
}
