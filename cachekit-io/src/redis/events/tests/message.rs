use super::super::message::Message;

const SENDER: [u8; 16] = *b"sixteen bytes ok";

#[test]
fn what_is_encoded_is_decoded() {
    for message in [
        Message::Probe,
        Message::All,
        Message::Changed(vec![]),
        Message::Changed(vec![b"k", b"", &[0xff; 400]]),
    ] {
        let (bytes, _) = message.encode(SENDER);
        assert_eq!(Message::decode(&bytes), Some((SENDER, message)));
    }
}

#[test]
fn what_does_not_fit_is_left_for_the_next_message() {
    let key = [b'k'; 400];
    let keys = vec![key.as_slice(); 1000];
    let (bytes, said) = Message::Changed(keys).encode(SENDER);
    assert!(bytes.len() <= 33 * 1024, "{}", bytes.len());
    assert!((70..90).contains(&said), "{said}");
    let Some((_, Message::Changed(keys))) = Message::decode(&bytes) else { panic!("no keys") };
    assert_eq!(keys.len(), said);

    // A key that fits nowhere is said by itself.
    let long = vec![b'k'; 60_000];
    let (bytes, said) = Message::Changed(vec![&long, b"k"]).encode(SENDER);
    assert_eq!((said, bytes.len()), (1, 18 + 2 + 60_000));
    // Its length cannot be written: all keys are said to have changed.
    let longer = vec![b'k'; 70_000];
    let (bytes, said) = Message::Changed(vec![b"k", &longer, b"l"]).encode(SENDER);
    assert_eq!((Message::decode(&bytes), said), (Some((SENDER, Message::All)), 3));
}

#[test]
fn what_is_no_message_is_refused() {
    let (whole, _) = Message::Changed(vec![b"key", b"other"]).encode(SENDER);
    for end in (0..whole.len()).filter(|end| ![18, 23].contains(end)) {
        assert_eq!(Message::decode(&whole[..end]), None, "cut at {end}");
    }
    for (place, byte) in [(0, 2), (1, b'x')] {
        let mut other = whole.clone();
        other[place] = byte;
        assert_eq!(Message::decode(&other), None);
    }
    let (mut probe, _) = Message::Probe.encode(SENDER);
    probe.push(0);
    assert_eq!(Message::decode(&probe), None);
    // What other languages say on their channel.
    assert_eq!(Message::decode(b"\x82\xa1r\xa1f\xa1k\xa1k"), None);
}
