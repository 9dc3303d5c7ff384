//! `cargo fuzz run import_line`: see [`fuzz::import_line`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::import_line::check(input));
