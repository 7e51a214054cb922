//! Runs the shared conformance suites and records how many of their cases pass.
//!
//! In: a suite's name and a check of one case. Out: `SUITE: passed/total` on standard output, what fails in
//! `target/conformance/SUITE.txt`, and a panic when fewer pass than the recorded floor. The suites lie outside this
//! repository, in the folder that `SLUICE_CONFORMANCE` names (default `../shared/conformance` beside the workspace);
//! without it a suite says that it skips.
#![allow(clippy::print_stdout, reason = "printing is what this crate is for")]

#[cfg(feature = "registry")]
mod registry;

use std::path::{Path, PathBuf};
use std::{env, fs};

use serde_json::Value;

#[cfg(feature = "registry")]
pub use registry::{DockerRegistry, Door, REGISTRY_PASSWORD, REGISTRY_USER};

/// A folder of recorded cases.
pub struct Suite {
    name: String,
    dir: PathBuf,
}

/// The suite `name`, or `None` (said on standard output) where the conformance folder is not there.
#[must_use]
pub fn suite(name: &str) -> Option<Suite> {
    let dir = conformance_dir().join(name);
    if dir.is_dir() {
        return Some(Suite { name: name.to_owned(), dir });
    }
    println!("{name}: skipped, no conformance suites here (set SLUICE_CONFORMANCE to their folder)");
    None
}

/// The root of this workspace.
#[must_use]
pub fn workspace_root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("this crate lies two folders deep").to_owned()
}

fn conformance_dir() -> PathBuf {
    env::var_os("SLUICE_CONFORMANCE").map_or_else(|| workspace_root().join("../shared/conformance"), PathBuf::from)
}

impl Suite {
    /// The same files measured for something else, reported as `name`.
    #[must_use]
    pub fn named(self, name: &str) -> Self {
        Self { name: name.to_owned(), ..self }
    }

    /// Where the suite's files lie.
    #[must_use]
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// The objects of a file of JSON lines in the suite's folder.
    ///
    /// # Panics
    /// When the file cannot be read or a line is not JSON: the suite itself is broken.
    #[must_use]
    pub fn lines(&self, file: &str) -> Vec<Value> {
        let path = self.dir.join(file);
        let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
        text.lines().map(|line| serde_json::from_str(line).expect("a case is one line of JSON")).collect()
    }

    /// Checks every case of `cases.jsonl`; a case's name is its `id` (or `name`).
    ///
    /// # Panics
    /// When fewer than `floor` cases pass.
    pub fn run(&self, floor: usize, check: impl Fn(&Value) -> Result<(), String>) {
        let cases = self.lines("cases.jsonl");
        self.report(
            floor,
            cases.iter().map(|case| {
                let id = case["id"].as_str().or(case["name"].as_str()).unwrap_or("?").to_owned();
                (id, check(case))
            }),
        );
    }

    /// Counts and records outcomes, one a case, made by the caller.
    ///
    /// # Panics
    /// When fewer than `floor` cases pass.
    pub fn report(&self, floor: usize, outcomes: impl IntoIterator<Item = (String, Result<(), String>)>) {
        let (mut passed, mut total, mut failures) = (0, 0, String::new());
        for (id, outcome) in outcomes {
            total += 1;
            match outcome {
                Ok(()) => passed += 1,
                Err(why) => failures.push_str(&format!("{id}: {why}\n")),
            }
        }
        println!("{}: {passed}/{total}", self.name);
        let out = env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace_root().join("target"), PathBuf::from);
        let file = out.join("conformance").join(format!("{}.txt", self.name));
        fs::create_dir_all(file.parent().expect("the file has a folder")).expect("the target folder is writable");
        fs::write(&file, failures).expect("the target folder is writable");
        assert!(passed >= floor, "{}: {passed} of {total} pass, {floor} did before; see {}", self.name, file.display());
    }
}
