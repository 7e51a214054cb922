//! Files of a chart repository, within limits.

use std::fs::File;
use std::io::{Seek, Write};

use sluice_artifact::{Algorithm, Digest, Hasher};
use sluice_http::{Answer, Request, Url};
use tokio::time::Instant;

use super::access::HttpAccess;
use crate::context::Context;

/// Gets a file, whose status is good.
///
/// # Errors
/// Why it cannot be had, in words fit for a message.
pub async fn fetch(url: &Url, access: &HttpAccess, deadline: Instant, ctx: &Context) -> Result<Answer, String> {
    let (transport, authorization) = access.for_url(url);
    let has_credentials = authorization.is_some();
    let request = Request { authorization, ..Request::get(url.clone()) };
    let answer =
        sluice_http::send(&ctx.http, &transport, &request, deadline).await.map_err(|error| error.to_string())?;
    let at = sluice_http::redact(url.as_str());
    match answer.status.as_u16() {
        200 => Ok(answer),
        401 if has_credentials => Err(format!("{at}: 401 Unauthorized: the server refuses these credentials")),
        401 => Err(format!(
            "{at}: 401 Unauthorized: the server asks for credentials; set spec.secretRef of the HelmRepository, and \
             spec.passCredentials where charts lie on another host"
        )),
        403 => Err(format!("{at}: 403 Forbidden")),
        404 => Err(format!("{at}: 404 Not Found")),
        status => Err(format!("{at}: HTTP {status}")),
    }
}

/// Gets the index of a repository into a file without a name; returns it with its digest and size.
///
/// # Errors
/// As [`fetch`], and when it is larger than `--helm-index-max-size`.
pub async fn fetch_index(
    base: &Url,
    access: &HttpAccess,
    deadline: Instant,
    ctx: &Context,
) -> Result<(File, Digest, u64), String> {
    let mut url = base.clone();
    url.set_path(&format!("{}index.yaml", base.path()));
    let answer = fetch(&url, access, deadline, ctx).await?;
    let limit = ctx.options.helm_index_max_size;
    let too_large = || {
        let at = sluice_http::redact(url.as_str());
        format!("{at}: the index is larger than {limit} bytes (--helm-index-max-size)")
    };
    if answer.content_length().is_some_and(|it| it > limit) {
        return Err(too_large());
    }
    let mut file = tempfile::tempfile().map_err(|error| format!("a temporary file: {error}"))?;
    let (mut body, mut hasher, mut size) = (answer.body, Hasher::new(Algorithm::Sha256), 0);
    while let Some(piece) = body.chunk().await.map_err(|error| error.to_string())? {
        size += piece.len() as u64;
        if size > limit {
            return Err(too_large());
        }
        hasher.update(&piece);
        file.write_all(&piece).map_err(|error| format!("a temporary file: {error}"))?;
    }
    file.rewind().map_err(|error| format!("a temporary file: {error}"))?;
    Ok((file, hasher.finish(), size))
}
