//! stdout is data, stderr is talk.

use std::io::{self, Write as _};

/// Writes data.
///
/// # Errors
/// When nobody reads any more, or the disk is full.
pub fn data(text: &str) -> anyhow::Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    out.flush()?;
    Ok(())
}

/// Progress for people, marked as Flux marks it (spec/flux/cli.md §1). What cannot be written is lost.
pub mod talk {
    use std::io::{self, Write as _};

    use crate::escape;

    fn say(mark: &str, text: &str) {
        let _ = writeln!(io::stderr().lock(), "{mark} {}", escape::lines(text));
    }

    /// Something is being done.
    pub fn action(text: &str) {
        say("►", text);
    }

    /// Something is being generated.
    pub fn generate(text: &str) {
        say("✚", text);
    }

    /// Something is waited for.
    pub fn waiting(text: &str) {
        say("◎", text);
    }

    /// It worked.
    pub fn success(text: &str) {
        say("✔", text);
    }

    /// It works, but.
    pub fn warning(text: &str) {
        say("⚠️", text);
    }

    /// It failed.
    pub fn failure(text: &str) {
        say("✗", text);
    }

    /// A line without a mark.
    pub fn plain(text: &str) {
        let _ = writeln!(io::stderr().lock(), "{}", escape::lines(text));
    }
}
