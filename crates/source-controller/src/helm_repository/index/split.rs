//! Cuts an index in YAML into its entries without parsing the whole of it.
//!
//! Repositories write one layout, a line for each key. What has another one is not cut ([`Cut::Otherwise`]), and its
//! reader has to take it whole.

use std::io::{self, BufRead};

/// Why an index is not cut.
#[derive(Debug)]
pub enum Cut {
    /// It is laid out in another way, or is no YAML.
    Otherwise,
    /// It cannot be read, or an entry not taken.
    Failed(io::Error),
}

impl From<io::Error> for Cut {
    fn from(error: io::Error) -> Self {
        Cut::Failed(error)
    }
}

/// What is outside of `entries`, at most.
const HEAD: usize = 1 << 20;

/// Gives the text of each entry, a YAML list of one item, to `take`, with the line that names its chart; returns what
/// stands outside of `entries`.
pub fn split(mut input: impl BufRead, mut take: impl FnMut(&str, &str) -> Result<(), Cut>) -> Result<String, Cut> {
    let (mut head, mut line) = (String::new(), String::new());
    let mut chart: Option<(usize, String)> = None;
    let mut item: Option<(usize, String)> = None;
    let mut inside = false;
    loop {
        line.clear();
        let read = input.read_line(&mut line).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => Cut::Otherwise,
            _ => Cut::Failed(error),
        })?;
        let text = line.trim_end();
        let indent = text.len() - text.trim_start_matches(' ').len();
        let content = &text[indent..];
        let is_noise = content.is_empty() || content.starts_with('#');
        if read != 0 && is_noise {
            // In the middle of an entry it may be part of a text.
            if let Some((_, item)) = &mut item {
                item.push_str(&line);
            }
            continue;
        }
        // A deeper line belongs to the entry.
        if read != 0
            && let Some((at, item)) = &mut item
            && indent > *at
        {
            item.push_str(&line);
            continue;
        }
        if let (Some((_, name)), Some((_, text))) = (&chart, item.take()) {
            take(name, &text)?;
        }
        if read == 0 {
            return Ok(head);
        }
        let is_item = content == "-" || content.starts_with("- ");
        let is_chart = content.ends_with(':') && !is_item;
        match (&chart, inside) {
            (_, true) if indent == 0 && !is_item => {
                (inside, chart) = (false, None);
                inside |= begin(text, &line, &mut head)?;
            }
            (Some((at, _)), true) if is_item && indent >= *at => item = Some((indent, line.clone())),
            (None, true) if indent > 0 && is_chart => chart = Some((indent, line.clone())),
            (Some((at, _)), true) if indent == *at && is_chart => chart = Some((indent, line.clone())),
            (_, true) => return Err(Cut::Otherwise),
            (_, false) => inside |= begin(text, &line, &mut head)?,
        }
    }
}

/// Whether a line outside of `entries` begins them; else it is kept.
fn begin(text: &str, line: &str, head: &mut String) -> Result<bool, Cut> {
    if text == "entries:" {
        return Ok(true);
    }
    if head.len() + line.len() > HEAD {
        return Err(Cut::Otherwise);
    }
    head.push_str(line);
    Ok(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pieces(text: &str) -> Option<(String, Vec<(String, String)>)> {
        let mut found = Vec::new();
        let head = split(text.as_bytes(), |chart, item| {
            found.push((chart.trim().to_owned(), item.to_owned()));
            Ok(())
        });
        head.ok().map(|head| (head, found))
    }

    #[test]
    fn each_entry_is_a_piece() {
        let text = "apiVersion: v1\nentries:\n  a:\n  - version: 1\n    description: |\n      x\n\n      # y\n  - version: 2\n  \
                    b:\n    - version: 3\ngenerated: now\n";
        let (head, found) = pieces(text).unwrap();
        assert_eq!(head, "apiVersion: v1\ngenerated: now\n");
        let want = [
            ("a:", "  - version: 1\n    description: |\n      x\n\n      # y\n"),
            ("a:", "  - version: 2\n"),
            ("b:", "    - version: 3\n"),
        ];
        assert_eq!(found, want.map(|(a, b)| (a.to_owned(), b.to_owned())));
    }

    #[test]
    fn another_layout_is_not_cut() {
        assert_eq!(pieces("entries: {a: []}\n").unwrap().1, []);
        assert!(pieces("entries:\n  - a\n").is_none());
        assert!(pieces("entries:\n    a:\n    - b: 1\n  c:\n").is_none());
        assert!(pieces("entries:\n  a:\n  - b: 'x\n y'\n").is_none());
        assert!(pieces("").unwrap().1.is_empty());
    }
}
