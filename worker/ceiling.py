"""How many images of a model fit into memory at once, found out by running out of it."""

PATIENCE = 256  # full passes that went well before twice as many are tried again


class Ceiling:
    """Starts at `most`, halves when memory runs out, and doubles after a while without that."""

    def __init__(self, most: int) -> None:
        self.most = self.now = most
        self._held = 0

    def halve(self, tried: int) -> bool:
        """Memory ran out with `tried` images; False when a single one was too many."""
        self._held = 0
        self.now = max(1, min(self.now, tried) // 2)
        return tried > 1

    def held(self, made: int) -> None:
        """A pass of `made` images went well."""
        self._held += made == self.now
        if self._held >= PATIENCE and self.now < self.most:
            self.now, self._held = 2 * self.now, 0
