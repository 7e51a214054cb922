//! `sluice kustomize edit`: changes to a kustomization file that keep its comments and layout.

mod file;
mod fix;
mod generator;
mod glob;
mod image;
mod label;
mod list;
mod patch;

use std::path::PathBuf;

use anyhow::bail;
use clap::{Args, Subcommand};
use serde_json::json;

use file::File;
use generator::Kind;

const EXAMPLES: &str = "\
Examples:
  # Add what lies beside it
  sluice kustomize edit add resource deployment.yaml service.yaml

  # Another tag for an image
  sluice kustomize edit set image acme/web=registry.acme.example/web:1.4.2

  # In another folder
  sluice kustomize edit -C overlays/production set namespace shop

The commands are those of kustomize. Comments, quotes, indents and the order of fields stay as they are; only the lines
that say something else change. What is there already is no error.";

/// Change a kustomization file; comments and layout stay
#[derive(Args)]
#[command(after_help = EXAMPLES)]
pub struct EditArgs {
    /// Folder of the kustomization
    #[arg(short = 'C', long, default_value = ".", global = true)]
    dir: PathBuf,
    #[command(subcommand)]
    command: EditCommand,
}

#[derive(Subcommand)]
enum EditCommand {
    /// Add an item
    #[command(subcommand)]
    Add(Add),
    /// Remove an item
    #[command(subcommand)]
    Remove(Remove),
    /// Set a value
    #[command(subcommand)]
    Set(Set),
    /// Turn deprecated fields into what took their place, and add apiVersion and kind
    #[command(
        after_help = "Turns bases into resources, patchesStrategicMerge and patchesJson6902 into patches, commonLabels \
                            into labels, imageTags into images, and a generator's env into envs."
    )]
    Fix(FixArgs),
}

#[derive(Args)]
struct FixArgs {
    /// Turn vars into replacements: not done here, since it changes the files of the resources
    #[arg(long)]
    vars: bool,
}

#[derive(Args)]
struct Paths {
    /// Files or folders; `*`, `?` and `[…]` match names
    #[arg(required = true)]
    paths: Vec<String>,
}

#[derive(Args)]
struct Words {
    /// Names, separated by blanks or commas
    #[arg(required = true, value_delimiter = ',')]
    words: Vec<String>,
}

#[derive(Subcommand)]
enum Add {
    /// Files with objects, folders with a kustomization, or URLs
    #[command(after_help = "Example: sluice kustomize edit add resource '*.yaml' ../base")]
    Resource {
        #[command(flatten)]
        paths: Paths,
        /// Do not look whether they exist
        #[arg(long)]
        no_verify: bool,
    },
    /// Folders with a Component
    Component(Paths),
    /// Folders with a kustomization; they are added to `resources`, as `bases` is deprecated
    Base(Words),
    /// A patch, from a file or in place
    #[command(
        after_help = "Example: sluice kustomize edit add patch --path replicas.yaml --kind Deployment --name web"
    )]
    Patch(patch::PatchArgs),
    /// Labels for all objects
    #[command(after_help = "Example: sluice kustomize edit add label team:web --without-selector")]
    Label(label::AddLabel),
    /// Annotations for all objects
    #[command(after_help = "Example: sluice kustomize edit add annotation owner:web@acme.example")]
    Annotation(label::AddAnnotation),
    /// What is noted on the objects: originAnnotations, transformerAnnotations, managedByLabel
    #[command(name = "buildmetadata")]
    BuildMetadata(Words),
    /// A ConfigMap that is generated
    #[command(
        name = "configmap",
        after_help = "Example: sluice kustomize edit add configmap settings --from-literal=LOG=debug --from-file=app.ini"
    )]
    ConfigMap(generator::AddArgs),
    /// A Secret that is generated
    #[command(
        after_help = "Example: sluice kustomize edit add secret tls --type kubernetes.io/tls --from-file=tls.crt --from-file=tls.key"
    )]
    Secret {
        #[command(flatten)]
        args: generator::AddArgs,
        /// Type of the Secret
        #[arg(long = "type", default_value = "Opaque")]
        kind: String,
    },
    /// Files with configurations of generators
    Generator(Paths),
    /// Files with configurations of transformers
    Transformer(Paths),
}

#[derive(Subcommand)]
enum Remove {
    /// Files, folders or URLs from `resources`
    Resource(Paths),
    /// Folders from `components`
    Component(Paths),
    /// The patch that is written exactly so
    Patch(patch::PatchArgs),
    /// Labels from `commonLabels` and `labels`
    Label(label::RemoveArgs),
    /// Annotations from `commonAnnotations`
    Annotation(label::RemoveArgs),
    /// What is noted on the objects
    #[command(name = "buildmetadata")]
    BuildMetadata(Words),
    /// ConfigMaps that are generated
    #[command(name = "configmap")]
    ConfigMap(generator::RemoveArgs),
    /// Secrets that are generated
    Secret(generator::RemoveArgs),
    /// Files from `generators`
    Generator(Paths),
    /// Files from `transformers`
    Transformer(Paths),
    /// Images from `images`
    Image(Words),
}

