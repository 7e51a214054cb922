//! Says what happens, as it happens: coloured for people, plain lines otherwise.

use std::collections::HashMap;
use std::io::Write as _;
use std::sync::PoisonError;
use std::time::Instant;

use serde_json::Value;
use sluice_object::{kind, name, namespace};
use tokio::task::JoinHandle;

use super::has_colours;
use super::plane::Plane;
use super::state::{Happening, Key, is_ready};
use crate::escape::{line, short_hashes};
use crate::wait::condition;

/// Stops when it is dropped.
pub struct Telling(JoinHandle<()>);

impl Drop for Telling {
    fn drop(&mut self) {
        self.0.abort();
    }
}

/// Tells everything until it is dropped.
pub fn tell(plane: &Plane) -> Telling {
    let happenings = plane.happenings.lock().unwrap_or_else(PoisonError::into_inner).take();
    let mut teller = Teller::new(plane.started, has_colours());
    Telling(tokio::spawn(async move {
        let Some(mut happenings) = happenings else { return };
        while let Some(happening) = happenings.recv().await {
            for line in teller.lines(&happening) {
                let _ = writeln!(std::io::stderr().lock(), "{line}");
            }
        }
    }))
}

/// Lines of a notification that are shown below its first.
const NOTIFIED: usize = 8;
/// As wide as the time and the mark of a line.
const INDENT: &str = "           ";

/// Turns happenings into lines.
struct Teller {
    started: Instant,
    colours: bool,
    /// When the repository moved last: later lines tell how long after.
    moved: Option<Instant>,
    /// The revision that each Kustomization has applied.
    applied: HashMap<Key, String>,
    /// What was said of each object last.
    said: HashMap<(String, Key), String>,
}

#[derive(Clone, Copy)]
enum Colour {
    Green,
    Yellow,
    Red,
    Cyan,
    Grey,
}

impl Teller {
    fn new(started: Instant, colours: bool) -> Self {
        Self { started, colours, moved: None, applied: HashMap::new(), said: HashMap::new() }
    }

    fn lines(&mut self, happening: &Happening) -> Vec<String> {
        match happening {
            Happening::Moved { head } => {
                self.moved = Some(Instant::now());
                let what = match head {
                    Some((id, message)) => format!("commit {} {}", &id[..id.len().min(8)], line(message)),
                    None => "the folder has changed".to_owned(),
                };
                vec![self.line(Colour::Cyan, "●", &what, false)]
            }
            Happening::Changed { before, now } => self.changed(before.as_deref(), now),
            Happening::Event(event) => self.event(event),
            Happening::Notified { lines } => self.notified(lines),
        }
    }

    /// A notification, its further lines below the first.
    fn notified(&self, said: &[String]) -> Vec<String> {
        let Some((first, rest)) = said.split_first() else { return Vec::new() };
        let mut lines = vec![self.line(Colour::Grey, "✉", &short_hashes(first), false)];
        lines.extend(rest.iter().take(NOTIFIED).map(|it| format!("{INDENT}{}", line(&short_hashes(it)))));
        if rest.len() > NOTIFIED {
            lines.push(format!("{INDENT}({} more lines)", rest.len() - NOTIFIED));
        }
        lines
    }

    fn changed(&mut self, before: Option<&Value>, now: &Value) -> Vec<String> {
        let key = (namespace(now).to_owned(), name(now).to_owned());
        let who = format!("{}/{}", kind(now), key.1);
        let mut lines = Vec::new();
        if kind(now) == "GitRepository" {
            let revision =
                |it: &Value| it.pointer("/status/artifact/revision").and_then(Value::as_str).map(str::to_owned);
            if let Some(new) = revision(now).filter(|new| before.and_then(revision).as_ref() != Some(new)) {
                lines.push(self.line(Colour::Cyan, "↓", &format!("{who} fetched {}", short_hashes(&new)), true));
            }
        }
        let Some(ready) = condition(now, "Ready") else { return lines };
        let message = ready["message"].as_str().unwrap_or_default();
        let said = format!("{} {message}", ready["status"].as_str().unwrap_or_default());
        if self.said.insert((kind(now).to_owned(), key.clone()), said.clone()).as_ref() == Some(&said) {
            return lines;
        }
        let text = short_hashes(message);
        if ready["status"] == "False" {
            let waits = matches!(
                ready["reason"].as_str(),
                Some("DependencyNotReady" | "Progressing" | "HealthCheckCanceled" | "SourceNotReady")
            ) || message.starts_with("Source artifact not found");
            let (colour, mark) = if waits { (Colour::Grey, "◎") } else { (Colour::Red, "✗") };
            lines.push(self.line(colour, mark, &format!("{who} {text}"), false));
        } else if kind(now) == "Kustomization" && is_ready(now) {
            let applied = now.pointer("/status/lastAppliedRevision").and_then(Value::as_str).unwrap_or_default();
            self.applied.insert(key, applied.to_owned());
            lines.push(self.line(Colour::Green, "✔", &format!("{who} ready: {text}"), true));
        } else if kind(now) == "HelmRelease" && is_ready(now) {
            lines.push(self.line(Colour::Green, "✔", &format!("{who} ready: {text}"), true));
        }
        lines
    }

