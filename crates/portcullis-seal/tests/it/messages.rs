//! What is sealed opens once, where it was meant to, and nowhere else.
use portcullis_seal::{
    Aes256Gcm, ChaCha20Poly1305, Cipher, Direction, Generation, HEADER_LEN, OVERHEAD, OpenError, Opener,
    SealError, Sealer, Secret, Session,
};

pub(crate) const SESSION: Session = [1; 16];
pub(crate) const FIRST: Generation = Generation::new(1);

pub(crate) fn secret() -> Secret {
    Secret::new(core::array::from_fn(|at| u8::try_from(at).unwrap()))
}

pub(crate) fn sealer<C: Cipher>() -> Sealer<C> {
    Sealer::with_cipher(&secret(), SESSION, Direction::ToServer, FIRST)
}

pub(crate) fn opener<C: Cipher>() -> Opener<C> {
    Opener::with_cipher(&secret(), SESSION, Direction::ToServer, FIRST)
}

pub(crate) fn seal<C: Cipher>(sealer: &mut Sealer<C>, channel: &str, message: &[u8]) -> Vec<u8> {
    let mut buffer = vec![0xEE; message.len() + OVERHEAD];
    buffer[HEADER_LEN..HEADER_LEN + message.len()].copy_from_slice(message);
    let len = sealer.seal_in_place(channel, &mut buffer, message.len()).unwrap().len();
    assert_eq!(len, buffer.len());
    buffer
}

pub(crate) fn open<C: Cipher>(
    opener: &mut Opener<C>,
    channel: &str,
    sealed: &[u8],
) -> Result<Vec<u8>, OpenError> {
    let mut sealed = sealed.to_vec();
    let opened = opener.open_in_place(FIRST, channel, &mut sealed)?;
    Ok(opened.into_message().to_vec())
}

fn round_trip<C: Cipher>() {
    let (mut sealer, mut opener) = (sealer::<C>(), opener::<C>());
    for message in [&b""[..], b"a", b"hello", &[0; 1_000], &[0xFF; 65_536]] {
        let sealed = seal(&mut sealer, "chat:lobby", message);
        assert_eq!(open(&mut opener, "chat:lobby", &sealed).as_deref(), Ok(message));
    }
}

#[test]
fn what_is_sealed_opens() {
    round_trip::<Aes256Gcm>();
    round_trip::<ChaCha20Poly1305>();
}

#[test]
fn no_two_sealed_messages_are_alike() {
    let mut sealer = sealer::<Aes256Gcm>();
    let (one, two) = (seal(&mut sealer, "c", b"hello"), seal(&mut sealer, "c", b"hello"));
    assert_ne!(one[HEADER_LEN..], two[HEADER_LEN..]);
    assert!(!one.windows(5).any(|part| part == b"hello"));
}

#[test]
fn a_message_opens_once() {
    let (mut sealer, mut opener) = (sealer::<Aes256Gcm>(), opener::<Aes256Gcm>());
    let sealed = seal(&mut sealer, "c", b"pay 5");
    assert!(open(&mut opener, "c", &sealed).is_ok());
    assert_eq!(open(&mut opener, "c", &sealed), Err(OpenError::Replayed { counter: 0 }));
}

#[test]
fn messages_may_overtake_each_other_within_the_window() {
    let (mut sealer, mut opener) = (sealer::<Aes256Gcm>(), opener::<Aes256Gcm>());
    let sealed: Vec<_> = (0..300_u32).map(|n| seal(&mut sealer, "c", &n.to_be_bytes())).collect();
    assert!(open(&mut opener, "c", &sealed[299]).is_ok());
    for counter in (44..299).rev() {
        assert_eq!(
            open(&mut opener, "c", &sealed[counter]).unwrap(),
            u32::try_from(counter).unwrap().to_be_bytes()
        );
    }
    assert_eq!(
        open(&mut opener, "c", &sealed[43]),
        Err(OpenError::Replayed { counter: 43 }),
        "too old to tell"
    );
}

