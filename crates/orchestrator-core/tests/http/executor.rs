//! An executor whose "language" is one command per source: `text hi`, `echo`, `hang`, …

use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};

use bytes::Bytes;
use http::{HeaderMap, HeaderValue, StatusCode};
use shared::clock::Timestamp;
use shared::invocation::{
    BodyStream, Completion, Farewell, HttpInput, Invocation, LogLevel, LogLine, Outcome, Pieces,
    ResponseBody, ScriptImage, ScriptResponse, StreamItem,
};
use shared::script_error::{LimitKind, PublicError, ScriptError, ScriptErrorKind};
use shared::seam::{BoxFuture, Executor, Kept, LocalExecution, SentExecution, Silent};
use tokio::sync::Semaphore;

#[derive(Clone)]
pub(crate) struct Fake {
    /// A permit for every run of `hang` and `stream` that has begun.
    pub(crate) started: Arc<Semaphore>,
    /// A permit lets one of them go on.
    pub(crate) release: Arc<Semaphore>,
    /// A permit for every one of them that was dropped before.
    pub(crate) cancelled: Arc<Semaphore>,
    /// Sources compiled ahead.
    pub(crate) warmed: Arc<Mutex<Vec<String>>>,
    /// A permit for every `slow` source that is being compiled.
    pub(crate) compiling: Arc<Semaphore>,
    /// A permit lets one of them be compiled.
    pub(crate) compile: Arc<Semaphore>,
}

impl Default for Fake {
    fn default() -> Self {
        let none = || Arc::new(Semaphore::new(0));
        Self {
            started: none(),
            release: none(),
            cancelled: none(),
            warmed: Arc::default(),
            compiling: none(),
            compile: none(),
        }
    }
}

struct CancelGuard(Option<Arc<Semaphore>>);

impl Drop for CancelGuard {
    fn drop(&mut self) {
        if let Some(cancelled) = self.0.take() {
            cancelled.add_permits(1);
        }
    }
}

impl Fake {
    async fn wait(&self) {
        let mut guard = CancelGuard(Some(Arc::clone(&self.cancelled)));
        self.started.add_permits(1);
        self.release.acquire().await.unwrap().forget();
        guard.0 = None;
    }

    async fn run(self, invocation: Box<Invocation>) -> Outcome {
        let source = Arc::clone(&invocation.script.source);
        let (command, rest) = source.split_once(' ').unwrap_or((&source, ""));
        match command {
            "text" | "slow" => answer("text/plain; charset=utf-8", rest.to_owned()),
            "html" => answer("Text/HTML", rest.to_owned()),
            "release" => answer("text/plain", format!("{rest} env={:?}", invocation.app.env)),
            "echo" => answer("application/json", echo(invocation.http().unwrap())),
            "hang" => {
                self.wait().await;
                answer("text/plain", "done".to_owned())
            }
            "stream" | "cut" => stream(self, command == "cut"),
            "log" => {
                let mut outcome = answer("text/plain", "logged".to_owned());
                outcome.completion.logs.push(LogLine {
                    at: Timestamp(5),
                    level: LogLevel::Warn,
                    message: rest.to_owned(),
                    fields: None,
                });
                outcome
            }
            "headers" => headers(),
            "status" => {
                let (status, body) = rest.split_once(' ').unwrap_or((rest, ""));
                let mut outcome = answer("text/plain", body.to_owned());
                let status = StatusCode::from_u16(status.parse().unwrap()).unwrap();
                outcome.response.as_mut().unwrap().status = status;
                outcome
            }
            "fail" => Outcome::failed(failure(rest)),
            "panic" => panic!("a defect of the executor"),
            other => panic!("no such command: {other}"),
        }
    }
}

fn answer(kind: &'static str, body: String) -> Outcome {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static(kind));
    Outcome {
        response: Some(ScriptResponse {
            status: StatusCode::OK,
            headers,
            body: ResponseBody::Full(body.into()),
        }),
        completion: Completion::default(),
    }
}

fn echo(http: &HttpInput) -> String {
    serde_json::json!({
        "method": http.method.as_str(),
        "uri": http.uri.to_string(),
        "host": &*http.host,
        "scheme": http.scheme,
        "ip": http.ip.to_string(),
        "params": http.params,
        "body": http.body.len(),
        "cookies": cookies(http),
        "host_header": http.headers.get("host").map(|host| host.to_str().unwrap()),
    })
    .to_string()
}

