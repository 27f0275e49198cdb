//! Where apps answer.

use shared::name::DomainName;
use store::apps::AppRow;

use crate::manager::ManagerConfig;

/// Where an app answers, without a slash at the end: on its first exact domain, on the instance's
/// own host when it is the default, else on its name below `localhost`.
pub(crate) fn url_of_app(config: &ManagerConfig, app: &AppRow, domains: &[DomainName]) -> String {
    let public = &config.public_url;
    let served = |d: &&DomainName| config.own_hosts.refuse(d).is_none();
    let exact = domains
        .iter()
        .filter(served)
        .find(|d| !d.as_str().starts_with("*."));
    match exact {
        Some(domain) => public.on(domain.as_str()).to_string(),
        None if app.is_default => public.to_string(),
        None => public.on(&format!("{}.localhost", app.slug)).to_string(),
    }
}
