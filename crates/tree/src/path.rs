//! Paths inside a tree: relative, `/`-joined, without `.`, `..` or empty parts; the root is the empty path.

use std::cmp::Ordering;
use std::fmt::Write as _;

/// A path that leaves the root, or that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PathError {
    /// A path that begins with `/`.
    #[error("`{0}` is an absolute path; only paths below the root are allowed")]
    Absolute(String),
    /// `..` leads out of the root.
    #[error("`{0}` leads outside of the root")]
    Outside(String),
    /// A part is empty, `.` or `..` where the path has to be clean already.
    #[error("`{0}` is not a clean path: it has an empty part, `.` or `..`")]
    NotClean(String),
    /// A NUL byte.
    #[error("`{0}` has a NUL byte in its name")]
    Nul(String),
    /// Bytes that are not UTF-8.
    #[error("`{0}` is not valid UTF-8")]
    NotUtf8(String),
    /// A backslash, which would be a separator elsewhere.
    #[error("`{0}` has a backslash in its name")]
    Backslash(String),
}

/// `relative` as seen from the folder `base`, cleaned: `.`, empty parts and `..` are resolved by their names alone.
///
/// # Errors
/// When `relative` is absolute, climbs out of the root, or holds a NUL byte. `base` is held to the same rules.
pub fn join(base: &str, relative: &str) -> Result<String, PathError> {
    let mut parts: Vec<&str> = Vec::new();
    for path in [base, relative] {
        if path.starts_with('/') {
            return Err(PathError::Absolute(escape(path.as_bytes())));
        }
        if path.contains('\0') {
            return Err(PathError::Nul(escape(path.as_bytes())));
        }
        for part in path.split('/') {
            match part {
                "" | "." => {}
                ".." => {
                    if parts.pop().is_none() {
                        return Err(PathError::Outside(escape(path.as_bytes())));
                    }
                }
                part => parts.push(part),
            }
        }
    }
    Ok(parts.join("/"))
}

/// The folder that `path` lies in; the root's is the root.
#[must_use]
pub fn parent(path: &str) -> &str {
    path.rfind('/').map_or("", |slash| &path[..slash])
}

/// The last part of `path`.
#[must_use]
pub fn file_name(path: &str) -> &str {
    path.rfind('/').map_or(path, |slash| &path[slash + 1..])
}

/// A name from Git, tar or disk as text.
///
/// # Errors
/// When it is not UTF-8; the error holds the name with its odd bytes escaped.
pub fn from_bytes(name: &[u8]) -> Result<&str, PathError> {
    std::str::from_utf8(name).map_err(|_| PathError::NotUtf8(escape(name)))
}

/// Refuses what is not a clean path below the root.
///
/// # Errors
/// See [`PathError`].
pub fn check(path: &str) -> Result<(), PathError> {
    if path.starts_with('/') {
        return Err(PathError::Absolute(escape(path.as_bytes())));
    }
    if path.contains('\0') {
        return Err(PathError::Nul(escape(path.as_bytes())));
    }
    if path.split('/').any(|part| matches!(part, "" | "." | "..")) {
        return Err(PathError::NotClean(escape(path.as_bytes())));
    }
    Ok(())
}

/// A name fit for a message: control characters and bytes that are no text are escaped, and what is longer than a
/// few hundred bytes is cut.
#[must_use]
pub fn escape(name: &[u8]) -> String {
    const SHOWN: usize = 256;
    let mut out = String::new();
    for chunk in name.utf8_chunks() {
        for c in chunk.valid().chars() {
            if out.len() >= SHOWN {
                out.push('…');
                return out;
            }
            if c.is_control() || is_format(c) {
                let _ = write!(out, "{}", c.escape_unicode());
            } else {
                out.push(c);
            }
        }
        for byte in chunk.invalid() {
            let _ = write!(out, "\\x{byte:02x}");
        }
    }
    out
}

/// Marks that reorder or hide the text around them.
fn is_format(c: char) -> bool {
    matches!(c, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{2069}' | '\u{feff}')
}

/// The order of a sorted walk: a folder's content follows it at once, before its later siblings.
#[must_use]
pub fn walk_order(a: &str, b: &str) -> Ordering {
    // A separator sorts before every byte that a name can hold.
    let key = |byte: u8| if byte == b'/' { 0 } else { byte };
    a.bytes().map(key).cmp(b.bytes().map(key))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check_join(base: &str, relative: &str, want: Option<&str>) {
        assert_eq!(join(base, relative).ok().as_deref(), want, "`{base}` + `{relative}`");
    }

    #[test]
    fn joining_stays_inside_the_root() {
        check_join("", "a", Some("a"));
        check_join("apps/web", "../base", Some("apps/base"));
        check_join("apps", "./x//y/.", Some("apps/x/y"));
        check_join("apps", "..", Some(""));
        check_join("apps", "a../x", Some("apps/a../x"));
        check_join("apps", "../..", None);
        check_join("apps", "../../apps", None);
        check_join("", "..", None);
        check_join("apps", "/etc/passwd", None);
        check_join("/apps", "x", None);
        check_join("apps", "a\0b", None);
    }

    #[test]
    fn a_folder_is_followed_by_its_content() {
        let mut paths = ["a.b", "a-b", "a/b", "a", "a/b-c", "a/b/c", "b"];
        paths.sort_by(|a, b| walk_order(a, b));
        assert_eq!(paths, ["a", "a/b", "a/b/c", "a/b-c", "a-b", "a.b", "b"]);
    }

    #[test]
    fn a_message_shows_odd_names_escaped() {
        assert_eq!(escape(b"a\x1b[31m\xff\n"), "a\\u{1b}[31m\\xff\\u{a}");
        assert_eq!(escape("\u{202e}x".as_bytes()), "\\u{202e}x");
        assert!(escape(&[b'x'; 10_000]).len() < 300);
    }
}
