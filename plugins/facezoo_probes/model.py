"""The linear probe: one matrix and one bias between an encoder's view and what a user wants to know."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from facezoo.plugin import Head, InputError
from facezoo_probes.config import LinearProbeConfig


class LinearProbe(Head):
    """(B, D) embeddings of one space -> (B, K) float32, by one linear layer.

    How the training scaled its embeddings is folded into the layer: it takes them as the encoder gives them.
    ``labels`` are the classes or the names of the values, in the order of the outputs; an untrained probe numbers them.
    """

    def __init__(self, config: LinearProbeConfig) -> None:
        super().__init__(config)
        self.config: LinearProbeConfig
        self.output = config.output
        self.labels = tuple(f"{'class' if config.output == 'logits' else 'value'}-{i}" for i in range(config.outputs))
        self.units = "" if config.output == "values" else None
        self.linear = nn.Linear(config.input_dim, config.outputs)

    @property
    def input_dim(self) -> int:
        return self.config.input_dim

    def forward(self, embedding: Tensor) -> Tensor:
        """What the probe says of embeddings.

        Args:
            embedding: (B, D) float of the space that ``requires`` names; B may be 0.

        Returns:
            (B, K) float32: logits of ``labels``, or values in ``units``.

        Raises:
            InputError: another shape, an integer dtype, or no tensor.
        """
        if not isinstance(embedding, Tensor):
            raise InputError(f"Embeddings are a tensor (B, {self.input_dim}), not {type(embedding).__name__}.")
        if embedding.ndim != 2 or embedding.shape[1] != self.input_dim or not embedding.is_floating_point():
            raise InputError(
                f"Embeddings are (B, {self.input_dim}) float, not {tuple(embedding.shape)} {embedding.dtype}; "
                "one embedding takes embedding[None]."
            )
        return self.linear(embedding.to(self.device, self.dtype)).float()

    @torch.no_grad()
    def set_layer(self, weight: Tensor, bias: Tensor) -> None:
        """Copies (K, D) and (K,) into the layer, in its dtype."""
        self.linear.weight.copy_(weight)
        self.linear.bias.copy_(bias)
