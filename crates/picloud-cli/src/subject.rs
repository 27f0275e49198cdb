//! The arguments that say what a command is about: an app, or one of its scripts.

use clap::Args;
use shared::name::{AppSlug, ScriptName};

/// Which app.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct OfApp {
    /// The app; else the one of the nearest picloud.toml, else the default app
    #[arg(
        long,
        short = 'a',
        global = true,
        value_name = "APP",
        help_heading = "Which app"
    )]
    pub(crate) app: Option<AppSlug>,
}

/// A script of an app.
#[derive(Clone, Debug, Args)]
pub(crate) struct OfScript {
    /// The script
    #[arg(value_name = "SCRIPT")]
    pub(crate) script: ScriptName,
}
