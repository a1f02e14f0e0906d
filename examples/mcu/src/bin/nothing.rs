//! What a program costs that does nothing but say so: the start-up code, the panic handler, the output.
#![no_std]
#![no_main]
#![forbid(unsafe_code)]

use core::fmt::Write;
use core::panic::PanicInfo;

use cortex_m_semihosting::hio;

#[cortex_m_rt::entry]
fn main() -> ! {
    if let Ok(mut out) = hio::hstdout() {
        let _ = writeln!(out, "{} bytes\nend: good", 0);
    }
    loop {
        cortex_m::asm::wfi();
    }
}

#[panic_handler]
fn panic(_: &PanicInfo<'_>) -> ! {
    loop {
        cortex_m::asm::wfi();
    }
}
