//! One read for each digest.

use std::sync::atomic::Ordering;
use std::time::Duration;

use futures::future::join_all;
use sluice_artifact::{Digest, Trees, TreesError};
use sluice_tree::Limits;
use sluice_tree::archive::write_tar_gz;

use crate::stand::{answer, fetcher, scripted, tree};

fn packed(files: &[(&str, &str)]) -> (Vec<u8>, Digest) {
    let mut packed = Vec::new();
    let digest = write_tar_gz(&tree(files), &mut packed).unwrap().digest.parse().unwrap();
    (answer("200 OK", "", &packed), digest)
}

fn trees(keep_bytes: u64) -> Trees {
    Trees::new(fetcher(), Limits::default(), keep_bytes)
}

#[tokio::test]
async fn all_who_ask_share_one_download_and_one_tree() {
    let (answer, digest) = packed(&[("a", "x")]);
    let (url, count) = scripted(vec![answer]).await;
    let trees = trees(0);
    let got = join_all((0..20).map(|_| trees.open(&url, &digest))).await;
    let first = got[0].as_ref().unwrap().read("a").unwrap().as_ptr();
    assert!(got.iter().all(|tree| tree.as_ref().unwrap().read("a").unwrap().as_ptr() == first));
    trees.open(&url, &digest).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 1, "somebody still has it");
    drop(got);
    trees.open(&url, &digest).await.unwrap();
    assert_eq!(count.load(Ordering::SeqCst), 2, "nobody had it, and nothing is kept");
}

#[tokio::test]
async fn the_ones_used_last_are_kept() {
    let (a, digest_a) = packed(&[("a", "x")]);
    let (b, digest_b) = packed(&[("b", "x")]);
    let (url_a, count_a) = scripted(vec![a]).await;
    let (url_b, _) = scripted(vec![b]).await;
    // Room for one of them.
    let trees = trees(300);
    for _ in 0..3 {
        trees.open(&url_a, &digest_a).await.unwrap();
    }
    assert_eq!(count_a.load(Ordering::SeqCst), 1);
    trees.open(&url_b, &digest_b).await.unwrap();
    trees.open(&url_a, &digest_a).await.unwrap();
    assert_eq!(count_a.load(Ordering::SeqCst), 2);
}

#[tokio::test]
async fn a_failure_is_shared_but_not_remembered() {
    let (good, digest) = packed(&[("a", "x")]);
    let (url, count) = scripted(vec![answer("404 Gone", "", b""), good]).await;
    let trees = trees(0);
    let got = join_all((0..5).map(|_| trees.open(&url, &digest))).await;
    assert!(got.iter().all(|error| error.as_ref().unwrap_err().is_not_found()));
    assert_eq!(count.load(Ordering::SeqCst), 1);
    trees.open(&url, &digest).await.unwrap();
}

#[tokio::test]
async fn whoever_leaves_takes_nobody_along() {
    let (good, digest) = packed(&[("a", "x")]);
    // The first connection gets no answer.
    let (url, _) = scripted(vec![Vec::new(), good]).await;
    let trees = trees(0);
    let impatient = tokio::time::timeout(Duration::from_millis(50), trees.open(&url, &digest));
    let patient = trees.open(&url, &digest);
    let (left, stayed) = tokio::join!(impatient, patient);
    assert!(left.is_err());
    stayed.unwrap();
    assert_eq!(format!("{trees:?}"), "Trees { known: 1, flights: 0, kept: 0 }");
}

#[tokio::test]
async fn what_is_no_archive_is_told_apart() {
    let digest = Digest::of(b"no archive");
    let (url, count) = scripted(vec![answer("200 OK", "", b"no archive")]).await;
    let error = trees(0).open(&url, &digest).await.unwrap_err();
    assert!(matches!(error, TreesError::Archive(..)), "{error}");
    assert_eq!(count.load(Ordering::SeqCst), 1, "its bytes are what was announced: asking again is of no use");
}
