//! Reading.

use std::io::Read;

use super::Error;
use super::gzip::{Gunzip, Unpacked};
use super::header::{BLOCK, Header};
use super::pax::{self, Overrides};
use crate::builder::{BuildError, TreeBuilder};
use crate::limits::Limits;
use crate::path::{self, PathError, escape};
use crate::tree::Tree;

/// Bytes of one extended header; Go stops there, too.
const MAX_EXTENDED: u64 = 1 << 20;
/// Bytes of padding after the end marker: far more than the usual blocking of 10 KiB.
const MAX_PADDING: u64 = 1 << 20;
/// How many left-out entries are told by name.
const MAX_TOLD: usize = 100;

/// What to do with symbolic links in an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Links {
    /// Refuse the archive: no controller publishes links.
    Refuse,
    /// Leave them out and tell: what OCI artifacts get.
    Skip,
}

/// A tree, and what was left out of it.
#[derive(Debug)]
pub struct Archive {
    /// What was read.
    pub tree: Tree,
    /// The first hundred links that were left out, for a note to the user.
    pub skipped: Vec<Skipped>,
}

/// An entry that is not in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Skipped {
    /// Its name, escaped.
    pub entry: String,
    /// What it is.
    pub kind: &'static str,
}

/// The tree in a tar.gz; links are refused.
///
/// # Errors
/// See [`Error`]: anything but a whole, sound archive of files and folders within `limits`.
pub fn read_tar_gz(packed: impl Read, limits: &Limits) -> Result<Tree, Error> {
    Ok(read_with(packed, limits, Links::Refuse)?.tree)
}

/// As [`read_tar_gz`], with a choice about links.
///
/// # Errors
/// As [`read_tar_gz`].
pub fn read_with(packed: impl Read, limits: &Limits, links: Links) -> Result<Archive, Error> {
    read_tar(Gunzip::new(packed, limits), limits, links)
}

/// The tree in an unpacked tar.
///
/// # Errors
/// As [`read_tar_gz`].
pub fn read_tar(tar: impl Read, limits: &Limits, links: Links) -> Result<Archive, Error> {
    let mut reader = Reader {
        input: Unpacked::new(tar),
        builder: TreeBuilder::new(limits.clone()),
        seen: 0,
        limits: limits.clone(),
        links,
        skipped: Vec::new(),
    };
    let mut next = Next::default();
    while let Some(block) = reader.header()? {
        reader.entry(&Header(&block), &mut next)?;
    }
    if next.is_set() {
        return Err(reader.input.broken("ends after an extended header"));
    }
    reader.padding()?;
    Ok(Archive { tree: reader.builder.build(), skipped: reader.skipped })
}

/// What headers before an entry say about it.
#[derive(Default)]
struct Next {
    pax: Option<Overrides>,
    gnu_name: Option<Vec<u8>>,
    gnu_link: Option<Vec<u8>>,
}

impl Next {
    fn is_set(&self) -> bool {
        self.pax.is_some() || self.gnu_name.is_some() || self.gnu_link.is_some()
    }
}

struct Reader<R> {
    input: Unpacked<R>,
    builder: TreeBuilder,
    /// Entries seen, those left out included.
    seen: u64,
    limits: Limits,
    links: Links,
    skipped: Vec<Skipped>,
}

impl<R: Read> Reader<R> {
    /// The next header; `None` at the end marker, a block of zeros.
    fn header(&mut self) -> Result<Option<[u8; BLOCK]>, Error> {
        let mut block = [0; BLOCK];
        match self.input.fill(&mut block)? {
            BLOCK => {}
            // Go takes this for the end. A tree cut between two entries must not pass for a whole one.
            0 => return Err(self.input.broken("ends without an end marker")),
            _ => return Err(self.input.broken("ends in the middle of a block")),
        }
        if block == [0; BLOCK] {
            return Ok(None);
        }
        if !Header(&block).checksum_holds() {
            return Err(self.input.broken("wrong checksum of a header"));
        }
        Ok(Some(block))
    }

