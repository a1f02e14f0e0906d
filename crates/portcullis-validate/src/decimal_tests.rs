use core::cmp::Ordering;

use super::Decimal;

fn decimal(text: &str) -> Decimal<'_> {
    let (negative, text) = text.strip_prefix('-').map_or((false, text), |rest| (true, rest));
    let (digits, exponent) = text.split_once('e').unwrap_or((text, "0"));
    let (int, frac) = digits.split_once('.').unwrap_or((digits, ""));
    Decimal::new(negative, int.as_bytes(), frac.as_bytes(), exponent.parse().unwrap())
}

#[test]
fn order_is_exact_where_doubles_err() {
    for (low, high) in [
        ("9007199254740992", "9007199254740993"),
        ("0.1", "0.1000000000000000000000001"),
        ("-1e400", "-1e399"),
        ("-0.5", "0"),
        ("0", "1e-4000"),
        ("-1", "1"),
        ("99e-2", "1"),
    ] {
        assert_eq!(decimal(low).compare(&decimal(high)), Ordering::Less, "{low} {high}");
        assert_eq!(decimal(high).compare(&decimal(low)), Ordering::Greater, "{low} {high}");
    }
    for (left, right) in
        [("1.50", "15e-1"), ("-0", "0.000e9"), ("100", "1e2"), ("0.001", "1e-3"), ("0.0", "-0e5")]
    {
        assert_eq!(decimal(left).compare(&decimal(right)), Ordering::Equal, "{left} {right}");
    }
}

#[test]
fn an_integer_may_be_written_with_a_point() {
    assert!(
        ["7", "7.0", "70e-1", "0.7e1", "0", "0.0", "1e400", "100e-2"]
            .iter()
            .all(|text| decimal(text).is_integer())
    );
    assert!(!["7.5", "7e-1", "0.01e1", "1e-400"].iter().any(|text| decimal(text).is_integer()));
}

#[test]
fn the_range_ends_where_doubles_become_infinite() {
    assert!(!decimal("1.7976931348623157e308").is_beyond_double());
    assert!(!decimal("1.7976931348623158079e308").is_beyond_double());
    assert!(decimal("1.797693134862315808e308").is_beyond_double());
    assert!(decimal("-1e309").is_beyond_double());
    assert!(!decimal("1e-400").is_beyond_double());
    assert!(!decimal("0e999999").is_beyond_double());
}

#[test]
fn multiples_are_exact() {
    for (number, divisor) in
        [("0.3", "0.1"), ("12391239123", "1e-8"), ("7e300", "0.7"), ("-4.5", "1.5"), ("0", "3")]
    {
        assert!(decimal(number).is_multiple_of(&decimal(divisor)), "{number} {divisor}");
    }
    for (number, divisor) in [("0.35", "0.1"), ("1e308", "0.123456789"), ("7", "2"), ("1", "10")] {
        assert!(!decimal(number).is_multiple_of(&decimal(divisor)), "{number} {divisor}");
    }
}
