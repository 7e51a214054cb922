//! Packet lines: four hexadecimal digits of length, then as many bytes.

use crate::error::{Error, chain, peer_text};
use bytes::{Buf, Bytes, BytesMut};
use gix::protocol::transport::packetline::{PacketLineRef, decode};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt};

/// Where packets come from.
pub(crate) type BoxRead = Box<dyn AsyncRead + Send + Unpin>;

/// A packet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Packet {
    Data(Bytes),
    Flush,
    Delimiter,
    End,
}

/// Reads packets off a stream, with a limit on the silence between two reads.
pub(crate) struct Packets {
    input: BoxRead,
    buffer: BytesMut,
    idle: Duration,
    url: String,
}

impl Packets {
    pub(crate) fn new(input: BoxRead, idle: Duration, url: String) -> Self {
        Packets { input, buffer: BytesMut::new(), idle, url }
    }

    /// The next packet, or `None` where the stream ends.
    ///
    /// # Errors
    /// [`Error::Protocol`] for what is no packet or only half of one, [`Error::Connection`] when the stream breaks.
    pub(crate) async fn next(&mut self) -> Result<Option<Packet>, Error> {
        loop {
            let decoded = decode::streaming(&self.buffer)
                .map_err(|err| self.protocol(format!("no packet line: {}", peer_text(err.to_string().as_bytes()))))?;
            match decoded {
                decode::Stream::Complete { line, bytes_consumed } => {
                    let packet = match line {
                        PacketLineRef::Flush => Packet::Flush,
                        PacketLineRef::Delimiter => Packet::Delimiter,
                        PacketLineRef::ResponseEnd => Packet::End,
                        PacketLineRef::Data(_) => {
                            let mut taken = self.buffer.split_to(bytes_consumed);
                            taken.advance(4);
                            return Ok(Some(Packet::Data(taken.freeze())));
                        }
                    };
                    self.buffer.advance(bytes_consumed);
                    return Ok(Some(packet));
                }
                decode::Stream::Incomplete { .. } => {}
            }
            self.buffer.reserve(64 << 10);
            let read = tokio::time::timeout(self.idle, self.input.read_buf(&mut self.buffer)).await;
            let read = read.map_err(|_| Error::Timeout {
                url: self.url.clone(),
                after: self.idle,
                during: "waiting for the next bytes of",
            })?;
            let read = read.map_err(|err| Error::Connection { url: self.url.clone(), reason: chain(&err) })?;
            if read == 0 {
                if self.buffer.is_empty() {
                    return Ok(None);
                }
                return Err(self.protocol("the answer ends in the middle of a line".into()));
            }
        }
    }

    /// The next packet; the end of the stream is an error. An `ERR` line is what the server has to say.
    pub(crate) async fn expect(&mut self) -> Result<Packet, Error> {
        let packet = self.next().await?;
        let packet = packet.ok_or_else(|| self.protocol("the answer ends early".into()))?;
        if let Packet::Data(data) = &packet
            && let Some(message) = data.strip_prefix(b"ERR ")
        {
            return Err(self.refused(message));
        }
        Ok(packet)
    }

    /// The server's refusal, as the most telling error there is for it.
    pub(crate) fn refused(&self, message: &[u8]) -> Error {
        let message = peer_text(message);
        let lower = message.to_ascii_lowercase();
        if lower.contains("repository not found") || lower.contains("does not appear to be a git repository") {
            return Error::RepositoryNotFound { url: self.url.clone() };
        }
        Error::Refused { url: self.url.clone(), message }
    }

    pub(crate) fn protocol(&self, reason: String) -> Error {
        Error::Protocol { url: self.url.clone(), reason }
    }

    pub(crate) fn url(&self) -> &str {
        &self.url
    }
}

/// Appends `text` to `out` as a packet.
pub(crate) fn line(out: &mut Vec<u8>, text: &str) {
    out.extend_from_slice(format!("{:04x}", text.len() + 4).as_bytes());
    out.extend_from_slice(text.as_bytes());
}

/// A line's text without its end.
pub(crate) fn text<'a>(data: &'a [u8], packets: &Packets) -> Result<&'a str, Error> {
    let data = data.strip_suffix(b"\n").unwrap_or(data);
    std::str::from_utf8(data).map_err(|_| packets.protocol("a line is not UTF-8".into()))
}
