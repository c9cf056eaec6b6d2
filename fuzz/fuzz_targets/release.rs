#![no_main]

#[path = "../src/release.rs"]
mod release;

libfuzzer_sys::fuzz_target!(|data: &[u8]| release::run(data));
