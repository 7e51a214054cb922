//! The kinds that commands are about, and how people call them.

/// A kind of Flux's API.
#[derive(Debug, PartialEq, Eq)]
pub struct FluxKind {
    /// `GitRepository`.
    pub kind: &'static str,
    /// `source.toolkit.fluxcd.io/v1`.
    pub api_version: &'static str,
    /// `gitrepositories`.
    pub plural: &'static str,
    /// As Flux's messages have it: `source git`, `kustomization`.
    pub human: &'static str,
    /// Whether it is a source with an artifact.
    pub is_source: bool,
}

const SOURCE: &str = "source.toolkit.fluxcd.io/v1";
const IMAGE: &str = "image.toolkit.fluxcd.io/v1";

const fn kind(
    kind: &'static str,
    api_version: &'static str,
    plural: &'static str,
    human: &'static str,
    is_source: bool,
) -> FluxKind {
    FluxKind { kind, api_version, plural, human, is_source }
}

pub static GIT: FluxKind = kind("GitRepository", SOURCE, "gitrepositories", "source git", true);
pub static OCI: FluxKind = kind("OCIRepository", SOURCE, "ocirepositories", "source oci", true);
pub static HELM_REPOSITORY: FluxKind = kind("HelmRepository", SOURCE, "helmrepositories", "source helm", true);
pub static CHART: FluxKind = kind("HelmChart", SOURCE, "helmcharts", "source chart", true);
pub static BUCKET: FluxKind = kind("Bucket", SOURCE, "buckets", "source bucket", true);
pub static EXTERNAL: FluxKind = kind("ExternalArtifact", SOURCE, "externalartifacts", "source external", true);
pub static KUSTOMIZATION: FluxKind =
    kind("Kustomization", "kustomize.toolkit.fluxcd.io/v1", "kustomizations", "kustomization", false);
pub static HELM_RELEASE: FluxKind =
    kind("HelmRelease", "helm.toolkit.fluxcd.io/v2", "helmreleases", "helmrelease", false);
pub static IMAGE_REPOSITORY: FluxKind = kind("ImageRepository", IMAGE, "imagerepositories", "image repository", false);
pub static IMAGE_POLICY: FluxKind = kind("ImagePolicy", IMAGE, "imagepolicies", "image policy", false);
pub static IMAGE_UPDATE: FluxKind =
    kind("ImageUpdateAutomation", IMAGE, "imageupdateautomations", "image update", false);
pub static ALERT: FluxKind = kind("Alert", "notification.toolkit.fluxcd.io/v1beta3", "alerts", "alert", false);
pub static PROVIDER: FluxKind =
    kind("Provider", "notification.toolkit.fluxcd.io/v1beta3", "providers", "alert-provider", false);
pub static RECEIVER: FluxKind = kind("Receiver", "notification.toolkit.fluxcd.io/v1", "receivers", "receiver", false);

/// Every kind, in the order in which `get all` lists them.
pub static ALL: [&FluxKind; 14] = [
    &GIT,
    &OCI,
    &HELM_REPOSITORY,
    &CHART,
    &BUCKET,
    &EXTERNAL,
    &HELM_RELEASE,
    &KUSTOMIZATION,
    &RECEIVER,
    &PROVIDER,
    &ALERT,
    &IMAGE_REPOSITORY,
    &IMAGE_POLICY,
    &IMAGE_UPDATE,
];

impl FluxKind {
    /// The path of a namespace's objects; of all when it is empty.
    pub fn path(&self, namespace: &str) -> String {
        crate::cluster::collection(self.api_version, self.plural, namespace)
    }

    /// The path of one object.
    pub fn object(&self, namespace: &str, name: &str) -> String {
        crate::cluster::item(self.api_version, self.plural, namespace, name)
    }

    /// Whether it has no status: it is ready by being there.
    pub fn is_static(&self) -> bool {
        matches!(self.kind, "Alert" | "Provider")
    }

    /// Whether it has `spec.suspend`.
    pub fn can_be_suspended(&self) -> bool {
        !matches!(self.kind, "ExternalArtifact" | "Provider")
    }
}

/// The kind that an object's `kind` names, whatever the case.
pub fn of_kind(name: &str) -> Option<&'static FluxKind> {
    ALL.iter().copied().find(|it| it.kind.eq_ignore_ascii_case(name))
}

/// What people type for a kind that is reconciled: `ks`, `kustomization`, `source git`.
#[derive(clap::Subcommand, Clone)]
pub enum What {
    /// Kustomizations
    #[command(visible_alias = "ks", alias = "kustomizations")]
    Kustomization(Names),
    /// HelmReleases
    #[command(visible_alias = "hr", alias = "helmreleases")]
    Helmrelease(Names),
    /// Sources of files
    #[command(visible_alias = "sources")]
    Source {
        #[command(subcommand)]
        what: SourceWhat,
    },
    /// Image repositories, policies and updates
    #[command(visible_alias = "images")]
    Image {
        #[command(subcommand)]
        what: ImageWhat,
    },
    /// Alerts
    #[command(alias = "alerts")]
    Alert(Names),
    /// Providers of alerts
    #[command(alias = "alert-providers")]
    AlertProvider(Names),
    /// Webhook receivers
    #[command(alias = "receivers")]
    Receiver(Names),
}

/// The kinds of sources.
#[derive(clap::Subcommand, Clone)]
pub enum SourceWhat {
    /// GitRepositories
    Git(Names),
    /// OCIRepositories
    Oci(Names),
    /// HelmRepositories
    Helm(Names),
    /// HelmCharts
    Chart(Names),
    /// Buckets
    Bucket(Names),
    /// ExternalArtifacts
    External(Names),
}

/// The kinds of image automation.
#[derive(clap::Subcommand, Clone)]
pub enum ImageWhat {
    /// ImageRepositories
    Repository(Names),
    /// ImagePolicies
    Policy(Names),
    /// ImageUpdateAutomations
    Update(Names),
}

/// The objects meant.
#[derive(clap::Args, Clone, Default)]
pub struct Names {
    /// Names of the objects
    pub names: Vec<String>,
}

impl What {
    /// The kind, and the names.
    pub fn kind(&self) -> (&'static FluxKind, &[String]) {
        let (kind, names) = match self {
            What::Kustomization(names) => (&KUSTOMIZATION, names),
            What::Helmrelease(names) => (&HELM_RELEASE, names),
            What::Source { what } => match what {
                SourceWhat::Git(names) => (&GIT, names),
                SourceWhat::Oci(names) => (&OCI, names),
                SourceWhat::Helm(names) => (&HELM_REPOSITORY, names),
                SourceWhat::Chart(names) => (&CHART, names),
                SourceWhat::Bucket(names) => (&BUCKET, names),
                SourceWhat::External(names) => (&EXTERNAL, names),
            },
            What::Image { what } => match what {
                ImageWhat::Repository(names) => (&IMAGE_REPOSITORY, names),
                ImageWhat::Policy(names) => (&IMAGE_POLICY, names),
                ImageWhat::Update(names) => (&IMAGE_UPDATE, names),
            },
            What::Alert(names) => (&ALERT, names),
            What::AlertProvider(names) => (&PROVIDER, names),
            What::Receiver(names) => (&RECEIVER, names),
        };
        (kind, &names.names)
    }
}
