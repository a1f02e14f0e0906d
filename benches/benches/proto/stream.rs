//! A socket without a system: frames without end.

use std::{
    io::{self, Read, Write},
    pin::Pin,
    task::{Context, Poll},
};

use portcullis_proto::wire;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// English text.
pub(crate) fn text(len: usize) -> Vec<u8> {
    b"The quick brown fox jumps over the lazy dog. ".iter().copied().cycle().take(len).collect()
}

/// The same masked text frame over and over; what is written is forgotten.
pub(crate) struct Endless {
    bytes: Vec<u8>,
    frame_len: usize,
    at: usize,
}

impl Endless {
    pub(crate) fn new(text: &[u8]) -> Self {
        let mut frame = vec![0; text.len() + wire::HEADER_LEN_MAX];
        let key = Some([0xA1, 0x32, 0x53, 0xC4]);
        let frame_len = wire::encode_frame(wire::Opcode::Text, true, text, key, &mut frame).unwrap();
        frame.truncate(frame_len);
        let bytes = frame.repeat((128 * 1_024_usize).div_ceil(frame_len));
        Self { bytes, frame_len, at: 0 }
    }

    pub(crate) const fn frame_len(&self) -> usize {
        self.frame_len
    }

    /// What one read brings into `room` bytes.
    #[inline]
    pub(crate) fn next(&mut self, room: usize) -> &[u8] {
        let rest = &self.bytes[self.at..];
        let len = rest.len().min(room);
        self.at = (self.at + len) % self.bytes.len();
        &rest[..len]
    }

    /// One read.
    #[inline]
    pub(crate) fn take(&mut self, out: &mut [u8]) -> usize {
        let bytes = self.next(out.len());
        out[..bytes.len()].copy_from_slice(bytes);
        bytes.len()
    }
}

impl Read for Endless {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        Ok(self.take(out))
    }
}

impl Write for Endless {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl AsyncRead for Endless {
    fn poll_read(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        // Unlike `take` this does not want the room to be initialised, which would be the rival's loss.
        let room = buffer.remaining();
        buffer.put_slice(self.get_mut().next(room));
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Endless {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
