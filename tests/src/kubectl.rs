//! The real `kubectl`, where there is one.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::world::workspace_root;

/// `kubectl` with a kubeconfig and a home of its own.
#[derive(Clone)]
pub struct Kubectl {
    program: PathBuf,
    kubeconfig: PathBuf,
    home: PathBuf,
}

/// What a command printed, and whether it succeeded.
#[derive(Debug)]
pub struct Output {
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
    /// The exit code.
    pub code: i32,
}

impl Kubectl {
    /// `SLUICE_KUBECTL`, else `target/tools/kubectl`, else the one on the path; `None`, said so, without any.
    #[must_use]
    pub(crate) fn find(kubeconfig: &Path, home: &Path) -> Option<Self> {
        let named = std::env::var_os("SLUICE_KUBECTL").map(PathBuf::from);
        let ours = Some(workspace_root().join("target/tools/kubectl")).filter(|it| it.is_file());
        let program = named.or(ours).unwrap_or_else(|| PathBuf::from("kubectl"));
        let mut version = Command::new(&program);
        version.args(["version", "--client"]).stdout(Stdio::null()).stderr(Stdio::null());
        if !version.status().is_ok_and(|it| it.success()) {
            eprintln!("skipped: no kubectl; set SLUICE_KUBECTL, or run `make e2e`, which installs it");
            return None;
        }
        Some(Kubectl { program, kubeconfig: kubeconfig.to_owned(), home: home.to_owned() })
    }

    /// Runs a command, its words parted by spaces.
    pub async fn run(&self, words: &str) -> Output {
        self.run_args(&words.split_whitespace().collect::<Vec<_>>(), "").await
    }

    /// Runs a command with standard input.
    ///
    /// # Panics
    /// When it cannot be started.
    pub async fn run_args(&self, args: &[&str], input: &str) -> Output {
        let mut command = Command::new(&self.program);
        command.args(args).env("KUBECONFIG", &self.kubeconfig).env("HOME", &self.home).env("KUBECTL_KUBERC", "false");
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let input = input.to_owned();
        let ran = tokio::task::spawn_blocking(move || {
            let mut child = command.spawn()?;
            if let Some(mut stdin) = child.stdin.take() {
                // A command that does not read its input closes it.
                let _ = std::io::Write::write_all(&mut stdin, input.as_bytes());
            }
            child.wait_with_output()
        });
        let output = ran.await.expect("the thread does not panic").expect("kubectl can be started");
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Output { out: text(&output.stdout), err: text(&output.stderr), code: output.status.code().unwrap_or(-1) }
    }

    /// Runs a command that is to succeed; returns its standard output.
    ///
    /// # Panics
    /// When it fails, with what it printed.
    pub async fn ok(&self, words: &str) -> String {
        let output = self.run(words).await;
        assert!(output.code == 0, "kubectl {words} ended with {}:\n{}{}", output.code, output.out, output.err);
        output.out
    }
}
