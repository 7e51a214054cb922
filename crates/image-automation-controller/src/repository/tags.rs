//! The tags that were found, in a folder, so that they outlive the process.
//!
//! A file for each ImageRepository: two with the same image may have other credentials, and leave out other tags. A file
//! says of which image it is and what its checksum must be; one that is damaged, or of another image, counts as empty, and
//! the next scan writes it anew.

use std::fs;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use sha2::{Digest as _, Sha256};
use sluice_runtime::Key;
use tracing::warn;

/// What the first line of a file begins with.
const FORMAT: &str = "sluice-tags/1";
/// Where files lie in the folder.
const KIND: &str = "imagerepository";
/// What a file is called.
const FILE: &str = "tags";

/// The tags of all ImageRepositories.
pub struct Tags {
    folder: PathBuf,
}

impl Tags {
    /// The tags in a folder, which is made where it is not there.
    ///
    /// # Errors
    /// When the folder cannot be written to.
    pub fn open(folder: &Path) -> io::Result<Self> {
        let folder = folder.join(KIND);
        fs::create_dir_all(&folder)?;
        tempfile::tempfile_in(&folder)?;
        Ok(Tags { folder })
    }

    /// The tags of an image; none when it was not scanned, or what was kept is damaged. Blocks.
    pub fn load(&self, key: &Key, image: &str) -> Vec<String> {
        let text = match self.path(key).and_then(|path| fs::read_to_string(path.join(FILE))) {
            Ok(text) => text,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(error) => {
                warn!(repository = %key, %error, "the tags cannot be read; they are scanned again");
                return Vec::new();
            }
        };
        match parse(&text) {
            Some((of, tags)) if of == image => tags.lines().map(str::to_owned).collect(),
            Some(_) => Vec::new(),
            None => {
                warn!(repository = %key, "the file of tags is damaged; they are scanned again");
                Vec::new()
            }
        }
    }

    /// Keeps the tags of an image; readers see the old ones or these. Blocks.
    ///
    /// # Errors
    /// When they cannot be written; the old ones stay.
    pub fn save(&self, key: &Key, image: &str, tags: &[String]) -> io::Result<()> {
        let folder = self.path(key)?;
        fs::create_dir_all(&folder)?;
        let body: String = tags.iter().flat_map(|tag| [tag.as_str(), "\n"]).collect();
        let mut file = tempfile::NamedTempFile::new_in(&folder)?;
        writeln!(file, "{FORMAT} {image} {}", checksum(&body))?;
        file.write_all(body.as_bytes())?;
        file.as_file().sync_all()?;
        file.persist(folder.join(FILE)).map_err(|error| error.error)?;
        fs::File::open(&folder)?.sync_all()
    }

    /// Removes the tags of an ImageRepository. Blocks.
    ///
    /// # Errors
    /// When they cannot be removed.
    pub fn remove(&self, key: &Key) -> io::Result<()> {
        match fs::remove_dir_all(self.path(key)?) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
            _ => Ok(()),
        }
    }

    /// Of whom tags are kept. Blocks.
    pub fn keys(&self) -> Vec<Key> {
        let names = |folder: &Path| -> Vec<String> {
            let entries = fs::read_dir(folder).into_iter().flatten().flatten();
            entries.filter_map(|it| it.file_name().into_string().ok()).collect()
        };
        let of = |namespace: String| {
            let repositories = names(&self.folder.join(&namespace));
            repositories.into_iter().map(move |name| Key::new(&namespace, &name))
        };
        names(&self.folder).into_iter().flat_map(of).collect()
    }

    fn path(&self, key: &Key) -> io::Result<PathBuf> {
        // The API server lets no other names through; were there one, it would lead nowhere.
        let sound = |text: &str| !text.is_empty() && !text.starts_with('.') && !text.contains(['/', '\\', '\0']);
        if !sound(&key.namespace) || !sound(&key.name) {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a name that no folder can have"));
        }
        Ok(self.folder.join(&*key.namespace).join(&*key.name))
    }
}

/// The image and the lines of its tags, if the file is whole.
fn parse(text: &str) -> Option<(&str, &str)> {
    let (head, body) = text.split_once('\n')?;
    let mut words = head.split(' ');
    let (format, image, sum) = (words.next()?, words.next()?, words.next()?);
    (format == FORMAT && checksum(body) == sum).then_some((image, body))
}

fn checksum(body: &str) -> String {
    hex::encode(Sha256::digest(body))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(tags: &[&str]) -> Vec<String> {
        tags.iter().map(|it| (*it).to_owned()).collect()
    }

    #[test]
    fn tags_outlive_whoever_wrote_them() {
        let folder = tempfile::tempdir().unwrap();
        let key = Key::new("apps", "web");
        Tags::open(folder.path()).unwrap().save(&key, "h.io/web", &list(&["2", "1"])).unwrap();
        let tags = Tags::open(folder.path()).unwrap();
        assert_eq!(tags.load(&key, "h.io/web"), ["2", "1"]);
        assert!(tags.load(&key, "h.io/other").is_empty() && tags.load(&Key::new("apps", "x"), "h.io/web").is_empty());
        assert_eq!(tags.keys(), std::slice::from_ref(&key));
        tags.remove(&key).unwrap();
        tags.remove(&key).unwrap();
        assert!(tags.load(&key, "h.io/web").is_empty() && tags.keys().is_empty());
    }

    #[test]
    fn what_is_damaged_counts_as_empty_whichever_byte_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let tags = Tags::open(folder.path()).unwrap();
        let key = Key::new("apps", "web");
        tags.save(&key, "h.io/web", &list(&["2", "1"])).unwrap();
        let file = folder.path().join("imagerepository/apps/web/tags");
        let whole = fs::read(&file).unwrap();
        for at in 0..whole.len() {
            let mut broken = whole.clone();
            broken[at] ^= 1;
            fs::write(&file, &broken).unwrap();
            assert!(tags.load(&key, "h.io/web").is_empty(), "byte {at}");
            fs::write(&file, &whole[..at]).unwrap();
            assert!(tags.load(&key, "h.io/web").is_empty(), "length {at}");
        }
        fs::write(&file, &whole).unwrap();
        assert_eq!(tags.load(&key, "h.io/web").len(), 2);
    }

    #[test]
    fn no_name_leads_out_of_the_folder() {
        let folder = tempfile::tempdir().unwrap();
        let tags = Tags::open(folder.path()).unwrap();
        for name in ["..", ".", "", "a/b", "a\0"] {
            assert!(tags.save(&Key::new(name, "x"), "i", &[]).is_err() && tags.remove(&Key::new("x", name)).is_err());
        }
    }
}
