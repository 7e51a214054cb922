//! Addresses of repositories in the place of a base, read as kustomize 5.8 reads them, and what is refused of them before
//! anything is connected to.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

/// How long fetching a base may take when its address has no `timeout`, as in kustomize.
const TIMEOUT: Duration = Duration::from_secs(27);
/// The longest that `timeout` may ask for.
const MOST_TIMEOUT: Duration = Duration::from_secs(600);
/// Schemes in front of a host, in kustomize's order.
const SCHEMES: [&str; 4] = ["ssh://", "https://", "http://", "file://"];

/// A folder of a repository, as `resources`, `components` and the like name it: `HOST/REPOSITORY//FOLDER?ref=…`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RepoSpec {
    /// The address as it was written.
    pub raw: String,
    /// Scheme, user and host with what separates it from the path: `https://github.com/`, `git@example.com:`.
    pub host: String,
    /// The repository at that host.
    pub repository: String,
    /// The folder in it; empty for its root.
    pub folder: String,
    /// What `?ref=` says, else `?version=`; empty for what the server's `HEAD` is.
    pub reference: String,
    /// Whether submodules are wanted: yes, unless `?submodules=false`.
    pub submodules: bool,
    /// What `?timeout=` says, in seconds or as `1m30s`; else 27 seconds.
    pub timeout: Duration,
    /// Whether `//`, `.git` or `_git/` say that this is a repository, or a revision is asked for: it can be no file then.
    pub marked: bool,
}

impl RepoSpec {
    /// Reads an address.
    ///
    /// # Errors
    /// Why it names no repository: it may then be the path of a folder.
    pub fn parse(raw: &str) -> Result<Self, String> {
        if raw.starts_with('/') {
            return Err("an absolute path is no repository".to_owned());
        }
        let (address, query) = raw.split_once('?').unwrap_or((raw, ""));
        let query = Query::parse(query);
        let (host, path) = host(address)?;
        let (repository, folder, split) = split_path(&path, host == "file://")?;
        Ok(Self {
            raw: raw.to_owned(),
            host,
            repository,
            folder,
            marked: split || !query.reference.is_empty(),
            reference: query.reference,
            submodules: query.submodules,
            timeout: query.timeout,
        })
    }

    /// What is cloned: host and repository, as in origin annotations.
    #[must_use]
    pub fn clone_spec(&self) -> String {
        format!("{}{}", self.host, self.repository)
    }

    /// The same as a URL with a scheme: `git@example.com:a/b` is `ssh://git@example.com/a/b`.
    #[must_use]
    pub fn url(&self) -> String {
        if SCHEMES.iter().any(|scheme| self.host.starts_with(scheme)) {
            return self.clone_spec();
        }
        let host = self.host.trim_end_matches([':', '/']);
        let user = if host.contains('@') { "" } else { "git@" };
        format!("ssh://{user}{host}/{}", self.repository.trim_start_matches('/'))
    }
}

struct Query {
    reference: String,
    submodules: bool,
    timeout: Duration,
}

impl Query {
    fn parse(text: &str) -> Self {
        let mut query = Self { reference: String::new(), submodules: true, timeout: TIMEOUT };
        let mut version = String::new();
        let mut seen: Vec<String> = Vec::new();
        for part in text.split('&').filter(|part| !part.is_empty() && !part.contains(';')) {
            let (key, value) = part.split_once('=').unwrap_or((part, ""));
            let (Some(key), Some(value)) = (decoded(key), decoded(value)) else { continue };
            // The first of a name counts.
            if seen.contains(&key) {
                continue;
            }
            match key.as_str() {
                "ref" => query.reference.clone_from(&value),
                "version" => version.clone_from(&value),
                "submodules" => match value.as_str() {
                    "1" | "t" | "T" | "TRUE" | "true" | "True" => query.submodules = true,
                    "0" | "f" | "F" | "FALSE" | "false" | "False" => query.submodules = false,
                    _ => {}
                },
                "timeout" => {
                    if let Some(timeout) = duration(&value) {
                        query.timeout = timeout.min(MOST_TIMEOUT);
                    }
                }
                _ => {}
            }
            seen.push(key);
        }
        if query.reference.is_empty() {
            query.reference = version;
        }
        query
    }
}

