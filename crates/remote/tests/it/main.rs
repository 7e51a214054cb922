//! Builds with remote bases, against servers on this machine.
#![allow(clippy::unwrap_used, missing_docs, reason = "tests")]

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use sluice_git::serve::Server;
use sluice_kustomize::{Options, build};
use sluice_remote::{Config, Fetcher};
use sluice_tree::{Limits, TreeBuilder};

const CONFIG_MAP: &str = "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n";

/// Builds a kustomization with these resources; gives names, or the error.
fn names(resources: &str, config: Config) -> Result<Vec<String>, String> {
    let mut files = TreeBuilder::new(Limits::default());
    files.file("kustomization.yaml", format!("namePrefix: x-\nresources: [{resources}]\n"), false).unwrap();
    let bases = Fetcher::new(config, None).bases();
    let options = Options { remote: Some(&bases), ..Options::default() };
    let built = build(&files.build(), "", &options).map_err(|errors| errors.to_string())?;
    assert!(built.reads.remote());
    Ok(built.objects.iter().map(|it| it["metadata"]["name"].as_str().unwrap().to_owned()).collect())
}

/// Serves each connection with `answer`, given the request's path, on a thread of its own.
fn serve(answer: impl Fn(&str, &mut TcpStream) + Send + Sync + 'static) -> (u16, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let (port, asked) = (listener.local_addr().unwrap().port(), Arc::new(AtomicUsize::new(0)));
    let (counter, answer) = (Arc::clone(&asked), Arc::new(answer));
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let (mut stream, counter, answer) = (stream.unwrap(), Arc::clone(&counter), Arc::clone(&answer));
            std::thread::spawn(move || {
                let mut head = Vec::new();
                let mut byte = [0];
                while !head.ends_with(b"\r\n\r\n") && stream.read(&mut byte).is_ok_and(|read| read == 1) {
                    head.push(byte[0]);
                }
                counter.fetch_add(1, Ordering::Relaxed);
                let head = String::from_utf8_lossy(&head).into_owned();
                answer(head.split(' ').nth(1).unwrap_or(""), &mut stream);
            });
        }
    });
    (port, asked)
}

fn text(stream: &mut TcpStream, status: &str, headers: &str, body: &str) {
    let length = body.len();
    let _ = write!(stream, "HTTP/1.1 {status}\r\n{headers}content-length: {length}\r\nconnection: close\r\n\r\n{body}");
}

fn git(folder: &Path, arguments: &[&str]) {
    let done = Command::new("git")
        .args(["-c", "user.name=N", "-c", "user.email=n@example.com", "-c", "protocol.file.allow=always"])
        .args(arguments)
        .current_dir(folder)
        .env("GIT_CONFIG_GLOBAL", "/dev/null")
        .output()
        .unwrap();
    assert!(done.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&done.stderr));
}

fn write(folder: &Path, path: &str, text: &str) {
    let path = folder.join(path);
    std::fs::create_dir_all(path.parent().unwrap()).unwrap();
    std::fs::write(path, text).unwrap();
}

/// A repository with a base on `main`, another name of it at the tag `v1`, served over HTTP.
fn repository(extra: impl FnOnce(&Path)) -> (tempfile::TempDir, u16) {
    let root = tempfile::tempdir().unwrap();
    let folder = root.path();
    git(folder, &["init", "-q", "-b", "main"]);
    write(folder, "base/kustomization.yaml", "resources: [a.yaml]\n");
    write(folder, "base/a.yaml", &CONFIG_MAP.replace("name: a", "name: old"));
    write(folder, "over/kustomization.yaml", "resources: [../base]\nnameSuffix: -y\n");
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "one"]);
    git(folder, &["tag", "v1"]);
    write(folder, "base/a.yaml", CONFIG_MAP);
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "two"]);
    extra(folder);
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    listener.set_nonblocking(true).unwrap();
    let server = Server::new().with("org/repo", folder).unwrap();
    std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            server.run(listener, std::future::pending()).await.unwrap();
        });
    });
    (root, port)
}

#[test]
fn a_base_comes_from_a_repository() {
    let (root, port) = repository(|_| {});
    let host = format!("http://localhost:{port}/org/repo");
    let build = |resource: String| names(&resource, Config::default()).unwrap();
    assert_eq!(build(format!("'{host}//base?ref=main'")), ["x-a"]);
    assert_eq!(build(format!("'{host}.git/over?ref=v1'")), ["x-old-y"]);
    assert_eq!(build(format!("'git::{host}//over'")), ["x-a-y"]);
    // Without a mark of a repository it is tried as a file first.
    assert_eq!(build(format!("'{host}/base'")), ["x-a"]);
    let commit = Command::new("git").args(["rev-parse", "v1"]).current_dir(root.path()).output().unwrap();
    let commit = String::from_utf8(commit.stdout).unwrap();
    assert_eq!(build(format!("'{host}//base?ref={}'", commit.trim())), ["x-old"]);
    assert_eq!(build(format!("'{host}//base?ref=refs/tags/v1'")), ["x-old"]);
    let missing = names(&format!("'{host}//base?ref=nope'"), Config::default()).unwrap_err();
    assert!(missing.contains("no branch or tag `nope`"), "{missing}");
    let missing = names(&format!("'{host}//nope'"), Config::default()).unwrap_err();
    assert!(missing.contains("nope"), "{missing}");
}

