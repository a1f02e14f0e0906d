//! The agreement: RFC 7692 §5 and §7.1.

use portcullis_proto::{
    Side,
    deflate::{DeflateConfig, WindowBits},
    handshake::{Acceptance, ClientRequest, HandshakeError, RequestHead, ResponseHead, accept},
};

use super::{NONCE, agree, agreed, answer, bits, open_server};

#[test]
fn rfc7692_5_1_the_first_offer_that_can_be_met_is_taken() {
    let server = open_server();
    for (offer, expected) in [
        ("permessage-deflate", Some("permessage-deflate")),
        ("permessage-deflate; client_max_window_bits", Some("permessage-deflate")),
        (
            "permessage-deflate; client_max_window_bits=10",
            Some("permessage-deflate; client_max_window_bits=10"),
        ),
        (
            "permessage-deflate; server_max_window_bits=\"9\"",
            Some("permessage-deflate; server_max_window_bits=9"),
        ),
        (
            "permessage-deflate; server_max_window_bits=8",
            Some("permessage-deflate; server_max_window_bits=8"),
        ),
        (
            "permessage-deflate; server_no_context_takeover; client_no_context_takeover",
            Some("permessage-deflate; server_no_context_takeover; client_no_context_takeover"),
        ),
        // Fallbacks
        (
            "permessage-deflate; server_max_window_bits=7, permessage-deflate; server_max_window_bits=11",
            Some("permessage-deflate; server_max_window_bits=11"),
        ),
        ("permessage-deflate; mystery, permessage-deflate", Some("permessage-deflate")),
        ("x-webkit-deflate-frame, permessage-deflate", Some("permessage-deflate")),
        ("x-webkit-deflate-frame", None),
    ] {
        assert_eq!(answer(&server, offer).as_deref(), expected, "{offer}");
    }
}

#[test]
fn rfc7692_7_1_an_offer_with_a_bad_parameter_is_declined() {
    for params in [
        "mystery",
        "mystery=1",
        "server_no_context_takeover=1",
        "client_no_context_takeover=true",
        "server_no_context_takeover; server_no_context_takeover",
        "client_no_context_takeover; client_no_context_takeover",
        "server_max_window_bits",
        "server_max_window_bits=7",
        "server_max_window_bits=16",
        "server_max_window_bits=08",
        "server_max_window_bits=-9",
        "server_max_window_bits=9a",
        "server_max_window_bits=265",
        "server_max_window_bits=9; server_max_window_bits=9",
        "client_max_window_bits=7",
        "client_max_window_bits=16",
        "client_max_window_bits=010",
        "client_max_window_bits; client_max_window_bits",
        "SERVER_max_window_bits=9",
    ] {
        assert_eq!(answer(&open_server(), &format!("permessage-deflate; {params}")), None, "{params}");
    }
}

#[test]
fn rfc7692_7_1_2_2_a_client_that_cannot_be_told_its_window_is_declined_by_a_server_that_must_tell() {
    let server = open_server().with_client_max_window_bits(bits(10));
    assert_eq!(answer(&server, "permessage-deflate"), None);
    let told = Some("permessage-deflate; client_max_window_bits=10".to_owned());
    assert_eq!(answer(&server, "permessage-deflate; client_max_window_bits"), told);
    assert_eq!(answer(&server, "permessage-deflate; client_max_window_bits=12"), told);
    let less = Some("permessage-deflate; client_max_window_bits=9".to_owned());
    assert_eq!(answer(&server, "permessage-deflate; client_max_window_bits=9"), less);
}

#[test]
fn rfc7692_7_1_a_client_fails_on_an_answer_that_does_not_fit_its_offer() {
    let plain = DeflateConfig::client();
    for answer in [
        "permessage-deflate; mystery",
        "permessage-deflate; server_no_context_takeover=0",
        "permessage-deflate; client_no_context_takeover; client_no_context_takeover",
        "permessage-deflate; server_max_window_bits",
        "permessage-deflate; server_max_window_bits=16",
        "permessage-deflate; client_max_window_bits",
        "permessage-deflate; client_max_window_bits=7",
        "permessage-deflate, permessage-deflate",
    ] {
        assert_eq!(agree(&plain, answer), Err(HandshakeError::ExtensionsInvalid), "{answer}");
    }
    let small = plain
        .with_server_max_window_bits(bits(10))
        .with_client_max_window_bits(bits(11))
        .with_server_no_context_takeover(true);
    for answer in [
        "permessage-deflate",
        "permessage-deflate; server_no_context_takeover",
        "permessage-deflate; server_max_window_bits=10",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=11",
        "permessage-deflate; server_no_context_takeover; server_max_window_bits=10; client_max_window_bits=12",
    ] {
        assert_eq!(agree(&small, answer), Err(HandshakeError::ExtensionsInvalid), "{answer}");
    }
    let agreed = agree(&small, "permessage-deflate; server_no_context_takeover; server_max_window_bits=9")
        .unwrap()
        .unwrap();
    assert_eq!((agreed.window_bits(Side::Server), agreed.window_bits(Side::Client)), (bits(9), bits(11)));
    assert!(!agreed.context_takeover(Side::Server) && agreed.context_takeover(Side::Client));
}

#[test]
fn both_sides_come_to_the_same_agreement_whatever_they_want() {
    let wants = |side: DeflateConfig, choice: u16| {
        let bits = |shift: u16| WindowBits::new(8 + u8::try_from(choice >> shift & 7).unwrap()).unwrap();
        side.with_server_max_window_bits(bits(0))
            .with_client_max_window_bits(bits(3))
            .with_server_no_context_takeover(choice & 64 != 0)
            .with_client_no_context_takeover(choice & 128 != 0)
    };
    for choice in 0..=u16::MAX {
        // Eight bits each: every pair.
        let client = wants(DeflateConfig::client(), choice & 255);
        let server = wants(DeflateConfig::server(), choice >> 8);
        let offer = client.offer();
        let ours = agreed(&server, &offer);
        let theirs = agree(&client, &ours.response()).unwrap().unwrap();
        for side in [Side::Server, Side::Client] {
            assert_eq!(ours.context_takeover(side), theirs.context_takeover(side), "{offer}");
            // What the sender uses is never more than what the receiver has room for.
            let (sender, receiver) = if side == Side::Server { (ours, theirs) } else { (theirs, ours) };
            assert!(sender.window_bits(side) <= receiver.window_bits(side), "{offer} {}", ours.response());
        }
    }
}

#[test]
fn the_whole_way_through_a_handshake() {
    let (server, client) = (DeflateConfig::server(), DeflateConfig::client());
    let offer = client.offer();
    let wanted = ClientRequest { extensions: Some(&offer), ..ClientRequest::new("example.com", "/") };
    let (mut request, mut response) = ([0; 1_024], [0; 1_024]);
    let len = wanted.emit(NONCE, &mut request).unwrap();
    let head = RequestHead::parse(&request[..len]).unwrap();
    let upgrade = head.upgrade().unwrap();
    let ours = server.accept(upgrade.extensions()).unwrap();
    let answer = ours.response();
    let acceptance = Acceptance { extensions: Some(&answer), ..Acceptance::default() };
    let len = accept(&upgrade, &acceptance, &mut response).unwrap();
    let accepted = ResponseHead::parse(&response[..len]).unwrap().verify(&wanted, NONCE).unwrap();
    assert_eq!(client.agree(accepted.extensions()).unwrap(), Some(ours));
}
