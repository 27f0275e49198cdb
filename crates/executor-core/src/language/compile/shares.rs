//! Which programs are kept: apps share the room by what they hold of it.
//!
//! When there is no room, programs go that nobody serves any more, then those of the app that holds
//! the most: of several, one that has not run since the last look. So no app loses what it uses
//! because another one has much.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Weak};

use shared::id::AppId;
use shared::invocation::ScriptImage;

use super::super::program::Used;

/// A program that is kept.
pub(super) struct Entry<K> {
    pub(super) key: K,
    /// Bytes.
    pub(super) weight: u64,
    pub(super) used: Arc<Used>,
    /// Alive while somebody serves it or runs it.
    pub(super) image: Weak<ScriptImage>,
}

/// What one app holds, in the order in which it is looked at.
struct Share<K> {
    entries: VecDeque<Entry<K>>,
    weight: u64,
}

impl<K> Default for Share<K> {
    fn default() -> Self {
        Self {
            entries: VecDeque::new(),
            weight: 0,
        }
    }
}

impl<K: PartialEq> Share<K> {
    fn push(&mut self, entry: Entry<K>) {
        self.weight += entry.weight;
        self.entries.push_back(entry);
    }

    /// Takes entries out; returns their keys.
    fn take(&mut self, goes: impl Fn(&Entry<K>) -> bool) -> Vec<K> {
        let (gone, kept) = self.entries.drain(..).partition(|entry| goes(entry));
        let gone: VecDeque<Entry<K>> = gone;
        self.entries = kept;
        self.weight -= gone.iter().map(|entry| entry.weight).sum::<u64>();
        gone.into_iter().map(|entry| entry.key).collect()
    }

    /// Takes the first one that has not run since the last look; of all that have, the first.
    fn take_one(&mut self) -> Option<K> {
        for _ in 0..self.entries.len() {
            let first = self.entries.pop_front()?;
            if first.used.look() {
                self.entries.push_back(first);
                continue;
            }
            self.weight -= first.weight;
            return Some(first.key);
        }
        let first = self.entries.pop_front()?;
        self.weight -= first.weight;
        Some(first.key)
    }
}

/// What all apps hold.
pub(super) struct Shares<K> {
    apps: HashMap<AppId, Share<K>>,
    room: u64,
}

impl<K: PartialEq> Shares<K> {
    /// Room for so many bytes.
    pub(super) fn new(room: u64) -> Self {
        Self {
            apps: HashMap::new(),
            room,
        }
    }

    /// Adds a program of an app; returns those that go for it.
    pub(super) fn add(&mut self, app: AppId, entry: Entry<K>) -> Vec<K> {
        let share = self.apps.entry(app).or_default();
        // It is there already when it was compiled for somebody who did not wait for the end.
        share.take(|known| known.key == entry.key);
        share.push(entry);
        let mut gone = Vec::new();
        if self.weight() > self.room {
            for share in self.apps.values_mut() {
                gone.extend(share.take(|entry| entry.image.strong_count() == 0));
            }
        }
        while self.weight() > self.room {
            let heaviest = self.apps.values_mut().max_by_key(|share| share.weight);
            let Some(key) = heaviest.and_then(Share::take_one) else {
                break;
            };
            gone.push(key);
        }
        self.apps.retain(|_, share| !share.entries.is_empty());
        gone
    }

    fn weight(&self) -> u64 {
        self.apps.values().map(|share| share.weight).sum()
    }
}

#[cfg(test)]
mod tests {
    use shared::invocation::ModuleSet;
    use std::collections::BTreeMap;

    use super::*;

    struct Rig {
        shares: Shares<u32>,
        image: Arc<ScriptImage>,
        used: HashMap<u32, Arc<Used>>,
    }

    fn app(number: u8) -> AppId {
        AppId::from_bytes([number; 16])
    }

    fn image() -> Arc<ScriptImage> {
        Arc::new(ScriptImage {
            app: app(0),
            name: "main".parse().unwrap(),
            version: 1,
            hash: shared::id::ContentHash::of(b"1"),
            source: "1".into(),
            modules: Arc::new(ModuleSet::new(BTreeMap::new())),
        })
    }

    impl Rig {
        fn new(room: u64) -> Self {
            Self {
                shares: Shares::new(room),
                image: image(),
                used: HashMap::new(),
            }
        }

        fn add(&mut self, of: u8, key: u32, weight: u64) -> Vec<u32> {
            let used = Arc::new(Used::default());
            self.used.insert(key, Arc::clone(&used));
            let image = Arc::downgrade(&self.image);
            let entry = Entry {
                key,
                weight,
                used,
                image,
            };
            self.shares.add(app(of), entry)
        }
    }

    #[test]
    fn who_holds_the_most_gives_up_his_own() {
        let mut rig = Rig::new(100);
        assert!(rig.add(1, 0, 20).is_empty());
        for key in 1..9 {
            rig.add(2, key, 10);
        }
        for key in 9..100 {
            assert_eq!(rig.add(2, key, 10), [key - 8], "never the other app's");
        }
        assert_eq!(
            rig.add(3, 100, 40),
            [92, 93, 94, 95],
            "a third gets its share"
        );
        assert_eq!(rig.add(3, 101, 10), [100], "and is now the largest itself");
    }

    #[test]
    fn what_runs_outlives_what_does_not() {
        let mut rig = Rig::new(30);
        for key in 0..3 {
            rig.add(1, key, 10);
        }
        rig.used[&0].mark();
        assert_eq!(rig.add(1, 3, 10), [1]);
        assert_eq!(
            rig.add(1, 4, 10),
            [2],
            "what has run was looked at and put last"
        );
    }

    #[test]
    fn what_nobody_serves_any_more_goes_first() {
        let mut rig = Rig::new(30);
        rig.add(1, 0, 20);
        rig.image = image();
        rig.add(2, 1, 5);
        assert_eq!(rig.add(2, 2, 10), [0]);
        assert_eq!(
            rig.shares.apps.len(),
            1,
            "nothing is kept of an app without any"
        );
    }

    #[test]
    fn the_same_counts_once_and_what_never_fits_goes_at_once() {
        let mut rig = Rig::new(30);
        for _ in 0..10 {
            assert!(rig.add(1, 0, 20).is_empty());
        }
        assert_eq!(rig.add(2, 1, 40), [1]);
        assert!(rig.add(1, 2, 10).is_empty(), "there is room");
    }
}
