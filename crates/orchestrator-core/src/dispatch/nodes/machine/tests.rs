//! The states, and what follows from each fact.

use super::*;

const BUSY: Doing = Doing {
    holds: true,
    claims: false,
    lapsed: false,
};
const IDLE: Doing = Doing {
    holds: false,
    claims: false,
    lapsed: false,
};

fn secs(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

/// What is begun at a moment: renewing, telling, looking.
fn begun(nodes: &mut Nodes, at: Instant, doing: Doing) -> Option<(bool, bool, bool)> {
    let round = nodes.begin(at, doing)?;
    Some((round.renew, round.tell, round.look))
}

/// The end of the round that is under way, which has achieved all it was to do.
fn achieved(nodes: &mut Nodes, at: Instant) {
    let Activity::Round(round) = nodes.activity else {
        panic!("no round is under way");
    };
    let ended = Ended {
        renewed: round.renew.then_some(at),
        told: round.tell,
        seen: round.look.then_some(Others::Nobody),
        looked_up: round.look_up.is_some(),
        ..Ended::default()
    };
    nodes.ended(&ended, at);
}

/// A process that has looked at the others once and seen nobody.
fn quiet(at: Instant) -> Nodes {
    let mut nodes = Nodes::new(true, None);
    assert_eq!(begun(&mut nodes, at, IDLE), Some((false, false, true)));
    achieved(&mut nodes, at);
    assert_eq!(begun(&mut nodes, at, IDLE), None);
    nodes
}

/// The same in company; it looks again when ten seconds are over.
fn accompanied(at: Instant) -> Nodes {
    let mut nodes = quiet(at);
    nodes.on(Fact::Met, at);
    nodes.on(Fact::Missed, at);
    assert_eq!(begun(&mut nodes, at, IDLE), Some((false, true, true)));
    achieved(&mut nodes, at);
    nodes
}

/// Every kind of company and what each fact makes of it: the company, and whether others are told
/// and looked at.
#[test]
fn company() {
    use Company::{Alone, Own};
    let at = Instant::now();
    let others = |seconds: Option<u64>| Company::Others {
        look_at: seconds.map(|seconds| at + secs(seconds)),
    };
    let own = || Nodes::new(false, None);
    let met = Fact::Met;
    type Row = (Nodes, Fact, (Company, bool, bool));
    let facts: Vec<Row> = vec![
        (own(), met, (Own, false, false)),
        (own(), Fact::Holds, (Own, false, false)),
        (own(), Fact::Waits, (Own, false, false)),
        (own(), Fact::Missed, (Own, false, false)),
        (quiet(at), met, (others(None), true, false)),
        (quiet(at), Fact::Holds, (Alone, true, false)),
        (quiet(at), Fact::Waits, (Alone, true, false)),
        (quiet(at), Fact::Missed, (Alone, false, true)),
        (accompanied(at), met, (others(Some(10)), false, false)),
        // It was told of this moment already.
        (
            accompanied(at),
            Fact::Holds,
            (others(Some(10)), false, false),
        ),
        (
            accompanied(at),
            Fact::Waits,
            (others(Some(10)), true, false),
        ),
        (
            accompanied(at),
            Fact::Missed,
            (others(Some(10)), false, true),
        ),
    ];
    for (mut nodes, fact, after) in facts {
        let before = nodes.clone();
        nodes.on(fact, at);
        let found = (nodes.company, nodes.telling.wanted, nodes.look);
        assert_eq!(found, after, "{fact:?} in {before:?}");
        assert_eq!(nodes.activity, before.activity);
    }
}

/// What seeing others makes of each kind of company.
#[test]
fn what_was_seen_of_others() {
    let at = Instant::now();
    let others = |look_in| Company::Others {
        look_at: Some(at + look_in),
    };
    let somebody = |left| Others::Somebody(secs(left));
    for (mut nodes, seen, company, tells) in [
        (quiet(at), Others::Nobody, Company::Alone, false),
        (quiet(at), somebody(3), others(secs(3) + QUIET), true),
        (accompanied(at), Others::Nobody, others(LOOK), false),
        (accompanied(at), somebody(3), others(secs(3) + QUIET), false),
        (accompanied(at), somebody(30), others(LOOK), false),
    ] {
        nodes.on(Fact::Missed, at);
        nodes.begin(at, IDLE);
        let ended = Ended {
            seen: Some(seen),
            ..Ended::default()
        };
        nodes.ended(&ended, at);
        assert_eq!((nodes.company, nodes.telling.wanted), (company, tells));
    }
}

/// What is being done, and what begins and ends it.
#[test]
fn activity() {
    let at = Instant::now();
    let rested = quiet(at);
    let mut busy = rested.clone();
    busy.on(Fact::Waits, at);
    let mut working = busy.clone();
    assert!(working.begin(at, IDLE).is_some());
    let failed = Ended {
        failed: true,
        ..Ended::default()
    };
    let mut paused = working.clone();
    paused.ended(&failed, at);
    assert_eq!(paused.activity, Activity::Paused { until: at + AWAY });

    for (nodes, when, begins, due) in [
        (&rested, Duration::ZERO, false, None),
        (&busy, Duration::ZERO, true, Some(Duration::ZERO)),
        (&working, secs(60), false, None),
        (&paused, AWAY / 2, false, Some(AWAY / 2)),
        (&paused, AWAY, true, Some(Duration::ZERO)),
    ] {
        let mut nodes = nodes.clone();
        assert_eq!(nodes.next_due(at + when, IDLE), due, "{nodes:?}");
        assert_eq!(nodes.begin(at + when, IDLE).is_some(), begins, "{nodes:?}");
    }
    for (nodes, after) in [
        (&rested, Activity::Resting),
        (&working, Activity::Resting),
        (&paused, Activity::Paused { until: at + AWAY }),
    ] {
        let mut nodes = nodes.clone();
        nodes.ended(&Ended::default(), at);
        assert_eq!(nodes.activity, after);
    }
}

/// What another process may have taken over is looked up, under a lease that is renewed first.
#[test]
fn a_lease_that_was_over() {
    let at = Instant::now();
    let lapsed = Doing {
        lapsed: true,
        ..BUSY
    };
    for (doing, renew, look_up) in [
        (BUSY, false, false),
        (lapsed, true, true),
        (
            Doing {
                holds: false,
                ..lapsed
            },
            true,
            true,
        ),
        // What is being taken would be taken for lost.
        (
            Doing {
                claims: true,
                ..lapsed
            },
            true,
            false,
        ),
    ] {
        let mut nodes = quiet(at);
        nodes.renewed_at = Some(at);
        let round = nodes.begin(at, doing).unwrap_or_default();
        assert_eq!(
            (round.renew, round.look_up.is_some()),
            (renew, look_up),
            "{doing:?}"
        );
        if look_up {
            assert!(nodes.is_looking_up());
            achieved(&mut nodes, at);
            assert_eq!(nodes.begin(at, BUSY), None, "it is done once");
        }
    }
}

#[test]
fn what_was_never_done_before_is_done_at_once() {
    let at = Instant::now();
    let mut nodes = quiet(at);
    nodes.on(Fact::Waits, at);
    assert_eq!(begun(&mut nodes, at, BUSY), Some((true, true, false)));
}

#[test]
fn notifications_and_renewals_are_apart_from_each_other() {
    let at = Instant::now();
    let mut nodes = quiet(at);
    nodes.on(Fact::Waits, at);
    assert_eq!(begun(&mut nodes, at, BUSY), Some((true, true, false)));
    achieved(&mut nodes, at);
    nodes.on(Fact::Waits, at);
    assert_eq!(begun(&mut nodes, at + QUIET / 2, BUSY), None);
    let told = begun(&mut nodes, at + QUIET, BUSY);
    assert_eq!(told, Some((false, true, false)));
    achieved(&mut nodes, at + QUIET);
    assert_eq!(
        nodes.next_due(at + QUIET, BUSY),
        Some(RENEW.saturating_sub(QUIET))
    );
    let renewed = begun(&mut nodes, at + RENEW, BUSY);
    assert_eq!(renewed, Some((true, false, false)));
}

#[test]
fn what_is_held_is_told_of_once_while_the_others_know() {
    let at = Instant::now();
    let mut nodes = accompanied(at);
    nodes.on(Fact::Holds, at + RENEW / 2);
    assert_eq!(begun(&mut nodes, at + RENEW / 2, IDLE), None);
    nodes.on(Fact::Holds, at + RENEW);
    let told = begun(&mut nodes, at + RENEW, IDLE);
    assert_eq!(told, Some((false, true, false)));
}

#[test]
fn what_comes_up_during_a_round_is_done_in_the_next() {
    let at = Instant::now();
    let mut nodes = quiet(at);
    nodes.on(Fact::Waits, at);
    nodes.on(Fact::Missed, at);
    assert_eq!(begun(&mut nodes, at, IDLE), Some((false, true, true)));
    nodes.on(Fact::Waits, at);
    nodes.on(Fact::Missed, at);
    assert_eq!(begun(&mut nodes, at, IDLE), None, "one round at a time");
    achieved(&mut nodes, at);
    let at = at + QUIET;
    assert_eq!(begun(&mut nodes, at, IDLE), Some((false, true, true)));
    achieved(&mut nodes, at);
    assert_eq!(begun(&mut nodes, at, IDLE), None);
}

#[test]
fn what_a_round_did_not_achieve_is_wanted_again_after_a_pause() {
    let at = Instant::now();
    let mut nodes = quiet(at);
    nodes.on(Fact::Waits, at);
    nodes.on(Fact::Missed, at);
    nodes.certainty.lapsed(at);
    let round = nodes.begin(at, BUSY).unwrap();
    assert!(nodes.is_looking_up());
    let failed = Ended {
        renewed: Some(at),
        failed: true,
        ..Ended::default()
    };
    nodes.ended(&failed, at);
    assert!(!nodes.is_looking_up());
    assert_eq!(nodes.begin(at, BUSY), None);
    let again = nodes.begin(at + AWAY, BUSY).unwrap();
    let want = Round {
        renew: false,
        ..round
    };
    assert_eq!(again, want, "all but what it did");
}

#[test]
fn everything_is_looked_at_when_a_lease_may_be_over() {
    let at = Instant::now();
    let mut nodes = accompanied(at);
    assert!(!nodes.looks_in_time(at));
    let over = at + LOOK;
    assert_eq!(nodes.next_due(at, IDLE), Some(LOOK));
    assert!(nodes.looks_in_time(over));
    assert!(!nodes.looks_in_time(over), "once");
    assert_eq!(begun(&mut nodes, over, IDLE), Some((false, false, true)));
}

#[test]
fn a_process_alone_with_its_database_tells_nobody() {
    let at = Instant::now();
    let mut nodes = Nodes::new(false, None);
    nodes.on(Fact::Waits, at);
    nodes.on(Fact::Missed, at);
    assert_eq!(begun(&mut nodes, at, BUSY), None);
    assert_eq!(nodes.next_due(at, BUSY), None);
    nodes.on(Fact::Doubt(Doubt(1)), at);
    assert!(nodes.next_due(at, BUSY).is_some(), "a doubt is its own");
}

#[test]
fn nothing_is_looked_up_while_something_is_claimed() {
    let at = Instant::now();
    let mut nodes = quiet(at);
    nodes.certainty.lapsed(at);
    let claiming = Doing {
        claims: true,
        ..IDLE
    };
    assert_eq!(nodes.next_due(at, claiming), None);
    assert_eq!(nodes.begin(at, claiming), None);
    assert!(nodes.begin(at, IDLE).unwrap().look_up.is_some());
}
