//! Packs that lie (SECURITY 77 to 79), written by hand.

use super::*;
use flate2::{Compression, write::ZlibEncoder};
use gix::ObjectId;
use gix::odb::pack::data::entry::Header;
use proptest::prelude::*;
use std::io::Write;

/// A pack under construction.
struct Raw {
    bytes: Vec<u8>,
    count: u32,
    offsets: Vec<u64>,
}

impl Raw {
    fn new() -> Self {
        Raw { bytes: vec![0; 12], count: 0, offsets: Vec::new() }
    }

    /// An entry that claims `size`.
    fn entry(mut self, header: Header, size: u64, data: &[u8]) -> Self {
        self.offsets.push(self.bytes.len() as u64);
        header.write_to(size, &mut self.bytes).unwrap();
        let mut deflate = ZlibEncoder::new(&mut self.bytes, Compression::fast());
        deflate.write_all(data).unwrap();
        deflate.finish().unwrap();
        self.count += 1;
        self
    }

    fn blob(self, data: &[u8]) -> Self {
        self.entry(Header::Blob, data.len() as u64, data)
    }

    /// A delta on the entry that begins `distance` before it.
    fn ofs(self, distance: u64, delta: &[u8]) -> Self {
        self.entry(Header::OfsDelta { base_distance: distance }, delta.len() as u64, delta)
    }

    /// A delta on the last entry.
    fn on_last(self, delta: &[u8]) -> Self {
        let distance = self.bytes.len() as u64 - self.offsets.last().unwrap();
        self.ofs(distance, delta)
    }

    fn on(self, base_id: ObjectId, delta: &[u8]) -> Self {
        self.entry(Header::RefDelta { base_id }, delta.len() as u64, delta)
    }

    fn claim(mut self, count: u32) -> Self {
        self.count = count;
        self
    }

    fn finish(mut self) -> Vec<u8> {
        let head = gix::odb::pack::data::header::encode(gix::odb::pack::data::Version::V2, self.count);
        self.bytes[..12].copy_from_slice(&head);
        let mut hasher = gix::hash::hasher(crate::objects::HASH);
        hasher.update(&self.bytes);
        self.bytes.extend_from_slice(hasher.try_finalize().unwrap().as_slice());
        self.bytes
    }
}

fn limits() -> Limits {
    Limits { objects: 1000, object_bytes: 1 << 20, delta_chain: 20, inflated_bytes: 4 << 20, ..Limits::default() }
}

/// Reads `bytes`, from memory and from a file.
fn read(bytes: &[u8]) -> Result<Pack, Error> {
    let read = |memory| {
        let mut spool = Spool::new(memory);
        bytes.chunks(1000).for_each(|it| spool.push(it).unwrap());
        Pack::read(spool, &limits(), "u", &Interrupt::default())
    };
    let (memory, file) = (read(usize::MAX), read(0));
    let shown = |it: &Result<Pack, Error>| it.as_ref().map(|it| it.entries.len()).map_err(ToString::to_string);
    assert_eq!(shown(&memory), shown(&file));
    file
}

#[track_caller]
fn refused(raw: &[u8], part: &str) {
    let err = read(raw).err().expect("refused").to_string();
    assert!(err.contains(part), "{err}");
}

fn id(data: &[u8]) -> ObjectId {
    gix::objs::compute_hash(crate::objects::HASH, Kind::Blob, data).unwrap()
}

/// A delta on a base of `base` bytes that adds `byte` at its end.
fn append(base: usize, byte: u8) -> Vec<u8> {
    assert!((1..127).contains(&base));
    vec![base as u8, base as u8 + 1, 0x90, base as u8, 1, byte]
}

#[test]
fn what_is_written_is_read() {
    let mut writer = PackWriter::new(Vec::new(), 2).unwrap();
    writer.object(Kind::Blob, b"hello").unwrap();
    writer.object(Kind::Blob, &[7; 100_000]).unwrap();
    let pack = read(&writer.finish().unwrap()).unwrap();
    assert_eq!(pack.find(&id(b"hello")).unwrap().unwrap().data.as_ref(), b"hello");
    assert_eq!(pack.find(&id(&[7; 100_000])).unwrap().unwrap().data.len(), 100_000);
    assert!(pack.find(&id(b"other")).unwrap().is_none());
}