fn cookies(http: &HttpInput) -> Vec<&str> {
    let all = http.headers.get_all("cookie").iter();
    all.map(|value| value.to_str().unwrap()).collect()
}

fn headers() -> Outcome {
    let mut outcome = answer("text/plain", "x".to_owned());
    let headers = &mut outcome.response.as_mut().unwrap().headers;
    for (name, value) in [
        ("content-length", "999"),
        ("transfer-encoding", "chunked"),
        ("connection", "upgrade"),
        ("access-control-allow-origin", "*"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    for cookie in [
        "sid=1",
        "__Host-picloud_session=evil; Path=/; Secure",
        " picloud_session=evil",
        "=picloud_session=evil",
        "__host-PICLOUD_SESSION=evil",
    ] {
        headers.append("set-cookie", HeaderValue::from_static(cookie));
    }
    outcome
}

fn failure(what: &str) -> ScriptError {
    let kind = match what {
        "wall" => ScriptErrorKind::Limit(LimitKind::Wall),
        "memory" => ScriptErrorKind::Limit(LimitKind::Memory),
        "internal" => ScriptErrorKind::Internal,
        "compile" => ScriptErrorKind::Compile,
        "runtime" => ScriptErrorKind::Runtime,
        "host" => ScriptErrorKind::Host,
        "cancelled" => ScriptErrorKind::Cancelled,
        "overloaded" => ScriptErrorKind::Overloaded,
        "suspended" => ScriptErrorKind::Suspended,
        _ => ScriptErrorKind::Thrown,
    };
    let mut error = ScriptError::new(kind, "secret detail in line 7");
    if what == "public" {
        error.public = Some(Box::new(PublicError {
            status: 404,
            message: "no such order".to_owned(),
        }));
    }
    error
}

struct Steps(Step, bool);

impl Pieces for Steps {
    fn abandon(self: Pin<Box<Self>>, told: Farewell) {
        drop(self);
        told(Outcome::cancelled().completion);
    }
}

impl futures_core::Stream for Steps {
    type Item = StreamItem;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<StreamItem>> {
        if self.1 {
            return Poll::Ready(None);
        }
        match self.0.as_mut().poll(cx) {
            Poll::Pending => Poll::Pending,
            Poll::Ready((item, next)) => {
                match next {
                    Some(next) => self.0 = after(next),
                    None => self.1 = true,
                }
                Poll::Ready(Some(item))
            }
        }
    }
}

type Step = Pin<Box<dyn Future<Output = (StreamItem, Option<BodyStream>)> + Send>>;

fn after(mut next: BodyStream) -> Step {
    Box::pin(async move {
        let item = std::future::poll_fn(|cx| next.as_mut().poll_next(cx)).await;
        (item.unwrap(), Some(next))
    })
}

fn piece(
    step: impl Future<Output = (StreamItem, Option<BodyStream>)> + Send + 'static,
) -> BodyStream {
    Box::pin(Steps(Box::pin(step), false))
}

/// `a`, then after a permit `b`, then the end.
fn stream(fake: Fake, cut: bool) -> Outcome {
    let error = cut.then(|| ScriptError::new(ScriptErrorKind::Runtime, "broke"));
    let end = piece(async move {
        let completion = Completion {
            error,
            ..Completion::default()
        };
        (StreamItem::End(Box::new(completion)), None)
    });
    let second = piece(async move {
        fake.wait().await;
        (StreamItem::Chunk(Bytes::from_static(b"b")), Some(end))
    });
    let first = piece(async move { (StreamItem::Chunk(Bytes::from_static(b"a")), Some(second)) });
    let mut outcome = answer("text/plain", String::new());
    outcome.response.as_mut().unwrap().body = ResponseBody::Stream(first);
    outcome
}

impl Executor for Fake {
    fn execute(&self, invocation: Box<Invocation>) -> LocalExecution {
        self.submit(invocation)
    }

    fn submit(&self, invocation: Box<Invocation>) -> SentExecution {
        Box::pin(Silent(Box::pin(self.clone().run(invocation))))
    }

    fn warm(&self, script: Arc<ScriptImage>) -> BoxFuture<Result<Kept, ScriptError>> {
        self.warmed.lock().unwrap().push(script.source.to_string());
        let fake = self.clone();
        Box::pin(async move {
            if script.source.starts_with("slow ") {
                fake.compiling.add_permits(1);
                fake.compile.acquire().await.unwrap().forget();
            }
            Ok(Kept::default())
        })
    }
}
