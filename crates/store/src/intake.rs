//! Where a database thread takes its jobs from: what has come over the queue, in turns.

use std::time::Duration;

use tokio::sync::mpsc;

use crate::job::{Message, Task};
use crate::turns::{Party, Turns};

/// Jobs taken out of the queue, to be put in order. What is beyond waits in the queue.
const ORDERED: usize = 4_096;

/// The receiving end of a queue.
pub(crate) struct Intake {
    queue: mpsc::Receiver<Message>,
    turns: Turns<Task>,
}

impl Intake {
    /// Nothing has come yet.
    pub(crate) fn new(queue: mpsc::Receiver<Message>) -> Self {
        Self {
            queue,
            turns: Turns::default(),
        }
    }

    /// The job whose turn it is; waits for one. `None`: told to stop, and nothing is left.
    pub(crate) fn next(&mut self) -> Option<Task> {
        if let Some(task) = self.next_now() {
            return Some(task);
        }
        loop {
            let message = self.queue.blocking_recv()?;
            self.take(message);
            if let Some(task) = self.next_now() {
                return Some(task);
            }
        }
    }

    /// The job whose turn it is, if there is one.
    pub(crate) fn next_now(&mut self) -> Option<Task> {
        while self.turns.waiting() < ORDERED
            && let Ok(message) = self.queue.try_recv()
        {
            self.take(message);
        }
        self.turns.pop()
    }

    /// Counts what a job took.
    pub(crate) fn charge(&mut self, party: Party, took: Duration) {
        self.turns.charge(party, took);
    }

    fn take(&mut self, message: Message) {
        match message {
            Message::Job(task) => self.turns.push(task.party(), task),
            // What is queued is still done.
            Message::Stop => self.queue.close(),
        }
    }
}
