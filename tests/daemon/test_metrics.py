"""What /metrics says."""

from __future__ import annotations

import re

import numpy as np
import pytest
from prometheus_client.parser import text_string_to_metric_families

from daemon.metrics import Metrics
from streams.bars import empty
from streams.polygon.messages import Decoded, Reason, Reject, bands


def samples(metrics: Metrics) -> dict[str, float]:
    """Samples by name and label, as a scraper reads them."""
    families = text_string_to_metric_families(metrics.text().decode())
    return {
        ".".join([sample.name, *sample.labels.values()]): sample.value
        for family in families
        for sample in family.samples
    }


def test_every_metric_has_the_prefix_its_units_and_a_sentence() -> None:
    declared = Metrics().declared
    assert len({metric.name for metric in declared}) == len(declared)
    for name, kind, _, meaning in declared:
        assert re.fullmatch(r"technic_[a-z_]+", name)
        assert name.endswith("_total") == (kind == "counter")
        assert meaning.endswith(".")


def test_every_declared_metric_is_on_the_page_with_its_help_and_type() -> None:
    metrics = Metrics()
    page = metrics.text().decode()
    for name, kind, _, meaning in metrics.declared:
        assert f"# HELP {name} {meaning}\n# TYPE {name} {kind}\n" in page


def test_a_frame_is_counted_by_what_was_in_it() -> None:
    bars = empty(3)._replace(length_ms=np.array([1000, 60_000, 1000]))
    rejects = {Reason.OHLC: Reject(2, b"{}")}
    metrics = Metrics()
    metrics.decoded(Decoded(bars, bands([], 0), [], rejects, {"NOI": 4}))
    found = samples(metrics)
    assert found["technic_frames_total"] == 1
    assert (found["technic_bars_total.second"], found["technic_bars_total.minute"]) == (2, 1)
    assert found["technic_rejects_total.ohlc"] == 2
    assert found["technic_unknown_events_total.NOI"] == 4


def test_a_followed_number_is_read_at_each_scrape() -> None:
    waiting = [1, 2, 3]
    metrics = Metrics()
    assert "technic_inbox_bars" not in samples(metrics)
    metrics.inbox_bars.follow(lambda: len(waiting))
    assert samples(metrics)["technic_inbox_bars"] == 3
    waiting.clear()
    assert samples(metrics)["technic_inbox_bars"] == 0


def test_followed_numbers_can_carry_a_label() -> None:
    metrics = Metrics()
    metrics.engine_bars.follow(lambda: {"late": 2, "revised": 1})
    metrics.feed_state.follow(lambda: {"live": 1})
    found = samples(metrics)
    assert found["technic_engine_bars_total.late"] == 2
    assert found["technic_engine_bars_total.revised"] == 1
    assert found["technic_feed_state.live"] == 1


def test_two_sets_of_metrics_do_not_share_their_numbers() -> None:
    one, other = Metrics(), Metrics()
    one.alerts.labels(rule="gap").inc()
    assert samples(one)["technic_alerts_total.gap"] == 1
    assert "technic_alerts_total.gap" not in samples(other)


def test_hostile_labels_stay_one_line() -> None:
    metrics = Metrics()
    metrics.unknown_events.labels('x"} 1\ntechnic_ready{check="forged').inc()
    assert "technic_ready.forged" not in samples(metrics)


def test_the_process_is_measured_too() -> None:
    if "process_resident_memory_bytes" not in samples(Metrics()):
        pytest.skip("no /proc here")
    assert samples(Metrics())["process_resident_memory_bytes"] > 1_000_000
