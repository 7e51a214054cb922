//! The OpenAPI documents, v2 and v3: what `kubectl explain`, client-side patches and validation read.
//!
//! In: the kinds served now. Out: documents, made when somebody asks and then kept deflated, which is a tenth of their
//! size. Built-in kinds come from the schema table, custom ones from what their definitions say.

mod cache;
mod document;
mod schema;

use http::HeaderMap;
use http::header::{ACCEPT, ACCEPT_ENCODING};
use serde_json::{Map, Value, json};
use sha2::{Digest, Sha256};

use crate::core::Core;
use crate::error::ApiError;
use crate::kinds::{Kinds, Served};
use crate::respond::Reply;

/// Answers `/openapi/v2` and everything under `/openapi/v3`.
///
/// # Errors
/// 404 for a document that does not exist, 406 for an encoding that is not served.
pub fn handle(core: &Core, path: &str, headers: &HeaderMap) -> Result<Reply, ApiError> {
    let kinds = core.kinds();
    let path = path.trim_matches('/').trim_start_matches("openapi/");
    match path.split_once('/') {
        None if path == "v2" => {
            if only_protobuf(headers) {
                let message = "the OpenAPI v2 document is served as application/json only";
                return Err(ApiError::new(406, "NotAcceptable", message));
            }
            let all: Vec<&Served> = kinds.all().iter().map(AsRef::as_ref).collect();
            let key = format!("v2 {}", hash(&all));
            Ok(answer(headers, "application/json", &key, || document::version_two(&all)))
        }
        None if path == "v3" => Ok(Reply::text(200, index(&kinds).to_string())),
        Some(("v3", name)) => {
            let served = of_document(&kinds, name).ok_or_else(ApiError::no_such_path)?;
            let key = format!("{name} {}", hash(&served));
            Ok(answer(headers, "application/json", &key, || document::version_three(&served)))
        }
        _ => Err(ApiError::no_such_path()),
    }
}

fn only_protobuf(headers: &HeaderMap) -> bool {
    let accept: Vec<&str> = headers.get_all(ACCEPT).iter().filter_map(|value| value.to_str().ok()).collect();
    let all = accept.join(",");
    all.contains("protobuf") && !all.contains("json") && !all.contains("*/*")
}

/// Where the documents are.
fn index(kinds: &Kinds) -> Value {
    let mut paths = Map::new();
    for served in kinds.all() {
        let name = document_name(served);
        if !paths.contains_key(&name) {
            let of_version = of_document(kinds, &name).unwrap_or_default();
            let url = format!("/openapi/v3/{name}?hash={}", hash(&of_version));
            paths.insert(name, json!({"serverRelativeURL": url}));
        }
    }
    json!({"paths": paths})
}

fn document_name(served: &Served) -> String {
    match served.resource.group.as_str() {
        "" => format!("api/{}", served.version),
        group => format!("apis/{group}/{}", served.version),
    }
}

fn of_document<'a>(kinds: &'a Kinds, name: &str) -> Option<Vec<&'a Served>> {
    let found: Vec<&Served> = kinds.all().iter().filter(|s| document_name(s) == name).map(AsRef::as_ref).collect();
    (!found.is_empty()).then_some(found)
}

/// Changes when the documents of these kinds do.
fn hash(served: &[&Served]) -> String {
    let mut hash = Sha256::new();
    hash.update(env!("CARGO_PKG_VERSION"));
    for served in served {
        hash.update(&served.prefix);
        if let Some(custom) = &served.custom {
            hash.update(&served.resource.plural);
            hash.update(custom.schema.to_string());
            hash.update([u8::from(served.resource.namespaced), served.subresources.len() as u8]);
        }
    }
    hex::encode(&hash.finalize()[..32]).to_uppercase()
}

fn answer(headers: &HeaderMap, content_type: &'static str, key: &str, make: impl FnOnce() -> Value) -> Reply {
    let deflated = cache::get(key, make);
    let encodings = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let takes_gzip = encodings.flat_map(|text| text.split(',')).any(|part| part.trim().starts_with("gzip"));
    let mut reply = if takes_gzip {
        let mut reply = Reply::bytes(200, content_type, deflated);
        reply.headers.push(("content-encoding", "gzip".into()));
        reply
    } else {
        Reply::bytes(200, content_type, cache::inflate(&deflated))
    };
    reply.headers.push(("vary", "Accept-Encoding, Accept".into()));
    reply
}

#[cfg(test)]
mod tests;
