//! The rivals, each through the fastest path that it documents, with the mask taken off and UTF-8 checked.

use std::{
    future::Future,
    hint::black_box,
    pin::pin,
    task::{Context, Poll, Waker},
};

use bytes::{Bytes, BytesMut};
use criterion::Bencher;

use crate::{
    Decoder,
    cpu::CpuTime,
    stream::{Endless, text},
};

/// tungstenite: blocking, from a reader.
pub(crate) struct Tungstenite(tungstenite::WebSocket<Endless>);

impl Decoder for Tungstenite {
    fn new(stream: Endless, read_len: usize) -> Self {
        let config = tungstenite::protocol::WebSocketConfig::default().read_buffer_size(read_len);
        let role = tungstenite::protocol::Role::Server;
        Self(tungstenite::WebSocket::from_raw_socket(stream, role, Some(config)))
    }

    #[inline]
    fn next<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T, ()> {
        let tungstenite::Message::Text(text) = self.0.read().map_err(drop)? else { return Err(()) };
        Ok(look(text.as_bytes()))
    }
}

/// nexus-web: a reader without I/O that lends each message from its buffer.
pub(crate) struct Nexus {
    reader: nexus_web::ws::FrameReader,
    stream: Endless,
}

impl Decoder for Nexus {
    fn new(stream: Endless, read_len: usize) -> Self {
        let role = nexus_web::ws::Role::Server;
        let reader = nexus_web::ws::FrameReader::builder().role(role).buffer_capacity(read_len).build();
        Self { reader, stream }
    }

    #[inline]
    fn next<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T, ()> {
        while !self.reader.poll().map_err(drop)? {
            self.reader.read_from(&mut self.stream).map_err(drop)?;
        }
        match self.reader.next().map_err(drop)? {
            Some(nexus_web::ws::Message::Text(text)) => Ok(look(text.as_bytes())),
            _ => Err(()),
        }
    }
}

/// sockudo-ws: its protocol without I/O, which turns a buffer into all the messages in it.
pub(crate) struct Sockudo {
    protocol: sockudo_ws::protocol::Protocol,
    stream: Endless,
    read_len: usize,
    buffer: BytesMut,
    messages: Vec<sockudo_ws::Message>,
    next: usize,
}

impl Decoder for Sockudo {
    fn new(stream: Endless, read_len: usize) -> Self {
        let protocol = sockudo_ws::protocol::Protocol::new(sockudo_ws::Role::Server, 1 << 20, 1 << 20);
        let buffer = BytesMut::with_capacity(2 * read_len);
        Self { protocol, stream, read_len, buffer, messages: Vec::new(), next: 0 }
    }

    #[inline]
    fn next<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T, ()> {
        while self.next == self.messages.len() {
            self.messages.clear();
            self.next = 0;
            self.buffer.reserve(self.read_len);
            self.buffer.extend_from_slice(self.stream.next(self.read_len));
            self.protocol.process_into(&mut self.buffer, &mut self.messages).map_err(drop)?;
        }
        let message = &self.messages[self.next];
        self.next += 1;
        Ok(look(message.as_bytes()))
    }
}

/// fastwebsockets: asynchronous; over a stream that is always ready, each future is ready at its first poll.
pub(crate) struct FastWebSockets(fastwebsockets::WebSocket<Endless>);

impl Decoder for FastWebSockets {
    fn new(stream: Endless, _: usize) -> Self {
        let mut socket = fastwebsockets::WebSocket::after_handshake(stream, fastwebsockets::Role::Server);
        socket.set_auto_close(false);
        socket.set_auto_pong(false);
        Self(socket)
    }

    #[inline]
    fn next<T>(&mut self, look: impl FnOnce(&[u8]) -> T) -> Result<T, ()> {
        let frame = pin!(self.0.read_frame());
        match frame.poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(Ok(frame)) => Ok(look(&frame.payload)),
            Poll::Ready(Err(_)) | Poll::Pending => Err(()),
        }
    }
}

/// Messages gather in the rival's buffer, which goes to the stream when it is full.
pub(crate) fn encode_tungstenite(b: &mut Bencher<'_, CpuTime>, message: &str) {
    let role = tungstenite::protocol::Role::Server;
    let mut socket = tungstenite::WebSocket::from_raw_socket(Endless::new(&text(1)), role, None);
    let message = tungstenite::Utf8Bytes::from(message);
    b.iter(|| socket.write(tungstenite::Message::Text(black_box(&message).clone())).unwrap());
}

pub(crate) fn encode_nexus(b: &mut Bencher<'_, CpuTime>, message: &str) {
    let mut writer = nexus_web::ws::FrameWriter::new(nexus_web::ws::Role::Server);
    let mut out = vec![0; message.len() + 14];
    b.iter(|| writer.encode_text(black_box(message.as_bytes()), black_box(&mut out)));
}

pub(crate) fn encode_sockudo(b: &mut Bencher<'_, CpuTime>, message: &str) {
    let mut protocol = sockudo_ws::protocol::Protocol::new(sockudo_ws::Role::Server, 1 << 20, 1 << 20);
    let message = sockudo_ws::Message::Text(Bytes::copy_from_slice(message.as_bytes()));
    let mut out = BytesMut::with_capacity(2_048);
    b.iter(|| {
        out.clear();
        protocol.encode_message(black_box(&message), black_box(&mut out)).unwrap();
    });
}

pub(crate) fn encode_fastwebsockets(b: &mut Bencher<'_, CpuTime>, message: &str) {
    let mut out = Vec::with_capacity(2_048);
    b.iter(|| {
        let payload = fastwebsockets::Payload::Borrowed(black_box(message.as_bytes()));
        black_box(fastwebsockets::Frame::text(payload).write(black_box(&mut out)).len())
    });
}
