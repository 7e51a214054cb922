//! Small samples with the real tool's answers. `UPDATE=1` takes new answers from `kubectl kustomize`.

use std::fs;
use std::path::Path;
use std::process::Command;

use sluice_kustomize::{Disk, Options, build};

#[test]
fn samples_build_as_kustomize_builds_them() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cases");
    for case in fs::read_dir(cases).unwrap() {
        let case = case.unwrap().path();
        let want = case.join("want.yaml");
        if std::env::var_os("UPDATE").is_some() {
            let answer = Command::new("kubectl").arg("kustomize").arg(case.join("in")).output().unwrap();
            assert!(answer.status.success(), "{}: {}", case.display(), String::from_utf8_lossy(&answer.stderr));
            fs::write(&want, answer.stdout).unwrap();
        }
        let files = Disk::new(case.join("in")).unwrap();
        let built =
            build(&files, "", &Options::default()).unwrap_or_else(|error| panic!("{}: {error}", case.display()));
        assert_eq!(built.to_yaml().unwrap(), fs::read_to_string(want).unwrap(), "{}", case.display());
    }
}
