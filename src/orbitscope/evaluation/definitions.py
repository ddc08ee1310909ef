"""What each measure of an evaluation is: label, unit, equation, how to read it, its test."""

from ..quantity import Definition, define

SECTION = "evaluation"
"""What stands before the keys of an evaluation, as the name of a part before those of its result."""

_TESTS = "tests/evaluation/test_evaluation.py"
_UNIFORM = f"{_TESTS}::test_a_uniform_network_has_the_errors_of_a_uniform_process"
_INDEPENDENT = f"{_TESTS}::test_independent_symbols_against_other_independent_symbols_have_closed_forms"
_IMPOSSIBLE = f"{_TESTS}::test_impossible_sequences_are_counted_apart"
_OWN_EMULATOR = f"{_TESTS}::test_a_process_is_its_own_emulator"

_REFIT_READING = "It depends on the size of the sample: read it beside the process sample."

DEFINITIONS = define(
    Definition(
        key="symbol_matrix_error",
        label="symbol matrix error",
        meaning="Largest error of an entry of the symbol matrix, from the network's softmax probabilities.",
        equation="max_ab |P̂(s_{t+1} = b | s_t = a) − P(s_{t+1} = b | s_t = a)|, averaged over the window",
        reading="0 for a perfect emulator. A symbol that is never emitted has no row: it counts as wrong by "
        "1. The matrix holds two consecutive symbols only.",
        test=_UNIFORM,
        source="torre2025 (evaluation), who take the root mean square over networks",
    ),
    Definition(
        key="frequency_error",
        label="frequency error",
        meaning="Largest error of the share of steps of a symbol.",
        equation="max_a |p̂(a) − p(a)|",
        reading="0 for a perfect emulator. An absolute error: it says little about symbols that are rare.",
        test=_INDEPENDENT,
        source="torre2025 (evaluation)",
    ),
    Definition(
        key="rare_symbol_error",
        label="rare symbol error",
        meaning="Relative error of the frequency of the rarest symbol that the process emits.",
        equation="p̂(a)/p(a) − 1, a the symbol of smallest p(a) > 0",
        reading="−1: never emitted. 1: twice as often as in the process. Where every state emits the symbol "
        "with the same probability, the process sample is 0 ± 0 and says nothing.",
        test=_UNIFORM,
    ),
    Definition(
        key="volatility_error",
        label="volatility error",
        meaning="Relative error of the volatility, the share of steps in which the symbol changes.",
        equation="P̂(s_t ≠ s_{t+1})/P(s_t ≠ s_{t+1}) − 1",
        reading="Above 0 symbols change too often, below 0 too rarely.",
        test=_UNIFORM,
        source="torre2025 (volatility), here relative to the exact one",
    ),
    Definition(
        key="cross_entropy_gap",
        label="cross entropy gap",
        meaning="Cross-entropy of the network's sequences under the process, minus the block entropy of the "
        "process at the same window. Sequences of probability zero are left out.",
        equation="−⟨log P(s_1 … s_T)⟩/T − H(s_1 … s_T)/T",
        reading="Below 0 the sequences are more probable, so less diverse, than those of the process. "
        "Infinite where all of them have probability zero.",
        test=_INDEPENDENT,
        unit="nat per symbol",
    ),
    Definition(
        key="impossible_share",
        label="impossible share",
        meaning="Share of the network's sequences that have probability zero under the process.",
        equation="#{P(s_1 … s_T) = 0}/#sequences",
        reading="0 for a perfect emulator. Always 0 where the process can emit every sequence.",
        test=_IMPOSSIBLE,
        source="own construction; interval of Wilson",
    ),
    Definition(
        key="ngram_divergence",
        label="{}-gram divergence",
        meaning="KL divergence of n-grams, words of n consecutive symbols, from their exact law in the "
        "window. The bias of the sample is corrected.",
        equation="Σ_w p̂(w) log(p̂(w)/p(w)) over the words with p(w) > 0, minus its jackknife bias",
        reading="0 for a perfect emulator, slightly negative by chance. It grows with n. Undefined for words "
        "longer than the window, or of more than 65536 kinds.",
        test=_INDEPENDENT,
        source="own construction after miller1955, rao1981",
        unit="nat",
        is_main=False,
    ),
    Definition(
        key="impossible_word_share",
        label="impossible word share",
        meaning="Share of the longest n-grams that have probability zero under the process.",
        equation="#{p(w) = 0}/#words",
        reading="0 for a perfect emulator. Divergences of n-grams leave these words out.",
        test=_IMPOSSIBLE,
        is_main=False,
    ),
    Definition(
        key="run_length_distance",
        label="run length distance",
        meaning="Total variation between the complete runs in a window and their exact law, pooled over "
        "symbols.",
        equation="½ Σ_ℓ |p̂(ℓ) − p(ℓ)|",
        reading="0 for a perfect emulator, 1 for laws without a common length. Chance makes it larger, so "
        "its interval reaches down to the cross-fitted distance.",
        test=f"{_TESTS}::test_the_distance_of_run_lengths_is_that_of_the_exact_laws",
    ),
    Definition(
        key="run_length_distance_crossfit",
        label="run length distance, cross-fitted",
        meaning="The total variation of complete runs, with the signs of the differences from nine tenths of "
        "the sequences and their mean from the others.",
        equation="½ Σ_ℓ sign(p̂′(ℓ) − p(ℓ)) (p̂(ℓ) − p(ℓ)), p̂′ from the other sequences",
        reading="On average at most the true distance; it may be below 0.",
        test=f"{_TESTS}::test_cross_fitted_distance_does_not_exceed_the_true_one",
        is_main=False,
    ),
    Definition(
        key="irreversibility",
        label="irreversibility",
        meaning="KL divergence of triples of symbols from the reversed ones, corrected for bias.",
        equation="Σ P̂(abc) log(P̂(abc)/P̂(cba)), minus its jackknife bias",
        reading="0 where both directions of time look alike. For a process that is not reversible, read it "
        "beside the process sample.",
        test=f"{_TESTS}::test_irreversible_output_is_seen_beside_a_reversible_floor",
        unit="nat",
        is_main=False,
    ),
    Definition(
        key="classifier_auc",
        label="classifier AUC (chance 0.5)",
        meaning="Area under the ROC curve of a logistic regression that tells the network's sequences from "
        "those of the process, on sequences it was not fitted to.",
        equation="P(score of a network's sequence > score of a process's sequence), ties count half",
        reading="0.5: the classifier cannot tell them apart. 1: it always can. It sees counts of n-grams, "
        "runs, ends and the likelihood only.",
        test=f"{_TESTS}::test_the_error_of_the_auc_covers_the_closed_form_of_two_gaussians",
        source="lopezpaz2017; interval delong1988, obuchowski1997",
    ),
    Definition(
        key="matched_distance",
        label="matched distance",
        meaning="Mean distance between sequences of the network and of the process after the best one-to-one "
        "matching of two batches.",
        equation="min over permutations π of ⟨√(2 · mismatches(x_i, y_π(i)))⟩",
        reading="It depends on the size of the batch: read it beside the process sample.",
        test=f"{_TESTS}::test_matching_is_the_best_permutation",
        source="torre2025 (evaluation), with a many-to-one matching",
        is_main=False,
    ),
    Definition(
        key="matched_distance_excess",
        label="matched distance, excess",
        meaning="Matched distance of the network minus that of the process sample, batch by batch. Both are "
        "matched with the same sequences.",
        equation="⟨d_network − d_sample⟩ over batches",
        reading="0 for a perfect emulator. Below 0 the sequences are less diverse than those of the process.",
        test=_OWN_EMULATOR,
        is_main=False,
    ),
    Definition(
        key="sinkhorn_loss",
        label="Sinkhorn loss",
        meaning="The published loss of the training between batches of the network and of the process: "
        "Sinkhorn divergence at ε = 0.04.",
        equation="OT_ε(α, β) − ½ OT_ε(α, α) − ½ OT_ε(β, β), cost ½ ‖x − y‖² of one-hot sequences",
        reading="It depends on the size of the batch: read it beside the process sample.",
        test="tests/loss/test_loss.py::test_equals_geomloss_in_float32",
        source="torre2025 (loss)",
        unit="mismatches",
        is_main=False,
    ),
    Definition(
        key="sinkhorn_loss_excess",
        label="Sinkhorn loss, excess",
        meaning="Sinkhorn loss of the network minus that of the process sample, batch by batch.",
        equation="⟨loss_network − loss_sample⟩ over batches",
        reading="0 for a perfect emulator. Below 0 the loss prefers the network to the process itself.",
        test=_OWN_EMULATOR,
        unit="mismatches",
        is_main=False,
    ),
    Definition(
        key="refit_kl_rate",
        label="refit KL rate",
        meaning="KL rate from the process to the HMM that is re-estimated from the network's sequences.",
        equation="⟨log P(s_1 … s_T) − log P_refit(s_1 … s_T)⟩/T over sequences of the process",
        reading=f"Large where the network leaves out what the process does. {_REFIT_READING}",
        test=_INDEPENDENT,
        unit="nat per symbol",
        is_main=False,
    ),
    Definition(
        key="refit_kl_rate_reverse",
        label="refit KL rate, reverse",
        meaning="KL rate from the HMM that is re-estimated from the network's sequences to the process.",
        equation="⟨log P_refit(s_1 … s_T) − log P(s_1 … s_T)⟩/T over sequences of the re-estimated HMM",
        reading=f"Large where the network does what the process does not. {_REFIT_READING}",
        test=_INDEPENDENT,
        unit="nat per symbol",
        is_main=False,
    ),
    Definition(
        key="refit_parameter_error",
        label="refit parameter error",
        meaning="Largest error of a transition or emission probability of the re-estimated HMM, its states "
        "aligned with those of the process.",
        equation="max(|Â − A|, |B̂ − B|) over all entries",
        reading=f"{_REFIT_READING} Undefined where the process is not identifiable.",
        test=_INDEPENDENT,
        is_main=False,
    ),
)

_INDEXED = "ngram_divergence"
"""Definition of several measures, one for each length of words: ``ngram_divergence_2`` is one of them."""


def list_names(max_word_length: int) -> list[str]:
    """Names of all measures, in the order of the table."""
    return [
        name
        for key in DEFINITIONS
        for name in ([f"{key}_{n}" for n in range(1, max_word_length + 1)] if key == _INDEXED else [key])
    ]


def find_definition(measure: str) -> tuple[Definition, str]:
    """Definition of a measure, and the index of its key: the length of its words, else empty.

    Examples
    --------
    >>> definition, index = find_definition("ngram_divergence_2")
    >>> definition.key, index
    ('ngram_divergence', '2')
    """
    key, _, index = measure.rpartition("_")
    return (DEFINITIONS[key], index) if key == _INDEXED else (DEFINITIONS[measure], "")
