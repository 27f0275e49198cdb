//! What a process does about the others at a moment.

use super::*;

/// What is begun at a moment.
fn begun(nodes: &mut Nodes, at: Instant, busy: bool) -> Option<(bool, bool, bool)> {
    let work = nodes.work(at, Timestamp(0), (busy, false), &BTreeSet::new)?;
    Some((work.renew, work.tell, work.look))
}

/// A process that has looked at the others once.
fn quiet(at: Instant) -> Nodes {
    let mut nodes = Nodes::new(true);
    assert_eq!(begun(&mut nodes, at, false), Some((false, false, true)));
    nodes.working = false;
    assert_eq!(begun(&mut nodes, at, false), None);
    nodes
}

#[test]
fn what_was_never_done_before_is_done_at_once() {
    let at = Instant::now();
    let mut nodes = quiet(at);
    nodes.tell();
    assert_eq!(begun(&mut nodes, at, true), Some((true, true, false)));
}

#[test]
fn notifications_and_renewals_are_apart_from_each_other() {
    let at = Instant::now();
    let mut nodes = quiet(at);
    nodes.tell();
    nodes.told_at = Some(at);
    nodes.renewed_at = Some(at);
    assert_eq!(begun(&mut nodes, at + QUIET / 2, true), None);
    assert_eq!(
        begun(&mut nodes, at + QUIET, true),
        Some((false, true, false))
    );
    nodes.working = false;
    assert_eq!(
        begun(&mut nodes, at + RENEW, true),
        Some((true, false, false))
    );
}

#[test]
fn what_comes_up_during_a_round_is_done_in_the_next() {
    let at = Instant::now();
    let mut nodes = quiet(at);
    nodes.tell();
    nodes.look();
    assert_eq!(begun(&mut nodes, at, false), Some((false, true, true)));
    nodes.tell();
    nodes.look();
    assert_eq!(begun(&mut nodes, at, false), None, "one round at a time");
    nodes.working = false;
    assert_eq!(begun(&mut nodes, at, false), Some((false, true, true)));
    nodes.working = false;
    assert_eq!(begun(&mut nodes, at, false), None);
}

#[test]
fn everything_is_looked_at_when_a_lease_may_be_over() {
    let mut nodes = quiet(Instant::now());
    assert!(!nodes.look_in_time());
    nodes.watch_at = Some(Instant::now());
    assert!(nodes.look_in_time());
    assert!(!nodes.look_in_time(), "once");
    assert_eq!(
        begun(&mut nodes, Instant::now(), false),
        Some((false, false, true))
    );
}

#[test]
fn a_process_alone_with_its_database_tells_nobody() {
    let mut nodes = Nodes::new(false);
    nodes.tell();
    nodes.look();
    assert_eq!(begun(&mut nodes, Instant::now(), true), None);
}

#[test]
fn a_process_looks_by_itself_only_once_it_has_met_another() {
    let at = Instant::now();
    let mut nodes = quiet(at);
    nodes.looked(&[]);
    assert!(nodes.watch_at.is_none(), "alone");
    nodes.meet();
    assert_eq!(
        begun(&mut nodes, at, false),
        Some((false, true, false)),
        "the other has to know of this one"
    );
    nodes.working = false;
    nodes.meet();
    assert_eq!(begun(&mut nodes, at, false), None, "once");
    nodes.looked(&[]);
    assert!(nodes.watch_at.is_some());
}

#[test]
fn a_look_clears_only_a_doubt_that_is_old_enough() {
    let at = Instant::now();
    let mut nodes = quiet(at);
    let cleared = |nodes: &mut Nodes, at| {
        let work = nodes.work(at, Timestamp(0), (false, false), &BTreeSet::new);
        nodes.working = false;
        work.and_then(|work| work.look_up).map(|look| look.doubt)
    };
    nodes.doubt(Doubt(1));
    assert_eq!(cleared(&mut nodes, at), None, "it comes too early");
    // There is another reason to look at once.
    nodes.doubt_at = Some(at);
    assert_eq!(cleared(&mut nodes, at), Some(Doubt(0)));
    let later = at + Duration::from_secs(2);
    assert_eq!(cleared(&mut nodes, later), Some(Doubt(1)));
    assert_eq!(cleared(&mut nodes, later), None);
}
