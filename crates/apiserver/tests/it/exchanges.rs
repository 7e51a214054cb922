//! Recorded conversations with the real API server, sent by the suite's own runner.

use std::process::{Command, Stdio};

use sluice_apiserver::{Config, start};
use sluice_testing::suite;

/// How many conversations agree, of 181; it may only rise. One shows the certificate of the recorded server's
/// authority, which no other server has.
const FLOOR: usize = 180;

#[tokio::test(flavor = "multi_thread")]
async fn recorded_conversations_go_as_with_the_real_server() {
    let Some(suite) = suite("apiserver") else { return };
    let folder = tempfile::tempdir().unwrap();
    let kubeconfig = folder.path().join("kubeconfig");
    let config = Config { simulate: false, kubeconfig_out: Some(kubeconfig.clone()), ..Config::default() };
    let server = start(config).await.unwrap();
    // Most of the time goes by in waiting for watches to end, so many run at once.
    let mut runner = Command::new("python3");
    runner.arg(suite.dir().join("run.py")).arg("--kubeconfig").arg(&kubeconfig).args(["--jobs", "16"]);
    let run = move || runner.stdin(Stdio::null()).output();
    let output = tokio::task::spawn_blocking(run).await.unwrap().expect("python3 is there");
    server.shutdown().await;
    let text = String::from_utf8_lossy(&output.stdout);
    let said = format!("{text}{}", String::from_utf8_lossy(&output.stderr));
    let summary = text.lines().find(|line| line.contains(" cases agree")).unwrap_or_else(|| panic!("{said}"));
    let agree: usize = summary.split(' ').next().unwrap().parse().unwrap();
    #[allow(clippy::print_stderr, reason = "the count is told as those of all suites")]
    {
        eprintln!("apiserver: {summary}");
    }
    assert!(agree >= FLOOR, "{said}");
}
