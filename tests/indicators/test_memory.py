"""What a frame takes is counted over what it allocated."""

from __future__ import annotations

from indicators import CATALOGUE, Frame
from indicators.memory import footprint


def test_all_parts_together_are_the_memory_of_the_frame() -> None:
    frame = Frame([CATALOGUE.spec("cci", [50]), CATALOGUE.spec("macd"), CATALOGUE.spec("sma")], capacity=37)
    assert footprint(frame).total * frame.capacity == frame.size_bytes


def test_each_indicator_has_its_columns_of_state_and_an_output_closed_and_forming() -> None:
    for indicator in CATALOGUE:
        spec = CATALOGUE.spec(indicator.name)
        held = footprint(Frame([spec])).indicators[spec.key]
        assert held.state == 8 * spec.width
        assert held.outputs == held.peeked == 8 * len(spec.outputs)


def test_a_longer_window_takes_a_deeper_ring() -> None:
    short, long = (footprint(Frame([CATALOGUE.spec("sma", [n])])) for n in (100, 1000))
    assert long.ring - short.ring == 8 * (1024 - 128)
    assert long.rows == short.rows


def test_bars_that_can_be_corrected_take_copies_of_the_state() -> None:
    spec = CATALOGUE.spec("cci")
    frame = Frame([spec], capacity=5, corrections=4)
    held = footprint(frame)
    assert held.indicators[spec.key].checkpoints == 2 * held.indicators[spec.key].state
    assert held.total * frame.capacity == frame.size_bytes
    assert held.rows > 0


def test_a_frame_without_indicators_takes_its_ring() -> None:
    frame = Frame([])
    assert footprint(frame).total * frame.capacity == frame.size_bytes
