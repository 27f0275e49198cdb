//! The small commands: each does one thing and exits.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::ExitCode;
use std::time::Duration;

use node::config::{Config, ConfigArgs, Environment, Layers};
use store::Store;

use crate::error::CommandError;
use crate::listeners::reachable;
use crate::wire::store_config;

/// How long a health check waits for each step.
const PATIENCE: Duration = Duration::from_secs(5);

/// Prints text to stdout.
pub(crate) fn print(text: &str) -> Result<ExitCode, CommandError> {
    let mut out = std::io::stdout().lock();
    let written = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    written.map_err(CommandError::io("cannot write to stdout"))?;
    Ok(ExitCode::SUCCESS)
}

/// `picloud config show`: also checks the values, so that a wrong one is found here.
pub(crate) fn show(args: &ConfigArgs) -> Result<ExitCode, CommandError> {
    let layers = Layers::gather(args, &Environment::of_process())?;
    Config::check(&layers)?;
    print(&layers.show())
}

/// `picloud migrate`.
pub(crate) fn migrate(args: &ConfigArgs) -> Result<ExitCode, CommandError> {
    let config = Config::check(&Layers::gather(args, &Environment::of_process())?)?;
    node::telemetry::init(&config.log)?;
    let store = Store::open(&store_config(&config))?;
    store.close();
    print("the database has this program's schema\n")
}

/// `picloud healthcheck`: for containers, which have no curl.
pub(crate) fn healthcheck(args: &ConfigArgs) -> Result<ExitCode, CommandError> {
    let config = Config::check(&Layers::gather(args, &Environment::of_process())?)?;
    let address = reachable(config.listen);
    let status =
        ask(address).map_err(CommandError::io(format!("no server answers on {address}")))?;
    if status.contains(" 200 ") {
        return print("ready\n");
    }
    let status = status.lines().next().unwrap_or_default();
    Err(CommandError::Service(format!(
        "the server on {address} is not ready: {status}"
    )))
}

fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect_timeout(&address, PATIENCE)?;
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.write_all(b"GET /readyz HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n")?;
    let mut answer = [0; 64];
    let length = stream.read(&mut answer)?;
    Ok(String::from_utf8_lossy(&answer[..length]).into_owned())
}