#[test]
fn deltas_are_resolved_wherever_their_base_is() {
    let chain =
        Raw::new().blob(b"a").on_last(&append(1, b'b')).on_last(&append(2, b'c')).on(id(b"later"), &append(5, b'!'));
    let pack = read(&chain.blob(b"later").blob(b"").finish()).unwrap();
    for want in [&b"a"[..], b"ab", b"abc", b"later", b"later!", b""] {
        assert_eq!(pack.find(&id(want)).unwrap().unwrap().data.as_ref(), want);
    }
}

#[test]
fn large_packs_are_read_on_demand() {
    let big = vec![b'x'; 1 << 19];
    let mut raw = Raw::new().blob(&big);
    // A delta that copies all of it in pieces of 64 KiB, and adds a byte.
    let mut delta = vec![0x80, 0x80, 0x20, 0x81, 0x80, 0x20];
    (0..8u8).for_each(|at| delta.extend_from_slice(&[0x84, at]));
    delta.extend_from_slice(b"\x01!");
    raw = raw.on_last(&delta);
    let spool = |bytes: &[u8]| {
        let mut spool = Spool::new(0);
        spool.push(bytes).unwrap();
        spool
    };
    let bytes = raw.finish();
    let parts = spool(&bytes);
    let indexed = index::Indexer::new(&parts, &limits(), "u", &Interrupt::default(), 0).run().unwrap();
    assert!(indexed.kept.iter().all(Option::is_none));
    let mut pack = read(&bytes).unwrap();
    pack.kept.iter_mut().for_each(|it| *it = None);
    let mut want = big.clone();
    want.push(b'!');
    for _ in 0..2 {
        assert_eq!(pack.find(&id(&want)).unwrap().unwrap().data, want);
    }
}

#[test]
fn claims_about_numbers_and_sizes_are_not_believed() {
    refused(&Raw::new().blob(b"a").claim(u32::MAX).finish(), "limit of 1000");
    refused(&Raw::new().blob(b"a").claim(900).finish(), "entry at");
    refused(&Raw::new().blob(b"a").blob(b"b").claim(1).finish(), "where a checksum of 20 belongs");
    refused(&Raw::new().entry(Header::Blob, u64::MAX >> 1, b"a").finish(), "limit of 1048576");
    refused(&Raw::new().entry(Header::Blob, 1000, b"a").finish(), "inflates to 1 bytes but claims 1000");
    refused(&Raw::new().entry(Header::Blob, 1, &[0; 1000]).finish(), "more than the 1 bytes");
    refused(&Raw::new().entry(Header::Blob, 0, b"a").finish(), "more than the 0 bytes");
    refused(&Raw::new().entry(Header::Blob, 1, &vec![0; 50 << 20]).finish(), "more than the 1 bytes");
}

#[test]
fn many_large_objects_reach_a_limit() {
    let delta = [&[0x80, 0x80, 0x40, 0x80, 0x80, 0x40][..], &[0xe0, 0xff, 0xff].repeat(0)].concat();
    let mut full = delta.clone();
    (0..16u8).for_each(|at| full.extend_from_slice(&[0x84, at]));
    let mut raw = Raw::new().blob(&vec![0; 1 << 20]);
    let base = raw.offsets[0];
    for n in 0..8u8 {
        let mut one = full.clone();
        one.truncate(full.len() - 2);
        // The last piece is one byte shorter, and a byte of our own makes the object another one.
        one.extend_from_slice(&[0xb4, 15, 0xff, 0xff, 1, n]);
        let distance = raw.bytes.len() as u64 - base;
        raw = raw.ofs(distance, &one);
    }
    refused(&raw.finish(), "inflated_bytes");
}

#[test]
fn deltas_on_nothing_are_refused() {
    refused(&Raw::new().blob(b"a").ofs(0, &append(1, b'b')).finish(), "has no base");
    refused(&Raw::new().blob(b"a").ofs(5, &append(1, b'b')).finish(), "has no base");
    refused(&Raw::new().blob(b"a").ofs(1 << 40, &append(1, b'b')).finish(), "has no base");
    refused(&Raw::new().on(id(b"none"), &append(1, b'b')).finish(), "is missing");
    // Two that would need each other.
    let cycle = Raw::new().on(id(b"ab"), &append(1, b'b')).on(id(b"abb"), &append(2, b'b'));
    refused(&cycle.finish(), "is missing");
}

