"""Network architectures as plain PyTorch. Weights never live here; see `registry`."""
