//! What holds for any input.

use proptest::prelude::*;
use sluice_tree::archive::{Links, read_tar, read_tar_gz, write_tar_gz};
use sluice_tree::{Limits, TreeBuilder, path};

proptest! {
    #[test]
    fn reading_never_panics(bytes in proptest::collection::vec(any::<u8>(), 0..2048)) {
        let _ = read_tar(bytes.as_slice(), &Limits::default(), Links::Skip);
        let _ = read_tar_gz(bytes.as_slice(), &Limits::default());
    }

    #[test]
    fn one_changed_byte_never_panics(at in 0_usize..3072, value: u8) {
        let entries = [crate::forge::pax("12 path=a/b\n"), crate::forge::file("x"), crate::forge::dir("d")];
        let mut tar = crate::forge::tar(&entries);
        let at = at % tar.len();
        tar[at] = value;
        let _ = read_tar(tar.as_slice(), &Limits::default(), Links::Skip);
    }

    #[test]
    fn what_is_written_is_read(files in proptest::collection::btree_map("[a-zé]{1,60}(/[a-z.-]{1,80}x){0,4}", any::<(Vec<u8>, bool)>(), 0..12)) {
        let mut builder = TreeBuilder::new(Limits::default());
        for (path, (data, executable)) in files {
            // A file may stand where another one needs a folder.
            let _ = builder.file(&path, data, executable);
        }
        let tree = builder.build();
        let mut packed = Vec::new();
        let written = write_tar_gz(&tree, &mut packed).unwrap();
        prop_assert_eq!(written.size, packed.len() as u64);
        prop_assert_eq!(read_tar_gz(packed.as_slice(), &Limits::default()).unwrap(), tree);
    }

    #[test]
    fn a_joined_path_is_inside(base in "[a-z./]{0,12}", relative in "[a-z./]{0,20}") {
        if let Ok(joined) = path::join(&base, &relative) {
            prop_assert!(joined.is_empty() || path::check(&joined).is_ok());
        }
    }
}
