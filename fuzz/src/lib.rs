//! What the targets share.

pub mod deflate;
mod source;

pub use source::Source;

use portcullis_proto::{Config, Connection, SliceStorage, VecStorage};
use portcullis_testkit::{Entry, record};
use portcullis_time::Instant;

/// Messages of at most this length, so that limits are reached soon.
const MESSAGE_LEN_MAX: usize = 1_000;

/// The first byte says how the rest is cut; 0 is one piece.
pub fn cut(data: &[u8]) -> Option<(usize, &[u8])> {
    let (&piece, input) = data.split_first()?;
    Some((if piece == 0 { input.len().max(1) } else { usize::from(piece) }, input))
}

/// Limits that a short input can reach.
pub fn limited(config: Config) -> Config {
    config.with_message_len_max(MESSAGE_LEN_MAX as u64).with_frame_len_max(800).with_fragments_max(8)
}

/// What our engine makes of the input.
pub fn ours(config: Config, input: &[u8], piece: usize) -> Vec<Entry> {
    let storage = VecStorage::new(MESSAGE_LEN_MAX);
    record(&mut Connection::new(config, Instant::ORIGIN, [7; 32], storage), input, piece)
}

/// Feeds one side: each way to cut the input, and each storage, must give the same events.
pub fn receive(config: Config, data: &[u8]) {
    let Some((piece, input)) = cut(data) else { return };
    let config = limited(config);
    let whole = ours(config, input, input.len());
    assert_eq!(ours(config, input, 1), whole);
    let mut memory = [0; MESSAGE_LEN_MAX];
    let mut engine = Connection::new(config, Instant::ORIGIN, [7; 32], SliceStorage::new(&mut memory));
    assert_eq!(record(&mut engine, input, piece), whole);
}
