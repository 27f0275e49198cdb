//! The flags that say which server is meant.

use std::path::PathBuf;

use clap::Args;

use crate::address::Address;

/// Which server.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct Connection {
    /// The server, like http://pi.local:8080
    #[arg(long, global = true, help_heading = "Which server", value_name = "URL")]
    pub(crate) url: Option<Address>,
    /// A server `pic login` knows
    #[arg(
        long,
        global = true,
        help_heading = "Which server",
        value_name = "NAME",
        conflicts_with = "url"
    )]
    pub(crate) profile: Option<String>,
    /// The server on this machine with its data in this directory
    #[arg(long, global = true, help_heading = "Which server", value_name = "DIR", conflicts_with_all = ["url", "profile"])]
    pub(crate) data: Option<PathBuf>,
}
