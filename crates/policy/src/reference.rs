//! Which texts are image references, as the original's registry library decides.

/// A text that is no image reference.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("encountered invalid image ref \"{0}\": could not parse reference: {0}")]
pub struct ReferenceError(pub String);

/// Checks `name:tag[@digest]`.
///
/// # Errors
/// When the repository is not 2 to 255 characters of `a-z0-9_-./`, the tag not 1 to 128 of `A-Za-z0-9_-.`, the digest not
/// `sha256:` and 64 hexadecimal digits, or the registry no host.
pub fn check(reference: &str) -> Result<(), ReferenceError> {
    if is_reference(reference) { Ok(()) } else { Err(ReferenceError(reference.to_owned())) }
}

fn is_reference(reference: &str) -> bool {
    let (image, digest) = match reference.split_once('@') {
        Some((image, digest)) => (image, Some(digest)),
        None => (reference, None),
    };
    let hex = |digest: &str| digest.len() == 64 && digest.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    if digest.is_some_and(|digest| !digest.strip_prefix("sha256:").is_some_and(hex)) {
        return false;
    }
    let (name, tag) = match image.rsplit_once(':') {
        Some((name, tag)) if !tag.contains('/') => (name, Some(tag)),
        _ => (image, None),
    };
    let is_tag = |tag: &str| {
        (1..=128).contains(&tag.len())
            && tag.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'-' | b'.'))
    };
    if !tag.is_none_or(is_tag) {
        return false;
    }
    let (registry, repository) = match name.split_once('/') {
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
        _ => (None, name),
    };
    registry.is_none_or(is_host)
        && (2..=255).contains(&repository.len())
        && repository.bytes().all(|b| matches!(b, b'a'..=b'z' | b'0'..=b'9' | b'_' | b'-' | b'.' | b'/'))
}

/// A host and maybe a port.
fn is_host(text: &str) -> bool {
    let (host, port) = text.rsplit_once(':').unwrap_or((text, "1"));
    let of_host = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b'_' | b'[' | b']' | b':' | b'~');
    !host.is_empty() && host.bytes().all(of_host) && port.bytes().all(|b| b.is_ascii_digit())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_told_from_other_text() {
        let digest = "ab".repeat(32);
        for good in ["redis:7", "a.b:5000/x/y:v1", &format!("ghcr.io/a/b:1@sha256:{digest}"), "localhost/ab:1"] {
            assert_eq!(check(good), Ok(()), "{good}");
        }
        for bad in
            ["x:1", "ab:", "INVALID//x:1", "ab:bad tag", "img:~", "ab:1@sha256:0", "ab:1@md5:0", "a.b:x/yz:1", ""]
        {
            assert!(check(bad).is_err(), "{bad}");
        }
    }
}
