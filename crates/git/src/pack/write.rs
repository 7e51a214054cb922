//! Writes a pack: whole objects, deflated, one after the other.

use crate::objects::HASH;
use flate2::Compression;
use flate2::write::ZlibEncoder;
use gix::objs::Kind;
use gix::odb::pack::data::entry::Header;
use std::io::{self, Write};

/// Writes a pack to `out`, which may send it on at once: the number of objects comes first, everything else in order.
pub(crate) struct PackWriter<W> {
    out: Hashed<W>,
}

impl<W: Write> PackWriter<W> {
    /// Begins a pack of `count` objects.
    pub(crate) fn new(out: W, count: u32) -> io::Result<Self> {
        let mut out = Hashed { out, hasher: gix::hash::hasher(HASH) };
        out.write_all(&gix::odb::pack::data::header::encode(gix::odb::pack::data::Version::V2, count))?;
        Ok(PackWriter { out })
    }

    /// Appends an object.
    pub(crate) fn object(&mut self, kind: Kind, data: &[u8]) -> io::Result<()> {
        let header = match kind {
            Kind::Tree => Header::Tree,
            Kind::Blob => Header::Blob,
            Kind::Commit => Header::Commit,
            Kind::Tag => Header::Tag,
        };
        header.write_to(data.len() as u64, &mut self.out)?;
        // The reader is on this machine: speed counts, size hardly.
        let mut deflate = ZlibEncoder::new(&mut self.out, Compression::fast());
        deflate.write_all(data)?;
        deflate.finish()?;
        Ok(())
    }

    /// Appends the checksum, and gives `out` back.
    pub(crate) fn finish(self) -> io::Result<W> {
        let Hashed { mut out, hasher } = self.out;
        let id = hasher.try_finalize().map_err(io::Error::other)?;
        out.write_all(id.as_slice())?;
        Ok(out)
    }
}

struct Hashed<W> {
    out: W,
    hasher: gix::hash::Hasher,
}

impl<W: Write> Write for Hashed<W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let written = self.out.write(bytes)?;
        self.hasher.update(&bytes[..written]);
        Ok(written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}
