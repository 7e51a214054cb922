//! What a template may cost.

/// Budgets of one execution; the error names the limit that was hit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// `template` calls inside each other.
    pub template_depth: usize,
    /// Nested evaluations of every kind: what the stack must hold.
    pub frames: usize,
    /// Nodes and commands evaluated.
    pub steps: u64,
    /// Bytes written, by the template and by all that it includes.
    pub output_bytes: usize,
    /// Bytes of one string or elements of one list that a function makes.
    pub value_size: usize,
    /// Costly functions called (key generation, bcrypt, scrypt).
    pub expensive_calls: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            template_depth: 10_000,
            frames: 60_000,
            steps: 50_000_000,
            output_bytes: 256 << 20,
            value_size: 64 << 20,
            expensive_calls: 200,
        }
    }
}

/// Stack of the thread that executes: above what `Limits::frames` evaluations take. Pages are only used when touched.
pub(crate) const STACK_BYTES: usize = 512 << 20;
