//! `pic invoke`: calls a script that is live.

use std::collections::BTreeMap;
use std::io::Read as _;
use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clap::Args;
use serde::Serialize;
use shared::error::{ERROR_PAGES, Problem, code};
use shared::limits::fixed;
use shared::routing::Method;
use ureq::http::Response;

use super::routes::method;
use crate::context::Context;
use crate::error::{Failure, Outcome};
use crate::sources;
use crate::subject::OfScript;
use crate::text::clean;
use crate::ui::Paint;

/// Most bytes of an answer that is read whole; the highest limit of a response.
const MOST: u64 = 64 << 20;

/// A request for a script.
#[derive(Clone, Debug, Args)]
pub(crate) struct RequestArgs {
    /// Method; GET, or POST with -d
    #[arg(short = 'X', long = "request", value_name = "METHOD", value_parser = method)]
    pub(crate) method: Option<Method>,
    /// A header, like 'Accept: text/plain'; may be repeated
    #[arg(short = 'H', long = "header", value_name = "NAME: VALUE", value_parser = header)]
    pub(crate) headers: Vec<(String, String)>,
    /// The body: text, @FILE, or @- for standard input
    #[arg(
        short = 'd',
        long,
        value_name = "TEXT|@FILE",
        allow_hyphen_values = true
    )]
    pub(crate) body: Option<String>,
    /// The query, like name=Ada
    #[arg(long, value_name = "QUERY")]
    pub(crate) query: Option<String>,
}

/// Which script, and what to send.
#[derive(Debug, Args)]
#[command(
    after_help = "The script's body goes to standard output. The exit status is 1 when the \
                        script answers with 400 or more."
)]
pub(crate) struct InvokeArgs {
    #[command(flatten)]
    of: OfScript,
    #[command(flatten)]
    request: RequestArgs,
    /// Print status and headers before the body
    #[arg(short, long)]
    include: bool,
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| "write a header like 'Accept: text/plain'".to_owned())?;
    let name = name.trim().to_ascii_lowercase();
    if name == "authorization" {
        return Err("`pic` signs in itself, and the script does not see Authorization".to_owned());
    }
    Ok((name, value.trim().to_owned()))
}

impl RequestArgs {
    /// The body's bytes.
    pub(crate) fn bytes(&self) -> Outcome<Vec<u8>> {
        let most = fixed::BODY_BYTES as u64;
        let bytes = match self
            .body
            .as_deref()
            .map(|body| (body, body.strip_prefix('@')))
        {
            None => Vec::new(),
            Some((_, Some("-"))) => sources::stdin(most + 1)?,
            Some((_, Some(file))) => sources::read(Path::new(file), most + 1)?,
            Some((text, None)) => text.as_bytes().to_vec(),
        };
        if bytes.len() as u64 > most {
            let most = most >> 20;
            return Err(Failure::new(format!("the body is larger than {most} MiB")));
        }
        Ok(bytes)
    }

    /// The method, or what a request with this body has by itself.
    pub(crate) fn method(&self) -> Method {
        let default = if self.body.is_some() {
            Method::Post
        } else {
            Method::Get
        };
        self.method.unwrap_or(default)
    }
}

