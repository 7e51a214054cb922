//! The command as people and scripts see it: stdout, stderr, exit code. What needs a cluster is tested end to end.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod build;
mod charts;
mod edit;
mod helm;
mod image;
mod kustomize;
mod localize;
mod preview;
mod usage;

use std::path::Path;
use std::process::Command;

/// What a run gave.
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

/// Runs `sluice` in a folder, away from any cluster of whoever runs the tests.
fn sluice(folder: &Path, arguments: &[&str]) -> Run {
    let output = Command::new(env!("CARGO_BIN_EXE_sluice"))
        .args(arguments)
        .current_dir(folder)
        .env("KUBECONFIG", "/nonexistent/kubeconfig")
        .env_remove("KUBERNETES_SERVICE_HOST")
        .env_remove("FLUX_SYSTEM_NAMESPACE")
        .output()
        .unwrap();
    Run {
        code: output.status.code().unwrap(),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

fn write(root: &Path, path: &str, text: &str) {
    let file = root.join(path);
    std::fs::create_dir_all(file.parent().unwrap()).unwrap();
    std::fs::write(file, text).unwrap();
}
