//! One request, one response.

use std::io::{self, SeekFrom};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

use bytes::Bytes;
use futures::TryStreamExt;
use http::header::{self, HeaderMap, HeaderValue};
use http::{Method, Request, Response, StatusCode};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, StreamBody};
use hyper::body::Frame;
use tokio::fs::File;
use tokio::io::{AsyncReadExt, AsyncSeekExt};
use tokio_util::io::ReaderStream;

use crate::location::Location;

pub(super) type Body = UnsyncBoxBody<Bytes, io::Error>;

/// Bytes read at once.
const CHUNK: usize = 64 << 10;

pub(super) async fn respond<B>(root: &Path, request: &Request<B>) -> Response<Body> {
    let method = request.method();
    if method != Method::GET && method != Method::HEAD {
        let mut response = text(StatusCode::METHOD_NOT_ALLOWED, "method not allowed\n");
        response.headers_mut().insert(header::ALLOW, HeaderValue::from_static("GET, HEAD"));
        return response;
    }
    // The readiness probe asks for the root, and gets no listing.
    if request.uri().path() == "/" {
        return text(StatusCode::OK, "artifact storage\n");
    }
    let Some(location) = location(request.uri().path()) else { return not_found() };
    let opened = match open(root, &location).await {
        Ok(Some(opened)) => opened,
        Ok(None) => return not_found(),
        Err(error) => {
            tracing::warn!(%error, %location, "cannot read an artifact");
            return text(StatusCode::INTERNAL_SERVER_ERROR, "cannot read the artifact\n");
        }
    };
    file(opened, &location, request.method(), request.headers()).await
}

struct Opened {
    file: File,
    size: u64,
    modified: SystemTime,
}

/// What the path of a URL names; nothing is served that is no location.
fn location(path: &str) -> Option<Location> {
    let decoded = percent_encoding::percent_decode_str(path.strip_prefix('/')?).decode_utf8().ok()?;
    Location::parse(&decoded).ok()
}

/// The open file: size, time and content are then of one file, whatever is renamed meanwhile. A link is followed to a
/// file beside it, which is what `latest.tar.gz` is, and nowhere else.
async fn open(root: &Path, location: &Location) -> io::Result<Option<Opened>> {
    let missing = |e: io::Error| match e.kind() {
        io::ErrorKind::NotFound | io::ErrorKind::NotADirectory => Ok(None),
        _ => Err(e),
    };
    let mut path: PathBuf = root.join(location.folder()).join(location.file());
    let mut seen = match tokio::fs::symlink_metadata(&path).await {
        Ok(seen) => seen,
        Err(e) => return missing(e),
    };
    if seen.is_symlink() {
        let target = match tokio::fs::read_link(&path).await {
            Ok(target) => target,
            Err(e) => return missing(e),
        };
        let Some(beside) = target.to_str().and_then(|target| location.sibling(target).ok()) else { return Ok(None) };
        path = root.join(beside.folder()).join(beside.file());
        seen = match tokio::fs::symlink_metadata(&path).await {
            Ok(seen) => seen,
            Err(e) => return missing(e),
        };
    }
    if !seen.is_file() {
        return Ok(None);
    }
    let file = match File::open(&path).await {
        Ok(file) => file,
        Err(e) => return missing(e),
    };
    let metadata = file.metadata().await?;
    Ok(Some(Opened { file, size: metadata.len(), modified: metadata.modified()? }))
}

async fn file(opened: Opened, location: &Location, method: &Method, request: &HeaderMap) -> Response<Body> {
    let Opened { mut file, size, modified } = opened;
    let since_epoch = modified.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    let tag = format!("\"{:x}-{size:x}\"", since_epoch.as_nanos());
    let date = http_date(since_epoch.as_secs());
    let mut response = Response::new(empty());
    let headers = response.headers_mut();
    headers.insert(header::ACCEPT_RANGES, HeaderValue::from_static("bytes"));
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type(location.file())));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    for (name, value) in [(header::ETAG, &tag), (header::LAST_MODIFIED, &date)] {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    }
    if not_modified(request, &tag, since_epoch.as_secs()) {
        *response.status_mut() = StatusCode::NOT_MODIFIED;
        return response;
    }
    let wanted = match value(request, header::IF_RANGE) {
        Some(condition) if condition != tag && condition != date => Wanted::All,
        _ => value(request, header::RANGE).map_or(Wanted::All, |range| wanted(range, size)),
    };
    let (start, length) = match wanted {
        Wanted::All => (0, size),
        Wanted::Part { start, length } => {
            *response.status_mut() = StatusCode::PARTIAL_CONTENT;
            content_range(&mut response, &format!("bytes {start}-{}/{size}", start + length - 1));
            (start, length)
        }
        Wanted::Nothing => {
            *response.status_mut() = StatusCode::RANGE_NOT_SATISFIABLE;
            content_range(&mut response, &format!("bytes */{size}"));
            return response;
        }
    };
    response.headers_mut().insert(header::CONTENT_LENGTH, length.into());
    if method == Method::HEAD {
        return response;
    }
    if let Err(error) = file.seek(SeekFrom::Start(start)).await {
        tracing::warn!(%error, %location, "cannot read an artifact");
        return text(StatusCode::INTERNAL_SERVER_ERROR, "cannot read the artifact\n");
    }
    // A file that turns out shorter ends the connection early, and the client knows.
    let chunks = ReaderStream::with_capacity(file.take(length), CHUNK);
    *response.body_mut() = StreamBody::new(chunks.map_ok(Frame::data)).boxed_unsync();
    response
}

