//! Makes tar and gzip bytes that no honest tool would write.

use std::io::Write;

use flate2::Compression;
use flate2::write::GzEncoder;

pub const BLOCK: usize = 512;

/// One header to be written, every field at will.
pub struct Raw<'a> {
    pub name: &'a [u8],
    pub kind: u8,
    pub size: &'a [u8],
    pub mode: &'a [u8],
    pub mtime: &'a [u8],
    pub link: &'a [u8],
    pub magic: &'a [u8],
    pub content: &'a [u8],
}

impl Default for Raw<'_> {
    fn default() -> Self {
        Raw {
            name: b"a",
            kind: b'0',
            size: b"",
            mode: b"0000644\0",
            mtime: b"00000000000\0",
            link: b"",
            magic: b"ustar\x0000",
            content: b"",
        }
    }
}

impl Raw<'_> {
    pub fn bytes(&self) -> Vec<u8> {
        let mut block = [0_u8; BLOCK];
        let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
        let octal = format!("{:011o}\0", self.content.len());
        put(0, self.name);
        put(100, self.mode);
        put(124, if self.size.is_empty() { octal.as_bytes() } else { self.size });
        put(136, self.mtime);
        put(148, b"        ");
        put(156, &[self.kind]);
        put(157, self.link);
        put(257, self.magic);
        let sum: u32 = block.iter().map(|b| u32::from(*b)).sum();
        block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        let padding = self.content.len().next_multiple_of(BLOCK) - self.content.len();
        [&block[..], self.content, &[0; BLOCK][..padding]].concat()
    }
}

/// A file with content `x`.
pub fn file(name: &str) -> Vec<u8> {
    Raw { name: name.as_bytes(), content: b"x", ..Raw::default() }.bytes()
}

pub fn dir(name: &str) -> Vec<u8> {
    Raw { name: name.as_bytes(), kind: b'5', ..Raw::default() }.bytes()
}

pub fn link(name: &str, target: &str) -> Vec<u8> {
    Raw { name: name.as_bytes(), kind: b'2', link: target.as_bytes(), ..Raw::default() }.bytes()
}

/// An extended header.
pub fn pax(records: &str) -> Vec<u8> {
    Raw { name: b"PaxHeaders.0/x", kind: b'x', content: records.as_bytes(), ..Raw::default() }.bytes()
}

/// A whole tar of these entries.
pub fn tar(entries: &[Vec<u8>]) -> Vec<u8> {
    [&entries.concat()[..], &[0; 2 * BLOCK]].concat()
}

pub fn gzip(data: &[u8]) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(data).unwrap();
    encoder.finish().unwrap()
}

pub fn tar_gz(entries: &[Vec<u8>]) -> Vec<u8> {
    gzip(&tar(entries))
}
