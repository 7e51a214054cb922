//! The data directory: an append-only log of writes, each with a checksum.
//!
//! A record reaches the kernel before its write is acknowledged, so a killed process loses nothing that it
//! acknowledged; [`super::Store::sync`] adds the power failure. A torn last record is cut off at the next start; a
//! damaged one before the end is an error, because cutting there would lose acknowledged writes.

use std::fs::{File, OpenOptions};
use std::io::{self, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use super::object::{Draft, Object};

const MAGIC: &[u8; 8] = b"SLUICEA1";
/// Bytes of a record beside its key and state, about.
pub(super) const OVERHEAD: usize = 64;
/// Logs below this size are not worth rewriting.
const SMALL: u64 = 4 << 20;

/// Why the data directory cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum LogError {
    /// The disk refused.
    #[error("data directory: {0}")]
    Io(#[from] io::Error),
    /// A record before the last one is damaged.
    #[error("{path}: damaged at byte {offset}; restore the file, or move it away to start empty")]
    Damaged {
        /// The log.
        path: PathBuf,
        /// Where the damaged record begins.
        offset: u64,
    },
    /// The file is none of ours.
    #[error("{path}: not a log of this program")]
    Foreign {
        /// The file.
        path: PathBuf,
    },
}

pub(super) struct Record {
    pub resource: String,
    pub version: u64,
    pub key: String,
    /// `None`: the object was removed.
    pub draft: Option<Draft>,
}

pub(super) struct Log {
    path: PathBuf,
    file: File,
    length: u64,
    dirty: bool,
    buffer: Vec<u8>,
    /// Holds the directory for this process alone.
    _lock: File,
}

impl Log {
    /// Opens the log in `directory` and reads all its records.
    pub(super) fn open(directory: &Path) -> Result<(Self, Vec<Record>), LogError> {
        std::fs::create_dir_all(directory)?;
        let lock = OpenOptions::new().create(true).truncate(false).write(true).open(directory.join("lock"))?;
        lock.try_lock().map_err(|_| {
            io::Error::new(io::ErrorKind::WouldBlock, format!("{} is in use by another process", directory.display()))
        })?;
        let path = directory.join("objects.log");
        let mut file = OpenOptions::new().create(true).truncate(false).read(true).append(true).open(&path)?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        let mut records = Vec::new();
        let mut good = 0u64;
        if bytes.len() < MAGIC.len() {
            // New, or torn while it was made.
            file.set_len(0)?;
            file.write_all(MAGIC)?;
            good = MAGIC.len() as u64;
        } else if bytes.starts_with(MAGIC) {
            let mut rest = &bytes[MAGIC.len()..];
            good += MAGIC.len() as u64;
            while !rest.is_empty() {
                match read_record(rest) {
                    Outcome::Record(record, size) => {
                        records.push(record);
                        good += size as u64;
                        rest = &rest[size..];
                    }
                    Outcome::Torn => {
                        file.set_len(good)?;
                        break;
                    }
                    Outcome::Damaged => return Err(LogError::Damaged { path, offset: good }),
                }
            }
        } else {
            return Err(LogError::Foreign { path });
        }
        Ok((Self { path, file, length: good, dirty: false, buffer: Vec::new(), _lock: lock }, records))
    }

    /// Appends one write; it survives the end of this process when this returns.
    pub(super) fn append(&mut self, resource: &str, present: bool, object: &Object) -> io::Result<()> {
        self.buffer.clear();
        encode(&mut self.buffer, resource, present, object);
        if let Err(error) = self.file.write_all(&self.buffer) {
            // Half a record may be there; it must not come to stand before a whole one.
            self.file.set_len(self.length)?;
            return Err(error);
        }
        self.length += self.buffer.len() as u64;
        self.dirty = true;
        Ok(())
    }

    /// The file, when it has writes that were not synced; the caller syncs it without holding the log.
    pub(super) fn unsynced(&mut self) -> Result<Option<File>, LogError> {
        Ok(if std::mem::take(&mut self.dirty) { Some(self.file.try_clone()?) } else { None })
    }

    pub(super) fn worth_compacting(&self, live: usize) -> bool {
        self.length > SMALL && self.length > 2 * live as u64
    }

    /// Replaces the log by one with `objects` alone. The rename is the commit.
    pub(super) fn rewrite<'a>(
        &mut self,
        version: u64,
        objects: impl Iterator<Item = (&'a str, &'a Object)>,
    ) -> Result<(), LogError> {
        let temporary = self.path.with_extension("new");
        let mut out = BufWriter::new(File::create(&temporary)?);
        out.write_all(MAGIC)?;
        let mut length = MAGIC.len() as u64;
        let mut record = Vec::new();
        for (resource, object) in objects {
            record.clear();
            encode(&mut record, resource, true, object);
            out.write_all(&record)?;
            length += record.len() as u64;
        }
        // The removal of nothing carries the version, which must not fall back when the newest object was deleted.
        record.clear();
        encode(&mut record, "", false, &Draft::new(&serde_json::Value::Null).at(version));
        out.write_all(&record)?;
        length += record.len() as u64;
        out.into_inner().map_err(io::IntoInnerError::into_error)?.sync_all()?;
        std::fs::rename(&temporary, &self.path)?;
        if let Some(directory) = self.path.parent() {
            File::open(directory)?.sync_all()?;
        }
        self.file = OpenOptions::new().read(true).append(true).open(&self.path)?;
        self.length = length;
        self.dirty = false;
        Ok(())
    }
}

