"""Affine couplings of Real NVP (arXiv 1605.08803): inverse and determinant are known."""

import torch
from torch import Tensor, nn

from models.layers import GAIN, conv, linear, rectified

BOUND = 1.0  # of the logarithm of a coupling's scale
SOFTLY = 0.1  # times what a coupling is told: it starts near the identity, and stays calm


class Coupling(nn.Module):
    """[N, C, H, W]: half of the channels is scaled and shifted by what the other half says."""

    def __init__(self, channels: int, width: int, style: int) -> None:
        super().__init__()
        self.look = conv(channels // 2, width, 3, gain=GAIN)
        self.style = linear(style, width, bias=False) if style else None
        self.mix = conv(width, width, 3, gain=GAIN)
        self.tell = conv(width, channels, 3, gain=1.0)

    def told(self, kept: Tensor, e: Tensor | None) -> tuple[Tensor, Tensor]:
        """Logarithm of the scale, and shift; exact even where autocast is coarse."""
        x = self.look(kept)
        if self.style is not None:
            assert e is not None, "this generator needs a condition"
            x = x + self.style(e)[:, :, None, None]
        told = SOFTLY * self.tell(rectified(self.mix(rectified(x)))).to(kept.dtype)
        log_scale, shift = told.chunk(2, dim=1)
        return BOUND * torch.tanh(log_scale / BOUND), shift

    def forward(self, x: Tensor, e: Tensor | None) -> Tensor:
        kept, moved = x.chunk(2, dim=1)
        log_scale, shift = self.told(kept, e)
        both = torch.stack([moved * torch.exp(log_scale) + shift, kept], dim=2)
        return both.flatten(1, 2)  # shuffled: the next coupling finds other halves

    def invert(self, x: Tensor, e: Tensor | None) -> tuple[Tensor, Tensor]:
        """The x that `forward` takes here, and log |det| of this inverse, [N]."""
        moved, kept = x.unflatten(1, (-1, 2)).unbind(2)
        log_scale, shift = self.told(kept, e)
        x = torch.cat([kept, (moved - shift) * torch.exp(-log_scale)], dim=1)
        return x, -log_scale.sum((1, 2, 3))


class Level(nn.Module):
    """Several couplings at one resolution."""

    def __init__(self, channels: int, width: int, style: int, couplings: int) -> None:
        super().__init__()
        self.couplings = nn.ModuleList(Coupling(channels, width, style) for _ in range(couplings))

    def forward(self, x: Tensor, e: Tensor | None) -> Tensor:
        for coupling in self.couplings:
            x = coupling(x, e)
        return x

    def invert(self, x: Tensor, e: Tensor | None) -> tuple[Tensor, Tensor]:
        """As of a coupling."""
        total = x.new_zeros(len(x))
        for coupling in reversed(self.couplings):
            assert isinstance(coupling, Coupling)
            x, log_det = coupling.invert(x, e)
            total = total + log_det
        return x, total
