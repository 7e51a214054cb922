//! Names and messages come from repositories and clusters; none of them may command the terminal.

use std::borrow::Cow;

/// One line: control characters and such that turn or hide text become visible, line breaks become spaces.
pub fn line(text: &str) -> Cow<'_, str> {
    if !text.chars().any(|c| is_unsafe(c) || c == '\n' || c == '\t') {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    for c in text.trim_end_matches('\n').chars() {
        match c {
            '\n' | '\t' => safe.push(' '),
            '\r' => {}
            c => push(&mut safe, c),
        }
    }
    Cow::Owned(safe)
}

/// Several lines: line breaks stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    if !text.chars().any(is_unsafe) {
        return Cow::Borrowed(text);
    }
    let mut safe = String::with_capacity(text.len() + 8);
    text.chars().filter(|&c| c != '\r').for_each(|c| push(&mut safe, c));
    Cow::Owned(safe)
}

fn push(safe: &mut String, c: char) {
    if is_unsafe(c) { safe.extend(c.escape_unicode()) } else { safe.push(c) }
}

fn is_unsafe(c: char) -> bool {
    let turns = matches!(c, '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{200e}' | '\u{200f}' | '\u{061c}');
    (c.is_control() && c != '\n' && c != '\t') || turns
}

/// Words of 40 to 128 lower-case hexadecimal digits cut to 8 (spec/flux/cli.md §1).
pub fn short_hashes(text: &str) -> String {
    let mut short = String::with_capacity(text.len());
    let mut word = String::new();
    for c in text.chars().chain(std::iter::once('\0')) {
        if c.is_ascii_alphanumeric() || c == '_' {
            word.push(c);
            continue;
        }
        let hash = (40..=128).contains(&word.len()) && word.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        short.push_str(if hash { &word[..8] } else { &word });
        word.clear();
        if c != '\0' {
            short.push(c);
        }
    }
    short
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_message_cannot_command_the_terminal() {
        let check = |text: &str, want: &str| assert_eq!(line(text), want, "{text:?}");
        check("plain ünïcode", "plain ünïcode");
        check("\u{1b}]0;owned\u{7}", "\\u{1b}]0;owned\\u{7}");
        check("a\r\nb\tc\n", "a b c");
        check("\u{9b}31m", "\\u{9b}31m");
        check("admin\u{202e}nimda", "admin\\u{202e}nimda");
        assert_eq!(lines("a\r\nb\u{1b}[2J"), "a\nb\\u{1b}[2J");
    }

    #[test]
    fn long_hashes_are_cut() {
        let hash = "0123456789abcdef0123456789abcdef01234567";
        let check = |text: &str, want: &str| assert_eq!(short_hashes(text), want, "{text:?}");
        check(&format!("main@sha1:{hash}"), "main@sha1:01234567");
        check(&format!("stored {hash}, done"), "stored 01234567, done");
        check(&hash[..39], &hash[..39]);
        check(&hash.to_uppercase(), &hash.to_uppercase());
        check(&format!("{hash}xyz"), &format!("{hash}xyz"));
    }
}
