//! How clients leave (C2).

use super::client::{closed, config, failed, upgraded};
use super::support::client::{ClientDriver, Fate, OPEN};
use sansio_engineio::client::{CloseReason, Config, Error, Event, SendError, Transport::Polling};
use std::time::Duration;

#[test]
fn c2_accepts_a_close_behind_what_was_sent() {
    let mut driver = ClientDriver::polling(config(&[Polling]));
    driver.send("a").unwrap();
    driver.send("b").unwrap();
    driver.close();
    assert_eq!(driver.happenings(), [closed(CloseReason::ForcedClose)], "at once");
    assert_eq!(driver.send("c"), Err(SendError::NotOpen));
    for _ in 0..2 {
        // The server may take no more before that.
        driver.answer_get("4not listened to");
        assert!(driver.got.is_empty() && driver.get().is_some());
    }
    driver.answer_post();
    assert_eq!(driver.body(), "4b");
    driver.answer_post();
    assert_eq!(driver.body(), "1");
    driver.answer_get("6");
    assert_eq!(driver.get(), None);
    driver.answer_post();
    assert!(driver.client.is_closed() && driver.happenings().is_empty());

    let mut driver = upgraded();
    let link = driver.link().unwrap();
    driver.reads = false;
    driver.send("a").unwrap();
    driver.close();
    assert_eq!(
        (driver.happenings(), driver.link()),
        (vec![closed(CloseReason::ForcedClose)], Some(link))
    );
    driver.unblock();
    assert_eq!(driver.texts(), ["4a"], "without 1");
    assert_eq!(driver.links[&link], Fate::Closed(1000));
    assert!(driver.client.is_closed());
}

#[test]
fn c2_accepts_a_close_that_is_cut_off() {
    type CutOff = fn(&mut ClientDriver);
    let ways: [(bool, CutOff); 6] = [
        (true, |driver| driver.wait(Duration::from_secs(60))),
        (true, |driver| driver.answer(driver.post().unwrap(), 500, b"")),
        (true, |driver| driver.fail(driver.post().unwrap())),
        (false, |driver| driver.wait(Duration::from_secs(60))),
        (false, |driver| driver.link_closed(driver.link().unwrap())),
        (false, |driver| driver.link_failed(driver.link().unwrap())),
    ];
    for (is_polling, cut_off) in ways {
        for goes_well in [false, true] {
            let mut driver =
                if is_polling { ClientDriver::polling(config(&[Polling])) } else { upgraded() };
            driver.reads = false;
            driver.send("a").unwrap();
            driver.close();
            assert!(!driver.client.is_closed() && !driver.client.was_cut_off());
            match (goes_well, is_polling) {
                (false, _) => cut_off(&mut driver),
                (true, true) => (0..2).for_each(|_| driver.answer_post()),
                (true, false) => driver.unblock(),
            }
            assert!(driver.client.is_closed());
            assert_eq!(driver.client.was_cut_off(), !goes_well);
            driver.open();
            assert!(!driver.client.was_cut_off());
        }
    }
}

#[test]
fn c2_accepts_that_a_session_ends_before_its_close_packet_is_answered() {
    type End = fn(&mut ClientDriver);
    let ends: [End; 5] = [
        |driver| driver.answer(driver.get().unwrap(), 400, b""),
        |driver| driver.fail(driver.get().unwrap()),
        |driver| driver.answer(driver.post().unwrap(), 400, b""),
        |driver| driver.fail(driver.post().unwrap()),
        |driver| driver.wait(Duration::from_secs(60)),
    ];
    for end in ends {
        let mut driver = ClientDriver::polling(config(&[Polling]));
        driver.send("a").unwrap();
        driver.close();
        driver.answer_post();
        assert_eq!(driver.body(), "1");
        end(&mut driver);
        assert!(driver.client.is_closed() && !driver.client.was_cut_off());
    }
}

#[test]
fn c2_accepts_a_close_during_the_upgrade() {
    for (steps, probed) in [(0, false), (1, false), (2, true)] {
        let mut driver = ClientDriver::polling(Config::new());
        let link = driver.link().unwrap();
        if steps > 0 {
            driver.opened(link);
        }
        if steps > 1 {
            driver.say(link, "3probe");
            driver.send("waits").unwrap();
        }
        driver.close();
        assert_eq!(driver.links[&link], Fate::Closed(1000));
        if probed {
            assert_eq!(driver.body(), "4waits", "by polling");
            driver.answer_post();
        }
        assert_eq!(driver.body(), "1");
        // What comes too late.
        driver.say(link, "3probe");
        driver.answer_post();
        assert!(driver.client.is_closed() && !driver.texts().contains(&"5"));
        assert_eq!(driver.happenings(), [closed(CloseReason::ForcedClose)]);
    }
}

#[test]
fn c2_accepts_the_next_session_when_the_last_one_has_left() {
    let mut driver = ClientDriver::polling(config(&[Polling]));
    driver.send("a").unwrap();
    driver.close();
    assert_eq!(driver.happenings(), [closed(CloseReason::ForcedClose)]);
    // Each opening has its end.
    driver.open();
    driver.close();
    assert_eq!(driver.happenings(), [closed(CloseReason::ForcedClose)]);
    driver.open();
    driver.answer_post();
    assert_eq!(driver.body(), "1");
    driver.answer_post();
    let get = driver.get().unwrap();
    assert!(!driver.requests[&get].target.contains("sid"));
    driver.answer_get(OPEN);
    assert_eq!(driver.happenings(), [Event::Opened]);
}

#[test]
fn c2_rejects_a_server_that_does_not_take_the_last_words() {
    let mut driver = ClientDriver::polling(config(&[Polling]));
    driver.send("a").unwrap();
    driver.close();
    driver.wait(Duration::from_secs(5));
    assert!(driver.client.is_closed());
    assert_eq!(driver.aborted.len(), 2);
    let mut driver = upgraded();
    driver.reads = false;
    driver.close();
    driver.wait(Duration::from_secs(5));
    assert!(driver.client.is_closed());
}

#[test]
fn c2_accepts_the_last_words_behind_a_post_that_is_refused_for_the_end() {
    for (last, event) in [
        ("4last\u{1e}1", closed(CloseReason::TransportClose)),
        ("4last", failed(Error::Status { status: 400, code: Some(1), message: "gone".into() })),
    ] {
        let mut driver = ClientDriver::polling(config(&[Polling]));
        driver.send("x").unwrap();
        let post = driver.post().unwrap();
        driver.answer(post, 400, br#"{"code":1,"message":"gone"}"#);
        assert_eq!((driver.happenings(), driver.post()), (vec![], None));
        driver.answer_get(last);
        assert_eq!((driver.happenings(), &*driver.got), (vec![event], &["last".to_owned()][..]));
    }
}
