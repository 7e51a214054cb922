//! In which form a client wants its answer: the `Accept` header.

use http::HeaderMap;
use http::header::ACCEPT;

use crate::error::ApiError;
use crate::error::Details;

/// The encoding of an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    /// `application/json`.
    Json,
    /// `application/yaml`.
    Yaml,
}

/// What an answer shows of the objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// All of them.
    Whole,
    /// A `Table`, printed by the server.
    Table,
    /// `PartialObjectMetadata`.
    Metadata,
}

/// How to answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Form {
    /// The encoding.
    pub encoding: Encoding,
    /// What is shown.
    pub shape: Shape,
    /// Whether lines are indented.
    pub pretty: bool,
}

impl Form {
    /// Plain JSON.
    pub const JSON: Self = Self { encoding: Encoding::Json, shape: Shape::Whole, pretty: false };

    /// The best form that `Accept` admits.
    ///
    /// # Errors
    /// 406 when none is.
    pub fn from_headers(headers: &HeaderMap, pretty: Option<&str>) -> Result<Self, ApiError> {
        let pretty = match pretty {
            Some(value) => !(value == "0" || value.eq_ignore_ascii_case("false") || value.is_empty()),
            None => false,
        };
        let mut ranges: Vec<(f32, &str, Shape)> = Vec::new();
        let mut any = false;
        for header in headers.get_all(ACCEPT) {
            for range in header.to_str().unwrap_or_default().split(',') {
                if range.trim().is_empty() {
                    continue;
                }
                any = true;
                ranges.extend(media_range(range));
            }
        }
        if !any {
            return Ok(Self { pretty, ..Self::JSON });
        }
        // Stable: equally good ranges keep the client's order.
        ranges.sort_by(|a, b| b.0.total_cmp(&a.0));
        for (_, media, shape) in ranges {
            let encoding = match media {
                "application/json" | "application/*" | "*/*" => Encoding::Json,
                "application/yaml" => Encoding::Yaml,
                _ => continue,
            };
            return Ok(Self { encoding, shape, pretty });
        }
        let available = "application/json, application/yaml, application/vnd.kubernetes.protobuf";
        Err(ApiError {
            code: 406,
            reason: "NotAcceptable",
            message: format!("406: Not Acceptable\n\nAvailable representations: {available}"),
            details: Some(Box::<Details>::default()),
        })
    }

    /// The `Content-Type` of the answer.
    pub fn content_type(self) -> &'static str {
        match self.encoding {
            Encoding::Json => "application/json",
            Encoding::Yaml => "application/yaml",
        }
    }
}

/// `application/json;as=Table;v=v1;g=meta.k8s.io;q=0.9`; `None` when the parameters ask for what is not served.
fn media_range(range: &str) -> Option<(f32, &str, Shape)> {
    let mut parts = range.split(';').map(str::trim);
    let media = parts.next()?;
    let (mut quality, mut shape, mut group, mut version) = (1.0, "", "", "");
    for part in parts {
        let (key, value) = part.split_once('=').unwrap_or((part, ""));
        match key {
            "q" => quality = value.parse().unwrap_or(1.0),
            "as" => shape = value,
            "g" => group = value,
            "v" => version = value,
            _ => {}
        }
    }
    let shape = match (shape, group, version) {
        ("", _, _) => Shape::Whole,
        ("Table", "meta.k8s.io", "v1") => Shape::Table,
        ("PartialObjectMetadata" | "PartialObjectMetadataList", "meta.k8s.io", "v1") => Shape::Metadata,
        _ => return None,
    };
    Some((quality, media, shape))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(accept: &str, want: Option<(Encoding, Shape)>) {
        let mut headers = HeaderMap::new();
        headers.insert(ACCEPT, accept.parse().unwrap());
        let got = Form::from_headers(&headers, None).ok().map(|f| (f.encoding, f.shape));
        assert_eq!(got, want, "{accept}");
    }

    #[test]
    fn the_first_form_we_serve_wins() {
        let table = "application/json;as=Table;v=v1;g=meta.k8s.io";
        check(&format!("{table},{table},application/json"), Some((Encoding::Json, Shape::Table)));
        check(
            "application/json;as=Table;v=v1beta1;g=meta.k8s.io, application/json",
            Some((Encoding::Json, Shape::Whole)),
        );
        check("application/vnd.kubernetes.protobuf,application/json", Some((Encoding::Json, Shape::Whole)));
        check("application/json;q=0.5,application/yaml", Some((Encoding::Yaml, Shape::Whole)));
        check("text/html", None);
        check(
            "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1",
            Some((Encoding::Json, Shape::Metadata)),
        );
    }
}
