//! The threads and connections of one open SQLite database.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, OnceLock};
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::{mpsc, watch};

use super::conn::{Session, SqliteConn, connect, engine_error};
use super::cutoff::Cutoff;
use super::writer;
use crate::conn::Conn;
use crate::counters::Counters;
use crate::error::StoreError;
use crate::handover::Handover;
use crate::intake::Intake;
use crate::job::{Access, Message, Task};
use crate::payer::ThreadWatch;
use crate::space::Space;

/// Writes waiting for the disk; more wait in line outside.
const QUEUE: usize = 4_096;
/// Threads for scans.
const READERS: usize = 2;

/// Tells the stores of one process apart in a thread's connections.
static NEXT_STORE: AtomicUsize = AtomicUsize::new(0);

thread_local! {
    // Point reads run on the calling thread over its own connection, one per store. Tests open
    // many stores in one process; a server has one, so a short list is the fastest map.
    static CONNECTIONS: RefCell<Vec<(usize, Session)>> = const { RefCell::new(Vec::new()) };
}

/// An open SQLite database.
pub(crate) struct Sqlite {
    store: usize,
    path: PathBuf,
    counters: Arc<Counters>,
    writer: mpsc::Sender<Message>,
    readers: OnceLock<Vec<mpsc::Sender<Message>>>,
    next_reader: AtomicUsize,
    threads: Mutex<Vec<JoinHandle<()>>>,
    failure: watch::Receiver<Option<String>>,
}

impl Sqlite {
    /// Starts the writer over an already migrated session.
    pub(crate) fn start(
        path: PathBuf,
        session: Session,
        counters: Arc<Counters>,
        group_commit: bool,
        (handover, space): (&Arc<Handover>, &Arc<Space>),
    ) -> Result<Self, StoreError> {
        let (writer, queue) = mpsc::channel(QUEUE);
        let for_thread = Arc::clone(&counters);
        let (handover, space) = (Arc::clone(handover), Arc::clone(space));
        let (fails, failure) = watch::channel(None);
        let thread = std::thread::Builder::new()
            .name("store-writer".to_owned())
            .spawn(move || {
                writer::run(
                    &session,
                    &mut Intake::new(queue),
                    &for_thread,
                    (&handover, &space),
                    group_commit,
                    &fails,
                );
            })
            .map_err(|e| StoreError::Unavailable(format!("cannot start the writer thread: {e}")))?;
        Ok(Self {
            store: NEXT_STORE.fetch_add(1, Ordering::Relaxed),
            path,
            counters,
            writer,
            readers: OnceLock::new(),
            next_reader: AtomicUsize::new(0),
            threads: Mutex::new(vec![thread]),
            failure,
        })
    }

    /// What the disk did, once it has failed.
    pub(crate) async fn disk_failure(&self) -> String {
        let mut failure = self.failure.clone();
        let failed = match failure.wait_for(Option::is_some).await {
            Ok(failed) => failed.clone(),
            Err(_closed) => None,
        };
        match failed {
            Some(failed) => failed,
            None => std::future::pending().await,
        }
    }

    /// The queue of the writer.
    pub(crate) fn writer(&self) -> mpsc::Sender<Message> {
        self.writer.clone()
    }

    /// The queue of one of the readers, which start with the first scan.
    pub(crate) fn reader(&self) -> mpsc::Sender<Message> {
        let readers = self.readers.get_or_init(|| {
            let started = (0..READERS).map(|at| start_reader(at, &self.path, &self.counters));
            let (queues, threads): (Vec<_>, Vec<_>) = started.flatten().unzip();
            self.threads
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner)
                .extend(threads);
            queues
        });
        if readers.is_empty() {
            return self.writer();
        }
        readers[self.next_reader.fetch_add(1, Ordering::Relaxed) % readers.len()].clone()
    }

    /// Runs a read on the calling thread.
    pub(crate) fn read_here<T, E: From<StoreError>>(
        &self,
        work: impl FnOnce(&mut dyn Conn) -> Result<T, E>,
    ) -> Result<T, E> {
        CONNECTIONS.with_borrow_mut(|all| {
            let known = all.iter().position(|(store, _)| *store == self.store);
            let at = if let Some(at) = known {
                at
            } else {
                all.push((self.store, connect(&self.path, Access::Read)?));
                all.len() - 1
            };
            work(&mut SqliteConn::new(&all[at].1, &self.counters, None))
        })
    }

    /// Finishes what is queued and ends the threads.
    pub(crate) fn close(&self) {
        // A full queue still takes the stop: the writer is draining it.
        drop(self.writer.blocking_send(Message::Stop));
        // No reader starts from here on; reads meet the writer's closed queue.
        for reader in self.readers.get_or_init(Vec::new) {
            drop(reader.blocking_send(Message::Stop));
        }
        let threads = std::mem::take(
            &mut *self
                .threads
                .lock()
                .unwrap_or_else(std::sync::PoisonError::into_inner),
        );
        for thread in threads {
            drop(thread.join());
        }
    }
}

fn start_reader(
    at: usize,
    path: &std::path::Path,
    counters: &Arc<Counters>,
) -> Option<(mpsc::Sender<Message>, JoinHandle<()>)> {
    let session = connect(path, Access::Read).ok()?;
    let counters = Arc::clone(counters);
    let (sender, queue) = mpsc::channel::<Message>(QUEUE);
    let thread = std::thread::Builder::new()
        .name(format!("store-reader-{at}"))
        .spawn(move || {
            let mut intake = Intake::new(queue);
            while let Some(task) = intake.next() {
                let party = task.party();
                let spent = read(&session, &counters, task);
                intake.charge(party, spent);
            }
        })
        .ok()?;
    Some((sender, thread))
}

/// Runs a read in a transaction, so that all its statements see the same moment. Time the thread
/// worked for it.
fn read(session: &Session, counters: &Counters, task: Task) -> Duration {
    let Task { mut job, payer, .. } = task;
    let mut watch = ThreadWatch::start();
    let cutoff = Cutoff::of(payer.as_ref());
    let begun = session.execute_batch("BEGIN");
    let outcome = begun.map_err(|error| engine_error(&error)).and_then(|()| {
        let mut conn = SqliteConn::new(session, counters, None);
        if job.run(&mut conn) && !conn.failed {
            Ok(())
        } else {
            Err(StoreError::rolled_back())
        }
    });
    drop(cutoff);
    if !session.is_autocommit() {
        // Nothing was written; what matters is that the snapshot is given up.
        drop(session.execute_batch("ROLLBACK"));
    }
    let spent = watch.lap();
    if let Some(payer) = payer {
        payer.charge(spent);
    }
    job.finish(outcome);
    spent
}
