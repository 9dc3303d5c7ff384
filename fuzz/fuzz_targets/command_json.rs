//! `cargo fuzz run command_json`: see [`fuzz::command_json`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::command_json::check(input));
