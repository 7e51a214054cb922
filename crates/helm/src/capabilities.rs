//! What a chart may ask about the cluster and about Helm.

/// The API versions that Helm 4.3 assumes without a cluster, in its order.
const DEFAULT_API_VERSIONS: &str = "v1 admissionregistration.k8s.io/v1 admissionregistration.k8s.io/v1alpha1 \
    admissionregistration.k8s.io/v1beta1 internal.apiserver.k8s.io/v1alpha1 apps/v1 apps/v1beta1 apps/v1beta2 \
    authentication.k8s.io/v1 authentication.k8s.io/v1alpha1 authentication.k8s.io/v1beta1 authorization.k8s.io/v1 \
    authorization.k8s.io/v1beta1 autoscaling/v1 autoscaling/v2 batch/v1 batch/v1beta1 certificates.k8s.io/v1 \
    certificates.k8s.io/v1beta1 certificates.k8s.io/v1alpha1 coordination.k8s.io/v1alpha2 \
    coordination.k8s.io/v1beta1 coordination.k8s.io/v1 discovery.k8s.io/v1 discovery.k8s.io/v1beta1 \
    events.k8s.io/v1 events.k8s.io/v1beta1 extensions/v1beta1 flowcontrol.apiserver.k8s.io/v1 \
    flowcontrol.apiserver.k8s.io/v1beta1 flowcontrol.apiserver.k8s.io/v1beta2 flowcontrol.apiserver.k8s.io/v1beta3 \
    lifecycle.k8s.io/v1alpha1 networking.k8s.io/v1 networking.k8s.io/v1beta1 node.k8s.io/v1 node.k8s.io/v1alpha1 \
    node.k8s.io/v1beta1 policy/v1 policy/v1beta1 rbac.authorization.k8s.io/v1 rbac.authorization.k8s.io/v1beta1 \
    rbac.authorization.k8s.io/v1alpha1 resource.k8s.io/v1 resource.k8s.io/v1beta2 resource.k8s.io/v1beta1 \
    resource.k8s.io/v1alpha3 scheduling.k8s.io/v1alpha3 scheduling.k8s.io/v1beta1 scheduling.k8s.io/v1 \
    storage.k8s.io/v1beta1 storage.k8s.io/v1 storage.k8s.io/v1alpha1 storagemigration.k8s.io/v1 \
    storagemigration.k8s.io/v1beta1 apiextensions.k8s.io/v1beta1 apiextensions.k8s.io/v1";

/// `.Capabilities`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Capabilities {
    /// The version of Kubernetes.
    pub kube_version: KubeVersion,
    /// Groups with their versions, and kinds (`apps/v1/Deployment`) where a cluster was asked.
    pub api_versions: Vec<String>,
}

/// A version of Kubernetes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KubeVersion {
    /// As the cluster says it: `v1.33.4-gke.1245000`.
    pub version: String,
    /// What ranges are compared with: without a provider's suffix.
    pub normalized: String,
    /// The first number.
    pub major: String,
    /// The second number.
    pub minor: String,
}

impl Default for Capabilities {
    /// What Helm 4.3 assumes without a cluster.
    fn default() -> Self {
        Self {
            kube_version: KubeVersion {
                version: "v1.37.0".into(),
                normalized: "v1.37.0".into(),
                major: "1".into(),
                minor: "37".into(),
            },
            api_versions: DEFAULT_API_VERSIONS.split_whitespace().map(str::to_owned).collect(),
        }
    }
}

impl KubeVersion {
    /// Reads a version as Kubernetes' own reader does: two numbers or more, with or without `v`; whatever follows them
    /// is kept and means nothing.
    ///
    /// # Errors
    /// A text that is no version, as Helm words it.
    pub fn parse(text: &str) -> Result<Self, String> {
        let quoted = sluice_gotemplate::quote(text);
        let wrong = || format!("could not parse {quoted} as version");
        let bare = text.trim_start();
        let numbers = bare.strip_prefix('v').unwrap_or(bare);
        let end = numbers.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(numbers.len());
        let core = numbers[..end].trim_end_matches('.');
        let parts: Vec<&str> = core.split('.').collect();
        if parts.first().is_none_or(|part| part.is_empty()) {
            return Err(wrong());
        }
        if parts.len() < 2 || parts.iter().any(|part| part.is_empty()) {
            return Err(format!("illegal version string {quoted}"));
        }
        let mut numbers = Vec::new();
        for part in &parts {
            numbers.push(part.parse::<u64>().map_err(|_| {
                let part = sluice_gotemplate::quote(part);
                format!(
                    "illegal non-numeric version component {part} in {quoted}: strconv.ParseUint: parsing {part}: \
                     value out of range"
                )
            })?);
        }
        let normalized: Vec<String> = numbers.iter().map(ToString::to_string).collect();
        let version = if text.starts_with('v') { text.to_owned() } else { format!("v{text}") };
        Ok(Self {
            version,
            normalized: format!("v{}", normalized.join(".")),
            major: normalized[0].clone(),
            minor: normalized[1].clone(),
        })
    }
}
