//! `frames-*.toml`: what a connection makes of bytes, whole, at every cut and byte by byte, on every storage.

use portcullis_proto::{Config, Connection, Event, MessageKind, Side, SliceStorage, Storage, wire};
use portcullis_time::Instant;

use super::{Clause, clauses, hex, none, to_hex};

pub(super) const NOW: Instant = Instant::from_millis(1_000);
pub(super) const MESSAGE_LEN_MAX: usize = 4_096;

/// All that a connection told, line by line, and what it owed.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Story {
    pub(super) told: Vec<String>,
    pub(super) sent: String,
}

/// Tells the story of pieces of input on one kind of storage.
type Teller = fn(Side, &mut dyn Iterator<Item = &[u8]>) -> Story;

/// The same suite on each.
const STORAGES: &[(&str, Teller)] = &[
    ("SliceStorage", |side, pieces| {
        let mut memory = [0; MESSAGE_LEN_MAX];
        plain(config(side), SliceStorage::new(&mut memory), pieces)
    }),
    ("no storage at all, streaming", |side, pieces| {
        plain(config(side).with_streaming(true), SliceStorage::new(&mut []), pieces)
    }),
    #[cfg(feature = "heapless")]
    ("HeaplessStorage", |side, pieces| {
        plain(config(side), portcullis_proto::HeaplessStorage::<MESSAGE_LEN_MAX>::new(), pieces)
    }),
    #[cfg(feature = "alloc")]
    ("VecStorage", |side, pieces| {
        plain(config(side), portcullis_proto::VecStorage::new(MESSAGE_LEN_MAX), pieces)
    }),
];

pub(super) fn config(side: Side) -> Config {
    let config = match side {
        Side::Server => Config::server(),
        Side::Client => Config::client(),
    };
    config.with_message_len_max(MESSAGE_LEN_MAX as u64).with_frame_len_max(2_048).with_fragments_max(8)
}

/// One event as the data files write it; what is empty is left out.
fn line(event: &Event<'_>) -> String {
    let words = match event {
        Event::Message { kind: MessageKind::Text, payload } => format!("text {}", to_hex(payload)),
        Event::Message { kind: MessageKind::Binary, payload } => format!("binary {}", to_hex(payload)),
        Event::Ping { payload } => format!("ping {}", to_hex(payload)),
        Event::Pong { payload, .. } => format!("pong {}", to_hex(payload)),
        Event::CloseReceived { code, reason } => {
            let code = code.map_or_else(|| "-".to_owned(), |code| code.get().to_string());
            format!("close {code} {}", to_hex(reason))
        }
        Event::Closed { clean } => format!("closed {}", if *clean { "clean" } else { "unclean" }),
        other @ (Event::Fragment { .. } | _) => format!("{other:?}"),
    };
    words.trim_end().to_owned()
}

/// The story of a connection without extensions.
fn plain<S: Storage>(config: Config, storage: S, pieces: &mut dyn Iterator<Item = &[u8]>) -> Story {
    story(Connection::new(config, NOW, [7; 32], storage), pieces)
}

/// The story of a connection that may compress, over plain frames.
#[cfg(feature = "deflate")]
fn compressing(side: Side, pieces: &mut dyn Iterator<Item = &[u8]>) -> Story {
    use portcullis_proto::{
        VecStorage,
        deflate::DeflateConfig,
        handshake::{ClientRequest, RequestHead},
    };
    let (deflate, offer) = (DeflateConfig::server(), DeflateConfig::client().offer());
    let request = ClientRequest { extensions: Some(&offer), ..ClientRequest::new("a", "/") };
    let mut head = [0; 512];
    let len = request.emit([0; 16], &mut head).unwrap();
    let agreed = deflate.accept(RequestHead::parse(&head[..len]).unwrap().upgrade().unwrap().extensions());
    let connection = Connection::new(config(side), NOW, [7; 32], VecStorage::new(MESSAGE_LEN_MAX));
    story(connection.with_deflate(agreed.unwrap(), &deflate), pieces)
}

/// Feeds all pieces, takes what is owed, ends the transport. A streamed message is told when its last part is there, so
/// that its story is that of any other.
pub(super) fn story<S: Storage>(
    mut connection: Connection<S>,
    pieces: &mut dyn Iterator<Item = &[u8]>,
) -> Story {
    let (mut told, mut streamed) = (Vec::new(), Vec::new());
    'pieces: for piece in pieces {
        let mut piece = piece.to_vec();
        let mut rest = piece.as_mut_slice();
        while !rest.is_empty() {
            let consumed = match connection.handle_input(NOW, rest) {
                Ok(step) => {
                    // A compressed byte can hold many parts of a stream: it is consumed with the last of them.
                    let is_progress = step.consumed > 0 || step.event.is_some();
                    assert!(is_progress, "a step that does nothing would be repeated for ever");
                    match step.event {
                        Some(Event::Fragment { kind, payload, is_last }) => {
                            streamed.extend_from_slice(payload);
                            if is_last {
                                told.push(line(&Event::Message { kind, payload: &mut streamed }));
                                streamed.clear();
                            }
                        }
                        event => told.extend(event.as_ref().map(line)),
                    }
                    step.consumed
                }
                Err(error) => {
                    told.push(format!("error {} {}", error.code(), error.close_code()));
                    break 'pieces;
                }
            };
            rest = &mut rest[consumed..];
        }
    }
    let sent = to_hex(&owed(&mut connection));
    told.extend(connection.handle_eof(NOW).as_ref().map(line));
    Story { told, sent }
}

