//! Who holds how much, and who may have more.

use std::collections::HashMap;

use super::order::Order;
use crate::id::AppId;

/// Apps that hold no more than their own part are never refused because of what others hold, as
/// long as there are no more of them than this.
const APPS_WITH_A_PART: u64 = 8;

/// Bytes held, of all and of each app that holds any. No app at all is the control plane.
#[derive(Debug, Default)]
pub(super) struct Ledger {
    used: u64,
    apps: HashMap<Option<AppId>, u64>,
    /// Apps that hold more than their own part.
    above: u64,
}

/// What every app may hold whatever others do: of the last quarter an eighth each.
fn own_part(most: u64) -> u64 {
    most / 4 / APPS_WITH_A_PART
}

/// How much of the budget may be in use when more is given to somebody above their own part.
fn line(most: u64, order: Order) -> u64 {
    let eighths = match order {
        Order::Event => 3,
        Order::Later => 4,
        Order::Request => 5,
        Order::Small => 6,
    };
    most / 8 * eighths
}

impl Ledger {
    pub(super) fn used(&self) -> u64 {
        self.used
    }

    #[cfg(test)]
    pub(super) fn is_empty(&self) -> bool {
        self.used == 0 && self.above == 0 && self.apps.is_empty()
    }

    fn held(&self, app: Option<AppId>) -> u64 {
        self.apps.get(&app).copied().unwrap_or(0)
    }

    /// Whether there are so many bytes more for an app.
    pub(super) fn fits(&self, most: u64, app: Option<AppId>, order: Order, bytes: u64) -> bool {
        let Some(total) = self.used.checked_add(bytes) else {
            return false;
        };
        let held = self.held(app);
        let own = own_part(most);
        if held + bytes <= own {
            return total <= most;
        }
        let line = line(most, order);
        if total > line {
            return false;
        }
        // Half is for who comes first. Of the rest nobody may have more than an equal part.
        let sharing = self.above + u64::from(held <= own);
        total <= line / 2 || held + bytes <= line / sharing
    }

    pub(super) fn add(&mut self, most: u64, app: Option<AppId>, bytes: u64) {
        if bytes == 0 {
            return;
        }
        self.used += bytes;
        let held = self.apps.entry(app).or_default();
        let before = *held;
        *held += bytes;
        let own = own_part(most);
        self.above += u64::from(before <= own && *held > own);
    }

    pub(super) fn remove(&mut self, most: u64, app: Option<AppId>, bytes: u64) {
        self.used -= bytes;
        let before = self.held(app);
        let after = before - bytes;
        if after == 0 {
            self.apps.remove(&app);
        } else {
            self.apps.insert(app, after);
        }
        let own = own_part(most);
        self.above -= u64::from(before > own && after <= own);
    }
}
