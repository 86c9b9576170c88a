#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| sansio_socketio_fuzz::client(data));
