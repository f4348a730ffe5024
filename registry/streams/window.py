"""How long to wait for more images before a batch goes."""

from dataclasses import dataclass, field

_FORGET = 0.2
_LEAST_GAIN = 0.1  # of the time of one image: a smaller gain is not worth a wait


@dataclass(slots=True)
class BatchWindow:
    """Learns what batches of each size cost and how often images come; waits only where that pays.

    On a processor two images cost twice what one costs, and nothing is waited for. On a device where they cost hardly
    more, it waits for the next image, but never longer than it is likely to take to come, nor than `most_s`.
    """

    most_images: int = 8
    most_s: float = 0.02
    _cost_s: dict[int, float] = field(default_factory=dict)  # by number of images
    _gap_s: float = 1.0
    _last_s: float | None = None

    def arrived(self, now: float) -> None:
        """An image came."""
        if self._last_s is not None:
            self._gap_s += _FORGET * (min(now - self._last_s, 1.0) - self._gap_s)
        self._last_s = now

    def ran(self, images: int, seconds: float) -> None:
        """A batch of so many images took so long."""
        known = self._cost_s.get(images, seconds)
        self._cost_s[images] = known + _FORGET * (seconds - known)

    def wait_s(self, waiting: int) -> float:
        """How long to wait with so many images at hand."""
        if not waiting or waiting >= self.most_images:
            return 0.0
        one = self._cost_s.get(1)
        sizes = [size for size in self._cost_s if size > waiting]
        if one is None or not sizes or self._gap_s > self.most_s:
            return 0.0
        gain = max(one - self._cost_s[size] / size for size in sizes)
        return min(self.most_s, 2 * self._gap_s) if gain > _LEAST_GAIN * one else 0.0
