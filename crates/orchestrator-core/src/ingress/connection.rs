//! Listeners and connections: one listener per worker on the same port, HTTP/1.1 and h2c, clients
//! that are too slow or too many turned away.

use std::io;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use socket2::{Domain, Protocol, Socket, Type};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::Ingress;

/// Becomes true when the server stops.
pub type Shutdown = watch::Receiver<bool>;

/// Most bytes of a request's head.
const HEAD_BYTES: usize = 64 << 10;
/// Most headers of a request.
const HEADERS: usize = 100;
/// Requests one HTTP/2 connection may have open.
const STREAMS: u32 = 250;
/// Pause after the system refused a connection (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// One listener per worker on the same address. Port 0 picks a free one, the same for all.
pub fn bind(address: SocketAddr, workers: usize) -> io::Result<Vec<std::net::TcpListener>> {
    let first = bind_one(address)?;
    let address = first.local_addr()?;
    let mut listeners = vec![first];
    for _ in 1..workers {
        listeners.push(bind_one(address)?);
    }
    Ok(listeners)
}

fn bind_one(address: SocketAddr) -> io::Result<std::net::TcpListener> {
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

/// Accepts and answers until `shutdown`, then finishes what is under way.
///
/// Runs on a worker thread, inside its `LocalSet`.
pub async fn serve(
    listener: std::net::TcpListener,
    ingress: Arc<Ingress>,
    mut shutdown: Shutdown,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    // Every connection holds a clone; when the last is gone, the drain is over.
    let (open, mut all_closed) = tokio::sync::mpsc::channel::<()>(1);
    let connections = Rc::new(());
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            _ = shutdown.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                if Rc::strong_count(&connections) > ingress.config.connections as usize {
                    continue;
                }
                let held = (Rc::clone(&connections), open.clone());
                let connection = connection(stream, peer, Arc::clone(&ingress), shutdown.clone());
                tokio::task::spawn_local(async move {
                    connection.await;
                    drop(held);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    drop(open);
    // Nothing is ever sent; the channel ends when the last connection does.
    drop(all_closed.recv().await);
    Ok(())
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    ingress: Arc<Ingress>,
    mut shutdown: Shutdown,
) {
    drop(stream.set_nodelay(true));
    let patience = ingress.config.client_patience;
    // No HTTP/1 method starts with `PRI`, the first bytes of HTTP/2.
    let mut start = [0_u8; 3];
    let first = tokio::select! {
        first = tokio::time::timeout(patience, stream.peek(&mut start)) => first,
        _ = shutdown.wait_for(|stop| *stop) => return,
    };
    let Ok(Ok(read)) = first else { return };
    if read == 0 {
        return;
    }
    ingress.metrics.connections.inc();
    let io = TokioIo::new(stream);
    let handler = Arc::clone(&ingress);
    let service = service_fn(move |request| {
        let ingress = Arc::clone(&handler);
        async move { Ok::<_, std::convert::Infallible>(ingress.handle(request, peer).await) }
    });
    // Errors of single connections (resets, malformed requests) are the clients' own.
    if &start[..read] == b"PRI" {
        let mut builder = http2::Builder::new(LocalTasks);
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_header_list_size(HEAD_BYTES as u32)
            .keep_alive_interval(None);
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        tokio::select! {
            ended = connection.as_mut() => drop(ended),
            _ = shutdown.wait_for(|stop| *stop) => {
                connection.as_mut().graceful_shutdown();
                drop(connection.await);
            }
        }
    } else {
        let mut builder = http1::Builder::new();
        builder
            .timer(TokioTimer::new())
            .header_read_timeout(patience)
            .max_headers(HEADERS)
            .max_buf_size(HEAD_BYTES)
            .pipeline_flush(true);
        let mut connection = std::pin::pin!(builder.serve_connection(io, service));
        tokio::select! {
            ended = connection.as_mut() => drop(ended),
            _ = shutdown.wait_for(|stop| *stop) => {
                connection.as_mut().graceful_shutdown();
                drop(connection.await);
            }
        }
    }
    ingress.metrics.connections.dec();
}

/// HTTP/2 streams stay on the worker that accepted their connection.
#[derive(Clone, Copy)]
struct LocalTasks;

impl<F> hyper::rt::Executor<F> for LocalTasks
where
    F: Future + 'static,
    F::Output: 'static,
{
    fn execute(&self, future: F) {
        tokio::task::spawn_local(future);
    }
}
