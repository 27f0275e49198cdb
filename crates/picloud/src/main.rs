//! PiCloud: manager, orchestrator and executor in one program.

mod commands;
mod error;
mod listeners;
mod local;
mod serve;
mod stopping;
mod welcome;
mod wire;

use std::io::Write as _;
use std::process::ExitCode;

use clap::{Parser, Subcommand};
use executor_core::{MeteredAlloc, Mimalloc};
use node::config::ConfigArgs;

/// Counts what scripts allocate; everything else passes through.
#[global_allocator]
static ALLOC: MeteredAlloc<Mimalloc> = MeteredAlloc(Mimalloc);

/// Self-hosted serverless platform: upload a Rhai script, get an HTTP endpoint
#[derive(Debug, Parser)]
#[command(name = "picloud", version, arg_required_else_help = false)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    config: ConfigArgs,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Start the server (the default)
    Serve(ConfigArgs),
    /// Bring the database to this program's schema and exit
    Migrate(ConfigArgs),
    /// Work with the configuration
    Config {
        #[command(subcommand)]
        command: ConfigCommand,
    },
    /// Ask the server with this configuration whether it is ready; exit status 0 when it is
    Healthcheck(ConfigArgs),
    /// Print the OpenAPI document of the admin API
    Openapi,
    /// Print the version
    Version,
}

#[derive(Debug, Subcommand)]
enum ConfigCommand {
    /// Print every setting with its value and where it comes from
    Show(ConfigArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let done = match cli.command {
        None => serve::serve(&cli.config),
        Some(Command::Serve(args)) => serve::serve(&args),
        Some(Command::Migrate(args)) => commands::migrate(&args),
        Some(Command::Config {
            command: ConfigCommand::Show(args),
        }) => commands::show(&args),
        Some(Command::Healthcheck(args)) => commands::healthcheck(&args),
        Some(Command::Openapi) => commands::print(&manager_core::openapi_json()),
        Some(Command::Version) => {
            commands::print(concat!("picloud ", env!("CARGO_PKG_VERSION"), "\n"))
        }
    };
    match done {
        Ok(code) => code,
        Err(error) => {
            // Nobody is left to tell when stderr is closed.
            drop(writeln!(std::io::stderr(), "picloud: {error}"));
            ExitCode::FAILURE
        }
    }
}
