//! Nobody outside the program takes all the workers: each has so many turns at a time.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

/// Who is being asked right now, and how often. Cheap to clone.
#[derive(Clone, Default)]
pub(crate) struct Turns(Arc<Mutex<HashMap<String, usize>>>);

/// One request under way; over when dropped.
pub(crate) struct Turn {
    turns: Turns,
    whom: String,
}

impl Turns {
    /// A turn at somebody who may have `limit` at a time; `None` when all are taken.
    pub(crate) fn take(&self, whom: &str, limit: usize) -> Option<Turn> {
        self.change(|taken| {
            let count = taken.entry(whom.to_owned()).or_default();
            (*count < limit).then(|| {
                *count += 1;
                Turn {
                    turns: self.clone(),
                    whom: whom.to_owned(),
                }
            })
        })
    }

    fn change<T>(&self, change: impl FnOnce(&mut HashMap<String, usize>) -> T) -> T {
        change(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.turns.change(|taken| {
            if let Some(count) = taken.get_mut(&self.whom) {
                *count = count.saturating_sub(1);
                if *count == 0 {
                    taken.remove(&self.whom);
                }
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn turns_are_counted_for_each_and_given_back() {
        let turns = Turns::default();
        let (first, second) = (turns.take("a", 2), turns.take("a", 2));
        assert!(first.is_some() && second.is_some() && turns.take("a", 2).is_none());
        assert!(turns.take("b", 2).is_some());
        drop(first);
        assert!(turns.take("a", 1).is_none());
        drop(second);
        assert!(turns.take("a", 1).is_some());
        assert!(turns.0.lock().unwrap().is_empty());
    }
}