    /// The changes that a Kustomization tells about, a line each.
    fn event(&mut self, event: &Value) -> Vec<String> {
        let text = |pointer: &str| event.pointer(pointer).and_then(Value::as_str).unwrap_or_default();
        if text("/involvedObject/kind") != "Kustomization" || text("/type") == "Warning" {
            return Vec::new();
        }
        let key = (text("/involvedObject/namespace").to_owned(), text("/involvedObject/name").to_owned());
        let annotations = event.pointer("/metadata/annotations").and_then(Value::as_object);
        let revision = annotations.into_iter().flatten().find(|it| it.0.ends_with("/revision"));
        let revision = revision.and_then(|it| it.1.as_str()).unwrap_or_default();
        // Of a revision that was applied already, only what somebody else changed is left to put right.
        let drift = !revision.is_empty() && self.applied.get(&key).is_some_and(|it| it == revision);
        let mut lines = Vec::new();
        for entry in text("/message").lines() {
            let Some((object, action)) = entry.rsplit_once(' ') else { continue };
            let (colour, mark, what) = match action {
                "created" if drift => (Colour::Yellow, "↺", "was deleted: created again"),
                "configured" if drift => (Colour::Yellow, "↺", "drifted: put back"),
                "created" => (Colour::Green, "+", "created"),
                "configured" => (Colour::Yellow, "~", "changed"),
                "deleted" => (Colour::Red, "-", "pruned"),
                _ => continue,
            };
            if object.contains('/') && !object.contains(' ') {
                lines.push(self.line(colour, mark, &format!("{object} {what}"), false));
            }
        }
        lines
    }

    fn line(&self, colour: Colour, mark: &str, text: &str, timed: bool) -> String {
        let time = format!("{:7.2}s", self.started.elapsed().as_secs_f64());
        let after = self.moved.filter(|_| timed).map(|it| it.elapsed());
        let after =
            after.filter(|it| it.as_secs() < 60).map(|it| format!(" ({:.2} s after the commit)", it.as_secs_f64()));
        let (text, after) = (line(text), after.unwrap_or_default());
        if !self.colours {
            return format!("{time} {mark} {text}{after}");
        }
        let code = match colour {
            Colour::Green => 32,
            Colour::Yellow => 33,
            Colour::Red => 31,
            Colour::Cyan => 36,
            Colour::Grey => 90,
        };
        format!("\u{1b}[90m{time}\u{1b}[0m \u{1b}[{code}m{mark}\u{1b}[0m {text}\u{1b}[90m{after}\u{1b}[0m")
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn event(message: &str) -> Happening {
        Happening::Event(Box::new(json!({
            "metadata": {"annotations": {"kustomize.toolkit.fluxcd.io/revision": "main@sha1:1"}}, "type": "Normal",
            "involvedObject": {"kind": "Kustomization", "namespace": "n", "name": "a"}, "message": message,
        })))
    }

    fn told(teller: &mut Teller, happening: &Happening) -> Vec<String> {
        teller.lines(happening).iter().map(|it| it[9..].to_owned()).collect()
    }

    #[test]
    fn a_change_of_an_applied_revision_is_drift() {
        let mut teller = Teller::new(Instant::now(), false);
        let changes = event("Deployment/p/web configured\nService/p/web created\nReconciliation finished in 1s");
        assert_eq!(told(&mut teller, &changes), ["~ Deployment/p/web changed", "+ Service/p/web created"]);
        let ready = json!({"kind": "Kustomization", "metadata": {"name": "a", "namespace": "n", "generation": 1},
            "status": {"observedGeneration": 1, "lastAppliedRevision": "main@sha1:1",
                "conditions": [{"type": "Ready", "status": "True", "message": "Applied revision: main@sha1:1"}]}});
        let ready = Happening::Changed { before: None, now: Box::new(ready) };
        assert_eq!(told(&mut teller, &ready), ["✔ Kustomization/a ready: Applied revision: main@sha1:1"]);
        assert_eq!(
            told(&mut teller, &changes),
            ["↺ Deployment/p/web drifted: put back", "↺ Service/p/web was deleted: created again"]
        );
        assert_eq!(told(&mut teller, &ready), Vec::<String>::new());
    }

    #[test]
    fn a_notification_has_a_line_for_each_of_its_own() {
        let mut teller = Teller::new(Instant::now(), false);
        let lines = ["kustomization/app.ns: Applied", "\u{1b}[2J", "revision: main@sha1:1"].map(str::to_owned).into();
        let shown = teller.lines(&Happening::Notified { lines });
        assert_eq!(shown[0][9..], *"✉ kustomization/app.ns: Applied");
        assert_eq!(shown[1..], ["           \\u{1b}[2J", "           revision: main@sha1:1"]);
        let lines = (0..20).map(|n| n.to_string()).collect();
        assert_eq!(teller.lines(&Happening::Notified { lines }).last().unwrap().trim(), "(11 more lines)");
    }

    #[test]
    fn a_commit_message_cannot_command_the_terminal() {
        let mut teller = Teller::new(Instant::now(), false);
        let moved = Happening::Moved { head: Some(("0123456789".to_owned(), "x\u{1b}[2J".to_owned())) };
        assert_eq!(told(&mut teller, &moved), ["● commit 01234567 x\\u{1b}[2J"]);
    }
}
