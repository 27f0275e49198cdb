//! The arguments that say what a command is about: an app, or one of its scripts.

use clap::Args;
use shared::name::{AppSlug, ScriptName};

/// Which app.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct OfApp {
    /// The app; else the one of ./picloud.toml, else the default app
    #[arg(long, value_name = "APP")]
    pub(crate) app: Option<AppSlug>,
}

/// A script of an app.
#[derive(Clone, Debug, Args)]
pub(crate) struct OfScript {
    /// The script
    #[arg(value_name = "SCRIPT")]
    pub(crate) script: ScriptName,
    #[command(flatten)]
    pub(crate) of: OfApp,
}
