//! Documents that have been asked for, deflated.

use std::collections::HashMap;
use std::io::{Read, Write};
use std::sync::{Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use serde_json::Value;

/// Documents kept; a cluster has about thirty group versions. Keys name contents, so all servers of a process share.
const KEPT: usize = 64;

fn documents() -> &'static Mutex<HashMap<String, Bytes>> {
    static DOCUMENTS: OnceLock<Mutex<HashMap<String, Bytes>>> = OnceLock::new();
    DOCUMENTS.get_or_init(Mutex::default)
}

/// The document of that key, gzipped; made when it is not there.
pub fn get(key: &str, make: impl FnOnce() -> Value) -> Bytes {
    if let Some(bytes) = documents().lock().unwrap_or_else(PoisonError::into_inner).get(key) {
        return bytes.clone();
    }
    // Two askers may both make it; neither waits for the other.
    let bytes = deflate(make().to_string().as_bytes());
    let mut all = documents().lock().unwrap_or_else(PoisonError::into_inner);
    if all.len() >= KEPT {
        all.clear();
    }
    all.insert(key.to_owned(), bytes.clone());
    bytes
}

fn deflate(bytes: &[u8]) -> Bytes {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    encoder.write_all(bytes).expect("a Vec takes every byte");
    encoder.finish().expect("a Vec takes every byte").into()
}

/// Undoes the deflation.
pub fn inflate(bytes: &[u8]) -> Bytes {
    let mut out = Vec::new();
    GzDecoder::new(bytes).read_to_end(&mut out).expect("deflated above");
    out.into()
}
