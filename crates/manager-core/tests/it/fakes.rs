//! What stands behind the seams in these tests.

use std::collections::BTreeMap;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use manager_core::{AttemptEvent, Attempts, Tail, TailEvent};
use shared::clock::SharedClock;
use shared::error::{Error, Kind, code};
use shared::event::Cause;
use shared::id::{AppId, ContentHash, ExecutionId};
use shared::invocation::{
    AppContext, Completion, Farewell, LogLevel, LogLine, Outcome, Pieces, ResponseBody,
    ScriptImage, ScriptResponse, StreamItem, TriggerKind, Usage,
};
use shared::record::ExecutionRecord;
use shared::script_error::{
    Diagnostic, Frame, LimitKind, PublicError, ScriptError, ScriptErrorKind, Severity,
};
use shared::seam::{
    BoxFuture, Catalog, Checked, DirectOutcome, DirectRun, Raised, Runner, ScriptGraph,
    ScriptValidator,
};
use store::{Store, StoreError, deployment};

/// Remembers what it was told to serve.
pub(crate) struct FakeCatalog {
    pub(crate) store: Store,
    pub(crate) live: Mutex<BTreeMap<AppId, deployment::Deployment>>,
    pub(crate) broken: Mutex<bool>,
}

impl Catalog for Arc2<FakeCatalog> {
    fn caught_up(&self, Raised { app, .. }: Raised) -> BoxFuture<Result<(), Error>> {
        let this = Arc::clone(&self.0);
        Box::pin(async move {
            if *this.broken.lock().unwrap() {
                return Err(Error::new(Kind::Unavailable, code::INTERNAL, "broken"));
            }
            let loaded = this.store.read(move |conn| deployment::load(conn, app));
            let loaded = loaded
                .await
                .map_err(|_error: StoreError| Error::internal())?;
            let mut live = this.live.lock().unwrap();
            match loaded {
                Some(loaded) => drop(live.insert(app, loaded)),
                None => drop(live.remove(&app)),
            }
            Ok(())
        })
    }
}

/// A local type, so that foreign traits can be implemented for shared fakes.
pub(crate) struct Arc2<T>(pub(crate) Arc<T>);

/// Refuses sources with `REJECT`, warns about `WARN`, and panics at `PANIC`.
pub(crate) struct FakeValidator;

impl ScriptValidator for FakeValidator {
    fn validate(&self, graph: ScriptGraph) -> BoxFuture<Checked> {
        let all = graph
            .scripts
            .iter()
            .map(|s| (s.name.clone(), Arc::clone(&s.source)));
        let all = all.chain(graph.modules.iter().cloned());
        let mut found = Vec::new();
        for (script, source) in all {
            assert!(!source.contains("PANIC"), "the validator has a defect");
            let finding = |severity, message: &str| Diagnostic {
                severity,
                script: script.clone(),
                line: 1,
                column: 1,
                message: message.to_owned(),
                hint: None,
            };
            if source.contains("REJECT") {
                found.push(finding(Severity::Error, "rejected"));
            }
            if source.contains("WARN") {
                found.push(finding(Severity::Warning, "look at this"));
            }
        }
        for script in &graph.scripts {
            for handler in &script.handlers {
                if !script.source.contains(handler.as_str()) {
                    found.push(Diagnostic {
                        severity: Severity::Error,
                        script: script.name.clone(),
                        line: 0,
                        column: 0,
                        message: format!("no function {handler}"),
                        hint: None,
                    });
                }
            }
        }
        Box::pin(async move { Checked::of(found) })
    }
}

/// Runs nothing; what it answers depends on a word in the source. Keeps records until a test stores
/// them.
pub(crate) struct FakeRunner {
    pub(crate) catalog: Arc<FakeCatalog>,
    pub(crate) clock: SharedClock,
    pub(crate) log: Mutex<Vec<ExecutionRecord>>,
}

fn failed(kind: ScriptErrorKind, public: Option<PublicError>) -> Outcome {
    let mut error = ScriptError::new(kind, "it broke\nbadly");
    error.frames.push(Frame {
        function: "main".to_owned(),
        script: "hello".to_owned(),
        line: 1,
        column: 2,
    });
    error.public = public.map(Box::new);
    Outcome::failed(error)
}

fn completion() -> Completion {
    Completion {
        error: None,
        usage: Usage {
            operations: 7,
            ..Usage::default()
        },
        logs: vec![
            LogLine {
                at: shared::clock::Timestamp(1),
                level: LogLevel::Info,
                message: "hello log".to_owned(),
                fields: Some(r#"{"n":1}"#.to_owned()),
            },
            LogLine {
                at: shared::clock::Timestamp(2),
                level: LogLevel::Error,
                message: "100% wrong".to_owned(),
                fields: None,
            },
        ],
        told: 0,
    }
}

fn echo(run: &DirectRun) -> Bytes {
    let http = &run.http;
    let headers: BTreeMap<String, String> = http
        .headers
        .iter()
        .map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        })
        .collect();
    let value = serde_json::json!({
        "script": run.script,
        "draft": run.draft.as_deref(),
        "method": http.method.as_str(),
        "uri": http.uri.to_string(),
        "host": &*http.host,
        "ip": http.ip.to_string(),
        "headers": headers,
        "params": http.params.iter().cloned().collect::<BTreeMap<_, _>>(),
        "body": String::from_utf8_lossy(&http.body),
        "handler": run.handler.as_ref().map(ToString::to_string),
    });
    serde_json::to_vec(&value).unwrap().into()
}

