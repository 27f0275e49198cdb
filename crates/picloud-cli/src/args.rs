//! The command line: every command and its arguments.

use clap::{CommandFactory as _, Parser, Subcommand};

use crate::commands::{
    apps, audit, check, dead_letters, deploy, dev, diff, domains, env, events, executions, find,
    init, invoke, kv, login, logs, queues, releases, routes, run, scripts, setup, system, tokens,
    triggers,
};
use crate::connection::Connection;
use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::subject::OfApp;

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
    /// Which app.
    #[command(flatten)]
    pub(crate) subject: OfApp,
    /// Answer for a program: JSON on standard output
    #[arg(long, global = true)]
    pub(crate) json: bool,
    /// What to do.
    #[command(subcommand)]
    pub(crate) command: Command,
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
    /// Show what has an id, whatever it is and in whichever app
    Find(find::FindArgs),
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
    /// Events: what waits for its handler, and what became of one
    #[command(subcommand, visible_alias = "deliveries")]
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
    /// Keys and values of an app
    #[command(subcommand)]
    Kv(kv::Kv),
    /// API tokens
    #[command(subcommand)]
    Tokens(tokens::Tokens),
    /// Show an app in the browser
    Open(apps::OpenArgs),
    /// Show the server: version, database, limits
    System,
    /// Show who changed what on the server
    Audit(audit::AuditArgs),
    /// Show who is calling which server
    Whoami,
    /// Make the owner account of a new server
    Setup(setup::SetupArgs),
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

impl Command {
    /// Does it.
    pub(crate) fn run(&self, context: &Context) -> Outcome {
        if let (Some(app), false) = (&context.subject.app, self.is_about_an_app()) {
            return Err(Failure::usage(format!(
                "this command is about no single app, so `--app {app}` says nothing to it"
            ))
            .next("leave it out"));
        }
        match self {
            Self::Deploy(args) => deploy::run(context, args),
            Self::Rollback(args) => releases::rollback(context, args),
            Self::Releases(command) => releases::run(context, command),
            Self::Diff(args) => diff::run(context, args),
            Self::Versions(args) => scripts::versions(context, args),
            Self::Dev(args) => dev::run(context, args),
            Self::Init(args) => init::run(context, args),
            Self::New(args) => init::new(context, args),
            Self::Check(args) => check::run(context, args),
            Self::Invoke(args) => invoke::run(context, args),
            Self::Run(args) => run::run(context, args),
            Self::Logs(args) => logs::run(context, args),
            Self::Executions(command) => executions::run(context, command),
            Self::Find(args) => find::run(context, args),
            Self::Scripts(command) => scripts::run(context, command),
            Self::Routes(command) => routes::run(context, command),
            Self::Triggers(command) => triggers::run(context, command),
            Self::Cron(command) => triggers::cron(context, command),
            Self::Queues(command) => queues::run(context, command),
            Self::Events(command) => events::run(context, command),
            Self::DeadLetters(command) => dead_letters::run(context, command),
            Self::Apps(command) => apps::run(context, command),
            Self::Domains(command) => domains::run(context, command),
            Self::Env(command) => env::run(context, command),
            Self::Kv(command) => kv::run(context, command),
            Self::Audit(args) => audit::run(context, args),
            Self::Tokens(command) => tokens::run(context, command),
            Self::Open(args) => apps::open(context, args),
            Self::System => system::run(context),
            Self::Whoami => login::whoami(context),
            Self::Setup(args) => setup::run(context, args),
            Self::Login(args) => login::login(context, args),
            Self::Logout(args) => login::logout(context, args),
            Self::Profile(command) => login::profile(context, command),
            Self::Completions { shell } => {
                let mut text = Vec::new();
                clap_complete::generate(*shell, &mut Cli::command(), "pic", &mut text);
                context.ui.content(&text)
            }
        }
    }

    /// Whether it has a use for `--app`.
    const fn is_about_an_app(&self) -> bool {
        !matches!(
            self,
            Self::Apps(_)
                | Self::Tokens(tokens::Tokens::Ls | tokens::Tokens::Revoke { .. })
                | Self::Cron(_)
                | Self::Dev(_)
                | Self::New(_)
                | Self::System
                | Self::Audit(_)
                | Self::Whoami
                | Self::Login(_)
                | Self::Logout(_)
                | Self::Profile(_)
                | Self::Completions { .. }
        )
    }
}