/// What the connection owes, its masks taken off. Only control frames are owed, so a length is always one byte.
fn owed<S: Storage>(connection: &mut Connection<S>) -> Vec<u8> {
    let (mut all, mut out) = (Vec::new(), [0; wire::CONTROL_FRAME_LEN_MAX]);
    while let len @ 1.. = connection.poll_transmit(&mut out) {
        let frame = &mut out[..len];
        all.extend([frame[0], frame[1] & 0x7F]);
        assert_eq!(frame[1] & 0x80 != 0, connection.config().side == Side::Client, "masked by clients alone");
        if frame[1] & 0x80 != 0 {
            let key = [frame[2], frame[3], frame[4], frame[5]];
            wire::mask::apply(key, 0, &mut frame[6..]);
            all.extend(&frame[6..]);
        } else {
            all.extend(&frame[2..]);
        }
    }
    all
}

/// Whether the clause is about the first reserved bit of a message, which compression gives a meaning.
#[cfg(feature = "deflate")]
fn is_about_rsv1(clause: &Clause) -> bool {
    let id = clause.id();
    let alone = id.starts_with("reserved-bits-1-on-text-") || id.starts_with("reserved-bits-1-on-binary-");
    alone || id.starts_with("reserved-bit-1-on-") || id == "reserved-bits-behind-a-message"
}

pub(super) fn side(clause: &Clause) -> Side {
    match clause.text("side") {
        "server" => Side::Server,
        "client" => Side::Client,
        other => panic!("{}: side {other}", clause.id()),
    }
}

/// What differs from the clause, if anything does, at the first cut and storage where it does.
fn judge(clause: &Clause) -> Option<String> {
    let (side, input) = (side(clause), hex(clause.text("input")));
    let expected = Story { told: clause.list("expect"), sent: to_hex(&hex(clause.text("sent"))) };
    for &(storage, tell) in STORAGES {
        let differs = |how: &str, got: Story| {
            let headline = clause.headline();
            let differs = got != expected;
            differs.then(|| {
                format!("{headline}\n  {how} on {storage}\n  expected {expected:?}\n  got      {got:?}")
            })
        };
        let whole = tell(side, &mut [input.as_slice()].into_iter());
        let bytes = tell(side, &mut input.chunks(1));
        let found = differs("whole", whole).or_else(|| differs("byte by byte", bytes));
        if found.is_some() {
            return found;
        }
        // The two inputs of some thousand bytes are the same byte again and again: every fifth cut says as much.
        for cut in (1..input.len()).step_by(input.len() / 1_024 + 1) {
            let (head, tail) = input.split_at(cut);
            let cut_story = tell(side, &mut [head, tail].into_iter());
            if let Some(found) = differs(&format!("cut at {cut}"), cut_story) {
                return Some(found);
            }
        }
    }
    None
}

#[test]
fn every_clause_of_frames_at_every_cut_on_every_storage() {
    let all = clauses("frames-");
    let failures: Vec<String> = all.iter().filter_map(judge).collect();
    println!("{} clauses of frames on {} storages", all.len(), STORAGES.len());
    none(&failures);
}

/// RFC 7692 §6: what is not compressed is what it always was, on a connection that may compress too.
#[cfg(feature = "deflate")]
#[test]
fn every_clause_of_frames_where_compression_is_agreed_on() {
    let (mut failures, mut count) = (Vec::new(), 0);
    for clause in clauses("frames-").iter().filter(|clause| !is_about_rsv1(clause)) {
        let (side, input) = (side(clause), hex(clause.text("input")));
        let expected = Story { told: clause.list("expect"), sent: to_hex(&hex(clause.text("sent"))) };
        count += 1;
        for size in [input.len(), 1, 2, 7] {
            let got = compressing(side, &mut input.chunks(size));
            if got != expected {
                let headline = clause.headline();
                failures
                    .push(format!("{headline}\n  by {size}\n  expected {expected:?}\n  got      {got:?}"));
            }
        }
    }
    println!("{count} clauses of frames where compression is agreed on");
    none(&failures);
}

#[test]
fn a_wrong_expectation_is_found() {
    let table = "id = \"wrong\"\nrule = \"none\"\nside = \"server\"\ninput = \"81 80 00000000\"\nexpect = [\"text 00\"]\nsent = \"\"";
    let found = judge(&Clause(table.parse().unwrap())).unwrap();
    assert!(found.contains("text 00") && found.contains("SliceStorage"), "{found}");
}
