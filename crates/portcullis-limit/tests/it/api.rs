use core::time::Duration;

use portcullis_limit::{Charge, Gcra, Limited, Quota, QuotaError, check_all};
use portcullis_time::Instant;

const MESSAGES: Quota = Quota::per_second_const::<60, 120>();

#[test]
fn a_state_is_sixteen_bytes() {
    assert_eq!(size_of::<Gcra>(), 16);
}

#[test]
fn a_limited_is_4429_and_says_when() {
    let limited = Limited { retry_at: Instant::from_nanos(7) };
    assert_eq!((limited.close_code(), limited.code()), (4429, "rate_limited"));
    assert_eq!(limited.to_string(), "rate limited until 7 ns on the monotonic clock");
}

#[test]
fn nonsense_is_no_quota() {
    let second = Duration::from_secs(1);
    assert_eq!(Quota::new(0, 1, second), Err(QuotaError::BurstZero));
    assert_eq!(Quota::new(1, 0, second), Err(QuotaError::RefillZero));
    assert_eq!(Quota::new(1, 1, Duration::ZERO), Err(QuotaError::PeriodZero));
    assert_eq!(Quota::new(9, 1, Duration::MAX), Err(QuotaError::TooFine { burst: 9, refill: 1 }));
    let year = Duration::from_secs(31_536_000);
    assert_eq!(Quota::new(u32::MAX, 7, year), Err(QuotaError::TooFine { burst: u32::MAX, refill: 7 }));
    assert!(Quota::new(100, 7, year).is_ok());
    assert!(Quota::per_second(u32::MAX, u32::MAX).is_ok());
}

#[test]
fn equal_rates_are_equal_quotas() {
    assert_eq!(Quota::new(120, 3_600, Duration::from_secs(60)).unwrap(), MESSAGES);
}

#[test]
fn a_bill_is_paid_whole_or_not_at_all() {
    let tight = Quota::per_second(1, 1).unwrap();
    let tighter = Quota::new(1, 1, Duration::from_secs(9)).unwrap();
    let (mut connection, mut user, mut server) = (Gcra::new(), Gcra::new(), Gcra::new());
    let now = Instant::from_millis(1_000);
    let mut pay = |connection: &mut Gcra, now| {
        check_all(
            now,
            &mut [
                Charge::new(connection, &MESSAGES, 3),
                Charge::new(&mut user, &tight, 1),
                Charge::new(&mut server, &tighter, 1),
            ],
        )
    };
    assert!(pay(&mut connection, now).is_ok());
    let before = connection;
    let limited = pay(&mut connection, now).unwrap_err();
    // The user's bucket would pass after one second, the server's after nine.
    assert_eq!(limited.retry_at, now + Duration::from_secs(9));
    assert_eq!(connection, before);
    assert!(pay(&mut connection, limited.retry_at).is_ok());
}
