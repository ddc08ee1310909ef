from orbitscope.dynamics.noise_free.end_names import name_ends


def test_ends_that_share_a_symbol_are_told_apart_by_their_order():
    assert name_ends("point", ["rain", "sun", "rain", "rain"]) == [
        *("point of symbol rain", "point of symbol sun"),
        *("point of symbol rain, second", "point of symbol rain, third"),
    ]
    many = name_ends("ray", ["0"] * 12)
    assert many[9:] == ["ray of symbol 0, tenth", "ray of symbol 0, no. 11", "ray of symbol 0, no. 12"]
    assert name_ends("ray", []) == []
