//! Connections: HTTP/1.1 and h2c; clients that are too slow or too many are turned away.

use std::cell::{Cell, RefCell};
use std::collections::HashMap;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, Sleep};

use super::admin::AdminPlace;
use super::client_io::{Awaited, ClientIo, Pace};
use super::parts::Ingress;
use super::round::{Line, Round};
use super::streams::Streams;

/// Becomes true when the server stops.
pub type Shutdown = watch::Receiver<bool>;

/// Most bytes of a request's head.
const HEAD_BYTES: usize = 32 << 10;
/// Most that is buffered of a connection at a time.
const BUFFER_BYTES: usize = 64 << 10;
/// Requests one HTTP/2 connection may have open.
const STREAMS: u32 = 250;
/// Most that HTTP/2 takes of an answer before it was sent; it would take 400 KiB of each stream.
const STREAM_UNSENT_BYTES: usize = 32 << 10;
/// What a client of HTTP/2 may send of a body, and of all on its connection, before it is read.
const STREAM_UNREAD_BYTES: u32 = 128 << 10;
const STREAMS_UNREAD_BYTES: u32 = 256 << 10;
/// Pause after the system refused a connection (no file descriptors left).
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// What the connections of one worker share.
struct Worker {
    /// A copy, so that workers do not count references on one another's cache.
    admin: Rc<AdminPlace>,
    stopping: Cell<bool>,
    /// Who to tell that the server stops.
    wakers: RefCell<HashMap<u64, Waker>>,
    next: Cell<u64>,
    round: Rc<Round>,
}

impl Worker {
    fn new(admin: &AdminPlace) -> Self {
        Self {
            admin: Rc::new(admin.clone()),
            stopping: Cell::default(),
            wakers: RefCell::default(),
            next: Cell::default(),
            round: Rc::default(),
        }
    }

    fn stop(&self) {
        self.stopping.set(true);
        for waker in self.wakers.take().into_values() {
            waker.wake();
        }
    }
}

/// Accepts and answers until `shutdown`, then closes what is idle and finishes what is under way,
/// for at most the configured time.
///
/// Runs on a worker thread, inside its `LocalSet`.
pub async fn serve(
    listener: std::net::TcpListener,
    ingress: Arc<Ingress>,
    mut shutdown: Shutdown,
) -> io::Result<()> {
    let listener = TcpListener::from_std(listener)?;
    let worker = Rc::new(Worker::new(&ingress.config.admin));
    let mut connections = JoinSet::new();
    let round = Rc::clone(&worker.round);
    let rounds = tokio::task::spawn_local(poll_fn(move |cx| round.poll_rounds(cx)));
    loop {
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            Some(_ended) = connections.join_next() => continue,
            _ = shutdown.wait_for(|stop| *stop) => break,
        };
        match accepted {
            Ok((stream, peer)) => {
                if connections.len() < ingress.config.connections as usize {
                    let connection =
                        connection(stream, peer, Arc::clone(&ingress), Rc::clone(&worker));
                    connections.spawn_local(connection);
                }
            }
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    drop(listener);
    worker.stop();
    let drained = async { while connections.join_next().await.is_some() {} };
    if tokio::time::timeout(ingress.config.drain, drained)
        .await
        .is_err()
    {
        let left = connections.len();
        tracing::warn!(
            left,
            "connections were cut off because the time to stop was over"
        );
        connections.shutdown().await;
    }
    worker.round.send();
    rounds.abort();
    Ok(())
}

/// Counts an open connection, and forgets its waker at the end.
struct Open {
    ingress: Arc<Ingress>,
    worker: Rc<Worker>,
    number: u64,
}

impl Open {
    fn new(ingress: Arc<Ingress>, worker: Rc<Worker>) -> Self {
        ingress.metrics.connections.inc();
        let number = worker.next.get();
        worker.next.set(number + 1);
        Self {
            ingress,
            worker,
            number,
        }
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        self.ingress.metrics.connections.dec();
        self.worker.wakers.borrow_mut().remove(&self.number);
    }
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    ingress: Arc<Ingress>,
    worker: Rc<Worker>,
) {
    let line = Line::new(stream, ingress.config.client_patience);
    let (pace, round) = (
        Pace::new(Arc::clone(&ingress.metrics), ingress.clock.clone()),
        Rc::clone(&worker.round),
    );
    let open = Open::new(Arc::clone(&ingress), worker);
    let mut io = ClientIo::new(Rc::clone(&line), round, Rc::clone(&pace));
    let guard = Guard::new(&open, &pace, &line, &ingress);
    let Some(Some(http2)) = guard.run(pin!(io.is_http2()), |_| true).await else {
        return;
    };
    let io = TokioIo::new(io);
    let service = service_fn({
        let (pace, ingress) = (Rc::clone(&pace), Arc::clone(&ingress));
        let admin = Rc::clone(&open.worker.admin);
        move |request| ingress.handle(request, peer, &pace, &admin)
    });
    // Errors of single connections (resets, malformed requests) are the clients' own.
    if http2 {
        let patience = ingress.config.client_patience;
        let mut builder = http2::Builder::new(Streams { patience });
        builder
            .timer(TokioTimer::new())
            .max_concurrent_streams(STREAMS)
            .max_send_buf_size(STREAM_UNSENT_BYTES)
            .initial_stream_window_size(STREAM_UNREAD_BYTES)
            .initial_connection_window_size(STREAMS_UNREAD_BYTES)
            .max_header_list_size(HEAD_BYTES as u32);
        let connection = pin!(builder.serve_connection(io, service));
        let graceful = |c: Pin<&mut http2::Connection<_, _, _>>| {
            c.graceful_shutdown();
            false
        };
        drop(guard.run(connection, graceful).await);
    } else {
        let mut builder = http1::Builder::new();
        builder
            // Our own pace tells a slow head from an idle connection, at no cost per request.
            .header_read_timeout(None)
            .max_header_size(HEAD_BYTES)
            // No `pipeline_flush`: with it, hyper closes without sending a 431 it has written.
            .max_buf_size(BUFFER_BYTES);
        let connection = pin!(builder.serve_connection(io, service));
        let graceful = |c: Pin<&mut http1::Connection<_, _>>| {
            c.graceful_shutdown();
            false
        };
        drop(guard.run(connection, graceful).await);
    }
}

/// Runs a connection until it ends, its client is too slow, or the server stops.
struct Guard<'a> {
    open: &'a Open,
    pace: &'a Pace,
    line: &'a Line,
    head: Duration,
    idle: Duration,
}

