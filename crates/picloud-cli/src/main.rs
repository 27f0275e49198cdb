//! `pic`: the PiCloud command line. It speaks HTTP with the server and nothing else.

use std::process::ExitCode;

use clap::Parser as _;

mod address;
mod args;
mod client;
mod commands;
mod connection;
mod context;
mod diagnostics;
mod environment;
mod error;
mod linediff;
mod private;
mod profiles;
mod project;
mod prompt;
mod release;
mod report;
mod session;
mod sources;
mod sse;
mod subject;
mod ui;

fn main() -> ExitCode {
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Nobody is left to tell when the output is closed.
            drop(error.print());
            return ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2));
        }
    };
    let env = environment::Environment::of_process();
    shared::zone::use_machines(env.get("TZDIR").map(std::path::Path::new));
    let ui = ui::Ui::new(cli.json, &env);
    let context = context::Context {
        ui,
        env,
        connection: cli.connection,
    };
    match cli.command.run(&context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report::failure(ui, &failure),
    }
}
