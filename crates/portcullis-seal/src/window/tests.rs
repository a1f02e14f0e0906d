use alloc::{collections::BTreeSet, vec::Vec};

use proptest::prelude::*;

use super::*;

#[test]
fn what_was_seen_is_known_and_what_is_too_old_too() {
    let mut window = Window::new();
    assert!(!window.knows(0) && !window.knows(u32::MAX));
    window.remember(1_000);
    assert!(window.knows(1_000) && !window.knows(1_001) && !window.knows(999));
    assert!(!window.knows(1_000 - WINDOW_LEN + 1));
    assert!(window.knows(1_000 - WINDOW_LEN));
    window.remember(u32::MAX);
    assert!(window.knows(1_000) && window.knows(u32::MAX) && !window.knows(u32::MAX - 1));
}

proptest! {
    /// Against a set that remembers everything.
    #[test]
    fn the_window_is_the_end_of_the_set(steps in prop::collection::vec((any::<bool>(), 0_u32..700), 1..200)) {
        let (mut window, mut set, mut latest) = (Window::new(), BTreeSet::new(), None::<u32>);
        for (ahead, by) in steps {
            let base = latest.unwrap_or(300);
            let number = if ahead { base.saturating_add(by) } else { base.saturating_sub(by) };
            let too_old = latest.is_some_and(|latest| number < latest && latest - number >= WINDOW_LEN);
            prop_assert_eq!(window.knows(number), too_old || set.contains(&number));
            if !window.knows(number) {
                window.remember(number);
                set.insert(number);
                latest = Some(latest.map_or(number, |latest| latest.max(number)));
            }
        }
        let seen: Vec<u32> = set.into_iter().collect();
        prop_assert!(seen.iter().all(|number| window.knows(*number)));
    }
}
