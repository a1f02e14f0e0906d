//! One suite on two engines: `testdata/engines.toml`.

use std::collections::BTreeSet;

use portcullis_proto::{Config, Connection, Side, SliceStorage, VecStorage};
use portcullis_testkit::{Entry, Tungstenite, record};
use portcullis_time::Instant;
use toml::{Table, Value};

const CASES: &str = include_str!("../../testdata/engines.toml");
const TABLE: &str = include_str!("../../ENGINES.md");

/// One case of the data.
struct Case {
    name: String,
    config: Config,
    input: Vec<u8>,
    ours: Vec<String>,
    theirs: Vec<String>,
    difference: Option<String>,
}

fn cases() -> Vec<Case> {
    let data: Table = CASES.parse().unwrap();
    let limit = |name: &str| data["limits"][name].as_integer().unwrap().try_into().unwrap();
    let limited = |config: Config| {
        config
            .with_message_len_max(limit("message_len_max"))
            .with_frame_len_max(limit("frame_len_max"))
            .with_fragments_max(u32::try_from(limit("fragments_max")).unwrap())
    };
    let read = |case: &Value| {
        let is_client = case.get("side").is_some_and(|side| side.as_str() == Some("client"));
        let ours = strings(&case["expect"]);
        Case {
            name: case["name"].as_str().unwrap().to_owned(),
            config: limited(if is_client { Config::client() } else { Config::server() }),
            input: case["frames"]
                .as_array()
                .unwrap()
                .iter()
                .flat_map(|frame| wire(frame, !is_client))
                .collect(),
            theirs: case.get("tungstenite").map_or_else(|| ours.clone(), strings),
            difference: case.get("difference").map(|row| row.as_str().unwrap().to_owned()),
            ours,
        }
    };
    data["case"].as_array().unwrap().iter().map(read).collect()
}

fn strings(list: &Value) -> Vec<String> {
    list.as_array().unwrap().iter().map(|text| text.as_str().unwrap().to_owned()).collect()
}

/// The bytes of one `frames` entry.
fn wire(frame: &Value, masked: bool) -> Vec<u8> {
    if let Some(raw) = frame.get("raw") {
        return hex(raw.as_str().unwrap());
    }
    let mut payload = frame.get("hex").map_or_else(Vec::new, |text| hex(text.as_str().unwrap()));
    payload.extend_from_slice(frame.get("text").map_or("", |text| text.as_str().unwrap()).as_bytes());
    let fill = frame.get("fill").map_or(0, |len| len.as_integer().unwrap());
    payload.resize(payload.len() + usize::try_from(fill).unwrap(), b'a');
    let masked = frame.get("masked").map_or(masked, |masked| masked.as_bool().unwrap());
    let times = frame.get("times").map_or(1, |times| times.as_integer().unwrap());
    let first = hex(frame["first"].as_str().unwrap())[0];
    frame_bytes(first, masked, &payload).repeat(usize::try_from(times).unwrap())
}

/// One frame, written here rather than by an engine.
fn frame_bytes(first: u8, masked: bool, payload: &[u8]) -> Vec<u8> {
    let mut bytes = vec![first];
    let mask_bit = if masked { 0x80 } else { 0 };
    match u16::try_from(payload.len()).unwrap() {
        len @ 0..=125 => bytes.push(mask_bit | u8::try_from(len).unwrap()),
        len => {
            bytes.push(mask_bit | 126);
            bytes.extend_from_slice(&len.to_be_bytes());
        }
    }
    let key = if masked { [0x37, 0xFA, 0x21, 0x3D] } else { [0; 4] };
    bytes.extend_from_slice(if masked { &key } else { &[] });
    bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, key)| byte ^ key));
    bytes
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| *byte != b' ').collect();
    let byte = |pair: &[u8]| u8::from_str_radix(core::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Every size of piece for short inputs, and those around a header for long ones.
fn pieces(len: usize) -> Vec<usize> {
    if len <= 64 {
        (1..=len).collect()
    } else {
        (1..=17).chain([64, 125, 126, 127, 500, len - 1, len]).collect()
    }
}

fn shown(entries: &[Entry]) -> Vec<String> {
    entries.iter().map(ToString::to_string).collect()
}

#[test]
fn our_engine_at_every_piece() {
    for case in cases() {
        for piece in pieces(case.input.len()) {
            let storage = VecStorage::new(usize::try_from(case.config.message_len_max).unwrap());
            let mut engine = Connection::new(case.config, Instant::ORIGIN, [1; 32], storage);
            assert_eq!(
                shown(&record(&mut engine, &case.input, piece)),
                case.ours,
                "{} by {piece}",
                case.name
            );
        }
    }
}

#[test]
fn our_engine_over_a_slice_at_every_piece() {
    for case in cases() {
        for piece in pieces(case.input.len()) {
            let mut memory = vec![0; usize::try_from(case.config.message_len_max).unwrap()];
            let mut engine =
                Connection::new(case.config, Instant::ORIGIN, [2; 32], SliceStorage::new(&mut memory));
            assert_eq!(
                shown(&record(&mut engine, &case.input, piece)),
                case.ours,
                "{} by {piece}",
                case.name
            );
        }
    }
}

#[test]
fn tungstenite_at_every_piece() {
    for case in cases() {
        for piece in pieces(case.input.len()) {
            let mut engine = Tungstenite::new(&case.config);
            assert_eq!(
                shown(&record(&mut engine, &case.input, piece)),
                case.theirs,
                "{} by {piece}",
                case.name
            );
        }
    }
}

/// Each difference is written down once, and each row of the table has a case that shows it.
#[test]
fn the_table_of_differences_is_complete() {
    let rows: BTreeSet<String> = TABLE
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once('`'))
        .map(|(row, _)| row.to_owned())
        .collect();
    let mut shown = BTreeSet::new();
    for case in cases() {
        assert_eq!(case.ours != case.theirs, case.difference.is_some(), "{}", case.name);
        shown.extend(case.difference);
    }
    assert_eq!(rows, shown);
}

