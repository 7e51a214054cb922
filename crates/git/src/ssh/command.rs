//! The command a server is asked to run.

/// `git-upload-pack` on `path`, quoted for the shell that most servers pass it to.
pub(super) fn upload_pack(path: &str) -> String {
    // ssh://host/~user/repository is relative to a home.
    let path = if path.starts_with("/~") { &path[1..] } else { path };
    format!("git-upload-pack {}", quote(path))
}

/// Git's own quoting, which servers that parse the command themselves expect.
fn quote(text: &str) -> String {
    let mut out = String::from("'");
    for c in text.chars() {
        match c {
            '\'' | '!' => {
                out.push_str("'\\");
                out.push(c);
                out.push('\'');
            }
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::upload_pack;

    #[test]
    fn a_path_never_leaves_its_quotes() {
        assert_eq!(upload_pack("/org/app.git"), "git-upload-pack '/org/app.git'");
        assert_eq!(upload_pack("/a'; rm -rf b"), "git-upload-pack '/a'\\''; rm -rf b'");
        assert_eq!(upload_pack("/a!b$(c)`d`"), "git-upload-pack '/a'\\!'b$(c)`d`'");
        assert_eq!(upload_pack("/~me/app"), "git-upload-pack '~me/app'");
    }
}
