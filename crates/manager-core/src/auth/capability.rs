//! What it takes to call an operation, as types.

use shared::api::Scope;

/// What a caller must be allowed to do. A type parameter of the extractors.
pub(crate) trait Capability: Send + Sync + 'static {
    /// The scope a token needs; `None`: any valid credential will do.
    const SCOPE: Option<Scope>;
    /// Whether a token of one app may use it where no app is named.
    const WITHOUT_APP: bool;
    /// Whether a GET by session cookie must come from the same site, because it has effects.
    const GUARD_READS: bool = false;
}

/// Any valid credential.
#[derive(Debug)]
pub(crate) struct SignedIn;
/// Looking.
#[derive(Debug)]
pub(crate) struct CanRead;
/// Changing what an app serves.
#[derive(Debug)]
pub(crate) struct CanDeploy;
/// Calling scripts directly.
#[derive(Debug)]
pub(crate) struct CanInvoke;
/// Managing the instance.
#[derive(Debug)]
pub(crate) struct CanAdmin;

impl Capability for SignedIn {
    const SCOPE: Option<Scope> = None;
    const WITHOUT_APP: bool = true;
}

impl Capability for CanRead {
    const SCOPE: Option<Scope> = Some(Scope::Read);
    const WITHOUT_APP: bool = true;
}

impl Capability for CanDeploy {
    const SCOPE: Option<Scope> = Some(Scope::Deploy);
    const WITHOUT_APP: bool = false;
}

impl Capability for CanInvoke {
    const SCOPE: Option<Scope> = Some(Scope::Invoke);
    const WITHOUT_APP: bool = false;
    const GUARD_READS: bool = true;
}

impl Capability for CanAdmin {
    const SCOPE: Option<Scope> = Some(Scope::Admin);
    const WITHOUT_APP: bool = false;
}

/// Whether a scope includes another.
pub(super) fn includes(held: Scope, needed: Scope) -> bool {
    held == needed || held == Scope::Admin || (held == Scope::Deploy && needed == Scope::Read)
}
