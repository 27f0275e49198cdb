//! What scripts ask the platform for: one line per service.
//!
//! From its line follow the calls and replies that cross the host seam, their wire form, the names
//! in scripts, metrics and errors, and what the platform may know of a call without knowing the
//! service: whether it writes, and how much of an app's turn it takes.

pub mod dead_letters;
mod error;
pub mod invoke;
pub mod pubsub;
pub mod queue;
#[cfg(test)]
mod tests;
pub mod tx;
#[cfg(test)]
mod variants;
pub mod wire;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::value::{RawValue, to_raw_value};

pub use error::{HostError, HostErrorKind};

/// What a call does to what the platform keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Access {
    /// It only looks.
    Read,
    /// It may change something.
    Write,
}

impl Access {
    /// The name in metrics.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Read => "read",
            Self::Write => "write",
        }
    }
}

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
        /// The services there are.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        pub enum ServiceKind {
            $($(#[$doc])* #[serde(rename = $text)] $name,)+
        }

        impl ServiceKind {
            /// All services.
            pub const ALL: &[Self] = &[$(Self::$name),+];

            /// The namespace in scripts, and the label in metrics.
            pub const fn as_str(self) -> &'static str {
                match self {
                    $(Self::$name => $text),+
                }
            }

            /// How many of an app's places a call takes while it is under way; 0 for a call whose
            /// work is bounded by other means.
            pub const fn weight(self) -> u32 {
                match self {
                    $(Self::$name => $weight),+
                }
            }
        }

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

        impl wire::Payload for HostCall {
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

        impl wire::Payload for HostReply {
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
        fn variants_of_all() -> Vec<(ServiceKind, Vec<&'static str>)> {
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

services! {
    /// Keys and their values.
    Kv "kv": crate::kv::KvCall => crate::kv::KvReply, |call| call.op.access(), weight 1;
    /// Reads, writes and messages that happen together or not at all.
    Tx "tx": tx::TxCall => tx::TxReply, tx::TxCall::access, weight 4;
    /// Messages that are handled one by one.
    Queue "queue": queue::QueueCall => queue::QueueReply, queue::QueueCall::access, weight 1;
    /// Messages for everybody who asked for their topic.
    Pubsub "pubsub": pubsub::PubsubCall => pubsub::PubsubReply, |_| Access::Write, weight 1;
    /// Other scripts of the app. Running one takes no place: what it calls does.
    Invoke "invoke": invoke::InvokeCall => invoke::InvokeReply, |_| Access::Write, weight 0;
    /// Events whose handlers failed for good.
    DeadLetters "dead_letters": dead_letters::DeadLettersCall => dead_letters::DeadLettersReply,
        dead_letters::DeadLettersCall::access, weight 4;
}

impl ServiceKind {
    /// The service with this name.
    pub fn from_name(name: &str) -> Option<Self> {
        let mut all = Self::ALL.iter().copied();
        all.find(|kind| kind.as_str() == name)
    }
}

impl std::fmt::Display for ServiceKind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}
