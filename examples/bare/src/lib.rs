//! A WebSocket endpoint for firmware: no `std`, no allocator, all memory from the caller.
#![no_std]
#![forbid(unsafe_code)]

// Linked so that they are proven too, even where the lamp has no use for them.
use portcullis_auth as _;
use portcullis_session as _;

use portcullis_limit::{Gcra, KeyedArray, Quota, SeededHash, Slot, WhenFull};
use portcullis_proto::{CloseCode, Config, Connection, Event, Message, SliceStorage};
use portcullis_time::Instant;
use portcullis_validate::StaticValidator;
use portcullis_validate_macros::schema;

/// Compiled with the program: it lies in read-only memory, and a mistake in it is one of the build.
static MESSAGE: StaticValidator =
    schema!(r#"{"type": "object", "properties": {"lamp": {"type": "boolean"}}, "required": ["lamp"]}"#);

/// Ten messages a second, twenty at once.
const MESSAGES: Quota = match Quota::per_second(10, 20) {
    Ok(quota) => quota,
    Err(_) => panic!("not a quota"),
};

/// What the peers share: their addresses' buckets.
pub struct Lamp {
    addresses: KeyedArray<u32, 32>,
}

impl Lamp {
    /// `seed` comes from the hardware's source of randomness.
    pub fn new(seed: [u64; 2]) -> Option<Self> {
        let hasher = SeededHash::new(seed);
        let addresses =
            KeyedArray::with_slots(MESSAGES, [Slot::empty(); 32], hasher, WhenFull::Refuse).ok()?;
        Some(Self { addresses })
    }

    /// Whether `address` may connect now.
    pub fn admits(&mut self, address: u32, now: Instant) -> bool {
        self.addresses.check(address, now, 1).is_ok()
    }

    /// Judges one message: cheapest refusal first.
    fn judge(bucket: &mut Gcra, now: Instant, payload: &[u8]) -> Result<(), u16> {
        bucket.check(&MESSAGES, now, 1).map_err(|limited| limited.close_code())?;
        MESSAGE.check(payload).map_err(|invalid| invalid.close_code())?;
        Ok(())
    }
}

/// One peer.
pub struct Peer<'m> {
    connection: Connection<SliceStorage<'m>>,
    bucket: Gcra,
}

impl<'m> Peer<'m> {
    /// `memory` holds a message that arrives in pieces, and bounds its length.
    pub fn new(memory: &'m mut [u8], now: Instant, seed: [u8; 32]) -> Self {
        let connection = Connection::new(Config::server(), now, seed, SliceStorage::new(memory));
        Self { connection, bucket: Gcra::new() }
    }

    /// Takes bytes from the wire; returns how many bytes of `out` to send.
    pub fn receive(&mut self, lamp: &Lamp, now: Instant, mut input: &mut [u8], out: &mut [u8]) -> usize {
        while !input.is_empty() {
            let Ok(step) = self.connection.handle_input(now, input) else { break };
            let consumed = step.consumed;
            let verdict = match step.event {
                Some(Event::Message { payload, .. }) => Lamp::judge(&mut self.bucket, now, payload),
                _ => Ok(()),
            };
            if let Err(code) = verdict {
                let code = CloseCode::new(code).unwrap_or(CloseCode::POLICY);
                let _ = self.connection.close(now, code, "");
                break;
            }
            match input.get_mut(consumed..) {
                Some(rest) if consumed > 0 => input = rest,
                _ => break,
            }
        }
        self.connection.poll_transmit(out)
    }

    /// Reports the state of the lamp; returns how many bytes of `out` to send.
    pub fn report(&mut self, now: Instant, on: bool, out: &mut [u8]) -> usize {
        let text = if on { r#"{"lamp":true}"# } else { r#"{"lamp":false}"# };
        self.connection.send(now, Message::Text(text), out).unwrap_or(0)
    }

    /// Lets time pass; returns how many bytes of `out` to send.
    pub fn tick(&mut self, now: Instant, out: &mut [u8]) -> usize {
        let _ = self.connection.handle_timeout(now);
        self.connection.poll_transmit(out)
    }
}

/// The entry that firmware would call: everything is instantiated, so that everything is compiled.
pub extern "C" fn bare_entry() -> usize {
    let Some(mut lamp) = Lamp::new([1, 2]) else { return 0 };
    let now = Instant::from_millis(1);
    if !lamp.admits(1, now) {
        return 0;
    }
    let (mut memory, mut out, mut input) = ([0; 256], [0; 256], [0; 64]);
    let mut peer = Peer::new(&mut memory, now, [7; 32]);
    peer.receive(&lamp, now, &mut input, &mut out)
        + peer.report(now, true, &mut out)
        + peer.tick(now, &mut out)
}

#[panic_handler]
fn panic(_: &core::panic::PanicInfo<'_>) -> ! {
    loop {}
}
