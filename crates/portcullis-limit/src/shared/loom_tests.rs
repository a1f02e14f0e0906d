//! Every order in which threads may touch the word.
//!
//! `RUSTFLAGS="--cfg loom" cargo test -p portcullis-limit --lib --release`

use loom::sync::Arc;
use loom::sync::atomic::{AtomicU64, Ordering};
use loom::thread;
use portcullis_time::Instant;

use super::{Shape, Word, charge, refund};
use crate::Quota;

impl Word for AtomicU64 {
    fn read(&self) -> u64 {
        self.load(Ordering::Relaxed)
    }

    fn replace(&self, seen: u64, next: u64) -> Result<u64, u64> {
        self.compare_exchange_weak(seen, next, Ordering::Relaxed, Ordering::Relaxed)
    }
}

fn shape(burst: u32) -> Shape {
    Shape::new(&Quota::per_second(1, burst).unwrap(), Instant::ORIGIN).unwrap()
}

fn passes(word: &AtomicU64, shape: &Shape, now: Instant, cost: u32) -> u32 {
    u32::from(charge(word, shape, now, cost).is_ok()) * cost
}

#[test]
fn threads_together_get_the_burst_and_no_more() {
    loom::model(|| {
        let (word, shape) = (Arc::new(AtomicU64::new(0)), shape(3));
        let threads = [1, 2].map(|cost| {
            let word = Arc::clone(&word);
            thread::spawn(move || {
                passes(&word, &shape, Instant::ORIGIN, cost) + passes(&word, &shape, Instant::ORIGIN, 1)
            })
        });
        let mine = passes(&word, &shape, Instant::ORIGIN, 1);
        let theirs: u32 = threads.map(|thread| thread.join().unwrap()).iter().sum();
        // Whatever the order, a cost of 1 is asked for often enough to use up what a refused 2 left.
        assert_eq!(mine + theirs, 3);
    });
}

#[test]
fn a_thread_whose_clock_is_behind_is_given_nothing_more() {
    loom::model(|| {
        let (word, shape) = (Arc::new(AtomicU64::new(0)), shape(1));
        let late = Instant::from_millis(2_000);
        let other = {
            let word = Arc::clone(&word);
            thread::spawn(move || {
                passes(&word, &shape, late, 1) + passes(&word, &shape, Instant::from_millis(500), 1)
            })
        };
        let mine = passes(&word, &shape, Instant::ORIGIN, 1);
        // One at the origin and one two seconds later, or the later one alone.
        assert!(mine + other.join().unwrap() <= 2);
    });
}

#[test]
fn a_refund_is_never_lost() {
    loom::model(|| {
        let (word, shape) = (Arc::new(AtomicU64::new(0)), shape(2));
        let other = {
            let word = Arc::clone(&word);
            thread::spawn(move || {
                if charge(&*word, &shape, Instant::ORIGIN, 1).is_ok() {
                    refund(&*word, shape.token);
                }
            })
        };
        let mine = passes(&word, &shape, Instant::ORIGIN, 1);
        other.join().unwrap();
        assert_eq!(mine, 1);
        assert_eq!(word.read(), shape.token);
    });
}
