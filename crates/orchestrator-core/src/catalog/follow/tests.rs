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

fn found(raised: Raised) -> Done {
    Done::Compared(Ok(Compared {
        missed: vec![raised],
        stored: [(raised.app, raised.number)].into(),
    }))
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
    assert_eq!(wanted.next(Instant::now()), Some(load(first, 3)));
    assert_eq!(wanted.next(Instant::now()), Some(load(second, 1)));
    assert_eq!(wanted.next(Instant::now()), Some(Step::Compare));
    assert_eq!(wanted.next(Instant::now()), None);
}

#[test]
fn another_reason_to_compare_is_compared_for_again() {
    let mut wanted = Wanted::default();
    let all = || Heard {
        all: true,
        ..Heard::default()
    };
    wanted.hear(all());
    assert_eq!(wanted.next(Instant::now()), Some(Step::Compare));
    wanted.hear(all());
    assert_eq!(wanted.next(Instant::now()), None, "one at a time");
    wanted.done(Done::Compared(Ok(Compared::default())), Instant::now());
    assert_eq!(wanted.next(Instant::now()), Some(Step::Compare));
}

#[test]
fn a_database_that_is_away_is_asked_again_after_a_pause() {
    let (id, now) = (app(), Instant::now());
    let mut wanted = Wanted::default();
    let raised = Raised { app: id, number: 2 };
    wanted.done(Done::Loaded(raised, failed(Kind::Unavailable)), now);
    wanted.resume(now + AWAY / 2);
    assert_eq!(wanted.next(now), None);
    assert_eq!(wanted.wake(now), Some(now + AWAY));
    wanted.resume(now + AWAY);
    assert_eq!(wanted.next(now), Some(load(id, 2)));
    let away = StoreError::Unavailable("on purpose".to_owned());
    wanted.done(Done::Compared(Err(away)), now);
    wanted.resume(now + AWAY);
    assert_eq!(wanted.next(Instant::now()), Some(Step::Compare));
}

#[test]
fn what_cannot_be_loaded_is_tried_again_when_it_has_changed() {
    let (id, now) = (app(), Instant::now());
    let mut wanted = Wanted::default();
    let raised = |number| Raised { app: id, number };
    wanted.done(Done::Loaded(raised(2), failed(Kind::Internal)), now);
    assert_eq!(wanted.next(Instant::now()), None);
    wanted.done(found(raised(2)), now);
    assert_eq!(wanted.next(Instant::now()), None, "it is the same");
    wanted.done(found(raised(3)), now);
    assert_eq!(wanted.next(Instant::now()), Some(load(id, 3)));
    wanted.done(Done::Loaded(raised(3), Ok(())), now);
    assert!(wanted.broken.is_empty());
}

#[test]
fn loads_that_take_long_keep_no_other_app_waiting() {
    let now = Instant::now();
    let mut wanted = Wanted::default();
    let mut apps: Vec<AppId> = (0..=LOADS).map(|_| app()).collect();
    apps.sort_unstable();
    for app in &apps {
        wanted.hear(heard(*app, 1));
    }
    for app in &apps[..LOADS] {
        assert_eq!(wanted.next(now), Some(load(*app, 1)));
    }
    assert_eq!(wanted.next(now), None, "each has a place for a while");
    assert_eq!(wanted.wake(now), Some(now + LONG));
    let later = now + LONG;
    assert_eq!(wanted.next(later), Some(load(apps[LOADS], 1)));
    assert_eq!(wanted.wake(later), None, "nothing more is wanted");
}

#[test]
fn a_newer_state_is_loaded_beside_a_load_that_takes_long_and_never_twice() {
    let (id, now) = (app(), Instant::now());
    let mut wanted = Wanted::default();
    wanted.hear(heard(id, 1));
    assert_eq!(wanted.next(now), Some(load(id, 1)));
    wanted.hear(heard(id, 1));
    assert_eq!(wanted.next(now), None, "it is under way");
    wanted.hear(heard(id, 2));
    assert_eq!(wanted.next(now), None, "the first may end at any time");
    let later = now + LONG;
    assert_eq!(wanted.next(later), Some(load(id, 2)));
    let ended = |number| Done::Loaded(Raised { app: id, number }, Ok(()));
    wanted.done(ended(2), later);
    wanted.done(ended(1), later);
    assert!(wanted.loading.is_empty());
    let away = Done::Loaded(Raised { app: id, number: 2 }, failed(Kind::Unavailable));
    wanted.done(away, later);
    wanted.resume(later + AWAY);
    assert_eq!(wanted.next(later + AWAY), Some(load(id, 2)), "it has ended");
}

#[test]
fn nothing_is_kept_of_a_broken_app_that_is_gone() {
    let (id, now) = (app(), Instant::now());
    let mut wanted = Wanted::default();
    let raised = Raised { app: id, number: 2 };
    wanted.done(Done::Loaded(raised, failed(Kind::Internal)), now);
    wanted.done(Done::Compared(Ok(Compared::default())), now);
    assert!(wanted.broken.is_empty());
}
