"""BitFit: only the biases and the classifier train."""

from __future__ import annotations

from bench.methods import Method, Stage


class BitFit(Method):
    """BitFit (Ben Zaken et al., ACL 2022): the backbone's biases and the classifier train, nothing else.

    As in the paper the biases of norms count. The paper is about language models; in CNNs those of batch norms are
    often the only ones, and with folded batch norms those of the convolutions.
    """

    title = "BitFit"

    def stages(self) -> list[Stage]:
        return [Stage("stage1", trains=_is_bias_or_head)]


def _is_bias_or_head(name: str) -> bool:
    return name.startswith("head.") or name.endswith("bias")
