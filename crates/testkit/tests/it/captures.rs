//! The transcripts are there and whole.

use testkit::captures;

#[test]
fn every_capture_has_both_streams_and_its_state() {
    let all = captures::all().unwrap();
    assert!(all.len() >= 20, "{}", all.len());
    for capture in all {
        for stream in [capture.global().unwrap(), capture.event().unwrap()] {
            assert!(stream.starts_with(b"data: "), "{}", capture.name());
        }
        assert!(
            capture.rest().unwrap()["state"].is_object(),
            "{}",
            capture.name()
        );
    }
    assert_eq!(captures::long_session().unwrap().len(), 546);
    assert!(captures::named("nosuch").is_err());
}
