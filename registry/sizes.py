"""Numbers of bytes in words."""

_UNITS = ("KiB", "MiB", "GiB", "TiB")


def bytes_text(count: int) -> str:
    """`nothing`, `512 bytes`, `1.2 GiB`: a number of bytes in the largest unit that it fills."""
    if count < 1024:
        return "nothing" if count == 0 else f"{count} byte{'s' if count > 1 else ''}"
    value, place = count / 1024, 0
    while round(value, 1) >= 1024 and place < len(_UNITS) - 1:
        value, place = value / 1024, place + 1
    return f"{value:,.1f} {_UNITS[place]}" if value < 100 else f"{value:,.0f} {_UNITS[place]}"