#[derive(Subcommand)]
enum Set {
    /// New names, tags and digests of images
    #[command(after_help = image::HELP)]
    Image {
        /// NAME=NEWNAME[:TAG][@DIGEST], NAME:TAG or NAME@DIGEST; `*` keeps what is there
        #[arg(required = true)]
        images: Vec<String>,
    },
    /// Namespace of all objects
    Namespace { namespace: String },
    /// Text before all names
    #[command(name = "nameprefix", after_help = "Example: sluice kustomize edit set nameprefix staging-")]
    NamePrefix {
        #[arg(allow_hyphen_values = true)]
        prefix: String,
    },
    /// Text after all names
    #[command(name = "namesuffix", after_help = "Example: sluice kustomize edit set namesuffix -- -v2")]
    NameSuffix {
        #[arg(allow_hyphen_values = true)]
        suffix: String,
    },
    /// Labels for all objects, also where they are there already
    Label(label::SetLabel),
    /// Annotations for all objects, also where they are there already
    Annotation(label::SetAnnotation),
    /// How many pods objects have
    #[command(after_help = "Example: sluice kustomize edit set replicas web=3 worker=1")]
    Replicas {
        /// NAME=COUNT
        #[arg(required = true)]
        replicas: Vec<String>,
    },
    /// What is noted on the objects, in place of what was asked for before
    #[command(name = "buildmetadata")]
    BuildMetadata(Words),
    /// Values of a ConfigMap that is generated already
    #[command(
        name = "configmap",
        after_help = "Example: sluice kustomize edit set configmap settings --from-literal=LOG=info"
    )]
    ConfigMap(generator::SetArgs),
    /// Values of a Secret that is generated already
    Secret(generator::SetArgs),
}

/// Runs the command.
///
/// # Errors
/// When there is no kustomization file, or what is asked for makes no sense in it.
pub fn run(args: EditArgs) -> anyhow::Result<()> {
    let mut file = File::read(&args.dir)?;
    let dir = args.dir.as_path();
    let changed = match args.command {
        EditCommand::Add(add) => self::add(&mut file, dir, add)?,
        EditCommand::Remove(remove) => self::remove(&mut file, dir, remove)?,
        EditCommand::Set(set) => self::set(&mut file, set)?,
        EditCommand::Fix(FixArgs { vars: true }) => bail!(
            "{}: --vars is not supported: it would change the files of the resources too; write `replacements` by hand \
             (`sluice kustomize explain replacements`)",
            file.name()
        ),
        EditCommand::Fix(FixArgs { vars: false }) => fix::run(&mut file, dir)?,
    };
    if changed { file.write() } else { Ok(()) }
}

fn add(file: &mut File, dir: &std::path::Path, add: Add) -> anyhow::Result<bool> {
    match add {
        Add::Resource { paths, no_verify } => {
            list::add(file, "resources", "resource", list::found(dir, &file.name(), &paths.paths, !no_verify)?)
        }
        Add::Component(Paths { paths }) => {
            list::add(file, "components", "component", list::found(dir, &file.name(), &paths, true)?)
        }
        Add::Base(Words { words }) => {
            for word in &words {
                if !list::is_url(word) && !dir.join(word).exists() {
                    bail!("{word} does not exist");
                }
            }
            list::add(file, "resources", "base", words)
        }
        Add::Patch(args) => patch::add(file, dir, &args),
        Add::Label(args) => label::add_labels(file, &args),
        Add::Annotation(args) => label::add_annotations(file, &args),
        Add::BuildMetadata(Words { words }) => list::add_options(file, words),
        Add::ConfigMap(args) => generator::add(file, dir, Kind::ConfigMap, &args),
        Add::Secret { args, kind } => generator::add(file, dir, Kind::Secret(kind), &args),
        Add::Generator(Paths { paths }) => list::add(file, "generators", "generator", list::present(dir, &paths)),
        Add::Transformer(Paths { paths }) => list::add(file, "transformers", "transformer", list::present(dir, &paths)),
    }
}

fn remove(file: &mut File, dir: &std::path::Path, remove: Remove) -> anyhow::Result<bool> {
    let _ = dir;
    match remove {
        Remove::Resource(Paths { paths }) => list::remove(file, "resources", "resource", &paths),
        Remove::Component(Paths { paths }) => list::remove(file, "components", "component", &paths),
        Remove::Patch(args) => patch::remove(file, &args),
        Remove::Label(args) => label::remove_labels(file, &args),
        Remove::Annotation(args) => label::remove_annotations(file, &args),
        Remove::BuildMetadata(Words { words }) => list::remove_options(file, &words),
        Remove::ConfigMap(args) => generator::remove(file, &Kind::ConfigMap, &args),
        Remove::Secret(args) => generator::remove(file, &Kind::Secret(String::new()), &args),
        Remove::Generator(Paths { paths }) => list::remove(file, "generators", "generator", &paths),
        Remove::Transformer(Paths { paths }) => list::remove(file, "transformers", "transformer", &paths),
        Remove::Image(Words { words }) => image::remove(file, &words),
    }
}

fn set(file: &mut File, set: Set) -> anyhow::Result<bool> {
    let mut text = |field: &str, value: String| {
        file.fields.insert(field.to_owned(), json!(value));
        Ok(true)
    };
    match set {
        Set::Namespace { namespace } => text("namespace", namespace),
        Set::NamePrefix { prefix } => text("namePrefix", prefix),
        Set::NameSuffix { suffix } => text("nameSuffix", suffix),
        Set::Image { images } => image::set(file, &images),
        Set::Label(args) => label::set_labels(file, &args),
        Set::Annotation(args) => label::set_annotations(file, &args),
        Set::Replicas { replicas } => list::set_replicas(file, &replicas),
        Set::BuildMetadata(Words { words }) => list::set_options(file, words),
        Set::ConfigMap(args) => generator::set(file, &Kind::ConfigMap, &args),
        Set::Secret(args) => generator::set(file, &Kind::Secret(String::new()), &args),
    }
}
