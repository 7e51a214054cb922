//! Hostile archives, by their number in the catalogue of bad input (part A, archives and artifacts).

use std::io::Read;

use sluice_tree::archive::{Error, Links, read_tar, read_tar_gz, read_with, write_tar_gz};
use sluice_tree::{Limits, Tree, TreeBuilder};

use crate::forge::{BLOCK, Raw, dir, file, gzip, link, pax, tar, tar_gz};

#[track_caller]
fn refused(entries: &[Vec<u8>], want: &str) {
    // A good entry comes first: the whole archive is refused, not one entry.
    let entries = [&[file("good")], entries].concat();
    let error = read_tar_gz(tar_gz(&entries).as_slice(), &Limits::default()).unwrap_err().to_string();
    assert!(error.contains(want), "want `{want}` in: {error}");
    assert!(error.len() < 1024 && !error.chars().any(char::is_control), "{error:?}");
}

#[track_caller]
fn accepted(entries: &[Vec<u8>], want: &[&str]) -> Tree {
    let tree = read_tar_gz(tar_gz(entries).as_slice(), &Limits::default()).unwrap();
    assert_eq!(tree.walk().map(|(path, _)| path).collect::<Vec<_>>(), want);
    tree
}

#[track_caller]
fn bounded(packed: &[u8], limits: &Limits, want: &str) {
    let error = read_tar_gz(packed, limits).unwrap_err().to_string();
    assert!(error.contains(want), "want `{want}` in: {error}");
}

#[test]
fn case_01_names_that_leave_the_root() {
    for name in ["../x", "a/../../x", "..", "a/..", "a/../b", "./../x"] {
        refused(&[file(name)], "leads outside of the root");
        refused(&[dir(name)], "leads outside of the root");
    }
    refused(&[file("/abs")], "absolute path");
    for name in ["C:\\x", "a\\..\\b", "\\\\unc"] {
        refused(&[file(name)], "backslash");
    }
    accepted(&[file("a../b")], &["a..", "a../b"]);
}

#[test]
fn case_02_odd_names() {
    for name in ["", ".", "./", "a/"] {
        refused(&[file(name)], "not a clean path");
    }
    refused(&[Raw { name: b"caf\xe9", ..Raw::default() }.bytes()], "`caf\\xe9` is not valid UTF-8");
    refused(&[pax("11 path=a\0\n"), file("x")], "NUL byte");
    refused(&[file("esc\x1b[31m/../x")], "esc\\u{1b}[31m/../x");
    let long = "d/".repeat(2048) + "x";
    refused(&[pax(&format!("{} path={long}\n", long.len() + 11)), file("x")], "limit `path` is 4096, found 4097");
    accepted(&[dir("."), dir("./"), file("./new\nline"), file("esc\x1b")], &["esc\x1b", "new\nline"]);
}

#[test]
fn case_03_symbolic_links() {
    for target in ["/etc", "../../x", "b"] {
        refused(&[link("a", target)], "is a symbolic link");
    }
    let packed = tar_gz(&[link("a", "b"), link("b", ".."), file("c")]);
    let archive = read_with(packed.as_slice(), &Limits::default(), Links::Skip).unwrap();
    assert_eq!(archive.tree.walk().map(|(path, _)| path).collect::<Vec<_>>(), ["c"]);
    assert_eq!(archive.skipped.iter().map(|s| s.entry.as_str()).collect::<Vec<_>>(), ["a -> b", "b -> .."]);
}

#[test]
fn case_04_and_05_nothing_goes_through_a_link() {
    // A link that is left out leads nowhere: what would have gone through it stays inside the tree.
    for through in [file("d/x"), dir("d")] {
        let packed = tar_gz(&[link("d", "/tmp/out"), through.clone()]);
        let archive = read_with(packed.as_slice(), &Limits::default(), Links::Skip).unwrap();
        assert!(archive.tree.is_dir("d"));
        refused(&[link("d", "/tmp/out"), through], "is a symbolic link");
    }
}

