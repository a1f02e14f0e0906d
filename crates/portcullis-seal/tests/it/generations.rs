//! Generations: the numbers end, the keys change, and what is on its way still arrives.
use portcullis_seal::{Aes256Gcm, Generation, OVERHEAD, OpenError, SealError};

use super::messages::{FIRST, opener, seal, sealer};

#[test]
fn a_generation_is_exhausted_after_its_last_number() {
    let mut sealer = sealer::<Aes256Gcm>();
    let mut opener = opener::<Aes256Gcm>();
    sealer.skip_to(u32::MAX - 1);
    assert_eq!(sealer.left(), 2);
    for counter in [u32::MAX - 1, u32::MAX] {
        let mut sealed = seal(&mut sealer, "c", b"x");
        assert_eq!(opener.open_in_place(FIRST, "c", &mut sealed).unwrap().counter(), counter);
    }
    let mut buffer = [0; OVERHEAD];
    assert_eq!(sealer.seal_in_place("c", &mut buffer, 0).unwrap_err(), SealError::Exhausted);
    sealer.skip_to(0);
    assert_eq!(
        sealer.seal_in_place("c", &mut buffer, 0).unwrap_err(),
        SealError::Exhausted,
        "there is no way back"
    );
    sealer.advance(Generation::new(2)).unwrap();
    assert_eq!((sealer.left(), sealer.generation()), (1 << 32, Generation::new(2)));
    opener.advance(Generation::new(2)).unwrap();
    let mut sealed = seal(&mut sealer, "c", b"y");
    assert_eq!(opener.open_in_place(Generation::new(2), "c", &mut sealed).unwrap().message(), b"y");
}

#[test]
fn two_generations_are_open_at_a_time() {
    let (mut sealer, mut opener) = (sealer::<Aes256Gcm>(), opener::<Aes256Gcm>());
    let mut sealed = Vec::new();
    for number in 1..=3 {
        sealed.push([seal(&mut sealer, "c", b"early"), seal(&mut sealer, "c", b"late")]);
        sealer.advance(Generation::new(number + 1)).unwrap();
    }
    let open = |number: u32, at: usize, opener: &mut portcullis_seal::Opener| {
        let message = &mut sealed[usize::try_from(number - 1).unwrap()][at].clone();
        opener.open_in_place(Generation::new(number), "c", message).map(|opened| opened.counter())
    };
    assert_eq!(open(1, 0, &mut opener), Ok(0));
    let unknown = Err(OpenError::Generation { generation: Generation::new(2) });
    assert_eq!(open(2, 0, &mut opener), unknown, "not before it is told");
    opener.advance(Generation::new(2)).unwrap();
    assert_eq!(open(2, 0, &mut opener), Ok(0));
    assert_eq!(open(1, 1, &mut opener), Ok(1), "it was on its way");
    assert_eq!(open(1, 0, &mut opener), Err(OpenError::Replayed { counter: 0 }));
    opener.advance(Generation::new(3)).unwrap();
    assert_eq!(open(1, 1, &mut opener), Err(OpenError::Generation { generation: Generation::new(1) }));
    assert_eq!(open(2, 1, &mut opener), Ok(1));
    opener.forget_last();
    assert_eq!(open(2, 1, &mut opener), unknown);
    assert_eq!(open(3, 0, &mut opener), Ok(0));
}

#[test]
fn a_message_is_of_its_generation_alone() {
    let mut sealer = sealer::<Aes256Gcm>();
    let mut opener = opener::<Aes256Gcm>();
    opener.advance(Generation::new(2)).unwrap();
    let mut sealed = seal(&mut sealer, "c", b"x");
    assert_eq!(
        opener.open_in_place(Generation::new(2), "c", &mut sealed).map(|_| ()),
        Err(OpenError::Forged)
    );
}

#[test]
fn generations_only_go_forward() {
    let (mut sealer, mut opener) = (sealer::<Aes256Gcm>(), opener::<Aes256Gcm>());
    for number in [0, 1] {
        let error = SealError::Generation { current: FIRST, next: Generation::new(number) };
        assert_eq!(sealer.advance(Generation::new(number)), Err(error));
        assert_eq!(opener.advance(Generation::new(number)), Err(error));
    }
    sealer.advance(Generation::new(u32::MAX)).unwrap();
    assert!(sealer.advance(Generation::new(u32::MAX)).is_err());
}
