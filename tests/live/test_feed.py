"""The live feed: what each follower is sent and when a call is forgotten."""

from __future__ import annotations

from voiceguard.live.feed import ENDED_KEPT, CallView, Hub


def _risk(at_s: float, score: int | None) -> dict[str, object]:
    return {"at_s": at_s, "score": score, "state": "ok", "band": "low"}


def _call(hub: Hub, call_id: str) -> CallView:
    view = CallView(call_id, None, 0.0)
    hub.start(view)
    return view


def test_snapshot_whole() -> None:
    """A new follower gets every call with its whole line."""
    hub = Hub()
    _call(hub, "a").add_risk(_risk(1.0, 3))

    (call,) = hub.join().snapshot(hub.calls.values())["calls"]

    assert (call["call_id"], call["line_from"], call["line"]) == ("a", 0, [(1.0, 3, "ok", "low")])


def test_changes_coalesce() -> None:
    """Several changes of one call before a write make one message, with only what is new."""
    hub = Hub()
    view = _call(hub, "a")
    view.add_risk(_risk(1.0, 3))
    follower = hub.join()
    follower.snapshot(hub.calls.values())
    for at_s in (2.0, 3.0):
        view.add_risk(_risk(at_s, 4))
        hub.changed("a")
    view.add_event("intent", 3.0, action="refund")
    hub.changed("a")

    (message,) = follower.take(hub.calls)

    assert (message["call"]["line_from"], [point[0] for point in message["call"]["line"]]) == (1, [2.0, 3.0])
    assert message["call"]["events"] == [{"kind": "intent", "at_s": 3.0, "action": "refund"}]
    assert follower.take(hub.calls) == []


def test_same_id_again() -> None:
    """A call that reuses the id of an ended one is sent from its beginning."""
    hub = Hub()
    _call(hub, "a").add_risk(_risk(1.0, 90))
    follower = hub.join()
    follower.snapshot(hub.calls.values())
    hub.end("a", "stopped")
    _call(hub, "a").add_risk(_risk(0.5, 2))

    (message,) = follower.take(hub.calls)

    assert (
        message["call"]["ended"], message["call"]["line_from"], message["call"]["line"]
    ) == (None, 0, [(0.5, 2, "ok", "low")])


def test_old_calls_forgotten() -> None:
    """Of ended calls only the last ones stay, and followers are told which left; live calls always stay."""
    hub = Hub()
    _call(hub, "live")
    for number in range(ENDED_KEPT + 1):
        _call(hub, f"ended-{number}")
    follower = hub.join()
    follower.snapshot(hub.calls.values())
    for number in range(ENDED_KEPT + 1):
        hub.end(f"ended-{number}", "stopped")

    messages = follower.take(hub.calls)

    assert [m for m in messages if m["type"] == "forget"] == [{"type": "forget", "call_id": "ended-0"}]
    assert len(hub.calls) == ENDED_KEPT + 1
    assert "live" in hub.calls


def test_left_follower_untouched() -> None:
    """Who has left is told nothing more."""
    hub = Hub()
    follower = hub.join()
    hub.leave(follower)

    _call(hub, "a")

    assert follower.take(hub.calls) == []


def test_every_follower_has_its_own_place() -> None:
    """One who joins late is sent the whole call, one who read before only the rest."""
    hub = Hub()
    view = _call(hub, "a")
    early = hub.join()
    view.add_risk(_risk(1.0, 3))
    early.snapshot(hub.calls.values())
    late = hub.join()
    view.add_risk(_risk(2.0, 4))
    hub.changed("a")

    assert [1, 0] == [follower.take(hub.calls)[0]["call"]["line_from"] for follower in (early, late)]


def test_forgotten_before_it_was_read() -> None:
    """Of a call that came and went between two writes a follower hears nothing."""
    hub = Hub()
    follower = hub.join()
    _call(hub, "a")
    del hub.calls["a"]
    hub.changed("a")

    assert [] == follower.take(hub.calls)


def test_clock_never_runs_back() -> None:
    """A window that was answered late does not take the call's time back."""
    view = CallView("a", None, 0.0)
    view.add_event("intent", 9.0, action="refund")
    view.add_risk(_risk(7.0, 3))

    assert 9.0 == view.at_s


# ── over websockets ──────────────────────────────────────────────────────────────────────────────────────────────────
