//! source.toolkit.fluxcd.io/v1: what artifacts are made from. Behaviour: spec/flux/source.md.

mod git_repository;

pub use git_repository::{
    GitProvider, GitRepository, GitRepositoryInclude, GitRepositoryRef, GitRepositorySpec, GitRepositoryStatus,
    GitRepositoryVerification, GitVerificationMode,
};
