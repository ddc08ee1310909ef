from dataclasses import replace

import numpy as np
import pytest

from orbitscope.plots.principles.dwell.coherence import describe_coherence, plot_by_dose, plot_coherence
from orbitscope.principles.dwell.coherence import DOSES, KINDS, NAMES, CoherenceResult
from orbitscope.statistics import Estimate


def around(values, width=0.1):
    values = np.asarray(values, dtype=float)
    return Estimate(values, values * (1 - width), values * (1 + width))


@pytest.fixture
def result():
    cv = np.arange(1.0, 25).reshape(4, 3, 2) / 10
    return CoherenceResult(
        settings={"confidence": 0.95, "margin": 0.1},
        status={"notes": [], "is_identity": True},
        noise_part=np.array(list(NAMES)),
        part_size=np.array([0, 1, 99, 60]),
        dose=np.array(DOSES),
        kind=np.array(KINDS),
        n_dwells=np.full((4, 3, 2), 100),
        mean=around(20 * cv),
        cv=around(cv),
        mean_ratio=around(cv),
        cv_ratio=around(cv),
        shape=np.array(
            [["falls", "identity"], ["level", "minimum"], ["rises", "undecided"], ["undefined"] * 2]
        ),
        process_mean=around([10.0, 5.0]),
        process_cv=around([0.95, 1.1]),
    )


def test_each_part_of_the_noise_has_a_line_over_its_doses(result):
    ax = plot_by_dose(result, "cv", 1)
    process, *lines = ax.lines
    assert process.get_ydata()[0] == 1.1
    assert [line.get_label() for line in lines] == list(NAMES.values())
    for p, line in enumerate(lines):
        np.testing.assert_allclose(line.get_ydata(), result.cv.value[p, :, 1])
        np.testing.assert_allclose(line.get_xdata(), DOSES, rtol=0.064)
    assert len({line.get_xdata()[0] for line in lines}) == 4
    assert [text.get_text() for text in ax.get_xticklabels()] == ["0.5", "1", "2"]


def test_means_and_cvs_of_both_kinds_are_shown(result):
    axes = plot_coherence(result).axes
    assert [ax.get_title(loc="left") for ax in axes] == [
        "decoded states",
        "runs of the most probable symbol",
        "",
        "",
    ]
    np.testing.assert_allclose(axes[2].lines[1].get_ydata(), result.mean.value[0, :, 0])
    assert axes[2].get_yscale() == "log"
    assert axes[0].get_ylim()[0] == 0


def test_the_caption_says_what_the_noise_does(result):
    caption = describe_coherence(result)
    assert caption.startswith(
        "**Under more noise the CV of decoded dwells falls; that of runs of the most probable symbol cannot "
        "change (an identity).**"
    )
    assert (
        "Deciding directions: the CV stays as it is (decoded), is smallest at the noise as it is (most "
        "probable symbol)." in caption
    )
    assert "deciding directions (1), all other directions (99), noise of the populations (60)" in caption
    assert "inverse temperature" in caption
    assert "doubling the deciding directions is halving all others" in caption
    other = replace(result, status={"notes": [], "is_identity": False})
    assert "inverse temperature" not in describe_coherence(other)


def test_a_part_alone_without_a_process_is_drawn(result):
    def cut(values):
        return Estimate(values.value[:1], values.low[:1], values.high[:1])

    none = Estimate(np.full(2, np.nan))
    numbers = {name: cut(getattr(result, name)) for name in ("mean", "cv", "mean_ratio", "cv_ratio")}
    alone = replace(
        result,
        noise_part=result.noise_part[:1],
        part_size=result.part_size[:1],
        n_dwells=result.n_dwells[:1],
        shape=result.shape[:1],
        process_mean=none,
        process_cv=none,
        **numbers,
    )
    assert [len(ax.lines) for ax in plot_coherence(alone).axes] == [1, 1, 1, 1]
    caption = describe_coherence(alone)
    assert "sample of the process" not in caption
    assert "doubling" not in caption
