//! `known_hosts`, as sshd(8) describes it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use gix::hash::{Kind, hasher};
use russh::keys::{Algorithm, PublicKey, parse_public_key_base64};

/// What a file says about a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Verdict {
    Known,
    Unknown,
    /// The host is known by other keys.
    Changed,
    Revoked,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Marker {
    None,
    Revoked,
    Authority,
}

#[derive(Debug)]
struct Line {
    marker: Marker,
    hosts: String,
    key: PublicKey,
}

/// A file's lines that make sense; the others are passed over, as OpenSSH does.
#[derive(Debug)]
pub(super) struct KnownHosts {
    lines: Vec<Line>,
}

/// How a host is spelled in a file: with its port if that is not SSH's own.
pub(super) fn spelled(host: &str, port: u16) -> String {
    let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
    if port == 22 { host } else { format!("[{host}]:{port}") }
}

impl KnownHosts {
    pub(super) fn parse(text: &str) -> Self {
        KnownHosts { lines: text.lines().filter_map(parse_line).collect() }
    }

    pub(super) fn check(&self, host: &str, key: &PublicKey) -> Verdict {
        let same = |line: &&Line| line.key.key_data() == key.key_data();
        // A revoked key is revoked wherever its line's pattern fits, whatever else the file says.
        if self.of(host, Marker::Revoked).any(|line| same(&line)) {
            return Verdict::Revoked;
        }
        let mut verdict = Verdict::Unknown;
        for line in self.of(host, Marker::None) {
            if same(&line) {
                return Verdict::Known;
            }
            verdict = Verdict::Changed;
        }
        verdict
    }

    /// Types of the keys of `host`.
    pub(super) fn algorithms(&self, host: &str) -> Vec<Algorithm> {
        self.of(host, Marker::None).map(|line| line.key.algorithm()).collect()
    }

    /// Why there is no key of `host`, and what to do.
    pub(super) fn why_none(&self, host: &str) -> String {
        if self.lines.is_empty() {
            "`known_hosts` holds no key; add what `ssh-keyscan` prints, once you have checked it".to_owned()
        } else if self.of(host, Marker::Authority).next().is_some() {
            "`known_hosts` has only a @cert-authority for it, which is not supported; add the host's key".to_owned()
        } else {
            format!("`known_hosts` has no key of `{host}`; add what `ssh-keyscan` prints, once you have checked it")
        }
    }

    fn of<'a>(&'a self, host: &'a str, marker: Marker) -> impl Iterator<Item = &'a Line> {
        self.lines.iter().filter(move |line| line.marker == marker && matches(&line.hosts, host))
    }
}

fn parse_line(line: &str) -> Option<Line> {
    let mut words = line.split_ascii_whitespace();
    let mut word = words.next().filter(|it| !it.starts_with('#'))?;
    let marker = match word {
        "@revoked" => Marker::Revoked,
        "@cert-authority" => Marker::Authority,
        // A marker that we do not know must not turn into trust.
        it if it.starts_with('@') => return None,
        _ => Marker::None,
    };
    if marker != Marker::None {
        word = words.next()?;
    }
    let (kind, key) = (words.next()?, words.next()?);
    let key = parse_public_key_base64(key).ok()?;
    // The type is written twice; a line that contradicts itself is no ground to trust anything.
    (key.algorithm().as_str() == kind).then(|| Line { marker, hosts: word.to_owned(), key })
}

/// Whether the list of patterns fits: one does, and none that begins with `!` does.
fn matches(patterns: &str, host: &str) -> bool {
    let mut found = false;
    for pattern in patterns.split(',') {
        if let Some(pattern) = pattern.strip_prefix('!') {
            if wild(pattern.as_bytes(), host.as_bytes()) {
                return false;
            }
        } else if pattern.starts_with("|1|") {
            found |= hashed(pattern, host).unwrap_or(false);
        } else {
            found |= wild(pattern.as_bytes(), host.as_bytes());
        }
    }
    found
}

