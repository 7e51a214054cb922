//! How much one text may cost.

/// Bounds on what reading one text may cost. Each can be raised by whoever trusts the text more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Length of the text, and of all strings that aliases repeat, in bytes.
    pub bytes: usize,
    /// How deep maps and lists nest. Values above [`Limits::DEEPEST`] count as that.
    pub depth: usize,
    /// Scalars, maps and lists in all documents together, counted after aliases are expanded.
    pub nodes: usize,
    /// Documents in the stream.
    pub documents: usize,
}

impl Limits {
    /// The deepest nesting that can be asked for: beyond it the stack of a small thread would not suffice.
    pub const DEEPEST: usize = 1000;
}

impl Default for Limits {
    fn default() -> Self {
        Self { bytes: 10 << 20, depth: 100, nodes: 1_000_000, documents: 20_000 }
    }
}
