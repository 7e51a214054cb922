//! A thousand builds of overlays that share a base, in one process: on one thread, then on all cores, with the objects of
//! the base shared. Prints builds a second.
#![allow(clippy::print_stdout, reason = "a command prints")]

use std::error::Error;
use std::num::NonZero;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Instant;

use sluice_kustomize::{Cache, Options, build};
use sluice_tree::{Limits, Tree, TreeBuilder};

const BUILDS: usize = 1000;
const OVERLAYS: usize = 100;
const OBJECTS: usize = 100;

fn tree() -> Result<Tree, Box<dyn Error>> {
    let mut files = TreeBuilder::new(Limits::default());
    let mut names = String::new();
    for n in 0..OBJECTS {
        let object = format!(
            "apiVersion: apps/v1\nkind: Deployment\nmetadata:\n  name: app-{n}\nspec:\n  selector:\n    matchLabels:\n      \
             app: app-{n}\n  template:\n    metadata:\n      labels:\n        app: app-{n}\n    spec:\n      containers:\n      \
             - name: main\n        image: example/app:1.0\n        envFrom:\n        - configMapRef:\n            name: settings\n"
        );
        files.file(&format!("base/app-{n}.yaml"), object, false)?;
        names.push_str(&format!("- app-{n}.yaml\n"));
    }
    let base = format!("resources:\n{names}configMapGenerator:\n- name: settings\n  literals: [level=info]\n");
    files.file("base/kustomization.yaml", base, false)?;
    for n in 0..OVERLAYS {
        let overlay = format!(
            "resources: [../../base]\nnamespace: team-{n}\nnamePrefix: t{n}-\nimages:\n- name: example/app\n  newTag: v2.{n}\n\
             labels:\n- pairs: {{team: t{n}}}\n  includeSelectors: true\n"
        );
        files.file(&format!("overlays/{n}/kustomization.yaml"), overlay, false)?;
    }
    Ok(files.build())
}

fn main() -> Result<(), Box<dyn Error>> {
    let tree = tree()?;
    let cores = thread::available_parallelism().map_or(1, NonZero::get);
    let mut rates = Vec::new();
    for threads in [1, cores] {
        let (next, failed, cache) = (AtomicUsize::new(0), AtomicUsize::new(0), Cache::new(64 << 20));
        let begun = Instant::now();
        thread::scope(|scope| {
            for _ in 0..threads {
                scope.spawn(|| {
                    let options = Options { cache: Some(cache.clone()), ..Options::default() };
                    while let n @ 0..BUILDS = next.fetch_add(1, Ordering::Relaxed) {
                        let built = build(&tree, &format!("overlays/{}", n % OVERLAYS), &options);
                        let whole = built.is_ok_and(|built| built.objects.len() == OBJECTS + 1);
                        failed.fetch_add(usize::from(!whole), Ordering::Relaxed);
                    }
                });
            }
        });
        if failed.into_inner() > 0 {
            return Err("some builds failed".into());
        }
        let rate = BUILDS as f64 / begun.elapsed().as_secs_f64();
        println!("{threads} threads: {rate:.0} builds/s, {:.0} objects/s", rate * (OBJECTS + 1) as f64);
        rates.push(rate);
    }
    println!("{:.2} times as many on {cores} cores", rates[1] / rates[0]);
    Ok(())
}
