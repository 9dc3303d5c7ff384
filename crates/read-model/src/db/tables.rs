//! The names of a projection's tables, by generation.

/// A generation of a projection's tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Tables {
    /// The tables that serve.
    Live,
    /// The tables that a rebuild fills, by generation.
    Shadow(u64),
}

impl Tables {
    /// The name of `table` in this generation.
    pub(crate) fn name(self, table: &str) -> String {
        match self {
            Self::Live => table.to_owned(),
            Self::Shadow(generation) => format!("{table}__g{generation}"),
        }
    }
}
