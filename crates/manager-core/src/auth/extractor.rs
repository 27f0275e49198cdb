//! The extractors that decide.

use std::marker::PhantomData;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use axum::extract::FromRequestParts;
use http::Method;
use http::request::Parts;
use shared::clock::Timestamp;
use shared::id::{AuditId, RequestId};
use shared::name::AppSlug;
use store::apps::{self, AppRow};
use store::people::{self, AuditRow};
use store::{Conn, StoreError};

use super::capability::Capability;
use super::cross_site::{refuse_cross_site, require_same_origin};
use super::principal::{Principal, Via, authenticate};
use crate::error::{ApiError, ApiResult};
use crate::extract::PathParams;
use crate::manager::{Manager, PeerInfo};

/// An operation for everybody.
#[derive(Debug)]
pub(crate) struct Public {
    pub(crate) manager: Arc<Manager>,
    pub(crate) peer: PeerInfo,
}

/// An operation for callers with the capability `C`.
#[derive(Debug)]
pub(crate) struct Authorized<C> {
    pub(crate) manager: Arc<Manager>,
    pub(crate) principal: Principal,
    pub(crate) peer: PeerInfo,
    capability: PhantomData<C>,
}

/// An operation on the app the path names, for callers with the capability `C` there.
#[derive(Debug)]
pub(crate) struct InApp<C> {
    pub(crate) manager: Arc<Manager>,
    pub(crate) principal: Principal,
    pub(crate) peer: PeerInfo,
    pub(crate) request: RequestId,
    pub(crate) app: AppRow,
    pub(crate) params: PathParams,
    capability: PhantomData<C>,
}

/// Writes an entry of the audit log.
pub(crate) fn audit(
    conn: &mut dyn Conn,
    principal: &Principal,
    now: Timestamp,
    action: &str,
    target: &str,
) -> Result<(), StoreError> {
    people::audit(
        conn,
        &AuditRow {
            id: AuditId::new(now),
            at: now,
            actor: principal.email.clone(),
            via: principal.via.as_str().to_owned(),
            action: action.to_owned(),
            target: target.to_owned(),
        },
    )
}

fn is_safe(method: &Method) -> bool {
    matches!(*method, Method::GET | Method::HEAD | Method::OPTIONS)
}

/// Where a request comes from: what ingress says, else the control plane's own address.
fn peer_of(parts: &Parts, manager: &Manager) -> PeerInfo {
    let known = parts.extensions.get::<PeerInfo>().cloned();
    known.unwrap_or_else(|| PeerInfo {
        address: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        origin: manager.config().admin_url.clone(),
    })
}

/// Who sends a request, as a text that nobody else has.
pub(crate) async fn caller_of(parts: &Parts, manager: &Manager) -> ApiResult<String> {
    let https = peer_of(parts, manager).origin.is_https();
    let caller = authenticate(manager, &parts.headers, https).await?;
    let token = caller.token.map(|token| token.id.to_string());
    let (user, via) = (caller.user, caller.via.as_str());
    Ok(format!("{user} {via} {}", token.unwrap_or_default()))
}

impl FromRequestParts<Arc<Manager>> for Public {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, manager: &Arc<Manager>) -> ApiResult<Self> {
        let peer = peer_of(parts, manager);
        if !is_safe(&parts.method) {
            refuse_cross_site(&parts.headers, &peer.origin)?;
        }
        Ok(Self {
            manager: Arc::clone(manager),
            peer,
        })
    }
}

impl<C: Capability> FromRequestParts<Arc<Manager>> for Authorized<C> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, manager: &Arc<Manager>) -> ApiResult<Self> {
        let (principal, peer) = identify::<C>(parts, manager).await?;
        if !C::WITHOUT_APP {
            principal.require_whole_instance()?;
        }
        Ok(Self {
            manager: Arc::clone(manager),
            principal,
            peer,
            capability: PhantomData,
        })
    }
}

impl<C: Capability> FromRequestParts<Arc<Manager>> for InApp<C> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, manager: &Arc<Manager>) -> ApiResult<Self> {
        let (principal, peer) = identify::<C>(parts, manager).await?;
        let params = PathParams::from_request_parts(parts, manager).await?;
        let app = find_app(manager, &principal, params.text("app")).await?;
        let request = parts.extensions.get::<RequestId>().copied();
        Ok(Self {
            manager: Arc::clone(manager),
            principal,
            peer,
            request: request.unwrap_or_else(|| RequestId::new(manager.clock().now())),
            app,
            params,
            capability: PhantomData,
        })
    }
}

async fn identify<C: Capability>(
    parts: &Parts,
    manager: &Manager,
) -> ApiResult<(Principal, PeerInfo)> {
    let peer = peer_of(parts, manager);
    let principal = authenticate(manager, &parts.headers, peer.origin.is_https()).await?;
    // Only cookies are sent without the sender's intention.
    if principal.via == Via::Session {
        let safe = is_safe(&parts.method);
        require_same_origin(&parts.headers, &peer.origin, safe, C::GUARD_READS)?;
    }
    principal.require::<C>()?;
    Ok((principal, peer))
}

/// The app with a name. One outside the caller's binding looks like one that is not there.
async fn find_app(manager: &Manager, principal: &Principal, name: &str) -> ApiResult<AppRow> {
    let missing = || ApiError::not_found("there is no such app; `pic apps ls` lists them");
    let slug: AppSlug = name.parse().map_err(|_not_a_name| missing())?;
    let found = manager
        .store()
        .read::<_, ApiError>(move |conn| Ok(apps::by_slug(conn, &slug)?))
        .await?;
    let app = found.ok_or_else(missing)?;
    match principal.bound_to() {
        Some(bound) if bound != app.id => Err(missing()),
        _ => Ok(app),
    }
}
