"""How numbers are written for a reader: in tables, captions and sentences alike."""

import math

_SMALLEST_PLAIN, _LARGEST_PLAIN = 1e-3, 1e5
_SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def format_number(value: float | int, *, digits: int = 3) -> str:
    """Write a number with a few significant digits: "0.0123", "5×10⁻⁵", "10⁻⁴", "−3", "∞", "undefined"."""
    if math.isnan(value):
        return "undefined"
    if math.isinf(value):
        return "∞" if value > 0 else "−∞"
    is_plain = value == 0 or _SMALLEST_PLAIN <= abs(value) < _LARGEST_PLAIN
    mantissa, _, exponent = f"{value:.{digits - 1}e}".partition("e")
    if is_plain:
        return f"{float(f'{mantissa}e{exponent}'):.10g}".replace("-", "−")
    mantissa = f"{float(mantissa):g}".replace("-", "−")
    power = f"10{str(int(exponent)).translate(_SUPERSCRIPTS)}"
    return {"1": power, "−1": f"−{power}"}.get(mantissa, f"{mantissa}×{power}")
