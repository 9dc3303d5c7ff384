//! `cargo fuzz run kafka_record`: see [`fuzz::kafka_record`].

#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| fuzz::kafka_record::check(input));
