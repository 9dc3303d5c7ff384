//! The stored form of order events: explicit names, schema versions, and the upcasters that lift old versions.