    /// Only zeros may follow the end marker; reading on also makes gzip check its own sums.
    fn padding(&mut self) -> Result<(), Error> {
        let start = self.input.offset;
        let mut buffer = [0; 4096];
        loop {
            let n = self.input.fill(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            if buffer[..n].iter().any(|b| *b != 0) {
                return Err(self.input.broken("data after the end marker"));
            }
            Limits::check("padding", self.input.offset - start, MAX_PADDING)?;
        }
    }

    fn entry(&mut self, header: &Header<'_>, next: &mut Next) -> Result<(), Error> {
        let size = header.size().ok_or_else(|| self.input.broken("impossible size in a header"))?;
        match header.kind() {
            b'x' => {
                let data = self.extended(size)?;
                let records = pax::parse(&data).map_err(|what| self.input.broken(what))?;
                return self.once(next.pax.replace(records).is_none());
            }
            b'L' => {
                let name = self.long_name(size)?;
                return self.once(next.gnu_name.replace(name).is_none());
            }
            b'K' => {
                let name = self.long_name(size)?;
                return self.once(next.gnu_link.replace(name).is_none());
            }
            // A global header: Go applies none of it either. `git archive` puts the commit there.
            b'g' => {
                let data = self.extended(size)?;
                pax::parse(&data).map_err(|what| self.input.broken(what))?;
                self.seen += 1;
                return Ok(Limits::check("entries", self.seen, self.limits.entries)?);
            }
            _ => {}
        }
        let Next { pax, gnu_name, gnu_link } = std::mem::take(next);
        let pax = pax.unwrap_or_default();
        let name = gnu_name.or(pax.path).unwrap_or_else(|| header.name());
        let size = pax.size.unwrap_or(size);
        self.seen += 1;
        Limits::check("entries", self.seen, self.limits.entries)?;
        match header.kind() {
            // Before USTAR, a trailing slash was what made a folder.
            0 if name.ends_with(b"/") => self.directory(&name),
            0 | b'0' => self.file(&name, size, header.mode()),
            b'5' => self.directory(&name),
            b'2' => {
                let target = gnu_link.or(pax.link).unwrap_or_else(|| header.link().to_vec());
                self.link(&name, &target)
            }
            kind => Err(Error::Kind { entry: escape(&name), kind: kind_name(kind) }),
        }
    }

    fn file(&mut self, name: &[u8], size: u64, mode: Option<u64>) -> Result<(), Error> {
        let path = clean(name)?;
        if path.is_empty() || name.ends_with(b"/") {
            return Err(BuildError::Path(PathError::NotClean(escape(name))).into());
        }
        let executable = mode.ok_or_else(|| self.input.broken("impossible mode in a header"))? & 0o111 != 0;
        self.builder.fits(&path, size)?;
        let data = self.content(size)?;
        Ok(self.builder.file(&path, data, executable)?)
    }

    /// A folder has no content, whatever its size says: Go reads it so.
    fn directory(&mut self, name: &[u8]) -> Result<(), Error> {
        let path = clean(name)?;
        if !path.is_empty() {
            self.builder.directory(&path)?;
        }
        Ok(())
    }

    fn link(&mut self, name: &[u8], target: &[u8]) -> Result<(), Error> {
        let kind = kind_name(b'2');
        match self.links {
            Links::Refuse => Err(Error::Kind { entry: escape(name), kind }),
            Links::Skip => {
                clean(name)?;
                if self.skipped.len() < MAX_TOLD {
                    let entry = format!("{} -> {}", escape(name), escape(target));
                    self.skipped.push(Skipped { entry, kind });
                }
                Ok(())
            }
        }
    }

    fn extended(&mut self, size: u64) -> Result<Vec<u8>, Error> {
        Limits::check("extended header", size, MAX_EXTENDED)?;
        self.builder.room("extended header", size)?;
        self.content(size)
    }

    fn long_name(&mut self, size: u64) -> Result<Vec<u8>, Error> {
        let mut name = self.extended(size)?;
        let end = name.iter().position(|b| *b == 0).unwrap_or(name.len());
        name.truncate(end);
        Ok(name)
    }

    fn once(&self, first: bool) -> Result<(), Error> {
        if first { Ok(()) } else { Err(self.input.broken("two extended headers for one entry")) }
    }

    /// Content, and the padding up to a whole block.
    fn content(&mut self, size: u64) -> Result<Vec<u8>, Error> {
        let data = self.input.take(size)?;
        let rest = usize::try_from(size.next_multiple_of(BLOCK as u64) - size).unwrap_or(0);
        if self.input.fill(&mut [0; BLOCK][..rest])? < rest {
            return Err(self.input.broken("ends in the middle of an entry"));
        }
        Ok(data)
    }
}

/// A name from an archive as a path: `./a//b/` is `a/b`; what climbs, is absolute or foreign is refused.
fn clean(name: &[u8]) -> Result<String, BuildError> {
    let text = path::from_bytes(name)?;
    let shown = || escape(name);
    if text.is_empty() {
        return Err(PathError::NotClean(shown()).into());
    }
    if text.contains('\\') {
        return Err(PathError::Backslash(shown()).into());
    }
    if text.split('/').any(|part| part == "..") {
        return Err(PathError::Outside(shown()).into());
    }
    Ok(path::join("", text)?)
}

fn kind_name(kind: u8) -> &'static str {
    match kind {
        b'1' => "hard link",
        b'2' => "symbolic link",
        b'3' => "character device",
        b'4' => "block device",
        b'6' => "named pipe",
        b'7' => "contiguous file",
        b'S' => "sparse file",
        _ => "thing of unknown type",
    }
}
