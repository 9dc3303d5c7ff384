//! What the query service asks: SQL beside its binds, rows out.
