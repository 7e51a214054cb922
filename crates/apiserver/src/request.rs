//! What a request asks for, read from its method, path and query: the verb, the resource, the options.

use http::Method;
use percent_encoding::percent_decode_str;

use crate::error::{ApiError, Plural};
use crate::field::FieldError;
use serde_json::Value;

/// What a request asks for, as authorization, metrics and audit see it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Request {
    /// `get`, `list`, `watch`, `create`, `update`, `patch`, `delete`, `deletecollection`; the lower-case method for
    /// paths that are no resource.
    pub verb: &'static str,
    /// The path as sent, without the query.
    pub path: String,
    /// Whether the path names a resource.
    pub is_resource: bool,
    /// API group; empty for core.
    pub group: String,
    /// API version.
    pub version: String,
    /// Namespace; empty for none or all.
    pub namespace: String,
    /// Plural.
    pub resource: String,
    /// Part of the resource.
    pub subresource: String,
    /// Name of the object.
    pub name: String,
    /// Path segments below the subresource.
    pub rest: Vec<String>,
}

impl Request {
    /// Reads method, path and query.
    pub fn parse(method: &Method, path: &str, query: &Query) -> Self {
        let mut request = Self { path: path.to_owned(), verb: plain_verb(method), ..Self::default() };
        let decoded = |s: &str| percent_decode_str(s).decode_utf8_lossy().into_owned();
        let mut parts: Vec<String> = path.trim_matches('/').split('/').map(decoded).collect();
        let taken = match parts.first().map(String::as_str) {
            Some("api") if parts.len() >= 3 => {
                request.version = std::mem::take(&mut parts[1]);
                2
            }
            Some("apis") if parts.len() >= 4 => {
                request.group = std::mem::take(&mut parts[1]);
                request.version = std::mem::take(&mut parts[2]);
                3
            }
            _ => return request,
        };
        let mut parts = parts.split_off(taken);
        request.is_resource = true;
        let mut legacy_watch = false;
        if parts.len() > 1 && matches!(parts[0].as_str(), "watch" | "proxy") {
            legacy_watch = parts[0] == "watch";
            parts.remove(0);
        }
        // A namespace's own parts; anything else below it is a resource inside.
        let inside = parts[0] == "namespaces" && parts.len() > 2 && !matches!(parts[2].as_str(), "status" | "finalize");
        if parts[0] == "namespaces" {
            if let Some(name) = parts.get(1) {
                request.namespace = name.clone();
            }
            if inside {
                parts.drain(..2);
            }
        }
        let mut parts = parts.into_iter();
        request.resource = parts.next().unwrap_or_default();
        request.name = parts.next().unwrap_or_default();
        request.subresource = parts.next().unwrap_or_default();
        request.rest = parts.collect();
        let one = !request.name.is_empty();
        request.verb = match *method {
            Method::POST => "create",
            Method::PUT => "update",
            Method::PATCH => "patch",
            Method::DELETE if one => "delete",
            Method::DELETE => "deletecollection",
            Method::GET | Method::HEAD if legacy_watch => "watch",
            Method::GET | Method::HEAD if one && query.is_true("watch") && request.subresource.is_empty() => "watch",
            Method::GET | Method::HEAD if one => "get",
            Method::GET | Method::HEAD if query.is_true("watch") => "watch",
            Method::GET | Method::HEAD => "list",
            _ => plain_verb(method),
        };
        request
    }
}

fn plain_verb(method: &Method) -> &'static str {
    match *method {
        Method::GET => "get",
        Method::HEAD => "head",
        Method::POST => "post",
        Method::PUT => "put",
        Method::PATCH => "patch",
        Method::DELETE => "delete",
        Method::OPTIONS => "options",
        _ => "other",
    }
}

/// The query of a request, decoded, in order.
#[derive(Debug, Clone, Default)]
pub struct Query(Vec<(String, String)>);

impl Query {
    /// Decodes `a=1&b=2`.
    pub fn parse(query: &str) -> Self {
        let decode = |s: &str| percent_decode_str(&s.replace('+', " ")).decode_utf8_lossy().into_owned();
        Self(
            query
                .split('&')
                .filter(|pair| !pair.is_empty())
                .map(|pair| {
                    let (key, value) = pair.split_once('=').unwrap_or((pair, ""));
                    (decode(key), decode(value))
                })
                .collect(),
        )
    }

    /// The first value of a parameter.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.0.iter().find(|(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// The first value of a parameter, or "".
    pub fn text(&self, key: &str) -> &str {
        self.get(key).unwrap_or_default()
    }

    /// Adds a field selector for one name, as a watch of one object does.
    pub fn select_name(&mut self, name: &str) {
        let selector = match self.text("fieldSelector") {
            "" => format!("metadata.name={name}"),
            other => format!("{other},metadata.name={name}"),
        };
        self.0.retain(|(key, _)| key != "fieldSelector");
        self.0.push(("fieldSelector".into(), selector));
    }

    /// All values of a parameter.
    pub fn all<'a>(&'a self, key: &'a str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(k, _)| k == key).map(|(_, v)| v.as_str())
    }

    /// A boolean as Kubernetes reads it: present and neither `false` nor `0`.
    pub fn is_true(&self, key: &str) -> bool {
        self.get(key).is_some_and(|v| !(v.eq_ignore_ascii_case("false") || v == "0"))
    }

    /// A whole number.
    ///
    /// # Errors
    /// 400 with Go's words when it is none.
    pub fn number(&self, key: &str) -> Result<Option<i64>, ApiError> {
        match self.get(key) {
            None | Some("") => Ok(None),
            Some(text) => text.parse().map(Some).map_err(|_| {
                let quoted = crate::field::go_quote(text);
                ApiError::bad_request(format!("strconv.ParseInt: parsing {quoted}: invalid syntax"))
            }),
        }
    }
}

