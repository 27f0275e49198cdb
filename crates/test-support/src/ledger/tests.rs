//! Histories that are broken on purpose: each fault is found, and nothing else.

use super::*;

fn acknowledged(sequences: &[u64]) -> BTreeMap<Lane, BTreeSet<u64>> {
    BTreeMap::from([(Lane::new("queue", "a"), sequences.iter().copied().collect())])
}

/// A history of one lane from `(sequence, attempt)`; the event is named after the sequence.
fn history(runs: &[(u64, u32)]) -> History {
    let runs = runs.iter().map(|(sequence, attempt)| Handling {
        sequence: *sequence,
        attempt: *attempt,
        event: format!("evt_{sequence}"),
    });
    History(BTreeMap::from([(Lane::new("queue", "a"), runs.collect())]))
}

/// Queues keep an order.
fn order() -> Order {
    Order {
        kinds: vec!["queue"],
        ..Order::default()
    }
}

fn at(sequences: &[u64]) -> Vec<(Lane, u64)> {
    let lane = Lane::new("queue", "a");
    sequences.iter().map(|s| (lane.clone(), *s)).collect()
}

#[test]
fn a_faultless_history_has_no_findings() {
    let found = check(
        &acknowledged(&[0, 1, 2]),
        &history(&[(0, 1), (1, 3), (2, 1)]),
        &order(),
    );
    let faultless = Verdict {
        acknowledged: 3,
        ..Verdict::default()
    };
    assert_eq!(found, faultless);
}

#[test]
fn a_send_that_was_not_acknowledged_may_be_handled_or_not() {
    for runs in [&[(0, 1), (2, 1)][..], &[(0, 1), (1, 1), (2, 1)]] {
        let found = check(&acknowledged(&[0, 2]), &history(runs), &order());
        assert_eq!(found.lost, []);
        assert_eq!(found.inverted, []);
    }
}

#[test]
fn a_lost_event_is_found() {
    let found = check(
        &acknowledged(&[0, 1, 2]),
        &history(&[(0, 1), (2, 1)]),
        &order(),
    );
    assert_eq!(found.lost, at(&[1]));
    let found = check(&acknowledged(&[0, 1]), &History::default(), &order());
    assert_eq!(found.lost, at(&[0, 1]), "the whole lane");
    let mut elsewhere = history(&[]);
    elsewhere.0.insert(
        Lane::new("kv", "a"),
        history(&[(0, 1)]).0.into_values().next().unwrap(),
    );
    let found = check(&acknowledged(&[0]), &elsewhere, &order());
    assert_eq!(found.lost, at(&[0]), "handled as another kind");
}

#[test]
fn an_event_that_was_handled_twice_is_found() {
    let found = check(
        &acknowledged(&[0, 1]),
        &history(&[(0, 1), (0, 1), (1, 1), (1, 1), (1, 1)]),
        &order(),
    );
    assert_eq!(found.duplicated, at(&[0, 1, 1]));
    assert_eq!((found.inverted, found.stale), (at(&[]), at(&[])));
}

#[test]
fn a_send_that_became_two_events_is_found() {
    let mut twice = history(&[(0, 1), (0, 1)]);
    let lane = twice.0.get_mut(&Lane::new("queue", "a")).unwrap();
    lane[1].event = "evt_other".to_owned();
    let found = check(&acknowledged(&[0]), &twice, &order());
    assert_eq!(found.doubled, at(&[0]));
}

#[test]
fn an_inversion_is_found_where_there_is_an_order() {
    let swapped = history(&[(0, 1), (2, 1), (1, 1), (3, 1)]);
    let sent = acknowledged(&[0, 1, 2, 3]);
    assert_eq!(check(&sent, &swapped, &order()).inverted, at(&[1]));
    assert_eq!(check(&sent, &swapped, &Order::default()).inverted, at(&[]));
}

#[test]
fn what_was_given_up_and_replayed_has_no_order() {
    let replayed = history(&[(0, 1), (2, 1), (1, 1), (3, 1)]);
    let order = Order {
        given_up: BTreeSet::from(["evt_1".to_owned()]),
        ..order()
    };
    let sent = acknowledged(&[0, 1, 2, 3]);
    assert_eq!(check(&sent, &replayed, &order).inverted, at(&[]));
}

#[test]
fn a_run_again_after_its_successor_is_an_inversion() {
    let found = check(
        &acknowledged(&[0, 1]),
        &history(&[(0, 1), (1, 1), (0, 1)]),
        &order(),
    );
    assert_eq!(found.inverted, at(&[0]));
    assert_eq!(found.duplicated, at(&[0]));
}

#[test]
fn an_attempt_that_ends_after_its_successor_is_found() {
    let found = check(&acknowledged(&[0]), &history(&[(0, 2), (0, 1)]), &order());
    assert_eq!(found.stale, at(&[0]));
}

#[test]
fn a_ledger_is_on_the_disk() {
    let folder = tempfile::TempDir::new().unwrap();
    let path = folder.path().join("ledger");
    let ledger = Ledger::new(&path);
    let lane = Lane::new("queue", "a");
    ledger.acknowledge(&lane, [0]);
    ledger.acknowledge(&lane, [1, 2]);
    assert_eq!(ledger.len(), 3);
    let text = std::fs::read_to_string(&path).unwrap();
    assert_eq!(text, "queue/a 0\nqueue/a 1\nqueue/a 2\n");
    assert_eq!(ledger.acknowledged(), acknowledged(&[0, 1, 2]));
}

#[test]
fn what_handlers_wrote_is_read() {
    let mut read = History::default();
    read.read("queue/a", &serde_json::json!(["0 1 evt_0", "1 2 evt_1"]));
    assert_eq!(read, history(&[(0, 1), (1, 2)]));
    assert_eq!(read.len(), 2);
}
