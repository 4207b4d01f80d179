"""Measures against hand-worked cases and against scikit-learn."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from voiceguard.measures import metrics

_scores = st.lists(st.integers(-20, 20).map(float), min_size=1, max_size=40)


def test_det_curve_hand_worked() -> None:
    """Each threshold flags what is at or above it."""
    miss, false_alarm, threshold = metrics.det_curve([2.0, 3.0], [1.0, 2.0])

    assert threshold.tolist() == [1.0, 2.0, 3.0, np.inf]
    assert miss.tolist() == [0.0, 0.0, 0.5, 1.0]
    assert false_alarm.tolist() == [1.0, 0.5, 0.0, 0.0]


@pytest.mark.parametrize(
    ("spoof", "bonafide", "expected"),
    [([2.0, 3.0], [0.0, 1.0], 0.0), ([0.0], [1.0], 1.0), ([1.0], [1.0], 0.5), ([1.0, 2.0], [0.0, 1.0], 0.25)],
    ids=["apart", "reversed", "tied", "half tied"],
)
def test_eer_hand_worked(spoof: list[float], bonafide: list[float], expected: float) -> None:
    """The rate where misses equal false alarms, between the points of the curve."""
    assert metrics.eer(spoof, bonafide) == pytest.approx(expected)


@given(_scores, _scores)
def test_eer_does_not_change_under_a_rising_map(spoof: list[float], bonafide: list[float]) -> None:
    """Only the order of scores counts."""
    cubed = metrics.eer(np.array(spoof) ** 3, np.array(bonafide) ** 3)

    assert cubed == pytest.approx(metrics.eer(spoof, bonafide))


@settings(deadline=None)  # the first example pays for the import of scikit-learn
@given(_scores, _scores)
def test_det_curve_holds_every_point_of_scikit_learn(spoof: list[float], bonafide: list[float]) -> None:
    """The curve is scikit-learn's ROC curve with misses for hits."""
    roc_curve = pytest.importorskip("sklearn.metrics").roc_curve
    labels = [1] * len(spoof) + [0] * len(bonafide)
    false_positive, true_positive, _ = roc_curve(labels, spoof + bonafide, drop_intermediate=False)

    miss, false_alarm, _ = metrics.det_curve(spoof, bonafide)

    assert false_alarm[::-1] == pytest.approx(false_positive)
    assert 1 - miss[::-1] == pytest.approx(true_positive)


def test_dcf_hand_worked() -> None:
    """With a missed spoof at 10 and a prior of 0.05 the normaliser is 0.5, and the Bayes threshold ln 1.9."""
    spoof, bonafide = [-1.0, 1.0, 2.0, 3.0], [-3.0, -2.0, 0.0, 1.5]

    assert metrics.act_dcf(spoof, bonafide) == pytest.approx((0.5 * 0.25 + 0.95 * 0.25) / 0.5)
    assert metrics.min_dcf(spoof, bonafide) == pytest.approx((0.5 * 0.5 + 0.95 * 0.0) / 0.5)


def test_cllr_of_no_evidence_is_one_bit() -> None:
    """A detector that always says 0 costs one bit, calibrated or not."""
    assert metrics.cllr([0.0, 0.0], [0.0]) == pytest.approx(1.0)
    assert metrics.cllr_min([0.0, 0.0], [0.0]) == pytest.approx(1.0)


def test_cllr_hand_worked() -> None:
    """Evidence of ln 3 the right way costs log2(4/3) bits."""
    assert metrics.cllr([np.log(3)], [-np.log(3)]) == pytest.approx(np.log2(4 / 3))


def test_cllr_min_pools_a_reversed_pair() -> None:
    """Of spoofs at 1 and 3 and genuine at 0 and 2, the middle two pool to even odds and the outer two are certain."""
    assert metrics.cllr_min([1.0, 3.0], [0.0, 2.0]) == pytest.approx(0.5)


@given(_scores, _scores)
def test_cllr_min_is_never_above_cllr(spoof: list[float], bonafide: list[float]) -> None:
    """The best monotonic map cannot cost more than the map in use."""
    assert metrics.cllr_min(spoof, bonafide) <= metrics.cllr(spoof, bonafide) + 1e-9