/// `*` and `?`, letters in either case.
fn wild(pattern: &[u8], host: &[u8]) -> bool {
    let (mut p, mut h, mut star) = (0, 0, None);
    while h < host.len() {
        match pattern.get(p) {
            Some(b'*') => {
                star = Some((p, h));
                p += 1;
            }
            Some(c) if *c == b'?' || c.eq_ignore_ascii_case(&host[h]) => {
                p += 1;
                h += 1;
            }
            _ => match &mut star {
                // The star takes one more.
                Some((at, from)) => {
                    *from += 1;
                    (p, h) = (*at + 1, *from);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == b'*')
}

/// `|1|salt|hash`, the hash being HMAC-SHA1 of the host.
fn hashed(pattern: &str, host: &str) -> Option<bool> {
    let (salt, hash) = pattern.strip_prefix("|1|")?.split_once('|')?;
    let (salt, hash) = (STANDARD.decode(salt).ok()?, STANDARD.decode(hash).ok()?);
    Some(hmac_sha1(&salt, host.as_bytes())? == hash)
}

fn hmac_sha1(key: &[u8], message: &[u8]) -> Option<Vec<u8>> {
    let digest = |parts: [&[u8]; 2]| {
        let mut hash = hasher(Kind::Sha1);
        parts.iter().for_each(|it| hash.update(it));
        hash.try_finalize().ok().map(|it| it.as_slice().to_vec())
    };
    let mut block = [0u8; 64];
    match key.len() {
        0..=64 => block[..key.len()].copy_from_slice(key),
        _ => block[..20].copy_from_slice(&digest([key, b""])?),
    }
    let inner = digest([&block.map(|b| b ^ 0x36), message])?;
    digest([&block.map(|b| b ^ 0x5c), &inner])
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIJdD7y3aLq454yWBdwLWbieU1ebz9/cu7/QEXn9OIeZJ";
    const TWO: &str = "AAAAC3NzaC1lZDI1NTE5AAAAIA6rWI3G2sz07DnfFlrouTcysQlj2P+jpNSOEWD9OJ3X";

    #[track_caller]
    fn check(file: &str, host: &str, port: u16, want: Verdict) {
        let key = parse_public_key_base64(ONE).unwrap();
        assert_eq!(KnownHosts::parse(file).check(&spelled(host, port), &key), want, "{file}");
    }

    fn line(hosts: &str, key: &str) -> String {
        format!("{hosts} ssh-ed25519 {key} comment\n")
    }

    #[test]
    fn only_the_named_host_and_port_are_trusted() {
        check(&line("git.example.com", ONE), "git.example.com", 22, Verdict::Known);
        check(&line("git.example.com", ONE), "git.example.com", 2222, Verdict::Unknown);
        check(&line("[git.example.com]:2222", ONE), "git.example.com", 2222, Verdict::Known);
        check(&line("[git.example.com]:2222", ONE), "git.example.com", 22, Verdict::Unknown);
        check(&line("other,GIT.example.com", ONE), "git.example.com", 22, Verdict::Known);
        check("", "git.example.com", 22, Verdict::Unknown);
        check("# comment\n\njunk\n", "git.example.com", 22, Verdict::Unknown);
    }

    #[test]
    fn a_host_with_another_key_is_not_trusted() {
        check(&line("git.example.com", TWO), "git.example.com", 22, Verdict::Changed);
        check(&(line("git.example.com", TWO) + &line("git.example.com", ONE)), "git.example.com", 22, Verdict::Known);
    }

    #[test]
    fn patterns_fit_as_openssh_has_them() {
        check(&line("*.example.com", ONE), "git.example.com", 22, Verdict::Known);
        check(&line("*.example.com,!git.example.com", ONE), "git.example.com", 22, Verdict::Unknown);
        check(&line("g?t.*", ONE), "git.example.com", 22, Verdict::Known);
    }

    #[test]
    fn revoked_keys_are_refused_whatever_else_is_said() {
        let file = line("git.example.com", ONE) + &format!("@revoked * ssh-ed25519 {ONE}\n");
        check(&file, "git.example.com", 22, Verdict::Revoked);
    }

    #[test]
    fn authorities_unknown_markers_and_wrong_types_are_no_trust() {
        check(&format!("@cert-authority * ssh-ed25519 {ONE}\n"), "git.example.com", 22, Verdict::Unknown);
        check(&format!("@other * ssh-ed25519 {ONE}\n"), "git.example.com", 22, Verdict::Unknown);
        check(&format!("git.example.com ssh-rsa {ONE}\n"), "git.example.com", 22, Verdict::Unknown);
    }

    #[test]
    fn hashed_hosts_are_found() {
        // RFC 2202, case 2.
        assert_eq!(
            hmac_sha1(b"Jefe", b"what do ya want for nothing?")
                .map(|it| gix::ObjectId::try_from(&it[..]).unwrap().to_string()),
            Some("effcdf6ae5eb2fa2d27416d5f184df9c259a7c79".into())
        );
        let salt = STANDARD.encode([7u8; 20]);
        let hash = STANDARD.encode(hmac_sha1(&[7u8; 20], b"[git.example.com]:2222").unwrap());
        check(&line(&format!("|1|{salt}|{hash}"), ONE), "git.example.com", 2222, Verdict::Known);
        check(&line(&format!("|1|{salt}|{hash}"), ONE), "git.example.com", 22, Verdict::Unknown);
    }
}
