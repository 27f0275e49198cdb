//! What schedules did, as the database and the handlers saw it, and the comparison that finds
//! ticks fired twice, never, too early or too late, and runs repeated without a reason.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};

use crate::Postgres;

/// One time of one schedule.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Tick {
    /// The function that handles the schedule's ticks.
    pub handler: String,
    /// The time, in seconds since 1970.
    pub second: i64,
}

/// What happened to a tick in the outbox.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// It was written.
    Fired,
    /// A process took it into its hands.
    Claimed,
    /// It was taken from a process that others believe to be gone.
    TakenOver,
}

/// A change of a delivery, in the order in which they were made.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// What was done.
    pub what: What,
    /// Which tick.
    pub tick: Tick,
    /// The event.
    pub event: String,
    /// The process that holds it, or held it; empty: none.
    pub node: String,
    /// How long after its time it happened, in microseconds of the database's clock.
    pub late: i64,
}

/// A run of a handler.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Which tick it handled.
    pub tick: Tick,
    /// The event.
    pub event: String,
}

/// Notes every change of a schedule's delivery beside it, in the same transaction.
const OBSERVE: &str = r"
CREATE TABLE observed (n BIGSERIAL, what TEXT, trigger_key TEXT, second BIGINT, event TEXT,
    node TEXT, late BIGINT);
CREATE FUNCTION observe() RETURNS trigger AS $$
DECLARE
    due TIMESTAMPTZ := convert_from(NEW.payload, 'UTF8')::json->>'scheduled_for';
    what TEXT := CASE WHEN TG_OP = 'INSERT' THEN 'fired'
        WHEN NEW.node IS NOT NULL THEN 'claimed' WHEN NEW.suspect = 1 THEN 'taken' END;
    node BYTEA := NEW.node;
BEGIN
    IF what = 'taken' THEN node := OLD.node; END IF;
    IF what IS NOT NULL THEN
        INSERT INTO observed (what, trigger_key, second, event, node, late) VALUES (what,
            NEW.trigger_key, EXTRACT(EPOCH FROM due), encode(NEW.event_id, 'hex'),
            COALESCE(encode(node, 'hex'), ''),
            EXTRACT(EPOCH FROM clock_timestamp() - due) * 1000000);
    END IF;
    RETURN NULL;
END $$ LANGUAGE plpgsql;
CREATE TRIGGER observe_new AFTER INSERT ON deliveries FOR EACH ROW
    WHEN (NEW.kind = 'cron') EXECUTE FUNCTION observe();
CREATE TRIGGER observe_held AFTER UPDATE ON deliveries FOR EACH ROW
    WHEN (NEW.kind = 'cron' AND NEW.node IS DISTINCT FROM OLD.node) EXECUTE FUNCTION observe();
";

/// Makes a migrated database write down what becomes of ticks.
pub fn observe(postgres: &Postgres, url: &str) {
    postgres.sql(url, OBSERVE);
}

/// What it has written down.
///
/// # Panics
/// When that is not what [`observe`] writes.
pub fn observed(postgres: &Postgres, url: &str) -> Vec<Change> {
    let rows = postgres.sql(
        url,
        "SELECT what, trigger_key, second, event, node, late FROM observed ORDER BY n",
    );
    let change = |line: &str| {
        let mut columns = line.split('|');
        let mut next = || columns.next().expect("six columns");
        Change {
            what: match next() {
                "fired" => What::Fired,
                "claimed" => What::Claimed,
                "taken" => What::TakenOver,
                other => panic!("a change {other}"),
            },
            tick: Tick {
                handler: last_part(next()),
                second: next().parse().expect("a number"),
            },
            event: next().to_owned(),
            node: next().to_owned(),
            late: next().parse().expect("a number"),
        }
    };
    rows.lines().map(change).collect()
}

/// The handler's name, which ends the key of a trigger.
fn last_part(key: &str) -> String {
    key.rsplit('.').next().unwrap_or(key).to_owned()
}

/// How many ticks were fired so far.
///
/// # Panics
/// When the database does not answer as expected.
pub fn fired(postgres: &Postgres, url: &str) -> u64 {
    let sql = "SELECT COUNT(*) FROM observed WHERE what = 'fired'";
    postgres.sql(url, sql).parse().expect("a number")
}

