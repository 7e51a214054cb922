//! `kustomize build` on a tree in memory or a folder on disk: what kustomize 5.8.1 prints, byte for byte.
//!
//! In: files ([`Files`]), a folder, [`Options`]. Out: the objects in their order, every path that was read or missed,
//! warnings; or everything that is wrong, each with file, line and field. Knows no cluster, starts no program, opens no
//! socket (remote bases are fetched by a caller's [`Remote`]). Behaviour: kustomize's own, as recorded in the
//! conformance suite, and spec/flux/kustomize.md §4 for [`flux`].
//!
//! Invariants: no state outlives a build (one tenant's `openapi` never touches another's), the same input gives the same
//! output, and whatever the input, a build ends within its [`Limits`].
//!
//! ```
//! use sluice_kustomize::{Options, build};
//! use sluice_tree::{Limits, TreeBuilder};
//!
//! let mut files = TreeBuilder::new(Limits::default());
//! files.file("app/kustomization.yaml", "namePrefix: web-\nconfigMapGenerator: [{name: a, literals: [k=v]}]\n", false)?;
//! let build = build(&files.build(), "app", &Options::default())?;
//! assert_eq!(build.objects[0]["metadata"]["name"], "web-a-bdg947hgcc");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod cache;
mod config;
mod crds;
mod decode;
mod errors;
mod fieldpath;
mod fieldspec;
mod files;
pub mod flux;
mod generate;
mod hash;
mod helm;
mod id;
mod kustomization;
mod layout;
mod loader;
mod merge;
mod objects;
mod options;
mod order;
mod origin;
mod plugin;
mod reads;
mod references;
mod replacements;
mod repo;
mod resmap;
mod resource;
mod scalar;
mod schema;
mod selector;
mod session;
mod structured;
mod target;
mod transform;
mod vars;

use std::collections::BTreeMap;

pub use sluice_yaml::Value;

pub use cache::{Cache, Digest};
pub use errors::{Error, Errors};
pub use files::{Disk, FileError, Files};
pub use helm::{Chart, Charts};
pub use options::{Limits, LoadRestrictor, Options, Remote, Reorder, Threads};
pub use reads::{Reads, Seen};
pub use repo::{RepoSpec, link_local};

use kustomization::SortOptions;
use loader::Loader;
use session::Session;
use target::{Gathered, Target};

/// What a build gives.
#[derive(Debug, Clone)]
pub struct Build {
    /// The objects, in order.
    pub objects: Vec<Value>,
    /// What was looked at.
    pub reads: Reads,
    /// What kustomize says on standard error although it succeeds, such as about deprecated fields.
    pub warnings: Vec<String>,
}

impl Build {
    /// The objects as `kustomize build` prints them.
    ///
    /// # Errors
    /// When a string holds a control character that YAML cannot carry.
    pub fn to_yaml(&self) -> Result<String, Errors> {
        sluice_yaml::emit_all(&self.objects).map_err(|error| Error::new(error.to_string()).into())
    }
}

/// Builds the folder `path` of `files`.
///
/// # Errors
/// Everything that is wrong, as far as one thing does not hide the other.
pub fn build(files: &dyn Files, path: &str, options: &Options<'_>) -> Result<Build, Errors> {
    let session = Session::new(options);
    let objects = build_at(Loader::new(&session, files, path)?, &session)?;
    Ok(Build { objects, reads: session.reads.into_inner(), warnings: session.warnings.into_inner() })
}

/// Builds what the address of a repository names, such as `https://github.com/org/repo//folder?ref=v1`.
///
/// # Errors
/// As [`build`]; an address that is refused, or that [`Options::remote`] cannot fetch.
pub fn build_url(url: &str, options: &Options<'_>) -> Result<Build, Errors> {
    let session = Session::new(options);
    let nowhere = sluice_tree::TreeBuilder::new(sluice_tree::Limits::default()).build();
    let start = Loader::new(&session, &nowhere, "")?;
    let objects = build_at(start.enter(url)?.0, &session)?;
    Ok(Build { objects, reads: session.reads.into_inner(), warnings: session.warnings.into_inner() })
}

fn build_at(loader: Loader<'_>, session: &Session<'_>) -> Result<Vec<Value>, Errors> {
    let mut target = Target::load(loader, session.options.kustomization.as_ref())?;
    target.start()?;
    let gathered = target.gather(Gathered::default())?;
    finish(gathered, &target, session)
}

/// What comes once, after all folders: hashes, references, variables, order, annotations.
fn finish(mut gathered: Gathered, target: &Target<'_>, session: &Session<'_>) -> Result<Vec<Value>, Errors> {
    let config = gathered.config.clone().unwrap_or_default();
    let resmap = &mut gathered.resmap;
    hash::add_suffixes(resmap);
    session.check_cancelled()?;
    references::resolve(resmap, &config.name_reference)?;
    session.check_cancelled()?;
    let unused = vars::resolve(resmap, &gathered.vars, &config.var_reference)?;
    if !unused.is_empty() {
        session.warn(format!("well-defined vars that were never replaced: {}", unused.join(",")));
    }
    resmap.retain(|resource| {
        let local = resource.metadata_map("annotations").and_then(|map| map.get("config.kubernetes.io/local-config"));
        local.is_none_or(|value| scalar::node_text(value) == "false")
    });
    let kustomization = &target.kustomization;
    let legacy = SortOptions { order: "legacy".to_owned(), legacy: None };
    match (&kustomization.sort_options, session.options.reorder) {
        (Some(options), reorder) => {
            if reorder != Reorder::Unspecified {
                session.warn(
                    "Warning: Sorting order is set both in 'kustomization.yaml' ('sortOptions') and in a CLI flag \
                     ('--reorder'). Using the kustomization file over the CLI flag."
                        .to_owned(),
                );
            }
            order::sort(resmap, options)?;
        }
        (None, Reorder::Unspecified | Reorder::Legacy) => order::sort(resmap, &legacy)?,
        (None, Reorder::None) => {}
    }
    let asked = |what: &str| kustomization.build_metadata.iter().any(|word| word == what);
    if asked("managedByLabel") {
        let label = BTreeMap::from([("app.kubernetes.io/managed-by".to_owned(), "kustomize-v5.8.1".to_owned())]);
        transform::set_labels(resmap, &label)?;
    }
    let (origins, transformations) = (asked("originAnnotations"), asked("transformerAnnotations"));
    let mut list = gathered.resmap.into_list();
    for resource in &mut list {
        resource.finish_annotations(origins, transformations);
        scalar::fold_next_lines(&mut resource.value);
    }
    Ok(list.into_iter().map(|resource| resource.value).collect())
}
