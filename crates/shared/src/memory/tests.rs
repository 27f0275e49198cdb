//! The budget against a plain model of it, and its order.

use proptest::prelude::*;

use super::*;

/// Bytes of the budgets here: its eighths are 100, an app's own part is 25.
const MOST: u64 = 800;

fn app(number: u8) -> AppId {
    AppId::from_bytes([number; 16])
}

#[test]
fn what_is_full_refuses_and_keeps_what_it_has() {
    let memory = Memory::new(MOST);
    let mut one = memory.hold(Some(app(1)), Order::Request);
    assert_eq!(one.grow(400), Ok(()));
    assert_eq!(one.grow(101), Err(NoRoom));
    assert_eq!(one.grow(u64::MAX), Err(NoRoom));
    assert_eq!((memory.used(), memory.refused()), (400, 2));
    assert_eq!(one.grow(100), Ok(()));
    one.shrink_to(10);
    assert_eq!((memory.used(), one.bytes()), (10, 10));
    drop(one);
    assert_eq!(memory.used(), 0);
}

#[test]
fn events_are_refused_first_then_what_is_done_later_then_requests_and_small_things_last() {
    let memory = Memory::new(MOST);
    let mut all = memory.hold(Some(app(1)), Order::Request);
    let order = [Order::Event, Order::Later, Order::Request, Order::Small];
    for (refused, line) in [300, 400, 500, 600].into_iter().enumerate() {
        let more = line - memory.used();
        assert_eq!(all.grow_as(order[refused], more), Ok(()));
        for (at, order) in order.into_iter().enumerate() {
            assert_eq!(
                memory.has_room(Some(app(1)), order),
                at > refused,
                "{order:?} at {line}"
            );
        }
    }
}

#[test]
fn an_app_with_little_is_served_whatever_another_holds() {
    let memory = Memory::new(MOST);
    let mut hoard = memory.hold(Some(app(0)), Order::Small);
    while hoard.grow(1).is_ok() {}
    assert_eq!(hoard.bytes(), 600);
    let others: Vec<_> = (1..=8)
        .map(|number| {
            let mut other = memory.hold(Some(app(number)), Order::Event);
            assert_eq!(other.grow(25), Ok(()));
            assert_eq!(other.grow(1), Err(NoRoom), "more than its part");
            other
        })
        .collect();
    assert_eq!(memory.used(), MOST);
    drop(others);
    assert_eq!(hoard.grow(1), Err(NoRoom), "not even when nobody uses it");
}

#[test]
fn the_control_plane_is_one_more_that_shares() {
    let memory = Memory::new(MOST);
    let mut flood = memory.hold(None, Order::Request);
    while flood.grow(10).is_ok() {}
    assert_eq!(flood.bytes(), 500);
    assert!(memory.has_room(Some(app(1)), Order::Event));
    assert!(!memory.has_room(None, Order::Request));
}

#[test]
fn who_holds_more_than_an_equal_part_gets_no_more_while_others_want_some() {
    let memory = Memory::new(MOST);
    let mut first = memory.hold(Some(app(1)), Order::Request);
    assert_eq!(first.grow(400), Ok(()), "alone it may have nearly all");
    let mut second = memory.hold(Some(app(2)), Order::Request);
    assert_eq!(second.grow(60), Ok(()));
    assert_eq!(first.grow(10), Err(NoRoom), "more than half");
    assert_eq!(second.grow(40), Ok(()));
    first.shrink_to(200);
    assert_eq!(first.grow(50), Ok(()), "an equal part");
    assert_eq!(first.grow(1), Err(NoRoom));
    assert_eq!(second.grow(150), Ok(()), "an equal part");
}

#[test]
fn bytes_hold_their_memory_until_the_last_part_is_gone() {
    let memory = Memory::new(MOST);
    let mut held = memory.hold(Some(app(1)), Order::Request);
    held.grow(100).unwrap();
    let mut bytes = held.around(Bytes::from(vec![7; 100]));
    let part = bytes.split_to(10);
    drop(bytes);
    assert_eq!((memory.used(), &*part), (100, &[7; 10][..]));
    drop(part);
    assert_eq!(memory.used(), 0);
}

proptest! {
    #[test]
    fn all_that_was_held_is_free_in_the_end(
        steps in prop::collection::vec((0..6_usize, 0..500_u64, 0..4_u8), 0..80)
    ) {
        let orders = [Order::Event, Order::Later, Order::Request, Order::Small];
        let memory = Memory::new(MOST);
        // Two of each app.
        let mut held: Vec<_> = (0..6_u8)
            .map(|at| memory.hold(Some(app(at / 2)), orders[usize::from(at % 4)]))
            .collect();
        for (who, bytes, what) in steps {
            let mine = held[who].bytes() + held[who ^ 1].bytes();
            match what {
                0 => held[who].shrink_to(bytes),
                1 => held[who].shrink_to(0),
                _ if held[who].grow(bytes).is_err() => {
                    prop_assert!(mine + bytes > MOST / 32, "it was within its own part");
                }
                _ => {}
            }
            prop_assert_eq!(memory.used(), held.iter().map(Held::bytes).sum::<u64>());
            prop_assert!(memory.used() <= memory.most());
        }
        drop(held);
        prop_assert_eq!(memory.used(), 0);
        prop_assert!(memory.ledger().is_empty());
    }
}
