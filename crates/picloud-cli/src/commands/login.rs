//! `pic login`, `logout`, `whoami` and `profile`.

use clap::{Args, Subcommand};
use serde::Serialize;
use shared::api::Me;

use crate::address::Address;
use crate::client::{Client, Token};
use crate::context::Context;
use crate::discovery;
use crate::error::{Failure, Outcome};
use crate::profiles::{Profile, Profiles as Stored};
use crate::prompt;
use crate::session;
use crate::text::clean;
use crate::ui::Paint;

/// Where to sign in.
#[derive(Debug, Args)]
#[command(
    after_help = "The token comes from standard input, or is asked for without echo. \
                        `pic tokens create` on the server makes one."
)]
pub(crate) struct LoginArgs {
    /// The server, like http://pi.local:8080
    #[arg(value_name = "URL")]
    server: Option<Address>,
    /// Call the profile this; else its host
    #[arg(long, value_name = "NAME")]
    name: Option<String>,
}

/// Which server to forget.
#[derive(Debug, Args)]
pub(crate) struct LogoutArgs {
    /// The profile; else the chosen one
    name: Option<String>,
}

/// Servers signed in to.
#[derive(Debug, Subcommand)]
pub(crate) enum Profiles {
    /// List them
    #[command(visible_alias = "list")]
    Ls,
    /// Choose one
    Use {
        /// Its name
        name: String,
    },
}

/// `pic login`.
pub(crate) fn login(context: &Context, args: &LoginArgs) -> Outcome {
    let ui = context.ui;
    let address = match (&args.server, &context.connection.url) {
        (Some(address), _) | (None, Some(address)) => address.clone(),
        (None, None) => session::target(&context.connection, &context.env)?.address,
    };
    let asked = address;
    let mut profiles = Stored::load(&context.env)?;
    let ask = || Token::parse(&prompt::secret("token")?);
    // People are told before they give a token where it will go.
    let piped = if prompt::can_ask() {
        None
    } else {
        Some(ask()?)
    };
    let address = discovery::control_plane(&asked)?;
    if piped.is_none() || !address.same_host(&asked) {
        ui.note(format!("signing in at {address}"));
    }
    let token = match piped {
        Some(token) => token,
        None => ask()?,
    };
    let advice = "check the token, and that this server issued it".to_owned();
    let client = Client::new(address.clone(), Some(token.clone()), advice);
    let me: Me = client.get("/me")?;
    let name = args.name.clone().unwrap_or_else(|| asked.authority());
    profiles.keep(&Profile {
        name: name.clone(),
        address: address.clone(),
        asked: Some(asked),
        token,
    })?;
    if ui.json {
        return ui.answer(&Who::of(&address, &name, me));
    }
    let email = clean(&me.email);
    ui.line(format!(
        "signed in at {address} as {email}; profile {name} is chosen"
    ))?;
    Ok(())
}

/// `pic logout`.
pub(crate) fn logout(context: &Context, args: &LogoutArgs) -> Outcome {
    let mut profiles = Stored::load(&context.env)?;
    let given = args
        .name
        .as_deref()
        .or(context.connection.profile.as_deref());
    let Some(name) = given.or(profiles.current()).map(str::to_owned) else {
        return Err(
            Failure::new("no profile is chosen, so there is nothing to forget")
                .next("`pic profile ls` shows the profiles; `pic logout NAME` forgets one"),
        );
    };
    profiles.forget(&name)?;
    let value = serde_json::json!({ "forgotten": name });
    context.ui.done(
        &value,
        format!("the token of {} is forgotten here", clean(&name)),
    )?;
    context.ui.note("`pic tokens revoke` ends it on the server");
    Ok(())
}

/// Who calls which server.
#[derive(Serialize)]
struct Who {
    url: String,
    with: String,
    #[serde(flatten)]
    me: Me,
}

impl Who {
    fn of(address: &Address, with: &str, me: Me) -> Self {
        Self {
            url: address.to_string(),
            with: with.to_owned(),
            me,
        }
    }
}

/// `pic whoami`.
pub(crate) fn whoami(context: &Context) -> Outcome {
    let target = session::target(&context.connection, &context.env)?;
    let client = session::connect(&context.connection, &context.env)?;
    let me: Me = client.get("/me")?;
    let who = Who::of(client.address(), &target.origin.to_string(), me);
    let ui = context.ui;
    if ui.json {
        return ui.answer(&who);
    }
    ui.line(format!("server  {}", who.url))?;
    ui.line(format!(
        "person  {} ({})",
        clean(&who.me.email),
        clean(&who.me.role)
    ))?;
    ui.line(format!("with    {}", who.with))?;
    if let Some(token) = &who.me.token {
        let app = token.app.as_ref().map(ToString::to_string);
        let scopes = super::tokens::scopes_text(&token.scopes);
        let app = app.unwrap_or_else(|| "all apps".to_owned());
        ui.line(format!("token   {} ({scopes}; {app})", clean(&token.name)))?;
        if let Some(end) = &token.expires_at {
            ui.line(format!("until   {end}"))?;
        }
    }
    Ok(())
}

/// A profile without its token.
#[derive(Serialize)]
struct Shown {
    name: String,
    url: String,
    chosen: bool,
}

/// `pic profile …`.
pub(crate) fn profile(context: &Context, command: &Profiles) -> Outcome {
    let ui = context.ui;
    let mut profiles = Stored::load(&context.env)?;
    if let Profiles::Use { name } = command {
        profiles.choose(name)?;
        let value = serde_json::json!({ "chosen": name });
        return ui.done(&value, format!("{} is chosen", clean(name)));
    }
    let mut shown = Vec::new();
    for name in profiles.names() {
        shown.push(Shown {
            name: name.to_owned(),
            url: profiles.get(name)?.address.to_string(),
            chosen: profiles.current() == Some(name),
        });
    }
    if ui.json {
        return ui.answer(&serde_json::json!({ "items": shown }));
    }
    if shown.is_empty() {
        ui.note("there are no profiles; `pic login URL` makes one");
        return Ok(());
    }
    for profile in shown {
        let mark = if profile.chosen { "*" } else { " " };
        let line = format!("{mark} {}  {}", profile.name, profile.url);
        let paint = if profile.chosen {
            Paint::Bold
        } else {
            Paint::Dim
        };
        ui.line(ui.out.paint(paint, &line))?;
    }
    Ok(())
}
