//! The allocator of every service.
//!
//! Large bodies and answers come and go on many threads; the C library's allocator keeps what they leave in an arena for
//! each thread. mimalloc gives it back, and is faster on the small allocations in between. It takes the place of
//! the C library's for SQLite and librdkafka as well: a column's value is allocated by one thread and freed by another.
//! It does not ask for huge pages: each reuse of returned memory would clear a whole one, in the middle of a request.

use mimalloc::MiMalloc;

#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;