#[test]
fn a_file_comes_by_its_url_once() {
    let (port, asked) = serve(|path, stream| match path {
        "/a.yaml" => text(stream, "200 OK", "", CONFIG_MAP),
        "/moved.yaml" => text(stream, "302 Found", "location: /a.yaml\r\n", ""),
        _ => text(stream, "404 Not Found", "", "no"),
    });
    let url = format!("http://localhost:{port}");
    assert_eq!(names(&format!("{url}/a.yaml"), Config::default()).unwrap(), ["x-a"]);
    assert_eq!(asked.load(Ordering::Relaxed), 1);
    assert_eq!(names(&format!("{url}/moved.yaml"), Config::default()).unwrap(), ["x-a"]);
    let error = names(&format!("{url}/none.yaml"), Config::default()).unwrap_err();
    assert!(error.contains("404"), "{error}");
}

/// Case 35: bodies without end, slow ones, redirects in circles and to the own link.
#[test]
fn case_35_endless_and_slow_answers_end() {
    let (port, _) = serve(|path, stream| match path {
        "/endless.yaml" => {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 10737418240\r\n\r\n");
        }
        "/chunks.yaml" => {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\n\r\n");
            while stream.write_all(&[b'#'; 65536]).is_ok() {}
        }
        "/slow.yaml" => {
            let _ = write!(stream, "HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n");
            while stream.write_all(b"#").is_ok() {
                std::thread::sleep(Duration::from_millis(20));
            }
        }
        "/inside.yaml" => text(stream, "302 Found", "location: http://169.254.169.254/latest\r\n", ""),
        _ => text(stream, "302 Found", &format!("location: {path}x\r\n"), ""),
    });
    let url = format!("http://localhost:{port}");
    let config = || Config { timeout: Duration::from_millis(500), file_bytes: 1 << 20, ..Config::default() };
    for (path, want) in [
        ("endless.yaml", "limit `file_bytes`"),
        ("chunks.yaml", "limit `file_bytes`"),
        ("slow.yaml", "limit `timeout`"),
        ("around.yaml", "limit `redirects`"),
        ("inside.yaml", "own link"),
    ] {
        let begun = Instant::now();
        let error = names(&format!("{url}/{path}"), config()).unwrap_err();
        assert!(error.contains(want), "{path}: {error}");
        assert!(begun.elapsed() < Duration::from_secs(5), "{path}");
    }
    let all = (0..4).map(|index| format!("'{url}/none-{index}.yaml'")).collect::<Vec<_>>().join(", ");
    let error = names(&all, Config { fetches: 3, ..config() }).unwrap_err();
    assert!(error.contains("limit `fetches`"), "{error}");
    let slow = format!("{url}/slow.yaml, {url}/slow.yaml?2");
    let error = names(&slow, Config { total: Duration::from_millis(300), ..config() }).unwrap_err();
    assert!(error.contains("limit `total`"), "{error}");
}

/// Case 35: a submodule of another host is not fetched; the rest of the address says how to do without.
#[test]
fn case_35_submodules_of_another_host_are_refused() {
    let (port, asked) = serve(|_, stream| text(stream, "404 Not Found", "", ""));
    let elsewhere = format!("http://127.0.0.1:{port}/other/lib");
    let (_root, port) = repository(|folder| {
        write(folder, ".gitmodules", &format!("[submodule \"lib\"]\n\tpath = lib\n\turl = {elsewhere}\n"));
        git(folder, &["add", ".gitmodules"]);
        let entry = format!("160000,{},lib", "1".repeat(40));
        git(folder, &["update-index", "--add", "--cacheinfo", &entry]);
        git(folder, &["commit", "-q", "-m", "three"]);
    });
    let host = format!("http://localhost:{port}/org/repo");
    let error = names(&format!("'{host}//base?ref=main'"), Config::default()).unwrap_err();
    assert!(error.contains("another host"), "{error}");
    assert_eq!(names(&format!("'{host}//base?ref=main&submodules=false'"), Config::default()).unwrap(), ["x-a"]);
    assert_eq!(asked.load(Ordering::Relaxed), 0);
}

/// Case 34: refused before a socket is opened, though remote bases are on.
#[test]
fn case_34_what_could_run_or_reach_something_is_refused() {
    for url in [
        "http://169.254.169.254/latest/meta-data",
        "http://[fe80::1]/a.yaml",
        "http://2852039166/a/b?ref=x",
        "file:///etc",
        "git::ext::sh -c id",
        "ssh://-oProxyCommand=id/a/b",
        "https://localhost:1/a/b?ref=--upload-pack=id",
    ] {
        let begun = Instant::now();
        let error = names(&format!("'{url}'"), Config::default()).unwrap_err();
        let named = ["refused", "cannot begin", "programs", "no remote base", "no spaces"];
        assert!(named.iter().any(|it| error.contains(it)), "{url}: {error}");
        assert!(begun.elapsed() < Duration::from_secs(1), "{url}");
    }
}
