//! That every operation has a decision about who may call it, and which.

use shared::api::Scope;

use super::capability::Capability;
use super::extractor::{Authorized, InApp, Public};

/// What the OpenAPI document says about an operation's authorization.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Decision {
    /// Everybody may call it.
    Public,
    /// Callers with a credential.
    Credential {
        /// The scope a token needs.
        scope: Option<Scope>,
        /// Whether tokens of one app are refused.
        whole_instance: bool,
    },
}

/// An extractor that decides who may call.
pub(crate) trait Decides {
    /// Its decision.
    const DECISION: Decision;
}

impl Decides for Public {
    const DECISION: Decision = Decision::Public;
}

impl<C: Capability> Decides for Authorized<C> {
    const DECISION: Decision = Decision::Credential {
        scope: C::SCOPE,
        whole_instance: !C::WITHOUT_APP,
    };
}

impl<C: Capability> Decides for InApp<C> {
    const DECISION: Decision = Decision::Credential {
        scope: C::SCOPE,
        whole_instance: false,
    };
}

/// Implemented for the argument lists of handlers whose first extractor decides.
///
/// The router takes handlers with such lists only: without a decision nothing compiles.
pub(crate) trait Decided {
    /// The decision of the first extractor.
    const DECISION: Decision;
}

macro_rules! decided {
    ($(($($rest:ident),*);)+) => {$(
        // axum's argument lists start with a marker.
        impl<Marker, First: Decides, $($rest),*> Decided for (Marker, First, $($rest,)*) {
            const DECISION: Decision = First::DECISION;
        }
    )+};
}

decided! {
    ();
    (A);
    (A, B);
    (A, B, C);
    (A, B, C, D);
}
