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
mod discovery;
mod dotenv;
mod environment;
mod error;
mod finding;
mod linediff;
mod plan;
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
mod text;
mod ui;

fn main() -> ExitCode {
    let env = environment::Environment::of_process();
    let cli = match args::Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return unreadable(&env, &error),
    };
    shared::zone::use_machines(env.get("TZDIR").map(std::path::Path::new));
    let ui = ui::Ui::new(cli.json, &env);
    let context = context::Context {
        ui,
        env,
        connection: cli.connection,
        subject: cli.subject,
    };
    match cli.command.run(&context) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => report::failure(ui, &failure),
    }
}

/// The command line asks for help, or cannot be read.
fn unreadable(env: &environment::Environment, error: &clap::Error) -> ExitCode {
    let for_a_program = std::env::args_os().any(|argument| argument == "--json");
    if error.use_stderr() && for_a_program {
        return report::usage(ui::Ui::new(true, env), error);
    }
    // Nobody is left to tell when the output is closed.
    drop(error.print());
    ExitCode::from(u8::try_from(error.exit_code()).unwrap_or(2))
}
