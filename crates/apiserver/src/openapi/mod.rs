//! The OpenAPI documents, v2 and v3.

use http::HeaderMap;

use crate::core::Core;
use crate::error::ApiError;
use crate::respond::Reply;

/// Answers `/openapi/v2` and everything under `/openapi/v3`.
///
/// # Errors
/// 404 for a document that does not exist.
pub fn handle(core: &Core, path: &str, headers: &HeaderMap) -> Result<Reply, ApiError> {
    let _ = (core, path, headers);
    Err(ApiError::no_such_path())
}
