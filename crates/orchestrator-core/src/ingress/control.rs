//! How requests get to the control plane.

use std::net::IpAddr;
use std::sync::Arc;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;
use shared::api::WellKnown;
use shared::error::Error;
use shared::id::RequestId;
use shared::limits::fixed::ADMIN_BODY_BYTES;
use shared::memory::Order;
use shared::origin::Origin;
use shared::routing::WELL_KNOWN;

use super::admin::PeerInfo;
use super::parts::Ingress;
use super::step::{Facts, Step};
use super::{body_in, peer};
use crate::body::{Body, BoxBody};

impl Ingress {
    /// A request on the admin origin.
    pub(super) fn admin(
        &self,
        request: Request<Incoming>,
        ip: IpAddr,
        https: bool,
        id: RequestId,
    ) -> Result<Step, Error> {
        let authority = peer::authority_of(&request)?;
        let origin = self.config.admin.of_request(authority, https);
        let origin = origin.ok_or_else(peer::bad_host)?;
        if request.uri().path() == WELL_KNOWN {
            return Ok(well_known(request.method(), &origin).into());
        }
        let control = self.control.as_ref().ok_or_else(Error::internal)?;
        let held = self.config.memory.hold(None, Order::Request);
        let patience = self.config.client_patience;
        let request = request.map(|body| {
            let body = body_in::Paced::new(body, ADMIN_BODY_BYTES, held, patience);
            // The control plane answers with it.
            BoxBody::new(body.map_err(|error| Error::from(error).into()))
        });
        let peer = PeerInfo {
            ip,
            origin,
            request: id,
        };
        let answer = control.runtime.spawn((control.handler)(request, peer));
        Ok(Step::Later(Box::pin(async move {
            match answer.await {
                Ok(response) => Ok(response.map(Body::from)),
                Err(error) => {
                    tracing::error!(%error, request = %id, "the control plane failed");
                    Err(Error::internal())
                }
            }
        })))
    }
}

/// `/.well-known/picloud`: where the admin origin is.
pub(super) fn well_known(method: &Method, admin: &Origin) -> Response<Body> {
    let admin_url = admin.to_string();
    let api = format!("{admin_url}/api/v1");
    let found = WellKnown { admin_url, api };
    let text = serde_json::to_string(&found).expect("two texts serialize") + "\n";
    let mut response = Response::new(Body::default());
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    match *method {
        Method::GET | Method::HEAD => {
            let json = HeaderValue::from_static("application/json");
            headers.insert(header::CONTENT_TYPE, json);
            *response.body_mut() = Body::from(Bytes::from(text));
        }
        _ => {
            headers.insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
            *response.status_mut() = StatusCode::METHOD_NOT_ALLOWED;
        }
    }
    response
}

/// Whether a request looks for the dashboard where no app has that path.
pub(super) fn looks_for_admin(method: &Method, path: &str) -> bool {
    matches!(*method, Method::GET | Method::HEAD) && matches!(path, "/admin" | "/admin/")
}

/// Leads a browser to the dashboard.
pub(super) fn to_admin(admin: &Origin) -> Response<Body> {
    let mut response = Response::new(Body::default());
    *response.status_mut() = StatusCode::TEMPORARY_REDIRECT;
    let headers = response.headers_mut();
    if let Ok(location) = HeaderValue::try_from(format!("{admin}/")) {
        headers.insert(header::LOCATION, location);
    }
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    response
}

impl Facts {
    /// The host, unless it is an app's own: there the admin origin has no port.
    pub(super) fn shared_host(&self) -> Option<Arc<str>> {
        (!self.own_host).then(|| Arc::clone(&self.host))
    }
}
