//! Staged server-side apply, diff, inventory, prune, wait.
