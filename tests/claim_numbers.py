"""Numbers of a network in which every claim holds, in their JSON form."""


def number(value, low=None, high=None, **others):
    return {"value": value, "low": low, "high": high, "word": None, "unit": "1", "beside": [], **others}


def name_beside(name, *numbers):
    return {"kind": "reference", "name": name, **number(*numbers)}


def null(name, quantile, p_value):
    return {"kind": "null", "name": name, "quantile": quantile, "level": 0.95, "p_value": p_value}


def margin(size, verdict, target=0.0):
    test = {"value": 0.0, "low": 0.0, "high": 0.0}
    return {"kind": "margin", "name": "", "size": size, "target": target, "test": test, "verdict": verdict}


def make_numbers(*, pace=8.0, **changes):
    """Quantities by key; changes replace some by their key, None removes one."""
    floor, equal = name_beside("process", 0.0), name_beside("equal drive", 0.05, 0.0, 0.1)
    quantities = {
        "evaluation.symbol_matrix_error": number(0.01, 0.008, 0.012, beside=[margin(0.02, "within")]),
        "evaluation.classifier_auc": number(0.51, 0.5, 0.52, beside=[margin(0.05, "within", 0.5)]),
        "evaluation.symbol_matrix_error[stationary]": number(0.5, beside=[margin(0.02, "outside")]),
        "evaluation.sinkhorn_loss_excess": number(-0.1, -0.3, 0.1),
        "fixed_points.n_points[fixed]": number(1),
        "noise_free_growth.verdict": number(None, word="decays"),
        "rotation.area_rate": number(0.11, 0.1, 0.12, beside=[null("untrained", 0.02, 0.01)]),
        "circulation.net[direct]": number(0.97, 0.94, 0.99),
        "orbit_size.slope": number(1.0, 0.99, 1.01),
        "slow_clusters.adjusted_rand": number(0.9, 0.8, 0.95),
        "regions.kick_minus_slow": number(0.3, 0.1, 0.5),
        "noise_sensitivity.slow_over_transition": number(1.4, 1.2, 1.6),
        "training_evolution.date[loss_drop]": number(100.0, 98.0, 102.0),
        "training_evolution.lag[unstable_share]": number(0.0, -8.0, 8.0),
        "training_evolution.lag[critical_share]": number(2.0, -6.0, 10.0),
        "dwell.cv_ratio": number(0.8, 0.75, 0.85),
        "primitives.verdict[removed]": number(None, word="composed"),
        "primitives.verdict[neurons]": number(None, word="composed"),
        "hazard.gain_verdict[0-2]": number(None, word="predicts"),
        "hazard.gain_verdict[2-0]": number(None, word="no test"),
        "region_chain.deviation[5]": number(0.02, 0.01, 0.03, beside=[null("Markov chains", 0.04, 0.4)]),
        "region_chain.deviation[20]": number(0.02, 0.01, 0.03, beside=[null("Markov chains", 0.04, 0.6)]),
        "committor.kick_excess": number(0.1, 0.05, 0.15),
        "switches.rate": number(0.02, 0.01, 0.03, beside=[name_beside("process", 0.06)]),
        "commitment.half_lead[all]": number(pace / 2, pace / 2 - 0.2, pace / 2 + 0.2, beside=[floor]),
        "commitment.rise_time": number(pace, pace - 0.5, pace + 0.5),
        "commitment.lead_over_rise": number(0.5, 0.45, 0.55),
        "noise_kernel.length": number(pace),
        "noise_kernel.rank": number(1),
        "noise_kernel.replay[leading]": number(0.8, 0.7, 0.9, beside=[equal]),
        "noise_kernel.replay[rest]": number(0.0, -0.05, 0.05),
        "noise_kernel.removal[leading,0-2]": number(
            0.05, 0.02, 0.1, beside=[name_beside("equal drive", 1.0)]
        ),
        "noise_kernel.removal[leading,2-0]": number(
            0.1, 0.05, 0.15, beside=[name_beside("equal drive", 1.1)]
        ),
        "noise_kernel.pair_cosine[0-2]": number(-0.9, -1.0, -0.8),
        "carriers.total_effect[all]": number(0.5, 0.45, 0.55),
        "carriers.n_effective_once[all]": number(6.0, 5.0, 7.0),
        "carriers.n_effective[all]": number(8.0, 6.0, 10.0),
        "carriers.effective_share": number(0.08, 0.06, 0.1),
        "carriers.n_half[effect]": number(5.0, 4.0, 6.0),
        "carriers.n_half[random]": number(70.0),
        "carriers.share_together[effect]": number(0.9, 0.85, 0.95, beside=[null("matched sets", 0.1, 0.03)]),
        "carriers.advantage": number(0.2, 0.1, 0.3),
        "carriers.n_carriers[0-2]": number(3),
        "carriers.n_carriers[2-0]": number(2),
        "carriers.signature[0-2]": number(0.9, beside=[null("random sets", 0.2, 0.001)]),
        "carriers.signature[2-0]": number(0.3, beside=[null("random sets", 0.2, 0.3)]),
        **{
            f"interventions.trapped[{name},0]": number(None, word="both ways")
            for name in ("noise:1", "first", "kick")
        },
        **{
            f"connectivity.{key}[{kind},{relation}]": number(value, beside=found)
            for kind in ("first", "sides")
            for key, relation, value, found in (
                ("weight", "within", 0.03, [name_beside("matched groups", 0.0, -0.01, 0.01)]),
                ("weight", "opposing", -0.02, [name_beside("matched groups", 0.0, -0.01, 0.01)]),
                ("beyond_matched", "within", 5.0, [null("matched groups", 1.7, 0.002)]),
                ("beyond_matched", "opposing", 4.0, [null("matched groups", 1.7, 0.002)]),
            )
        },
        "populations.n_members[both]": number(70),
        **{
            f"populations.pattern[both,{block}]": number(0.8, beside=[null("relabelled weights", 0.7, 0.01)])
            for block in ("own", "opposing", "itself", "mutual")
        },
        **{
            f"populations.{key}[{direction}]": number(
                0.03, 0.02, 0.04, beside=[null("random sets", 0.01, 0.01)]
            )
            for key in ("gain", "reading")
            for direction in ("0-2", "2-0")
        },
        "low_rank.n_above": number(16),
        "low_rank.smallest_rank": number(24),
        "interventions.trapped[population,0]": number(None, word="both ways"),
        "interventions.fall[first]": number(0.98, beside=[null("matched sets", 0.4, 0.05)]),
        "interventions.fall[kick]": number(0.97, beside=[null("matched sets", 0.3, 0.05)]),
        "interventions.rate[kick,0]": number(0.02, 0.0, 0.05),
        "interventions.rate[kick-control,0]": number(1.0, 0.9, 1.1),
        "interventions.overshoot[kick,2]": number(0.4, 0.2, 0.6),
        "interventions.critical_pairs_kick[kick,0]": number(0.05, 0.0, 0.1),
        "interventions.critical_pairs_kick[kick,1]": number(0.8, 0.7, 0.9),
        "interventions.critical_pairs_kick[kick,2]": number(0.7, 0.6, 0.8),
        "interventions.trapping_subsets[first_20,one_way]": number(0.6, 0.4, 0.8),
        "interventions.trapping_subsets[all_that_vary,one_way]": number(0.1, 0.0, 0.3),
    }
    return {key: found for key, found in (quantities | changes).items() if found is not None}
