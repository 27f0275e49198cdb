//! The commands.

use clap::CommandFactory as _;

use crate::args::{Cli, Command};
use crate::context::Context;
use crate::error::Outcome;

pub(crate) mod apps;
pub(crate) mod check;
pub(crate) mod dead_letters;
pub(crate) mod deploy;
pub(crate) mod dev;
pub(crate) mod diff;
pub(crate) mod domains;
pub(crate) mod env;
pub(crate) mod events;
pub(crate) mod executions;
pub(crate) mod init;
pub(crate) mod invoke;
pub(crate) mod login;
pub(crate) mod logs;
pub(crate) mod queues;
pub(crate) mod releases;
pub(crate) mod routes;
pub(crate) mod run;
pub(crate) mod scripts;
pub(crate) mod system;
pub(crate) mod tokens;
pub(crate) mod triggers;

/// Does what the command line says.
pub(crate) fn run(context: &Context, command: &Command) -> Outcome {
    match command {
        Command::Deploy(args) => deploy::run(context, args),
        Command::Rollback(args) => releases::rollback(context, args),
        Command::Releases(command) => releases::run(context, command),
        Command::Diff(args) => diff::run(context, args),
        Command::Versions(args) => scripts::versions(context, args),
        Command::Dev(args) => dev::run(context, args),
        Command::Init(args) => init::run(context, args),
        Command::New(args) => init::new(context, args),
        Command::Check(args) => check::run(context, args),
        Command::Invoke(args) => invoke::run(context, args),
        Command::Run(args) => run::run(context, args),
        Command::Logs(args) => logs::run(context, args),
        Command::Executions(command) => executions::run(context, command),
        Command::Scripts(command) => scripts::run(context, command),
        Command::Routes(command) => routes::run(context, command),
        Command::Triggers(command) => triggers::run(context, command),
        Command::Cron(command) => triggers::cron(context, command),
        Command::Queues(command) => queues::run(context, command),
        Command::Deliveries(command) => queues::deliveries(context, command),
        Command::Events(command) => events::run(context, command),
        Command::DeadLetters(command) => dead_letters::run(context, command),
        Command::Apps(command) => apps::run(context, command),
        Command::Domains(command) => domains::run(context, command),
        Command::Env(command) => env::run(context, command),
        Command::Tokens(command) => tokens::run(context, command),
        Command::Open(args) => apps::open(context, args),
        Command::System => system::run(context),
        Command::Whoami => login::whoami(context),
        Command::Login(args) => login::login(context, args),
        Command::Logout(args) => login::logout(context, args),
        Command::Profile(command) => login::profile(context, command),
        Command::Completions { shell } => {
            let mut text = Vec::new();
            clap_complete::generate(*shell, &mut Cli::command(), "pic", &mut text);
            context.ui.content(&text)
        }
    }
}
