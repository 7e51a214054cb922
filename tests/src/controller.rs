//! A controller as a process of its own, which can be killed and started again.

use std::fs::{File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// A controller process.
pub struct Controller {
    name: &'static str,
    program: PathBuf,
    args: Vec<String>,
    env: Vec<(String, String)>,
    log: PathBuf,
    child: Option<Child>,
}

/// A binary of the workspace, beside the test that runs.
///
/// # Panics
/// When it has not been built, with the command that builds it.
#[must_use]
pub fn binary(name: &str) -> PathBuf {
    let test = std::env::current_exe().expect("a process knows its program");
    // target/debug/deps/it-0123 → target/debug
    let folder = test.parent().and_then(Path::parent).expect("tests lie in target/PROFILE/deps");
    let found = folder.join(name);
    assert!(found.is_file(), "{} is not there; build it with `cargo build --workspace --bins`", found.display());
    found
}

impl Controller {
    pub(crate) fn new(name: &'static str, args: Vec<String>, env: Vec<(String, String)>, folder: &Path) -> Self {
        Controller { name, program: binary(name), args, env, log: folder.join(format!("{name}.log")), child: None }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'static str {
        self.name
    }

    /// Starts it; its log goes on where it was.
    ///
    /// # Panics
    /// When it runs already or cannot be started.
    pub fn start(&mut self) {
        assert!(self.child.is_none(), "{} runs already", self.name);
        let log: File = OpenOptions::new().create(true).append(true).open(&self.log).expect("the log can be written");
        let both = log.try_clone().expect("a file can be shared");
        let mut command = Command::new(&self.program);
        command.args(&self.args).envs(self.env.iter().cloned());
        command.stdin(Stdio::null()).stdout(log).stderr(both);
        self.child = Some(command.spawn().unwrap_or_else(|error| panic!("{}: {error}", self.program.display())));
    }

    /// Starts it with other flags from now on.
    pub fn restart_with(&mut self, flags: &[&str]) {
        self.kill();
        self.args.extend(flags.iter().map(|it| (*it).to_owned()));
        self.start();
    }

    /// `kill -9`.
    pub fn kill(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }

    /// SIGTERM; returns how it ended, and after how long.
    ///
    /// # Panics
    /// When it is still there at the deadline.
    pub async fn terminate(&mut self, deadline: Duration) -> (ExitStatus, Duration) {
        let mut child = self.child.take().unwrap_or_else(|| panic!("{} does not run", self.name));
        let start = Instant::now();
        let told = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
        assert!(told.is_ok_and(|it| it.success()), "{} cannot be told to end", self.name);
        loop {
            if let Some(status) = child.try_wait().expect("a child can be waited for") {
                return (status, start.elapsed());
            }
            if start.elapsed() > deadline {
                let _ = child.kill();
                panic!("{} was still there {deadline:?} after SIGTERM", self.name);
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// Whether it still runs.
    pub fn is_running(&mut self) -> bool {
        self.child.as_mut().is_some_and(|child| matches!(child.try_wait(), Ok(None)))
    }

    /// Bytes of memory that it holds, and that it held at most.
    ///
    /// # Panics
    /// When it does not run.
    #[must_use]
    pub fn memory(&self) -> (u64, u64) {
        let child = self.child.as_ref().unwrap_or_else(|| panic!("{} does not run", self.name));
        let status = std::fs::read_to_string(format!("/proc/{}/status", child.id())).unwrap_or_default();
        let field = |name: &str| {
            let line = status.lines().find(|it| it.starts_with(name)).unwrap_or_default();
            line.split_whitespace().nth(1).and_then(|it| it.parse::<u64>().ok()).unwrap_or_default() * 1024
        };
        (field("VmRSS:"), field("VmHWM:"))
    }

    /// All that it logged.
    #[must_use]
    pub fn log(&self) -> String {
        std::fs::read(&self.log).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default()
    }
}

impl Drop for Controller {
    fn drop(&mut self) {
        self.kill();
        if std::thread::panicking() {
            let log = self.log();
            let lines: Vec<&str> = log.lines().collect();
            eprintln!("--- the end of the log of {}:", self.name);
            for line in &lines[lines.len().saturating_sub(25)..] {
                eprintln!("{line}");
            }
        }
    }
}
