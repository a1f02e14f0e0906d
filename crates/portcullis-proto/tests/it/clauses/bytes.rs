//! `bytes.toml`: all 256 bytes at every place of a head where they differ.

use toml::{Table, Value};

use super::{
    Clause, data,
    handshake::{judge_request, judge_usual_response, verdict},
    none,
};

/// The verdict of each byte, by the one range that it is in.
fn verdicts(place: &Clause) -> Vec<String> {
    let mut verdicts = Vec::new();
    for range in place.0["ranges"].as_array().unwrap() {
        let number = |key: &str| usize::try_from(range[key].as_integer().unwrap()).unwrap();
        assert_eq!(number("from"), verdicts.len(), "{}: a gap or an overlap", place.id());
        let verdict = range["verdict"].as_str().unwrap();
        verdicts.resize(number("to") + 1, verdict.to_owned());
    }
    assert_eq!(verdicts.len(), 256, "{}", place.id());
    verdicts
}

fn places() -> Vec<Clause> {
    let (_, mut table): (String, Table) = data("bytes").remove(0);
    let Some(Value::Array(places)) = table.remove("place") else { panic!("no places") };
    let place = |place| if let Value::Table(table) = place { Clause(table) } else { panic!("no table") };
    places.into_iter().map(place).collect()
}

#[test]
fn every_byte_at_every_place_of_a_head() {
    let (mut failures, mut count) = (Vec::new(), 0);
    for place in places() {
        let (before, after) = place.text("head").split_once("{}").unwrap();
        for (byte, expected) in (0..=u8::MAX).zip(verdicts(&place)) {
            count += 1;
            let head = [before.as_bytes(), &[byte], after.as_bytes()].concat();
            let judge = |head: &[u8]| match place.text("kind") {
                "request" => judge_request(head, None),
                _ => judge_usual_response(head),
            };
            for size in [head.len(), 1] {
                let got = verdict(head.chunks(size), &judge);
                if got != expected {
                    let headline = place.headline();
                    failures.push(format!(
                        "{headline}\n  byte {byte:#04x} in pieces of {size}\n  expected {expected}\n  got      {got}"
                    ));
                }
            }
        }
    }
    println!("{count} bytes at {} places", count / 256);
    none(&failures);
}