#[test]
fn case_06_and_07_only_files_and_folders() {
    let of = |kind: u8| Raw { kind, link: b"/etc/passwd", ..Raw::default() }.bytes();
    for (kind, want) in [
        (b'1', "is a hard link"),
        (b'3', "is a character device"),
        (b'4', "is a block device"),
        (b'6', "is a named pipe"),
        (b'7', "is a contiguous file"),
        (b'S', "is a sparse file"),
        (b'Z', "of unknown type"),
    ] {
        refused(&[of(kind)], want);
    }
    let long = |name: &[u8]| Raw { name: b"././@LongLink", kind: b'L', content: name, ..Raw::default() }.bytes();
    accepted(&[long(b"long/name\0"), file("short")], &["long", "long/name"]);
    refused(&[long(b"a\0"), long(b"b\0"), file("c")], "two extended headers");
}

#[test]
fn case_08_modes_and_times_do_not_matter() {
    let packed = |mode: &'static [u8], mtime: &'static [u8]| {
        let folder = Raw { name: b"d", kind: b'5', mode, mtime, ..Raw::default() }.bytes();
        let inside = Raw { name: b"d/x", mode, mtime, content: b"x", ..Raw::default() }.bytes();
        let tree = read_tar_gz(tar_gz(&[folder, inside]).as_slice(), &Limits::default()).unwrap();
        write_tar_gz(&tree, std::io::sink()).unwrap()
    };
    let plain = packed(b"0000644\0", b"00000000000\0");
    for mtime in [&b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"[..], b"77777777777\0", b"not a time!!"] {
        assert_eq!(packed(b"0000000\0", mtime), plain);
    }
    assert_eq!(packed(b"0006644\0", b"00000000000\0"), plain, "setuid and setgid go away");
    assert_ne!(packed(b"0000755\0", b"00000000000\0"), plain, "the execute bit stays");
}

#[test]
fn case_09_extended_headers_smuggle_nothing() {
    // The size of the extended header counts, as in Go: what it covers is content, not entries.
    let inner = file("smuggled");
    let outer = Raw { name: b"outer", size: b"00000000000\0", content: &inner, ..Raw::default() }.bytes();
    accepted(&[pax("13 size=1024\n"), outer.clone()], &["outer"]);
    accepted(std::slice::from_ref(&outer), &["outer", "smuggled"]);
    accepted(&[pax("16 path=renamed\n"), file("x")], &["renamed"]);
    let global = Raw { name: b"pax_global_header", kind: b'g', content: b"13 path=other\n", ..Raw::default() }.bytes();
    refused(std::slice::from_ref(&global), "malformed extended header");
    let global = Raw { name: b"pax_global_header", kind: b'g', content: b"14 path=other\n", ..Raw::default() }.bytes();
    accepted(&[global, file("x")], &["x"]);
    refused(&[pax("10 path=a\n"), pax("10 path=b\n"), file("x")], "two extended headers");
    refused(&[pax("10 path=a\n")], "ends after an extended header");
    refused(&[pax("12 path=a\n"), file("x")], "malformed extended header");
    refused(&[pax("14 path=../x\n"), file("x")], "malformed extended header");
    refused(&[pax("13 path=../x\n"), file("x")], "leads outside of the root");
}