/// `length, checksum, [present, version, resource length, key length, resource, key, state]`, little-endian.
fn encode(out: &mut Vec<u8>, resource: &str, present: bool, object: &Object) {
    let begin = out.len();
    out.extend_from_slice(&[0; 8]);
    out.push(u8::from(present));
    out.extend_from_slice(&object.version().to_le_bytes());
    out.extend_from_slice(&(resource.len() as u16).to_le_bytes());
    out.extend_from_slice(&(object.key().len() as u16).to_le_bytes());
    out.extend_from_slice(resource.as_bytes());
    out.extend_from_slice(object.key().as_bytes());
    if present {
        out.extend_from_slice(object.tail());
    }
    let payload = &out[begin + 8..];
    let (length, sum) = ((payload.len() as u32).to_le_bytes(), crc32(payload).to_le_bytes());
    out[begin..begin + 4].copy_from_slice(&length);
    out[begin + 4..begin + 8].copy_from_slice(&sum);
}

enum Outcome {
    Record(Record, usize),
    Torn,
    Damaged,
}

fn read_record(bytes: &[u8]) -> Outcome {
    let Some((header, rest)) = bytes.split_at_checked(8) else { return Outcome::Torn };
    let length = u32::from_le_bytes([header[0], header[1], header[2], header[3]]) as usize;
    let sum = u32::from_le_bytes([header[4], header[5], header[6], header[7]]);
    let Some(payload) = rest.get(..length) else { return Outcome::Torn };
    if crc32(payload) != sum {
        return if rest.len() == length { Outcome::Torn } else { Outcome::Damaged };
    }
    match parse(payload) {
        Some(record) => Outcome::Record(record, 8 + length),
        None => Outcome::Damaged,
    }
}

fn parse(payload: &[u8]) -> Option<Record> {
    let (head, rest) = payload.split_at_checked(13)?;
    let version = u64::from_le_bytes(head[1..9].try_into().ok()?);
    let resource_length = u16::from_le_bytes([head[9], head[10]]) as usize;
    let key_length = u16::from_le_bytes([head[11], head[12]]) as usize;
    let (resource, rest) = rest.split_at_checked(resource_length)?;
    let (key, tail) = rest.split_at_checked(key_length)?;
    let key = std::str::from_utf8(key).ok()?;
    let draft = match head[0] {
        0 => None,
        _ => Some(Draft::from_tail(key, tail.to_vec()).ok()?),
    };
    Some(Record { resource: std::str::from_utf8(resource).ok()?.to_owned(), version, key: key.to_owned(), draft })
}

/// CRC-32 (IEEE 802.3), bytewise.
fn crc32(bytes: &[u8]) -> u32 {
    const TABLE: [u32; 256] = {
        let mut table = [0u32; 256];
        let mut i = 0;
        while i < 256 {
            let mut value = i as u32;
            let mut bit = 0;
            while bit < 8 {
                value = if value & 1 == 1 { 0xEDB8_8320 ^ (value >> 1) } else { value >> 1 };
                bit += 1;
            }
            table[i] = value;
            i += 1;
        }
        table
    };
    !bytes.iter().fold(!0u32, |sum, byte| TABLE[((sum ^ u32::from(*byte)) & 0xFF) as usize] ^ (sum >> 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_checksum_is_the_well_known_one() {
        assert_eq!(crc32(b"123456789"), 0xCBF4_3926);
    }
}
