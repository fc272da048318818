from __future__ import annotations

import asyncio
import logging
import ssl
import zlib
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any

import pytest

from daemon.clock import SystemClock
from streams.errors import AuthRejected, CertificateRejected
from streams.polygon.codec import Codec
from streams.polygon.feed import MAX_FRAME_BYTES, Feed
from streams.polygon.session import Changed, State, Strange, Unauthorised
from streams.secret import Secret
from tests.fakes.certificate import self_signed
from tests.fakes.feed import KEY, FakeExchange, Peer, eventually, exchange
from tests.streams.polygon.frames import frame, second

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from streams.polygon.session import Event

CHANNELS = ("A.*", "AM.*")


class Soon(Random):
    """Draws delays of a hundredth of their rung, so that tests do not wait, and counts them."""

    drawn = 0

    def uniform(self, a: float, b: float) -> float:
        self.drawn += 1
        return 0.01 * super().uniform(a, b)


class Taken:
    """What a feed hands over."""

    def __init__(self) -> None:
        self.frames: list[bytes] = []
        self.events: list[Event] = []

    def on_frame(self, data: bytes, arrival_ms: int) -> None:
        assert arrival_ms > 0
        self.frames.append(data)

    @property
    def symbols(self) -> list[bytes]:
        codec = Codec()
        return [symbol for data in self.frames for symbol in codec.decode(data, 0).bars.symbol.tolist()]

    @property
    def states(self) -> list[State]:
        return [event.state for event in self.events if isinstance(event, Changed)]

    @property
    def reasons(self) -> list[str]:
        return [event.reason for event in self.events if isinstance(event, Changed)]


def feed(fake: FakeExchange, taken: Taken, **options: Any) -> Feed:
    settings: dict[str, Any] = {
        "clock": SystemClock(), "random": Soon(1), "on_frame": taken.on_frame, "on_event": taken.events.append,
    }  # fmt: skip
    return Feed(fake.url, Secret(KEY), CHANNELS, **(settings | options))


@asynccontextmanager
async def running(subject: Feed) -> AsyncIterator[Feed]:
    task = asyncio.ensure_future(subject.run())
    try:
        yield subject
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def steady(peer: Peer) -> None:
    await peer.subscribe()
    await peer.send(second("STEADY"))
    await peer.wait()


def ending(end: Callable[[Peer], Awaitable[None] | None]) -> Callable[[Peer], Awaitable[None]]:
    """A session that delivers one bar and then ends so."""

    async def script(peer: Peer) -> None:
        await peer.subscribe()
        await peer.send(second("FIRST"))
        ended = end(peer)
        if ended is not None:
            await ended

    return script


def closing(code: int) -> Callable[[Peer], Awaitable[None]]:
    return ending(lambda peer: peer.connection.close(code, "bye"))


ENDS = {
    "close 1000": closing(1000),
    "close 1001": closing(1001),
    "close 1008": closing(1008),
    "close 1011": closing(1011),
    "end of file": ending(Peer.cut),
    "reset": ending(Peer.reset),
    "end of file in a frame": ending(Peer.cut_in_frame),
    "slow consumer": ending(lambda peer: peer.status("slow_consumer", "too slow")),
    "forced": ending(lambda peer: peer.status("force_disconnect", "go")),
    "nonsense on the wire": ending(lambda peer: peer.connection.transport.write(b"\xff\xff\xff\xff")),
    "huge frame": ending(lambda peer: peer.connection.send("x" * (MAX_FRAME_BYTES + 1))),
}


@pytest.mark.parametrize("end", ENDS.values(), ids=ENDS.keys())
async def test_however_a_connection_ends_the_feed_subscribes_to_everything_again(
    end: Callable[[Peer], Awaitable[None]],
) -> None:
    taken = Taken()
    async with exchange(end, steady) as fake, running(feed(fake, taken)) as subject:
        await eventually(lambda: b"STEADY" in taken.symbols)
        assert taken.symbols[:1] == [b"FIRST"] or end is ENDS["reset"]  # RST may overtake what was sent
        assert fake.asked == [list(CHANNELS)] * 2
        assert subject.counts.losses == 1
        assert subject.state is State.LIVE


async def test_the_whole_conversation_shows_as_events() -> None:
    taken = Taken()
    async with exchange(steady) as fake, running(feed(fake, taken)):
        await eventually(lambda: State.LIVE in taken.states)
        assert taken.states == [State.CONNECTED, State.AUTHENTICATED, State.SUBSCRIBED, State.LIVE]
    assert taken.states[-1] is State.CLOSED


async def test_a_loss_between_greeting_and_subscription_does_not_lose_the_subscription() -> None:
    async def rude(peer: Peer) -> None:
        await peer.login()
        peer.cut()

    taken = Taken()
    async with exchange(Peer.greet, rude, steady) as fake, running(feed(fake, taken)):
        await eventually(lambda: taken.symbols == [b"STEADY"])
        assert fake.asked == [list(CHANNELS)]


