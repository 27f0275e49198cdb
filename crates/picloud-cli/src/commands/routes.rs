//! `pic routes`.

use clap::Subcommand;
use shared::api::{App, MatchRequest, MatchResult, Page, Route, Trigger};
use shared::name::{AppSlug, FunctionName};
use shared::release::{Cors, RouteAuth, RouteMode, RouteSpec};
use shared::routing::Method;
use shared::trigger::{Source, TriggerSpec, WebhookSource};

use super::triggers::handler;
use crate::client::Client;
use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::text::clean;
use crate::ui::Paint;

/// Routes of an app.
#[derive(Debug, Subcommand)]
pub(crate) enum Routes {
    /// List them
    #[command(visible_alias = "list")]
    Ls,
    /// Show which route would answer a request
    Match {
        /// The method
        #[arg(value_parser = method)]
        method: Method,
        /// The path, without query
        path: String,
    },
}

/// A method in any case.
pub(crate) fn method(text: &str) -> Result<Method, String> {
    let method: Result<Method, _> = text.to_ascii_uppercase().parse();
    match method {
        Ok(Method::Any) => Err("ANY is not the method of a request".to_owned()),
        Ok(method) => Ok(method),
        Err(error) => Err(error.to_string()),
    }
}

/// Names of the columns of [`row`].
const HEAD: [&str; 6] = ["METHOD", "PATH", "SCRIPT", "FOR", "ANSWER", "CORS"];

/// A route as a row.
fn row(route: &RouteSpec) -> Vec<String> {
    let function = route.handler.as_ref().map(FunctionName::as_str);
    let auth = match route.auth {
        RouteAuth::Public => "everybody",
        RouteAuth::Token => "token holders",
    };
    vec![
        route.method.to_string(),
        route.path.to_string(),
        handler(route.script.as_str(), function),
        auth.to_owned(),
        match route.mode {
            RouteMode::Sync => "the script's",
            RouteMode::Async => "202 at once",
        }
        .to_owned(),
        route.cors.as_ref().map(cors).unwrap_or_default(),
    ]
}

/// Who else may read answers.
fn cors(rules: &Cors) -> String {
    let origins = rules.origins.join(", ");
    if rules.credentials {
        origins + " (with cookies)"
    } else {
        origins
    }
}

/// `pic routes …`.
pub(crate) fn run(context: &Context, command: &Routes) -> Outcome {
    match command {
        Routes::Ls => list(context),
        Routes::Match { method, path } => preview(context, *method, path),
    }
}

/// The webhooks of an app, which answer requests too.
fn webhooks(client: &Client, app: &AppSlug) -> Outcome<Vec<(TriggerSpec, WebhookSource)>> {
    let page: Page<Trigger> = client.get(&format!("/apps/{app}/triggers"))?;
    let found = page.items.into_iter().filter_map(|trigger| {
        let spec = trigger.spec;
        match &spec.source {
            Source::Webhook(webhook) => Some((spec.clone(), webhook.clone())),
            _ => None,
        }
    });
    Ok(found.collect())
}

/// A webhook as a row, like [`row`].
fn webhook_row(spec: &TriggerSpec, webhook: &WebhookSource) -> Vec<String> {
    let function = spec.handler.as_ref().map(FunctionName::as_str);
    vec![
        Method::Post.to_string(),
        webhook.path.to_string(),
        handler(spec.script.as_str(), function),
        format!("signed calls ({})", webhook.provider().as_str()),
        "202 when stored".to_owned(),
        String::new(),
    ]
}

fn list(context: &Context) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let page: Page<Route> = client.get(&format!("/apps/{app}/routes"))?;
    if context.ui.json {
        return context.ui.answer(&page);
    }
    let webhooks = webhooks(&client, &app)?;
    if page.items.is_empty() && webhooks.is_empty() {
        context.ui.note(format!("{app} has no routes"));
        return Ok(());
    }
    let routes = page.items.iter().map(|route| {
        let mut row = row(&route.route);
        row.push(route.url.clone());
        row
    });
    let mut rows: Vec<Vec<String>> = routes.collect();
    if !webhooks.is_empty() {
        let url = client.get::<App>(&format!("/apps/{app}"))?.url;
        let base = url.trim_end_matches('/');
        rows.extend(webhooks.iter().map(|(spec, webhook)| {
            let mut row = webhook_row(spec, webhook);
            row.push(format!("{base}{}", webhook.path));
            row
        }));
    }
    let head: Vec<&str> = HEAD.into_iter().chain(["URL"]).collect();
    context.ui.table(&head, &rows)?;
    Ok(())
}

fn preview(context: &Context, method: Method, path: &str) -> Outcome {
    let client = context.client()?;
    let app = context.app(&client)?;
    let request = MatchRequest {
        method,
        path: path.to_owned(),
    };
    let result: MatchResult = client.post(&format!("/apps/{app}/routes/match"), &request)?;
    let ui = context.ui;
    if ui.json {
        ui.answer(&result)?;
        let answers = result.route.is_some() || result.trigger.is_some();
        return if answers {
            Ok(())
        } else {
            Err(Failure::Answered)
        };
    }
    let found = match (&result.route, &result.trigger) {
        (Some(route), _) => Some(row(route)),
        (None, Some(trigger)) => {
            let mut webhooks = webhooks(&client, &app)?.into_iter();
            let called = webhooks.find(|(spec, _)| spec.key() == *trigger);
            called.map(|(spec, webhook)| webhook_row(&spec, &webhook))
        }
        (None, None) => None,
    };
    let Some(found) = found else {
        let failure = Failure::new(format!("no route of {app} answers {method} {path}"));
        let names: Vec<_> = result.allow.iter().map(|method| method.as_str()).collect();
        return Err(if names.is_empty() {
            failure.next("`pic routes ls` shows the routes")
        } else {
            failure.next(format!("the path answers {}", names.join(", ")))
        });
    };
    ui.table(&HEAD, &[found])?;
    for (name, value) in &result.params {
        let line = format!("  {name} = {}", clean(value));
        ui.line(ui.out.paint(Paint::Note, &line))?;
    }
    Ok(())
}
