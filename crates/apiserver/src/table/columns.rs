//! The columns of built-in kinds, as kube-apiserver defines them.

use serde_json::Value;

use super::column;

/// Columns: `+` behind a name shows it in wide output alone; `#` before it says that it holds whole numbers.
pub fn of(group: &str, kind: &str) -> Value {
    let list = names(group, kind).split('|').map(|text| {
        let (text, kind) = text.strip_prefix('#').map_or((text, "string"), |text| (text, "integer"));
        let (name, priority) = text.strip_suffix('+').map_or((text, 0), |name| (name, 1));
        let date = name == "Created At";
        let format = if name == "Name" { "name" } else { "" };
        column(name, if date { "date" } else { kind }, format, priority, "")
    });
    list.collect()
}

fn names(group: &str, kind: &str) -> &'static str {
    match (group, kind) {
        ("", "Pod") => "Name|Ready|Status|Restarts|Age|IP+|Node+|Nominated Node+|Readiness Gates+",
        ("", "ReplicationController") | ("apps", "ReplicaSet") => {
            "Name|#Desired|#Current|#Ready|Age|Containers+|Images+|Selector+"
        }
        ("apps", "Deployment") => "Name|Ready|Up-to-date|Available|Age|Containers+|Images+|Selector+",
        ("apps", "StatefulSet") => "Name|Ready|Age|Containers+|Images+",
        ("apps", "DaemonSet") => {
            "Name|#Desired|#Current|#Ready|#Up-to-date|#Available|Node Selector|Age|Containers+|Images+|Selector+"
        }
        ("apps", "ControllerRevision") => "Name|Controller|Revision|Age",
        ("batch", "Job") => "Name|Status|Completions|Duration|Age|Containers+|Images+|Selector+",
        ("batch", "CronJob") => {
            "Name|Schedule|Timezone|Suspend|#Active|Last Schedule|Age|Containers+|Images+|Selector+"
        }
        ("", "Service") => "Name|Type|Cluster-IP|External-IP|Port(s)|Age|Selector+",
        ("networking.k8s.io", "Ingress") => "Name|Class|Hosts|Address|Ports|Age",
        ("networking.k8s.io", "IngressClass") => "Name|Controller|Parameters|Age",
        ("networking.k8s.io", "NetworkPolicy") => "Name|Pod-Selector|Age",
        ("", "Endpoints") => "Name|Endpoints|Age",
        ("discovery.k8s.io", "EndpointSlice") => "Name|AddressType|Ports|Endpoints|Age",
        ("", "Namespace") => "Name|Status|Age",
        ("", "ConfigMap") => "Name|Data|Age",
        ("", "Secret") => "Name|Type|Data|Age",
        ("", "ServiceAccount") => "Name|Age",
        ("", "Node") => {
            "Name|Status|Roles|Age|Version|Internal-IP+|External-IP+|OS-Image+|Kernel-Version+|Container-Runtime+"
        }
        ("", "PersistentVolume") => {
            "Name|Capacity|Access Modes|Reclaim Policy|Status|Claim|StorageClass|VolumeAttributesClass|Reason|Age|VolumeMode+"
        }
        ("", "PersistentVolumeClaim") => {
            "Name|Status|Volume|Capacity|Access Modes|StorageClass|VolumeAttributesClass|Age|VolumeMode+"
        }
        ("" | "events.k8s.io", "Event") => {
            "Last Seen|Type|Reason|Object|Subobject+|Source+|Message|First Seen+|#Count+|Name+"
        }
        ("", "ResourceQuota") => "Name|Request|Limit|Age",
        ("policy", "PodDisruptionBudget") => "Name|Min Available|Max Unavailable|#Allowed Disruptions|Age",
        ("autoscaling", _) => "Name|Reference|Targets|MinPods|MaxPods|Replicas|Age",
        ("rbac.authorization.k8s.io", "RoleBinding" | "ClusterRoleBinding") => {
            "Name|Role|Age|Users+|Groups+|ServiceAccounts+"
        }
        ("storage.k8s.io", "StorageClass") => {
            "Name|Provisioner|ReclaimPolicy|VolumeBindingMode|AllowVolumeExpansion|Age"
        }
        ("coordination.k8s.io", "Lease") => "Name|Holder|Age",
        ("scheduling.k8s.io", "PriorityClass") => "Name|Value|Global-Default|Age|PreemptionPolicy",
        ("certificates.k8s.io", "CertificateSigningRequest") => {
            "Name|Age|SignerName|Requestor|RequestedDuration|Condition"
        }
        ("admissionregistration.k8s.io", "ValidatingWebhookConfiguration" | "MutatingWebhookConfiguration") => {
            "Name|Webhooks|Age"
        }
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicy") => "Name|Validations|ParamKind|Age",
        ("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding") => "Name|PolicyName|ParamRef|Age",
        ("apiextensions.k8s.io", "CustomResourceDefinition") | ("rbac.authorization.k8s.io", _) => "Name|Created At",
        ("apiregistration.k8s.io", "APIService") => "Name|Service|Available|Age",
        ("", "LimitRange") => "Name|Created At",
        _ => "Name|Age",
    }
}
