#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sansio_engineio_fuzz::client(data));
