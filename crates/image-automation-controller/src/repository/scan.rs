//! Whether to scan, and what is kept of a scan (spec/flux/image.md §1). Pure.

use std::collections::BTreeSet;
use std::time::Duration;

use jiff::Timestamp;
use regex::Regex;
use sha2::{Digest as _, Sha256};
use sluice_api::image::ImageRepository;
use sluice_api::meta::find;

use crate::lifecycle::requested;

/// Tags that the status shows.
const SHOWN: usize = 10;
/// What is left out where nothing is said: signatures.
const SIGNATURES: &str = r"^.*\.sig$";

/// Why a repository is scanned.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It never was.
    First,
    /// Somebody asked for it.
    Requested,
    /// It is another repository.
    NewName,
    /// Other tags are left out.
    NewExclusions,
    /// No tags are kept.
    NoTags,
    /// The last scan failed.
    Failed,
    /// It is time.
    Interval,
}

/// Why a repository is scanned now, or in how long it will be. The first that holds counts.
pub fn why(object: &ImageRepository, image: &str, kept: usize, now: Timestamp) -> Result<Why, Duration> {
    let status = &object.status;
    let Some(last) = &status.last_scan_result else { return Ok(Why::First) };
    let asked = requested(object);
    if !asked.is_empty() && asked != status.last_handled_reconcile_at {
        return Ok(Why::Requested);
    }
    if status.canonical_image_name != image {
        return Ok(Why::NewName);
    }
    let set = |list: &[String]| list.iter().cloned().collect::<BTreeSet<_>>();
    let (wanted, observed) = (exclusions(object), &status.observed_exclusion_list);
    if wanted.len() != observed.len() || set(&wanted) != set(observed) {
        return Ok(Why::NewExclusions);
    }
    if kept == 0 {
        return Ok(Why::NoTags);
    }
    if find(&status.conditions, "Ready").is_some_and(|it| it.reason == "ReadOperationFailed") {
        return Ok(Why::Failed);
    }
    let elapsed = last.scan_time.as_ref().and_then(|it| it.timestamp()).map(|it| now.duration_since(it));
    // A scan in the future is none that could be waited for.
    let elapsed = elapsed.and_then(|it| Duration::try_from(it).ok()).unwrap_or(Duration::MAX);
    match interval(object).saturating_sub(elapsed) {
        rest if rest < Duration::from_secs(1) => Ok(Why::Interval),
        rest => Err(rest),
    }
}

/// The time between two scans.
pub fn interval(object: &ImageRepository) -> Duration {
    object.spec.interval.to_std().unwrap_or(Duration::from_secs(60)).max(Duration::from_secs(1))
}

/// The time that a scan may take.
pub fn timeout(object: &ImageRepository) -> Duration {
    let own = object.spec.timeout.as_ref().and_then(|it| it.to_std().ok()).filter(|it| !it.is_zero());
    own.unwrap_or_else(|| interval(object)).max(Duration::from_secs(1))
}

/// What tags are left out.
pub fn exclusions(object: &ImageRepository) -> Vec<String> {
    match object.spec.exclusion_list.as_slice() {
        [] => vec![SIGNATURES.to_owned()],
        list => list.to_vec(),
    }
}

/// The tags that stay, last in the order of bytes first.
///
/// # Errors
/// When an expression is none.
pub fn kept<'a>(tags: impl Iterator<Item = &'a str>, exclusions: &[String]) -> Result<Vec<String>, String> {
    let compile = |text: &String| {
        sluice_policy::compile_pattern(text)
            .map_err(|why| format!("failed to compile regex {text} for filtering tags: error parsing regexp: {why}"))
    };
    let expressions: Vec<Regex> = exclusions.iter().map(compile).collect::<Result<_, _>>()?;
    let stays = |tag: &&str| !expressions.iter().any(|it| it.is_match(tag));
    let mut kept: Vec<String> = tags.filter(stays).map(str::to_owned).collect();
    kept.sort_unstable_by(|a, b| b.cmp(a));
    Ok(kept)
}

/// The tags that the status shows.
pub fn shown(tags: &[String]) -> Vec<String> {
    tags.iter().take(SHOWN).cloned().collect()
}

