//! What is done after what was heard.

use shared::clock::Timestamp;

use super::*;

fn app() -> AppId {
    AppId::new(Timestamp(1))
}

fn load(app: AppId, number: i64) -> Step {
    Step::Load(Raised { app, number })
}

fn heard(app: AppId, number: i64) -> Heard {
    Heard {
        raised: [(app, number)].into(),
        all: false,
    }
}

fn failed(kind: Kind) -> Result<(), Error> {
    Err(Error::new(kind, "deployment_unreadable", "on purpose"))
}

#[test]
fn the_newest_number_of_each_app_is_loaded_before_anything_is_compared() {
    let (one, two) = (app(), app());
    let (first, second) = (one.min(two), one.max(two));
    let mut wanted = Wanted::default();
    wanted.hear(heard(first, 3));
    wanted.hear(heard(second, 1));
    wanted.hear(heard(first, 2));
    wanted.compare = true;
    assert_eq!(wanted.next(), Some(load(first, 3)));
    assert_eq!(wanted.next(), Some(load(second, 1)));
    assert_eq!(wanted.next(), Some(Step::Compare));
    assert_eq!(wanted.next(), None);
}

#[test]
fn another_reason_to_compare_is_compared_for_again() {
    let mut wanted = Wanted::default();
    let all = || Heard {
        all: true,
        ..Heard::default()
    };
    wanted.hear(all());
    assert_eq!(wanted.next(), Some(Step::Compare));
    wanted.hear(all());
    assert_eq!(wanted.next(), None, "one at a time");
    wanted.done(Done::Compared(Ok(Vec::new())), Instant::now());
    assert_eq!(wanted.next(), Some(Step::Compare));
}

#[test]
fn a_database_that_is_away_is_asked_again_after_a_pause() {
    let (id, now) = (app(), Instant::now());
    let mut wanted = Wanted::default();
    let raised = Raised { app: id, number: 2 };
    wanted.done(Done::Loaded(raised, failed(Kind::Unavailable)), now);
    wanted.resume(now + AWAY / 2);
    assert_eq!(wanted.next(), None);
    wanted.resume(now + AWAY);
    assert_eq!(wanted.next(), Some(load(id, 2)));
    let away = StoreError::Unavailable("on purpose".to_owned());
    wanted.done(Done::Compared(Err(away)), now);
    wanted.resume(now + AWAY);
    assert_eq!(wanted.next(), Some(Step::Compare));
}

#[test]
fn what_cannot_be_loaded_is_tried_again_when_it_has_changed() {
    let (id, now) = (app(), Instant::now());
    let mut wanted = Wanted::default();
    let raised = |number| Raised { app: id, number };
    wanted.done(Done::Loaded(raised(2), failed(Kind::Internal)), now);
    assert_eq!(wanted.next(), None);
    wanted.done(Done::Compared(Ok(vec![raised(2)])), now);
    assert_eq!(wanted.next(), None, "it is the same");
    wanted.done(Done::Compared(Ok(vec![raised(3)])), now);
    assert_eq!(wanted.next(), Some(load(id, 3)));
    wanted.done(Done::Loaded(raised(3), Ok(())), now);
    assert!(wanted.broken.is_empty());
}
