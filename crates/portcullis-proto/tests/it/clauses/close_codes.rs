//! `ranges.toml`, `[close_codes]`: every code that there is, on both sides.

use portcullis_proto::{CloseCode, Connection, Event, ProtocolError, Side, SliceStorage};
use portcullis_time::Instant;
use toml::Value;

use super::{data, frames::config, hex};

/// Whether the table lets a code stand in a close frame, by the one range that it is in.
fn table() -> Vec<(u16, u16, bool)> {
    let (_, data) = data("ranges").remove(0);
    let ranges = data["close_code"].as_array().unwrap();
    let number = |range: &Value, key: &str| u16::try_from(range[key].as_integer().unwrap()).unwrap();
    let row = |range| (number(range, "from"), number(range, "to"), range["valid"].as_bool().unwrap());
    ranges.iter().map(row).collect()
}

#[test]
fn the_table_of_close_codes_has_each_code_once() {
    let mut next = Some(0);
    for (from, to, _) in table() {
        assert_eq!(Some(from), next, "a gap or an overlap before {from}");
        assert!(from <= to);
        next = to.checked_add(1);
    }
    assert_eq!(next, None, "up to 65,535");
}

#[test]
fn every_close_code_on_both_sides() {
    let mut count = 0;
    for (from, to, valid) in table() {
        for code in from..=to {
            count += 1;
            assert_eq!(CloseCode::new(code).is_some(), valid, "{code}");
            for side in [Side::Server, Side::Client] {
                let head = if side == Side::Server { hex("8882 00000000") } else { hex("8802") };
                let mut input = [head, code.to_be_bytes().to_vec()].concat();
                let mut connection =
                    Connection::new(config(side), Instant::ORIGIN, [7; 32], SliceStorage::new(&mut []));
                match connection.handle_input(Instant::ORIGIN, &mut input) {
                    Ok(step) => {
                        let Some(Event::CloseReceived { code: Some(told), .. }) = step.event else {
                            panic!("{code}")
                        };
                        assert_eq!((told.get(), valid), (code, true));
                    }
                    Err(error) => {
                        assert_eq!((error, valid), (ProtocolError::CloseCodeInvalid { code }, false));
                    }
                }
            }
        }
    }
    println!("{count} close codes on 2 sides");
    assert_eq!(count, 65_536);
}