impl<'a> Guard<'a> {
    fn new(open: &'a Open, pace: &'a Pace, line: &'a Line, ingress: &Ingress) -> Self {
        Self {
            open,
            pace,
            line,
            head: ingress.config.client_patience,
            idle: ingress.config.idle,
        }
    }

    /// `None` when the client was too slow. When the server stops, `stop` is called once; it says
    /// whether to give up at once.
    async fn run<C: Future>(
        &self,
        mut connection: Pin<&mut C>,
        stop: impl Fn(Pin<&mut C>) -> bool,
    ) -> Option<C::Output> {
        let first = Instant::now() + self.head;
        let mut timer = pin!(tokio::time::sleep_until(first));
        let (mut known, mut stopped) = (false, false);
        poll_fn(move |cx| {
            if self.open.worker.stopping.get() && !stopped {
                stopped = true;
                if stop(connection.as_mut()) {
                    return Poll::Ready(None);
                }
            }
            if let Poll::Ready(output) = connection.as_mut().poll(cx) {
                return Poll::Ready(Some(output));
            }
            if !known {
                // The task, and so its waker, stays the same.
                known = true;
                self.line.belongs_to(cx.waker());
                let mut wakers = self.open.worker.wakers.borrow_mut();
                wakers.insert(self.open.number, cx.waker().clone());
                wake_later(timer.as_mut(), cx);
            }
            if let Poll::Ready(Err(_gone_or_slow)) = self.line.poll_left(cx) {
                return Poll::Ready(None);
            }
            self.too_slow(timer.as_mut(), cx).map(|()| None)
        })
        .await
    }

    /// Looks at the pace. The timer is moved forward only when it fires, so that requests on a
    /// busy connection never touch it, nor the clock: what is idle for one whole period of the
    /// timer has been idle long enough.
    fn too_slow(&self, mut timer: Pin<&mut Sleep>, cx: &mut Context<'_>) -> Poll<()> {
        let until = match self.pace.awaited(self.head) {
            Awaited::Head(until) if timer.is_elapsed() || timer.deadline() > until => {
                (until > Instant::now()).then_some(until)
            }
            Awaited::Request if timer.is_elapsed() => {
                let begins = self.pace.begin_idle();
                begins.then(|| Instant::now() + self.idle)
            }
            Awaited::Nothing | Awaited::Head(_) | Awaited::Request => return Poll::Pending,
        };
        let Some(until) = until else {
            return Poll::Ready(());
        };
        timer.as_mut().reset(until);
        wake_later(timer, cx);
        Poll::Pending
    }
}

/// Has the task polled again when the timer fires.
fn wake_later(timer: Pin<&mut Sleep>, cx: &mut Context<'_>) {
    if timer.poll(cx).is_ready() {
        cx.waker().wake_by_ref();
    }
}
