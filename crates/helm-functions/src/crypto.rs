//! Digests, random texts, keys.

use std::fs::File;
use std::io::Read as _;

use aws_lc_rs::digest;
use aws_lc_rs::rand::{SecureRandom, SystemRandom};
use sluice_gotemplate::{Call, Error, Functions};

use crate::convert::{INT, Outcome, STR, fail, int, ok, text};

pub(crate) fn random_u64() -> u64 {
    let mut bytes = [0; 8];
    // The system's source does not fail once it is there; without it zero is as good as a panic.
    let _ = fill(&mut bytes);
    u64::from_le_bytes(bytes)
}

/// Random bytes from the system. The library's own generator gathers entropy first, which takes it 70 ms.
pub(crate) fn fill(bytes: &mut [u8]) -> Result<(), Error> {
    let read = File::open("/dev/urandom").and_then(|mut source| source.read_exact(bytes));
    read.or_else(|_| SystemRandom::new().fill(bytes)).map_err(|_| Error::new("no randomness"))
}

fn random(call: &mut Call<'_, '_>, count: i64, alphabet: &[u8]) -> Outcome {
    let count = usize::try_from(count).unwrap_or(0);
    call.check_size(count.saturating_mul(8))?;
    // Eight bytes for each character, so that none is likelier than another by more than 2^-57.
    let mut bytes = vec![0; count * 8];
    fill(&mut bytes)?;
    let (numbers, _) = bytes.as_chunks::<8>();
    let pick = |number: &[u8; 8]| alphabet[(u64::from_le_bytes(*number) % alphabet.len() as u64) as usize] as char;
    ok(numbers.iter().map(pick).collect::<String>())
}

const ALPHA: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz";
const ALPHANUM: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

pub(crate) fn add(f: &mut Functions) {
    f.add("sha1sum", &[STR], None, |_, a| hash(&digest::SHA1_FOR_LEGACY_USE_ONLY, a[0].bytes()));
    f.add("sha256sum", &[STR], None, |_, a| hash(&digest::SHA256, a[0].bytes()));
    f.add("sha512sum", &[STR], None, |_, a| hash(&digest::SHA512, a[0].bytes()));
    f.add("adler32sum", &[STR], None, |_, a| {
        let (mut low, mut high) = (1u32, 0u32);
        for byte in a[0].bytes().unwrap_or_default() {
            low = (low + u32::from(*byte)) % 65_521;
            high = (high + low) % 65_521;
        }
        ok((high << 16 | low).to_string())
    });
    f.add("randAlphaNum", &[INT], None, |call, a| random(call, int(&a[0]), ALPHANUM));
    f.add("randAlpha", &[INT], None, |call, a| random(call, int(&a[0]), ALPHA));
    f.add("randNumeric", &[INT], None, |call, a| random(call, int(&a[0]), b"0123456789"));
    f.add("randAscii", &[INT], None, |call, a| {
        let printable: Vec<u8> = (32..127).collect();
        random(call, int(&a[0]), &printable)
    });
    f.add("randBytes", &[INT], None, |call, a| {
        let Ok(count) = usize::try_from(int(&a[0])) else { return fail("runtime error: makeslice: len out of range") };
        call.check_size(count.saturating_mul(2))?;
        let mut bytes = vec![0; count];
        fill(&mut bytes)?;
        ok(crate::encoding::base64_text(&bytes))
    });
    f.add("shuffle", &[STR], None, |_, a| {
        let mut chars: Vec<char> = text(&a[0]).chars().collect();
        for at in (1..chars.len()).rev() {
            chars.swap(at, (random_u64() % (at as u64 + 1)) as usize);
        }
        ok(chars.into_iter().collect::<String>())
    });
    f.add("uuidv4", &[], None, |_, _| {
        let (high, low) = (random_u64(), random_u64());
        let high = high & !0xf000 | 0x4000;
        let low = low & !(3 << 62) | 2 << 62;
        ok(format!(
            "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}",
            high >> 32,
            high >> 16 & 0xffff,
            high & 0xffff,
            low >> 48,
            low & 0xffff_ffff_ffff
        ))
    });
}

fn hash(algorithm: &'static digest::Algorithm, bytes: Option<&[u8]>) -> Outcome {
    ok(hex::encode(digest::digest(algorithm, bytes.unwrap_or_default())))
}
