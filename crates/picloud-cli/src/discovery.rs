//! Where a server's control plane is. Apps answer on one address, the control plane on another, and
//! either says where that is. It is asked without a token: an app must never get one.

use shared::api::WellKnown;
use shared::routing::WELL_KNOWN;
use ureq::http::StatusCode;

use crate::address::Address;
use crate::client::{Client, agent};
use crate::error::{Failure, Outcome};

/// Most bytes of the answer.
const MOST: u64 = 64 << 10;

/// The address of the control plane of the server at `asked`.
pub(crate) fn control_plane(asked: &Address) -> Outcome<Address> {
    let answer = agent(asked).get(format!("{asked}{WELL_KNOWN}")).call();
    let mut answer = answer.map_err(|error| Client::away(asked, &error))?;
    let unlike = || {
        Failure::new(format!("no PiCloud answers at {asked}"))
            .next("the server prints its address behind `Dashboard` when it starts")
    };
    if answer.status() != StatusCode::OK {
        return Err(unlike());
    }
    let body = answer.body_mut().with_config().limit(MOST).read_to_vec();
    let found: WellKnown = serde_json::from_slice(&body.map_err(|_broken| unlike())?)
        .map_err(|_other_json| unlike())?;
    let admin: Address = found.admin_url.parse().map_err(|_other_text| unlike())?;
    if asked.is_https() && !admin.is_https() {
        return Err(Failure::new(format!(
            "{asked} says that its control plane is at {admin}, where a token would travel in clear"
        ))
        .next("set `admin_url` of the server, or name the control plane's address itself"));
    }
    Ok(admin)
}