/// The last second for which every one of `schedules` schedules has fired, when all have.
///
/// # Panics
/// When the database does not answer as expected.
pub fn reached(postgres: &Postgres, url: &str, schedules: usize) -> Option<i64> {
    let sql = format!(
        "SELECT CASE WHEN COUNT(*) = {schedules} THEN MIN(last) END FROM (SELECT MAX(second) AS \
         last FROM observed WHERE what = 'fired' GROUP BY trigger_key) AS each"
    );
    postgres.sql(url, &sql).parse().ok()
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Times for which a schedule has fired.
    pub ticks: u64,
    /// Fired by more than one event: all events beyond the first.
    pub duplicates: Vec<Tick>,
    /// Not fired, between the first time of all schedules and the last of this one, and at least
    /// up to the last that was asked for.
    pub gaps: Vec<Tick>,
    /// Fired and never handled.
    pub unhandled: Vec<Tick>,
    /// Handled more than once: all runs beyond the first.
    pub repeated: Vec<Tick>,
    /// The same, although nobody took it over: two processes had it, or one did it twice.
    pub unexplained: Vec<Tick>,
    /// Processes that were taken for dead.
    pub dead: BTreeSet<String>,
    /// Processes that were taken for dead and held something new afterwards.
    pub robbed: BTreeSet<String>,
    /// How much earlier than its time the earliest was fired, in microseconds.
    pub earliest: i64,
    /// How much later than its time the latest was fired, in microseconds.
    pub latest: i64,
    /// That of 99 in a hundred.
    pub late_99: i64,
}

/// Compares what `schedules` schedules of every second did with what they were to do, up to
/// `until` at least.
pub fn check(
    changes: &[Change],
    runs: &[Run],
    schedules: &BTreeSet<String>,
    until: i64,
) -> Verdict {
    let mut found = Verdict::default();
    let mut events: BTreeMap<&Tick, BTreeSet<&str>> = BTreeMap::new();
    let mut late = Vec::new();
    for change in changes.iter().filter(|c| c.what == What::Fired) {
        // What was given up and replayed is written a second time, as the same event.
        if events
            .entry(&change.tick)
            .or_default()
            .insert(&change.event)
        {
            late.push(change.late);
        }
    }
    found.ticks = events.len() as u64;
    for (tick, events) in &events {
        let more = events.iter().skip(1);
        found.duplicates.extend(more.map(|_| (*tick).clone()));
    }
    gaps(&events, schedules, until, &mut found);
    handled(&events, changes, runs, &mut found);
    taken_over(changes, &mut found);
    late.sort_unstable();
    let at = |place: usize| late.get(place).copied().unwrap_or_default();
    found.earliest = -at(0).min(0);
    found.latest = at(late.len().saturating_sub(1));
    found.late_99 = at(late.len() * 99 / 100);
    found
}

fn gaps(
    events: &BTreeMap<&Tick, BTreeSet<&str>>,
    schedules: &BTreeSet<String>,
    until: i64,
    found: &mut Verdict,
) {
    let first = events.keys().map(|tick| tick.second).min();
    for handler in schedules {
        let own = events.keys().filter(|tick| tick.handler == *handler);
        let own: BTreeSet<i64> = own.map(|tick| tick.second).collect();
        let last = own.last().copied().unwrap_or(until).max(until);
        let missing = (first.unwrap_or(until)..=last).filter(|second| !own.contains(second));
        found.gaps.extend(missing.map(|second| Tick {
            handler: handler.clone(),
            second,
        }));
    }
}

fn handled(
    events: &BTreeMap<&Tick, BTreeSet<&str>>,
    changes: &[Change],
    runs: &[Run],
    found: &mut Verdict,
) {
    let mut done: BTreeMap<&Tick, Vec<&str>> = BTreeMap::new();
    for run in runs {
        done.entry(&run.tick).or_default().push(&run.event);
    }
    let taken = changes.iter().filter(|c| c.what == What::TakenOver);
    let taken: BTreeSet<&Tick> = taken.map(|c| &c.tick).collect();
    let never = events.keys().filter(|tick| !done.contains_key(**tick));
    found.unhandled = never.map(|tick| (*tick).clone()).collect();
    for (tick, runs) in done {
        let kinds: BTreeSet<&str> = runs.iter().copied().collect();
        // Whatever the outbox says, handlers must not see two events of one time either.
        let known = events.get(tick).map_or(1, BTreeSet::len);
        found
            .duplicates
            .extend((known..kinds.len()).map(|_| tick.clone()));
        let more = std::iter::repeat_n(tick.clone(), runs.len() - kinds.len());
        if !taken.contains(tick) {
            found.unexplained.extend(more.clone());
        }
        found.repeated.extend(more);
    }
}

fn taken_over(changes: &[Change], found: &mut Verdict) {
    for change in changes {
        if change.what == What::TakenOver {
            found.dead.insert(change.node.clone());
        } else if found.dead.contains(&change.node) {
            found.robbed.insert(change.node.clone());
        }
    }
}