/// Seconds, or as Go writes durations; `None` for none and for nonsense.
fn duration(text: &str) -> Option<Duration> {
    if let Ok(seconds) = text.parse::<u64>() {
        return (seconds > 0).then(|| Duration::from_secs(seconds));
    }
    let (mut rest, mut total) = (text, 0.0);
    while !rest.is_empty() {
        let end = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..end].parse().ok()?;
        let unit = &rest[end..];
        let length = unit.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(unit.len());
        total += number
            * match &unit[..length] {
                "ns" => 1e-9,
                "us" | "µs" => 1e-6,
                "ms" => 1e-3,
                "s" => 1.0,
                "m" => 60.0,
                "h" => 3600.0,
                _ => return None,
            };
        rest = &unit[length..];
    }
    Duration::try_from_secs_f64(total).ok().filter(|it| !it.is_zero())
}

/// A part of a query: `+` is a space, `%41` an `A`.
fn decoded(text: &str) -> Option<String> {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match byte {
            b'+' => b' ',
            b'%' => {
                let mut digit = || char::from(rest.next()?).to_digit(16);
                u8::try_from(digit()? * 16 + digit()?).ok()?
            }
            byte => byte,
        });
    }
    String::from_utf8(bytes).ok()
}

fn strip_prefix_ignoring_case<'t>(text: &'t str, prefix: &str) -> Option<&'t str> {
    let start = text.get(..prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then(|| &text[prefix.len()..])
}

/// Takes the host, with scheme, user and separator, off an address.
fn host(address: &str) -> Result<(String, String), String> {
    let address = strip_prefix_ignoring_case(address, "git::").unwrap_or(address);
    let found = SCHEMES.iter().find_map(|&scheme| Some((scheme, strip_prefix_ignoring_case(address, scheme)?)));
    let (scheme, rest) = found.unwrap_or(("", address));
    let (user, rest) = user(rest);
    let github = ["github.com/", "github.com:"].iter().any(|host| strip_prefix_ignoring_case(rest, host).is_some());
    let scp = scheme.is_empty() && (!user.is_empty() || github);
    if scheme.is_empty() && !scp {
        return Err("no scheme such as https:// or ssh://".to_owned());
    }
    if scheme == "file://" {
        return Ok((scheme.to_owned(), format!("{user}{rest}")));
    }
    let mut separator = rest.find('/');
    if let (true, Some(colon)) = (scp, rest.find(':'))
        && separator.is_none_or(|slash| colon > 0 && colon < slash)
    {
        separator = Some(colon);
    }
    let (host, path) = separator.map_or((rest, ""), |at| rest.split_at(at + 1));
    if host.is_empty() {
        return Err("no host".to_owned());
    }
    let host = match (github, scheme == "ssh://" || !user.is_empty()) {
        (true, true) => format!("{user}github.com:"),
        (true, false) => "https://github.com/".to_owned(),
        (false, _) => format!("{scheme}{user}{host}"),
    };
    Ok((host, path.to_owned()))
}

/// `name@` in front: letters, digits and hyphens, a letter first.
fn user(text: &str) -> (&str, &str) {
    let is_name = |name: &str| {
        name.starts_with(|c: char| c.is_ascii_alphabetic())
            && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
    };
    match text.find('@') {
        Some(at) if is_name(&text[..at]) => text.split_at(at + 1),
        _ => ("", text),
    }
}

/// Repository, folder, and whether the path itself says where the one ends.
fn split_path(path: &str, whole: bool) -> Result<(String, String, bool), String> {
    let (repository, folder, marked) = if let Some(at) = path.find("_git/") {
        let name = at + "_git/".len();
        let end = path[name..].find('/').map_or(path.len(), |slash| name + slash);
        (&path[..end], path.get(end + 1..).unwrap_or(""), true)
    } else if let Some(at) = path.find("//") {
        (&path[..at], &path[at + 2..], true)
    } else if let Some(at) = path.find(".git") {
        let (repository, folder) = path.split_at(at + ".git".len());
        (repository, folder, true)
    } else if whole {
        (path, "", true)
    } else {
        // The organisation and its repository.
        let first = path.find('/').ok_or("no repository after the host")?;
        let end = path[first + 1..].find('/').map_or(path.len(), |slash| first + 1 + slash);
        (&path[..end], path.get(end + 1..).unwrap_or(""), false)
    };
    if repository.is_empty() {
        return Err("no repository after the host".to_owned());
    }
    let folder = folder.strip_prefix('/').unwrap_or(folder);
    let clean = sluice_tree::path::join("", folder).map_err(|_| format!("`{folder}` leads out of the repository"))?;
    Ok((repository.to_owned(), clean, marked))
}