#[test]
fn long_chains_reach_a_limit_without_recursion() {
    let mut raw = Raw::new().blob(b"a");
    for n in 0..40 {
        raw = raw.on_last(&append(1 + n, b'b'));
    }
    refused(&raw.finish(), "delta_chain");
}

#[test]
fn damaged_packs_are_refused_whole() {
    let good = Raw::new().blob(b"hello").blob(b"world").finish();
    for cut in 0..good.len() {
        assert!(read(&good[..cut]).is_err(), "{cut}");
    }
    let mut longer = good.clone();
    longer.push(0);
    refused(&longer, "checksum");
    let mut flipped = good.clone();
    *flipped.last_mut().unwrap() ^= 1;
    refused(&flipped, "checksum of the pack is wrong");
    refused(b"", "cut short");
    refused(b"<html>not found</html>, and some more of it", "no pack");
}

#[test]
fn a_thin_pack_is_not_whole() {
    refused(&Raw::new().on(id(b"base"), &append(4, b'!')).finish(), "is missing");
}

#[test]
fn nobody_waiting_ends_the_work() {
    let interrupt = Interrupt::default();
    interrupt.set();
    let mut spool = Spool::new(0);
    spool.push(&Raw::new().blob(b"a").finish()).unwrap();
    assert!(matches!(Pack::read(spool, &limits(), "u", &interrupt), Err(Error::Canceled)));
}

proptest! {
    #[test]
    fn no_bytes_make_it_panic(junk: Vec<u8>, at: usize, byte: u8) {
        let _ = read(&junk);
        let mut pack = Raw::new().blob(b"hello").on_last(&append(5, b'!')).finish();
        let at = at % pack.len();
        pack[at] = byte;
        let _ = read(&pack);
    }
}

/// What the two files that were made to have one SHA-1 begin with (shattered.io, 2017), in hexadecimal.
const COLLIDE_AFTER: &str = "\
    255044462d312e330a25e2e3cfd30a0a0a312030206f626a0a3c3c2f57696474682032203020522f4865696768742033\
    203020522f547970652034203020522f537562747970652035203020522f46696c7465722036203020522f436f6c6f72\
    53706163652037203020522f4c656e6774682038203020522f42697473506572436f6d706f6e656e7420383e3e0a7374\
    7265616d0affd8fffe00245348412d3120697320646561642121212121852fec092339759c39b1a1c63c4c97e1fffe01";
const ONE: &str = "\
    7f46dc93a6b67e013b029aaa1db2560b45ca67d688c7f84b8c4c791fe02b3df614f86db1690901c56b45c1530afedfb7\
    6038e972722fe7ad728f0e4904e046c230570fe9d41398abe12ef5bc942be33542a4802d98b5d70f2a332ec37fac3514\
    e74ddc0f2cc1a874cd0c78305a21566461309789606bd0bf3f98cda8044629a1";
const OTHER: &str = "\
    7346dc9166b67e118f029ab621b2560ff9ca67cca8c7f85ba84c79030c2b3de218f86db3a90901d5df45c14f26fedfb3\
    dc38e96ac22fe7bd728f0e45bce046d23c570feb141398bb552ef5a0a82be331fea48037b8b5d71f0e332edf93ac3500\
    eb4ddc0decc1a864790c782c76215660dd309791d06bd0af3f98cda4bc4629b1";

#[test]
fn a_shattered_pair_is_detected() {
    let bytes = |hex: &str| -> Vec<u8> {
        (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect()
    };
    for end in [ONE, OTHER] {
        let mut hasher = gix::hash::hasher(crate::objects::HASH);
        hasher.update(&bytes(COLLIDE_AFTER));
        hasher.update(&bytes(end));
        let err = hasher.try_finalize().unwrap_err();
        assert!(err.to_string().contains("collision"), "{err}");
    }
}
