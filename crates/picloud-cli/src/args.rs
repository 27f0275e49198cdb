//! The command line: every command and its arguments.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand};
use shared::name::{AppSlug, ScriptName};

use crate::address::Address;
use crate::commands::{
    apps, check, dead_letters, deploy, dev, diff, domains, env, events, executions, init, invoke,
    login, logs, queues, releases, routes, run, scripts, tokens, triggers,
};

/// Deploy Rhai scripts to PiCloud and look after them.
///
/// On the server's machine and as its user, pic is signed in by itself. Elsewhere: pic login URL.
#[derive(Debug, Parser)]
#[command(
    name = "pic",
    version,
    arg_required_else_help = true,
    subcommand_required = true,
    after_help = "Exit status: 0 done, 1 failed, 2 the command line is wrong.\n\
                  Environment: PICLOUD_URL, PICLOUD_TOKEN, NO_COLOR. Flags come first, then these, \
                  then the profile of `pic login`, then the server of this machine."
)]
pub(crate) struct Cli {
    /// Which server.
    #[command(flatten)]
    pub(crate) connection: Connection,
    /// Answer for a program: JSON on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
}

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

/// Which app.
#[derive(Clone, Debug, Default, Args)]
pub(crate) struct OfApp {
    /// The app; else the one of ./picloud.toml, else the default app
    #[arg(long, value_name = "APP")]
    pub(crate) app: Option<AppSlug>,
}

/// What to do.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Deploy a folder, or one script; it is live on return
    Deploy(deploy::DeployArgs),
    /// Serve an earlier release again
    Rollback(releases::RollbackArgs),
    /// Releases of an app
    #[command(subcommand)]
    Releases(releases::Releases),
    /// What a deploy of a folder would change
    Diff(diff::DiffArgs),
    /// Versions of a script
    Versions(scripts::VersionsArgs),
    /// Run an app's folder on a server of its own, with reload on save
    Dev(dev::DevArgs),
    /// Make an app's folder
    Init(init::InitArgs),
    /// Add a script to the app in this folder
    New(init::NewArgs),
    /// Check an app's folder without deploying it
    Check(check::CheckArgs),
    /// Call a script
    Invoke(invoke::InvokeArgs),
    /// Run a draft on the server without deploying it; its effects are real
    Run(run::RunArgs),
    /// Show what scripts logged
    Logs(logs::LogsArgs),
    /// Runs of scripts
    #[command(subcommand, visible_alias = "exec")]
    Executions(executions::Executions),
    /// Scripts of an app
    #[command(subcommand)]
    Scripts(scripts::Scripts),
    /// Routes of an app
    #[command(subcommand)]
    Routes(routes::Routes),
    /// Triggers of an app
    #[command(subcommand)]
    Triggers(triggers::Triggers),
    /// Schedules
    #[command(subcommand)]
    Cron(triggers::Cron),
    /// Queues of an app
    #[command(subcommand)]
    Queues(queues::Queues),
    /// Events that wait for their handlers
    #[command(subcommand)]
    Deliveries(queues::Deliveries),
    /// What becomes of events
    #[command(subcommand)]
    Events(events::Events),
    /// Events that were given up
    #[command(subcommand, visible_alias = "dlq")]
    DeadLetters(dead_letters::DeadLetters),
    /// Apps
    #[command(subcommand)]
    Apps(apps::Apps),
    /// Domains of an app
    #[command(subcommand)]
    Domains(domains::Domains),
    /// Environment variables of an app
    #[command(subcommand)]
    Env(env::Env),
    /// API tokens
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// Show an app in the browser
    Open(apps::OpenArgs),
    /// Show the server: version, database, limits
    System,
    /// Show who is calling which server
    Whoami,
    /// Sign in to a server with an API token
    Login(login::LoginArgs),
    /// Forget the token of a server
    Logout(login::LogoutArgs),
    /// Servers signed in to
    #[command(subcommand)]
    Profile(login::Profiles),
    /// Print the completions of a shell
    Completions {
        /// The shell
        shell: clap_complete::Shell,
    },
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
