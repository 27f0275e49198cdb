//! Which server is meant and which token it gets. Flags, then environment, then the chosen profile,
//! then the server of this machine and user. A token goes to the server that issued it, and to no
//! other, whatever names the server.

use std::fmt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::address::Address;
use crate::client::{Client, Token};
use crate::connection::Connection;
use crate::discovery;
use crate::environment::Environment;
use crate::error::{Failure, Outcome};
use crate::private;
use crate::profiles::{Profile, Profiles};

/// Where a token comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Origin {
    /// `PICLOUD_TOKEN`.
    Environment,
    /// A profile.
    Profile(String),
    /// A file of a server on this machine.
    Local(PathBuf),
    /// Nowhere.
    Nowhere,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Environment => f.write_str("PICLOUD_TOKEN"),
            Self::Profile(name) => write!(f, "profile {name}"),
            Self::Local(path) => write!(f, "local credential {}", path.display()),
            Self::Nowhere => f.write_str("no token"),
        }
    }
}

/// A server and a token for it.
#[derive(Clone, Debug)]
pub(crate) struct Target {
    /// The server.
    pub(crate) address: Address,
    /// Whether that is its control plane; else it must be asked where that is.
    found: bool,
    /// The token.
    pub(crate) token: Option<Token>,
    /// Where the token comes from.
    pub(crate) origin: Origin,
}

/// What a server leaves for its own user.
#[derive(Deserialize)]
struct LocalFile {
    url: String,
    apps_url: Option<String>,
    token: String,
}

/// A server of this machine.
struct Local {
    target: Target,
    /// Where its apps answer.
    apps: Option<Address>,
}

impl Local {
    /// Whether an address is one of its.
    fn is_at(&self, address: &Address) -> bool {
        let own = |own: &Address| own == address || own.same_local(address);
        own(&self.target.address) || self.apps.as_ref().is_some_and(own)
    }
}

fn local(path: &Path) -> Outcome<Option<Local>> {
    let Some(text) = private::read(path)? else {
        return Ok(None);
    };
    let broken = |why: String| Failure::new(format!("{} cannot be read: {why}", path.display()));
    let file: LocalFile = serde_json::from_str(&text).map_err(|e| broken(e.to_string()))?;
    let apps = file.apps_url.map(|url| url.parse()).transpose();
    Ok(Some(Local {
        target: Target {
            address: file.url.parse().map_err(broken)?,
            found: true,
            token: Some(Token::parse(&file.token)?),
            origin: Origin::Local(path.to_owned()),
        },
        apps: apps.map_err(broken)?,
    }))
}

/// The server of this machine and user that was started last.
fn newest(env: &Environment) -> Outcome<Option<Local>> {
    match env.state() {
        Some(state) => local(&state.join("local.json")),
        None => Ok(None),
    }
}

fn of_data(data: &Path) -> Outcome<Target> {
    let local = local(&data.join("credentials.json"))?;
    local.map(|local| local.target).ok_or_else(|| {
        Failure::new(format!(
            "no server runs with its data in {}",
            data.display()
        ))
        .next("start it with `picloud serve --data DIR`, or `pic dev` for an app's folder")
    })
}

/// A server by its address, with the token that belongs to it.
fn named(address: Address, env: &Environment) -> Outcome<Target> {
    if let Some(token) = environment_token(env, Some(&address))? {
        return Ok(Target {
            address,
            found: false,
            token: Some(token),
            origin: Origin::Environment,
        });
    }
    if env.config().is_some()
        && let Some(profile) = Profiles::load(env)?.of_server(&address)
    {
        return Ok(Target::of_profile(profile));
    }
    let local = newest(env)?.filter(|local| local.is_at(&address));
    Ok(local.map_or(
        Target {
            address,
            found: false,
            token: None,
            origin: Origin::Nowhere,
        },
        |local| local.target,
    ))
}

/// `PICLOUD_TOKEN`, if it belongs to this server. It was issued by the server of `PICLOUD_URL`;
/// without that, by the one a flag names.
fn environment_token(env: &Environment, address: Option<&Address>) -> Outcome<Option<Token>> {
    let Some(token) = env.get("PICLOUD_TOKEN") else {
        return Ok(None);
    };
    let issuer = env.get("PICLOUD_URL").map(parse_variable).transpose()?;
    match (issuer, address) {
        (Some(issuer), Some(address)) if issuer != *address => Ok(None),
        (None, None) => Err(
            Failure::usage("PICLOUD_TOKEN is set, but not for which server")
                .next("set PICLOUD_URL too, or unset PICLOUD_TOKEN"),
        ),
        _ => Token::parse(token).map(Some),
    }
}