/// What a `Range` header asks for.
#[derive(Debug, PartialEq, Eq)]
enum Wanted {
    All,
    Part { start: u64, length: u64 },
    Nothing,
}

/// Several ranges at once are answered with all there is, as the standard allows.
fn wanted(range: &str, size: u64) -> Wanted {
    let Some(range) = range.strip_prefix("bytes=").filter(|range| !range.contains(',')) else { return Wanted::All };
    let Some((from, to)) = range.trim().split_once('-') else { return Wanted::Nothing };
    let number = |text: &str| text.bytes().all(|b| b.is_ascii_digit()).then(|| text.parse::<u64>().ok()).flatten();
    let (start, end) = match (number(from), number(to)) {
        (Some(start), None) if to.is_empty() => (start, size),
        (Some(start), Some(last)) if last >= start => (start, last.saturating_add(1).min(size)),
        (None, Some(last)) if from.is_empty() => (size.saturating_sub(last), size),
        _ => return Wanted::Nothing,
    };
    if start >= end { Wanted::Nothing } else { Wanted::Part { start, length: end - start } }
}

fn not_modified(request: &HeaderMap, tag: &str, modified: u64) -> bool {
    if let Some(tags) = value(request, header::IF_NONE_MATCH) {
        return tags.split(',').map(str::trim).any(|one| one == "*" || one.strip_prefix("W/").unwrap_or(one) == tag);
    }
    let since = value(request, header::IF_MODIFIED_SINCE).and_then(|date| jiff::fmt::rfc2822::parse(date).ok());
    since.is_some_and(|since| i64::try_from(modified).is_ok_and(|modified| modified <= since.timestamp().as_second()))
}

fn value(headers: &HeaderMap, name: header::HeaderName) -> Option<&str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

fn content_range(response: &mut Response<Body>, value: &str) {
    if let Ok(value) = HeaderValue::from_str(value) {
        response.headers_mut().insert(header::CONTENT_RANGE, value);
    }
}

fn http_date(seconds: u64) -> String {
    let time = i64::try_from(seconds).ok().and_then(|seconds| jiff::Timestamp::from_second(seconds).ok());
    let printer = jiff::fmt::rfc2822::DateTimePrinter::new();
    time.and_then(|time| printer.timestamp_to_rfc9110_string(&time).ok()).unwrap_or_default()
}

fn content_type(file: &str) -> &'static str {
    match file.rsplit('.').next() {
        Some("gz" | "tgz") => "application/gzip",
        Some("yaml" | "yml") => "application/yaml",
        _ => "application/octet-stream",
    }
}

fn not_found() -> Response<Body> {
    text(StatusCode::NOT_FOUND, "404 artifact not found\n")
}

fn text(status: StatusCode, message: &'static str) -> Response<Body> {
    let mut response =
        Response::new(Full::new(Bytes::from_static(message.as_bytes())).map_err(|e| match e {}).boxed_unsync());
    *response.status_mut() = status;
    response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    response
}

fn empty() -> Body {
    Full::default().map_err(|e| match e {}).boxed_unsync()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_read_as_in_go() {
        let part = |start, length| Wanted::Part { start, length };
        for (range, want) in [
            ("bytes=0-", part(0, 10)),
            ("bytes=2-4", part(2, 3)),
            ("bytes=2-99", part(2, 8)),
            ("bytes=-3", part(7, 3)),
            ("bytes=-99", part(0, 10)),
            ("bytes=9-", part(9, 1)),
            ("bytes=10-", Wanted::Nothing),
            ("bytes=-0", Wanted::Nothing),
            ("bytes=4-2", Wanted::Nothing),
            ("bytes=x-", Wanted::Nothing),
            ("bytes=+1-2", Wanted::Nothing),
            ("bytes=5", Wanted::Nothing),
            ("bytes=18446744073709551615-", Wanted::Nothing),
            ("bytes=0-18446744073709551615", part(0, 10)),
            ("bytes=0-1,4-5", Wanted::All),
            ("lines=1-2", Wanted::All),
        ] {
            assert_eq!(wanted(range, 10), want, "{range}");
        }
        assert_eq!(wanted("bytes=0-", 0), Wanted::Nothing);
    }
}
