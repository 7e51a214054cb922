//! `sluice tree`: what a Kustomization manages.

use std::process::ExitCode;

use anyhow::Context as _;
use clap::{Args, Subcommand, ValueEnum};
use serde_json::{Value, json};
use sluice_object::ObjectRef;

use crate::cluster::{Cluster, KubeFlags};
use crate::{escape, kinds, output};

/// Kustomizations may manage each other in a ring.
const MAX_DEPTH: usize = 20;

/// Show what an object manages, as a tree
#[derive(Args)]
#[command(after_help = "Examples:\n  sluice tree kustomization flux-system\n  sluice tree ks apps -o json")]
pub struct TreeArgs {
    #[command(subcommand)]
    what: What,
}

#[derive(Subcommand)]
enum What {
    /// What a Kustomization applies, and what the Kustomizations among it apply
    #[command(visible_alias = "ks", alias = "kustomizations")]
    Kustomization(KustomizationArgs),
}

#[derive(Args)]
struct KustomizationArgs {
    /// Name of the Kustomization
    name: String,
    /// Only Flux objects
    #[arg(long)]
    compact: bool,
    /// Form of the answer
    #[arg(short, long, value_enum, default_value = "tree")]
    output: Form,
}

#[derive(Clone, Copy, ValueEnum)]
enum Form {
    Tree,
    Json,
    Yaml,
}

struct Node {
    object: ObjectRef,
    children: Vec<Node>,
}

/// Runs the command.
///
/// # Errors
/// When the Kustomization does not exist.
pub async fn run(args: TreeArgs, flags: &KubeFlags) -> anyhow::Result<ExitCode> {
    let What::Kustomization(args) = args.what;
    let cluster = Cluster::connect(flags).await?;
    let path = kinds::KUSTOMIZATION.object(&cluster.namespace, &args.name);
    let object = cluster.get(&path).await?;
    let object = object
        .with_context(|| format!("Kustomization `{}` not found in `{}` namespace", args.name, cluster.namespace))?;
    let root = node(&cluster, &object, args.compact, MAX_DEPTH).await?;
    output::data(&match args.output {
        Form::Tree => escape::lines(&drawn(&root)).into_owned(),
        Form::Json => format!("{:#}\n", value(&root)),
        Form::Yaml => sluice_yaml::emit(&value(&root))?,
    })?;
    Ok(ExitCode::SUCCESS)
}

async fn node(cluster: &Cluster, kustomization: &Value, compact: bool, depth: usize) -> anyhow::Result<Node> {
    let object = ObjectRef::of(kustomization)?;
    let mut children = Vec::new();
    // What another cluster has cannot be asked for here.
    let remote = kustomization.pointer("/spec/kubeConfig").is_some();
    for entry in inventory(kustomization) {
        let is_flux = entry.gvk.group.ends_with(".toolkit.fluxcd.io");
        if compact && !is_flux {
            continue;
        }
        let nested = entry.gvk.group == object.gvk.group && entry.gvk.kind == "Kustomization" && entry != object;
        let live = if nested && !remote && depth > 0 {
            cluster.get(&kinds::KUSTOMIZATION.object(&entry.namespace, &entry.name)).await?
        } else {
            None
        };
        children.push(match live {
            Some(live) => Box::pin(node(cluster, &live, compact, depth - 1)).await?,
            None => Node { object: entry, children: Vec::new() },
        });
    }
    Ok(Node { object, children })
}

/// The objects that a Kustomization manages; entries that are none are left out.
pub fn inventory(kustomization: &Value) -> Vec<ObjectRef> {
    let entries = kustomization.pointer("/status/inventory/entries").and_then(Value::as_array);
    let text = |entry: &Value, field: &str| entry[field].as_str().unwrap_or_default().to_owned();
    let read = |entry: &Value| ObjectRef::from_inventory(&text(entry, "id"), &text(entry, "v")).ok();
    entries.into_iter().flatten().filter_map(read).collect()
}

fn drawn(root: &Node) -> String {
    let mut text = format!("{}\n", root.object);
    draw(&root.children, "", &mut text);
    text
}

fn draw(nodes: &[Node], indent: &str, text: &mut String) {
    for (index, node) in nodes.iter().enumerate() {
        let last = index + 1 == nodes.len();
        text.push_str(&format!("{indent}{} {}\n", if last { "└──" } else { "├──" }, node.object));
        draw(&node.children, &format!("{indent}{}   ", if last { " " } else { "│" }), text);
    }
}

fn value(node: &Node) -> Value {
    let ObjectRef { gvk, namespace, name } = &node.object;
    let mut value = json!({"resource": {
        "Namespace": namespace, "Name": name, "GroupKind": {"Group": gvk.group, "Kind": gvk.kind}}});
    if !node.children.is_empty() {
        value["resources"] = node.children.iter().map(self::value).collect();
    }
    value
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_tree_is_drawn() {
        let leaf = |name: &str| Node {
            object: ObjectRef::from_inventory(&format!("ns_{name}__ConfigMap"), "v1").unwrap(),
            children: vec![],
        };
        let mut root = leaf("root");
        let mut inner = leaf("inner");
        inner.children.push(leaf("a"));
        root.children = vec![inner, leaf("b")];
        assert_eq!(
            drawn(&root),
            "ConfigMap/ns/root\n├── ConfigMap/ns/inner\n│   └── ConfigMap/ns/a\n└── ConfigMap/ns/b\n"
        );
    }
}
