use portcullis_time::UnixTime;
use proptest::prelude::*;

use super::of;

/// A certificate that is good between these two dates.
fn certificate(not_before: (i32, u8, u8), not_after: (i32, u8, u8)) -> Vec<u8> {
    let key = rcgen::KeyPair::generate().unwrap();
    let mut params = rcgen::CertificateParams::new(["localhost".into()]).unwrap();
    params.not_before = rcgen::date_time_ymd(not_before.0, not_before.1, not_before.2);
    params.not_after = rcgen::date_time_ymd(not_after.0, not_after.1, not_after.2);
    params.self_signed(&key).unwrap().der().to_vec()
}

#[test]
fn dates_are_read_in_both_forms() {
    // (date, seconds), from another calendar.
    let rows = [
        ((1970, 1, 1), 0),
        ((1999, 12, 31), 946_598_400),
        ((2000, 2, 29), 951_782_400),
        ((2026, 11, 23), 1_795_392_000),
        ((2049, 12, 31), 2_524_521_600),
        ((2050, 1, 1), 2_524_608_000),
        ((2100, 3, 1), 4_107_542_400),
        ((9999, 12, 31), 253_402_214_400),
    ];
    for pair in rows.windows(2) {
        let [(from, from_secs), (until, until_secs)] = pair else { unreachable!() };
        let expected = (UnixTime::from_secs(*from_secs), UnixTime::from_secs(*until_secs));
        assert_eq!(of(&certificate(*from, *until)), Some(expected), "{from:?} {until:?}");
    }
}

#[test]
fn a_certificate_that_ends_early_has_no_dates() {
    let der = certificate((2020, 1, 1), (2030, 1, 1));
    assert!(of(&der).is_some());
    for len in 0..der.len() {
        assert_eq!(of(&der[..len]), None, "{len}");
    }
}

proptest! {
    #[test]
    fn whatever_comes_is_read_or_refused(bytes in any::<Vec<u8>>(), at in 0_usize..200, byte in any::<u8>()) {
        let _ = of(&bytes);
        let mut der = certificate((2020, 1, 1), (2030, 1, 1));
        if let Some(place) = der.get_mut(at) {
            *place = byte;
        }
        let _ = of(&der);
    }
}
