//! Against a real registry, with TLS and a password.

use std::collections::BTreeMap;
use std::time::Duration;

use sluice_oci::{
    Access, Client, DockerConfig, ErrorKind, Limits, Platform, Repository, RepositoryName, Target, Tls, Upload, media,
};
use sluice_testing::{DockerRegistry, Door, REGISTRY_PASSWORD};

fn repository(registry: &DockerRegistry, password: &str, ca: Option<String>) -> Repository {
    let name: RepositoryName = format!("{}/org/app", registry.address).parse().expect("the name is sound");
    let config = DockerConfig::parse(registry.docker_config(password).as_bytes()).expect("the configuration is sound");
    let access = Access { credentials: config.credentials(&name), tls: Tls { ca, client: None }, ..Access::default() };
    Client::new(Limits::default()).repository(&name, &access, Duration::from_secs(20))
}

fn upload(text: &str) -> Upload {
    Upload {
        config: (media::FLUX_CONFIG.into(), "{}".into()),
        layers: vec![(media::FLUX_CONTENT.into(), text.to_owned().into())],
        annotations: BTreeMap::from([("org.opencontainers.image.revision".to_owned(), "main".to_owned())]),
    }
}

#[tokio::test]
async fn what_is_pushed_is_pulled() {
    let Some(registry) = DockerRegistry::start(Door::Locked) else { return };
    let repository = repository(&registry, REGISTRY_PASSWORD, Some(registry.ca.clone()));
    let tag = Target::Tag("v1".into());
    let digest = repository.push(&tag, &upload("content")).await.expect("it is taken");
    assert_eq!(repository.resolve(&tag).await.expect("the tag is there").digest, digest);
    let (found, manifest) = repository.image(&tag, &Platform::linux_amd64()).await.expect("the manifest is there");
    assert_eq!(found, digest);
    assert_eq!(manifest.annotations["org.opencontainers.image.revision"], "main");
    let layer = repository.blob_bytes(&manifest.layers[0], 100).await.expect("the layer is there");
    assert_eq!(layer, b"content");
    // A second push of the same content finds its blobs there.
    repository.tag(&tag, &Target::Tag("v2".into())).await.expect("the tag is taken");
    let mut tags = repository.tags().await.expect("there are tags");
    tags.sort();
    assert_eq!(tags, ["v1", "v2"]);
    assert_eq!(repository.push(&tag, &upload("content")).await.expect("it is taken"), digest);
    assert!(repository.referrers(&digest, None).await.expect("there may be none").is_empty());
}

#[tokio::test]
async fn many_tags_come_in_pages() {
    let Some(registry) = DockerRegistry::start(Door::Open) else { return };
    let name: RepositoryName = format!("{}/many", registry.address).parse().expect("the name is sound");
    let repository = Client::new(Limits::default()).repository(&name, &Access::default(), Duration::from_secs(60));
    repository.push(&Target::Tag("t0".into()), &upload("x")).await.expect("it is taken");
    for n in 1..30 {
        let tag = Target::Tag(format!("t{n}"));
        repository.tag(&Target::Tag("t0".into()), &tag).await.expect("the tag is taken");
    }
    assert_eq!(repository.tags().await.expect("there are tags").len(), 30);
}

#[tokio::test]
async fn a_refusal_says_why_and_holds_no_secret() {
    let Some(registry) = DockerRegistry::start(Door::Locked) else { return };
    let ca = Some(registry.ca.clone());
    let tag = Target::Tag("v1".into());
    let check = |error: sluice_oci::Error, kind: ErrorKind, text: &str| {
        assert_eq!(error.kind, kind, "{error}");
        assert!(error.to_string().contains(text) && !error.to_string().contains("hunter2"), "{error}");
        assert!(error.to_string().contains("org/app"), "{error}");
    };
    let wrong = repository(&registry, "hunter2", ca.clone());
    check(wrong.resolve(&tag).await.unwrap_err(), ErrorKind::Authentication, "refuses these credentials");
    let good = repository(&registry, REGISTRY_PASSWORD, ca);
    check(good.resolve(&tag).await.unwrap_err(), ErrorKind::NotFound, "MANIFEST_UNKNOWN");
    check(good.tags().await.unwrap_err(), ErrorKind::NotFound, "not found");
    // The authority is not trusted; this machine's registries may also have no TLS, which this one has.
    let strange = repository(&registry, REGISTRY_PASSWORD, None);
    let error = strange.resolve(&tag).await.unwrap_err();
    assert!(error.to_string().contains("certificate") || error.to_string().contains("HTTPS"), "{error}");
    let name: RepositoryName = format!("{}/org/app", registry.address).parse().expect("the name is sound");
    let broken = Access { tls: Tls { ca: Some("no pem".into()), client: None }, ..Access::default() };
    let broken = Client::default().repository(&name, &broken, Duration::from_secs(5));
    check(broken.resolve(&tag).await.unwrap_err(), ErrorKind::Access, "ca.crt");
}
