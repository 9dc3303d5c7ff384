//! Strict JSON input: a tree that hides nothing, and readers that collect every broken field.

mod errors;
mod fields;
mod locate;
mod tree;
mod values;

pub use errors::{Errors, FieldProblem, Pointer};
pub use fields::{Object, elements};
pub use tree::{Json, MAX_DEPTH, Unreadable, parse};
pub use values::{
    InUse, boolean, currency, integer_in, money, non_negative_money_text, positive_money_text,
    signed_within, text, timestamp, uuid,
};
