//! Who is calling and what they may do.
//!
//! A handler says in its type what it takes to call it: [`Public`], [`Authorized`] or [`InApp`]
//! with a capability. The router accepts no other handlers.

mod capability;
mod cross_site;
mod decision;
mod extractor;
mod principal;
mod session;
mod standing;

pub(crate) use capability::{CanAdmin, CanDeploy, CanInvoke, CanRead, SignedIn};
pub(crate) use decision::{Decided, Decision};
pub(crate) use extractor::{Authorized, InApp, Public, audit, caller_of};
pub(crate) use principal::{Principal, Via, scope_name};
pub(crate) use session::{SESSION_LIFE, clear_cookie, session_cookie, session_secrets};
