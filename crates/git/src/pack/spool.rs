//! Bytes of unknown number, kept in memory while they are few and in a nameless file when they are many.

use crate::error::Error;
use flate2::{Decompress, FlushDecompress, Status};
use std::cell::RefCell;
use std::fs::File;
use std::io::Write;
use std::os::unix::fs::FileExt;

const CHUNK: usize = 32 << 10;

/// Bytes, written once, then read at any place.
pub(crate) struct Spool {
    store: Store,
    len: u64,
    memory: usize,
}

enum Store {
    Memory(Vec<u8>),
    File(File),
}

impl Spool {
    /// Empty; more than `memory` bytes go into a file.
    pub(crate) fn new(memory: usize) -> Self {
        Spool { store: Store::Memory(Vec::new()), len: 0, memory }
    }

    pub(crate) fn len(&self) -> u64 {
        self.len
    }

    /// Appends `bytes`.
    ///
    /// # Errors
    /// [`Error::Io`] when the file cannot be made or the disk is full.
    pub(crate) fn push(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if let Store::Memory(held) = &mut self.store {
            if held.len() + bytes.len() <= self.memory {
                held.extend_from_slice(bytes);
                self.len += bytes.len() as u64;
                return Ok(());
            }
            // Unlinked from the start: a kill leaves nothing behind.
            let mut file =
                tempfile::tempfile().map_err(|err| Error::io("creating a temporary file for a pack", &err))?;
            file.write_all(held).map_err(|err| Error::io("writing a pack to a temporary file", &err))?;
            self.store = Store::File(file);
        }
        if let Store::File(file) = &mut self.store {
            file.write_all(bytes).map_err(|err| Error::io("writing a pack to a temporary file", &err))?;
        }
        self.len += bytes.len() as u64;
        Ok(())
    }

    /// A reader that begins at `offset`.
    pub(crate) fn reader(&self, offset: u64) -> Reader<'_> {
        Reader { spool: self, offset, buffer: Vec::new(), at: 0 }
    }
}

/// Reads a [`Spool`] on from some place.
pub(crate) struct Reader<'a> {
    spool: &'a Spool,
    /// Where the buffer ends.
    offset: u64,
    buffer: Vec<u8>,
    at: usize,
}

impl Reader<'_> {
    /// Where the next byte is.
    pub(crate) fn position(&self) -> u64 {
        match self.spool.store {
            Store::Memory(_) => self.offset,
            Store::File(_) => self.offset - (self.buffer.len() - self.at) as u64,
        }
    }

    /// Some of the next bytes; at least `wanted` unless the end is nearer; none at the end.
    pub(crate) fn peek(&mut self, wanted: usize) -> std::io::Result<&[u8]> {
        match &self.spool.store {
            Store::Memory(held) => {
                let start = usize::try_from(self.offset).unwrap_or(usize::MAX).min(held.len());
                Ok(&held[start..(start + CHUNK).min(held.len())])
            }
            Store::File(file) => {
                if self.buffer.len() - self.at < wanted {
                    self.buffer.drain(..self.at);
                    self.at = 0;
                    while self.buffer.len() < wanted.max(CHUNK) {
                        let held = self.buffer.len();
                        self.buffer.resize(held + CHUNK, 0);
                        let read = file.read_at(&mut self.buffer[held..], self.offset)?;
                        self.buffer.truncate(held + read);
                        self.offset += read as u64;
                        if read == 0 {
                            break;
                        }
                    }
                }
                Ok(&self.buffer[self.at..])
            }
        }
    }

    /// Steps over `count` of the bytes that [`Reader::peek`] has shown.
    pub(crate) fn consume(&mut self, count: usize) {
        match self.spool.store {
            Store::Memory(_) => self.offset += count as u64,
            Store::File(_) => self.at += count,
        }
    }
}

thread_local! {
    // The state of an inflater is some 40 KiB; making one for each of 10,000 small objects costs more than inflating.
    static INFLATER: RefCell<Decompress> = RefCell::new(Decompress::new(true));
}

/// Inflates one zlib stream of exactly `size` bytes into `out`, and leaves `input` behind it.
///
/// Memory grows with the data, not with the claim.
pub(crate) fn inflate(input: &mut Reader<'_>, size: u64, out: &mut Vec<u8>) -> Result<(), String> {
    let size = usize::try_from(size).map_err(|_| "an object is larger than memory".to_owned())?;
    INFLATER.with_borrow_mut(|inflater| {
        inflater.reset(true);
        out.clear();
        out.reserve_exact(size.min(1 << 20));
        loop {
            let chunk = input.peek(1).map_err(|err| format!("reading the pack back: {err}"))?;
            let (ended, before_in, before_out) = (chunk.is_empty(), inflater.total_in(), inflater.total_out());
            if out.len() == out.capacity() && out.len() < size {
                let more = out.len().min(size - out.len()).max(1);
                out.reserve_exact(more);
            }
            // One byte too many shows a stream that is longer than it says.
            let mut spill = [0u8; 1];
            let status = if out.len() < size {
                let flush = if ended { FlushDecompress::Finish } else { FlushDecompress::None };
                inflater.decompress_vec(chunk, out, flush)
            } else {
                inflater.decompress(chunk, &mut spill, FlushDecompress::None)
            };
            let status = status.map_err(|err| format!("an object does not inflate: {err}"))?;
            let consumed = (inflater.total_in() - before_in) as usize;
            input.consume(consumed);
            if out.len() > size || inflater.total_out() as usize > size {
                return Err(format!("an object inflates to more than the {size} bytes it claims"));
            }
            if status == Status::StreamEnd {
                if out.len() != size {
                    return Err(format!("an object inflates to {} bytes but claims {size}", out.len()));
                }
                return Ok(());
            }
            // There was room for output, so standing still means that input is missing.
            if consumed == 0 && inflater.total_out() == before_out {
                return Err("an object is cut short".to_owned());
            }
        }
    })
}