/// `pic invoke`.
pub(crate) fn run(context: &Context, args: &InvokeArgs) -> Outcome {
    let body = args.request.bytes()?;
    let client = context.client()?;
    let app = context.app(&client)?;
    let name = &args.of.script;
    let query = args
        .request
        .query
        .as_deref()
        .map(|q| format!("?{}", q.trim_start_matches('?')));
    let path = format!(
        "/apps/{app}/scripts/{name}/invoke{}",
        query.unwrap_or_default()
    );
    let method = args.request.method().as_str().parse();
    let method = method.map_err(|_never| Failure::usage("this is not a method"))?;
    let mut response = client.send(method, &path, &args.request.headers, body)?;
    let status = response.status();
    let problem = is_problem(&response)
        .then(|| read(&mut response))
        .transpose()?;
    if let Some(failure) = problem.as_deref().and_then(refusal) {
        return Err(super::scripts::known(&client, &app, name, failure));
    }
    let ui = context.ui;
    if ui.json {
        let body = problem.map_or_else(|| read(&mut response), Ok)?;
        ui.answer(&whole(&response, body))?;
    } else {
        if args.include {
            head(context, &response)?;
        } else if status.as_u16() >= 400 {
            ui.say(ui.err.paint(Paint::Bold, &status.to_string()));
        }
        match problem {
            Some(body) => {
                ui.body(&body)?;
                ui.end_of_body(&body)?;
            }
            None => stream(context, response)?,
        }
    }
    if status.as_u16() >= 500 {
        ui.note("the reason is in `pic executions ls` and `pic logs`");
    }
    if status.as_u16() >= 400 {
        return Err(Failure::Answered);
    }
    Ok(())
}

/// Status and headers, as they were asked for, and the line that ends them.
fn head(context: &Context, response: &Response<ureq::Body>) -> Outcome {
    let out = context.ui.out;
    let mut lines = vec![out.paint(Paint::Bold, &response.status().to_string())];
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes());
        let name = out.paint(Paint::Dim, name.as_str());
        lines.push(format!("{name}: {}", clean(&value)));
    }
    lines.push(String::new());
    context.ui.line(lines.join("\n"))
}

fn is_problem(response: &Response<ureq::Body>) -> bool {
    let kind = response.headers().get("content-type");
    kind.is_some_and(|kind| kind.as_bytes().starts_with(b"application/problem+json"))
}

fn broke_off(error: impl std::fmt::Display) -> Failure {
    Failure::new(format!("the answer broke off: {error}"))
}

/// Writes the body as it comes.
fn stream(context: &Context, response: Response<ureq::Body>) -> Outcome {
    let body = response.into_body().into_with_config().limit(u64::MAX);
    let mut from = body.reader();
    let mut piece = vec![0; 64 << 10];
    let mut last = None;
    loop {
        let read = from.read(&mut piece).map_err(broke_off)?;
        if read == 0 {
            return context.ui.end_of_body(last.as_slice());
        }
        context.ui.body(&piece[..read])?;
        last = piece[..read].last().copied();
    }
}

/// All of the body.
fn read(response: &mut Response<ureq::Body>) -> Outcome<Vec<u8>> {
    let body = response.body_mut().with_config().limit(MOST).read_to_vec();
    body.map_err(broke_off)
}

/// The platform's own refusal, if the body is one: what the script did is the script's answer.
fn refusal(body: &[u8]) -> Option<Failure> {
    let problem: Problem = serde_json::from_slice(body).ok()?;
    let by_script = [
        code::THROWN,
        code::SCRIPT_FAILED,
        code::SCRIPT_LIMIT,
        code::SCRIPT_TIMEOUT,
    ];
    let page = format!("{ERROR_PAGES}/{}", problem.code);
    let own = problem.type_.ends_with(&page) && !by_script.contains(&problem.code.as_str());
    own.then(|| Failure::Refused {
        problem: Box::new(problem),
        next: None,
    })
}

/// An answer, as `--json` shows it.
#[derive(Serialize)]
struct Whole<'a> {
    status: u16,
    headers: BTreeMap<&'a str, Vec<String>>,
    body: Option<String>,
    body_base64: Option<String>,
}

fn whole(response: &Response<ureq::Body>, body: Vec<u8>) -> Whole<'_> {
    let mut headers: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for (name, value) in response.headers() {
        let value = String::from_utf8_lossy(value.as_bytes()).into_owned();
        headers.entry(name.as_str()).or_default().push(value);
    }
    let (body, body_base64) = match String::from_utf8(body) {
        Ok(text) => (Some(text), None),
        Err(error) => (None, Some(STANDARD.encode(error.as_bytes()))),
    };
    Whole {
        status: response.status().as_u16(),
        headers,
        body,
        body_base64,
    }
}