/// Why an address is refused before anything is connected to.
pub(crate) fn forbidden(url: &str, link_local: bool) -> Option<&'static str> {
    let lower = url.to_ascii_lowercase();
    let bare = lower.strip_prefix("git::").unwrap_or(&lower);
    let (address, query) = bare.split_once('?').unwrap_or((bare, ""));
    if bare.chars().any(|c| c.is_control() || c == ' ') {
        return Some("an address has no spaces and no control characters");
    }
    if ["ext::", "fd::"].iter().any(|transport| bare.contains(transport)) {
        return Some("such transports run programs; use https or ssh");
    }
    if bare.starts_with("file:") {
        return Some("files of this machine are no remote base; give a path relative to the kustomization");
    }
    let dash = |part: &str| decoded(part).is_none_or(|part| part.trim_start().starts_with('-'));
    if query.split('&').any(|part| part.split_once('=').is_some_and(|(_, value)| dash(value))) {
        return Some("a revision cannot begin with `-`");
    }
    let after = address.split_once("://").map_or(address, |(_, rest)| rest);
    let (authority, path) = after.split_once('/').unwrap_or((after, ""));
    let (user, host) = authority.rsplit_once('@').unwrap_or(("", authority));
    if bare.starts_with('-') || dash(user) || dash(host) || dash(path.trim_start_matches('/')) {
        return Some("user, host and path cannot begin with `-`");
    }
    if !link_local && is_link_local(host) {
        return Some("link-local addresses are refused");
    }
    None
}

/// Whether a host, with or without port, is an address of the own link, where clouds hand out credentials. Names are
/// for who resolves them.
fn is_link_local(host: &str) -> bool {
    let bare = match host.strip_prefix('[') {
        Some(rest) => rest.split([']', '%']).next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    if let Ok(address) = bare.parse::<Ipv6Addr>() {
        return link_local(IpAddr::V6(address));
    }
    v4(bare).is_some_and(|address| link_local(IpAddr::V4(address)))
}

/// Whether an address is one of the own link; for callers that have resolved a name.
#[must_use]
pub fn link_local(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_link_local(),
        IpAddr::V6(address) => {
            // Where Amazon's metadata are over IPv6.
            let metadata = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
            address.is_unicast_link_local()
                || address == metadata
                || address.to_ipv4_mapped().is_some_and(|address| address.is_link_local())
        }
    }
}

