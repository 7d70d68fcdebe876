use super::super::room::Room;
use futures_util::FutureExt;

/// How many come in without waiting.
fn free(room: &Room) -> usize {
    let mut seats = Vec::new();
    while let Some(seat) = room.enter().now_or_never() {
        seats.push(seat.unwrap());
        assert!(seats.len() < 1000);
    }
    seats.len()
}

#[test]
fn a_limit_can_be_set_and_changed() {
    let room = Room::default();
    for limit in [3, 1, 7, 2, usize::MAX, 5] {
        room.set_limit(limit);
        if limit < 1000 {
            assert_eq!(free(&room), limit);
            assert_eq!(room.limit(), limit);
        }
    }
    // With a limit of zero no request would be served.
    room.set_limit(0);
    assert_eq!(free(&room), 1);
}

#[test]
fn a_lower_limit_holds_once_enough_have_left() {
    let room = Room::default();
    let mut seats: Vec<_> = (0..6).map(|_| room.enter().now_or_never().unwrap().unwrap()).collect();
    room.set_limit(2);
    for left in (2..6).rev() {
        seats.pop();
        assert_eq!(seats.len(), left);
        assert_eq!(free(&room), 0, "{left}");
    }
    seats.pop();
    assert_eq!(free(&room), 1);
    // A raise settles what is owed before it makes room.
    seats.push(room.enter().now_or_never().unwrap().unwrap());
    room.set_limit(1);
    room.set_limit(3);
    assert_eq!(free(&room), 1);
    seats.clear();
    assert_eq!(free(&room), 3);
}

#[test]
fn a_closed_room_takes_nobody_and_lets_nobody_wait() {
    let room = Room::default();
    room.set_limit(1);
    let seat = room.enter().now_or_never().unwrap().unwrap();
    let mut waits = Box::pin(room.enter());
    assert!(waits.as_mut().now_or_never().is_none());
    room.close();
    assert!(waits.now_or_never().unwrap().is_none());
    drop(seat);
    assert!(room.enter().now_or_never().unwrap().is_none());
}
