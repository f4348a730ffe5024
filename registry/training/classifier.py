"""Training a small convolutional classifier of single digits."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from registry.training.digits import LABELS, Digits
from registry.training.glyphs import varied_glyphs
from registry.training.params import ClassifierParams

if TYPE_CHECKING:
    from torch import nn

_CHANNELS = (1, 24, 48, 96)


def build_network() -> "nn.Module":
    """Pixels (n, 1, 32, 32) in 0 to 1 to logits (n, 10); about 67,000 weights."""
    from torch import nn

    layers: list[nn.Module] = []
    for inputs, outputs in pairwise(_CHANNELS):
        layers += [nn.Conv2d(inputs, outputs, 3, padding=1, bias=False), nn.BatchNorm2d(outputs), nn.ReLU()]
        layers += [nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.Flatten(), nn.Dropout(0.3), nn.Linear(_CHANNELS[-1] * 16, len(LABELS)))


def train_classifier(
    digits: Digits, params: ClassifierParams, seed: int, on_epoch: Callable[[int, float], None]
) -> "nn.Module":
    """A network trained on newly varied digits every epoch; equal arguments give equal weights on one machine.

    `on_epoch` gets the epoch, counted from 1, and its mean loss.
    """
    import torch

    rng = np.random.default_rng(seed)
    with _seeded(seed, params.threads):
        network = build_network()
        optimizer = torch.optim.AdamW(network.parameters(), params.learning_rate, weight_decay=params.weight_decay)
        steps = params.epochs * -(-len(digits) // params.batch)
        schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, params.learning_rate, total_steps=steps)
        loss_of = torch.nn.CrossEntropyLoss(label_smoothing=0.05)
        for epoch in range(1, params.epochs + 1):
            losses = []
            for pixels, labels in _batches(digits, params.batch, rng):
                loss = loss_of(network(torch.from_numpy(pixels)), torch.from_numpy(labels))
                optimizer.zero_grad()
                loss.backward()
                optimizer.step()
                schedule.step()
                losses.append(loss.item())
            on_epoch(epoch, float(np.mean(losses)))
    return network.eval()


def save_weights(network: "nn.Module", path: Path) -> None:
    """Write the weights as safetensors, which, unlike a pickle, holds nothing that can run."""
    from safetensors.torch import save_file

    path.parent.mkdir(parents=True, exist_ok=True)
    save_file(network.state_dict(), path)


def load_weights(path: Path) -> "nn.Module":
    """The network that `save_weights` wrote, ready to infer."""
    from safetensors.torch import load_file

    network = build_network()
    network.load_state_dict(load_file(path))
    return network.eval()


def _batches(
    digits: Digits, size: int, rng: np.random.Generator
) -> Iterator[tuple[npt.NDArray[np.float32], npt.NDArray[np.int64]]]:
    pixels = (varied_glyphs(digits, rng)[:, None] / 255).astype(np.float32)
    order = rng.permutation(len(digits))
    for start in range(0, len(order), size):
        rows = order[start : start + size]
        yield pixels[rows], digits.labels[rows]


@contextmanager
def _seeded(seed: int, threads: int) -> Iterator[None]:
    """Seed torch and fix its threads, on which rounding depends; both are put back."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(before)
