//! get and list: selectors, pages, versions of the past.

use std::sync::Arc;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::{Value, json};
use sluice_object::selector::LabelSelector;

use crate::core::Core;
use crate::error::{ApiError, Plural};
use crate::field::{FieldError, go_quote};
use crate::fields::FieldSelector;
use crate::kinds::Served;
use crate::request::Query;
use crate::store::{Object, key};

use super::unavailable;

/// One object.
///
/// # Errors
/// 404.
pub fn get(core: &Core, served: &Served, namespace: &str, name: &str) -> Result<Arc<Object>, ApiError> {
    core.store
        .get(served.resource.slot, &key(namespace, name))
        .ok_or_else(|| ApiError::not_found(served.plural(), name))
}

/// What a list or a watch is asked for.
#[derive(Debug, Default)]
pub struct ListOptions {
    /// Which objects.
    pub selectors: Selectors,
    /// `resourceVersion`: `None` when it was not set.
    pub version: Option<u64>,
    /// `resourceVersionMatch`.
    pub version_match: Option<VersionMatch>,
    /// `limit`; 0 is none.
    pub limit: usize,
    /// `continue`.
    pub next: Option<String>,
    /// `timeoutSeconds`.
    pub timeout: Option<u64>,
    /// `allowWatchBookmarks`.
    pub bookmarks: bool,
    /// `sendInitialEvents`.
    pub initial_events: Option<bool>,
}

/// `resourceVersionMatch`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum VersionMatch {
    /// This very version.
    Exact,
    /// It or a later one.
    NotOlderThan,
}

/// Label and field selectors.
#[derive(Debug, Default)]
pub struct Selectors {
    labels: Option<LabelSelector>,
    fields: Option<FieldSelector>,
}

impl Selectors {
    /// Reads `labelSelector` and `fieldSelector`.
    ///
    /// # Errors
    /// 400 with the words of the real parsers, also for a field that cannot be selected by.
    pub fn parse(query: &Query, served: &Served) -> Result<Self, ApiError> {
        let labels = match query.text("labelSelector") {
            "" => None,
            text => Some(LabelSelector::parse(text).map_err(|e| ApiError::bad_request(e.why()))?),
        };
        let fields = match query.text("fieldSelector") {
            "" => None,
            text => {
                let selector = FieldSelector::parse(text)?;
                selector.check(served)?;
                Some(selector)
            }
        };
        Ok(Self { labels, fields })
    }

    /// Whether everything is selected.
    pub fn is_empty(&self) -> bool {
        self.labels.is_none() && self.fields.is_none()
    }

    /// Whether `object` is selected.
    pub fn admit(&self, served: &Served, object: &Object) -> bool {
        self.labels.as_ref().is_none_or(|selector| selector.matches_with(|key| object.label(key)))
            && self.fields.as_ref().is_none_or(|fields| fields.admits(served, object))
    }
}

/// A resourceVersion of the query.
///
/// # Errors
/// The real server's 500 (sic) for what is no number.
pub fn parse_version(text: &str) -> Result<Option<u64>, ApiError> {
    match text {
        "" => Ok(None),
        text => text.parse().map(Some).map_err(|_| {
            let quoted = go_quote(text);
            ApiError::plain(format!(
                "resourceVersion: Invalid value: {quoted}: strconv.ParseUint: parsing {quoted}: invalid syntax"
            ))
        }),
    }
}

impl ListOptions {
    /// Reads and validates the query of a list or watch.
    ///
    /// # Errors
    /// 400 for what cannot be parsed, 422 for what does not go together.
    pub fn parse(query: &Query, served: &Served, watch: bool) -> Result<Self, ApiError> {
        let limit = query.number("limit")?.unwrap_or(0);
        let timeout = query.number("timeoutSeconds")?.and_then(|t| u64::try_from(t).ok());
        let mut errors = Vec::new();
        let version_text = query.text("resourceVersion");
        let version_match = match query.text("resourceVersionMatch") {
            "" => None,
            text => {
                if version_text.is_empty() && !(watch || query.is_true("sendInitialEvents")) {
                    let detail = "resourceVersionMatch is forbidden unless resourceVersion is provided";
                    errors.push(FieldError::forbidden("resourceVersionMatch", detail));
                }
                match text {
                    "Exact" => {
                        if version_text == "0" {
                            let detail = "resourceVersionMatch \"exact\" is forbidden for resourceVersion \"0\"";
                            errors.push(FieldError::forbidden("resourceVersionMatch", detail));
                        }
                        Some(VersionMatch::Exact)
                    }
                    "NotOlderThan" => Some(VersionMatch::NotOlderThan),
                    other => {
                        let supported = ["Exact", "NotOlderThan", ""];
                        errors.push(FieldError::not_supported("resourceVersionMatch", &other.into(), &supported));
                        None
                    }
                }
            }
        };
        let next = query.get("continue").filter(|c| !c.is_empty()).map(str::to_owned);
        if next.is_some() && version_match.is_some() {
            let detail = "resourceVersionMatch is forbidden when continue is provided";
            errors.push(FieldError::forbidden("resourceVersionMatch", detail));
        }
        let initial_events = query.get("sendInitialEvents").filter(|v| !v.is_empty()).map(|v| v != "false" && v != "0");
        if watch {
            match (initial_events, version_match) {
                (Some(_), None) => {
                    let detail = "sendInitialEvents requires setting resourceVersionMatch to NotOlderThan";
                    errors.push(FieldError::forbidden("resourceVersionMatch", detail));
                }
                (None, Some(_)) => {
                    let detail = "resourceVersionMatch is forbidden for watch unless sendInitialEvents is provided";
                    errors.push(FieldError::forbidden("resourceVersionMatch", detail));
                }
                _ => {}
            }
        } else if initial_events.is_some() {
            errors.push(FieldError::forbidden("sendInitialEvents", "sendInitialEvents is forbidden for list"));
        }
        if !errors.is_empty() {
            let what = Plural { group: "meta.k8s.io", name: "ListOptions" };
            return Err(ApiError::invalid(what, "", &errors));
        }
        Ok(Self {
            selectors: Selectors::parse(query, served)?,
            version: parse_version(version_text)?,
            version_match,
            limit: usize::try_from(limit).unwrap_or(0),
            next,
            timeout,
            bookmarks: query.is_true("allowWatchBookmarks"),
            initial_events,
        })
    }
}

