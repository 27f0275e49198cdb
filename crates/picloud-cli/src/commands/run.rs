//! `pic run`: runs a draft on the server without deploying it.

use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use shared::api::{RunHttp, RunRequest, RunResponse, RunResult};
use shared::name::{FunctionName, ScriptName};

use super::invoke::RequestArgs;
use super::logs;
use crate::context::Context;
use crate::diagnostics;
use crate::error::{Failure, Outcome};
use crate::sources::Source;
use crate::text::clean;
use crate::ui::Paint;

/// Which draft, and with what request.
#[derive(Debug, Args)]
#[command(
    after_help = "The draft runs with the app's modules, environment and data; what it writes \
                        is written. The exit status is 1 when it fails."
)]
pub(crate) struct RunArgs {
    /// The draft; `-` is standard input
    draft: PathBuf,
    /// Run it in the place of this script; else named after its file
    #[arg(long, value_name = "SCRIPT")]
    script: Option<ScriptName>,
    /// Call this function; else the top level runs
    #[arg(long, value_name = "FUNCTION")]
    handler: Option<FunctionName>,
    /// The path of the request
    #[arg(long, default_value = "/")]
    path: String,
    /// A path parameter; may be repeated
    #[arg(long = "param", value_name = "NAME=VALUE", value_parser = param)]
    params: Vec<(String, String)>,
    #[command(flatten)]
    request: RequestArgs,
}

fn param(text: &str) -> Result<(String, String), String> {
    let pair = text.split_once('=');
    let (name, value) = pair.ok_or_else(|| "write a parameter like id=7".to_owned())?;
    Ok((name.to_owned(), value.to_owned()))
}

/// `pic run`.
pub(crate) fn run(context: &Context, args: &RunArgs) -> Outcome {
    let source = if args.draft.as_os_str() == "-" {
        Source::stdin()?
    } else {
        Source::file(&args.draft)?
    };
    let (body, body_base64) = match String::from_utf8(args.request.bytes()?) {
        Ok(text) => (args.request.body.is_some().then_some(text), None),
        Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
    };
    let name = name(args)?;
    let client = context.client()?;
    let app = context.app_for_script(&client)?;
    if Context::find_app(&client, &app)?.is_none() {
        return Err(
            Failure::new(format!("there is no app `{app}` to run it in"))
                .next("`pic deploy` makes an app, and so does `pic apps create NAME`"),
        );
    }
    let query = args
        .request
        .query
        .as_deref()
        .map(|q| format!("?{}", q.trim_start_matches('?')));
    let request = RunRequest {
        source: Some(source.text.clone()),
        handler: args.handler.clone(),
        request: Some(RunHttp {
            method: Some(args.request.method()),
            path: Some(format!("{}{}", args.path, query.unwrap_or_default())),
            headers: args.request.headers.iter().cloned().collect(),
            params: args.params.iter().cloned().collect(),
            body,
            body_base64,
        }),
    };
    let result: RunResult = client.post(&format!("/apps/{app}/scripts/{name}/run"), &request)?;
    show(context, &name, &source, &result)
}

fn name(args: &RunArgs) -> Outcome<ScriptName> {
    if let Some(name) = &args.script {
        return Ok(name.clone());
    }
    let stem = args.draft.file_stem().and_then(|stem| stem.to_str());
    let stem = stem.filter(|stem| *stem != "-").unwrap_or("draft");
    stem.parse().map_err(|error: shared::name::NameError| {
        Failure::usage(error.to_string()).next("give a name with --script NAME")
    })
}

fn show(context: &Context, name: &ScriptName, source: &Source, result: &RunResult) -> Outcome {
    let ui = context.ui;
    let failed = result.error.is_some();
    if ui.json {
        ui.answer(result)?;
        return if failed {
            Err(Failure::Answered)
        } else {
            Ok(())
        };
    }
    for line in &result.logs {
        ui.say(logs::line_text(line, ui.err));
    }
    if let Some(error) = &result.error {
        let find = |script: &str| (script == name.as_str()).then_some(source);
        ui.say(diagnostics::why(ui.err, name.as_str(), error, find));
    }
    if let Some(response) = &result.response {
        let kind = response
            .headers
            .get("content-type")
            .cloned()
            .unwrap_or_default();
        let head = format!("{} {}", response.status, clean(&kind));
        ui.say(ui.err.paint(Paint::Bold, head.trim_end()));
        let body = body_of(response)?;
        ui.body(&body)?;
        ui.end_of_body(&body)?;
    }
    let used = format!(
        "{:.1} ms, processor {:.1} ms, {} operations, {} KiB of memory, {} host calls",
        result.duration_ms,
        result.cpu_ms,
        result.operations,
        result.memory_peak >> 10,
        result.host_calls
    );
    ui.say(ui.err.paint(Paint::Dim, &used));
    if failed {
        Err(Failure::Answered)
    } else {
        Ok(())
    }
}

/// The bytes of a body.
fn body_of(response: &RunResponse) -> Outcome<Vec<u8>> {
    match (&response.body, &response.body_base64) {
        (Some(text), _) => Ok(text.as_bytes().to_vec()),
        (None, Some(base64)) => STANDARD
            .decode(base64)
            .map_err(|error| Failure::new(format!("the server sent a body that is none: {error}"))),
        (None, None) => Ok(Vec::new()),
    }
}
