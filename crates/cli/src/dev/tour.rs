//! Plays commit, drift, prune and revert through, and measures each.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use serde_json::{Value, json};

use super::plane::Plane;
use super::{commit, moves, report};
use crate::cluster::item;
use crate::escape::line;
use crate::output::{self, talk};
use crate::table::Table;

/// No step takes longer, even on a slow machine.
const STEP: Duration = Duration::from_secs(60);
const OVERLAY: &str = "overlays/production/kustomization.yaml";
const BUDGET: &str = "overlays/production/pod-disruption-budget.yaml";

/// Runs all steps on the example that the plane serves.
///
/// # Errors
/// When a step fails or does not end.
pub async fn run(plane: &Plane) -> anyhow::Result<ExitCode> {
    let root = plane.repository.root.clone();
    let mut steps = Steps { table: Table::new(&["step", "what you see", "time"]), number: 0 };
    let first = Instant::now();
    ready(plane, None).await.context("the first sync")?;
    steps.done("sync", "base and two overlays run, everything is ready", first.elapsed());
    let _moves = moves::follow(plane);
    // The follower must have seen what is there before something else is.
    tokio::time::sleep(Duration::from_millis(300)).await;

    steps.begin("commit: three replicas become four, and a new version of the image");
    edit(&root, OVERLAY, &[("count: 3", "count: 4"), ("newTag: 1.4.2", "newTag: 1.4.3")])?;
    let start = Instant::now();
    let id = commit::all(&root, "Scale up and ship 1.4.3")?;
    applied(plane, |it| it.pointer("/spec/replicas") == Some(&json!(4))).await.context("the commit is not applied")?;
    let took = start.elapsed();
    ready(plane, Some(&id)).await.context("the commit does not become ready")?;
    steps.done(
        "commit",
        &format!("Deployment has 4 replicas; ready {:.2} s after the commit", start.elapsed().as_secs_f64()),
        took,
    );

    steps.begin("drift: somebody scales the Deployment to one");
    let path = deployment();
    let start = Instant::now();
    plane.cluster.merge(&path, &json!({"spec": {"replicas": 1}}), "kubectl-edit").await?;
    applied(plane, |it| it.pointer("/spec/replicas") == Some(&json!(4))).await.context("the drift is not corrected")?;
    steps.done("drift", "Deployment has 4 replicas again", start.elapsed());

    steps.begin("drift: somebody deletes the Service");
    let service = item("v1", "services", "production", "web-app");
    let uid = sluice_object::uid(&plane.cluster.get(&service).await?.context("no Service")?).to_owned();
    let start = Instant::now();
    plane.cluster.delete(&service).await?;
    until(plane, &service, |it| it.is_some_and(|it| sluice_object::uid(it) != uid))
        .await
        .context("the Service stays away")?;
    steps.done("delete", "Service is back", start.elapsed());

    steps.begin("prune: the PodDisruptionBudget leaves the repository");
    edit(&root, OVERLAY, &[("  - pod-disruption-budget.yaml\n", "")])?;
    let kept = fs::read(root.join(BUDGET))?;
    fs::remove_file(root.join(BUDGET))?;
    let start = Instant::now();
    commit::all(&root, "Drop the disruption budget")?;
    let budget = item("policy/v1", "poddisruptionbudgets", "production", "web-app");
    until(plane, &budget, |it| it.is_none()).await.context("the PodDisruptionBudget is not pruned")?;
    steps.done("prune", "PodDisruptionBudget is gone", start.elapsed());

    steps.begin("revert: back to the first commit");
    edit(
        &root,
        OVERLAY,
        &[
            ("  - namespace.yaml\n", "  - namespace.yaml\n  - pod-disruption-budget.yaml\n"),
            ("count: 4", "count: 3"),
            ("newTag: 1.4.3", "newTag: 1.4.2"),
        ],
    )?;
    fs::write(root.join(BUDGET), kept)?;
    let start = Instant::now();
    let id = commit::all(&root, "Revert")?;
    applied(plane, |it| it.pointer("/spec/replicas") == Some(&json!(3))).await.context("the revert is not applied")?;
    until(plane, &budget, |it| it.is_some()).await.context("the PodDisruptionBudget is not back")?;
    ready(plane, Some(&id)).await.context("the revert does not become ready")?;
    steps.done("revert", "3 replicas, the PodDisruptionBudget is back, everything is ready", start.elapsed());

    output::data(&format!("{}\n{}", steps.table.render(), report::table(plane).await?))?;
    Ok(ExitCode::SUCCESS)
}

struct Steps {
    table: Table,
    number: usize,
}

impl Steps {
    fn begin(&mut self, what: &str) {
        self.number += 1;
        talk::plain(&format!("\n── {} · {}", self.number, line(what)));
    }

    fn done(&mut self, step: &str, what: &str, took: Duration) {
        self.table.row([step, what, &format!("{:.2} s", took.as_secs_f64())]);
        talk::success(&format!("{step}: {what} ({:.2} s)", took.as_secs_f64()));
    }
}

/// Replaces texts in a file, each of which must be there.
fn edit(root: &Path, file: &str, replacements: &[(&str, &str)]) -> anyhow::Result<()> {
    let path = root.join(file);
    let mut text = fs::read_to_string(&path).with_context(|| format!("`{file}`"))?;
    for (old, new) in replacements {
        ensure!(text.contains(old), "`{file}` of the example does not say `{}`", old.trim());
        text = text.replacen(old, new, 1);
    }
    fs::write(&path, text).with_context(|| format!("`{file}`"))
}

fn deployment() -> String {
    item("apps/v1", "deployments", "production", "web-app")
}

/// Waits until the Deployment is as wanted.
async fn applied(plane: &Plane, wanted: impl Fn(&Value) -> bool) -> anyhow::Result<()> {
    until(plane, &deployment(), |it| it.is_some_and(&wanted)).await
}

/// Looks at an object until it is as wanted.
async fn until(plane: &Plane, path: &str, wanted: impl Fn(Option<&Value>) -> bool) -> anyhow::Result<()> {
    let end = Instant::now() + STEP;
    while Instant::now() < end {
        if wanted(plane.cluster.get(path).await?.as_ref()) {
            return Ok(());
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    bail!("not within {} s", STEP.as_secs())
}

/// Waits until everything is ready, at a commit where one is named.
async fn ready(plane: &Plane, commit: Option<&str>) -> anyhow::Result<()> {
    let mut state = plane.state.subscribe();
    let wanted = state.wait_for(|it| commit.map_or_else(|| it.all_ready(), |commit| it.all_at(commit)));
    if tokio::time::timeout(STEP, wanted).await.is_ok() {
        return Ok(());
    }
    bail!("not within {} s:\n{}", STEP.as_secs(), plane.state.borrow().not_ready().join("\n"))
}