/// A page of a list.
#[derive(Debug)]
pub struct Page {
    /// The version it shows.
    pub version: u64,
    /// The objects, by namespace and name.
    pub objects: Vec<Arc<Object>>,
    /// What asks for the next page.
    pub next: Option<String>,
    /// How many objects follow; told only without selectors.
    pub remaining: Option<usize>,
}

/// A list.
///
/// # Errors
/// 400 for a continue token that is none, 410 for one that is too old, 504 for a version of the future.
pub fn list(core: &Core, served: &Served, namespace: &str, options: &ListOptions) -> Result<Page, ApiError> {
    let limit = if options.limit == 0 { usize::MAX } else { options.limit };
    let (after, at) = match &options.next {
        Some(token) => {
            let (after, version) = read_token(token)?;
            (Some(after), version)
        }
        None => (None, None),
    };
    let at = match (at, options.version, options.version_match) {
        (Some(version), _, _) => Some(version),
        (None, Some(version), Some(VersionMatch::Exact)) => Some(version),
        (None, Some(0) | None, _) => None,
        (None, Some(version), _) => {
            // "Not older than": the newest state will do, if there is one that new.
            let current = core.store.version();
            if version > current {
                return Err(unavailable(crate::store::Unavailable::TooNew { asked: version, current }));
            }
            None
        }
    };
    let selectors = &options.selectors;
    let mut keep = |object: &Object| selectors.admit(served, object);
    let (listing, left) = core
        .store
        .list(served.resource.slot, namespace, after.as_deref(), at, limit, &mut keep)
        .map_err(|error| expired_page(options, error))?;
    let next = match (left, listing.objects.last()) {
        (0, _) | (_, None) => None,
        (_, Some(last)) => Some(write_token(last.key(), listing.version)),
    };
    let remaining = (next.is_some() && selectors.is_empty()).then_some(left);
    Ok(Page { version: listing.version, objects: listing.objects, next, remaining })
}

fn expired_page(options: &ListOptions, error: crate::store::Unavailable) -> ApiError {
    match (error, options.next.is_some()) {
        (crate::store::Unavailable::TooOld { .. }, true) => ApiError::expired(
            "The provided continue parameter is too old to display a consistent list result. You can start a new \
                 list without the continue parameter.",
        ),
        (crate::store::Unavailable::TooOld { .. }, false) => {
            ApiError::expired("The resourceVersion for the provided list is too old.")
        }
        (error, _) => unavailable(error),
    }
}

fn write_token(after: &str, version: u64) -> String {
    let token = json!({"v": "meta.k8s.io/v1", "rv": version, "start": format!("{after}\u{0}")});
    URL_SAFE_NO_PAD.encode(token.to_string())
}

fn read_token(token: &str) -> Result<(String, Option<u64>), ApiError> {
    let bad = |why: String| ApiError::bad_request(format!("invalid continue token: continue key is not valid: {why}"));
    let bytes = URL_SAFE_NO_PAD.decode(token.trim_end_matches('=')).map_err(|error| {
        let at = match error {
            base64::DecodeError::InvalidByte(at, _) | base64::DecodeError::InvalidLastSymbol(at, _) => at,
            _ => token.len() - token.len() % 4,
        };
        bad(format!("illegal base64 data at input byte {at}"))
    })?;
    let value: Value = match serde_json::from_slice(&bytes) {
        Ok(value) => value,
        Err(error) => return Err(bad(super::go_json::syntax_error(&bytes).unwrap_or_else(|| error.to_string()))),
    };
    if value["v"] != "meta.k8s.io/v1" {
        return Err(bad("server does not recognize this encoded version".into()));
    }
    let after = value["start"].as_str().unwrap_or_default().trim_end_matches('\u{0}').to_owned();
    let version = value["rv"].as_u64().filter(|version| *version > 0);
    Ok((after, version))
}
