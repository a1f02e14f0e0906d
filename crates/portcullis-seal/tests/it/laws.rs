//! Laws: whatever the message, the channel, the order and the damage.
use portcullis_seal::{Aes256Gcm, ChaCha20Poly1305, HEADER_LEN, OpenError, text};
use proptest::prelude::*;

use super::messages::{FIRST, open, opener, seal, sealer};

proptest! {
    #[test]
    fn what_is_sealed_opens_to_the_same(message in prop::collection::vec(any::<u8>(), 0..2_000), channel in "[ -~]{0,128}") {
        let sealed = seal(&mut sealer::<Aes256Gcm>(), &channel, &message);
        prop_assert_eq!(open(&mut opener::<Aes256Gcm>(), &channel, &sealed), Ok(message.clone()));
        let sealed = seal(&mut sealer::<ChaCha20Poly1305>(), &channel, &message);
        prop_assert_eq!(open(&mut opener::<ChaCha20Poly1305>(), &channel, &sealed), Ok(message));
    }

    #[test]
    fn any_bit_that_is_changed_is_found(message in prop::collection::vec(any::<u8>(), 0..200), at in any::<prop::sample::Index>(), bit in 0_u8..8) {
        let mut sealed = seal(&mut sealer::<Aes256Gcm>(), "c", &message);
        let at = at.index(sealed.len());
        sealed[at] ^= 1_u8 << bit;
        let verdict = opener::<Aes256Gcm>().open_in_place(FIRST, "c", &mut sealed).map(|_| ());
        prop_assert_eq!(verdict, Err(if at < 16 { OpenError::Session } else { OpenError::Forged }));
        // What nobody vouched for is gone, unless it was never deciphered.
        let wiped = sealed[HEADER_LEN..HEADER_LEN + message.len()].iter().all(|&byte| byte == 0);
        prop_assert!(at < 16 || wiped);
    }

    /// In whatever order and however often they come: each opens once at the most, and those of the window do.
    #[test]
    fn each_opens_once(order in prop::collection::vec(0_usize..40, 0..200)) {
        let mut sealer = sealer::<Aes256Gcm>();
        let sealed: Vec<_> = (0..40_u8).map(|number| seal(&mut sealer, "c", &[number])).collect();
        let (mut opener, mut seen) = (opener::<Aes256Gcm>(), [false; 40]);
        for number in order {
            let verdict = open(&mut opener, "c", &sealed[number]);
            prop_assert_eq!(verdict.is_ok(), !seen[number]);
            seen[number] = true;
        }
    }

    #[test]
    fn nonsense_does_not_open(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(open(&mut opener::<Aes256Gcm>(), "c", &bytes).is_err());
    }

    #[test]
    fn text_comes_back(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let mut out = vec![0; text::encoded_len(bytes.len())];
        let len = out.len();
        let encoded = text::encode(&bytes, &mut out).unwrap().to_owned();
        prop_assert_eq!(encoded.len(), len);
        let mut out = vec![0; len];
        prop_assert_eq!(text::decode(encoded.as_bytes(), &mut out).map(|bytes| bytes.to_vec()), Ok(bytes.clone()));
        if len > 0 {
            prop_assert!(text::encode(&bytes, &mut vec![0; len - 1]).is_none());
        }
    }
}
