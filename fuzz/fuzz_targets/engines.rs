//! Our engine beside tungstenite, but for the differences that `ENGINES.md` of the testkit lists.
#![no_main]

use portcullis_proto::Config;
use portcullis_testkit::{Entry, Tungstenite, record};

libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    let Some((&side, data)) = data.split_first() else { return };
    let Some((piece, input)) = portcullis_fuzz::cut(data) else { return };
    let config = if side % 2 == 0 { Config::server() } else { Config::client() };
    // The row `fragments`: tungstenite counts none.
    let config = portcullis_fuzz::limited(config).with_fragments_max(u32::MAX);
    let ours = comparable(portcullis_fuzz::ours(config, input, piece));
    let theirs = comparable(record(&mut Tungstenite::new(&config), input, piece));
    if ours == theirs {
        return;
    }
    // The code 1014 was registered after tungstenite's list was made.
    if ours.contains(&Entry::Close(Some(1014), Vec::new())) {
        return;
    }
    let failure = ours.iter().position(|entry| matches!(entry, Entry::Failed(..)));
    let failure = failure.unwrap_or_else(|| panic!("ours {ours:?}, tungstenite {theirs:?}"));
    // Whatever refuses first, both must have agreed until there.
    assert!(theirs.starts_with(&ours[..failure]), "ours {ours:?}, tungstenite {theirs:?}");
    let Entry::Failed(_, code) = ours[failure] else { return };
    let next = theirs.get(failure);
    let agrees = match code {
        // The rows `length`, `overflow` and `close-code`: tungstenite goes on.
        "non_minimal_length" | "length_overflow" | "close_code_invalid" => true,
        // Ours refuses a frame at its header and text at its first bad byte; tungstenite waits for the end of the frame
        // and may then find another fault of it first.
        _ => matches!(next, Some(Entry::Failed(..) | Entry::Closed(false))),
    };
    assert!(agrees, "ours {ours:?}, tungstenite {theirs:?}");
});

/// The transcript without what may differ: the reasons of close frames (row `close-reply`) and the words for an error
/// with the same close code (row `too-big`).
fn comparable(entries: Vec<Entry>) -> Vec<Entry> {
    entries
        .into_iter()
        .map(|entry| match entry {
            Entry::Sent(0x88, mut payload) => {
                payload.truncate(2);
                Entry::Sent(0x88, payload)
            }
            Entry::Close(code, _) => Entry::Close(code, Vec::new()),
            Entry::Failed(1009, _) => Entry::Failed(1009, "too_big"),
            other => other,
        })
        .collect()
}
