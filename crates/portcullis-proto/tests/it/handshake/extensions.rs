//! RFC 6455 §9.1: the grammar of extensions; RFC 7692 §7: the names that will be offered.

use portcullis_proto::handshake::{EXTENSIONS_MAX, HandshakeError};

use super::{upgrade, with};

/// The offers of one value, as text.
#[expect(clippy::unwrap_used, reason = "a helper of tests")]
fn offers(value: &[u8]) -> Result<Vec<String>, HandshakeError> {
    let head = with(&[("Sec-WebSocket-Extensions", value)]);
    let offers = upgrade(&head)?.extensions().map(|offer| {
        offer.params().fold(offer.name().to_owned(), |text, param| {
            let value = param.value().map(|value| String::from_utf8(value.bytes().collect()).unwrap());
            match value {
                Some(value) => format!("{text};{}={value}", param.name()),
                None => format!("{text};{}", param.name()),
            }
        })
    });
    Ok(offers.collect())
}

#[test]
fn rfc_6455_9_1_the_examples_are_read() {
    assert_eq!(offers(b"foo").unwrap(), ["foo"]);
    assert_eq!(offers(b"bar; baz=2").unwrap(), ["bar;baz=2"]);
    assert_eq!(offers(b"foo, bar; baz=2").unwrap(), ["foo", "bar;baz=2"]);
    assert_eq!(offers(b"mux; max-channels=4; flow-control, deflate-stream").unwrap().len(), 2);
    assert_eq!(offers(b"private-extension").unwrap(), ["private-extension"]);
}

#[test]
fn rfc_6455_9_1_extensions_may_be_spread_over_fields() {
    let head = with(&[("Sec-WebSocket-Extensions", b"a;b, c"), ("sec-websocket-extensions", b"d;e=f")]);
    let request = upgrade(&head).unwrap();
    assert!(request.extensions().map(|offer| offer.name()).eq(["a", "c", "d"]));
}

#[test]
fn rfc_7692_7_1_the_offers_of_browsers_are_read() {
    assert_eq!(
        offers(b"permessage-deflate; client_max_window_bits").unwrap(),
        ["permessage-deflate;client_max_window_bits"]
    );
    let head = with(&[(
        "Sec-WebSocket-Extensions",
        b"permessage-deflate ; server_max_window_bits=10 ; client_max_window_bits=\"15\", permessage-deflate",
    )]);
    let request = upgrade(&head).unwrap();
    let first = request.extensions().next().unwrap();
    let numbers: Vec<_> = first.params().map(|param| param.value().unwrap().to_number()).collect();
    assert_eq!(numbers, [Some(10), Some(15)]);
    assert_eq!(first.params().next().unwrap().value().unwrap(), *"10");
}

#[test]
fn rfc_7692_7_1_2_1_numbers_have_no_leading_zero() {
    for (text, number) in [
        ("0", Some(0)),
        ("8", Some(8)),
        ("255", Some(255)),
        ("256", None),
        ("08", None),
        ("00", None),
        ("1e1", None),
        ("-1", None),
        ("+1", None),
        ("99999999999999999999", None),
    ] {
        let head = format!("a;b={text}");
        let head = with(&[("Sec-WebSocket-Extensions", head.as_bytes())]);
        let request = upgrade(&head).unwrap();
        let param = request.extensions().next().unwrap().params().next().unwrap();
        assert_eq!(param.value().unwrap().to_number(), number, "{text}");
    }
}

#[test]
fn rfc_6455_9_1_a_quoted_value_is_a_token_once_unescaped() {
    assert_eq!(offers(b"a;b=\"c\"").unwrap(), ["a;b=c"]);
    assert_eq!(offers(b"a;b=\"\\c\\d\" ; e").unwrap(), ["a;b=cd;e"]);
    let head = with(&[("Sec-WebSocket-Extensions", b"a;b=\"\\c\";d=c")]);
    let request = upgrade(&head).unwrap();
    let mut params = request.extensions().next().unwrap().params();
    assert_eq!(params.next().unwrap().value(), params.next().unwrap().value(), "quotes make no difference");
}

#[test]
fn rfc_6455_9_1_other_values_are_refused() {
    for value in [
        &b""[..],
        b",",
        b"a,",
        b",a",
        b"a,,b",
        b"a;",
        b"a;;b",
        b";a",
        b"a b",
        b"a;b=",
        b"a;=b",
        b"a;b=c d",
        b"a;b==c",
        b"a=b",
        b"a;b=\"",
        b"a;b=\"\"",
        b"a;b=\"c",
        b"a;b=\"c\\",
        b"a;b=\"c\\\"",
        b"a;b=\"c d\"",
        b"a;b=\"c,d\"",
        b"a;b=\"\\\"\"",
        b"a;b=\"\\\\\"",
        b"a;b=\"c\"d",
        b"a;b=\"c\"\"d\"",
        b"a;b=\xE9",
        b"\xE9",
        b"a;b=\"\xE9\"",
    ] {
        assert_eq!(
            offers(value),
            Err(HandshakeError::ExtensionsInvalid),
            "{:?}",
            String::from_utf8_lossy(value)
        );
    }
}

#[test]
fn the_numbers_of_extensions_and_parameters_are_limited() {
    let too_many = Err(HandshakeError::TooManyExtensions { extensions_max: EXTENSIONS_MAX });
    let list = |count: usize| vec!["a"; count].join(",");
    assert_eq!(offers(list(EXTENSIONS_MAX).as_bytes()).unwrap().len(), EXTENSIONS_MAX);
    assert_eq!(offers(list(EXTENSIONS_MAX + 1).as_bytes()), too_many);
    assert!(offers(format!("a{}", ";b".repeat(EXTENSIONS_MAX)).as_bytes()).is_ok());
    assert_eq!(offers(format!("a{}", ";b".repeat(EXTENSIONS_MAX + 1)).as_bytes()), too_many);
}
