//! The kinds themselves: an object is metadata, a spec and perhaps a status.
//!
//! Not `kube::CustomResource`: an API server admits objects without a spec, and one of those must not break the list
//! of its kind. Here a missing part is empty.

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;

/// A kind of ours: what its CRD says beside the schema.
pub trait Kind: kube::Resource<DynamicType = ()> {
    /// What the kind is for, in a sentence.
    const DESCRIPTION: &'static str;
    /// Names for people in a hurry.
    const SHORT_NAMES: &'static [&'static str];
    /// What `kubectl get` may call the kind together with others.
    const CATEGORIES: &'static [&'static str];
    /// What `kubectl get` prints.
    const COLUMNS: &'static [Column];

    /// The CRD of the kind. Runs schema code: not for controllers.
    fn crd() -> CustomResourceDefinition;
}

/// A column of `kubectl get`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Column {
    /// Heading.
    pub name: &'static str,
    /// Type of what it holds: `string` or `date`.
    pub type_: &'static str,
    /// Where it is found.
    pub json_path: &'static str,
    /// 0 for always, 1 for `-o wide` only.
    pub priority: i32,
}

impl Column {
    pub(crate) const AGE: Self = Self { type_: "date", ..Self::text("Age", ".metadata.creationTimestamp") };
    pub(crate) const READY: Self = Self::text("Ready", r#".status.conditions[?(@.type=="Ready")].status"#);
    pub(crate) const STATUS: Self = Self::text("Status", r#".status.conditions[?(@.type=="Ready")].message"#);

    pub(crate) const fn text(name: &'static str, json_path: &'static str) -> Self {
        Self { name, type_: "string", json_path, priority: 0 }
    }

    pub(crate) const fn wide(self) -> Self {
        Self { priority: 1, ..self }
    }
}

/// Declares a namespaced kind: its document, its names, its columns.
macro_rules! resource {
    (
        #[doc = $doc:literal]
        $visibility:vis struct $kind:ident { spec: $spec:ty $(, status: $status:ty)? }
        api: $group:literal / $version:literal / $name:literal,
        plural: $plural:literal,
        short: [$($short:literal),*],
        categories: [$($category:literal),*],
        columns: [$($column:expr),* $(,)?],
    ) => {
        #[doc = $doc]
        #[derive(Clone, Debug, Default, PartialEq, serde::Deserialize)]
        #[serde(default)]
        $visibility struct $kind {
            /// Name, namespace, labels, annotations and the like.
            #[serde(deserialize_with = "crate::lenient::or_default")]
            pub metadata: k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta,
            /// What is wanted.
            #[serde(deserialize_with = "crate::lenient::or_default")]
            pub spec: $spec,
            $(
                /// What is.
                #[serde(deserialize_with = "crate::lenient::or_default")]
                pub status: $status,
            )?
        }

        impl $kind {
            /// An object with a name and a spec.
            #[must_use]
            pub fn new(name: &str, spec: $spec) -> Self {
                let mut new = Self { spec, ..Self::default() };
                new.metadata.name = Some(name.to_owned());
                new
            }
        }

        impl serde::Serialize for $kind {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                use serde::ser::SerializeStruct as _;
                // The count is a hint only.
                let mut object = serializer.serialize_struct($name, 5)?;
                object.serialize_field("apiVersion", concat!($group, "/", $version))?;
                object.serialize_field("kind", $name)?;
                object.serialize_field("metadata", &self.metadata)?;
                if !crate::lenient::unset(&self.spec) {
                    object.serialize_field("spec", &self.spec)?;
                }
                $(
                    let status: &$status = &self.status;
                    if !crate::lenient::unset(status) {
                        object.serialize_field("status", status)?;
                    }
                )?
                object.end()
            }
        }

        impl kube::Resource for $kind {
            type DynamicType = ();
            type Scope = k8s_openapi::NamespaceResourceScope;

            fn kind(_: &()) -> std::borrow::Cow<'_, str> {
                $name.into()
            }
            fn group(_: &()) -> std::borrow::Cow<'_, str> {
                $group.into()
            }
            fn version(_: &()) -> std::borrow::Cow<'_, str> {
                $version.into()
            }
            fn api_version(_: &()) -> std::borrow::Cow<'_, str> {
                concat!($group, "/", $version).into()
            }
            fn plural(_: &()) -> std::borrow::Cow<'_, str> {
                $plural.into()
            }
            fn meta(&self) -> &k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &self.metadata
            }
            fn meta_mut(&mut self) -> &mut k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta {
                &mut self.metadata
            }
        }

        impl crate::Kind for $kind {
            const DESCRIPTION: &'static str = $doc;
            const SHORT_NAMES: &'static [&'static str] = &[$($short),*];
            const CATEGORIES: &'static [&'static str] = &[$($category),*];
            const COLUMNS: &'static [crate::resource::Column] = &[$($column),*];

            fn crd() -> k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition {
                let parts = [
                    ("spec", crate::schema::of::<$spec>()),
                    $(("status", crate::schema::of::<$status>()),)?
                ];
                crate::schema::crd::<Self>(parts)
            }
        }
    };
}
pub(crate) use resource;
