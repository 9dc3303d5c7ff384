//! Erasing what is stored about a person: the keys of the texts are destroyed, and the log stays as it is.

mod api;
mod condition;
mod follow;
mod record;

pub(crate) use api::{Erasures, routes};
pub(crate) use condition::tell_of_texts;
pub(crate) use follow::{FollowError, follow, settle};
