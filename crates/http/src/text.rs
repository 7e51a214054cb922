//! Text of others, made fit for a message.

/// Longest text of a peer that a message repeats.
const PEER_TEXT: usize = 400;

/// Text that a peer chose, made fit for a message: control characters escaped, cut, valid UTF-8.
#[must_use]
pub fn peer_text(bytes: &[u8]) -> String {
    let text = String::from_utf8_lossy(bytes);
    let mut out = String::new();
    for c in text.trim().chars() {
        if out.len() >= PEER_TEXT {
            out.push('…');
            break;
        }
        // Marks that turn the direction of text around are no control characters to `char`, but a terminal obeys them.
        if c.is_control() || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}') {
            out.extend(c.escape_default());
        } else {
            out.push(c);
        }
    }
    out
}

/// An error and its causes, each once, in one line.
#[must_use]
pub fn chain(err: &(dyn std::error::Error + 'static)) -> String {
    let mut out = err.to_string();
    let mut next = err.source();
    while let Some(cause) = next {
        let text = cause.to_string();
        if !out.contains(&text) {
            out.push_str(": ");
            out.push_str(&text);
        }
        next = cause.source();
    }
    peer_text(out.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::peer_text;

    #[test]
    fn text_of_a_peer_is_escaped_and_cut() {
        assert_eq!(peer_text(b"access \x1b[31mdenied\n"), "access \\u{1b}[31mdenied");
        assert_eq!(peer_text("a\u{202e}b".as_bytes()), "a\\u{202e}b");
        assert!(peer_text(&[b'x'; 5000]).len() < 500);
        assert_eq!(peer_text(b"\xff"), "\u{fffd}");
    }
}
