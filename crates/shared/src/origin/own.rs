//! Hosts that are the instance's own: no app may claim one.

use std::sync::Arc;

use super::place::Origin;
use crate::id::{AppId, ContentHash};
use crate::name::DomainName;

/// Whose host it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Owner {
    AdminUrl,
    PublicUrl,
    Machine,
}

impl Owner {
    const fn what(self) -> &'static str {
        match self {
            Self::AdminUrl => "the host of `admin_url`",
            Self::PublicUrl => "the host of `public_url`",
            Self::Machine => "a name of this machine",
        }
    }
}

/// The hosts of the control plane, of the instance, and of its machine.
#[derive(Clone, Debug, Default)]
pub struct OwnHosts(Vec<(Arc<str>, Owner)>);

impl OwnHosts {
    /// The hosts of these settings, and names of the machine in lower case.
    pub fn new(
        admin: Option<&Origin>,
        public: Option<&Origin>,
        machine: impl IntoIterator<Item = String>,
    ) -> Self {
        let of = |origin: &Origin, owner| (Arc::clone(origin.host()), owner);
        let mut hosts = Vec::new();
        hosts.extend(admin.map(|origin| of(origin, Owner::AdminUrl)));
        hosts.extend(public.map(|origin| of(origin, Owner::PublicUrl)));
        let machine = machine.into_iter().chain(["localhost".to_owned()]);
        hosts.extend(machine.map(|name| (name.into(), Owner::Machine)));
        Self(hosts)
    }

    /// Why a domain cannot be an app's; `None` when it can.
    pub fn refuse(&self, domain: &DomainName) -> Option<String> {
        let (host, owner) = self.0.iter().find(|(host, _)| covers(domain, host))?;
        let what = owner.what();
        Some(if domain.as_str() == &**host {
            format!("`{domain}` is {what}")
        } else {
            format!("`{domain}` covers `{host}`, {what}")
        })
    }

    /// Why an app cannot have a name: its own host would be one of these.
    pub fn refuse_name(&self, slug: &crate::name::AppSlug) -> Option<String> {
        let host = format!("{slug}.localhost");
        let (_, owner) = self.0.iter().find(|(own, _)| **own == *host)?;
        Some(format!("its host `{host}` is {}", owner.what()))
    }
}

/// Whether a domain answers for a host. A wildcard stands for one label.
fn covers(domain: &DomainName, host: &str) -> bool {
    let domain = domain.as_str();
    match domain.strip_prefix('*') {
        Some(rest) => host.find('.').is_some_and(|dot| &host[dot..] == rest),
        None => domain == host,
    }
}

/// What shows that somebody has a web server under a domain: a text that it answers with at a path.
/// It is bound to the app, and the path does not tell it: a server that repeats what it is asked
/// proves nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DomainProof {
    /// Where.
    pub path: String,
    /// The whole body, blanks around it left aside.
    pub text: String,
}

impl DomainProof {
    /// The proof of an app for a domain.
    pub fn of(app: AppId, domain: &DomainName) -> Self {
        let hash = ContentHash::of(format!("picloud domain proof\n{app}\n{domain}").as_bytes());
        let hash = hash.to_string();
        let (token, text) = hash.split_at(hash.len() / 2);
        Self {
            path: format!("/.well-known/picloud-domain-proof/{token}"),
            text: text.to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Timestamp;

    #[test]
    fn nothing_that_covers_an_own_host_can_be_claimed() {
        let admin = "https://admin.example.com".parse().unwrap();
        let public = "https://example.com:8443".parse().unwrap();
        let machine = ["pi", "pi.local", "pi.fritz.box"].map(str::to_owned);
        let own = OwnHosts::new(Some(&admin), Some(&public), machine);
        for (domain, reason) in [
            ("admin.example.com", "`admin_url`"),
            ("*.example.com", "covers `admin.example.com`"),
            ("example.com", "`public_url`"),
            ("pi.local", "this machine"),
            ("*.fritz.box", "this machine"),
        ] {
            let refused = own.refuse(&domain.parse().unwrap());
            assert!(
                refused.as_deref().is_some_and(|r| r.contains(reason)),
                "{domain}: {refused:?}"
            );
        }
        for domain in [
            "shop.example.com",
            "deep.admin.example.com",
            "*.admin.example.com",
            "*.shop.example.com",
            "shop.local",
            "example.org",
        ] {
            assert_eq!(own.refuse(&domain.parse().unwrap()), None, "{domain}");
        }
        let admin = "http://dash.localhost:8081".parse().unwrap();
        let own = OwnHosts::new(Some(&admin), None, []);
        assert!(own.refuse_name(&"dash".parse().unwrap()).is_some());
        assert!(own.refuse_name(&"shop".parse().unwrap()).is_none());
    }

    #[test]
    fn a_proof_is_of_one_app_and_domain_and_its_path_does_not_tell_it() {
        let (a, b) = (AppId::new(Timestamp(1)), AppId::new(Timestamp(2)));
        let domain: DomainName = "shop.example.com".parse().unwrap();
        let proof = DomainProof::of(a, &domain);
        assert_eq!(proof, DomainProof::of(a, &domain));
        assert_ne!(proof, DomainProof::of(b, &domain));
        assert_ne!(proof, DomainProof::of(a, &"x.example.com".parse().unwrap()));
        assert!(!proof.path.contains(&proof.text) && proof.text.len() >= 32);
    }
}
