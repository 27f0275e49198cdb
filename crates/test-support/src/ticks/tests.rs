//! Histories that are broken on purpose: each fault is found, and nothing else.

use super::*;

fn tick(handler: &str, second: i64) -> Tick {
    Tick {
        handler: handler.to_owned(),
        second,
    }
}

fn change(what: What, handler: &str, second: i64, node: &str) -> Change {
    Change {
        what,
        tick: tick(handler, second),
        event: format!("{handler}{second}"),
        node: node.to_owned(),
        late: 1_000,
    }
}

fn run(handler: &str, second: i64) -> Run {
    Run {
        tick: tick(handler, second),
        event: format!("{handler}{second}"),
    }
}

/// Two schedules that fire and are handled in three seconds, as they should.
fn faultless() -> (Vec<Change>, Vec<Run>) {
    let all = (7..10).flat_map(|second| [("a", second), ("b", second)]);
    let changes = all.clone().map(|(h, s)| change(What::Fired, h, s, "n1"));
    (changes.collect(), all.map(|(h, s)| run(h, s)).collect())
}

fn found(changes: &[Change], runs: &[Run]) -> Verdict {
    let schedules = BTreeSet::from(["a".to_owned(), "b".to_owned()]);
    check(changes, runs, &schedules, 9)
}

/// What a faultless history gives.
fn nothing() -> Verdict {
    Verdict {
        ticks: 6,
        latest: 1_000,
        late_99: 1_000,
        ..Verdict::default()
    }
}

#[test]
fn a_faultless_history_has_no_findings() {
    let (changes, runs) = faultless();
    assert_eq!(found(&changes, &runs), nothing());
}

#[test]
fn a_time_fired_by_two_events_is_a_duplicate_even_when_one_was_never_handled() {
    let (mut changes, runs) = faultless();
    changes.push(Change {
        event: "another".to_owned(),
        ..change(What::Fired, "a", 8, "n2")
    });
    let duplicates = vec![tick("a", 8)];
    let expected = Verdict {
        duplicates,
        ..nothing()
    };
    assert_eq!(found(&changes, &runs), expected);
}

#[test]
fn handlers_that_see_two_events_of_one_time_tell_of_a_duplicate_too() {
    let (changes, mut runs) = faultless();
    runs.push(Run {
        event: "another".to_owned(),
        ..run("b", 7)
    });
    let duplicates = vec![tick("b", 7)];
    let expected = Verdict {
        duplicates,
        ..nothing()
    };
    assert_eq!(found(&changes, &runs), expected);
}

#[test]
fn a_time_that_was_left_out_is_a_gap_at_the_start_in_the_middle_and_at_the_end() {
    for second in 7..10 {
        let (mut changes, mut runs) = faultless();
        changes.retain(|c| c.tick != tick("b", second));
        runs.retain(|r| r.tick != tick("b", second));
        let expected = Verdict {
            ticks: 5,
            gaps: vec![tick("b", second)],
            ..nothing()
        };
        assert_eq!(found(&changes, &runs), expected);
    }
    let schedules = BTreeSet::from(["a".to_owned()]);
    assert_eq!(check(&[], &[], &schedules, 9).gaps, [tick("a", 9)]);
}

#[test]
fn a_repeated_run_is_explained_by_a_process_that_lost_it_only() {
    let (mut changes, mut runs) = faultless();
    runs.push(run("a", 9));
    let repeated = Verdict {
        repeated: vec![tick("a", 9)],
        ..nothing()
    };
    let unexplained = Verdict {
        unexplained: vec![tick("a", 9)],
        ..repeated.clone()
    };
    assert_eq!(found(&changes, &runs), unexplained);
    changes.push(change(What::TakenOver, "a", 9, "n1"));
    changes.push(change(What::Claimed, "a", 9, "n2"));
    let explained = Verdict {
        dead: BTreeSet::from(["n1".to_owned()]),
        ..repeated
    };
    assert_eq!(found(&changes, &runs), explained);
}

#[test]
fn a_process_that_goes_on_after_it_was_taken_for_dead_was_robbed() {
    let (mut changes, mut runs) = faultless();
    changes.push(change(What::TakenOver, "b", 9, "n1"));
    changes.push(change(What::Fired, "a", 10, "n1"));
    changes.push(change(What::Fired, "b", 10, "n2"));
    runs.extend([run("a", 10), run("b", 10)]);
    let expected = Verdict {
        ticks: 8,
        dead: BTreeSet::from(["n1".to_owned()]),
        robbed: BTreeSet::from(["n1".to_owned()]),
        ..nothing()
    };
    assert_eq!(found(&changes, &runs), expected);
}

#[test]
fn what_is_fired_and_not_handled_or_off_its_time_is_told() {
    let (mut changes, mut runs) = faultless();
    changes[0].late = -120_000_000;
    changes[5].late = 120_000_000;
    runs.remove(2);
    let expected = Verdict {
        unhandled: vec![tick("a", 8)],
        earliest: 120_000_000,
        latest: 120_000_000,
        late_99: 120_000_000,
        ..nothing()
    };
    assert_eq!(found(&changes, &runs), expected);
}
