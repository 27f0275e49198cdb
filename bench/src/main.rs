//! Measures PiCloud by ratios: ours and a baseline in turn, in one run on one machine.
//!
//! `bench/README.md` explains every row; `make bench` runs them.

mod baseline;
mod client;
mod error;
mod machine;
mod proc;
mod report;
mod rows;
mod server;
mod stats;
mod wrk;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Measures PiCloud beside baselines.
#[derive(Debug, Parser)]
struct Args {
    #[command(subcommand)]
    command: Option<Command>,
    /// Only this row; may be given several times
    #[arg(long = "id", value_name = "ROW")]
    ids: Vec<String>,
    /// Pairs of measurements for ratios
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=100))]
    pairs: u32,
    /// Seconds of one measurement
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=60))]
    seconds: u32,
    /// Where the report goes
    #[arg(long, default_value = "target/bench/report.json", value_name = "FILE")]
    report: PathBuf,
    /// Keep a dated copy of the report in this folder
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the baselines
    Baseline(baseline::BaselineArgs),
}

fn main() -> ExitCode {
    let args = Args::parse();
    let result = match args.command {
        Some(Command::Baseline(ref args)) => baseline::run(args),
        None => rows::run(&rows::Plan {
            ids: args.ids,
            pairs: args.pairs,
            seconds: args.seconds,
            report: args.report,
            keep: args.keep,
        }),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            report::say(&format!("bench: {error}"));
            ExitCode::FAILURE
        }
    }
}
