//! What a program sees and a page does not: the answer to the upgrade.
use portcullis_client::{Config, Event};

use super::world::{Dial, World};

fn connecting() -> World {
    let mut world = World::new(Config::default(), 1);
    world.client.connect(world.now());
    world.pump();
    assert_eq!(world.dials.pop_front(), Some(Dial { resume: false, bearer: Some("T1".into()) }));
    world
}

#[test]
fn the_status_decides_as_a_close_code_does() {
    for (status, state, code) in [
        ("401 Unauthorized", "waiting", 4401),
        ("403 Forbidden", "closed", 4403),
        ("404 Not Found", "closed", 1008),
        ("426 Upgrade Required", "closed", 1008),
        ("429 Too Many Requests", "waiting", 1006),
        ("503 Service Unavailable", "waiting", 1006),
        ("200 OK", "closed", 1008),
    ] {
        let mut world = connecting();
        world.answer_upgrade(&format!("HTTP/1.1 {status}\r\nContent-Length: 0\r\n\r\n"));
        assert_eq!(world.state(), state, "{status}");
        let closed = world.events.iter().find_map(|event| match event {
            Event::Closed { code, .. } => Some(*code),
            _ => None,
        });
        assert_eq!(closed, Some(code), "{status}");
        assert!(world.dropped, "{status}");
    }
}

#[test]
fn a_token_that_was_not_taken_is_not_offered_again() {
    for (next, state) in [(Some("T2"), "connecting"), (Some("T1"), "closed"), (None, "waiting")] {
        let mut world = connecting();
        world.answer_upgrade("HTTP/1.1 401 Unauthorized\r\nContent-Length: 0\r\n\r\n");
        world.token = next.map(Into::into);
        world.client.connect(world.now());
        world.pump();
        assert_eq!(world.state(), state);
    }
}

#[test]
fn what_is_no_websocket_is_left() {
    for answer in
        ["SSH-2.0-OpenSSH_9.9\r\n\r\n", "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n"]
    {
        let mut world = connecting();
        world.answer_upgrade(answer);
        assert_eq!(world.state(), "closed", "{answer}");
    }
    // Neither is the wrong subprotocol one that was asked for.
    let mut world = connecting();
    world.answer_upgrade(
        "HTTP/1.1 101 X\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: AAAA\r\n\r\n",
    );
    assert_eq!(world.state(), "closed");
}

#[test]
fn a_token_that_no_header_can_carry_ends_it() {
    let mut world = World::new(Config::default(), 1);
    world.token = Some("a\r\nX-Admin: yes".into());
    world.client.connect(world.now());
    let now = world.now();
    while let Some(action) = world.client.poll_action() {
        match action {
            portcullis_client::Action::FetchToken { serial, .. } => {
                world.client.token(now, serial, world.token.as_deref());
            }
            portcullis_client::Action::Dial { serial } => world.client.dialed(now, serial, [1; 32]),
            _ => {}
        }
    }
    assert_eq!(world.state(), "closed");
    assert!(world.client.output().is_empty());
}

#[test]
fn an_answer_that_comes_too_late_changes_nothing() {
    let mut world = World::new(Config::default(), 1);
    world.client.connect(world.now());
    let Some(portcullis_client::Action::FetchToken { serial, .. }) = world.client.poll_action() else {
        panic!()
    };
    world.advance(core::time::Duration::from_secs(10));
    assert_eq!(world.state(), "waiting");
    world.client.token(world.now(), serial, Some("T1"));
    world.client.dial_failed(world.now(), serial, portcullis_client::DialError::Unreachable);
    world.client.dialed(world.now(), serial, [1; 32]);
    // It is told to let go of what was dialed for nothing.
    assert_eq!(world.client.poll_action(), Some(portcullis_client::Action::Hangup));
    assert_eq!((world.state(), world.client.poll_action()), ("waiting", None));
}

#[test]
fn a_welcome_with_a_number_that_no_session_comes_to_is_none() {
    for last_id in [1_u64 << 53, u64::MAX] {
        let mut world = connecting();
        world.accept();
        world.say(&format!(
            "{{\"type\":\"welcome\",\"session\":\"S\",\"user\":\"alice\",\"resume\":\"R\",\"last_id\":{last_id}}}"
        ));
        let now = world.now();
        world.client.send(now, &portcullis_client::Outgoing::new("chat", "{}")).unwrap();
        assert_eq!(world.state(), "connecting");
        world.advance(core::time::Duration::from_secs(10));
        assert_eq!(world.state(), "waiting");
    }
}
