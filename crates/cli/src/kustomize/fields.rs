//! Every field of a kustomization, once: for `explain`, for the order of new fields and for telling unknown ones.

/// One field.
pub struct Field {
    /// Its name; below another, with dots.
    pub name: &'static str,
    /// What it holds.
    pub holds: &'static str,
    /// What it means.
    pub meaning: &'static str,
    /// How it is written.
    pub example: &'static str,
}

/// All fields of a kustomization file, in the order in which `edit` adds them.
pub const FIELDS: &[Field] = &[
    field(
        "apiVersion",
        "string",
        "Version of the file's format: kustomize.config.k8s.io/v1beta1, or v1alpha1 for a Component. May be left out.",
        "apiVersion: kustomize.config.k8s.io/v1beta1",
    ),
    field(
        "kind",
        "string",
        "Kustomization, or Component: one that is added to whatever names it under `components`. May be left out.",
        "kind: Kustomization",
    ),
    field(
        "metadata",
        "map",
        "Name, labels and annotations of the file itself; nothing of it reaches an object.",
        "metadata:\n  name: production",
    ),
    field(
        "resources",
        "list of strings",
        "Files with objects, folders with a kustomization, or URLs of either. They are read in this order.",
        "resources:\n- deployment.yaml\n- ../base\n- https://github.com/acme/base//web?ref=v1.2.0",
    ),
    field(
        "bases",
        "list of strings",
        "Deprecated: folders with a kustomization. Use `resources`; `edit fix` moves them.",
        "bases:\n- ../base",
    ),
    field(
        "components",
        "list of strings",
        "Folders with a Component; each changes what was gathered before it.",
        "components:\n- ../components/tls",
    ),
    field(
        "crds",
        "list of strings",
        "Files with OpenAPI definitions of custom resources: they tell which fields name other objects.",
        "crds:\n- crds/website.json",
    ),
    field(
        "namespace",
        "string",
        "Namespace of all objects that have one, and of the subjects of role bindings.",
        "namespace: shop",
    ),
    field(
        "namePrefix",
        "string",
        "Text before the name of every object, and wherever another object names it.",
        "namePrefix: staging-",
    ),
    field(
        "nameSuffix",
        "string",
        "Text after the name of every object, and wherever another object names it.",
        "nameSuffix: -v2",
    ),
    field(
        "labels",
        "list of maps",
        "Labels for all objects; in selectors and templates only where asked for.",
        "labels:\n- pairs:\n    team: web\n  includeSelectors: false\n  includeTemplates: true",
    ),
    field("labels.pairs", "map of strings", "The labels.", "pairs:\n  team: web"),
    field(
        "labels.includeSelectors",
        "boolean",
        "Also into selectors and pod templates. A selector of a Deployment cannot be changed later.",
        "includeSelectors: true",
    ),
    field(
        "labels.includeTemplates",
        "boolean",
        "Also into pod templates, but not into selectors.",
        "includeTemplates: true",
    ),
    field(
        "labels.fields",
        "list of maps",
        "Further fields that take the labels (path, group, version, kind, create).",
        "fields:\n- path: spec/labels\n  kind: Website\n  create: true",
    ),
    field(
        "commonLabels",
        "map of strings",
        "Deprecated: labels for all objects, their selectors and templates. Use `labels`; `edit fix` turns them.",
        "commonLabels:\n  app: shop",
    ),
    field(
        "commonAnnotations",
        "map of strings",
        "Annotations for all objects and pod templates.",
        "commonAnnotations:\n  owner: web@acme.example",
    ),
    field(
        "patches",
        "list of maps",
        "Changes to objects, each a strategic merge patch or a JSON patch, in a file or in place.",
        "patches:\n- path: replicas.yaml\n- patch: |-\n    - op: remove\n      path: /spec/replicas\n  target:\n    kind: Deployment",
    ),
    field("patches.path", "string", "File with the patch.", "path: replicas.yaml"),
    field("patches.patch", "string", "The patch itself.", "patch: |-\n  - op: remove\n    path: /spec/replicas"),
    field(
        "patches.target",
        "map",
        "Which objects are patched: group, version, kind, name and namespace are regular expressions that match whole; labelSelector and annotationSelector as for kubectl.",
        "target:\n  kind: Deployment\n  name: web-.*\n  labelSelector: tier=front",
    ),
    field(
        "patches.options",
        "map",
        "allowNameChange and allowKindChange: whether the patch may change these.",
        "options:\n  allowNameChange: true",
    ),
    field(
        "patchesStrategicMerge",
        "list of strings",
        "Deprecated: files with strategic merge patches, or the patches themselves. Use `patches`; `edit fix` turns them.",
        "patchesStrategicMerge:\n- replicas.yaml",
    ),
    field(
        "patchesJson6902",
        "list of maps",
        "Deprecated: JSON patches for one object each. Use `patches`; `edit fix` turns them.",
        "patchesJson6902:\n- path: ports.yaml\n  target:\n    version: v1\n    kind: Service\n    name: web",
    ),
    field(
        "replacements",
        "list of maps",
        "Copies a field of one object into fields of others.",
        "replacements:\n- source:\n    kind: ConfigMap\n    name: settings\n    fieldPath: data.host\n  targets:\n  - select:\n      kind: Ingress\n    fieldPaths:\n    - spec.rules.0.host",
    ),
    field(
        "replacements.path",
        "string",
        "File with replacements, instead of source and targets.",
        "path: replacements.yaml",
    ),
    field(
        "replacements.source",
        "map",
        "The object (group, version, kind, name, namespace), its fieldPath (metadata.name if left out) and options.",
        "source:\n  kind: Service\n  name: web\n  fieldPath: metadata.name\n  options:\n    delimiter: '-'\n    index: 0",
    ),
    field("replacements.sourceValue", "string", "A value in place of a source.", "sourceValue: example.com"),
    field(
        "replacements.targets",
        "list of maps",
        "Which objects (`select`, without those of `reject`) and which of their fields (`fieldPaths`), with options delimiter, index, encoding, create.",
        "targets:\n- select:\n    kind: Deployment\n  reject:\n  - name: db\n  fieldPaths:\n  - spec.template.spec.containers.[name=web].image\n  options:\n    create: true",
    ),
    field(
        "vars",
        "list of maps",
        "Deprecated: names for fields, written as $(NAME) elsewhere. Use `replacements`.",
        "vars:\n- name: HOST\n  objref:\n    apiVersion: v1\n    kind: Service\n    name: web",
    ),
    field(
        "images",
        "list of maps",
        "New names, tags and digests for container images, wherever they are used.",
        "images:\n- name: acme/web\n  newName: registry.acme.example/web\n  newTag: 1.4.2",
    ),
    field("images.name", "string", "The image as the objects name it, without its tag.", "name: acme/web"),
    field("images.newName", "string", "What it is called instead.", "newName: registry.acme.example/web"),
    field("images.newTag", "string", "Its tag; quoted where it would be read as a number.", "newTag: \"1.10\""),
    field("images.tagSuffix", "string", "Text after the tag that it has.", "tagSuffix: -alpine"),
    field(
        "images.digest",
        "string",
        "Its digest, in place of a tag.",
        "digest: sha256:24a0c4b4a4c0eb97a1aabb8e29f18e917d05abfe1b7a7c07857230879ce7d3d3",
    ),
    field(
        "imageTags",
        "list of maps",
        "Deprecated: the old name of `images`.",
        "imageTags:\n- name: acme/web\n  newTag: 1.4.2",
    ),
    field(
        "replicas",
        "list of maps",
        "How many pods the Deployments, StatefulSets, ReplicaSets and ReplicationControllers of a name have.",
        "replicas:\n- name: web\n  count: 3",
    ),
    field("replicas.name", "string", "Name of the object, before prefix and suffix.", "name: web"),
    field("replicas.count", "integer", "How many.", "count: 3"),
    field(
        "configMapGenerator",
        "list of maps",
        "Makes ConfigMaps. A hash of the content is appended to the name, and to every place that names it, so that a change restarts the pods.",
        "configMapGenerator:\n- name: settings\n  literals:\n  - LOG=debug\n  files:\n  - app.ini\n  envs:\n  - app.env",
    ),
    field("configMapGenerator.literals", "list of strings", "KEY=VALUE, one a key.", "literals:\n- LOG=debug"),
    field(
        "configMapGenerator.files",
        "list of strings",
        "Files, one a key: FILE or KEY=FILE.",
        "files:\n- app.ini\n- web.conf=conf/nginx.conf",
    ),
    field("configMapGenerator.envs", "list of strings", "Files with KEY=VALUE lines.", "envs:\n- app.env"),
    field(
        "configMapGenerator.behavior",
        "string",
        "create, or for one that a base makes: merge or replace.",
        "behavior: merge",
    ),
    field(
        "configMapGenerator.options",
        "map",
        "As `generatorOptions`, for this one.",
        "options:\n  disableNameSuffixHash: true\n  immutable: true",
    ),
    field(
        "secretGenerator",
        "list of maps",
        "Makes Secrets, as `configMapGenerator` does, with a `type`.",
        "secretGenerator:\n- name: tls\n  type: kubernetes.io/tls\n  files:\n  - tls.crt\n  - tls.key",
    ),
    field("secretGenerator.type", "string", "Type of the Secret; Opaque if left out.", "type: kubernetes.io/tls"),
    field(
        "generatorOptions",
        "map",
        "Labels and annotations for all that is generated; disableNameSuffixHash and immutable.",
        "generatorOptions:\n  disableNameSuffixHash: true\n  labels:\n    generated: \"yes\"",
    ),
    field("helmGlobals", "map", "Where charts lie: chartHome, configHome.", "helmGlobals:\n  chartHome: charts"),
    field(
        "helmCharts",
        "list of maps",
        "Charts whose objects are added; needs --enable-helm.",
        "helmCharts:\n- name: podinfo\n  repo: https://stefanprodan.github.io/podinfo\n  version: 6.5.0\n  releaseName: web",
    ),
    field(
        "helmChartInflationGenerator",
        "list of maps",
        "Deprecated: the old form of `helmCharts`.",
        "helmChartInflationGenerator:\n- chartName: podinfo",
    ),
    field(
        "configurations",
        "list of strings",
        "Files that tell which fields the built-in changes look at.",
        "configurations:\n- fields.yaml",
    ),
    field(
        "generators",
        "list of strings",
        "Files or folders with configurations of generators, or the configurations themselves.",
        "generators:\n- secrets.yaml",
    ),
    field(
        "transformers",
        "list of strings",
        "Files or folders with configurations of transformers, or the configurations themselves.",
        "transformers:\n- prefix.yaml",
    ),
    field(
        "validators",
        "list of strings",
        "As `transformers`, but they must not change anything.",
        "validators:\n- policy.yaml",
    ),
    field(
        "openapi",
        "map",
        "The schema that merges follow: `path` of a file, or `version` of a built-in one.",
        "openapi:\n  path: schema.json",
    ),
    field(
        "buildMetadata",
        "list of strings",
        "What is noted on the objects: originAnnotations, transformerAnnotations, managedByLabel.",
        "buildMetadata:\n- originAnnotations",
    ),
    field(
        "sortOptions",
        "map",
        "Order of the objects: `order: legacy` (by kind) or `fifo` (as read).",
        "sortOptions:\n  order: fifo",
    ),
];

const fn field(name: &'static str, holds: &'static str, meaning: &'static str, example: &'static str) -> Field {
    Field { name, holds, meaning, example }
}

/// The names of the topmost fields, in order.
pub fn order() -> Vec<&'static str> {
    FIELDS.iter().map(|field| field.name).filter(|name| !name.contains('.')).collect()
}
