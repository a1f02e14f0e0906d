//! Prints the messages that the benches compress, as a JSON array of strings: `messages LENGTH`.

use portcullis_benches::json;

fn main() {
    let len = std::env::args().nth(1).and_then(|len| len.parse().ok()).unwrap_or(1_024);
    // The messages are JSON of plain letters, so quotation marks are all that has to be escaped.
    let messages: Vec<String> =
        (0..32).map(|seed| format!("\"{}\"", json(len, seed).replace('"', "\\\""))).collect();
    println!("[{}]", messages.join(","));
}