/// An IPv4 address in any of the ways that programs read: `169.254.1.1`, `0xa9fe0101`, `2852000001`, `0251.0376.1.1`.
fn v4(text: &str) -> Option<Ipv4Addr> {
    let number = |part: &str| match part {
        _ if part.starts_with("0x") => u32::from_str_radix(&part[2..], 16).ok(),
        _ if part.len() > 1 && part.starts_with('0') => u32::from_str_radix(&part[1..], 8).ok(),
        _ => part.parse().ok(),
    };
    let parts: Vec<u32> = text.trim_end_matches('.').split('.').map(number).collect::<Option<_>>()?;
    let (last, first) = parts.split_last()?;
    if first.len() > 3 || first.iter().any(|&part| part > 255) {
        return None;
    }
    let high = first.iter().zip([24, 16, 8]).fold(0, |sum, (&part, shift)| sum | (part << shift));
    Some(Ipv4Addr::from(high | last))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(raw: &str, host: &str, repository: &str, folder: &str, reference: &str) {
        let spec = RepoSpec::parse(raw).unwrap_or_else(|error| panic!("{raw}: {error}"));
        let got = [&spec.host, &spec.repository, &spec.folder, &spec.reference].map(String::as_str);
        assert_eq!(got, [host, repository, folder, reference], "{raw}");
    }

    #[test]
    fn addresses_are_read_as_kustomize_reads_them() {
        check("https://github.com/o/r//a/b?ref=v1", "https://github.com/", "o/r", "a/b", "v1");
        check("https://github.com/o/r/a/b?version=v1", "https://github.com/", "o/r", "a/b", "v1");
        check("github.com/o/r?ref=x&version=y", "https://github.com/", "o/r", "", "x");
        check("GitHub.com/o/r.git/a", "https://github.com/", "o/r.git", "a", "");
        check("github.com:o/r//a", "https://github.com/", "o/r", "a", "");
        check("git@github.com:o/r.git//a", "git@github.com:", "o/r.git", "/a".trim_start_matches('/'), "");
        check("ssh://git@github.com/o/r", "git@github.com:", "o/r", "", "");
        check("git@host.xz:o/r//a?ref=main", "git@host.xz:", "o/r", "a", "main");
        check("org-1@host.xz:o/r.git", "org-1@host.xz:", "o/r.git", "", "");
        check("ssh://git@host.xz:7999/o/r.git/a?ref=v1", "ssh://git@host.xz:7999/", "o/r.git", "a", "v1");
        check("git::https://host.xz/o/r//a", "https://host.xz/", "o/r", "a", "");
        check("git::git@host.xz:o/r", "git@host.xz:", "o/r", "", "");
        check(
            "https://u@dev.azure.com/o/p/_git/r/a/b?version=v1",
            "https://u@dev.azure.com/",
            "o/p/_git/r",
            "a/b",
            "v1",
        );
        check("https://host.xz/a/b/c.git/d", "https://host.xz/", "a/b/c.git", "d", "");
        check("https://host.xz:8443/o/r/a/../b", "https://host.xz:8443/", "o/r", "b", "");
    }

    #[test]
    fn what_is_no_address_is_a_path() {
        for path in
            ["../base", "base", "a.yaml", "/abs", "host.xz:o/r", "host.xz/o/r?ref=v1", "https://host.xz/o", "https://"]
        {
            assert!(RepoSpec::parse(path).is_err(), "{path}");
        }
        assert!(RepoSpec::parse("https://host.xz/o/r//../../x").is_err());
        assert!(RepoSpec::parse("https://host.xz/o/r//a/../../x").is_err());
    }

    #[test]
    fn queries_say_how() {
        let spec = RepoSpec::parse("https://h/o/r?timeout=120&submodules=false&ref=a%2Fb").unwrap();
        assert_eq!((spec.timeout.as_secs(), spec.submodules, spec.reference.as_str()), (120, false, "a/b"));
        let spec = RepoSpec::parse("https://h/o/r?timeout=1m30s").unwrap();
        assert_eq!((spec.timeout.as_secs(), spec.submodules), (90, true));
        for odd in ["-1", "x", "0", "1y", "9999999999999999999999h"] {
            let timeout = RepoSpec::parse(&format!("https://h/o/r?timeout={odd}")).unwrap().timeout;
            assert!(timeout == TIMEOUT || timeout == MOST_TIMEOUT, "{odd}");
        }
        assert_eq!(RepoSpec::parse("git@h:o/r").unwrap().url(), "ssh://git@h/o/r");
        assert_eq!(RepoSpec::parse("ssh://github.com/o/r").unwrap().url(), "ssh://git@github.com/o/r");
    }

    #[test]
    fn urls_that_run_or_reach_something_are_forbidden() {
        for url in [
            "git::ext::sh -c x",
            "ext::sh%20-c%20x",
            "fd::17",
            "file:///etc",
            "git::file:///etc",
            "FILE:///etc",
            "ssh://-oProxyCommand=x/y",
            "ssh://git@-oProxyCommand=x/y",
            "ssh://-oX@host/y",
            "-u",
            "https://h/-x/y",
            "https://x/y?ref=--upload-pack=x",
            "https://x/y?ref=%2d-upload-pack=x",
            "https://x/y?version=-x",
            "http://169.254.169.254/x",
            "http://u@169.254.169.254:80/x",
            "http://[fe80::1]/x",
            "http://[fe80::1%25eth0]/x",
            "http://2852039166/x",
            "http://0xa9fea9fe/x",
            "http://0251.0376.0251.0376/x",
            "http://169.16689662/x",
            "http://[::ffff:169.254.169.254]/x",
            "http://[fd00:ec2::254]/x",
            "git@169.254.169.254:o/r",
            "https://h/a\nb",
        ] {
            assert!(forbidden(url, false).is_some(), "{url}");
        }
        for url in
            ["https://github.com/a/b?ref=v1", "git@github.com:a/b", "https://10.0.0.1/a/b", "https://1.2.3.4.5/a/b"]
        {
            assert!(forbidden(url, false).is_none(), "{url}");
        }
        assert!(forbidden("http://169.254.169.254/x", true).is_none());
    }

    proptest::proptest! {
        #[test]
        fn no_address_panics(text in "(git::|ssh://|https://|github.com/|git@)?[a-z@:/.?&=%_\\-é]{0,40}") {
            let _ = forbidden(&text, false);
            if let Ok(spec) = RepoSpec::parse(&text) {
                proptest::prop_assert!(!spec.repository.is_empty() && !spec.folder.starts_with("../"));
            }
        }
    }
}
