//! Payloads that the server carries and cannot read: text sealed with a secret that the other ends have too.

use std::{collections::VecDeque, fs, path::Path};

use portcullis_seal::{
    Direction, Generation, HEADER_LEN, OVERHEAD, Opener, SESSION_LEN, Sealer, Secret, text,
};
use serde_json::Value;

use crate::{cli::Failure, clock};

/// Senders that are remembered; each has a session of its own.
const OPENERS_MAX: usize = 256;
const GENERATION: Generation = Generation::new(1);

/// Seals what is sent, opens what comes.
pub(super) struct Seals {
    secret: Secret,
    sealer: Sealer,
    /// By the session that a message names; the one that was used last stands last.
    openers: VecDeque<([u8; SESSION_LEN], Opener)>,
}

impl Seals {
    /// The file holds 32 bytes, or 64 hexadecimal digits.
    pub(super) fn from_file(file: &Path) -> Result<Self, Failure> {
        let bytes = fs::read(file)
            .map_err(|error| Failure::Usage(format!("cannot read {}: {error}", file.display())))?;
        let secret = secret(&bytes).ok_or_else(|| {
            Failure::Usage(format!("{}: a secret has 32 bytes, or 64 hexadecimal digits", file.display()))
        })?;
        let secret = Secret::new(secret);
        let session = *clock::entropy().first_chunk().unwrap_or(&[0; SESSION_LEN]);
        let sealer = Sealer::new(&secret, session, Direction::ToServer, GENERATION);
        Ok(Self { secret, sealer, openers: VecDeque::new() })
    }

    /// The payload that carries `message`.
    pub(super) fn seal(&mut self, channel: &str, message: &str) -> Result<String, String> {
        let mut buffer = vec![0; message.len() + OVERHEAD];
        if let Some(room) = buffer.get_mut(HEADER_LEN..HEADER_LEN + message.len()) {
            room.copy_from_slice(message.as_bytes());
        }
        let sealed = self.sealer.seal_in_place(channel, &mut buffer, message.len());
        let sealed = sealed.map_err(|error| error.to_string())?;
        let mut out = vec![0; text::encoded_len(sealed.len())];
        let sealed = text::encode(sealed, &mut out).unwrap_or_default();
        Ok(format!("{{\"sealed\":\"{sealed}\",\"generation\":{}}}", GENERATION.get()))
    }

    /// What a sealed payload says; `None` when it is not sealed.
    pub(super) fn open(&mut self, channel: &str, payload: &Value) -> Option<Result<String, String>> {
        let sealed = payload.get("sealed")?.as_str()?;
        let generation = Generation::new(u32::try_from(payload.get("generation")?.as_u64()?).ok()?);
        Some(self.open_text(channel, sealed, generation))
    }

    fn open_text(&mut self, channel: &str, sealed: &str, generation: Generation) -> Result<String, String> {
        let mut buffer = vec![0; sealed.len()];
        let bytes = text::decode(sealed.as_bytes(), &mut buffer).map_err(|error| error.code().to_owned())?;
        let session = *bytes.first_chunk().ok_or("seal_malformed")?;
        let at = self.openers.iter().position(|(of, _)| *of == session);
        let mut opener = match at.and_then(|at| self.openers.remove(at)) {
            Some((_, opener)) => opener,
            None => Opener::new(&self.secret, session, Direction::ToServer, GENERATION),
        };
        let opened = opener.open_in_place(generation, channel, bytes).map(|opened| opened.message().to_vec());
        if opened.is_ok() || at.is_some() {
            // One who forges messages under ever new sessions displaces nobody.
            if self.openers.len() >= OPENERS_MAX {
                self.openers.pop_front();
            }
            self.openers.push_back((session, opener));
        }
        let message = opened.map_err(|error| error.code().to_owned())?;
        String::from_utf8(message).map_err(|_| "seal_malformed".into())
    }
}

fn secret(bytes: &[u8]) -> Option<[u8; 32]> {
    if let Ok(secret) = bytes.try_into() {
        return Some(secret);
    }
    let digits = str::from_utf8(bytes).ok()?.trim();
    if digits.len() != 64 {
        return None;
    }
    let mut secret = [0; 32];
    for (at, byte) in secret.iter_mut().enumerate() {
        *byte = u8::from_str_radix(digits.get(2 * at..2 * at + 2)?, 16).ok()?;
    }
    Some(secret)
}

#[cfg(test)]
mod tests {
    use super::{Seals, secret};

    #[test]
    fn two_ends_with_one_secret_understand_each_other_and_nobody_else() {
        let folder = std::env::temp_dir().join(format!("portcullis-seals-{}", std::process::id()));
        std::fs::write(&folder, "07".repeat(32) + "\n").unwrap();
        let (mut one, mut other) = (Seals::from_file(&folder).unwrap(), Seals::from_file(&folder).unwrap());
        std::fs::write(&folder, [8; 32]).unwrap();
        let mut stranger = Seals::from_file(&folder).unwrap();
        std::fs::remove_file(&folder).unwrap();
        let payload = serde_json::from_str(&one.seal("c", "psst").unwrap()).unwrap();
        assert_eq!(other.open("c", &payload), Some(Ok("psst".into())));
        assert_eq!(other.open("c", &payload), Some(Err("seal_replayed".into())));
        assert_eq!(stranger.open("c", &payload), Some(Err("seal_forged".into())));
        assert_eq!(stranger.open("c", &serde_json::json!({"text": "hi"})), None);
    }

    #[test]
    fn a_secret_is_bytes_or_digits() {
        assert_eq!(secret(&[7; 32]), Some([7; 32]));
        assert_eq!(secret(("0f".repeat(32) + "\n").as_bytes()), Some([15; 32]));
        assert_eq!(secret("zz".repeat(32).as_bytes()), None);
        assert_eq!(secret(b"short"), None);
    }
}