/// How the revision of a list of tags is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// As Flux's default database: the Adler-32 checksum of the JSON list, in decimal.
    Adler32,
    /// As Flux with the gate FluxStorage: the SHA-256 of the lines.
    Sha256,
}

/// The revision of a list of tags.
pub fn revision(tags: &[String], form: Form) -> String {
    match form {
        Form::Adler32 => {
            // Tags hold no character that JSON would escape.
            let json = format!("[{}]", tags.iter().map(|tag| format!("\"{tag}\"")).collect::<Vec<_>>().join(","));
            adler32(json.as_bytes()).to_string()
        }
        Form::Sha256 => {
            let mut hash = Sha256::new();
            for tag in tags {
                hash.update(tag);
                hash.update("\n");
            }
            format!("sha256:{}", hex::encode(hash.finalize()))
        }
    }
}

/// RFC 1950 §8.
fn adler32(data: &[u8]) -> u32 {
    let (mut a, mut b) = (1_u32, 0_u32);
    for byte in data {
        a = (a + u32::from(*byte)) % 65_521;
        b = (b + a) % 65_521;
    }
    (b << 16) | a
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object() -> ImageRepository {
        serde_json::from_value(json!({
            "apiVersion": "image.toolkit.fluxcd.io/v1", "kind": "ImageRepository",
            "metadata": {"name": "x", "annotations": {"reconcile.fluxcd.io/requestedAt": "now"}},
            "spec": {"image": "h.io/x", "interval": "1h", "exclusionList": ["a", "b"]},
            "status": {
                "canonicalImageName": "h.io/x", "lastHandledReconcileAt": "now", "observedExclusionList": ["b", "a"],
                "lastScanResult": {"tagCount": 1, "scanTime": "2026-01-01T00:00:00Z"},
            },
        }))
        .unwrap()
    }

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    #[test]
    fn the_first_reason_counts() {
        let early = at("2026-01-01T00:10:00Z");
        let check = |change: fn(&mut ImageRepository), kept: usize, want| {
            let mut object = object();
            change(&mut object);
            assert_eq!(why(&object, "h.io/x", kept, early), want);
        };
        check(|_| {}, 1, Err(Duration::from_secs(3000)));
        check(|it| it.status.last_scan_result = None, 1, Ok(Why::First));
        check(|it| it.status.last_handled_reconcile_at = "then".into(), 0, Ok(Why::Requested));
        check(|it| it.status.canonical_image_name = "h.io/y".into(), 0, Ok(Why::NewName));
        check(|it| it.spec.exclusion_list = vec!["a".into()], 0, Ok(Why::NewExclusions));
        check(|_| {}, 0, Ok(Why::NoTags));
        check(|it| it.spec.interval = "5m".into(), 1, Ok(Why::Interval));
        check(
            |it| {
                let failure = crate::failure::Failure::retry("ReadOperationFailed", "x");
                crate::failure::failed(&mut it.status, 1, &failure);
            },
            1,
            Ok(Why::Failed),
        );
        assert_eq!(why(&object(), "h.io/x", 1, at("2026-01-01T00:59:59.5Z")), Ok(Why::Interval));
        assert_eq!(why(&object(), "h.io/x", 1, at("2020-01-01T00:00:00Z")), Ok(Why::Interval));
    }

    #[test]
    fn signatures_are_left_out_where_nothing_is_said() {
        let mut object = object();
        object.spec.exclusion_list.clear();
        let tags = ["1.0", "sha256-aa.sig", "v2", "1.10"];
        assert_eq!(kept(tags.into_iter(), &exclusions(&object)).unwrap(), ["v2", "1.10", "1.0"]);
        assert!(kept(tags.into_iter(), &["(".to_owned()]).unwrap_err().contains("failed to compile regex ("));
    }

    #[test]
    fn revisions_are_those_of_flux() {
        assert_eq!(adler32(b"Wikipedia"), 300_286_872);
        let tags = ["b".to_owned(), "a".to_owned()];
        assert_eq!(revision(&tags, Form::Adler32), adler32(br#"["b","a"]"#).to_string());
        assert_eq!(revision(&tags, Form::Sha256), format!("sha256:{}", hex::encode(Sha256::digest("b\na\n"))));
    }
}
