//! What goes in.

use std::ops::Deref;
use std::sync::Arc;

use bytes::Bytes;

use super::image::{AppContext, ScriptImage};
use super::kind::TriggerKind;
use crate::allowance::Grant;
use crate::event::{Cause, EventInput};
use crate::id::{ExecutionId, RequestId};
use crate::limits::Limits;
use crate::memory::Order;
use crate::name::FunctionName;
use crate::origin::without_session;
use crate::routing::Params;

/// A request's headers as a script may see them: without the platform's cookies, wherever the
/// request comes from.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct ScriptHeaders(http::HeaderMap);

impl From<http::HeaderMap> for ScriptHeaders {
    fn from(mut headers: http::HeaderMap) -> Self {
        without_session(&mut headers);
        Self(headers)
    }
}

impl Deref for ScriptHeaders {
    type Target = http::HeaderMap;

    fn deref(&self) -> &http::HeaderMap {
        &self.0
    }
}

/// A request as the script sees it; nothing is parsed until the script asks.
#[derive(Clone, Debug)]
pub struct HttpInput {
    /// Method.
    pub method: http::Method,
    /// Path and query as sent.
    pub uri: http::Uri,
    /// `https` when a trusted proxy says so.
    pub scheme: &'static str,
    /// Host without port, lower case.
    pub host: Arc<str>,
    /// Headers.
    pub headers: ScriptHeaders,
    /// Path parameters of the route.
    pub params: Params,
    /// The client's address.
    pub ip: std::net::IpAddr,
    /// The whole body.
    pub body: Bytes,
}

/// One run to do.
#[derive(Clone, Debug)]
pub struct Invocation {
    /// Its id.
    pub execution: ExecutionId,
    /// The request it belongs to.
    pub request: RequestId,
    /// The app.
    pub app: Arc<AppContext>,
    /// The script.
    pub script: Arc<ScriptImage>,
    /// The function to call instead of the top level's value.
    pub handler: Option<FunctionName>,
    /// What it may use.
    pub limits: Limits,
    /// What the run that called it has left: it may use no more than that.
    pub grant: Option<Box<Grant>>,
    /// Why it runs.
    pub trigger: TriggerKind,
    /// What it follows from, for what follows from it.
    pub cause: Cause,
    /// Which attempt at its event this is, from 1; 1 for everything that has no event.
    pub attempt: u32,
    /// What it gets, boxed because most of the system only passes it on.
    pub input: Option<Input>,
}

/// What a script gets to work on.
#[derive(Clone, Debug)]
#[expect(
    clippy::large_enum_variant,
    reason = "always in a box of its own, made once per run"
)]
pub enum Input {
    /// A request, as `req`.
    Http(HttpInput),
    /// An event, as `event`. The argument of `invoke::call` is one too: `event.args`.
    Event(EventInput),
}

impl Invocation {
    /// When it is refused memory, compared with others.
    pub fn order(&self) -> Order {
        match self.trigger {
            TriggerKind::Manual | TriggerKind::Invoke => Order::Request,
            TriggerKind::Http if self.cause.event.is_none() => Order::Request,
            TriggerKind::Http | TriggerKind::Webhook => Order::Later,
            _ => Order::Event,
        }
    }

    /// The request, if it has one.
    pub fn http(&self) -> Option<&HttpInput> {
        match self.input.as_ref() {
            Some(Input::Http(http)) => Some(http),
            _ => None,
        }
    }
}
