//! The answer, for people, for a pull request, for programs.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::plan::{Change, Part, Plan};
use crate::{compare, escape};

/// For people.
pub fn text(plan: &Plan) -> String {
    let mut out = String::new();
    for part in plan.parts.iter().filter(|it| is_worth_telling(it)) {
        let _ = writeln!(out, "Kustomization {}{}", part.name, folder(part));
        for change in &part.changes {
            match change {
                Change::Created(object) => {
                    let _ = writeln!(out, "  + {object}");
                }
                Change::Deleted(object) => {
                    let _ = writeln!(out, "  - {object}");
                }
                Change::Changed { object, was, fields } => {
                    let was = was.as_ref().map(|it| format!(" (was {it})")).unwrap_or_default();
                    let _ = writeln!(out, "  ~ {object}{was}");
                    out.push_str(&compare::lines(fields, "      "));
                }
            }
        }
        for error in &part.errors {
            let _ = writeln!(out, "  ✗ {error}");
        }
        for note in &part.notes {
            let _ = writeln!(out, "  ! {note}");
        }
        out.push('\n');
    }
    let _ = writeln!(out, "{}", summary(plan));
    escape::lines(&out).into_owned()
}

/// For the description of a pull request.
pub fn markdown(plan: &Plan) -> String {
    let mut out = format!("### Preview\n\n{}\n", summary(plan));
    for part in plan.parts.iter().filter(|it| is_worth_telling(it)) {
        let _ = writeln!(
            out,
            "\n<details open><summary>Kustomization <code>{}</code>{}</summary>\n",
            html(&part.name),
            html(&folder(part))
        );
        let mut diff = String::new();
        for change in &part.changes {
            match change {
                Change::Created(object) => {
                    let _ = writeln!(diff, "+ {object}");
                }
                Change::Deleted(object) => {
                    let _ = writeln!(diff, "- {object}");
                }
                Change::Changed { object, was, fields } => {
                    let was = was.as_ref().map(|it| format!(" (was {it})")).unwrap_or_default();
                    let _ = writeln!(diff, "! {object}{was}");
                    diff.push_str(&compare::lines(fields, "    "));
                }
            }
        }
        for error in &part.errors {
            let _ = writeln!(diff, "# error: {error}");
        }
        for note in &part.notes {
            let _ = writeln!(diff, "# {note}");
        }
        // Whatever a value holds, it stays inside of the block.
        let fence = "`".repeat(3.max(longest_fence(&diff) + 1));
        let _ = writeln!(out, "{fence}diff\n{diff}{fence}\n</details>");
    }
    escape::lines(&out).into_owned()
}

/// For programs.
pub fn json(plan: &Plan) -> String {
    let parts: Vec<Value> = plan.parts.iter().map(part_json).collect();
    let (created, changed, deleted) = plan.counts();
    let answer = json!({
        "old": plan.old, "new": plan.new,
        "summary": {"created": created, "changed": changed, "deleted": deleted},
        "kustomizations": parts,
    });
    format!("{answer:#}\n")
}

fn part_json(part: &Part) -> Value {
    let changes: Vec<Value> = part.changes.iter().map(change_json).collect();
    json!({"name": part.name, "path": part.path, "changes": changes, "errors": part.errors, "notes": part.notes})
}

fn change_json(change: &Change) -> Value {
    let (action, object) = match change {
        Change::Created(object) => ("created", object),
        Change::Deleted(object) => ("deleted", object),
        Change::Changed { object, .. } => ("changed", object),
    };
    let mut value = json!({
        "action": action, "apiVersion": object.gvk.api_version(), "kind": object.gvk.kind,
        "namespace": object.namespace, "name": object.name,
    });
    if let Change::Changed { was, fields, .. } = change {
        let field = |it: &compare::Field| json!({"path": it.path, "old": it.old, "new": it.new});
        value["fields"] = fields.iter().map(field).collect();
        if let Some(was) = was {
            value["was"] = was.as_str().into();
        }
    }
    value
}

fn is_worth_telling(part: &Part) -> bool {
    !part.changes.is_empty() || !part.errors.is_empty()
}

fn folder(part: &Part) -> String {
    if part.path == part.name || part.path.is_empty() { String::new() } else { format!(" (./{})", part.path) }
}

fn summary(plan: &Plan) -> String {
    let (created, changed, deleted) = plan.counts();
    let errors: usize = plan.parts.iter().map(|it| it.errors.len()).sum();
    let errors = if errors == 0 { String::new() } else { format!(", {errors} errors") };
    format!("{} → {}: {created} created, {changed} changed, {deleted} deleted{errors}", plan.old, plan.new)
}

fn html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

fn longest_fence(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}
