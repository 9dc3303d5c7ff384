//! A struct that is read from a row: each field from the column of its name, on either backend.
//!
//! It does what `derive(sqlx::FromRow)` would do, without the second build of sqlx that sqlx's macros cost.

macro_rules! from_row {
    ($(#[$meta:meta])* $visibility:vis struct $name:ident {
        $($(#[$field_meta:meta])* $field_visibility:vis $field:ident: $type:ty),+ $(,)?
    }) => {
        $(#[$meta])* $visibility struct $name {
            $($(#[$field_meta])* $field_visibility $field: $type),+
        }
        crate::db::from_row!(sqlx::sqlite::SqliteRow, $name { $($field),+ });
        crate::db::from_row!(sqlx::postgres::PgRow, $name { $($field),+ });
    };
    ($row:ty, $name:ident { $($field:ident),+ }) => {
        impl sqlx::FromRow<'_, $row> for $name {
            fn from_row(row: &$row) -> sqlx::Result<Self> {
                use sqlx::Row;
                Ok(Self { $($field: row.try_get(stringify!($field))?),+ })
            }
        }
    };
}
pub(crate) use from_row;
