//! snakecase, kebabcase, camelcase: words by changes of case, as the library behind sprig finds them.

use crate::strings::{lower, upper};

#[derive(Clone, Copy, PartialEq, Debug)]
enum Kind {
    /// Begins with an upper-case letter, or with one that has no case.
    Upper,
    /// Lower-case letters only.
    Lower,
    Number,
    /// `_`, `-` or a white space: one by one.
    Connector,
    Other,
}

fn kind(c: char) -> Kind {
    if is_connector(c) {
        Kind::Connector
    } else if c.is_numeric() {
        Kind::Number
    } else if c.is_lowercase() {
        Kind::Lower
    } else if c.is_alphabetic() {
        Kind::Upper
    } else {
        Kind::Other
    }
}

fn is_connector(c: char) -> bool {
    matches!(c, '_' | '-') || c.is_whitespace()
}

/// The words of a text. Of several capitals in a row the last begins the next word: `HTTPServer`.
fn words(text: &str) -> Vec<(Kind, String)> {
    let chars: Vec<char> = text.chars().collect();
    let mut found = Vec::new();
    let mut at = 0;
    while at < chars.len() {
        let start = at;
        let first = kind(chars[at]);
        let run = |from: usize, wanted: Kind| chars[from..].iter().take_while(|c| kind(**c) == wanted).count();
        at += match first {
            Kind::Connector => 1,
            Kind::Upper => {
                let uppers = run(at, Kind::Upper);
                let lowers = run(at + uppers, Kind::Lower);
                match (uppers, lowers) {
                    (uppers, 0) => uppers,
                    (1, lowers) => 1 + lowers,
                    // The last capital goes to the next word.
                    (uppers, _) if chars[at + uppers - 1].is_uppercase() => uppers - 1,
                    (uppers, _) => uppers,
                }
            }
            other => run(at, other),
        };
        found.push((first, chars[start..at].iter().collect()));
    }
    found
}

/// The words with `connector` between them, in lower case.
pub(crate) fn snake(text: &str, connector: char) -> String {
    let words = words(text);
    let kind_at = |at: usize| words.get(at).map(|(kind, _)| *kind);
    let mut out = String::with_capacity(text.len() + 8);
    // Whether digits and small letters run on: `2m3s`, but not the 4 of `Bld4Floor`.
    let mut in_number = false;
    for (at, (kind, word)) in words.iter().enumerate() {
        let before = at.checked_sub(1).and_then(kind_at);
        let joint = match (before, kind) {
            (Some(Kind::Upper | Kind::Lower), Kind::Upper) => true,
            (Some(Kind::Upper), Kind::Lower) => true,
            (Some(Kind::Upper | Kind::Lower), Kind::Number) => !in_number && kind_at(at + 1) == Some(Kind::Lower),
            (Some(Kind::Number), Kind::Upper) => true,
            _ => false,
        };
        if joint {
            out.push(connector);
        }
        in_number = match kind {
            Kind::Number => in_number || !matches!(before, Some(Kind::Upper | Kind::Lower)) || joint,
            Kind::Lower => in_number && before == Some(Kind::Number),
            _ => false,
        };
        match kind {
            Kind::Connector => out.push(connector),
            Kind::Number | Kind::Other => out.push_str(word),
            _ => out.extend(word.chars().map(lower)),
        }
    }
    out
}

/// Words run together, each with a capital in front. A capital goes on as small letters up to the first letter that is
/// none; the last of several connectors vanishes.
pub(crate) fn camel(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let start = chars.iter().position(|c| !is_connector(*c)).unwrap_or(chars.len());
    let mut out: String = chars[..start].iter().collect();
    if start == chars.len() {
        // The library writes the last one of nothing but connectors twice.
        out.extend(chars.last());
        return out;
    }
    let (mut at_start, mut shouting) = (true, false);
    let mut at = start;
    while let Some(c) = chars.get(at).copied() {
        if is_connector(c) {
            let run = chars[at..].iter().take_while(|c| is_connector(**c)).count();
            let ends = at + run == chars.len();
            out.extend(&chars[at..at + run - usize::from(!ends)]);
            at += run;
            (at_start, shouting) = (true, false);
            continue;
        }
        if at_start {
            out.push(upper(c));
            (at_start, shouting) = (false, true);
        } else if shouting && c.is_uppercase() {
            out.push(lower(c));
        } else {
            shouting = false;
            out.push(c);
        }
        at += 1;
    }
    out
}

#[cfg(test)]
mod tests {
    use super::{camel, snake};

    #[test]
    fn words_are_found_by_case_and_number() {
        for (text, wanted) in [
            ("FirstName", "first_name"),
            ("HTTPServer", "http_server"),
            ("NoHTTPS", "no_https"),
            ("GO-PATH", "go_path"),
            ("http2xx", "http_2xx"),
            ("HTTP20xOK", "http_20x_ok"),
            ("Duration2m3s", "duration_2m3s"),
            ("Bld4Floor3rd", "bld4_floor_3rd"),
            ("x1y2Z3", "x_1y2_z3"),
            ("ab12CD34ef", "ab12_cd_34ef"),
            ("IPv4Addr", "i_pv4_addr"),
            ("  a", "__a"),
            ("1A", "1_a"),
        ] {
            assert_eq!(snake(text, '_'), wanted, "{text}");
        }
    }

    #[test]
    fn capitals_run_on_as_small_letters() {
        for (text, wanted) in [
            ("HTTPServer", "Httpserver"),
            ("NoHTTPS", "NoHTTPS"),
            ("GO_PATH", "GoPath"),
            ("a-_b", "A-B"),
            ("a  ", "A  "),
            ("_", "__"),
            ("IPv4Addr", "Ipv4Addr"),
        ] {
            assert_eq!(camel(text), wanted, "{text}");
        }
    }
}
