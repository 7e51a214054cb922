//! Writing: the bytes that source-controller's tar has, over a reproducible gzip.

use std::io::{self, Write};

use flate2::{Compression, GzBuilder};
use sha2::{Digest, Sha256};

use super::header::BLOCK;
use crate::tree::{Entry, Tree};

const MODE_DIRECTORY: u64 = 0o750;
const MODE_FILE: u64 = 0o600;
const MODE_EXECUTABLE: u64 = 0o700;

/// What was written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Written {
    /// `sha256:` and hex digits, over all bytes.
    pub digest: String,
    /// How many bytes.
    pub size: u64,
}

/// Writes `tree` as tar.gz and says what came out.
///
/// Layout as in Flux: `.` first, folders without trailing slash, a sorted walk, no owner, no time, modes 0750, 0600
/// and 0700; links are left out. Equal trees make equal bytes. Nothing is buffered but a few blocks.
///
/// # Errors
/// What `out` says.
pub fn write_tar_gz(tree: &Tree, out: impl Write) -> io::Result<Written> {
    let gzip = GzBuilder::new().write(HashingWriter::new(out), Compression::default());
    // Small writes would make small deflate calls.
    let mut buffered = io::BufWriter::with_capacity(32 << 10, gzip);
    write_tar(tree, &mut buffered)?;
    let hashing = buffered.into_inner().map_err(io::IntoInnerError::into_error)?.finish()?;
    hashing.finish()
}

/// Writes `tree` as tar; see [`write_tar_gz`].
///
/// # Errors
/// What `out` says.
pub fn write_tar(tree: &Tree, mut out: impl Write) -> io::Result<()> {
    header(&mut out, ".", b'5', MODE_DIRECTORY, 0)?;
    for node in tree.nodes.iter() {
        match &node.entry {
            Entry::Directory if !node.implied => header(&mut out, &node.path, b'5', MODE_DIRECTORY, 0)?,
            Entry::Directory | Entry::Symlink { .. } => {}
            Entry::File { data, executable } => {
                let mode = if *executable { MODE_EXECUTABLE } else { MODE_FILE };
                header(&mut out, &node.path, b'0', mode, data.len() as u64)?;
                out.write_all(data)?;
                pad(&mut out, data.len())?;
            }
        }
    }
    out.write_all(&[0; 2 * BLOCK])
}

/// Hashes and counts what it passes on.
pub struct HashingWriter<W> {
    out: W,
    hash: Sha256,
    size: u64,
}

impl<W: Write> HashingWriter<W> {
    /// Passes on to `out`.
    pub fn new(out: W) -> Self {
        Self { out, hash: Sha256::new(), size: 0 }
    }

    /// Flushes, and says what was written.
    ///
    /// # Errors
    /// What the inner writer says.
    pub fn finish(mut self) -> io::Result<Written> {
        self.out.flush()?;
        Ok(Written { digest: format!("sha256:{}", hex::encode(self.hash.finalize())), size: self.size })
    }
}

impl<W: Write> Write for HashingWriter<W> {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        let n = self.out.write(data)?;
        self.hash.update(&data[..n]);
        self.size += n as u64;
        Ok(n)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.out.flush()
    }
}

fn pad(out: &mut impl Write, size: usize) -> io::Result<()> {
    out.write_all(&[0; BLOCK][..size.next_multiple_of(BLOCK) - size])
}

/// A USTAR header, with an extended one before it when the name does not fit.
fn header(out: &mut impl Write, name: &str, kind: u8, mode: u64, size: u64) -> io::Result<()> {
    if let Some((prefix, rest)) = split(name) {
        return out.write_all(&block(rest, prefix, kind, mode, size, Devices::Zero));
    }
    let record = record("path", name);
    let (dir, file) = name.rsplit_once('/').unwrap_or(("", name));
    let beside = if dir.is_empty() { format!("PaxHeaders.0/{file}") } else { format!("{dir}/PaxHeaders.0/{file}") };
    let beside = cut(&ascii(&beside)).trim_end_matches('/').to_owned();
    out.write_all(&block(&beside, "", b'x', 0, record.len() as u64, Devices::Empty))?;
    out.write_all(record.as_bytes())?;
    pad(out, record.len())?;
    // Old readers find what fits of the name.
    let short = ascii(name);
    let short = if short.len() > 100 { cut(&short).trim_end_matches('/') } else { &short };
    out.write_all(&block(short, "", kind, mode, size, Devices::Zero))
}

/// Prefix and name as USTAR holds them; `None` when they do not fit or are not ASCII.
fn split(name: &str) -> Option<(&str, &str)> {
    if !name.is_ascii() {
        return None;
    }
    if name.len() <= 100 {
        return Some(("", name));
    }
    let slash = name[..name.len().min(156)].rfind('/').filter(|at| *at > 0)?;
    let (prefix, rest) = (&name[..slash], &name[slash + 1..]);
    (!rest.is_empty() && rest.len() <= 100 && prefix.len() <= 155).then_some((prefix, rest))
}

/// `LENGTH key=value\n`, where the length counts itself.
fn record(key: &str, value: &str) -> String {
    let rest = key.len() + value.len() + 3;
    let mut length = rest + 1;
    while rest + length.to_string().len() != length {
        length = rest + length.to_string().len();
    }
    format!("{length} {key}={value}\n")
}

fn ascii(name: &str) -> String {
    name.chars().filter(char::is_ascii).collect()
}

fn cut(ascii: &str) -> &str {
    &ascii[..ascii.len().min(100)]
}

/// Go leaves an extended header's device numbers empty and writes zeros for other entries.
enum Devices {
    Zero,
    Empty,
}

fn block(name: &str, prefix: &str, kind: u8, mode: u64, size: u64, devices: Devices) -> [u8; BLOCK] {
    let mut block = [0; BLOCK];
    let mut put = |at: usize, bytes: &[u8]| block[at..at + bytes.len()].copy_from_slice(bytes);
    put(0, name.as_bytes());
    put(100, format!("{mode:07o}").as_bytes());
    put(108, b"0000000");
    put(116, b"0000000");
    put(124, format!("{size:011o}").as_bytes());
    put(136, b"00000000000");
    put(148, b"        ");
    put(156, &[kind]);
    put(257, b"ustar\x0000");
    if matches!(devices, Devices::Zero) {
        put(329, b"0000000");
        put(337, b"0000000");
    }
    put(345, prefix.as_bytes());
    let sum: u64 = block.iter().map(|b| u64::from(*b)).sum();
    block[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
    block
}
