//! Seals and opens lines: the other end for a program in another language.
//!
//! `seal_lines SECRET SESSION DIRECTION GENERATION`, the first two in hexadecimal, DIRECTION 0 or 1. Each line on standard
//! input is `seal CHANNEL TEXT` or `open CHANNEL SEALED`; each answer is the sealed text, or `ok TEXT`, or `error CODE`.

use std::{
    env,
    io::{self, BufRead as _, Write as _},
    process::ExitCode,
};

use portcullis_seal::{Direction, Generation, HEADER_LEN, OVERHEAD, Opener, Sealer, Secret, text};

fn main() -> ExitCode {
    let arguments: Vec<String> = env::args().skip(1).collect();
    let [secret, session, direction, generation] = &arguments[..] else {
        eprintln!("seal_lines SECRET SESSION DIRECTION GENERATION");
        return ExitCode::from(2);
    };
    let (Some(secret), Some(session), Ok(generation)) =
        (bytes::<32>(secret), bytes::<16>(session), generation.parse())
    else {
        eprintln!("32 and 16 bytes in hexadecimal, 0 or 1, and a number");
        return ExitCode::from(2);
    };
    let direction = if direction == "0" { Direction::ToServer } else { Direction::ToClient };
    let (secret, generation) = (Secret::new(secret), Generation::new(generation));
    let mut sealer = Sealer::new(&secret, session, direction, generation);
    let mut opener = Opener::new(&secret, session, direction, generation);
    for line in io::stdin().lock().lines().map_while(Result::ok) {
        let mut words = line.splitn(3, ' ');
        let answer = match (words.next(), words.next(), words.next()) {
            (Some("seal"), Some(channel), Some(message)) => seal(&mut sealer, channel, message),
            (Some("open"), Some(channel), Some(sealed)) => open(&mut opener, channel, sealed),
            _ => "error usage".into(),
        };
        if writeln!(io::stdout(), "{answer}").is_err() {
            break;
        }
    }
    ExitCode::SUCCESS
}

fn seal(sealer: &mut Sealer, channel: &str, message: &str) -> String {
    let mut buffer = vec![0; message.len() + OVERHEAD];
    buffer[HEADER_LEN..HEADER_LEN + message.len()].copy_from_slice(message.as_bytes());
    match sealer.seal_in_place(channel, &mut buffer, message.len()) {
        Ok(sealed) => {
            let mut out = vec![0; text::encoded_len(sealed.len())];
            text::encode(sealed, &mut out).unwrap_or_default().into()
        }
        Err(error) => format!("error {error}"),
    }
}

fn open(opener: &mut Opener, channel: &str, sealed: &str) -> String {
    let mut buffer = vec![0; sealed.len()];
    let generation = opener.generation();
    let opened = text::decode(sealed.as_bytes(), &mut buffer)
        .and_then(|bytes| opener.open_in_place(generation, channel, bytes));
    match opened {
        Ok(opened) => format!("ok {}", String::from_utf8_lossy(opened.message())),
        Err(error) => format!("error {}", error.code()),
    }
}

/// From hexadecimal.
fn bytes<const N: usize>(text: &str) -> Option<[u8; N]> {
    let mut bytes = [0; N];
    if text.len() != 2 * N {
        return None;
    }
    for (at, byte) in bytes.iter_mut().enumerate() {
        *byte = u8::from_str_radix(text.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(bytes)
}
