//! Calls and replies as they cross the host seam.

use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::value::{RawValue, to_raw_value};

use super::access::Access;
use super::error::HostErrorKind;
use super::kind::ServiceKind;
use super::list::for_services;
use super::payload::Payload;
#[cfg(test)]
use super::variants;
use super::{dead_letters, invoke, pubsub, queue, tx};
use crate::kv;

/// One service: what it is asked and what it answers.
pub trait Service {
    /// What it is asked.
    type Call: Serialize + DeserializeOwned;
    /// What it answers.
    type Reply: Serialize + DeserializeOwned;
    /// Which one it is.
    const KIND: ServiceKind;

    /// The call as it crosses the host seam.
    fn wrap(call: Self::Call) -> HostCall;

    /// The answer as it crosses the host seam.
    fn wrap_reply(reply: Self::Reply) -> HostReply;

    /// The answer out of what crossed the host seam; `None`: it is another service's.
    fn unwrap(reply: HostReply) -> Option<Self::Reply>;
}

macro_rules! services {
    ($(
        $(#[$doc:meta])*
        $name:ident $text:literal: $call:ty => $reply:ty, $access:expr, weight $weight:literal;
    )+) => {
        /// A call a script makes to the platform.
        #[derive(Clone, Debug, PartialEq)]
        pub enum HostCall {
            $($(#[$doc])* $name($call),)+
        }

        /// The platform's answer.
        #[derive(Clone, Debug, PartialEq)]
        pub enum HostReply {
            $($(#[$doc])* $name($reply),)+
        }

        impl HostCall {
            /// The service it goes to.
            pub const fn service(&self) -> ServiceKind {
                match self {
                    $(Self::$name(_) => ServiceKind::$name),+
                }
            }

            /// Whether it may change something.
            pub fn access(&self) -> Access {
                match self {
                    $(Self::$name(call) => {
                        let access: fn(&$call) -> Access = $access;
                        access(call)
                    })+
                }
            }
        }

        impl HostCall {
            /// Of an app's places, how many it takes while it is under way. Running another script
            /// takes none, what that calls does; sending it for later is a write like any other.
            pub const fn weight(&self) -> u32 {
                match self {
                    Self::Invoke(invoke::InvokeCall::Later { .. }) => 1,
                    other => other.service().weight(),
                }
            }
        }

        impl Payload for HostCall {
            fn service(&self) -> ServiceKind {
                self.service()
            }

            fn to_body(&self) -> serde_json::Result<Box<RawValue>> {
                match self {
                    $(Self::$name(call) => to_raw_value(call)),+
                }
            }

            fn from_body(service: ServiceKind, body: &RawValue) -> serde_json::Result<Self> {
                match service {
                    $(ServiceKind::$name => serde_json::from_str(body.get()).map(Self::$name)),+
                }
            }
        }

        impl Payload for HostReply {
            fn service(&self) -> ServiceKind {
                match self {
                    $(Self::$name(_) => ServiceKind::$name),+
                }
            }

            fn to_body(&self) -> serde_json::Result<Box<RawValue>> {
                match self {
                    $(Self::$name(reply) => to_raw_value(reply)),+
                }
            }

            fn from_body(service: ServiceKind, body: &RawValue) -> serde_json::Result<Self> {
                match service {
                    $(ServiceKind::$name => serde_json::from_str(body.get()).map(Self::$name)),+
                }
            }
        }

        /// The calls and replies there are, by their names.
        #[cfg(test)]
        pub(super) fn variants_of_all() -> Vec<(ServiceKind, Vec<&'static str>)> {
            vec![$({
                let of = [variants::variants::<$call>(), variants::variants::<$reply>()];
                (ServiceKind::$name, of.concat())
            }),+]
        }

        $(
            $(#[$doc])*
            #[derive(Clone, Copy, Debug)]
            pub enum $name {}

            impl Service for $name {
                type Call = $call;
                type Reply = $reply;
                const KIND: ServiceKind = ServiceKind::$name;

                fn wrap(call: $call) -> HostCall {
                    HostCall::$name(call)
                }

                fn wrap_reply(reply: $reply) -> HostReply {
                    HostReply::$name(reply)
                }

                fn unwrap(reply: HostReply) -> Option<$reply> {
                    match reply {
                        HostReply::$name(reply) => Some(reply),
                        _ => None,
                    }
                }
            }
        )+
    };
}

for_services!(services);

impl HostReply {
    /// The failure that an answer tells of: that of a script that was called.
    pub fn failure(&self) -> Option<HostErrorKind> {
        match self {
            Self::Invoke(invoke::InvokeReply::Failed { error, .. }) => Some(error.kind),
            _ => None,
        }
    }
}