fn parse_variable(url: &str) -> Outcome<Address> {
    url.parse()
        .map_err(|error| Failure::usage(format!("PICLOUD_URL: {error}")))
}

/// The server a command line means, with its token if there is one.
pub(crate) fn target(connection: &Connection, env: &Environment) -> Outcome<Target> {
    if let Some(data) = &connection.data {
        return of_data(data);
    }
    if let Some(name) = &connection.profile {
        return Ok(Target::of_profile(Profiles::load(env)?.get(name)?));
    }
    if let Some(url) = &connection.url {
        return named(url.clone(), env);
    }
    if let Some(url) = env.get("PICLOUD_URL") {
        return named(parse_variable(url)?, env);
    }
    environment_token(env, None)?;
    if env.config().is_some()
        && let Some(profile) = Profiles::load(env)?.chosen()?
    {
        return Ok(Target::of_profile(profile));
    }
    let newest = newest(env)?.map(|local| local.target);
    newest.ok_or_else(|| {
        Failure::new("there is no server to talk to: none runs on this machine as this user, and none is signed in to")
            .next("start one with `picloud serve`, or sign in to one with `pic login http://HOST:8080`")
    })
}

impl Target {
    fn of_profile(profile: Profile) -> Self {
        Self {
            found: profile.asked.is_some(),
            address: profile.address,
            token: Some(profile.token),
            origin: Origin::Profile(profile.name),
        }
    }

    /// The same server by the address of its control plane. A token goes to the host it was issued
    /// for, on whichever port, and to no other that this one names.
    fn found(self) -> Outcome<Self> {
        if self.found {
            return Ok(self);
        }
        let address = discovery::control_plane(&self.address)?;
        if self.token.is_some() && !address.same_host(&self.address) {
            return Err(Failure::new(format!(
                "the control plane of {} is at {address}, and the token of {} is sent to no other \
                 host than its own",
                self.address, self.origin
            ))
            .next(format!(
                "name {address} instead, if the token is of that server"
            )));
        }
        Ok(Self {
            address,
            found: true,
            ..self
        })
    }

    /// A client without a look at whether there is a token.
    pub(crate) fn client(self) -> Outcome<Client> {
        let found = self.found()?;
        let address = &found.address;
        let sign_in = match &found.origin {
            Origin::Local(path) => format!(
                "{} is of a server that has stopped; start it again, or `pic login {address}`",
                path.display()
            ),
            Origin::Environment => "PICLOUD_TOKEN is not a token of that server".to_owned(),
            Origin::Profile(name) => {
                format!("the token of profile `{name}` has ended; `pic login {address}`")
            }
            Origin::Nowhere => format!("`pic login {address}`"),
        };
        Ok(Client::new(found.address, found.token, sign_in))
    }
}

/// A client that is signed in.
pub(crate) fn connect(connection: &Connection, env: &Environment) -> Outcome<Client> {
    let target = target(connection, env)?;
    if target.token.is_none() {
        let address = &target.address;
        let other = env.get("PICLOUD_TOKEN").is_some();
        let why = if other {
            "; PICLOUD_TOKEN belongs to the server of PICLOUD_URL and is sent to no other"
        } else {
            ""
        };
        return Err(Failure::new(format!("not signed in at {address}{why}"))
            .next(format!("`pic login {address}`")));
    }
    target.client()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn connection(url: Option<&str>) -> Connection {
        Connection {
            url: url.map(|url| url.parse().unwrap()),
            ..Connection::default()
        }
    }

    #[test]
    fn a_token_of_the_environment_goes_to_its_server_only() {
        let env = Environment::of([
            ("PICLOUD_URL", "http://a.example"),
            ("PICLOUD_TOKEN", "pic_x"),
        ]);
        let at_home = target(&connection(None), &env).unwrap();
        assert_eq!(at_home.origin, Origin::Environment);
        let same = target(&connection(Some("http://a.example:80/")), &env).unwrap();
        assert_eq!(same.origin, Origin::Environment);
        for other in [
            "http://b.example",
            "https://a.example",
            "http://a.example:81",
        ] {
            let elsewhere = target(&connection(Some(other)), &env).unwrap();
            assert_eq!(elsewhere.token, None, "{other}");
        }
    }

    #[test]
    fn a_token_without_a_server_is_not_sent_to_a_guess() {
        let env = Environment::of([("PICLOUD_TOKEN", "pic_x")]);
        assert!(target(&connection(None), &env).is_err());
        let named = target(&connection(Some("http://a.example")), &env).unwrap();
        assert_eq!(named.origin, Origin::Environment);
    }
}
