//! Reads and writes that nobody interrupts.

use std::io::{self, Read, Write};

use crate::endpoint::{Endpoint, Opening};

/// Something with bytes to write.
pub(super) trait Source {
    fn output(&mut self) -> &[u8];
    fn wrote(&mut self, len: usize);
}

impl Source for Opening<'_> {
    fn output(&mut self) -> &[u8] {
        Opening::output(self)
    }

    fn wrote(&mut self, len: usize) {
        Opening::wrote(self, len);
    }
}

impl Source for Endpoint {
    fn output(&mut self) -> &[u8] {
        Self::output(self)
    }

    fn wrote(&mut self, len: usize) {
        Self::wrote(self, len);
    }
}

/// One read, however often a signal comes.
pub(super) fn read(stream: &mut impl Read, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match stream.read(buffer) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}

/// Writes all of `source`'s output and flushes. What was not written when it fails is still there.
pub(super) fn write_all(stream: &mut impl Write, source: &mut impl Source) -> io::Result<()> {
    loop {
        let output = source.output();
        if output.is_empty() {
            break;
        }
        match stream.write(output) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(len) => source.wrote(len),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    loop {
        match stream.flush() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            other => return other,
        }
    }
}
