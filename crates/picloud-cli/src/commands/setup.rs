//! `pic setup`: makes the owner account of a new server.

use clap::Args;
use shared::api::{Me, SetupRequest};

use crate::address::Address;
use crate::client::Client;
use crate::context::Context;
use crate::discovery;
use crate::error::{Failure, Outcome};
use crate::prompt;
use crate::text::clean;

/// What comes before the token in the address a server prints.
const MARK: &str = "/setup?token=";

/// The address with the one-time token, and whose account it makes.
#[derive(Debug, Args)]
#[command(after_help = "The password comes from standard input, or is asked for without echo.")]
pub(crate) struct SetupArgs {
    /// What the server printed behind `Dashboard` when it started
    #[arg(value_name = "URL", value_parser = printed)]
    printed: Printed,
    /// The owner's e-mail address
    #[arg(long, value_name = "ADDRESS")]
    email: String,
}

/// An address with a token. It has no `Display`: it is a secret.
#[derive(Clone)]
struct Printed {
    address: Address,
    token: String,
}

impl std::fmt::Debug for Printed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Printed({})", self.address)
    }
}

fn printed(text: &str) -> Result<Printed, String> {
    let (address, token) = text.split_once(MARK).ok_or_else(|| {
        "it is not the address with `/setup?token=` that the server printed".to_owned()
    })?;
    Ok(Printed {
        address: address.parse()?,
        token: token.to_owned(),
    })
}

/// `pic setup`.
pub(crate) fn run(context: &Context, args: &SetupArgs) -> Outcome {
    let ui = context.ui;
    let address = discovery::control_plane(&args.printed.address)?;
    if !address.same_host(&args.printed.address) {
        return Err(Failure::new(format!(
            "the control plane of {} is at {address}, another host",
            args.printed.address
        ))
        .next("use the address the server printed"));
    }
    let client = Client::new(address, None, String::new());
    let request = SetupRequest {
        token: args.printed.token.clone(),
        email: args.email.clone(),
        password: prompt::secret("new password")?,
    };
    let owner: Me = client.post("/setup", &request)?;
    if ui.json {
        return ui.answer(&owner);
    }
    ui.say(format!(
        "{} owns {} now",
        clean(&owner.email),
        client.address()
    ));
    Ok(())
}
