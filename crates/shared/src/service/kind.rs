//! Which services there are.

use serde::{Deserialize, Serialize};

use super::list::for_services;

macro_rules! kinds {
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
    };
}

for_services!(kinds);

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
