//! What stands for the limit: bare hyper with one runtime per core, doing in Rust what the scripts
//! do.

mod data;

use std::convert::Infallible;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::Duration;

use bytes::Bytes;
use http::header::{CONTENT_TYPE, HeaderValue, USER_AGENT};
use http::{Request, Response, StatusCode};
use http_body_util::{BodyExt as _, Full};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use serde::{Deserialize, Serialize};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::TcpListener;
use tokio::task::{LocalSet, spawn_local};

use crate::error::Result;
use data::Data;

/// How to serve the baselines.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct BaselineArgs {
    /// Port on the loopback interface
    #[arg(long)]
    port: u16,
    /// Threads, each with a runtime of its own
    #[arg(long, default_value_t = 1)]
    workers: usize,
    /// Directory for its databases
    #[arg(long)]
    data: PathBuf,
}

/// Serves until it is killed.
pub(crate) fn run(args: &BaselineArgs) -> Result<()> {
    let data = Data::create(&args.data)?;
    let address = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::LOCALHOST, args.port));
    let threads: Vec<_> = (0..args.workers.max(1))
        .map(|_| {
            let data = data.clone();
            std::thread::spawn(move || worker(address, data).map_err(|e| e.to_string()))
        })
        .collect();
    for thread in threads {
        thread.join().map_err(|_panic| "a worker panicked")??;
    }
    Ok(())
}

fn worker(address: SocketAddr, data: Data) -> Result<()> {
    let listener = listen(address)?;
    let data = Rc::new(data.reader()?);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()?;
    LocalSet::new().block_on(&runtime, async move {
        let listener = TcpListener::from_std(listener)?;
        loop {
            let (stream, _) = listener.accept().await?;
            stream.set_nodelay(true)?;
            let data = Rc::clone(&data);
            spawn_local(async move {
                let service = service_fn(move |request| answer(request, Rc::clone(&data)));
                // The settings PiCloud's ingress has.
                let connection = http1::Builder::new()
                    .timer(TokioTimer::new())
                    .header_read_timeout(Duration::from_secs(30))
                    .max_buf_size(64 << 10)
                    .serve_connection(TokioIo::new(stream), service);
                // A connection that breaks is the client's affair.
                drop(connection.await);
            });
        }
    })
}

fn listen(address: SocketAddr) -> Result<std::net::TcpListener> {
    let socket = Socket::new(
        Domain::for_address(address),
        Type::STREAM,
        Some(Protocol::TCP),
    )?;
    socket.set_reuse_address(true)?;
    socket.set_reuse_port(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(4_096)?;
    Ok(socket.into())
}

type Answer = Response<Full<Bytes>>;

async fn answer(
    request: Request<Incoming>,
    data: Rc<data::Reader>,
) -> std::result::Result<Answer, Infallible> {
    let result = match request.uri().path() {
        "/hello" => Ok(text("Hello from a script")),
        "/json" => order(request).await,
        "/kv_get" => data.get("bench").map(|value| json(&Value { value })),
        "/kv_set" => set(&request, &data).await,
        _ => Err("no such path".into()),
    };
    Ok(result.unwrap_or_else(|error| {
        let mut response = text(&error.to_string());
        *response.status_mut() = StatusCode::INTERNAL_SERVER_ERROR;
        response
    }))
}

fn text(text: &str) -> Answer {
    let mut response = Response::new(Full::new(Bytes::copy_from_slice(text.as_bytes())));
    let kind = HeaderValue::from_static("text/plain; charset=utf-8");
    response.headers_mut().insert(CONTENT_TYPE, kind);
    response
}

fn json(value: &impl Serialize) -> Answer {
    let body = serde_json::to_vec(value).unwrap_or_default();
    let mut response = Response::new(Full::new(Bytes::from(body)));
    response
        .headers_mut()
        .insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

#[derive(Serialize)]
struct Value {
    value: serde_json::Value,
}

#[derive(Deserialize)]
struct Order {
    customer: String,
    items: Vec<Item>,
}

#[derive(Deserialize)]
struct Item {
    quantity: i64,
    price: f64,
}

#[derive(Serialize)]
struct Receipt {
    agent: String,
    greeting: String,
    lines: usize,
    page: String,
    total: f64,
}

/// What `bench/scripts/json.rhai` does.
async fn order(request: Request<Incoming>) -> Result<Answer> {
    let query = request.uri().query().unwrap_or_default();
    let page = query.split('&').find_map(|pair| pair.strip_prefix("page="));
    let page = page.unwrap_or_default().to_owned();
    let agent = request.headers().get(USER_AGENT);
    let agent = agent
        .and_then(|a| a.to_str().ok())
        .unwrap_or_default()
        .to_owned();
    let body = request.into_body().collect().await?.to_bytes();
    let order: Order = serde_json::from_slice(&body)?;
    Ok(json(&Receipt {
        agent,
        greeting: format!("Thank you, {}", order.customer),
        lines: order.items.len(),
        page,
        total: order
            .items
            .iter()
            .map(|i| i.quantity as f64 * i.price)
            .sum(),
    }))
}

/// What `bench/scripts/kv_set.rhai` does, in a store without group commit.
async fn set(request: &Request<Incoming>, data: &data::Reader) -> Result<Answer> {
    let query = request.uri().query().unwrap_or_default();
    let key = query
        .split('&')
        .find_map(|pair| pair.strip_prefix("key="))
        .ok_or("no key")?;
    data.set(key).await?;
    let mut response = text("");
    *response.status_mut() = StatusCode::NO_CONTENT;
    Ok(response)
}
