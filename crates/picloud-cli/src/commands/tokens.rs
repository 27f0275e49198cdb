//! `pic tokens`.

use clap::{Args, Subcommand};
use shared::api::{CreateTokenRequest, CreatedToken, Scope, TokenView};
use shared::error::code;
use shared::id::TokenId;

use crate::context::Context;
use crate::error::Outcome;
use crate::text::clean;
use crate::ui::Paint;

/// API tokens.
#[derive(Debug, Subcommand)]
pub(crate) enum Tokens {
    /// List them
    #[command(visible_alias = "list")]
    Ls,
    /// Make one; its secret is printed on standard output, once
    Create(CreateArgs),
    /// End one at once
    Revoke {
        /// Its id, as `pic tokens ls` shows it
        id: TokenId,
    },
}

/// A new token.
#[derive(Debug, Args)]
#[command(after_help = "With --app it is for that app only.")]
pub(crate) struct CreateArgs {
    /// What it is for
    name: String,
    /// What it may do: read, deploy, invoke, admin
    #[arg(long = "scope", value_name = "SCOPE", value_delimiter = ',', default_value = "deploy", value_parser = scope)]
    scopes: Vec<Scope>,
    /// Days until it ends; 90 when absent
    #[arg(long, value_name = "DAYS")]
    days: Option<u32>,
}

fn scope(text: &str) -> Result<Scope, String> {
    serde_json::from_value(serde_json::Value::from(text))
        .map_err(|_unknown| "a scope is read, deploy, invoke or admin".to_owned())
}

/// Scopes as people read them.
pub(crate) fn scopes_text(scopes: &[Scope]) -> String {
    let name = |scope: &Scope| match scope {
        Scope::Read => "read",
        Scope::Deploy => "deploy",
        Scope::Invoke => "invoke",
        Scope::Admin => "admin",
    };
    scopes.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// `pic tokens …`.
pub(crate) fn run(context: &Context, command: &Tokens) -> Outcome {
    match command {
        Tokens::Ls => list(context),
        Tokens::Create(args) => create(context, args),
        Tokens::Revoke { id } => {
            context.client()?.delete(&format!("/tokens/{id}"))?;
            let value = serde_json::json!({ "revoked": id });
            context.ui.done(&value, format!("{id} is over"))
        }
    }
}

fn list(context: &Context) -> Outcome {
    let page = context.client()?.list::<TokenView>("/tokens", usize::MAX)?;
    if context.ui.json {
        return context.ui.answer(&page);
    }
    if page.items.is_empty() {
        context
            .ui
            .say("there are no tokens; `pic tokens create NAME` makes one");
        return Ok(());
    }
    let when = |time: &Option<String>, absent: &str| {
        time.as_deref()
            .map_or_else(|| absent.to_owned(), super::logs::short_time)
    };
    let row = |token: &TokenView| {
        let app = token.app.as_ref().map(ToString::to_string);
        vec![
            token.id.to_string(),
            token.name.clone(),
            scopes_text(&token.scopes),
            app.unwrap_or_else(|| "all".to_owned()),
            when(&token.expires_at, "never"),
            when(&token.last_used_at, "never"),
        ]
    };
    let rows: Vec<_> = page.items.iter().map(row).collect();
    context
        .ui
        .table(&["ID", "NAME", "SCOPES", "APP", "ENDS", "USED"], &rows)?;
    Ok(())
}

fn create(context: &Context, args: &CreateArgs) -> Outcome {
    let client = context.client()?;
    let request = CreateTokenRequest {
        name: args.name.clone(),
        scopes: args.scopes.clone(),
        app: context.subject.app.clone(),
        expires_in_days: args.days,
    };
    let created: CreatedToken = client.post("/tokens", &request).map_err(|failure| {
        if failure.code() == Some(code::NO_OWNER) {
            failure.next("the server printed the address for that when it started: Setup …")
        } else {
            failure
        }
    })?;
    let ui = context.ui;
    if ui.json {
        return ui.answer(&created);
    }
    let scopes = scopes_text(&created.token.scopes);
    let line = format!(
        "{} ({scopes}); this is the only time it is shown:",
        clean(&created.token.name)
    );
    ui.say(ui.err.paint(Paint::Bold, &line));
    ui.line(&created.secret)
}
