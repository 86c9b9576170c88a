#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sansio_ws_fuzz::deflate(data));
