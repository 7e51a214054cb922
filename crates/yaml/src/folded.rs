//! What kustomize makes of a folded text.
//!
//! kustomize writes every resource as YAML and reads that before it prints. Its writer puts one line break too many
//! after each line of a folded text that is not indented further, because it looks at the start of the whole text where
//! it means the next line. Reading folds most of them away again; what stays is an extra empty line before lines that are
//! indented further and at the end of a text that keeps its empty lines.

use std::borrow::Cow;

/// The text after that round trip.
pub(crate) fn rewritten(text: Cow<'_, str>) -> String {
    if !text.contains('\n') || !is_written_folded(&text) {
        return text.into_owned();
    }
    read(&written(&text), ending(&text))
}

/// Whether the writer takes a block at all; quoted text survives the trip.
fn is_written_folded(text: &str) -> bool {
    let printable = |c: char| matches!(c, '\t' | '\n' | ' '..='~' | '\u{a0}'..='\u{d7ff}' | '\u{e000}'..='\u{fffd}');
    !text.ends_with(' ') && !text.contains(" \n") && text.chars().all(|c| printable(c) && c != '\u{feff}')
}

/// The lines as the writer puts them, without indentation.
pub(crate) fn written(text: &str) -> String {
    let starts_blank = text.trim_start_matches('\n').starts_with(is_blank);
    let mut lines = String::with_capacity(text.len() + 16);
    let (mut after_break, mut is_indented) = (true, true);
    for c in text.chars() {
        if c == '\n' {
            if !after_break && !is_indented && !starts_blank {
                lines.push('\n');
            }
            after_break = true;
        } else {
            if after_break {
                is_indented = is_blank(c);
            }
            after_break = false;
        }
        lines.push(c);
    }
    lines
}

#[derive(Clone, Copy, PartialEq)]
enum Ending {
    Strip,
    Clip,
    Keep,
}

fn ending(text: &str) -> Ending {
    match text.strip_suffix('\n') {
        None => Ending::Strip,
        Some(rest) if rest.is_empty() || rest.ends_with('\n') => Ending::Keep,
        Some(_) => Ending::Clip,
    }
}

/// Folds lines as a YAML reader does.
fn read(lines: &str, ending: Ending) -> String {
    let mut text = String::with_capacity(lines.len());
    let (mut breaks, mut is_first, mut was_indented) = (0, true, false);
    for line in lines.split('\n') {
        if line.is_empty() {
            breaks += 1;
            continue;
        }
        let is_indented = line.starts_with(is_blank);
        if is_first {
            text.extend(std::iter::repeat_n('\n', breaks));
        } else if was_indented || is_indented {
            text.extend(std::iter::repeat_n('\n', breaks + 1));
        } else if breaks == 0 {
            text.push(' ');
        } else {
            text.extend(std::iter::repeat_n('\n', breaks));
        }
        text.push_str(line);
        (breaks, is_first, was_indented) = (0, false, is_indented);
    }
    match ending {
        Ending::Strip => {}
        Ending::Clip => text.push('\n'),
        // Without any line, the last of the pieces is no break.
        Ending::Keep if is_first => text.extend(std::iter::repeat_n('\n', breaks.saturating_sub(1))),
        Ending::Keep => text.extend(std::iter::repeat_n('\n', breaks)),
    }
    text
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t')
}

#[cfg(test)]
mod tests {
    use super::rewritten;

    #[track_caller]
    fn check(text: &str, want: &str) {
        assert_eq!(rewritten(text.into()), want, "{text:?}");
    }

    #[test]
    fn lines_indented_further_get_an_empty_line_before_them() {
        check("x\n  y\nz\n", "x\n\n  y\nz\n");
        check("x\n  y\n  w\n\nz", "x\n\n  y\n  w\n\nz");
    }

    #[test]
    fn kept_empty_lines_become_one_more() {
        check("x\n\n\n", "x\n\n\n\n");
        check("\n\n", "\n\n");
    }

    #[test]
    fn plain_paragraphs_stay() {
        check("x y\nz\n", "x y\nz\n");
        check("x", "x");
    }
}
