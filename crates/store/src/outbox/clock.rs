//! What waits for a time of a clock that was wrong.

use shared::clock::Timestamp;
use shared::retry::MAX_DELAY;
use shared::schedule::GRACE;

use crate::conn::Conn;
use crate::error::StoreError;
use crate::triggers::PARKED;

/// Makes deliveries that were written by a clock that was ahead wait for times of the one that shows
/// `now`: what happened later than now happened now, with the delay it was sent with, and no pause
/// between attempts is longer than pauses are. How many there were.
pub fn pull_back(conn: &mut dyn Conn, now: Timestamp) -> Result<u64, StoreError> {
    conn.execute(
        "UPDATE deliveries SET order_at = CASE WHEN order_at <= ?2 THEN order_at \
         WHEN attempt = 0 AND created_at > ?2 AND due_at > created_at \
         THEN ?1 + due_at - created_at ELSE ?1 END, due_at = CASE WHEN attempt = 0 AND created_at > ?2 \
         AND due_at > created_at THEN ?1 + due_at - created_at ELSE ?1 END, \
         created_at = CASE WHEN created_at > ?2 THEN ?1 ELSE created_at END \
         WHERE node IS NULL AND due_at > ?2 AND due_at < ?4 \
         AND (created_at > ?2 OR (attempt + snoozes > 0 AND due_at > ?3))",
        &[
            now.as_micros().into(),
            now.plus(GRACE).as_micros().into(),
            now.plus(MAX_DELAY * 2).as_micros().into(),
            PARKED.as_micros().into(),
        ],
    )
}