fn respond(run: &DirectRun, source: &str) -> Outcome {
    let has = |word: &str| source.contains(word);
    if has("RUNTIME") {
        return failed(ScriptErrorKind::Runtime, None);
    }
    if has("TIMEOUT") {
        return failed(ScriptErrorKind::Limit(LimitKind::Wall), None);
    }
    if has("THROW") {
        let message = "no such order".to_owned();
        let public = PublicError {
            status: 404,
            message,
        };
        return failed(ScriptErrorKind::Thrown, Some(public));
    }
    let mut headers = http::HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let mut status = http::StatusCode::OK;
    let mut answer_completion = completion();
    let body = if has("STREAM") {
        let items = vec![
            StreamItem::Chunk(Bytes::from_static(b"one ")),
            StreamItem::Chunk(Bytes::from_static(b"two")),
            StreamItem::End(Box::new(completion())),
        ];
        answer_completion = Completion::default();
        ResponseBody::Stream(Box::pin(Items(items.into_iter())))
    } else if has("BINARY") {
        ResponseBody::Full(Bytes::from_static(&[0xFF, 0x00]))
    } else if has("BARE404") {
        headers.clear();
        status = http::StatusCode::NOT_FOUND;
        ResponseBody::Full(Bytes::new())
    } else if has("NASTY") {
        headers.insert("content-type", "text/html".parse().unwrap());
        headers.append("set-cookie", "picloud_session=stolen".parse().unwrap());
        headers.append("clear-site-data", "\"*\"".parse().unwrap());
        ResponseBody::Full(Bytes::from_static(b"<script>"))
    } else {
        ResponseBody::Full(echo(run))
    };
    Outcome {
        response: Some(ScriptResponse {
            status,
            headers,
            body,
        }),
        completion: answer_completion,
    }
}

struct Items(std::vec::IntoIter<StreamItem>);

impl tokio_stream::Stream for Items {
    type Item = StreamItem;

    fn poll_next(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<StreamItem>> {
        Poll::Ready(self.0.next())
    }
}

impl Pieces for Items {
    fn abandon(self: Pin<Box<Self>>, told: Farewell) {
        told(completion());
    }
}

impl FakeRunner {
    /// The source to run, as an image with its release.
    fn image(&self, run: &DirectRun) -> Option<(i64, ScriptImage)> {
        let live = self.catalog.live.lock().unwrap();
        let app = live.get(&run.app)?;
        let served = app.snapshot.scripts.get(&run.script);
        let served = served.map(|spec| (spec.version, app.sources[&spec.hash].as_str()));
        let draft = run.draft.as_deref().map(|draft| (0, draft));
        let (version, source) = draft.or(served)?;
        let image = ScriptImage {
            app: run.app,
            name: run.script.clone(),
            version,
            hash: ContentHash::of(source.as_bytes()),
            source: source.into(),
            modules: Arc::default(),
        };
        Some((app.release, image))
    }

    fn record(&self, run: &DirectRun, (release, image): (i64, ScriptImage), outcome: &Outcome) {
        let mut completion = outcome.completion.clone();
        if let Some(ResponseBody::Stream(_)) = outcome.response.as_ref().map(|r| &r.body) {
            completion = self::completion();
        }
        let at = self.clock.now();
        let id = ExecutionId::new(at);
        self.log.lock().unwrap().push(ExecutionRecord {
            id,
            request: run.request,
            app: Arc::new(AppContext {
                id: run.app,
                slug: "shop".parse().unwrap(),
                env: BTreeMap::new(),
            }),
            script: Arc::new(image),
            release,
            trigger: TriggerKind::Manual,
            target: Some((run.http.method.clone(), run.http.uri.path().to_owned())),
            status: outcome.response.as_ref().map_or(500, |r| r.status.as_u16()),
            started_at: at,
            completion,
            cause: Cause::first(id),
            attempt: 1,
        });
    }
}

impl Runner for Arc2<FakeRunner> {
    fn run(&self, run: DirectRun) -> BoxFuture<Result<DirectOutcome, Error>> {
        let Some((release, image)) = self.0.image(&run) else {
            let error = Error::new(Kind::NotFound, code::NOT_FOUND, "no such script");
            return Box::pin(std::future::ready(Err(error)));
        };
        let outcome = respond(&run, &image.source);
        self.0.record(&run, (release, image), &outcome);
        let execution = self.0.log.lock().unwrap().last().unwrap().id;
        Box::pin(std::future::ready(Ok(DirectOutcome { execution, outcome })))
    }
}

/// A live tail that shows what a test put there, and ends.
pub(crate) fn tail(events: Arc<Mutex<Vec<TailEvent>>>) -> Tail {
    Arc::new(move |_app, wanted| {
        let mut events = events.lock().unwrap().clone();
        events.retain(|event| !matches!(event, TailEvent::Line(row) if !wanted(row)));
        Box::pin(tokio_stream::iter(events))
    })
}

/// The same for attempts at events.
pub(crate) fn attempts_tail(events: Arc<Mutex<Vec<AttemptEvent>>>) -> Attempts {
    Arc::new(move |_app, wanted| {
        let mut events = events.lock().unwrap().clone();
        events.retain(|event| !matches!(event, AttemptEvent::Ended(record) if !wanted(record)));
        Box::pin(tokio_stream::iter(events))
    })
}
