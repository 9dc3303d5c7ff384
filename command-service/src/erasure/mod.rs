//! Erasing what is stored about a person: the keys of the texts are destroyed, and the log stays as it is.

mod api;
mod follow;
mod plain;
mod record;

pub(crate) use api::{Erasures, routes};
pub(crate) use follow::follow;
pub(crate) use plain::tell_of_plain_texts;
