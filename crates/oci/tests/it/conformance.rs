//! The suite `oci-registry`.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::{Value, json};
use sluice_oci::{
    Access, Client, Content, Credentials, Descriptor, Digest, Error, ErrorKind, Limits, Platform, Repository, Target,
};

use crate::scripted::Scripted;

/// Cases that pass.
const FLOOR: usize = 88;

#[tokio::test]
async fn clients_conclude_what_they_should() {
    let Some(suite) = sluice_testing::suite("oci-registry") else { return };
    let mut outcomes = Vec::new();
    for case in suite.lines("cases.jsonl") {
        let id = case["id"].as_str().unwrap_or("?").to_owned();
        outcomes.push((id, check(&case).await));
    }
    suite.report(FLOOR, outcomes);
}

async fn check(case: &Value) -> Result<(), String> {
    let server = Scripted::start(case).await;
    let name = format!("{}/{}", server.registry, case["op"]["repository"].as_str().unwrap_or("app"));
    let name = name.parse().map_err(|error| format!("{error}"))?;
    let access = Access { credentials: credentials(&case["op"]["credentials"]), ..Access::default() };
    let repository = Client::new(Limits::default()).repository(&name, &access, Duration::from_secs(8));
    let outcome = operate(&repository, &case["op"]).await;
    let breaches = server.breaches();
    if !breaches.is_empty() {
        return Err(breaches.join("; "));
    }
    let told = || format!("asked: {:?}", server.asked());
    let expected = &case["expected"];
    match (&expected["ok"], outcome) {
        (Value::Bool(true), Ok(found)) => {
            let Value::Object(found) = found else { return Err("no object".into()) };
            for (key, value) in found {
                if expected.get(&key).is_some_and(|wanted| *wanted != value) {
                    return Err(format!("{key} is {value}, expected {}; {}", expected[&key], told()));
                }
            }
            Ok(())
        }
        (Value::Bool(true), Err(error)) => Err(format!("{error}; {}", told())),
        (Value::Bool(false), Ok(found)) => Err(format!("found {found}; {}", told())),
        (Value::Bool(false), Err(error)) if expected["reason"] == word(&error) => Ok(()),
        (Value::Bool(false), Err(error)) => Err(format!("{error}, expected {}; {}", expected["reason"], told())),
        _ => Ok(()),
    }
}

fn credentials(given: &Value) -> Credentials {
    let text = |key: &str| given[key].as_str().unwrap_or_default().to_owned();
    match given {
        Value::Object(map) if map.contains_key("identityToken") => Credentials::Identity(text("identityToken").into()),
        Value::Object(_) => Credentials::Basic { username: text("username"), password: text("password").into() },
        _ => Credentials::Anonymous,
    }
}

async fn operate(repository: &Repository, op: &Value) -> Result<Value, Error> {
    let target = match (op["tag"].as_str(), op["digest"].as_str()) {
        (Some(tag), _) => Target::Tag(tag.to_owned()),
        (None, Some(digest)) => Target::Digest(digest.parse().expect("the case is sound")),
        (None, None) => Target::Tag("latest".to_owned()),
    };
    match op["kind"].as_str().unwrap_or_default() {
        "head" => Ok(json!({"digest": repository.resolve(&target).await?.digest.to_string()})),
        "tags" => Ok(json!({"tags": repository.tags().await?})),
        "manifest" => match op["platform"].as_str() {
            None => Ok(json!({"digest": repository.pull(&target).await?.digest.to_string()})),
            Some(platform) => {
                let platform = Platform::parse(platform).expect("the case is sound");
                Ok(json!({"digest": repository.image(&target, &platform).await?.0.to_string()}))
            }
        },
        "blob" => {
            let Target::Digest(digest) = target else { panic!("a blob has a digest") };
            let data = repository.blob_of(&digest, 1 << 20).await?;
            Ok(json!({"digest": Digest::of(&data).to_string()}))
        }
        "pull" => pull_all(repository, target).await,
        other => panic!("{other}?"),
    }
}

/// A manifest or index with everything in it.
async fn pull_all(repository: &Repository, target: Target) -> Result<Value, Error> {
    let mut blobs = BTreeSet::new();
    let mut todo = vec![target];
    let mut told = json!({});
    while let Some(target) = todo.pop() {
        let pulled = repository.pull(&target).await?;
        blobs.insert(pulled.digest.to_string());
        if told["digest"].is_null() {
            told["digest"] = pulled.digest.to_string().into();
        }
        match pulled.content {
            Content::Index(index) => todo.extend(index.manifests.into_iter().map(|it| Target::Digest(it.digest))),
            Content::Manifest(manifest) => {
                told["configMediaType"] = manifest.config.media_type.clone().into();
                told["layerMediaType"] = manifest.layers.first().map(|it| it.media_type.clone()).into();
                told["annotations"] = json!(manifest.annotations);
                let all: Vec<&Descriptor> = manifest.layers.iter().chain([&manifest.config]).collect();
                for blob in all {
                    repository.blob_bytes(blob, 1 << 30).await?;
                    blobs.insert(blob.digest.to_string());
                }
            }
        }
    }
    told["blobs"] = json!(blobs);
    Ok(told)
}

fn word(error: &Error) -> &'static str {
    match error.kind {
        ErrorKind::Access | ErrorKind::Authentication => "authentication",
        ErrorKind::NotFound => "notFound",
        ErrorKind::DigestMismatch => "digestMismatch",
        ErrorKind::Truncated => "truncated",
        ErrorKind::BadManifest => "badManifest",
        ErrorKind::BadBody => "badBody",
        ErrorKind::BadLink => "badLink",
        ErrorKind::TooManyPages => "tooManyPages",
        ErrorKind::NoPlatform => "noPlatform",
        ErrorKind::BadRedirect => "badRedirect",
        ErrorKind::TooManyRedirects => "tooManyRedirects",
        ErrorKind::BlobRefused => "blobRefused",
        ErrorKind::RateLimited => "rateLimited",
        ErrorKind::Refused => "refused",
        ErrorKind::Server => "server",
        ErrorKind::Connection | ErrorKind::Timeout | ErrorKind::Limit | ErrorKind::Sink => "other",
    }
}