async def test_an_exchange_that_accepts_and_hangs_up_is_not_asked_in_a_hot_loop() -> None:
    async def shut(peer: Peer) -> None:
        await peer.connection.close(1008)

    taken, chance = Taken(), Soon(1)
    async with exchange(shut) as fake, running(feed(fake, taken, random=chance)):
        await eventually(lambda: fake.opened >= 5)
        assert chance.drawn >= 4  # a delay before every attempt but the first, each on a higher rung
        assert len(taken.events) == 1  # and one line for the state, none for each try


async def test_a_wrong_key_stops_the_feed() -> None:
    taken = Taken()
    async with exchange(Peer.login) as fake:
        subject = Feed(
            fake.url, Secret("the-wrong-key"), CHANNELS, clock=SystemClock(), random=Soon(1),
            on_frame=taken.on_frame, on_event=taken.events.append,
        )  # fmt: skip
        with pytest.raises(AuthRejected, match="authentication failed") as caught:
            await subject.run()
        assert fake.opened == 1
    assert "the-wrong-key" not in str(caught.value) + repr(taken.events)
    assert subject.state is State.CLOSED


async def test_a_channel_that_the_plan_lacks_is_an_alarm_and_the_rest_goes_on() -> None:
    async def poor(peer: Peer) -> None:
        await peer.subscribe(denied=("AM.*",))
        await peer.send(second("STEADY"))
        await peer.wait()

    taken = Taken()
    async with exchange(poor) as fake, running(feed(fake, taken)):
        await eventually(lambda: taken.symbols == [b"STEADY"])
        assert Unauthorised(("AM.*",)) in taken.events


async def test_after_an_eviction_the_feed_stays_away() -> None:
    async def evicting(peer: Peer) -> None:
        await peer.subscribe()
        await peer.status("max_connections", "Maximum number of websocket connections exceeded. ")
        await peer.connection.close(1008)

    class Fair(Random):
        def uniform(self, a: float, b: float) -> float:
            assert (a, b) == (1.0, 1.25)  # of a minute
            return super().uniform(a, b)

    taken = Taken()
    async with exchange(evicting) as fake, running(feed(fake, taken, random=Fair(1))) as subject:
        await eventually(lambda: subject.state is State.EVICTED and subject.counts.losses == 1)
        assert fake.opened == 1


async def test_a_silent_exchange_is_left_and_asked_again() -> None:
    async def silent(peer: Peer) -> None:
        await peer.subscribe()
        await peer.wait()

    taken = Taken()
    async with exchange(silent, steady) as fake, running(feed(fake, taken, silence_s=lambda: 0.2)):
        await eventually(lambda: State.STALE in taken.states and b"STEADY" in taken.symbols)
        assert fake.asked == [list(CHANNELS)] * 2


async def test_nobody_listening_is_tried_again_and_told_once() -> None:
    taken = Taken()
    async with exchange(steady) as fake:
        pass
    async with running(feed(fake, taken)) as subject:
        await eventually(lambda: subject.counts.losses >= 4)
        assert taken.states == [State.CONNECTING]
        assert "cannot connect" in taken.reasons[0]


async def test_an_address_that_is_none_is_a_clear_error() -> None:
    taken = Taken()
    fake = FakeExchange(())
    fake.url = "http://127.0.0.1:1/stocks"
    with pytest.raises(ValueError, match="not a websocket address"):
        await feed(fake, taken).run()


async def test_a_redirect_is_not_followed_for_the_key_would_go_elsewhere() -> None:
    taken = Taken()
    async with exchange(steady) as elsewhere:

        def redirect(connection: Any, request: Any) -> Any:
            del request
            answer = connection.respond(302, "elsewhere")
            answer.headers["Location"] = elsewhere.url
            return answer

        async with exchange(steady, process_request=redirect) as fake, running(feed(fake, taken)) as subject:
            await eventually(lambda: subject.counts.losses >= 2)
            assert elsewhere.opened == 0
            assert "HTTP status 302" in taken.reasons[0]


async def test_a_compressed_bomb_is_refused_and_the_feed_recovers() -> None:
    async def bomb(peer: Peer) -> None:
        await peer.subscribe()
        deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
        packed = b"".join(deflate.compress(bytes(1 << 20)) for _ in range(100)) + deflate.flush(zlib.Z_SYNC_FLUSH)
        header = b"\xc1\x7f" + (len(packed) - 4).to_bytes(8)
        peer.connection.transport.write(header + packed[:-4])
        await peer.wait()

    taken = Taken()
    async with exchange(bomb, steady) as fake, running(feed(fake, taken)):
        await eventually(lambda: b"STEADY" in taken.symbols)
        assert max(map(len, taken.frames)) < 1000


async def test_statuses_among_data_are_seen_while_live() -> None:
    async def odd(peer: Peer) -> None:
        await peer.subscribe()
        await peer.send(second("STEADY"))
        await peer.connection.send('[{"ev": "status", "status": "weather", "message": "fine"}]')
        await peer.wait()

    taken = Taken()
    async with exchange(odd) as fake, running(feed(fake, taken)):
        await eventually(lambda: any(isinstance(event, Strange) for event in taken.events))


