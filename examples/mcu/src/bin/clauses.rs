//! Every clause, on the board. When all is told it waits, so that its memory can be looked at.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::fmt::Write;
use core::panic::PanicInfo;

use cortex_m_semihosting::hio;

#[cortex_m_rt::entry]
fn main() -> ! {
    if let Ok(mut out) = hio::hstdout() {
        let mut memory = portcullis_mcu::Memory::default();
        let summary = portcullis_mcu::run(&mut memory, &mut out);
        let _ = writeln!(out, "{summary}end: {}", if summary.is_good() { "good" } else { "bad" });
    }
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(info: &PanicInfo<'_>) -> ! {
    if let Ok(mut out) = hio::hstdout() {
        let _ = writeln!(out, "{info}\nend: panic");
    }
    loop {
        cortex_m::asm::wfi();
    }
}