def test_bootstrap_interval_draws_whole_sources() -> None:
    """Two sources of equal rows give the mean 0, 0.5 or 1 and nothing between."""
    values = np.array([0.0] * 50 + [1.0] * 50)
    seen = set()

    def mean(rows: np.ndarray) -> float:
        seen.add(float(values[rows].mean()))
        return float(values[rows].mean())

    interval = metrics.bootstrap_interval(mean, ["a"] * 50 + ["b"] * 50, seed=1)

    assert seen == {0.0, 0.5, 1.0}
    assert interval == (0.0, 1.0)


def test_bootstrap_interval_repeats_with_its_seed() -> None:
    """The same seed gives the same interval."""
    values, sources = np.arange(30.0), np.arange(30) % 7

    first, second = (metrics.bootstrap_interval(lambda rows: values[rows].mean(), sources, seed=5) for _ in range(2))

    assert first == second


def test_bootstrap_interval_leaves_out_draws_without_a_figure() -> None:
    """A draw that lacks a class is skipped; when all do, that is an error."""

    def fails(rows: np.ndarray) -> float:
        raise ValueError("one class only")

    with pytest.raises(ValueError, match="no draw"):
        metrics.bootstrap_interval(fails, ["a", "b"], seed=1, rounds=3)


@pytest.mark.parametrize(("spoof", "bonafide"), [([], [1.0]), ([1.0], []), ([np.nan], [1.0])])
def test_scores_that_measure_nothing_are_refused(spoof: list[float], bonafide: list[float]) -> None:
    """Empty classes and scores that are not numbers raise."""
    with pytest.raises(ValueError, match="score"):
        metrics.eer(spoof, bonafide)


def test_calibrated_scores_lie_on_the_diagonal() -> None:
    """Scores of two normal classes whose log-likelihood ratio is the score itself, any number of each."""
    rng = np.random.default_rng(2)
    posterior, share = metrics.reliability(rng.normal(1.0, np.sqrt(2.0), 4_000), rng.normal(-1.0, np.sqrt(2.0), 40_000))

    np.testing.assert_allclose(posterior, share, atol=0.03)
    assert 10 == len(share)


def test_equal_scores_share_a_bin_of_reliability() -> None:
    """Two values make two bins: 1 of 2 spoofs and 1 of 4 genuine above, so 2 in 3 there are spoofs."""
    _, share = metrics.reliability([1.0, -1.0], [1.0, -1.0, -1.0, -1.0])

    np.testing.assert_allclose([0.5 / 1.25, 0.5 / 0.75], share)


def test_a_dcf_hand_worked() -> None:
    """At a threshold of 2, one customer of four is turned away, one other of two and one spoof of two accepted."""
    target, nontarget, spoof = [1.0, 2.0, 3.0, 4.0], [0.0, 2.5], [0.5, 3.5]
    at = {  # threshold: customers turned away, others accepted, spoofs accepted
        1.0: (0.0, 0.5, 0.5), 2.0: (0.25, 0.5, 0.5), 3.0: (0.5, 0.0, 0.5), 4.0: (0.75, 0.0, 0.0),
    }
    costs = [0.9405 * miss + 0.095 * other + 0.5 * synthetic for miss, other, synthetic in at.values()]

    assert metrics.a_dcf(target, nontarget, spoof) == pytest.approx(min(costs) / 0.595)


def test_a_dcf_of_the_best_and_the_worst() -> None:
    """Everything in order costs nothing; knowing nothing costs 1."""
    assert 0.0 == metrics.a_dcf([2.0, 3.0], [0.0], [1.0])
    assert metrics.a_dcf([1.0], [1.0], [1.0]) == pytest.approx(1.0)


@given(_scores, _scores)
def test_a_dcf_without_others_is_a_dcf_of_spoofs(target: list[float], spoof: list[float]) -> None:
    """With the other people far below, what is left is the cost of two classes, by scikit-learn's ROC curve."""
    roc_curve = pytest.importorskip("sklearn.metrics").roc_curve
    labels = [1] * len(target) + [0] * len(spoof)
    accepted, kept, _ = roc_curve(labels, target + spoof, drop_intermediate=False)

    cost = 0.9405 * (1 - kept) + 0.5 * accepted
    assert metrics.a_dcf(target, [-100.0], spoof) == pytest.approx(min(cost.min(), 0.595) / 0.595)
