//! Where every service's memory comes from.
//!
//! Large bodies and answers come and go on many threads; the C library's allocator keeps what they leave in an arena for
//! each thread. mimalloc gives it back, and is faster on the small allocations in between.

use mimalloc::MiMalloc;

#[global_allocator]
static MEMORY: MiMalloc = MiMalloc;
