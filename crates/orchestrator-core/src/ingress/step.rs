//! What is known of a request, and how far its answer is.

use std::net::IpAddr;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use http::{HeaderMap, HeaderValue, Response, header};
use shared::clock::Timestamp;
use shared::error::Error;
use shared::id::RequestId;
use shared::release::Cors;
use shared::seam::{Execution, LocalFuture};

use super::{cors, reply};
use crate::body::Body;
use crate::catalog::LiveRoute;
use crate::runs;

/// One request's facts, gathered once.
pub(super) struct Facts {
    pub(super) id: RequestId,
    pub(super) started_at: Timestamp,
    pub(super) ip: IpAddr,
    pub(super) scheme: &'static str,
    pub(super) host: Arc<str>,
    /// The host is an app's own.
    pub(super) own_host: bool,
}

/// What is done to an answer of a route at last, whatever the answer is.
pub(super) struct Last {
    cors: Option<(Arc<Cors>, Option<HeaderValue>)>,
}

impl Last {
    pub(super) fn new(route: &LiveRoute, headers: &HeaderMap) -> Self {
        let cors = route.cors.as_ref();
        let origin = || headers.get(header::ORIGIN).cloned();
        Self {
            cors: cors.map(|cors| (Arc::clone(cors), origin())),
        }
    }

    fn apply(&self, response: &mut Response<Body>) {
        if let Some((cors, origin)) = &self.cors {
            cors::apply(cors, origin.as_ref(), response.headers_mut());
        }
    }

    pub(super) fn applied(&self, mut response: Response<Body>) -> Response<Body> {
        self.apply(&mut response);
        response
    }
}

/// How a request is answered. What has to wait is boxed, so that a connection needs little memory
/// and little is moved for a request.
pub(super) enum Step {
    /// It is.
    Answer(Box<Response<Body>>),
    /// When its script has run.
    Running(Box<Started>),
    /// When this is ready.
    Later(LocalFuture<Result<Response<Body>, Error>>),
}

impl From<Response<Body>> for Step {
    fn from(response: Response<Body>) -> Self {
        Self::Answer(Box::new(response))
    }
}

/// A run, and how its answer is sent.
pub(super) struct Started {
    pub(super) run: runs::Run<dyn Execution>,
    pub(super) last: Last,
}

impl Started {
    /// Its answer; once.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Response<Body>> {
        let outcome = ready!(self.run.poll(cx));
        let mut response = reply::of_outcome(outcome, &mut self.run);
        response.body_mut().places = self.run.places();
        self.last.apply(&mut response);
        Poll::Ready(response)
    }
}