/// How strictly unknown and duplicate fields are taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum FieldValidation {
    /// They are dropped silently.
    Ignore,
    /// They are dropped, and named in `Warning` headers.
    #[default]
    Warn,
    /// They are refused.
    Strict,
}

/// The options of a write.
#[derive(Debug, Clone, Default)]
pub struct WriteOptions {
    /// Nothing is stored.
    pub dry_run: bool,
    /// Who owns the fields; from the user agent when not told.
    pub field_manager: String,
    /// How unknown fields are taken.
    pub field_validation: FieldValidation,
    /// An apply takes fields away from other managers.
    pub force: bool,
}

/// `CreateOptions`, `UpdateOptions` or `PatchOptions`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionsKind {
    /// POST.
    Create,
    /// PUT.
    Update,
    /// PATCH.
    Patch,
    /// PATCH of `application/apply-patch+yaml`.
    Apply,
}

impl WriteOptions {
    /// Reads and validates the query of a write; `user_agent` names the manager when `fieldManager` does not.
    ///
    /// # Errors
    /// 422 as `CreateOptions.meta.k8s.io "" is invalid: …`.
    pub fn parse(query: &Query, user_agent: &str, kind: OptionsKind) -> Result<Self, ApiError> {
        let mut errors = Vec::new();
        let dry_run: Vec<&str> = query.all("dryRun").filter(|s| !s.is_empty()).collect();
        if dry_run.iter().any(|v| *v != "All") {
            let value = Value::from(dry_run.iter().map(|s| Value::from(*s)).collect::<Vec<_>>());
            errors.push(FieldError::not_supported("dryRun", &value, &["All"]));
        }
        let manager = query.text("fieldManager");
        if kind == OptionsKind::Apply && manager.is_empty() {
            errors.push(FieldError::required("fieldManager", "is required for apply patch"));
        }
        if kind == OptionsKind::Patch && query.get("force").is_some_and(|v| !v.is_empty()) {
            errors.push(FieldError::forbidden("force", "may not be specified for non-apply patch"));
        }
        if manager.len() > 128 {
            errors.push(FieldError::too_long("fieldManager", 128));
        }
        if let Some(c) = manager.chars().find(|c| c.is_control()) {
            let detail = format!("should not contain character {c:?}");
            errors.push(FieldError::invalid("fieldManager", &manager.into(), detail));
        }
        let field_validation = match query.text("fieldValidation") {
            "Ignore" => FieldValidation::Ignore,
            "" | "Warn" => FieldValidation::Warn,
            "Strict" => FieldValidation::Strict,
            other => {
                let supported = ["", "Ignore", "Strict", "Warn"];
                errors.push(FieldError::not_supported("fieldValidation", &other.into(), &supported));
                FieldValidation::default()
            }
        };
        if !errors.is_empty() {
            let name = match kind {
                OptionsKind::Create => "CreateOptions",
                OptionsKind::Update => "UpdateOptions",
                OptionsKind::Patch | OptionsKind::Apply => "PatchOptions",
            };
            return Err(ApiError::invalid(Plural { group: "meta.k8s.io", name }, "", &errors));
        }
        let field_manager = if manager.is_empty() { manager_of(user_agent) } else { manager.to_owned() };
        Ok(Self { dry_run: !dry_run.is_empty(), field_manager, field_validation, force: query.is_true("force") })
    }
}

/// The manager that a user agent stands for: what precedes its first slash, at most 128 bytes.
fn manager_of(user_agent: &str) -> String {
    let name = user_agent.split('/').next().unwrap_or_default();
    let printable: String = name.chars().filter(|c| !c.is_control()).collect();
    let mut end = printable.len().min(128);
    while !printable.is_char_boundary(end) {
        end -= 1;
    }
    match &printable[..end] {
        "" => "unknown".into(),
        name => name.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(method: Method, uri: &str, want: &str) {
        let (path, query) = uri.split_once('?').unwrap_or((uri, ""));
        let r = Request::parse(&method, path, &Query::parse(query));
        let got =
            format!("{} {}/{} {} {} {} {}", r.verb, r.group, r.version, r.namespace, r.resource, r.name, r.subresource);
        assert_eq!(got.trim_end(), want, "{method} {uri}");
    }

    #[test]
    fn paths_name_verb_and_resource() {
        check(Method::GET, "/api/v1/namespaces", "list /v1  namespaces");
        check(Method::GET, "/api/v1/namespaces/a", "get /v1 a namespaces a");
        check(Method::PUT, "/api/v1/namespaces/a/finalize", "update /v1 a namespaces a finalize");
        check(Method::GET, "/api/v1/namespaces/a/pods", "list /v1 a pods");
        check(Method::GET, "/api/v1/namespaces/a/pods?watch=1", "watch /v1 a pods");
        check(Method::GET, "/api/v1/watch/namespaces/a/pods", "watch /v1 a pods");
        check(Method::DELETE, "/apis/apps/v1/namespaces/a/deployments", "deletecollection apps/v1 a deployments");
        check(Method::PATCH, "/apis/apps/v1/namespaces/a/deployments/d/scale", "patch apps/v1 a deployments d scale");
        check(Method::GET, "/apis/g/v1/widgets/w%2Fx", "get g/v1  widgets w/x");
        check(Method::GET, "/apis/apps/v1", "get /");
        check(Method::GET, "/healthz", "get /");
    }

    #[test]
    fn a_user_agent_names_the_manager() {
        assert_eq!(manager_of("kubectl/v1.37.1 (linux/amd64)"), "kubectl");
        assert_eq!(manager_of(""), "unknown");
    }
}
