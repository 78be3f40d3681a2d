"""Directions in which images change most, without looking at images (SeFa, arXiv 2007.06600).

What sees the latent x first are linear layers, y = A x + b. The unit vectors n for which |A n| is
largest are the eigenvectors of A^T A with the largest eigenvalues (equation 4 of the paper).
"""

import numpy as np

from core.directions import Direction, Directions
from core.generation import MOST_DIRECTIONS


def strongest(A: np.ndarray, most: int = MOST_DIRECTIONS) -> tuple[np.ndarray, np.ndarray]:
    """Of A [R, S] unit vectors [K, S] and their eigenvalues [K] of A^T A, the largest first.

    The component that is largest by its amount is positive.
    """
    values, vectors = np.linalg.eigh(A.astype(np.float64).T @ A.astype(np.float64))
    values, vectors = values[::-1][:most], vectors.T[::-1][:most]
    largest = np.take_along_axis(vectors, np.abs(vectors).argmax(1)[:, None], axis=1)
    return vectors * np.sign(largest), values.clip(min=0)


def listed(A: np.ndarray, space: str) -> Directions:
    """The directions of A as the API tells them; numbers have nine digits."""
    total = float(np.square(A.astype(np.float64)).sum())  # the trace of A^T A
    data = [
        Direction(
            index=index,
            eigenvalue=_short(value),
            share=_short(value / max(total, 1e-30)),
            vector=[_short(number) for number in vector],
        )
        for index, (vector, value) in enumerate(zip(*strongest(A), strict=True))
    ]
    return Directions.model_validate({"space": space, "data": data})


def _short(number: float) -> float:
    return float(f"{number:.9g}")