/// RFC 6455 §7.4: each code, on both engines: ours must never accept one that tungstenite refuses.
#[test]
fn rfc_6455_7_4_every_close_code() {
    for code in 0..=u16::MAX {
        let input = frame_bytes(0x88, true, &code.to_be_bytes());
        let mut ours = Connection::new(Config::server(), Instant::ORIGIN, [3; 32], VecStorage::new(0));
        let ours = record(&mut ours, &input, input.len());
        let theirs = record(&mut Tungstenite::new(&Config::server()), &input, input.len());
        let is_valid = matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999);
        assert_eq!(ours[0] == Entry::Close(Some(code), vec![]), is_valid, "{code}");
        // 1014 was registered later and tungstenite does not know it.
        if is_valid && code != 1014 {
            assert_eq!(theirs, ours, "{code}");
        }
    }
}

/// What one engine sends, the other understands, whichever side it is on.
#[test]
fn the_engines_talk_to_each_other() {
    use portcullis_gate::Protocol as _;
    use portcullis_proto::Message;
    let now = Instant::ORIGIN;
    let limits = |config: Config| config.with_message_len_max(100_000).with_frame_len_max(100_000);
    for side in [Side::Client, Side::Server] {
        let (sender, receiver) = match side {
            Side::Client => (Config::client(), Config::server()),
            Side::Server => (Config::server(), Config::client()),
        };
        for len in [0, 1, 125, 126, 65_535, 65_536] {
            let payload = vec![0xA5; len];
            let mut out = vec![0; len + 14];
            let mut ours = Connection::new(limits(sender), now, [4; 32], VecStorage::new(100_000));
            let written = ours.send(now, Message::Binary(&payload), &mut out).unwrap();
            let heard = record(&mut Tungstenite::new(&limits(receiver)), &out[..written], 1_000);
            assert_eq!(heard[0], Entry::Message(portcullis_proto::MessageKind::Binary, payload.clone()));

            let written =
                Tungstenite::new(&limits(sender)).send(now, Message::Binary(&payload), &mut out).unwrap();
            let mut ours = Connection::new(limits(receiver), now, [5; 32], VecStorage::new(100_000));
            let heard = record(&mut ours, &out[..written], 1_000);
            assert_eq!(heard[0], Entry::Message(portcullis_proto::MessageKind::Binary, payload));
        }
    }
}

/// The end is told once, however the connection came to it.
#[test]
fn rfc_6455_7_1_the_end_is_told_once() {
    fn ends_once<P: portcullis_gate::Protocol>(mut engine: P, input: &[u8]) {
        let entries = record(&mut engine, input, input.len());
        assert!(matches!(entries.last(), Some(Entry::Closed(_))), "{input:02x?}");
        assert!(engine.handle_eof(Instant::ORIGIN).is_none(), "told again behind {input:02x?}");
    }
    let open = frame_bytes(0x81, true, b"a");
    let closed = frame_bytes(0x88, true, &1_000_u16.to_be_bytes());
    let failed = frame_bytes(0x83, true, b"a");
    for input in [open, closed, failed] {
        ends_once(Tungstenite::new(&Config::server()), &input);
        ends_once(Connection::new(Config::server(), Instant::ORIGIN, [6; 32], VecStorage::new(10)), &input);
    }
}
