//! `cargo fuzz run stored_event`: see [`fuzz::stored_event`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::stored_event::check(input));