#[test]
fn a_message_is_of_its_place_alone() {
    let sealed = seal(&mut sealer::<Aes256Gcm>(), "chat:lobby", b"hello");
    let mut elsewhere = opener::<Aes256Gcm>();
    for channel in ["", "chat:lobb", "chat:lobby2", "Chat:lobby"] {
        assert_eq!(open(&mut elsewhere, channel, &sealed), Err(OpenError::Forged), "{channel}");
    }
    let turned = &mut Opener::new(&secret(), SESSION, Direction::ToClient, FIRST);
    assert_eq!(open(turned, "chat:lobby", &sealed), Err(OpenError::Forged), "sent back to its sender");
    let other = &mut Opener::new(&secret(), [2; 16], Direction::ToServer, FIRST);
    assert_eq!(open(other, "chat:lobby", &sealed), Err(OpenError::Session));
    let stranger = &mut Opener::new(&Secret::new([9; 32]), SESSION, Direction::ToServer, FIRST);
    assert_eq!(open(stranger, "chat:lobby", &sealed), Err(OpenError::Forged));
    assert_eq!(open(&mut opener::<ChaCha20Poly1305>(), "chat:lobby", &sealed), Err(OpenError::Forged));
    // None of these has spent it.
    assert!(open(&mut elsewhere, "chat:lobby", &sealed).is_ok());
}

/// CVE-2023-42811: plaintext was left in the buffer behind a bad tag.
#[test]
fn cve_2023_42811_what_was_changed_is_wiped() {
    let sealed = seal(&mut sealer::<Aes256Gcm>(), "c", b"attack at dawn");
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 0x40;
        let mut opener = opener::<Aes256Gcm>();
        let verdict = opener.open_in_place(FIRST, "c", &mut changed).map(|_| ());
        let expected = if at < 16 { OpenError::Session } else { OpenError::Forged };
        assert_eq!(verdict, Err(expected), "byte {at}");
        if expected == OpenError::Forged {
            assert!(changed[HEADER_LEN..HEADER_LEN + 14].iter().all(|&byte| byte == 0), "byte {at}");
        }
        assert!(open(&mut opener, "c", &sealed).is_ok(), "a forgery spends nothing");
    }
}

#[test]
fn what_is_too_short_is_malformed() {
    let sealed = seal(&mut sealer::<Aes256Gcm>(), "c", b"");
    for len in 0..OVERHEAD {
        assert_eq!(open(&mut opener::<Aes256Gcm>(), "c", &sealed[..len]), Err(OpenError::Malformed));
    }
    assert_eq!((OpenError::Malformed.code(), OpenError::Malformed.close_code()), ("seal_malformed", 1008));
}

#[test]
fn a_buffer_without_room_spends_no_number() {
    let mut sealer = sealer::<Aes256Gcm>();
    let mut buffer = [0; OVERHEAD + 4];
    let error = sealer.seal_in_place("c", &mut buffer, 5).unwrap_err();
    assert_eq!(error, SealError::Room { len: OVERHEAD + 4, needed: OVERHEAD + 5 });
    assert!(sealer.seal_in_place("c", &mut buffer, usize::MAX).is_err());
    let long = "x".repeat(257);
    assert!(sealer.seal_in_place(&long, &mut buffer, 4).is_err());
    assert_eq!(sealer.left(), 1 << 32);
}

#[test]
fn nothing_secret_is_shown() {
    let secret = Secret::new(*b"0123456789abcdef0123456789abcdef");
    let shown = format!(
        "{secret:?} {:?} {:?}",
        Sealer::new(&secret, SESSION, Direction::ToServer, FIRST),
        Opener::new(&secret, SESSION, Direction::ToServer, FIRST)
    );
    assert!(!shown.contains("0123") && !shown.contains("48, 49"), "{shown}");
}