#[test]
fn case_10_impossible_sizes_are_refused_before_any_allocation() {
    let of = |size: &'static [u8]| Raw { size, ..Raw::default() }.bytes();
    refused(&[of(b"\x80\0\0\0\x80\0\0\0\0\0\0\0")], "limit `extracted` is 1073741824");
    refused(&[of(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xfe")], "impossible size");
    refused(&[of(b"\x80\x01\0\0\0\0\0\0\0\0\0\0")], "impossible size");
    refused(&[of(b"-0000000001\0")], "impossible size");
    refused(&[pax("29 size=18446744073709551615\n"), file("x")], "limit `extracted`");
    refused(&[pax("30 size=184467440737095516160\n"), file("x")], "no number");
    refused(&[pax("22 GNU.sparse.major=1\n"), file("x")], "sparse");
    let claims = Raw { kind: b'x', size: b"00010000000\0", ..Raw::default() }.bytes();
    refused(&[claims], "limit `extended header` is 1048576, found 2097152");
}

#[test]
fn case_11_bombs() {
    let zeros = vec![0; 30 << 20];
    let bomb = tar_gz(&[Raw { content: &zeros, ..Raw::default() }.bytes()]);
    bounded(&bomb, &Limits::default(), "limit `ratio` is 200, found");
    bounded(&bomb, &Limits { ratio: u64::MAX, extracted: (30 << 20) - 1, ..Limits::default() }, "limit `extracted`");
    read_tar_gz(bomb.as_slice(), &Limits { ratio: u64::MAX, extracted: 30 << 20, ..Limits::default() }).unwrap();
    bounded(&bomb, &Limits { download: 1000, ..Limits::default() }, "limit `download` is 1000, found");
    let packed = bomb.len() as u64;
    let exact = Limits { ratio: u64::MAX, download: packed, ..Limits::default() };
    read_tar_gz(bomb.as_slice(), &exact).unwrap();
    bounded(&bomb, &Limits { download: packed - 1, ..exact }, "limit `download`");
    // Many members are read as one stream, as Go does.
    let many: Vec<u8> = tar(&[file("a")]).chunks(1).flat_map(gzip).collect();
    assert!(read_tar_gz(many.as_slice(), &Limits::default()).unwrap().is_file("a"));
}

#[test]
fn case_12_many_and_deep_entries() {
    let limits = Limits { entries: 1000, ..Limits::default() };
    let many = |n: usize| tar_gz(&(0..n).map(|i| file(&format!("f{i}"))).collect::<Vec<_>>());
    read_tar_gz(many(1000).as_slice(), &limits).unwrap();
    bounded(&many(1001), &limits, "limit `entries` is 1000, found 1001");
    // One name repeated is as much work as many.
    let same = tar_gz(&vec![dir("d"); 1001]);
    bounded(&same, &limits, "limit `entries` is 1000, found 1001");
    let links = tar_gz(&vec![link("d", "x"); 1001]);
    let error = read_with(links.as_slice(), &limits, Links::Skip).unwrap_err();
    assert!(matches!(error, Error::Limit(_)), "{error}");
    let deep = |n: usize| {
        let path = vec!["d"; n].join("/");
        tar_gz(&[pax(&format!("{} path={path}\n", path.len() + if path.len() > 91 { 10 } else { 9 })), file("x")])
    };
    read_tar_gz(deep(100).as_slice(), &Limits::default()).unwrap();
    bounded(&deep(101), &Limits::default(), "limit `depth` is 100, found 101");
    let segment = |n: usize| {
        let name = "n".repeat(n);
        tar_gz(&[pax(&format!("{} path={name}\n", n + 10)), file("x")])
    };
    read_tar_gz(segment(255).as_slice(), &Limits::default()).unwrap();
    bounded(&segment(256), &Limits::default(), "limit `segment` is 255, found 256");
}

#[test]
fn case_13_a_cut_or_altered_stream_is_no_shorter_tree() {
    let whole = tar(&[file("a"), file("b")]);
    let read = |tar: &[u8]| read_tar_gz(gzip(tar).as_slice(), &Limits::default());
    for cut in 0..=whole.len() - 2 * BLOCK {
        assert!(read_tar(&whole[..cut], &Limits::default(), Links::Refuse).is_err(), "cut at {cut}");
    }
    for cut in (0..=4 * BLOCK).step_by(BLOCK) {
        assert!(read(&whole[..cut]).is_err(), "cut at block {cut}");
    }
    let error = read(&whole[..2 * BLOCK]).unwrap_err().to_string();
    assert_eq!(error, "broken tar at byte 1024: ends without an end marker");
    let packed = gzip(&whole);
    for cut in 0..packed.len() {
        assert!(read_tar_gz(&packed[..cut], &Limits::default()).is_err(), "gzip cut at {cut}");
    }
    for at in packed.len() - 8..packed.len() {
        let mut wrong = packed.clone();
        wrong[at] ^= 1;
        assert!(read_tar_gz(wrong.as_slice(), &Limits::default()).is_err(), "checksum or length at {at}");
    }
    for tail in [&b"garbage"[..], &[0; 4], &gzip(b"more")] {
        let with_tail = [&packed[..], tail].concat();
        assert!(read_tar_gz(with_tail.as_slice(), &Limits::default()).is_err(), "{tail:?}");
    }
    let error = read(&[&whole[..], &file("hidden")].concat()).unwrap_err().to_string();
    assert!(error.ends_with("data after the end marker"), "{error}");
    read(&[&whole[..], &[0; 8192]].concat()).unwrap();
    let error = read(&[&whole[..], &vec![0; 2 << 20]].concat()).unwrap_err().to_string();
    assert!(error.contains("limit `padding`"), "{error}");
    let mut flipped = whole.clone();
    flipped[0] ^= 1;
    assert!(read(&flipped).unwrap_err().to_string().contains("wrong checksum"));
}

#[test]
fn case_14_the_same_name_twice() {
    let second = Raw { content: b"second", ..Raw::default() }.bytes();
    let tree = accepted(&[file("a"), second], &["a"]);
    assert_eq!(tree.read("a").unwrap().as_ref(), b"second", "the last one wins, as in Flux");
    refused(&[file("a"), dir("a")], "`a` is a file already");
    refused(&[dir("a"), file("a")], "`a` is a folder already");
    refused(&[file("a"), file("a/b")], "`a` is a file already");
    accepted(&[file("A.yaml"), file("a.yaml")], &["A.yaml", "a.yaml"]);
    accepted(&[file("e\u{301}"), file("\u{e9}")], &["e\u{301}", "\u{e9}"]);
}

#[test]
fn case_18_an_empty_archive_is_an_empty_tree() {
    assert!(accepted(&[], &[]).is_empty());
    assert!(accepted(&[dir(".")], &[]).is_empty());
    assert!(read_tar_gz(&b""[..], &Limits::default()).is_err());
    assert!(read_tar_gz(gzip(b"").as_slice(), &Limits::default()).is_err());
}

#[test]
fn what_other_tools_write_is_read() {
    // GNU long names, a leading `./`, blocks of 10 KiB, and the commit that `git archive` puts in front.
    let long = format!("./{}/{}", "d".repeat(120), "f".repeat(120));
    let mut builder = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(1);
    header.set_mode(0o644);
    builder.append_data(&mut header, &long, &b"x"[..]).unwrap();
    let mut tar = builder.into_inner().unwrap();
    tar.resize(tar.len().next_multiple_of(10 << 10), 0);
    let comment = format!("52 comment={}\n", "0".repeat(40));
    let global = Raw { name: b"pax_global_header", kind: b'g', content: comment.as_bytes(), ..Raw::default() }.bytes();
    let tree = read_tar_gz(gzip(&[global, tar].concat()).as_slice(), &Limits::default()).unwrap();
    assert!(tree.is_file(long.strip_prefix("./").unwrap()));
    let v7 = Raw { magic: b"", kind: 0, content: b"x", ..Raw::default() }.bytes();
    let folder = Raw { magic: b"", kind: 0, name: b"d/", ..Raw::default() }.bytes();
    accepted(&[v7, folder], &["a", "d"]);
}

#[test]
fn reading_goes_on_after_short_reads() {
    struct OneByOne<'a>(&'a [u8]);
    impl Read for OneByOne<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            let n = buffer.len().min(1);
            self.0.read(&mut buffer[..n])
        }
    }
    let packed = tar_gz(&[file("a/b")]);
    assert!(read_tar_gz(OneByOne(&packed), &Limits::default()).unwrap().is_file("a/b"));
}

#[test]
fn equal_trees_make_equal_bytes_in_any_order() {
    let names = ["z", "a/b", "a-b", "a.b/c"];
    let pack = |names: &mut dyn Iterator<Item = &&str>| {
        let mut builder = TreeBuilder::new(Limits::default());
        names.for_each(|name| builder.file(name, name.to_string(), false).unwrap());
        write_tar_gz(&builder.build(), std::io::sink()).unwrap()
    };
    assert_eq!(pack(&mut names.iter()), pack(&mut names.iter().rev()));
}
