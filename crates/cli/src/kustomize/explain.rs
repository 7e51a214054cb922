//! `sluice kustomize explain`: what the fields of a kustomization mean.

use anyhow::bail;
use clap::Args;

use super::fields::{FIELDS, Field};
use crate::output;

const EXAMPLES: &str = "\
Examples:
  # All fields
  sluice kustomize explain

  # One, with its parts
  sluice kustomize explain patches
  sluice kustomize explain images.newTag";

/// Explain the fields of a kustomization file
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct ExplainArgs {
    /// Field, as it is written in the file; parts of it after a dot
    field: Option<String>,
}

/// Runs the command.
///
/// # Errors
/// When there is no such field.
pub fn run(args: &ExplainArgs) -> anyhow::Result<()> {
    let Some(wanted) = &args.field else {
        let top = FIELDS.iter().filter(|field| !field.name.contains('.'));
        let lines = top.map(|field| format!("{:<28}{}\n", field.name, first_sentence(field.meaning)));
        return output::data(&lines.collect::<String>());
    };
    let wanted = wanted.trim_start_matches("kustomization.").trim_matches('.');
    let Some(field) = FIELDS.iter().find(|field| field.name.eq_ignore_ascii_case(wanted)) else {
        bail!("a kustomization has no field `{wanted}`{}; `sluice kustomize explain` lists them", nearest(wanted));
    };
    output::data(&explained(field))
}

fn explained(field: &Field) -> String {
    let example: String = field.example.lines().map(|line| format!("  {line}\n")).collect();
    let mut text = format!("FIELD: {} <{}>\n\n  {}\n\nEXAMPLE:\n{example}", field.name, field.holds, field.meaning);
    let below = format!("{}.", field.name);
    let parts: Vec<&Field> = FIELDS.iter().filter(|part| part.name.starts_with(&below)).collect();
    if !parts.is_empty() {
        text.push_str("\nFIELDS:\n");
    }
    for part in parts {
        text.push_str(&format!(
            "  {:<20}<{}> {}\n",
            &part.name[below.len()..],
            part.holds,
            first_sentence(part.meaning)
        ));
    }
    text
}

fn first_sentence(text: &str) -> &str {
    text.find(". ").map_or(text, |end| &text[..=end])
}

/// A field that begins the same, for a slip.
fn nearest(wanted: &str) -> String {
    let common = |name: &str| name.bytes().zip(wanted.bytes()).take_while(|(a, b)| a.eq_ignore_ascii_case(b)).count();
    let best = FIELDS.iter().max_by_key(|field| common(field.name));
    best.filter(|field| common(field.name) >= 3)
        .map_or(String::new(), |field| format!(" (did you mean `{}`?)", field.name))
}
