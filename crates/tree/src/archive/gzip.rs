//! The unpacked stream, counted.

use std::io::{self, BufReader, Read};

use flate2::read::MultiGzDecoder;

use super::Error;
use crate::limits::{LimitExceeded, Limits};

/// Bytes asked from the packed stream at once.
const BUFFER: usize = 64 << 10;

/// Reads tar bytes and knows where it is.
pub(super) struct Unpacked<R> {
    inner: R,
    pub(super) offset: u64,
}

impl<R: Read> Unpacked<R> {
    pub(super) fn new(inner: R) -> Self {
        Self { inner, offset: 0 }
    }

    /// Fills `buffer` as far as the stream goes; how far is told.
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> Result<usize, Error> {
        let mut done = 0;
        while done < buffer.len() {
            match self.inner.read(&mut buffer[done..]) {
                Ok(0) => break,
                Ok(n) => done += n,
                Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
                Err(e) => return Err(unwrap_limit(e)),
            }
        }
        self.offset += done as u64;
        Ok(done)
    }

    /// `size` bytes, or an error when there are fewer. Memory grows with what arrives, not with what was claimed.
    pub(super) fn take(&mut self, size: u64) -> Result<Vec<u8>, Error> {
        const AT_ONCE: u64 = 1 << 20;
        let mut data = Vec::with_capacity(usize::try_from(size.min(AT_ONCE)).unwrap_or(0));
        let got = (&mut self.inner).take(size).read_to_end(&mut data).map_err(unwrap_limit)?;
        self.offset += got as u64;
        if (got as u64) < size {
            return Err(self.broken("ends in the middle of an entry"));
        }
        Ok(data)
    }

    pub(super) fn broken(&self, what: &'static str) -> Error {
        Error::Broken { offset: self.offset, what }
    }
}

/// Unpacks gzip members, one after the other as Go does, and stops when they unpack to suspiciously much.
pub(super) struct Gunzip<R> {
    inner: MultiGzDecoder<BufReader<Counted<R>>>,
    out: u64,
    limits: Limits,
}

impl<R: Read> Gunzip<R> {
    pub(super) fn new(packed: R, limits: &Limits) -> Self {
        let counted = Counted { inner: packed, read: 0, max: limits.download };
        let inner = MultiGzDecoder::new(BufReader::with_capacity(BUFFER, counted));
        Self { inner, out: 0, limits: limits.clone() }
    }
}

impl<R: Read> Read for Gunzip<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.out += n as u64;
        if self.out > self.limits.ratio_after {
            let packed = self.inner.get_ref().get_ref().read.max(1);
            Limits::check("ratio", self.out.div_ceil(packed), self.limits.ratio).map_err(io::Error::other)?;
        }
        Ok(n)
    }
}

struct Counted<R> {
    inner: R,
    read: u64,
    max: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let n = self.inner.read(buffer)?;
        self.read += n as u64;
        Limits::check("download", self.read, self.max).map_err(io::Error::other)?;
        Ok(n)
    }
}

/// A limit travels through `Read` inside of an I/O error.
fn unwrap_limit(error: io::Error) -> Error {
    match error.downcast::<LimitExceeded>() {
        Ok(limit) => Error::Limit(limit),
        Err(error) => Error::Io(error),
    }
}