async def test_dropping_on_purpose_ends_the_connection_and_begins_another() -> None:
    taken = Taken()
    async with exchange(steady) as fake, running(feed(fake, taken)) as subject:
        await eventually(lambda: subject.state is State.LIVE)
        subject.drop("inbox full")
        await eventually(lambda: len(taken.symbols) == 2)
        assert "inbox full" in taken.reasons
        assert fake.opened == 2


async def test_a_slow_taker_slows_a_lossless_feed_and_loses_nothing() -> None:
    sent, gate, taken = 0, asyncio.Event(), Taken()

    async def flood(peer: Peer) -> None:
        nonlocal sent
        await peer.subscribe()
        for k in range(200):
            await peer.connection.send(frame(*[second(f"S{k}")] * 500).decode())
            sent += 1
        await peer.wait()

    async def slow(data: bytes, arrival_ms: int) -> None:
        taken.on_frame(data, arrival_ms)
        if b'"A"' in data:
            await gate.wait()

    async with (
        exchange(flood, compression=None) as fake,
        running(feed(fake, taken, on_frame=slow, lossless=True)) as subject,
    ):
        await eventually(lambda: sent >= 5)
        assert not await subject.quiet(0.2)
        assert sent < 200
        gate.set()
        await eventually(lambda: taken.frames[-1].startswith(b'[{"ev":"A","sym":"S199"'))


async def test_quiet_is_true_only_once_everything_sent_was_taken() -> None:
    more, taken = asyncio.Event(), Taken()

    async def twice(peer: Peer) -> None:
        await peer.subscribe()
        await peer.send(second("ONE"))
        await more.wait()
        await peer.send(second("TWO"))
        await peer.wait()

    async with exchange(twice) as fake, running(feed(fake, taken, lossless=True)) as subject:
        assert not await subject.quiet(1.0)
        await eventually(lambda: taken.symbols == [b"ONE"])
        assert await subject.quiet(5.0)
        more.set()
        await eventually(lambda: taken.symbols == [b"ONE", b"TWO"])
        assert await subject.quiet(5.0)
    assert not await subject.quiet(1.0)


async def test_quiet_is_false_when_frames_come_before_the_pong() -> None:
    taken = Taken()

    async def chatty(peer: Peer) -> None:
        await peer.subscribe()
        while True:
            await peer.send(second("MORE"))
            await asyncio.sleep(0)

    async with exchange(chatty) as fake, running(feed(fake, taken, lossless=True)) as subject:
        await eventually(lambda: len(taken.frames) > 100)
        assert not await subject.quiet(5.0)


async def test_a_taker_that_fails_ends_the_feed_with_its_error_and_closes_the_connection() -> None:
    def failing(data: bytes, arrival_ms: int) -> None:
        del data, arrival_ms
        raise RuntimeError("a bug")

    taken, gone = Taken(), asyncio.Event()

    async def script(peer: Peer) -> None:
        await peer.greet()
        await peer.wait()
        gone.set()

    async with exchange(script) as fake:
        with pytest.raises(RuntimeError, match="a bug"):
            await feed(fake, taken, on_frame=failing).run()
        await asyncio.wait_for(gone.wait(), 5)


async def test_the_key_is_in_no_log_even_at_debug(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    logging.getLogger("websockets.client").setLevel(logging.DEBUG)
    taken = Taken()
    async with exchange(ENDS["close 1011"], steady, logger=logging.getLogger("the.exchange")) as fake:
        logging.getLogger("the.exchange").setLevel(logging.CRITICAL)
        async with running(feed(fake, taken)) as subject:
            await eventually(lambda: b"STEADY" in taken.symbols)
            assert KEY not in repr((taken.events, subject, vars(subject)))
    assert KEY not in caplog.text


async def test_cancelling_ends_the_feed_at_once_although_the_exchange_does_not_answer() -> None:
    taken, over = Taken(), asyncio.Event()

    async def deaf(peer: Peer) -> None:
        await peer.subscribe()
        peer.connection.transport.pause_reading()
        await over.wait()
        peer.cut()

    async with exchange(deaf) as fake:
        task = asyncio.ensure_future(feed(fake, taken).run())
        await eventually(lambda: State.SUBSCRIBED in taken.states)
        started_s = asyncio.get_running_loop().time()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert asyncio.get_running_loop().time() - started_s < 3
        over.set()


@pytest.fixture
def own_certificate(tmp_path: Path) -> ssl.SSLContext:
    """A server's certificate that nobody has signed."""
    certificate, key = self_signed(tmp_path, "DNS:elsewhere")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


async def test_a_certificate_that_proves_nothing_stops_the_feed_at_the_third_try(
    own_certificate: ssl.SSLContext,
) -> None:
    taken = Taken()
    async with exchange(steady, ssl=own_certificate) as fake:
        fake.url = fake.url.replace("ws://", "wss://")
        subject = feed(fake, taken)
        with pytest.raises(CertificateRejected, match="certificate is refused"):
            await subject.run()
        assert subject.counts.losses == 2
        assert fake.opened == 0
